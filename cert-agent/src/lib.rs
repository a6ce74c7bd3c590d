//! Makes identities from workloads, claims their names, issues and renews their certificates.
//!
//! The files follow the flow: [`observe`] what there is and what is wanted · [`claim`] who holds a name ·
//! [`step`] what to do next, from what [`state`] remembers · [`request`] what is asked, with a [`key`] of
//! its own, while [`spending`] allows it · [`issuer`] the port to authorities, and [`fate`] what becomes of their
//! errors · [`chain`] is it what was asked for · [`deliver`] the Secret, in its [`forms`] · [`report`] what people read · [`restart`] of
//! programs that read once ·
//! [`trust`] by which roots, and who is told · [`revocation`] what they may ask · [`pod`] the same where the key stays on the node. [`flow`] drives all this over
//! [`cluster`], the port to Kubernetes; what many facts repeat is one [`text`]; [`house`] keeps what the identities need around them. [`intermediate`] makes CAs of our
//! own, by a person's command and never in the running agent.

pub mod args;
pub mod chain;
pub mod claim;
pub mod cluster;
pub mod deliver;
pub mod fate;
pub mod flow;
pub mod forms;
pub mod house;
pub mod intermediate;
pub mod issuer;
pub mod key;
pub mod metrics;
pub mod observe;
pub mod pod;
pub mod report;
pub mod request;
pub mod restart;
pub mod revocation;
pub mod run;
pub mod spending;
pub mod state;
pub mod step;
pub mod text;
pub mod trust;
pub mod uid;

pub use run::{RunError, run};
