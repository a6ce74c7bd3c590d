//! Plants every mistake of every list and demands that the named tests notice; one trial for each.
#![cfg(test)]

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use mistakes::{CLIENTS, FEWEST, Mistake, SIMULATORS, Tree, Workbench, complaints, read};
use std::{path::Path, process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The mistakes share one copy of the sources.
    arguments.test_threads = Some(1);
    run(&arguments).exit_code()
}

fn run(arguments: &Arguments) -> Conclusion {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    let folders: Vec<String> =
        SIMULATORS.iter().chain([&CLIENTS]).map(|name| format!("tests/{name}")).collect();
    let tree = Tree::sync(&repository, target.join("mistakes"), &folders).expect("the copy of the sources");
    let workbench = Arc::new(Workbench::new(tree, &target));
    let trials = SIMULATORS.iter().flat_map(|simulator| trials(&repository, simulator, &workbench));
    libtest_mimic::run(arguments, trials.collect())
}

/// The list's own form, then the tests without a mistake, then each mistake.
fn trials(repository: &Path, simulator: &'static str, workbench: &Arc<Workbench>) -> Vec<Trial> {
    let folder = repository.join("tests").join(simulator);
    let label = simulator.replace('-', "_");
    let list = read(&folder.join("mistakes.yaml"));
    let form = list.as_ref().map(Clone::clone).map_err(|error| Failed::from(format!("{error:#}")));
    let mut trials = vec![Trial::test(format!("form::{label}"), move || well_formed(&form?, &folder))];
    let mistakes = list.unwrap_or_default();
    let tests = mistakes.iter().flat_map(|mistake| mistake.fails.iter().cloned()).collect();
    let bench = Arc::clone(workbench);
    trials.push(Trial::test(format!("unplanted::{label}"), move || {
        bench.passes(simulator, &tests).map_err(failed)
    }));
    trials.extend(mistakes.into_iter().step_by(one_in()).map(|mistake| {
        let bench = Arc::clone(workbench);
        Trial::test(format!("planted::{label}::{}", mistake.name), move || {
            bench.is_noticed(simulator, &mistake).map_err(failed)
        })
    }));
    trials
}

/// A run plants one mistake in so many: `tests/run.sh` says how many.
fn one_in() -> usize {
    std::env::var("SALLYPORT_ONE_IN").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn well_formed(mistakes: &[Mistake], folder: &Path) -> Result<(), Failed> {
    let found = complaints(mistakes, FEWEST, |file| std::fs::read_to_string(folder.join(file)).ok());
    if found.is_empty() { Ok(()) } else { Err(found.join("\n").into()) }
}

fn failed(error: anyhow::Error) -> Failed {
    format!("{error:#}").into()
}
