//! One workload by itself: what the webhook would answer.

use sallyport_contract::{
    derive::{Grant, Verdict, enabled},
    identity::Identity,
    keys,
};
use sallyport_webhook::{
    decide::Case,
    judge::{decided, pods_of},
    review::{Entry, ObjectKind, Operation, Review},
};
use serde_json::Value;

use super::{
    Finding, Outcome,
    bundle::{Candidate, Complete},
    document::{Document, text_at},
    rollout,
};

/// The verdict, and the identities that it gives.
pub(super) fn of(candidate: Candidate, bundle: &Complete) -> (Finding, Vec<Identity>) {
    let Candidate { file, namespace, mut document } = candidate;
    let review = review(&namespace, &mut document);
    let object = format!("{} {namespace}/{}", review.kind.kind, shown(&review));
    let entry = if review.kind.kind == "Pod" { Entry::Pods } else { Entry::Workloads };
    let (outcome, warnings, identities) = match Case::of(entry, &review) {
        Err(refusal) => (Outcome::Refused(Box::new(refusal)), Vec::new(), Vec::new()),
        Ok(None) => (Outcome::Passed, Vec::new(), Vec::new()),
        Ok(Some(case)) => judged(&case, &review.object, &namespace, bundle),
    };
    let place = if let Outcome::Refused(refusal) = &outcome { refusal.place.as_str() } else { "" };
    document.object = review.object;
    let line = document.line_of(place);
    let width = document.width_of(line);
    (Finding { file, line, width, object, outcome, warnings }, identities)
}

/// The object's name, or what it is to be generated from.
fn shown(review: &Review) -> &str {
    if review.name.is_empty() { text_at(&review.object, &["metadata", "generateName"]) } else { &review.name }
}

/// The review of the object, which is taken out of its document.
fn review(namespace: &str, document: &mut Document) -> Review {
    let version = document.text_at(&["apiVersion"]);
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = document.text_at(&["kind"]).to_owned();
    let kind = ObjectKind { group: group.to_owned(), version: version.to_owned(), kind };
    Review {
        uid: "check".to_owned(),
        kind,
        sub_resource: String::new(),
        namespace: namespace.to_owned(),
        name: document.text_at(&["metadata", "name"]).to_owned(),
        operation: Operation::Create,
        object: document.object.take(),
        old_object: Value::Null,
    }
}

type Judged = (Outcome, Vec<String>, Vec<Identity>);

fn judged(case: &Case, object: &Value, namespace: &str, bundle: &Complete) -> Judged {
    let known = bundle.facts.of(namespace);
    let Some(labels) = &known.labels else {
        let words = format!(
            "namespace {namespace} is not among the manifests; give its manifest, or --enabled {namespace} if it carries the label \
             {}, or --from-cluster",
            keys::INJECT
        );
        return (Outcome::Unjudged(words), Vec::new(), Vec::new());
    };
    if !enabled(labels) {
        return (Outcome::NotEnabled, Vec::new(), Vec::new());
    }
    match decided(case, labels, &known) {
        Verdict::Refused(refusal) => (Outcome::Refused(Box::new(refusal)), Vec::new(), Vec::new()),
        Verdict::LeftOut => (Outcome::LeftOut, Vec::new(), Vec::new()),
        Verdict::Audited(audit) => (Outcome::Audited(audit.would_be_refused()), Vec::new(), Vec::new()),
        Verdict::Granted(grant) => granted(case, object, grant, bundle),
    }
}

fn granted(case: &Case, object: &Value, grant: Grant, bundle: &Complete) -> Judged {
    match pods_of(object, case, &grant) {
        Err(refusal) => (Outcome::Refused(Box::new(refusal)), Vec::new(), Vec::new()),
        Ok(more) => {
            let identities: Vec<Identity> = grant.identities().cloned().collect();
            let names = identities.iter().flat_map(|identity| identity.dns_names.to_strings()).collect();
            let firewall =
                bundle.firewalls.iter().find(|one| one.metadata.name.as_ref() == Some(&grant.first.firewall));
            let slow = firewall.and_then(|firewall| rollout::warning(case, object, firewall));
            (Outcome::Granted(names), [grant.warnings, more, Vec::from_iter(slow)].concat(), identities)
        }
    }
}
