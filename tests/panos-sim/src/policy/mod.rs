//! The security policy in force: rules resolved from the running configuration, and their lookup.

mod address;
mod apps;
mod filters;
mod groups;
mod lookup;
mod lookups;
mod rule;
mod service;
mod session;

pub(crate) use address::{is_literal as is_address_literal, range as address_range};
pub(crate) use apps::{is_predefined_app, is_predefined_service};
pub(crate) use groups::dynamic_groups;
pub(crate) use lookup::{Policy, Query};
pub use lookups::{Decision, Lookups, Session};
pub(crate) use rule::{Action, Rule};
pub(crate) use session::{Endpoints, Verdict, judge_handshake, judge_identified};
