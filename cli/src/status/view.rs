//! What the objects of a namespace say, as a table and what there is to do.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use sallyport_contract::{
    Reason, keys,
    object::{Condition, ConditionStatus, NamespaceBinding, WorkloadIdentity},
};

use crate::{
    table::table,
    terminal::{printable, rounded},
};

/// A namespace at one moment.
pub(super) struct View {
    pub(super) namespace: String,
    pub(super) enabled: bool,
    pub(super) binding: Option<NamespaceBinding>,
    pub(super) identities: Vec<WorkloadIdentity>,
    pub(super) pods: Vec<Pod>,
}

impl View {
    /// Whether an identity is not Ready.
    pub(super) fn waits(&self) -> bool {
        self.waiting().next().is_some()
    }

    /// One screen.
    pub(super) fn print(&self, now: Timestamp) -> String {
        let mut text = format!("namespace {}: {}\n", self.namespace, self.held());
        if !self.identities.is_empty() {
            let rows: Vec<Vec<String>> = self.identities.iter().map(|identity| row(identity, now)).collect();
            text.push_str(&table(
                &["IDENTITY", "ACTION", "CERTIFICATE", "FIREWALL", "PODS", "DNS NAMES"],
                &rows,
            ));
        }
        let waiting = self.waiting().count();
        let plural = if self.identities.len() == 1 { "identity" } else { "identities" };
        text.push_str(&format!("{} {plural}, {waiting} not Ready\n", self.identities.len()));
        for (identity, condition) in self.waiting() {
            text.push_str(&told(identity, condition));
        }
        text.push_str(&self.missed());
        printable(&text)
    }

    fn held(&self) -> String {
        if !self.enabled {
            return format!(
                "not Sallyport's; the label {}: {} turns it on",
                keys::INJECT,
                keys::INJECT_ENABLED
            );
        }
        let Some(binding) = &self.binding else {
            return "enabled, and cert-agent has not bound it yet; is it running?".to_owned();
        };
        let spec = &binding.spec;
        let policy = spec.policy.as_ref().map_or_else(
            || "no policy holds it".to_owned(),
            |policy| format!("policy {policy}, mode {:?}, opt-out {:?}", spec.mode, spec.opt_out),
        );
        spec.problem.as_ref().map_or(policy.clone(), |problem| format!("{policy}\n  ! {problem}"))
    }

    /// The identities that are not Ready, each with what is said of it.
    fn waiting(&self) -> impl Iterator<Item = (&WorkloadIdentity, Option<&Condition>)> {
        self.identities.iter().filter_map(|identity| {
            let ready = identity.condition("Ready");
            let open = ready.is_some_and(|ready| ready.status == ConditionStatus::True);
            (!open).then_some((identity, ready))
        })
    }

    /// Living pods of an enabled namespace that nobody injected and that did not ask for that.
    fn missed(&self) -> String {
        let audits = self.binding.as_ref().is_some_and(|binding| {
            binding.spec.policy.is_none() || binding.spec.mode == sallyport_contract::object::Mode::Audit
        });
        if !self.enabled || audits {
            return String::new();
        }
        let missed = self.pods.iter().filter(|pod| is_missed(pod));
        let names: Vec<&str> = missed.filter_map(|pod| pod.metadata.name.as_deref()).collect();
        match names.as_slice() {
            [] => String::new(),
            [first, rest @ ..] => {
                let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
                format!(
                    "! without an identity: pod {first}{more}\n  do: `sallyport explain pod/{first} -n {}` says why\n",
                    self.namespace
                )
            }
        }
    }
}

fn is_missed(pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).map(String::as_str);
    let over = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let over = matches!(over, Some("Succeeded" | "Failed")) || pod.metadata.deletion_timestamp.is_some();
    label(keys::IDENTITY).is_none() && label(keys::INJECT) != Some(keys::INJECT_DISABLED) && !over
}

