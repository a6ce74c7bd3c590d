//! moto (<https://github.com/getmoto/moto>) beside the stand-in: somebody else's opinion of the same API.
//!
//! It ignores tokens, validity, key algorithms and most templates and is never "in progress"; what it is good for is
//! the wire format. `tests/conformance.rs` lists the differences.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Installing from PyPI for the first time is what takes long.
const START: Duration = Duration::from_secs(600);

/// A moto server with one active root CA; it ends with this value.
pub struct Moto {
    /// `http://127.0.0.1:<port>`, without TLS.
    pub endpoint: String,
    /// Its root CA: RSA-2048, whatever one asks for.
    pub ca_arn: String,
    process: Child,
}

/// Why moto did not start.
#[derive(Debug, thiserror::Error)]
pub enum MotoError {
    /// The script could not be run.
    #[error("could not run {script}")]
    Run {
        /// The script.
        script: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ended or said nothing in ten minutes.
    #[error(
        "moto did not start: see what moto.sh wrote to stderr (it needs python3 with venv, and PyPI once)"
    )]
    Silent,
    /// It said something else than where it is.
    #[error("moto.sh printed no {{endpoint, ca_arn}}")]
    Answer(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Ready {
    endpoint: String,
    ca_arn: String,
}

/// Starts moto from the virtualenv in `venv_dir`, which is made on demand (47 s and 480 MB, from PyPI). Several
/// callers may share one directory. moto stops when [`Moto`] is dropped, and when this process ends in any way.
///
/// # Errors
/// When Python, the virtualenv or moto does not start.
pub async fn start(venv_dir: &Path) -> Result<Moto, MotoError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("moto.sh");
    let mut process = Command::new(&script)
        .arg(venv_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| MotoError::Run { script, source })?;
    let mut lines = BufReader::new(process.stdout.take().ok_or(MotoError::Silent)?).lines();
    let line = match timeout(START, lines.next_line()).await {
        Ok(Ok(Some(line))) => line,
        Ok(Ok(None) | Err(_)) | Err(_) => return Err(MotoError::Silent),
    };
    let Ready { endpoint, ca_arn } = serde_json::from_str(&line).map_err(MotoError::Answer)?;
    Ok(Moto { endpoint, ca_arn, process })
}

/// The usual place for the virtualenv: `moto` in the target directory of this build (`CARGO_TARGET_DIR`, or the
/// workspace's `target`).
pub fn default_venv_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(target).join("moto")
}

impl Moto {
    /// The ID of the server's process, `None` once it has ended.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }
}
