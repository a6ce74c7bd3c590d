//! The data plane: TCP listeners that stand for flows through the firewall, judged by SNI and policy.

mod client_hello;
mod flow;
mod proxy;

pub use flow::{Flow, FlowError};
pub(crate) use proxy::{Listeners, run};