fn row(identity: &WorkloadIdentity, now: Timestamp) -> Vec<String> {
    let reason = |kind: &str| {
        identity.condition(kind).map_or_else(|| "-".to_owned(), |condition| condition.reason.clone())
    };
    let status = identity.status.as_ref();
    let ends = status.and_then(|status| {
        let one = status.certificate.as_ref().map(|certificate| certificate.not_after);
        one.or_else(|| status.certificates.as_ref()?.earliest_not_after)
    });
    let ends =
        ends.map(|ends| format!(", ends in {}", rounded(ends.duration_since(now)))).unwrap_or_default();
    let pods = status.and_then(|status| status.pods.as_ref()).map(|pods| pods.summary.clone());
    vec![
        identity.metadata.name.clone().unwrap_or_default(),
        identity.spec.action.as_str().to_owned(),
        format!("{}{ends}", reason("CertificateIssued")),
        format!("{}: {}", identity.spec.firewall, reason("FirewallEnforced")),
        pods.unwrap_or_else(|| "-".to_owned()),
        identity.spec.dns_names.join(", "),
    ]
}

/// What an identity waits for, whose turn it is and what to do.
fn told(identity: &WorkloadIdentity, ready: Option<&Condition>) -> String {
    let name = identity.metadata.name.as_deref().unwrap_or_default();
    let Some(ready) = ready else {
        return format!("  {name} waits for Sallyport's first word\n");
    };
    let head = format!("  {name}: {}: {}\n", ready.reason, ready.message);
    match Reason::from_code(&ready.reason) {
        Some(reason) => {
            format!("{head}    whose turn: {}. {}\n", reason.turn().as_str(), reason.action())
        }
        None => head,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(name: &str, ready: &str, reason: &str) -> WorkloadIdentity {
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": "as it is",
                "lastTransitionTime": "2026-11-21T11:00:00Z"})
        };
        let terms = json!({"authority": "corp"});
        serde_json::from_value(json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"dnsNames": [format!("{name}.shop.corp.example")], "delivery": "Secret", "action": "Allow",
                "policy": "shop", "certificate": terms, "firewall": "edge"},
            "status": {
                "certificate": {"serial": "0a", "notBefore": "2026-11-21T11:00:00Z", "notAfter": "2026-11-27T12:00:00Z",
                    "renewAt": "2026-11-25T12:00:00Z", "secretName": "s"},
                "pods": {"total": 3, "ready": 3, "summary": "3/3"},
                "conditions": [condition("CertificateIssued", "True", "Issued"),
                    condition("FirewallEnforced", ready, reason), condition("Ready", ready, reason)]}}))
        .unwrap()
    }

    fn view(identities: Vec<WorkloadIdentity>) -> View {
        let binding = json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "NamespaceBinding",
            "metadata": {"name": "sallyport"}, "spec": {"policy": "shop", "mode": "Enforce", "optOut": "Forbid"}});
        let pod = |name: &str, labels: serde_json::Value| {
            serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).unwrap()
        };
        View {
            namespace: "shop".to_owned(),
            enabled: true,
            binding: serde_json::from_value(binding).unwrap(),
            identities,
            pods: vec![
                pod("web-1", json!({"sallyport.dev/identity": "web"})),
                pod("out-1", json!({"sallyport.dev/inject": "disabled"})),
                pod("old-1", json!({})),
            ],
        }
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_namespace_is_told_on_one_screen() {
        let view =
            view(vec![identity("web", "True", "Enforced"), identity("pay", "False", "AwaitingCommit")]);
        let text = view.print(now());
        assert!(view.waits());
        let expected = "\
namespace shop: policy shop, mode Enforce, opt-out Forbid
IDENTITY  ACTION  CERTIFICATE         FIREWALL              PODS  DNS NAMES
web       allow   Issued, ends in 6d  edge: Enforced        3/3   web.shop.corp.example
pay       allow   Issued, ends in 6d  edge: AwaitingCommit  3/3   pay.shop.corp.example
2 identities, 1 not Ready
  pay: AwaitingCommit: as it is
    whose turn: ";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(
            "! without an identity: pod old-1\n  do: `sallyport explain pod/old-1 -n shop` says why\n"
        ));
    }

    #[test]
    fn a_namespace_without_sallyport_says_how_to_turn_it_on() {
        let off = View { enabled: false, ..view(Vec::new()) };
        let text = off.print(now());
        assert_eq!(
            text,
            "namespace shop: not Sallyport's; the label sallyport.dev/inject: enabled turns it on\n0 identities, 0 not Ready\n"
        );
        assert!(!off.waits());
    }
}
