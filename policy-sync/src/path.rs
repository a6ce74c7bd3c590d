//! Whether sessions between the pods' networks cross the firewall, judged by what the path probes met.
//!
//! The probes try two names from network to network: the firewall allows the control and denies the canary. Where the
//! first is answered and the second is not, something on the way tells our names apart; where the canary is answered, there is
//! a way without it. A report is believed in this one condition, and nothing depends on it.

use std::{collections::BTreeSet, net::IpAddr};

use jiff::Timestamp;
use sallyport_contract::{
    Reason,
    object::{ConditionStatus, Met, PathOutcome, PathPair, PathProof, PathReport, PathReportSpec},
};

use crate::{diff::Held, network::Network, pace::later};

/// Pairs that one message names.
const MOST_NAMED: usize = 3;

/// What is known of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// True if every pair crosses, False if one does not.
    pub status: ConditionStatus,
    /// Why.
    pub reason: Reason,
    /// For people. Without times that move on with every round, so that a status is not written for each.
    pub words: String,
    /// How many pairs stand how.
    pub tally: Tally,
    /// When the first report becomes too old to show anything.
    pub until: Option<Timestamp>,
}

/// How many pairs stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They cross.
    pub proven: usize,
    /// There is a way around.
    pub bypassed: usize,
    /// Nothing shows it.
    pub not_shown: usize,
}

/// What is known of one pair.
enum Way<'a> {
    Crosses,
    Around { from: &'a str, to: &'a str },
    NotShown(String),
}

/// Judges the reports about one firewall. `denied`: since when it has denied the canary without a break, or why it is
/// not known to; an answer from before that shows nothing.
#[must_use]
pub fn judge<'a>(
    proof: &PathProof,
    denied: Result<Timestamp, String>,
    reports: impl Iterator<Item = &'a PathReportSpec>,
    now: Timestamp,
) -> Path {
    let required = proof.required();
    let unknown = |(reason, words): Held| Path {
        status: ConditionStatus::Unknown,
        reason,
        words,
        tally: Tally { not_shown: required.len(), ..Tally::default() },
        until: None,
    };
    let map = match Networks::of(proof) {
        Ok(map) => map,
        Err(words) => return unknown((Reason::Malformed, words)),
    };
    let since = match denied {
        Ok(since) => since,
        Err(words) => return unknown((Reason::NotShown, words)),
    };
    let (period, age) = (proof.period.as_signed(), proof.period.as_signed().saturating_mul(2));
    let fresh = |report: &&PathReportSpec| later(report.at, age) > now && report.at <= later(now, period);
    let reports: Vec<&PathReportSpec> = reports.filter(fresh).collect();
    let rounds = Rounds { map, since, reports: &reports };
    let ways: Vec<(&PathPair, Way<'_>)> = required.iter().map(|pair| (pair, rounds.way(pair))).collect();
    let until = reports.iter().map(|report| later(report.at, age)).min();
    told(proof, &ways, until)
}

/// Which addresses are in which network.
pub struct Networks<'a>(Vec<(&'a str, Vec<Network>)>);

impl<'a> Networks<'a> {
    /// The networks of a Firewall.
    ///
    /// # Errors
    /// One of them is none.
    pub fn of(proof: &'a PathProof) -> Result<Self, String> {
        let networks = proof.networks.iter().map(|network| {
            let cidrs = network.cidrs.iter().map(|text| {
                text.parse::<Network>()
                    .map_err(|error| format!("spec.pathProof.networks, {}: {text:?} {error}", network.name))
            });
            Ok((network.name.as_str(), cidrs.collect::<Result<Vec<_>, String>>()?))
        });
        networks.collect::<Result<Vec<_>, String>>().map(Self)
    }

    /// The network of an address; the first, if it is in several.
    #[must_use]
    pub fn home(&self, address: &str) -> Option<&'a str> {
        let address: Network = address.parse::<IpAddr>().ok()?.to_string().parse().ok()?;
        let holds = |networks: &[Network]| networks.iter().any(|network| network.contains(&address));
        self.0.iter().find(|(_, networks)| holds(networks)).map(|(name, _)| *name)
    }
}

