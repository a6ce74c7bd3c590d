//! What may happen next, drawn by chance.

use panos_sim::{Action, Times, Where};

use super::{device::Device, dice::Dice, hand, party::Party};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// An identity comes, or changes its names or action.
    Want { party: usize, identity: String, names: Vec<String>, action: &'static str },
    /// An identity goes.
    Unwant { party: usize, identity: String },
    /// The policy allows fewer names, or all of them.
    Tighten { party: usize, tight: bool },
    /// A brake is set or lifted.
    Brake { party: usize, brake: Brake },
    /// Something happens on the device between two steps.
    Act(Act),
    /// The same in the middle of a step, at this place of it.
    Within { party: usize, place: usize, act: Act },
    /// The process ends at this place of a step, and another begins.
    Killed { party: usize, place: usize },
    /// Time passes.
    Time { minutes: i64 },
}

/// What a brake is set to.
#[derive(Clone, Debug)]
pub(crate) enum Brake {
    Suspend(bool),
    Frozen(bool),
    Blocked(Vec<String>),
    MaxChanges(Option<u16>),
    MaxRemovals(Option<u16>),
}

/// What happens on the device.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Address,
    Rule,
    Commit,
    Revert,
    DeleteLast,
    /// A clone of an entry of ours, by its path.
    Clone(String),
    /// A rule of ours goes to the top or to the bottom.
    Place(String, &'static str),
    /// Something is written into an entry of ours, by its path.
    Edit(String, &'static str),
    /// An entry of ours is deleted, by its path.
    Delete(String),
    /// An App-ID with this pattern.
    Greedy(String),
    Lock(&'static str, &'static str),
    Fault(panos_sim::Fault),
    ClearFaults,
    KeysExpire,
    Restart,
}

impl Act {
    /// Whether the laws about what one step decides can still be told apart from what happened in it.
    pub(crate) const fn leaves_decisions(&self) -> bool {
        matches!(self, Self::Address | Self::Fault(_) | Self::ClearFaults | Self::KeysExpire)
    }
}

/// Draws an event. `candidate`: what can be meddled with.
pub(crate) fn draw(dice: &mut Dice, parties: &[Party], candidate: &Device) -> Event {
    let at = dice.below(parties.len());
    let Some(party) = parties.get(at) else { return Event::Time { minutes: 1 } };
    match dice.below(100) {
        0..=29 => wish(dice, at, party),
        30..=33 => Event::Tighten { party: at, tight: dice.percent(50) },
        34..=40 => Event::Brake { party: at, brake: brake(dice, party) },
        41..=48 => Event::Time { minutes: i64::try_from(dice.below(15)).unwrap() + 1 },
        49..=56 => Event::Killed { party: at, place: dice.below(40) },
        57..=66 => {
            let act = act(dice, party, candidate);
            Event::Within { party: at, place: dice.below(30), act }
        }
        _ => Event::Act(act(dice, party, candidate)),
    }
}

fn wish(dice: &mut Dice, at: usize, party: &Party) -> Event {
    let identity = format!("i-{}", dice.below(4));
    if dice.percent(30) {
        return Event::Unwant { party: at, identity };
    }
    let all = party.names();
    let mut names: Vec<String> = (0..=dice.below(2)).filter_map(|_| dice.one(&all)).collect();
    names.sort();
    names.dedup();
    let action = if dice.percent(70) { "Allow" } else { "Deny" };
    Event::Want { party: at, identity, names, action }
}

fn brake(dice: &mut Dice, party: &Party) -> Brake {
    let small = |dice: &mut Dice| Some(u16::try_from(dice.below(3)).unwrap() + 1);
    match dice.below(5) {
        0 => Brake::Suspend(dice.percent(40)),
        1 => Brake::Frozen(dice.percent(40)),
        2 if dice.percent(50) => Brake::Blocked(Vec::new()),
        2 => Brake::Blocked(dice.one(&party.names()).into_iter().collect()),
        3 => Brake::MaxChanges(if dice.percent(50) { small(dice) } else { None }),
        _ => Brake::MaxRemovals(if dice.percent(50) { small(dice) } else { None }),
    }
}

fn act(dice: &mut Dice, party: &Party, candidate: &Device) -> Act {
    let owned = party.owned();
    let apps: Vec<String> = candidate.apps.keys().filter(|name| owned.contains(*name)).cloned().collect();
    let rules: Vec<String> =
        candidate.rules.iter().map(|rule| rule.name.clone()).filter(|name| owned.contains(name)).collect();
    let (app, rule) = (dice.one(&apps), dice.one(&rules));
    let app_path = app.as_deref().map(hand::app_path);
    let rule_path = rule.as_deref().map(hand::rule_path);
    match (dice.below(32), app_path, rule_path, rule) {
        (0..=2, ..) => Act::Address,
        (3..=4, ..) => Act::Rule,
        (5..=8, ..) => Act::Commit,
        (9..=10, ..) => Act::Revert,
        (11..=12, ..) => Act::DeleteLast,
        (13, Some(app), ..) => Act::Clone(app),
        (14, _, Some(rule), _) => Act::Clone(rule),
        (15, _, _, Some(rule)) => Act::Place(rule, if dice.percent(50) { "top" } else { "bottom" }),
        (16, _, Some(rule), _) => Act::Edit(rule, "<disabled>yes</disabled>"),
        (17, _, Some(rule), _) => Act::Edit(rule, "<action>drop</action>"),
        (18, Some(app), ..) => Act::Edit(app, "<risk>5</risk>"),
        (19, Some(app), ..) => Act::Delete(app),
        (20, _, Some(rule), _) => Act::Delete(rule),
        (21, ..) => Act::Greedy(party.who.domain.replace('.', "\\.")),
        (22, ..) => Act::Greedy(format!("^web\\.shop\\.{}$", party.who.domain.replace('.', "\\."))),
        (23, ..) => Act::Lock("config-lock", if dice.percent(40) { "add" } else { "remove" }),
        (24, ..) => Act::Lock("commit-lock", if dice.percent(40) { "add" } else { "remove" }),
        (25..=27, ..) => Act::Fault(fault(dice)),
        (28..=29, ..) => Act::ClearFaults,
        (30, ..) => Act::KeysExpire,
        (31, ..) => Act::Restart,
        _ => Act::Address,
    }
}

/// A fault for whoever comes next. Code 7 is not among them: a device that says that its lists do not exist may be
/// believed.
fn fault(dice: &mut Dice) -> panos_sim::Fault {
    let code = dice.one(&[1, 5, 6, 12, 13, 15, 16, 17, 22, 99]).unwrap_or(13);
    let actions = [
        Action::DropBefore,
        Action::DropAfter,
        Action::CutMidway,
        Action::Truncate,
        Action::Garbage,
        Action::HttpStatus(502),
        Action::Refuse { code, text: "as planted".to_owned() },
        Action::Refuse { code: 13, text: "A commit is pending. Please try again later".to_owned() },
    ];
    let jobs = [
        Action::FailJob("as planted".to_owned()),
        Action::NeverFinish,
        Action::CommitNotCompiled(Vec::new()),
    ];
    let places = [Where::Config, Where::Get, Where::Show, Where::MultiConfig, Where::Commit, Where::Op];
    let (place, action) = if dice.percent(25) {
        (Where::Job, dice.one(&jobs))
    } else {
        (dice.one(&places).unwrap_or(Where::Config), dice.one(&actions))
    };
    let times = Times::Count(u32::try_from(dice.below(3)).unwrap() + 1);
    panos_sim::Fault { place, action: action.unwrap_or(Action::DropBefore), times, matching: None }
}
