//! How certificates stand, in plain columns.

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    Reason,
    object::{CertificateAuthority, CertificateStatus, IdentityRequest, WorkloadIdentity},
};

use crate::table::table;

const ISSUED: &str = "CertificateIssued";

/// All identities, the first to end first; those without a certificate before them.
pub(crate) fn all(identities: &[WorkloadIdentity], now: Timestamp) -> String {
    if identities.is_empty() {
        return "there is no WorkloadIdentity; cert-agent makes one for each workload of an enabled namespace\n".to_owned();
    }
    let mut sorted: Vec<&WorkloadIdentity> = identities.iter().collect();
    sorted.sort_by_key(|identity| certificate(identity).map(|certificate| certificate.not_after));
    let row = |identity: &&WorkloadIdentity| {
        let cell = |read: &dyn Fn(&CertificateStatus) -> String| {
            certificate(identity).map_or_else(|| "-".to_owned(), read)
        };
        vec![
            identity.metadata.namespace.clone().unwrap_or_default(),
            identity.metadata.name.clone().unwrap_or_default(),
            identity.condition(ISSUED).map_or_else(|| "-".to_owned(), |condition| condition.reason.clone()),
            cell(&|certificate| within(certificate.not_after, now)),
            cell(&|certificate| within(certificate.renew_at, now)),
            cell(&|certificate| certificate.serial.clone()),
        ]
    };
    let rows: Vec<Vec<String>> = sorted.iter().map(row).collect();
    table(&["NAMESPACE", "NAME", "CERTIFICATE", "ENDS", "RENEWED", "SERIAL"], &rows)
}

/// One identity with all that its certificate depends on.
pub(crate) fn one(
    identity: &WorkloadIdentity,
    authorities: &[CertificateAuthority],
    requests: &[IdentityRequest],
    now: Timestamp,
) -> String {
    let name = identity.metadata.name.clone().unwrap_or_default();
    let namespace = identity.metadata.namespace.clone().unwrap_or_default();
    let mut text = format!("identity {namespace}/{name}, {}\n", identity.spec.dns_names.join(", "));
    let mut line = |topic: &str, words: &str| text.push_str(&format!("  {topic:<12}{words}\n"));
    match identity.condition(ISSUED) {
        None => line("certificate", "cert-agent has not looked at it yet; is it running?"),
        Some(condition) => {
            line("certificate", &format!("{}: {}", condition.reason, condition.message));
            let turn = Reason::from_code(&condition.reason).map(|reason| reason.turn().as_str());
            line("whose turn", turn.unwrap_or("unknown"));
            let reason = condition.reason.to_lowercase();
            line("what to do", &format!("docs/RUNBOOK.md#{reason}"));
        }
    }
    if let Some(certificate) = certificate(identity) {
        line("serial", &certificate.serial);
        line("ends", &format!("{}, {}", certificate.not_after, within(certificate.not_after, now)));
        line("renewed", &format!("{}, {}", certificate.renew_at, within(certificate.renew_at, now)));
        line("in Secret", &certificate.secret_name);
    }
    let wanted = &identity.spec.certificate.authority;
    match authorities.iter().find(|authority| authority.metadata.name.as_ref() == Some(wanted)) {
        None => line("authority", &format!("CertificateAuthority {wanted} does not exist")),
        Some(authority) => line("authority", &of(authority)),
    }
    for request in requests {
        if request.spec.identity == name && request.metadata.namespace.as_deref() == Some(namespace.as_str())
        {
            let done = request.status.iter().flat_map(|status| &status.conditions).next();
            let done = done.map_or("not looked at yet", |done| done.message.as_str());
            line("asked", &format!("{}: {done}", request.metadata.name.as_deref().unwrap_or_default()));
        }
    }
    text
}

fn of(authority: &CertificateAuthority) -> String {
    let name = authority.metadata.name.as_deref().unwrap_or_default();
    let status = authority.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().find(|condition| condition.kind == "Ready");
    let ready = ready.map_or("not looked at yet", |ready| ready.message.as_str());
    let caps = authority.spec.caps_in_force();
    let most = caps.map(|caps| format!(" of {} a day", caps.per_day)).unwrap_or_default();
    format!("{name}: {ready}; {}{most} asked for today", status.issued_today.unwrap_or(0))
}

fn certificate(identity: &WorkloadIdentity) -> Option<&CertificateStatus> {
    identity.status.as_ref()?.certificate.as_ref()
}

/// How far away a time is, in its largest unit.
fn within(time: Timestamp, now: Timestamp) -> String {
    let left = time.duration_since(now);
    let size = |left: SignedDuration| match left.as_secs() {
        seconds if seconds >= 2 * 86_400 => format!("{} d", seconds / 86_400),
        seconds if seconds >= 2 * 3600 => format!("{} h", seconds / 3600),
        seconds => format!("{} min", seconds / 60),
    };
    if left.is_negative() { format!("{} ago", size(left.abs())) } else { format!("in {}", size(left)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(name: &str, ends: Option<&str>) -> WorkloadIdentity {
        let certificate = ends.map(|ends| {
            json!({"serial": "0a:0b", "notBefore": "2027-01-01T00:00:00Z",
            "notAfter": ends, "renewAt": "2027-01-01T05:00:00Z", "secretName": "s"})
        });
        let (status, reason) =
            if ends.is_some() { ("True", "Issued") } else { ("False", "SpendingCapReached") };
        serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"dnsNames": ["web.x.example"], "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "fw"},
            "status": {"certificate": certificate, "conditions": [{"type": "CertificateIssued", "status": status,
                "reason": reason, "message": "words", "lastTransitionTime": "2027-01-01T00:00:00Z"}]}}))
        .unwrap()
    }

    #[test]
    fn those_that_wait_come_first_and_then_the_first_to_end() {
        let now = "2027-01-01T03:00:00Z".parse().unwrap();
        let identities = [
            identity("late", Some("2027-01-09T00:00:00Z")),
            identity("soon", Some("2027-01-01T06:00:00Z")),
            identity("over", Some("2027-01-01T02:00:00Z")),
            identity("none", None),
        ];
        let text = all(&identities, now);
        let order: Vec<&str> =
            text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(order, ["none", "over", "soon", "late"], "{text}");
        assert!(text.contains("in 7 d") && text.contains("in 3 h") && text.contains("60 min ago"), "{text}");
    }

    #[test]
    fn one_is_told_with_whose_turn_it_is_and_what_its_authority_says() {
        let authority: CertificateAuthority = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "CertificateAuthority", "metadata": {"name": "ca"},
            "spec": {"embedded": {}, "caps": {"perDay": 7}}, "status": {"issuedToday": 7, "conditions": []}}))
        .unwrap();
        let now = "2027-01-01T03:00:00Z".parse().unwrap();
        let text = one(&identity("web-1", None), &[authority], &[], now);
        for expected in ["the platform team", "7 of 7 a day", "docs/RUNBOOK.md#spendingcapreached", "words"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(
            one(&identity("web-1", None), &[], &[], now).contains("CertificateAuthority ca does not exist")
        );
    }
}
