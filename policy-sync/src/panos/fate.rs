//! What follows from an answer that is not success: the table of codes, and the texts that mean "later".
//!
//! Codes: <https://docs.paloaltonetworks.com/ngfw/api/getting-started/pan-os-xml-api-error-codes>.
//! Texts: <https://github.com/PaloAltoNetworks/pan-os-python/blob/develop/panos/base.py>.

use sallyport_contract::{Reason, refusal::quoted};

use super::envelope::{Reply, Status};
use crate::firewall::{Fate, Fault};

/// A code of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 1: unknown command.
    UnknownCommand,
    /// 2–5, 11, 21: internal error.
    Internal,
    /// 6: bad xpath.
    BadXpath,
    /// 7: object not present.
    NotPresent,
    /// 8: object not unique.
    NotUnique,
    /// 10: reference count not zero.
    StillReferenced,
    /// 12: invalid object.
    InvalidObject,
    /// 13: object not found; also sent for states that pass.
    NotFound,
    /// 14: operation not possible.
    NotPossible,
    /// 15: operation denied, as on a passive peer.
    Denied,
    /// 16: unauthorised.
    NoRight,
    /// 17: invalid command.
    InvalidCommand,
    /// 18: malformed command.
    Malformed,
    /// 19 and 20: success.
    Success,
    /// 22: session timed out.
    TimedOut,
    /// 400: bad request.
    BadRequest,
    /// 403: forbidden.
    Forbidden,
    /// A code that the table does not have, or none.
    Other,
}

impl From<Option<u16>> for Code {
    fn from(code: Option<u16>) -> Self {
        match code {
            Some(1) => Self::UnknownCommand,
            Some(2..=5 | 11 | 21) => Self::Internal,
            Some(6) => Self::BadXpath,
            Some(7) => Self::NotPresent,
            Some(8) => Self::NotUnique,
            Some(10) => Self::StillReferenced,
            Some(12) => Self::InvalidObject,
            Some(13) => Self::NotFound,
            Some(14) => Self::NotPossible,
            Some(15) => Self::Denied,
            Some(16) => Self::NoRight,
            Some(17) => Self::InvalidCommand,
            Some(18) => Self::Malformed,
            Some(19 | 20) => Self::Success,
            Some(22) => Self::TimedOut,
            Some(400) => Self::BadRequest,
            Some(403) => Self::Forbidden,
            Some(_) | None => Self::Other,
        }
    }
}

/// Texts of states that pass, whatever the code.
const PASSING: &[(&str, Reason)] = &[
    ("another commit/validate is in progress", Reason::AwaitingCommit),
    ("a commit is in progress", Reason::AwaitingCommit),
    ("a commit is pending", Reason::AwaitingCommit),
    ("you cannot commit while an install is in progress", Reason::AwaitingCommit),
    ("another sync is in progress", Reason::HASyncing),
    ("commit queue is full", Reason::QueueFull),
    ("configuration is locked by", Reason::LockedByOther),
    ("is currently locked", Reason::LockedByOther),
    ("commit lock is", Reason::LockedByOther),
    ("holding commit locks", Reason::LockedByOther),
    ("timed out while getting config lock", Reason::LockedByOther),
];

/// What follows from an answer that is not success. `entry`: the place in the batch that it is about.
#[must_use]
pub fn fate(code: Code, words: &str, entry: Option<usize>) -> Fate {
    let lower = words.to_ascii_lowercase();
    if let Some((_, reason)) = PASSING.iter().find(|(text, _)| lower.contains(text)) {
        return Fate::Wait(*reason);
    }
    let refused = entry.map_or(Fate::Stop(Reason::EntryRefused), Fate::RefuseEntry);
    match code {
        Code::Internal | Code::TimedOut | Code::BadRequest | Code::Other | Code::Success => {
            Fate::Retry(Reason::FirewallUnreachable)
        }
        Code::Denied => Fate::Wait(Reason::HASyncing),
        Code::NoRight | Code::Forbidden => Fate::Stop(Reason::CredentialsRefused),
        Code::UnknownCommand
        | Code::BadXpath
        | Code::NotPresent
        | Code::NotUnique
        | Code::StillReferenced
        | Code::InvalidObject
        | Code::NotFound
        | Code::NotPossible
        | Code::InvalidCommand
        | Code::Malformed => refused,
    }
}

