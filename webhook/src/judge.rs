//! The whole judgement without any waiting: `review → facts → decide → injection → patch`.

use sallyport_contract::{
    Reason, Refusal,
    derive::{Audit, Grant, Verdict, enabled},
    keys,
    object::Delivery,
};
use serde_json::Value;

use crate::{
    annotation,
    decide::{Case, Kind},
    facts::{Known, Labels, Snapshot},
    injection::{self, Obstacle},
    patch::{Change, Misshapen, Patch},
    review::{Answer, Entry, Review, ReviewError, Ruling},
};

/// How a review ended, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// An identity was given.
    Granted,
    /// A rule forbids it.
    Refused,
    /// It asked to be left out.
    LeftOut,
    /// Its policy only audits.
    Audited,
    /// Not ours to judge.
    Untouched,
    /// The body or the object cannot be understood.
    Malformed,
    /// Neither the caches nor the API server could tell what the rules are.
    CannotJudge,
}

/// An answer, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What the API server is told.
    pub answer: Answer,
    /// How it ended.
    pub outcome: Outcome,
    /// The refusal, for log and metrics.
    pub refusal: Option<Refusal>,
}

/// Judges with what the caches hold, without looking again.
///
/// # Errors
/// The body is not a review.
pub fn judge(entry: Entry, body: &[u8], facts: &Snapshot) -> Result<Judged, ReviewError> {
    let review = Review::read(body)?;
    let known = facts.of(&review.namespace);
    Ok(match Case::of(entry, &review) {
        Ok(Some(case)) => rule(review, &case, &known),
        Ok(None) => untouched(review.uid),
        Err(refusal) => malformed(review.uid, refusal),
    })
}

/// Rules on a case with what is known, which is as complete as it gets.
#[must_use]
pub fn rule(review: Review, case: &Case, known: &Known) -> Judged {
    let Some(labels) = &known.labels else {
        let why = format!("namespace {} is not known here", review.namespace);
        return cannot_judge(review.uid, case, &why);
    };
    if !enabled(labels) {
        return untouched(review.uid);
    }
    let Review { uid, object, .. } = review;
    match decided(case, labels, known) {
        Verdict::Refused(refusal) => refused(uid, refusal),
        Verdict::LeftOut => give(uid, case, object, Outcome::LeftOut, left_out),
        Verdict::Audited(audit) => {
            let told =
                give(uid, case, object, Outcome::Audited, |object, case| audited(object, case, &audit));
            Judged { refusal: audit.would.err(), ..told }
        }
        Verdict::Granted(grant) => {
            give(uid, case, object, Outcome::Granted, |object, case| granted(object, case, grant))
        }
    }
}

/// What a case of a namespace with these labels comes to on this cluster: what a policy grants may be more than it serves.
#[must_use]
pub fn decided(case: &Case, labels: &Labels, known: &Known) -> Verdict {
    match case.decide(labels, known) {
        Verdict::Granted(grant) if grant.first.delivery == Delivery::Pod && !known.pod_certificates => {
            Verdict::Refused(not_served(case, &grant.first.policy))
        }
        verdict @ (Verdict::Granted(_) | Verdict::LeftOut | Verdict::Refused(_) | Verdict::Audited(_)) => {
            verdict
        }
    }
}

/// Lets the object in as it is.
#[must_use]
pub fn untouched(uid: String) -> Judged {
    let answer = Answer { uid, ruling: Ruling::Allowed(Patch::default()), warnings: Vec::new() };
    Judged { answer, outcome: Outcome::Untouched, refusal: None }
}

/// Keeps out what cannot be read.
#[must_use]
pub fn malformed(uid: String, refusal: Refusal) -> Judged {
    Judged { outcome: Outcome::Malformed, ..deny(uid, 400, refusal.reason.code(), refusal) }
}

/// What cannot be judged: a pod stays out; a workload is let in, since its pods come here again.
#[must_use]
pub fn cannot_judge(uid: String, case: &Case, why: &str) -> Judged {
    let object = &case.subject.object;
    if case.kind != Kind::Pod {
        let warnings = vec![format!("{object} was not judged by Sallyport, its pods will be: {why}")];
        let answer = Answer { uid, ruling: Ruling::Allowed(Patch::default()), warnings };
        return Judged { answer, outcome: Outcome::CannotJudge, refusal: None };
    }
    let refusal = Refusal {
        reason: Reason::NotShown,
        what: format!("cannot judge: {why}"),
        place: object.clone(),
        rule: format!(
            "a pod of a namespace labelled {}: {} is let in only when its policy is known",
            keys::INJECT,
            keys::INJECT_ENABLED
        ),
        remedy: "try again; if it stays so, have the platform team look at the sallyport-webhook pods"
            .to_owned(),
    };
    Judged { outcome: Outcome::CannotJudge, ..deny(uid, 503, "ServiceUnavailable", refusal) }
}

