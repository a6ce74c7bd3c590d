//! System tests: the whole of Sallyport on a real API server, seen through `kubectl`.
//!
//! One ground serves all tests; each has a team of its own: namespace, policy, CA, firewall. Tests that
//! break the one AWS stand-in have it to themselves. Those that stop a program, or hold it up, at a chosen
//! call run on a second ground, on which a proxy stands before every far side.

mod absence;
mod admission;
mod alerts;
mod asked;
mod census;
mod certificates;
mod claims;
mod crashes;
mod devices;
mod end_state;
mod examples;
mod fault_matrix;
mod faults;
mod firewall;
mod forgeries;
mod gates;
mod helm;
mod hold;
mod intermediate;
mod interposed;
mod journey;
mod leaving;
mod lifetimes;
mod older;
mod one_verdict;
mod overrides;
mod path;
mod pod_certificates;
mod preflight;
mod replicas;
mod rights;
mod rollouts;
mod run;
mod served;
mod silence;
mod switches;
mod tokens;
mod trust;
mod under_load;
mod verdict;

use std::process::ExitCode;

fn main() -> ExitCode {
    let together = [
        journey::tests(),
        admission::tests(),
        certificates::tests(),
        claims::tests(),
        rollouts::tests(),
        lifetimes::tests(),
        firewall::tests(),
        gates::tests(),
        overrides::tests(),
        hold::tests(),
        path::tests(),
        preflight::tests(),
        devices::tests(),
        examples::tests(),
        verdict::tests(),
        one_verdict::tests(),
        switches::tests(),
        faults::tests(),
        rights::tests(),
        forgeries::tests(),
        tokens::tests(),
        trust::tests(),
        older::tests(),
        absence::tests(),
        end_state::tests(),
        pod_certificates::tests(),
        intermediate::tests(),
        asked::tests(),
        silence::tests(),
        under_load::tests(),
        leaving::tests(),
        alerts::tests(),
    ];
    // One of these kills a program that all of these use, so they wait for each other: meanwhile the machine
    // has something else to do.
    let killing = [crashes::tests(), replicas::tests()];
    let mut tests = run::by_turns(flat(together), flat(killing));
    tests.extend(run::part_of(fault_matrix::tests()));
    run::all(tests)
}

fn flat<const N: usize>(rows: [Vec<run::Test>; N]) -> Vec<run::Test> {
    rows.into_iter().flatten().collect()
}
