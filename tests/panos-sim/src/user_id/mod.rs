//! What the User-ID API keeps: tags registered on addresses, and which user is where. It needs no commit.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-use-cases/apply-user-id-mapping-and-populate-dynamic-address-groups-api>

mod filter;
mod message;
mod registry;

pub(crate) use filter::Filter;
pub(crate) use message::{Failure, apply};
pub(crate) use registry::{Registrations, Wanted};
