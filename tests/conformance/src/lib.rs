//! Runs the scripts beside this crate: clients that others wrote, against a simulator that is built.

use anyhow::{Context, Result, bail, ensure};
use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tokio::process::Command;

/// The scripts that hold checks.
pub const SCRIPTS: [&str; 3] = ["firewall", "raw", "panorama"];

/// Fetching the clients for the first time is what takes long.
const INSTALL_DEADLINE: Duration = Duration::from_secs(300);
/// A check waits 20 s at most for what must come, and does so once or twice.
const CHECK_DEADLINE: Duration = Duration::from_secs(90);

/// The simulator to hold to account, and where the clients are installed.
#[derive(Debug, Clone)]
pub struct Bench {
    simulator: PathBuf,
    environment: PathBuf,
}

impl Bench {
    /// `PANOS_SIM` and `CONFORMANCE_VENV`, or what cargo built beside the running program and a folder beside that.
    ///
    /// # Errors
    /// The simulator is not built.
    pub fn find() -> Result<Self> {
        let own = std::env::current_exe().context("this program does not know where it is")?;
        let profile = own.ancestors().nth(2).context("this program was not built by cargo")?;
        let given =
            |name: &str, else_at: &Path| std::env::var_os(name).map_or(else_at.to_owned(), PathBuf::from);
        let simulator = given("PANOS_SIM", &profile.join("panos-sim"));
        let environment = given("CONFORMANCE_VENV", &profile.with_file_name("conformance"));
        ensure!(
            simulator.exists(),
            "{} is not built: run `cargo build -p panos-sim` first",
            simulator.display()
        );
        Ok(Self { simulator, environment })
    }

    /// The names of a script's checks.
    ///
    /// # Errors
    /// The clients cannot be installed, or the script cannot be read.
    pub async fn checks(&self, script: &str) -> Result<Vec<String>> {
        let listed = self.run(script, "--list", INSTALL_DEADLINE).await?;
        let said = String::from_utf8_lossy(&listed.stdout).into_owned();
        ensure!(listed.status.success(), "{}", spoken(&listed));
        ensure!(!said.trim().is_empty(), "{script}.py has no checks");
        Ok(said.lines().map(str::to_owned).collect())
    }

    /// Runs one check.
    ///
    /// # Errors
    /// It failed, with what it said.
    pub async fn check(&self, script: &str, name: &str) -> Result<()> {
        let ran = self.run(script, name, CHECK_DEADLINE).await?;
        let passed = String::from_utf8_lossy(&ran.stdout).lines().any(|line| line.starts_with("ok "));
        ensure!(ran.status.success() && passed, "{}", spoken(&ran));
        Ok(())
    }

    async fn run(&self, script: &str, what: &str, deadline: Duration) -> Result<Output> {
        let mut command = Command::new("sh");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("run.sh"));
        command.arg(&self.environment).arg(format!("{script}.py"));
        command.arg("--simulator").arg(&self.simulator).arg(what);
        command.stdin(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(deadline, command.output()).await {
            Ok(output) => output.context("cannot run run.sh"),
            Err(_) => bail!("{script}.py {what} did not end within {} s", deadline.as_secs()),
        }
    }
}

fn spoken(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}
