//! The request log: one JSON line for each API request, kept in memory and written to a file if asked.
//! Passwords and keys are not among the fields.

use serde::Serialize;
use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Older lines are forgotten in memory; a file keeps all.
const MAX_LINES: usize = 50_000;

/// One request. Absent parameters are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// `type` of the request: keygen, config, commit, op, version.
    #[serde(rename = "type")]
    pub kind: String,
    /// `action` of a config request.
    pub action: String,
    /// The xpath.
    pub xpath: String,
    /// The element XML.
    pub element: String,
    /// Where a move goes.
    #[serde(rename = "where")]
    pub place: String,
    /// The sibling that a move is relative to.
    pub dst: String,
    /// The new name of a rename or clone.
    pub newname: String,
    /// The command XML of op and commit requests.
    pub cmd: String,
    /// The serial number of the firewall that a Panorama is to pass the request on to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The administrator; empty before authentication.
    pub user: String,
    /// What came of it: `success`, `error 12`, `dropped`, `http 502`…
    pub status: String,
    /// How long the request took.
    pub time_ms: u64,
    /// The job that a commit made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<u32>,
}

/// The log of one device.
#[derive(Debug)]
pub(crate) struct RequestLog {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    lines: VecDeque<LogLine>,
    counters: BTreeMap<String, u64>,
    file: Option<File>,
}

impl RequestLog {
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn new(path: Option<&Path>) -> std::io::Result<Self> {
        let file = path.map(|path| File::options().create(true).append(true).open(path)).transpose()?;
        Ok(Self { inner: Mutex::new(Inner { lines: VecDeque::new(), counters: BTreeMap::new(), file }) })
    }

    pub(crate) fn add(&self, line: LogLine) {
        let mut inner = self.lock();
        let action = if line.action.is_empty() { String::new() } else { format!(".{}", line.action) };
        *inner.counters.entry(format!("{}{action}", line.kind)).or_default() += 1;
        *inner.counters.entry("requests".to_owned()).or_default() += 1;
        if let (Some(file), Ok(json)) = (&mut inner.file, serde_json::to_string(&line))
            && let Err(error) = writeln!(file, "{json}")
        {
            tracing::warn!(%error, "the request log cannot be written");
        }
        inner.lines.push_back(line);
        if inner.lines.len() > MAX_LINES {
            inner.lines.pop_front();
        }
    }

    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.lock().lines.iter().cloned().collect()
    }

    pub(crate) fn counters(&self) -> BTreeMap<String, u64> {
        self.lock().counters.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
