//! Who may say what happens to a name: of one workload's revisions the newest, of several workloads of a
//! namespace none against the others.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use jiff::Timestamp;
use sallyport_contract::{DnsName, Reason, object::Action};

use super::{
    made::Made,
    wanted::{Ask, Complaint},
};
use crate::uid::Uid;

/// Sorts out asks that differ in what the firewall is to do with one name. Returns the asks that stand
/// and a complaint for each that does not.
///
/// What stands in an identity already goes before what is new, and the older workload before the younger.
#[must_use]
pub fn settle(asks: Vec<Ask>, made: &BTreeMap<&str, &Made>) -> (Vec<Ask>, Vec<Complaint>) {
    let order = Voices::of(&asks, made).order(&asks);
    let mut decided: BTreeMap<DnsName, Decision> = BTreeMap::new();
    let mut asks: Vec<Option<Ask>> = asks.into_iter().map(Some).collect();
    let (mut standing, mut complaints) = (Vec::new(), Vec::new());
    for index in order {
        let Some(mut ask) = asks.get_mut(index).and_then(Option::take) else { continue };
        match judge(&ask, &decided) {
            Ok(action) => {
                ask.identity.action = action;
                for name in ask.identity.dns_names.iter() {
                    let decision = decided.entry(name.clone()).or_insert_with(|| Decision {
                        action,
                        agreed: BTreeSet::new(),
                        by: ask.about.shown(),
                    });
                    decision.agreed.insert(ask.uid.clone());
                }
                standing.push(ask);
            }
            Err(complaint) => complaints.push(*complaint),
        }
    }
    (standing, complaints)
}

struct Decision {
    action: Action,
    /// The workloads whose loudest voice agrees; what else they say does not count.
    agreed: BTreeSet<Uid>,
    by: String,
}

/// Of what one workload says the smallest counts: its template, which is its newest revision; else the pods
/// that say what stands already, for that was its newest revision once; else the youngest.
type Loudness = (bool, bool, Reverse<Option<Timestamp>>, String);

/// Of several workloads the smallest goes first: not against what stands, a template before pods, old before
/// young, by name.
type Rank = (bool, bool, Option<Timestamp>, String);

/// What is said about each name, and by whom.
struct Voices<'a> {
    stands: BTreeMap<&'a str, Action>,
    loudest: BTreeMap<(&'a Uid, &'a DnsName), &'a Ask>,
    speakers: BTreeMap<&'a DnsName, BTreeSet<&'a Uid>>,
}

impl<'a> Voices<'a> {
    fn of(asks: &'a [Ask], made: &BTreeMap<&str, &'a Made>) -> Self {
        let stands =
            made.values().flat_map(|made| made.dns_names.iter().map(|name| (name.as_str(), made.action)));
        let mut voices =
            Self { stands: stands.collect(), loudest: BTreeMap::new(), speakers: BTreeMap::new() };
        for ask in asks {
            for name in ask.identity.dns_names.iter() {
                voices.speakers.entry(name).or_default().insert(&ask.uid);
                let key = (&ask.uid, name);
                let before = voices.loudest.get(&key);
                if before.is_none_or(|before| voices.loudness(ask) < voices.loudness(before)) {
                    voices.loudest.insert(key, ask);
                }
            }
        }
        voices
    }

    /// The order in which the asks are judged.
    fn order(&self, asks: &[Ask]) -> Vec<usize> {
        let ranked = asks.iter().enumerate().map(|(n, ask)| ((self.rank(ask), self.loudness(ask)), n));
        let mut ranked: Vec<((Rank, Loudness), usize)> = ranked.collect();
        ranked.sort();
        ranked.into_iter().map(|(_, n)| n).collect()
    }

    fn loudness(&self, ask: &Ask) -> Loudness {
        (is_pod(ask), self.is_against(ask), Reverse(ask.created), ask.about.shown())
    }

    fn rank(&self, ask: &Ask) -> Rank {
        let names = ask.identity.dns_names.iter();
        let loudest = names.filter_map(|name| self.loudest.get(&(&ask.uid, name)).copied());
        let speaks = loudest.min_by_key(|ask| self.loudness(ask)).unwrap_or(ask);
        let mut names = speaks.identity.dns_names.iter();
        let disputed = names.any(|name| self.speakers.get(name).is_some_and(|speakers| speakers.len() > 1));
        (disputed && self.is_against(speaks), is_pod(speaks), speaks.created, speaks.about.shown())
    }

    fn is_against(&self, ask: &Ask) -> bool {
        let mut names = ask.identity.dns_names.iter();
        names.any(|name| self.stands.get(name.as_str()).is_some_and(|stands| *stands != ask.identity.action))
    }
}

fn is_pod(ask: &Ask) -> bool {
    ask.about.kind == "Pod"
}

/// The action that the ask gets, or why it gets none.
fn judge(ask: &Ask, decided: &BTreeMap<DnsName, Decision>) -> Result<Action, Box<Complaint>> {
    let decisions = || ask.identity.dns_names.iter().filter_map(|name| Some((name, decided.get(name)?)));
    let own = decisions().find(|(_, decision)| decision.agreed.contains(&ask.uid));
    let action = own.map_or(ask.identity.action, |(_, decision)| decision.action);
    let mut others = decisions().filter(|(_, decision)| !decision.agreed.contains(&ask.uid));
    match others.find(|(_, decision)| decision.action != action) {
        Some((name, decision)) => Err(Box::new(complaint(ask, name, action, decision))),
        None => Ok(action),
    }
}

fn complaint(ask: &Ask, name: &DnsName, action: Action, decision: &Decision) -> Complaint {
    let message = format!(
        "{} asks to {} \"{name}\", but {} asks to {} it. Whose rule: the action belongs to the name, and \
         workloads of one namespace must agree. Until then \"{name}\" stays {}. Do: give both the same \
         sallyport.dev/action, or other names",
        ask.about.shown(),
        action.as_str(),
        decision.by,
        decision.action.as_str(),
        decision.action.as_str(),
    );
    Complaint { about: ask.about.clone(), reason: Reason::ActionConflict, message }
}
