//! The table of sessions that crossed the data plane, for tests to read.

use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Older sessions are forgotten.
const MAX_SESSIONS: usize = 20_000;

/// One session and what the policy made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionRecord {
    /// Counts from 1.
    pub id: u64,
    /// The server name of the ClientHello, as the client spelled it.
    pub sni: Option<String>,
    /// The App-ID; `ssl` when no custom one matched, `unknown-tcp` when it was not TLS.
    pub app: String,
    /// The rule that decided.
    pub rule: String,
    /// Its action: allow, deny, drop, reset-client, reset-server, reset-both.
    pub action: String,
    /// Zones, addresses and port that the listener stands for.
    pub from_zone: String,
    /// Destination zone.
    pub to_zone: String,
    /// Source address.
    pub source: String,
    /// Destination address.
    pub destination: String,
    /// Destination port.
    pub port: u16,
    /// Why it ended, once it did: `closed`, `policy`, `rematch`, `upstream`.
    pub end: Option<String>,
}

/// The session table.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    inner: Mutex<(u64, VecDeque<SessionRecord>)>,
}

impl Sessions {
    /// Adds a session and gives it its number.
    pub(crate) fn add(&self, mut record: SessionRecord) -> u64 {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 += 1;
        let id = inner.0;
        record.id = id;
        inner.1.push_back(record);
        if inner.1.len() > MAX_SESSIONS {
            inner.1.pop_front();
        }
        id
    }

    pub(crate) fn update(&self, id: u64, change: impl FnOnce(&mut SessionRecord)) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = inner.1.iter_mut().rev().find(|record| record.id == id) {
            change(record);
        }
    }

    pub(crate) fn list(&self) -> Vec<SessionRecord> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }
}
