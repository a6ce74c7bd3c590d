//! One process: a program of Sallyport, or a simulator.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use tokio::{
    process::{Child, Command},
    task::JoinSet,
};

use crate::{paths, wait};

/// A process that runs. Killed when dropped.
pub struct Program {
    /// What it is called in messages.
    pub name: String,
    /// What it logs.
    pub log: PathBuf,
    /// When it was started.
    pub begun: Instant,
    child: Child,
}

impl Program {
    /// Starts `binary args`, its output in `folder/name.log`, and waits until it has written its ready
    /// file, which is given by `--ready-file`.
    ///
    /// # Errors
    /// It does not start, ends, or is not ready in a minute and a half.
    pub async fn start<R: DeserializeOwned>(
        name: &str,
        binary: &str,
        args: &[String],
        env: &[(&str, String)],
        folder: &Path,
    ) -> Result<(Self, R)> {
        let (log, ready) = (folder.join(format!("{name}.log")), folder.join(format!("{name}.ready")));
        if ready.exists() {
            std::fs::remove_file(&ready)?;
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        // Should this process be killed, its programs must not linger.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(paths::built(binary)?)
            .args(args)
            .arg("--ready-file")
            .arg(&ready)
            // As the image has it.
            .env("MIMALLOC_PURGE_DELAY", "0")
            .envs(env.iter().map(|(key, value)| (*key, value.as_str())))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true);
        let begun = Instant::now();
        let child = spawn(command).await.with_context(|| format!("cannot start {binary}"))?;
        let mut program = Self { name: name.to_owned(), log, begun, child };
        let value = program.ready(&ready).await?;
        Ok((program, value))
    }

    async fn ready<R: DeserializeOwned>(&mut self, file: &Path) -> Result<R> {
        let what = format!("{} to be ready (log: {})", self.name, self.log.display());
        let text = wait::closely(&what, wait::GENEROUS, || {
            let ended = self.child.try_wait();
            async move {
                match ended {
                    Ok(Some(status)) => Ok(Err(status)),
                    Ok(None) | Err(_) => Ok(Ok(tokio::fs::read_to_string(file).await?)),
                }
            }
        })
        .await?;
        match text {
            Ok(text) => serde_json::from_str(&text).context("the ready file is not what was agreed"),
            Err(status) => bail!("{} ended ({status}):\n{}", self.name, self.tail()),
        }
    }

    /// The end of its log.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(30)).copied().collect::<Vec<_>>().join("\n")
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it at once, as `kill -9` does, and waits for its end.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }

    /// Stops it where it is, as a machine does that hangs; it knows nothing of it.
    ///
    /// # Errors
    /// It does not run.
    pub async fn pause(&self) -> Result<()> {
        self.signal("-STOP").await
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub async fn resume(&self) -> Result<()> {
        self.signal("-CONT").await
    }

    /// Asks it to end, as a kubelet does.
    ///
    /// # Errors
    /// It does not run.
    pub async fn terminate(&self) -> Result<()> {
        self.signal("-TERM").await
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        let id = self.id().with_context(|| format!("{} does not run", self.name))?.to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await?;
        anyhow::ensure!(sent.success(), "cannot send {signal} to {}", self.name);
        Ok(())
    }

    /// Whether it has ended, by itself or not.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It has not in a minute and a half.
    pub async fn ends(&mut self) -> Result<std::process::ExitStatus> {
        let ended = tokio::time::timeout(wait::GENEROUS, self.child.wait()).await;
        Ok(ended.with_context(|| format!("{} goes on", self.name))??)
    }

    /// Memory in MiB that it occupies now (resident set size).
    ///
    /// # Errors
    /// It does not run.
    pub fn rss_mib(&self) -> Result<f64> {
        self.memory_mib("VmRSS:")
    }

    /// The part of it that is its own, and no picture of a file on disk that all its replicas share.
    ///
    /// # Errors
    /// It does not run.
    pub fn own_mib(&self) -> Result<f64> {
        self.memory_mib("RssAnon:")
    }

    /// The most memory in MiB that it ever occupied.
    ///
    /// # Errors
    /// It does not run.
    pub fn peak_mib(&self) -> Result<f64> {
        self.memory_mib("VmHWM:")
    }

    /// The processor time in seconds that it has used so far.
    ///
    /// # Errors
    /// It does not run.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let id = self.id().with_context(|| format!("{} does not run", self.name))?;
        let text = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name, in brackets, may hold anything; user and system time are the 12th and 13th field after it, in
        // hundredths: proc_pid_stat(5).
        let fields = text.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
        let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        Ok(ticks.iter().sum::<f64>() / 100.0)
    }

    fn memory_mib(&self, which: &str) -> Result<f64> {
        let id = self.id().with_context(|| format!("{} does not run", self.name))?;
        let text = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(which));
        let line = line.with_context(|| format!("no {which}"))?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }
}

/// Starts a process from a worker thread of the runtime. The signal at its parent's death is bound to the
/// thread that started it, and a test's own thread ends with the test.
async fn spawn(mut command: Command) -> Result<Child> {
    let mut worker = JoinSet::new();
    worker.spawn(async move { command.spawn() });
    Ok(worker.join_next().await.context("no worker")???)
}
