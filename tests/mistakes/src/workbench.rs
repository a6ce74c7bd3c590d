//! Builds and runs a simulator's tests in the copy, with or without a mistake in it.

use crate::{
    CLIENTS,
    list::{Mistake, TestName},
    tree::Tree,
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tokio::process::Command;

/// A first build compiles the registry crates; somebody else's cargo may hold the build folder meanwhile.
const BUILD_DEADLINE: Duration = Duration::from_secs(1200);
/// The tests themselves wait up to 20 s for what must come; a mistake may make several of them wait.
const TEST_DEADLINE: Duration = Duration::from_secs(240);

/// The test binary that runs other people's clients.
const CLIENTS_BINARY: &str = "clients";

/// The copy, and where cargo puts what it makes of it.
#[derive(Debug)]
pub struct Workbench {
    tree: Tree,
    build: PathBuf,
    artifacts: PathBuf,
}

impl Workbench {
    /// Registry crates come from the ordinary target folder; programs of the copy never get there.
    #[must_use]
    pub fn new(tree: Tree, target: &Path) -> Self {
        let artifacts = tree.root().join("target");
        Self { tree, build: target.to_owned(), artifacts }
    }

    /// Runs tests on the simulator as it is and demands that they pass.
    ///
    /// # Errors
    /// It does not compile, a test is not there, or one fails.
    pub fn passes(&self, simulator: &str, tests: &BTreeSet<TestName>) -> Result<()> {
        for (test, passed) in self.run(simulator, tests)? {
            ensure!(passed, "{test} fails without any mistake");
        }
        Ok(())
    }

    /// Plants one mistake, demands that each of its tests fails, and takes it out again.
    ///
    /// # Errors
    /// It does not compile, a test is not there, or one does not notice the mistake.
    pub fn is_noticed(&self, simulator: &str, mistake: &Mistake) -> Result<()> {
        let file = format!("tests/{simulator}/{}", mistake.file);
        let right = self.tree.read(&file)?;
        let places = right.matches(&mistake.replace).count();
        ensure!(places == 1, "the text to replace is {places} times in {file}");
        self.tree.write(&file, &right.replacen(&mistake.replace, &mistake.with, 1))?;
        let ran = self.run(simulator, &mistake.fails.iter().cloned().collect());
        self.tree.write(&file, &right)?;
        for (test, passed) in ran? {
            ensure!(!passed, "{test} does not notice this: {}", mistake.why);
        }
        Ok(())
    }

    fn run(&self, simulator: &str, tests: &BTreeSet<TestName>) -> Result<Vec<(TestName, bool)>> {
        let mut binaries: BTreeMap<&str, Vec<&TestName>> = BTreeMap::new();
        for test in tests {
            binaries.entry(&test.binary).or_default().push(test);
        }
        let mut results = Vec::new();
        for (binary, tests) in binaries {
            let program = self.build(simulator, binary)?;
            // The runner of the clients takes one name at a time, and the simulator as a program of its own.
            let together = if binary == CLIENTS_BINARY {
                self.cargo(&["build"], simulator, &["--bin", simulator])?;
                1
            } else {
                tests.len()
            };
            for tests in tests.chunks(together) {
                results.extend(self.judge(simulator, &program, tests)?);
            }
        }
        Ok(results)
    }

    /// Runs some tests of one test binary.
    fn judge(&self, simulator: &str, program: &Path, tests: &[&TestName]) -> Result<Vec<(TestName, bool)>> {
        let mut command = Command::new(program);
        command.arg("--exact").args(tests.iter().map(|test| &test.path));
        command.current_dir(self.tree.root().join("tests").join(simulator));
        command.env("PANOS_SIM", self.artifacts.join("debug").join(simulator));
        command.env("CONFORMANCE_VENV", self.build.join(CLIENTS));
        let output = finish(&mut command, TEST_DEADLINE)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let warned = String::from_utf8_lossy(&output.stderr);
        let verdicts = tests.iter().map(|test| {
            let passed = verdict(&said, &test.path)
                .with_context(|| format!("{test} did not run; the test binary says:\n{said}{warned}"))?;
            Ok(((*test).clone(), passed))
        });
        verdicts.collect()
    }

    /// Compiles one test binary and tells where it lies.
    fn build(&self, simulator: &str, binary: &str) -> Result<PathBuf> {
        let (package, target) = match binary {
            "lib" => (simulator, vec!["--lib"]),
            CLIENTS_BINARY => (CLIENTS, vec!["--test", binary]),
            name => (simulator, vec!["--test", name]),
        };
        let said = self.cargo(&["test", "--no-run"], package, &target)?;
        said.lines().find_map(test_binary).with_context(|| format!("cargo made no test binary '{binary}'"))
    }

    /// What cargo says of its work on the copy.
    fn cargo(&self, verb: &[&str], package: &str, target: &[&str]) -> Result<String> {
        let mut command = Command::new(env!("CARGO"));
        command.args(verb).args(["--offline", "--message-format=json-render-diagnostics", "-p", package]);
        command.args(target);
        command
            .current_dir(self.tree.root())
            .env("CARGO_BUILD_BUILD_DIR", &self.build)
            .env("CARGO_TARGET_DIR", &self.artifacts)
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        let output = finish(&mut command, BUILD_DEADLINE)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "it does not compile, which proves nothing:\n{errors}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The test binary that a line of cargo's messages tells of.
fn test_binary(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_test = message.get("profile")?.get("test")?.as_bool()?;
    message.get("executable")?.as_str().filter(|_| is_test).map(PathBuf::from)
}

/// Did a test pass? `None` when the runner does not speak of it.
fn verdict(said: &str, test: &str) -> Option<bool> {
    let result = said
        .lines()
        .find_map(|line| line.strip_prefix("test ")?.strip_prefix(test)?.strip_prefix(" ... "))?;
    match result {
        "ok" => Some(true),
        "FAILED" => Some(false),
        _ => None,
    }
}

/// Waits for a program's end; one that does not end in time is killed.
fn finish(command: &mut Command, deadline: Duration) -> Result<Output> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match tokio::time::timeout(deadline, command.output()).await {
            Ok(output) => output.with_context(|| format!("cannot run {command:?}")),
            Err(_) => bail!("{command:?} did not end within {} s", deadline.as_secs()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_from_what_the_runner_says() {
        let said = "\nrunning 3 tests\ntest a::b ... ok\ntest a::bc ... FAILED\ntest slow ... ignored\n";
        for (test, expected) in
            [("a::b", Some(true)), ("a::bc", Some(false)), ("slow", None), ("a", None), ("absent", None)]
        {
            assert_eq!(verdict(said, test), expected, "{test}");
        }
    }

    #[test]
    fn the_test_binary_is_found_among_cargos_messages() {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        assert_eq!(test_binary(&message(true, r#""/t/device-1""#)), Some(PathBuf::from("/t/device-1")));
        assert_eq!(test_binary(&message(false, r#""/t/panos-sim""#)), None, "a program is no test");
        assert_eq!(test_binary(&message(true, "null")), None);
        assert_eq!(test_binary(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(test_binary("running"), None);
    }
}
