//! When a name was last wanted. Written only when that ends, so that idle means no writes.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{DnsName, Reason, object::ClaimedFirewall};

use super::{Cycle, Hitch, Moment};
use crate::{
    cluster::Cluster,
    desired::Desired,
    diff::Held,
    firewall::Firewall,
    ledger::{Holding, proves},
    pace::later,
};

/// So many names are told of one quarantine; the others are counted.
const MOST_TOLD: usize = 5;

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Starts the quarantine of every name that has just become unwanted; tells whether there was any.
    pub(super) async fn note_unwanted(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
    ) -> Result<bool, Hitch> {
        let (quarantine, now) = (moment.spec().removal.quarantine.as_signed(), moment.now);
        let mut ended = Vec::new();
        for (name, holding) in self.memory.ledger.iter() {
            let is_wanted = wanted.names().get(name).is_some_and(|name| name.quarantined_until.is_none());
            let was_wanted = self.memory.was_wanted.insert(name.clone(), is_wanted);
            if !is_wanted && begins(was_wanted, holding, quarantine, now) {
                ended.push((name.clone(), holding.clone()));
            }
        }
        let begun = !ended.is_empty();
        let notes =
            told(ended.iter().map(|(name, _)| name), &refused_names(moment, wanted), later(now, quarantine));
        let changed = ended.into_iter().map(|(name, mut holding): (DnsName, Holding)| {
            Arc::make_mut(&mut holding.entry).last_wanted = now;
            (name, holding)
        });
        self.store(changed.collect()).await?;
        for (reason, words) in notes {
            self.tell_people(moment, reason, words, reason != Reason::Quarantined).await;
        }
        Ok(begun)
    }
}

/// The names that somebody wants and this firewall refuses, each with the reason.
fn refused_names<'a>(moment: Moment<'a>, wanted: &'a Desired) -> BTreeMap<&'a DnsName, &'a Held> {
    let refused =
        wanted.refused().iter().filter_map(|(key, why)| Some((moment.world.identities.get(key)?, why)));
    refused.flat_map(|(identity, why)| identity.names.iter().flatten().map(move |name| (name, why))).collect()
}

/// What people are told of names whose quarantine begins now and ends at `end`: those that nobody wants, and those that
/// are refused although somebody wants them.
fn told<'a>(
    names: impl Iterator<Item = &'a DnsName>,
    refused: &BTreeMap<&DnsName, &Held>,
    end: Timestamp,
) -> Vec<Held> {
    let (kept_out, unwanted): (Vec<&DnsName>, Vec<&DnsName>) =
        names.partition(|name| refused.contains_key(name));
    let why = kept_out.first().and_then(|name| refused.get(name));
    let kept_out = why.map(|(reason, why)| {
        let names = listed(&kept_out);
        (
            *reason,
            format!(
                "{names}: wanted, and refused now ({why}); what stands here for that goes after {end:.0}"
            ),
        )
    });
    let unwanted = (!unwanted.is_empty()).then(|| {
        let names = listed(&unwanted);
        let words = format!(
            "nobody wants {names} any more: what stands here for that goes after {end:.0}, unless somebody wants it again"
        );
        (Reason::Quarantined, words)
    });
    kept_out.into_iter().chain(unwanted).collect()
}

fn listed(names: &[&DnsName]) -> String {
    let more = names.len().saturating_sub(MOST_TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let first: Vec<&str> = names.iter().take(MOST_TOLD).map(|name| name.as_str()).collect();
    format!("{}{more}", first.join(", "))
}

/// Whether the quarantine begins now. After a restart nobody knows since when a name has been unwanted: a
/// quarantine that is still running goes on, one that would be over begins again. Only what is wanted is proven, and what
/// is to be written is noted before: so a quarantine is running only if the note is newer than the proof.
fn begins(was_wanted: Option<bool>, holding: &Holding, quarantine: SignedDuration, now: Timestamp) -> bool {
    let ClaimedFirewall { evidence, rule, action, last_wanted, .. } = holding.entry.as_ref();
    let proof = evidence.as_ref().filter(|evidence| proves(Some(evidence), rule, *action));
    match (was_wanted, proof) {
        (Some(was_wanted), _) => was_wanted,
        (None, Some(proof)) if proof.proven_at < *last_wanted => later(*last_wanted, quarantine) <= now,
        (None, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sallyport_contract::object::{Action, Evidence};

    #[test]
    fn of_many_names_the_first_are_told() {
        let names: Vec<DnsName> = (1..=7).map(|n| format!("w{n}.corp.example").parse().unwrap()).collect();
        let told = |count: usize, refused: &BTreeMap<&DnsName, &Held>| {
            told(names[..count].iter(), refused, Timestamp::UNIX_EPOCH)
        };
        let none = BTreeMap::new();
        assert!(told(0, &none).is_empty());
        let words = |count: usize| match &told(count, &none)[..] {
            [(Reason::Quarantined, words)] => words.clone(),
            notes => panic!("one note: {notes:?}"),
        };
        assert!(words(1).starts_with("nobody wants w1.corp.example any more: "));
        assert!(words(7).contains("w5.corp.example and 2 more any more"), "{}", words(7));
        let why = (Reason::OutsideFirewallBounds, "its port is none of the bound's".to_owned());
        let [(Reason::OutsideFirewallBounds, refused), (Reason::Quarantined, _)] =
            &told(2, &BTreeMap::from([(&names[1], &why)]))[..]
        else {
            panic!("two notes")
        };
        assert!(refused.starts_with("w2.corp.example: wanted, and refused now (its port"), "{refused}");
    }

    #[test]
    fn law_10_a_quarantine_begins_when_a_name_is_seen_unwanted() {
        let now = Timestamp::from_second(10_000).unwrap();
        let hour = SignedDuration::from_hours(1);
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let noted = |second: i64, proven: Option<(i64, Action)>| Holding {
            namespace: "shop".into(),
            entry: Arc::new(ClaimedFirewall {
                firewall: "edge".into(),
                app: "a".into(),
                rule: "r".into(),
                action: Action::Allow,
                last_wanted: at(second),
                evidence: proven.map(|(second, action)| Evidence {
                    devices: vec!["1".into()],
                    proven_at: at(second),
                    action,
                    rule: "r".into(),
                    job: None,
                }),
            }),
            stored: true,
        };
        let holding = |second: i64| noted(second, Some((0, Action::Allow)));
        assert!(begins(Some(true), &holding(9_000), hour, now), "wanted a moment ago");
        assert!(!begins(Some(false), &holding(9_000), hour, now), "already in quarantine");
        assert!(!begins(Some(false), &holding(1), hour, now), "its quarantine is over");
        assert!(!begins(None, &holding(9_000), hour, now), "a restart does not lengthen it");
        assert!(begins(None, &holding(1), hour, now), "a restart does not skip it");
        let proven = noted(9_000, Some((9_500, Action::Allow)));
        assert!(begins(None, &proven, hour, now), "it was proven since, so it was wanted");
        let changed = noted(9_000, Some((8_000, Action::Deny)));
        assert!(begins(None, &changed, hour, now), "it was to be changed, so it was wanted");
        assert!(begins(None, &noted(9_000, None), hour, now), "it was written and not proven");
    }
}
