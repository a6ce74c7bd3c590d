//! Foreign rules that decide before ours, in the two stages of a TLS session.
//!
//! A session is `ssl` from its ClientHello on, shifts to the custom App-ID, and policy is looked up again:
//! <https://docs.paloaltonetworks.com/ngfw/administration/app-id/manage-custom-or-unknown-applications>. A rule
//! that denies `ssl` ends it before the shift; one that allows `ssl` decides nothing, but keeps what stands
//! below it from ending the session as `ssl`.

use super::{
    application::Subject,
    book::{Book, texts},
    extent::{Extent, Share},
    layers::Layer,
    ours::{OurRule, What},
    rule::{Fit, Match, Rule},
    words,
};

/// Most rules that are told of one rule of ours, the one that takes all of its sessions apart.
pub(super) const MOST_TOLD: usize = 20;

/// When a foreign rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// While the session is still `ssl`.
    Ssl,
    /// Once it is our App-ID.
    AppId,
}

/// A foreign rule that decides sessions of a rule of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// Our rule.
    pub ours: String,
    /// The foreign rule.
    pub rule: String,
    /// Where it stands.
    pub layer: Layer,
    /// When it decides.
    pub stage: Stage,
    /// How much of our rule's sessions it decides.
    pub extent: Extent,
    /// What it does with them.
    pub what: What,
    /// It does another thing than our rule.
    pub contrary: bool,
    /// All of that for a person, with what to do.
    pub why: String,
}

/// A rule that is about some of the same zones and addresses.
struct Near<'b, 'a> {
    position: usize,
    rule: &'b Rule<'a>,
    fit: Fit,
    as_ssl: Option<Match>,
    lets_begin: Share,
}

/// The shadows on each of our rules, in the order of the lookup.
pub(super) fn shadows(book: &Book<'_>) -> Vec<Shadow> {
    let mut positions = vec![0; book.ours.rules.len()];
    for (position, rule) in book.rules.iter().enumerate() {
        if let Some(place) = rule.ours.and_then(|index| positions.get_mut(index)) {
            *place = position;
        }
    }
    let mut found = Vec::new();
    for (reach, ground, rules) in &book.grounds {
        let (from, to) = (texts(&reach.from), texts(&reach.to));
        let near = book.rules.iter().enumerate().filter_map(|(position, rule)| {
            let fit = rule.fit(&from, &to, ground)?;
            let as_ssl = rule.takes(fit, Subject::Ssl, ground.ports);
            let lets_begin = rule.lets_begin(fit, ground.ports);
            Some(Near { position, rule, fit, as_ssl, lets_begin })
        });
        let near: Vec<Near<'_, '_>> = near.collect();
        for index in rules {
            if let (Some(rule), Some(position)) = (book.ours.rules.get(*index), positions.get(*index)) {
                over(rule, near.iter().take_while(|near| near.position < *position), &mut found);
            }
        }
    }
    found
}

fn over<'b, 'a: 'b>(ours: &OurRule, above: impl Iterator<Item = &'b Near<'b, 'a>>, found: &mut Vec<Shadow>) {
    let mut begun: Share = None;
    let mut told = 0;
    for near in above {
        let rule = near.rule;
        if rule.ours.is_none() {
            let as_ours = rule.takes(near.fit, Subject::Ours(&ours.apps), &ours.reach.ports);
            let as_ssl = near.as_ssl.filter(|_| rule.what == What::Deny && begun != Some(Extent::Whole));
            let ssl = as_ssl.map(|met| (met.extent().min(left(begun)), Stage::Ssl, met));
            let app = as_ours.map(|met| (met.extent(), Stage::AppId, met));
            let worse = match (ssl, app) {
                (Some(ssl), Some(app)) => Some(if app.0 > ssl.0 { app } else { ssl }),
                (ssl, app) => ssl.or(app),
            };
            if let Some((extent, stage, met)) = worse {
                if told < MOST_TOLD || extent == Extent::Whole {
                    told += 1;
                    found.push(shadow(ours, rule, stage, extent, &met));
                }
                if extent == Extent::Whole {
                    return;
                }
            }
        }
        begun = begun.max(near.lets_begin);
    }
}

/// What a rule can still take, where earlier ones have let this much pass.
const fn left(begun: Share) -> Extent {
    match begun {
        None => Extent::Whole,
        Some(_) => Extent::Part,
    }
}

fn shadow(ours: &OurRule, rule: &Rule<'_>, stage: Stage, extent: Extent, met: &Match) -> Shadow {
    Shadow {
        ours: ours.name.clone(),
        rule: rule.name.to_owned(),
        layer: rule.layer.clone(),
        stage,
        extent,
        what: rule.what,
        contrary: rule.what != ours.what,
        why: words::shadow(&ours.name, rule, stage, extent, met),
    }
}
