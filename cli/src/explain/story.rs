//! A pod's story: admitted, certificate, firewall, gate.

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    Reason, Turn, keys,
    object::{Condition, ConditionStatus, Mode, WorkloadIdentity},
};

use super::scene::Scene;
use crate::terminal::{printable, rounded};

/// What is told.
pub(super) struct Story {
    /// For people.
    pub(super) text: String,
    /// Whether the pod waits for Sallyport.
    pub(super) waits: bool,
}

/// How far a stage is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Done,
    Under,
    Ahead,
    Wrong,
}

impl Mark {
    const fn sign(self) -> char {
        match self {
            Self::Done => '✓',
            Self::Under => '…',
            Self::Ahead => '·',
            Self::Wrong => '✗',
        }
    }
}

/// One line: mark, stage, what is said of it, and when it came to be.
struct Stage {
    mark: Mark,
    name: &'static str,
    words: String,
    at: Option<Timestamp>,
}

/// Tells the story of one pod.
pub(super) fn of(scene: &Scene, now: Timestamp) -> Story {
    let metadata = &scene.pod.metadata;
    let pod = format!(
        "pod {}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    );
    let label = metadata.labels.as_ref().and_then(|labels| labels.get(keys::IDENTITY));
    let Some(label) = label else { return outside(scene, &pod) };
    let (gate, reason) = gate(scene);
    let open = gate.mark == Mark::Done;
    let Some(identity) = &scene.identity else {
        let all_the_same =
            if open { format!("  its gate is open all the same: {}\n", gate.words) } else { String::new() };
        let words = format!(
            "{pod} waits for its identity\n{all_the_same}  the pod names WorkloadIdentity {label}, and there is none: cert-agent makes it within seconds. If it \
             stays so, look at the pod's events and at cert-agent's log\n"
        );
        return Story { text: printable(&words), waits: !open };
    };
    let lapsed = lapsed(identity, open, reason);
    let head = match reason {
        Some(Reason::BreakGlass) if open => "is let in without proof, by a GateOverride".to_owned(),
        _ if lapsed.is_some() => "was let in; the firewall is not shown to enforce its name now".to_owned(),
        _ if open => "is let in by Sallyport".to_owned(),
        Some(reason) => format!("waits for {}", reason.turn().as_str()),
        None => "waits for Sallyport's first word".to_owned(),
    };
    let mut text = format!("{pod} {head}\n");
    let stages = [admitted(scene), certificate(identity, now), firewall(scene, identity), gate];
    for stage in stages.into_iter().chain(containers(scene)) {
        line(&mut text, &stage, now);
    }
    let due = lapsed.or(reason.filter(|reason| !open || *reason == Reason::BreakGlass));
    if let Some(reason) = due {
        let (turn, action) = turn(identity, reason);
        text.push_str(&format!("whose turn: {}. {}{}\n", turn.as_str(), action, pace(scene)));
    }
    text.push_str(&unproven(scene));
    Story { text: printable(&text), waits: !open }
}

/// Why the firewall is not shown to enforce the name of a pod whose gate opened on proof; nothing if it is, or if nobody is to act.
fn lapsed(identity: &WorkloadIdentity, open: bool, gate: Option<Reason>) -> Option<Reason> {
    if !open || gate == Some(Reason::BreakGlass) {
        return None;
    }
    let condition = identity.condition("FirewallEnforced")?;
    let reason = Reason::from_code(&condition.reason)?;
    (condition.status != ConditionStatus::True && reason.turn() != Turn::Nobody).then_some(reason)
}

/// Whose turn it is, and what to do. No certificate authority can act that does not exist.
fn turn(identity: &WorkloadIdentity, reason: Reason) -> (Turn, String) {
    let authority = &identity.spec.certificate.authority;
    let missing = format!("CertificateAuthority {authority} does not exist");
    let told = identity.condition("CertificateIssued");
    if reason == Reason::AuthorityUnavailable && told.is_some_and(|told| told.message.contains(&missing)) {
        let policy = &identity.spec.policy;
        let action =
            format!("Create CertificateAuthority {authority}, or have IdentityPolicy {policy} name another.");
        return (Turn::Platform, action);
    }
    (reason.turn(), reason.action().to_owned())
}

/// A pod without an identity: left out, or missed.
fn outside(scene: &Scene, pod: &str) -> Story {
    let told = |text: String, waits| Story { text: format!("{pod} {text}\n"), waits };
    if !scene.enabled {
        let label = format!("{}: {}", keys::INJECT, keys::INJECT_ENABLED);
        let why = match &scene.label {
            Some(value) => {
                format!("carries {}: {value}; only {} turns it on", keys::INJECT, keys::INJECT_ENABLED)
            }
            None => format!("does not carry the label {label}"),
        };
        return told(printable(&format!("is not Sallyport's: its namespace {why}")), false);
    }
    let labels = scene.pod.metadata.labels.as_ref();
    if labels.and_then(|labels| labels.get(keys::INJECT)).is_some_and(|value| value == keys::INJECT_DISABLED)
    {
        return told("asked to be left out, and is".to_owned(), false);
    }
    let mode = scene.binding.as_ref().map(|binding| binding.spec.mode);
    if mode == Some(Mode::Audit) {
        return told("has no identity: the policy of its namespace only audits".to_owned(), false);
    }
    told(
        "has no identity, and its namespace is enabled: it is older than the label or the policy, or came in while the webhook was away\n  \
         do: have its workload make it anew, for example `kubectl rollout restart`"
            .to_owned(),
        false,
    )
}

fn admitted(scene: &Scene) -> Stage {
    let annotation = |key: &str| {
        let annotations = scene.pod.metadata.annotations.as_ref();
        annotations.and_then(|annotations| annotations.get(key)).cloned().unwrap_or_default()
    };
    let words = format!(
        "policy {}: {} {}",
        annotation(keys::RESOLVED_POLICY),
        annotation(keys::RESOLVED_ACTION),
        annotation(keys::RESOLVED_DNS_NAMES)
    );
    let at = scene.pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    Stage { mark: Mark::Done, name: "admitted", words, at }
}

/// A stage that a condition of the identity tells: `done` says it where it holds.
fn told(name: &'static str, condition: Option<&Condition>, done: impl FnOnce(&Condition) -> String) -> Stage {
    match condition {
        None => Stage { mark: Mark::Ahead, name, words: "nothing is known yet".to_owned(), at: None },
        Some(condition) if condition.status == ConditionStatus::True => {
            Stage { mark: Mark::Done, name, words: done(condition), at: Some(condition.last_transition_time) }
        }
        Some(condition) => Stage {
            mark: mark_of(&condition.reason),
            name,
            words: format!("{}: {}", condition.reason, condition.message),
            at: Some(condition.last_transition_time),
        },
    }
}

/// What passes by itself is under way; what takes a person is wrong.
fn mark_of(reason: &str) -> Mark {
    match Reason::from_code(reason).map(Reason::turn) {
        Some(Turn::NetworkSecurity | Turn::Platform | Turn::Application) | None => Mark::Wrong,
        Some(Turn::Nobody | Turn::Sallyport | Turn::CertificateAuthority | Turn::Firewall) => Mark::Under,
    }
}

fn certificate(identity: &WorkloadIdentity, now: Timestamp) -> Stage {
    let authority = &identity.spec.certificate.authority;
    told("certificate", identity.condition("CertificateIssued"), |_| {
        let issued = identity.status.as_ref().and_then(|status| status.certificate.as_ref());
        issued.map_or_else(
            || format!("{authority}: issued"),
            |issued| {
                let left = rounded(issued.not_after.duration_since(now));
                format!("{authority}, serial {}, ends in {left}", issued.serial)
            },
        )
    })
}

fn firewall(scene: &Scene, identity: &WorkloadIdentity) -> Stage {
    let name = &identity.spec.firewall;
    let mut stage =
        told("firewall", identity.condition("FirewallEnforced"), |condition| condition.message.clone());
    let enforced = identity.status.as_ref().and_then(|status| status.firewall.as_ref());
    for app in enforced.iter().flat_map(|enforced| &enforced.apps) {
        stage.words.push_str(&format!("\n{:16}{}: App-ID {}, rule {}", "", app.dns_name, app.app, app.rule));
    }
    let job = scene.firewall.as_ref().and_then(|firewall| firewall.status.as_ref()?.job.as_ref());
    if let (Some(job), true) = (job, stage.mark != Mark::Done) {
        stage.words.push_str(&format!(
            "\n{:16}{name} runs job {} of ours since {}",
            "",
            job.id,
            clock(job.started)
        ));
    }
    stage
}

/// The gate, and its reason.
fn gate(scene: &Scene) -> (Stage, Option<Reason>) {
    let status = scene.pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let found = conditions.into_iter().flatten().find(|condition| condition.type_ == keys::GATE);
    let Some(found) = found else {
        let words = "nobody has said anything about it yet".to_owned();
        return (Stage { mark: Mark::Ahead, name: "gate", words, at: None }, None);
    };
    let code = found.reason.clone().unwrap_or_default();
    let mark = if found.status == "True" { Mark::Done } else { mark_of(&code) };
    // It begins with the reason, for `kubectl describe` shows the message alone.
    let words = found.message.clone().unwrap_or_default();
    let at = found.last_transition_time.as_ref().map(|time| time.0);
    (Stage { mark, name: "gate", words, at }, Reason::from_code(&code))
}

/// What starts the containers of a pod that is held back.
fn containers(scene: &Scene) -> Option<Stage> {
    let init = scene.pod.spec.as_ref()?.init_containers.as_ref()?;
    init.iter().find(|container| container.name == keys::HOLD)?;
    let annotations = scene.pod.metadata.annotations.as_ref();
    let (mark, words) = match annotations.and_then(|annotations| annotations.get(keys::PROVEN)) {
        Some(proven) => (Mark::Done, format!("start by {} {proven}", keys::PROVEN)),
        None => (Mark::Ahead, format!("init container {} holds them until the gate opens", keys::HOLD)),
    };
    Some(Stage { mark, name: "containers", words, at: None })
}

/// How long a commit usually takes there, for who waits for one.
fn pace(scene: &Scene) -> String {
    let last = scene.firewall.as_ref().and_then(|firewall| firewall.status.as_ref()?.last_commit.as_ref());
    last.map_or_else(String::new, |last| {
        format!("\n  the last commit there took {}", rounded(SignedDuration::from_secs(last.took_seconds)))
    })
}

/// What nobody has shown, although the gate may be open; and how far the way there is shown.
fn unproven(scene: &Scene) -> String {
    let conditions = scene.firewall.iter().filter_map(|firewall| firewall.status.as_ref());
    let told = conditions.flat_map(|status| &status.conditions).filter_map(|condition| {
        let (kind, words) = (condition.kind.as_str(), &condition.message);
        match (kind, condition.status == ConditionStatus::True) {
            ("PathProven", true) => Some(format!("proven: {kind}: {words}\n")),
            ("PathProven" | "DefaultDeny" | "PatternsProven", false) => {
                Some(format!("not proven: {kind}: {words}\n"))
            }
            _ => None,
        }
    });
    told.collect()
}

fn line(text: &mut String, stage: &Stage, now: Timestamp) {
    let since = stage.at.map(|at| {
        let ago = rounded(now.duration_since(at));
        format!("  ({}, {ago} ago)", clock(at))
    });
    let mut lines = stage.words.lines();
    let first = lines.next().unwrap_or_default();
    text.push_str(&format!(
        "  {} {:12}{first}{}\n",
        stage.mark.sign(),
        stage.name,
        since.unwrap_or_default()
    ));
    for more in lines {
        text.push_str(&format!("{more}\n"));
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests;
