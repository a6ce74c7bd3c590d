//! What happened so far: calls by operation and result, certificates by token.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fault::Operation;

/// How a call ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Answered as asked.
    Ok,
    /// Refused with this error type.
    Refused(String),
    /// Cut before anything happened.
    DroppedBefore,
    /// Carried out, then cut.
    DroppedAfter,
    /// Carried out, then cut in the middle of the answer.
    DroppedMidBody,
    /// Carried out, then answered with nothing in it.
    EmptyReply,
    /// Answered by something that is not AWS.
    ForeignReply,
    /// The client hung up before there was an answer.
    Abandoned,
}

impl Outcome {
    fn as_str(&self) -> &str {
        match self {
            Self::Ok => "ok",
            Self::Refused(kind) => kind,
            Self::DroppedBefore => "dropped_before",
            Self::DroppedAfter => "dropped_after",
            Self::DroppedMidBody => "dropped_mid_body",
            Self::EmptyReply => "empty_reply",
            Self::ForeignReply => "foreign_reply",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The counts, as `GET /counters` shows them.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Counters {
    /// Calls by operation, then by `ok`, error type or what a fault made of them: `dropped_before`,
    /// `dropped_after`, `dropped_mid_body`, `empty_reply`, `foreign_reply`, `abandoned`.
    pub calls: BTreeMap<String, BTreeMap<String, u64>>,
    /// Certificates issued: what AWS would bill.
    pub certificates_issued: u64,
    /// Of these, by idempotency token; those without a token are not here.
    pub issued_by_token: BTreeMap<String, u64>,
    /// Calls by who made them: the ARN of a session, or an access key that the stand-in did not hand out.
    pub callers: BTreeMap<String, u64>,
    /// Calls of STS and of the credentials' agent that were granted, and those that were not, by action.
    pub sessions: BTreeMap<String, [u64; 2]>,
}

impl Counters {
    /// Counts a call.
    pub fn call(&mut self, operation: Operation, outcome: &Outcome) {
        let by_outcome = self.calls.entry(operation.as_str().to_owned()).or_default();
        *by_outcome.entry(outcome.as_str().to_owned()).or_default() += 1;
    }

    /// Counts who made a call.
    pub fn caller(&mut self, caller: &str) {
        *self.callers.entry(caller.to_owned()).or_default() += 1;
    }

    /// Counts credentials handed out, or not.
    pub fn sts(&mut self, action: &str, granted: bool) {
        let [yes, no] = self.sessions.entry(action.to_owned()).or_default();
        *(if granted { yes } else { no }) += 1;
    }

    /// Counts a certificate.
    pub fn issued(&mut self, token: Option<&str>) {
        self.certificates_issued += 1;
        if let Some(token) = token {
            *self.issued_by_token.entry(token.to_owned()).or_default() += 1;
        }
    }

    /// How often `operation` ended in `outcome`, such as `ok` or `ThrottlingException`.
    pub fn count(&self, operation: Operation, outcome: &str) -> u64 {
        self.calls.get(operation.as_str()).and_then(|by| by.get(outcome)).copied().unwrap_or_default()
    }
}