/// A pod that is let in would wait for its volume for ever.
fn not_served(case: &Case, policy: &str) -> Refusal {
    Refusal {
        reason: Reason::NotSupportedHere,
        what: "this cluster has no certificates that the kubelet asks for itself".to_owned(),
        place: case.subject.object.clone(),
        rule: format!(
            "IdentityPolicy {policy} has spec.certificate.delivery: Pod, which takes PodCertificateRequests of \
             certificates.k8s.io/v1, served from Kubernetes 1.37"
        ),
        remedy: "have the policy's owner set spec.certificate.delivery: Secret, or upgrade the cluster"
            .to_owned(),
    }
}

fn refused(uid: String, refusal: Refusal) -> Judged {
    deny(uid, 403, refusal.reason.code(), refusal)
}

fn deny(uid: String, code: u16, reason: &'static str, refusal: Refusal) -> Judged {
    let ruling = Ruling::Denied { code, reason, message: refusal.to_string() };
    let answer = Answer { uid, ruling, warnings: Vec::new() };
    Judged { answer, outcome: Outcome::Refused, refusal: Some(refusal) }
}

/// Changes and warnings.
type Gift = (Vec<Change>, Vec<String>);

fn granted(object: &Value, case: &Case, grant: Grant) -> Result<Gift, Obstacle> {
    match case.kind {
        Kind::Pod => {
            let injection = injection::inject(object, case, &grant)?;
            Ok((injection.changes, [grant.warnings, injection.warnings].concat()))
        }
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Job | Kind::CronJob => {
            // What its pods would be refused for is told here, where a person reads it.
            let pods = pods(object, case, &grant)?;
            Ok((annotation::annotate(object, case, &grant)?, [grant.warnings, pods].concat()))
        }
    }
}

/// What becomes of the pods of a granted object, before there are any. Hands back what their owner should know.
///
/// # Errors
/// Something in the template stands where ours has to go, or it has not the shape of a pod's.
pub fn pods_of(object: &Value, case: &Case, grant: &Grant) -> Result<Vec<String>, Refusal> {
    pods(object, case, grant).map_err(|obstacle| match obstacle {
        Obstacle::Taken(refusal) => refusal,
        Obstacle::Misshapen(error) => misshapen(case, &error),
    })
}

fn pods(object: &Value, case: &Case, grant: &Grant) -> Result<Vec<String>, Obstacle> {
    let warnings = injection::inject(object, case, grant)?.warnings;
    let turned = annotation::turned(object, case, grant).into_iter().collect();
    Ok([warnings, annotation::misplaced(object, case), turned].concat())
}

fn left_out(object: &Value, case: &Case) -> Result<Gift, Obstacle> {
    let changes = match case.kind {
        Kind::Pod => injection::clean(object, case)?,
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Job | Kind::CronJob => {
            annotation::clean(object)?
        }
    };
    Ok((changes, Vec::new()))
}

/// An audited object is left as one that is left out; people hear what would become of it.
fn audited(object: &Value, case: &Case, audit: &Audit) -> Result<Gift, Obstacle> {
    let (changes, _) = left_out(object, case)?;
    Ok((changes, audit.would_be_refused().into_iter().collect()))
}

fn give(
    uid: String,
    case: &Case,
    mut object: Value,
    outcome: Outcome,
    gift: impl FnOnce(&Value, &Case) -> Result<Gift, Obstacle>,
) -> Judged {
    let patched =
        gift(&object, case).and_then(|(changes, warnings)| Ok((Patch::of(&mut object, &changes)?, warnings)));
    match patched {
        Ok((patch, warnings)) => Judged {
            answer: Answer { uid, ruling: Ruling::Allowed(patch), warnings },
            outcome,
            refusal: None,
        },
        Err(Obstacle::Taken(refusal)) => refused(uid, refusal),
        Err(Obstacle::Misshapen(error)) => malformed(uid, misshapen(case, &error)),
    }
}

fn misshapen(case: &Case, error: &Misshapen) -> Refusal {
    let kind = case.kind.as_str();
    Refusal {
        reason: Reason::Malformed,
        what: format!("the object cannot be read as a {kind}: {error}"),
        place: format!("{}, {}", case.subject.object, error.place),
        rule: format!("the schema of {kind} in Kubernetes 1.37"),
        remedy: "correct the manifest".to_owned(),
    }
}
