//! A stand-in for AWS Private CA to test against. Shares no code with cert-agent.
//!
//! A call flows through `listener` (TLS, connections), `protocol` (AWS JSON 1.1), `spoil` (faults), `service` (the
//! operations) and `rules` (what AWS accepts) to `leaf` and `authority` (what AWS signs). Each rule names the AWS page or the
//! public thread that it comes from. Tests steer it through [`Running`] or over HTTP through `control`.

pub mod authority;
pub mod clock;
pub mod control;
pub mod counters;
pub mod endpoint_tls;
pub mod error;
pub mod fault;
pub mod leaf;
pub mod ledger;
pub mod listener;
pub mod moto;
pub mod protocol;
pub mod quota;
pub mod rules;
pub mod service;
pub mod sessions;
pub mod simulator;
pub mod spoil;
pub mod sts;
pub mod wrong_leaf;

pub use authority::{AuthorityOptions, Renewal, Status};
pub use clock::{Clock, ManualClock, SystemClock};
pub use counters::Counters;
pub use fault::{Action, Fault, Forever, Operation, Share, Times};
pub use ledger::Issued;
pub use quota::Quotas;
pub use rules::{signing::KeyAlgorithm, validity::UsageMode};
pub use service::IssueDelay;
pub use sessions::SessionRules;
pub use simulator::{Options, Running, Simulator, StartError};
pub use wrong_leaf::WrongLeaf;
