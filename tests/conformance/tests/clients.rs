//! Each check of each script is one test. Needs python3 with venv, and the package index once.
#![cfg(test)]

use conformance::{Bench, SCRIPTS};
use libtest_mimic::{Arguments, Failed, Trial};
use std::{process::ExitCode, sync::Arc};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Builder::new_multi_thread().enable_all().build().expect("a runtime"));
    let bench = Bench::find().expect("a simulator");
    let trials = SCRIPTS.iter().flat_map(|script| trials(&runtime, &bench, script)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials(runtime: &Arc<Runtime>, bench: &Bench, script: &'static str) -> Vec<Trial> {
    let names = runtime.block_on(bench.checks(script)).expect("the names of the checks");
    let trial = |name: String| {
        let (runtime, bench) = (Arc::clone(runtime), bench.clone());
        Trial::test(format!("{script}::{name}"), move || {
            runtime.block_on(bench.check(script, &name)).map_err(|error| Failed::from(format!("{error:#}")))
        })
    };
    names.into_iter().map(trial).collect()
}
