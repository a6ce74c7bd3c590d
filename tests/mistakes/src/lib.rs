//! Plants mistakes in the simulators: each must make a named test of the simulator fail, or that test proves nothing.
//!
//! A list stands beside each simulator (`tests/panos-sim/mistakes.yaml`). The mistakes are planted in a copy of
//! the sources below the target folder; the repository itself is never touched.

mod list;
mod tree;
mod workbench;

pub use list::{Mistake, TestName, complaints, read};
pub use tree::Tree;
pub use workbench::Workbench;

/// The crates whose tests are put to the test; the folder of each is `tests/<name>`.
pub const SIMULATORS: [&str; 2] = ["panos-sim", "pca-sim"];

/// The crate that runs other people's clients against the simulators; a test of it is named `clients::script::check`.
pub const CLIENTS: &str = "conformance";

/// A list that is shorter than this leaves too much unproven.
pub const FEWEST: usize = 15;
