//! The rows of the matrix: what goes wrong, how it ends, and what it may cost.

use std::time::Duration;

use panos_sim::{Action, Times, Where};

use super::{
    field::Field,
    support::{VSYS, always, once},
};

/// What goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// One call gets this for an answer.
    Answer(Action),
    /// No call comes through for a while.
    Unreachable,
    /// Every key dies.
    KeysExpire,
    /// The management plane starts again: it is away, and forgets its jobs.
    Restart,
    /// Our process ends without a word, and another begins.
    Killed,
    /// A colleague holds the lock of the configuration for a while.
    ConfigLock,
    /// A colleague holds the lock of commits for a while.
    CommitLock,
    /// A colleague adds a rule, and takes it back later.
    RuleAdded,
    /// A colleague changes a rule, and commits that some other day.
    RuleEdited,
    /// The next job fails.
    CommitFails,
    /// The next job compiles no signature.
    NotCompiled,
    /// Jobs do not end for a while.
    NeverEnds,
    /// The peer of the pair takes over.
    FailOver,
    /// The peer takes over because the active device starts again.
    FailOverAndRestart,
}

/// One number for each code that has a fate of its own; 403 has a row of its own.
pub(crate) const CODES: &[u16] = &[1, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 22, 99, 400];

/// What the device says when it means "later".
pub(crate) const PASSING: &[&str] = &[
    "Another commit/validate is in progress. Please try again later",
    "A commit is in progress.",
    "A commit is pending. Please try again later",
    "You cannot commit while an install is in progress",
    "Another sync is in progress. Please try again later",
    "Commit queue is full",
    "Configuration is locked by anna",
    "Config for scope vsys1 is currently locked",
    "Commit lock is already held",
    "Other administrators are holding commit locks.",
    "Timed out while getting config lock",
    "Session timed out",
];

/// An outward call as the device sees it: the kind of request, and words by which it is known.
pub(crate) type Call = (Where, Option<&'static str>);

/// The call at a place `before …`; `None` for those that go elsewhere, and for places after a call.
pub(crate) fn call_at(place: &str) -> Option<Call> {
    Some(match place.strip_prefix("before ")? {
        "facts" => (Where::Op, Some("<system><info")),
        "candidate" => (Where::Get, None),
        "running" => (Where::Show, None),
        "write" => (Where::MultiConfig, None),
        "pending" => (Where::Op, Some("<changes")),
        "jobs" => (Where::JobPoll, Some("<all")),
        "commit" => (Where::Commit, Some("<commit>")),
        "job" => (Where::JobPoll, Some("<id>")),
        "bad signatures" => (Where::Op, Some("bad-custom-signature")),
        "policy test" => (Where::Op, Some("security-policy-match")),
        "enforcers" => (Where::Op, Some("<devicegroups")),
        "push" => (Where::Commit, Some("<commit-all>")),
        "rulebase" => (Where::Show, None),
        "in force" => (Where::Show, Some("/config/panorama/")),
        _ => return None,
    })
}

const RULE: &str = "<from><member>untrust</member></from><to><member>trust</member></to><source><member>any</member></source><destination><member>any</member></destination><application><member>any</member></application><service><member>any</member></service><action>deny</action>";

impl Fault {
    /// Whether it strikes one call, so that places after a call make no difference to it.
    pub(crate) const fn strikes_a_call(&self) -> bool {
        matches!(self, Self::Answer(_))
    }

    /// Whether it goes on until it is lifted.
    pub(crate) const fn lasts(&self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::ConfigLock | Self::CommitLock | Self::RuleAdded | Self::NeverEnds
        )
    }

    /// Whether another device is active from then on, which our words do not know before the next look.
    pub(crate) const fn changes_devices(&self) -> bool {
        matches!(self, Self::FailOver | Self::FailOverAndRestart)
    }

    /// Most commit jobs of ours.
    pub(crate) const fn most_commits(&self) -> usize {
        match self {
            // What the first one did not bring about, a second one does. A restart forgets the job that ran; a rule
            // that comes between our question and our commit makes the job fail; what the peer was not given before it
            // took over, it is given again; who is told that a list does not exist (7) puts on it what is wanted, and
            // takes off it what is not when it is there again.
            Self::Answer(Action::Refuse { code: 7, .. })
            | Self::CommitFails
            | Self::NotCompiled
            | Self::Restart
            | Self::RuleAdded
            | Self::FailOver
            | Self::FailOverAndRestart => 2,
            Self::Answer(_)
            | Self::Unreachable
            | Self::KeysExpire
            | Self::Killed
            | Self::ConfigLock
            | Self::CommitLock
            | Self::RuleEdited
            | Self::NeverEnds => 1,
        }
    }

    /// Makes it happen. `call`: the one that comes next.
    pub(crate) async fn strike(&self, field: &Field, call: Option<Call>) {
        let device = field.device();
        match self {
            Self::Answer(action) => {
                let (place, words) = call.unwrap_or((Where::Config, None));
                let times = Times::Count(1);
                let matching = words.map(ToOwned::to_owned);
                device.plant(panos_sim::Fault { place, action: action.clone(), times, matching });
            }
            Self::Unreachable => {
                for place in [Where::Connect, Where::Keygen, Where::Config, Where::Op, Where::Commit] {
                    device.plant(always(place, Action::DropBefore));
                }
            }
            Self::KeysExpire => device.expire_keys(),
            Self::Restart => device.restart(Duration::from_millis(20)),
            Self::Killed => {}
            Self::ConfigLock => field.lock("config-lock", "add").await,
            Self::CommitLock => field.lock("commit-lock", "add").await,
            Self::RuleAdded => field.colleague.config("set", &half_done(), RULE).await,
            Self::RuleEdited => {
                let rule = format!("{VSYS}/rulebase/security/rules/entry[@name='allow-legacy']/description");
                let words = "<description>a colleague's note</description>";
                field.colleague.config("edit", &rule, words).await;
            }
            Self::CommitFails => device.plant(once(Where::Job, Action::FailJob("as planted".to_owned()))),
            Self::NotCompiled => device.plant(once(Where::Job, Action::CommitNotCompiled(Vec::new()))),
            Self::NeverEnds => device.plant(always(Where::Job, Action::NeverFinish)),
            Self::FailOver => field.fail_over(None),
            Self::FailOverAndRestart => field.fail_over(Some(Duration::from_millis(20))),
        }
    }

    /// Ends it, where it goes on.
    pub(crate) async fn lift(&self, field: &Field) {
        match self {
            Self::Unreachable | Self::NeverEnds => field.device().clear_faults(),
            Self::ConfigLock => field.lock("config-lock", "remove").await,
            Self::CommitLock => field.lock("commit-lock", "remove").await,
            Self::RuleAdded => field.colleague.config("delete", &half_done(), "").await,
            Self::Answer(_)
            | Self::KeysExpire
            | Self::Restart
            | Self::Killed
            | Self::RuleEdited
            | Self::CommitFails
            | Self::NotCompiled
            | Self::FailOver
            | Self::FailOverAndRestart => {}
        }
    }
}

fn half_done() -> String {
    format!("{VSYS}/rulebase/security/rules/entry[@name='half-done']")
}
