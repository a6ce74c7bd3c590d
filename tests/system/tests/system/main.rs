//! System tests: the whole of Sallyport on a real API server, seen through `kubectl`.
//!
//! One ground serves all tests; each has a team of its own: namespace, policy, CA, firewall. Tests that
//! break the one AWS stand-in have it to themselves.

mod admission;
mod certificates;
mod faults;
mod firewall;
mod journey;
mod rights;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = [
        journey::tests(),
        admission::tests(),
        certificates::tests(),
        firewall::tests(),
        faults::tests(),
        rights::tests(),
    ];
    run::all(tests.into_iter().flatten().collect())
}