/// The last rounds of all probes.
struct Rounds<'a> {
    map: Networks<'a>,
    since: Timestamp,
    reports: &'a [&'a PathReportSpec],
}

impl<'a> Rounds<'a> {
    /// One answer under the canary outweighs all else: some sessions go around.
    fn way(&self, pair: &PathPair) -> Way<'a> {
        let from = |report: &&&PathReportSpec| self.map.home(&report.address) == Some(pair.from.as_str());
        let begun: Vec<&PathReportSpec> = self.reports.iter().filter(from).copied().collect();
        let mut met: Vec<(&PathReportSpec, &Met)> =
            begun.iter().flat_map(|report| report.met.iter().map(move |met| (*report, met))).collect();
        met.retain(|(_, met)| self.map.home(&met.address) == Some(pair.to.as_str()));
        met.sort_by_key(|(report, met)| (&report.address, &met.address));
        let answered = |(report, met): &&(&PathReportSpec, &Met)| {
            met.canary == PathOutcome::Answered && report.at > self.since
        };
        if let Some((report, met)) = met.iter().find(answered) {
            return Way::Around { from: &report.address, to: &met.address };
        }
        let told_apart = |(_, met): &(&PathReportSpec, &Met)| {
            met.control == PathOutcome::Answered
                && matches!(met.canary, PathOutcome::Reset | PathOutcome::Silent)
        };
        if met.iter().any(told_apart) {
            return Way::Crosses;
        }
        Way::NotShown(match met.first() {
            None if begun.is_empty() => format!("no probe has told anything from {}", pair.from),
            None => format!("no probe in {} has found one in {}", pair.from, pair.to),
            Some((_, met)) if met.canary == PathOutcome::Answered => {
                format!("{} answered before the firewall was known to deny the canary", met.address)
            }
            Some((report, Met { address, control, canary })) => {
                let (control, canary) = (control.as_str(), canary.as_str());
                format!("from {} to {address} the control {control}, the canary {canary}", report.address)
            }
        })
    }
}

fn told(proof: &PathProof, ways: &[(&PathPair, Way<'_>)], until: Option<Timestamp>) -> Path {
    let (mut tally, mut around, mut open) = (Tally::default(), Vec::new(), Vec::new());
    for (PathPair { from: one, to: other }, way) in ways {
        match way {
            Way::Crosses => tally.proven += 1,
            Way::Around { from, to } => around.push(format!("{one} → {other} ({from} to {to})")),
            Way::NotShown(why) => open.push(format!("{one} → {other}: {why}")),
        }
    }
    (tally.bypassed, tally.not_shown) = (around.len(), open.len());
    let (all, canary) = (ways.len(), &proof.canary);
    let (status, reason, words) = if !around.is_empty() {
        let words = format!(
            "{} of {all} pairs of networks have a way around the firewall: {}; a probe there was answered under {canary}, \
             which the firewall denies: look at the routes of these networks",
            around.len(),
            some(&around)
        );
        (ConditionStatus::False, Reason::PathBypassed, words)
    } else if open.is_empty() {
        let words = format!(
            "{all} of {all} pairs of networks cross it: on each, within the last two periods of {}, a session for {} was \
             answered and one for {canary} was not; what stays in one network or on one node is not shown",
            proof.period, proof.control
        );
        (ConditionStatus::True, Reason::Accepted, words)
    } else {
        let words = format!("{} of {all} pairs of networks are not shown: {}", open.len(), some(&open));
        (ConditionStatus::Unknown, Reason::NotShown, words)
    };
    Path { status, reason, words, tally, until }
}

/// The first of them, and how many more there are.
fn some(all: &[String]) -> String {
    let named = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

/// What of a report matters at once: whom it found changes with every round, what came of it seldom does.
#[must_use]
pub fn outcomes(report: &PathReport) -> (&str, BTreeSet<(PathOutcome, PathOutcome)>) {
    let report = &report.spec;
    (&report.address, report.met.iter().map(|met| (met.control, met.canary)).collect())
}

#[cfg(test)]
mod tests;
