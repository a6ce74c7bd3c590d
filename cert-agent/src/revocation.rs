//! What to do next for an `IdentityRequest`: note the certificate that it is about, then renew, then revoke.
//!
//! Pure. The serial number is written first, so that a restart can never revoke the certificate that came after.

use sallyport_contract::object::{
    ConditionStatus, IdentityRequest, IdentityRequestSpec, IdentityRequestStatus, RevocationReason,
};

/// The condition of a request.
pub const DONE: &str = "Done";

/// The one next thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo {
    /// Wait until there is a certificate.
    AwaitOne,
    /// Write down the serial number of the certificate that it is about.
    Note,
    /// Revoke the noted one now.
    Revoke(RevocationReason),
    /// Wait until the identity has another one.
    AwaitAnother,
    /// Say that it is done.
    Finish,
}

/// Whether a request is still to be done.
#[must_use]
pub fn is_open(request: &IdentityRequest) -> bool {
    let conditions = request.status.iter().flat_map(|status| &status.conditions);
    let done = conditions.into_iter().find(|condition| condition.kind == DONE);
    request.metadata.deletion_timestamp.is_none()
        && done.is_none_or(|done| done.status == ConditionStatus::Unknown)
}

/// Whether an open request wants another certificate than the one with this serial number.
#[must_use]
pub fn wants_another(request: &IdentityRequest, identity: &str, serial: &str) -> bool {
    let noted = request.status.as_ref().and_then(|status| status.serial.as_deref());
    is_open(request) && request.spec.identity == identity && noted == Some(serial)
}

/// Tells the next thing. `revoked`: the authority has said so in this life of the program.
#[must_use]
pub fn next(
    spec: &IdentityRequestSpec,
    status: &IdentityRequestStatus,
    has: Option<&str>,
    revoked: bool,
) -> Todo {
    let Some(noted) = status.serial.as_deref() else {
        return if has.is_some() { Todo::Note } else { Todo::AwaitOne };
    };
    let renewed = has.is_some_and(|has| has != noted);
    match &spec.revoke {
        Some(revoke) if !revoked && (renewed || cannot_wait(revoke.reason)) => Todo::Revoke(revoke.reason),
        Some(_) | None if renewed => Todo::Finish,
        Some(_) | None => Todo::AwaitAnother,
    }
}

/// What somebody else may use must end now; anything else ends when its successor is delivered.
const fn cannot_wait(reason: RevocationReason) -> bool {
    match reason {
        RevocationReason::KeyCompromise | RevocationReason::PrivilegeWithdrawn => true,
        RevocationReason::Unspecified
        | RevocationReason::AffiliationChanged
        | RevocationReason::Superseded
        | RevocationReason::CessationOfOperation => false,
    }
}

#[cfg(test)]
mod tests {
    use sallyport_contract::object::{Renew, Revoke};

    use super::*;

    fn renew() -> IdentityRequestSpec {
        IdentityRequestSpec { identity: "web-1".to_owned(), renew: Some(Renew {}), revoke: None }
    }

    fn revoke(reason: RevocationReason) -> IdentityRequestSpec {
        IdentityRequestSpec { renew: None, revoke: Some(Revoke { reason }), ..renew() }
    }

    #[test]
    fn law_8_the_serial_number_is_noted_before_anything_is_done() {
        use RevocationReason::{KeyCompromise, Superseded};
        let noted = |serial: &str| IdentityRequestStatus {
            serial: Some(serial.to_owned()),
            ..IdentityRequestStatus::default()
        };
        let blank = IdentityRequestStatus::default();
        for (what, spec, status, has, revoked, todo) in [
            ("no certificate", renew(), &blank, None, false, Todo::AwaitOne),
            ("renewal", renew(), &blank, Some("1"), false, Todo::Note),
            ("renewal noted", renew(), &noted("1"), Some("1"), false, Todo::AwaitAnother),
            ("renewed", renew(), &noted("1"), Some("2"), false, Todo::Finish),
            ("revocation", revoke(KeyCompromise), &blank, Some("1"), false, Todo::Note),
            ("at once", revoke(KeyCompromise), &noted("1"), Some("1"), false, Todo::Revoke(KeyCompromise)),
            (
                "its certificate is gone",
                revoke(KeyCompromise),
                &noted("1"),
                None,
                false,
                Todo::Revoke(KeyCompromise),
            ),
            ("revoked, not renewed", revoke(KeyCompromise), &noted("1"), Some("1"), true, Todo::AwaitAnother),
            ("revoked and renewed", revoke(KeyCompromise), &noted("1"), Some("2"), true, Todo::Finish),
            ("it has time", revoke(Superseded), &noted("1"), Some("1"), false, Todo::AwaitAnother),
            ("renewed first", revoke(Superseded), &noted("1"), Some("2"), false, Todo::Revoke(Superseded)),
            ("a restart", revoke(KeyCompromise), &noted("1"), Some("2"), false, Todo::Revoke(KeyCompromise)),
        ] {
            assert_eq!(next(&spec, status, has, revoked), todo, "{what}");
        }
    }
}
