//! The test ground: a real control plane, the simulators and the three programs, for a test, a benchmark
//! or the demo.
//!
//! [`Ground::start`] does what an operator does, in the same order: a cluster, the install, the programs
//! under their own accounts. The demo and the system tests differ only in what they do on it.

mod accounts;
pub mod balancer;
pub mod control_plane;
pub mod firewall;
mod ground;
pub mod interposer;
mod interposers;
pub mod kubectl;
pub mod kubelet;
pub mod leaf;
pub mod manifests;
pub mod network;
mod paths;
pub mod pca;
pub mod person;
pub mod program;
mod programs;
mod site;
pub mod team;
pub mod wait;

pub use ground::{Ground, Options, stored};
pub use interposers::Interposers;
pub use paths::{built, repository, target, tool};
pub use site::Site;
pub use team::Team;