/// The fault behind an answer that is not success. In an answer to a batch the last nested answer is the
/// one that failed; the operations after it were not tried.
#[must_use]
pub fn fault(reply: &Reply, doing: &str) -> Fault {
    let nested = reply.nested();
    match nested.last() {
        Some((false, code, words)) => judged(reply, *code, words, Some(nested.len() - 1), doing),
        Some((true, ..)) | None => judged(reply, reply.code, &reply.words, None, doing),
    }
}

/// The fault behind an answer that is not success, to the change at this place of a batch that is written in single
/// calls.
#[must_use]
pub fn fault_at(reply: &Reply, doing: &str, place: usize) -> Fault {
    judged(reply, reply.code, &reply.words, Some(place), doing)
}

fn judged(reply: &Reply, code: Option<u16>, words: &str, entry: Option<usize>, doing: &str) -> Fault {
    let fate = match reply.status {
        Status::Unauthorised if Code::from(code) != Code::TimedOut => Fate::Stop(Reason::CredentialsRefused),
        Status::Unauthorised | Status::Error | Status::Success => fate(Code::from(code), words, entry),
    };
    let code = code.map(|code| format!(" (code {code})")).unwrap_or_default();
    Fault { fate, message: format!("{doing}: the firewall answers {}{code}", quoted(words)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_fate() {
        use Fate::{RefuseEntry, Retry, Stop, Wait};
        for (codes, expected) in [
            (&[2, 3, 4, 5, 11, 21, 22, 400, 19, 20, 99][..], Retry(Reason::FirewallUnreachable)),
            (&[15], Wait(Reason::HASyncing)),
            (&[16, 403], Stop(Reason::CredentialsRefused)),
            (&[1, 6, 7, 8, 10, 12, 13, 14, 17, 18], RefuseEntry(3)),
        ] {
            for code in codes {
                assert_eq!(fate(Code::from(Some(*code)), "", Some(3)), expected, "{code}");
            }
        }
        assert_eq!(fate(Code::from(Some(12)), "", None), Stop(Reason::EntryRefused));
        assert_eq!(fate(Code::from(None), "", None), Retry(Reason::FirewallUnreachable));
    }

    #[test]
    fn texts_that_mean_later_win_over_the_code() {
        for (words, reason) in [
            ("A commit is pending. Please try again later", Reason::AwaitingCommit),
            ("Another commit/validate is in progress. Please try again later", Reason::AwaitingCommit),
            ("You cannot commit while an install is in progress", Reason::AwaitingCommit),
            ("Configuration is locked by anna", Reason::LockedByOther),
            ("Config for scope vsys1 is currently locked", Reason::LockedByOther),
            ("Timed out while getting config lock", Reason::LockedByOther),
            ("Other administrators are holding commit locks.", Reason::LockedByOther),
        ] {
            assert_eq!(fate(Code::from(Some(13)), words, Some(0)), Fate::Wait(reason), "{words}");
        }
    }

    #[test]
    fn the_last_nested_answer_is_the_one_refused() {
        let body = r#"<response status="error" code="13"><response status="success" code="20"><msg>command succeeded</msg></response><response status="error" code="12"><msg><line>sp-web -> risk is invalid</line></msg></response></response>"#;
        let fault = fault(&Reply::read(body).unwrap(), "writing a batch");
        assert_eq!(fault.fate, Fate::RefuseEntry(1));
        assert_eq!(
            fault.message,
            "writing a batch: the firewall answers \"sp-web -> risk is invalid\" (code 12)"
        );
    }
}
