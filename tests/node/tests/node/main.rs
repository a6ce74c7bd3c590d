//! The node ring: Sallyport in pods of a real node, its workloads' containers answering TLS with the certificates that a
//! real kubelet mounted, called by a client pod through the firewall's data plane.

mod chart;
mod deliveries;
mod journey;
mod kinds;
mod policies;
mod restarts;
mod rollouts;
mod rotation;
mod run;
mod scene;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = [
        journey::tests(),
        deliveries::tests(),
        rotation::tests(),
        rollouts::tests(),
        kinds::tests(),
        restarts::tests(),
        policies::tests(),
        chart::tests(),
    ];
    run::all(tests.into_iter().flatten().collect())
}
