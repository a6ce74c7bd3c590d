//! What PAN-OS accepts in its configuration, for the nodes that automation writes; the rest is open.
//!
//! Element trees and limits: `PaloAltoNetworks/pan-os-codegen:specs/objects/*.yaml`, `specs/policies/*.yaml`,
//! and the vendor's OpenAPI files for names and required members.

mod application;
mod check;
mod kind;
mod names;
mod objects;
mod references;
mod root;
mod rule;

pub(crate) use check::{Checker, check_lonely};
pub(crate) use kind::Kind;
pub(crate) use references::{each_reference, has_application, removed_objects, resolves};
pub(crate) use root::{PUSHED_KIND, Place, locate};
