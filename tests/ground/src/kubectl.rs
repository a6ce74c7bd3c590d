//! `kubectl`, as a user types it.

use std::{ffi::OsString, path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

/// A kubectl of the cluster's own version, for one kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    /// The program.
    pub program: PathBuf,
    /// Whom it speaks as.
    pub kubeconfig: PathBuf,
}

/// What a command printed and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// Whether it ended well.
    pub ok: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Kubectl {
    /// Runs a command that may fail.
    ///
    /// # Errors
    /// kubectl could not be started.
    pub async fn attempt(&self, args: &[&str], input: Option<&str>) -> Result<Output> {
        let mut child = Command::new(&self.program)
            .args(self.own())
            .args(args)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
            pipe.write_all(text.as_bytes()).await?;
        }
        let done = child.wait_with_output().await?;
        Ok(Output {
            ok: done.status.success(),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        })
    }

    /// Runs a command that must succeed and gives what it printed.
    ///
    /// # Errors
    /// It failed; the message holds what it said.
    pub async fn run(&self, args: &[&str]) -> Result<String> {
        self.checked(args, None).await
    }

    /// `kubectl apply` of a manifest.
    ///
    /// # Errors
    /// It was refused; the message holds what the API server said.
    pub async fn apply(&self, manifest: &str) -> Result<String> {
        self.checked(&["apply", "-f", "-"], Some(manifest)).await
    }

    /// `kubectl create`, which leaves no annotation of its own behind.
    ///
    /// # Errors
    /// It was refused; the message holds what the API server said.
    pub async fn create(&self, object: &Value) -> Result<String> {
        self.checked(&["create", "-f", "-"], Some(&object.to_string())).await
    }

    /// `kubectl apply --dry-run=server` of a manifest, which may be refused.
    ///
    /// # Errors
    /// kubectl could not be started.
    pub async fn dry_run(&self, manifest: &str) -> Result<Output> {
        self.attempt(&["apply", "--dry-run=server", "-o", "yaml", "-f", "-"], Some(manifest)).await
    }

    /// `kubectl get -o json`.
    ///
    /// # Errors
    /// The object is not there.
    pub async fn get(&self, args: &[&str]) -> Result<Value> {
        let text = self.run(&[&["get", "-o", "json"], args].concat()).await?;
        serde_json::from_str(&text).context("kubectl printed what is not JSON")
    }

    /// Whose it is. What a cluster serves is remembered by its address, which another one had before: so each has
    /// a memory of its own.
    pub(crate) fn own(&self) -> [OsString; 4] {
        let memory = self.kubeconfig.with_extension("discovered");
        ["--kubeconfig".into(), self.kubeconfig.clone().into(), "--cache-dir".into(), memory.into()]
    }

    async fn checked(&self, args: &[&str], input: Option<&str>) -> Result<String> {
        let done = self.attempt(args, input).await?;
        if !done.ok {
            bail!("kubectl {}: {}", args.join(" "), done.stderr.trim());
        }
        Ok(done.stdout)
    }
}
