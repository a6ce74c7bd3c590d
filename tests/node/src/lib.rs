//! A real node under the test ground: kubelet, containerd, runc and kube-proxy, on which Sallyport runs as its pods.
//!
//! It takes root and namespaces of its own, which `run.sh` gives. [`NodeGround::start`] does what an operator does: a
//! cluster, a node, the install.

mod install;
mod laid;
mod machine;
mod service;
pub mod settings;
pub mod workload;

pub use install::Helm;
pub use laid::NodeGround;
pub use machine::{Node, obeys_policies};
