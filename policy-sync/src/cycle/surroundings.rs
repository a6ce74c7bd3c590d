//! What the rules round ours make of them: judged anew when a job may have changed something, else remembered.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use sallyport_contract::{
    Reason,
    object::{ConditionStatus, Rulebase as Which},
};

use super::{Cycle, Hitch, Moment, snapshot::Snapshot};
use crate::{
    actual::{Inventory, Owner, owner_of_rule},
    cluster::Cluster,
    desired::Desired,
    diff::placement,
    firewall::{Fate, Fault, Firewall},
    member::Site,
    preview::Round,
    rulebase::{DefaultDeny, Extent, Findings, Layer, Ours, What, judge},
};

/// What was found round our rules, and from what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    key: u64,
    /// Rules of ours that never decide, each with why.
    pub(super) hidden: BTreeMap<String, String>,
    /// What else meets our rules, for people.
    pub(super) told: Vec<String>,
    /// Whether other traffic is denied.
    pub(super) default_deny: Option<(ConditionStatus, String)>,
}

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Judges the rules in force on every device that can be asked.
    pub(super) async fn look_round(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &Snapshot,
    ) -> Result<(), Hitch> {
        let key = key(moment, wanted, snapshot);
        if self.memory.surroundings.key == key {
            return Ok(());
        }
        let rounds = self.rounds(device, moment, wanted, snapshot).await?;
        let mut found = Surroundings { key, ..Surroundings::default() };
        for Round { device, findings } in rounds {
            found.add(findings, &|words| format!("{device}{words}"));
        }
        self.memory.surroundings = found;
        Ok(())
    }

    /// What the rules of each device make of ours.
    pub(super) async fn rounds(
        &self,
        device: &F,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &Snapshot,
    ) -> Result<Vec<Round>, Hitch> {
        let layer = match &moment.access.site {
            Site::Vsys(_) => Layer::Local,
            Site::DeviceGroup { rulebase: Which::Pre, .. } => Layer::SharedPre,
            Site::DeviceGroup { rulebase: Which::Post, .. } => Layer::SharedPost,
        };
        let place = placement(&moment.spec().rules);
        let mut rounds = Vec::new();
        for front in snapshot.fronts.iter().filter(|front| front.state.is_some()) {
            let rulebase = device.rulebase(front.target()).await?;
            let ours = Ours::of(wanted, &moment.spec().bounds, layer.clone(), place.clone());
            // Thousands of rules take a while, in which others are to go on.
            let findings = tokio::task::spawn_blocking(move || judge(&rulebase, &ours)).await;
            let mut findings = findings.map_err(|error| Fault {
                fate: Fate::Retry(Reason::AwaitingFirewall),
                message: format!("the judgement of the rulebase broke off: {error}"),
            })?;
            // A rule of ours that is about to lose a name, or to go, is no stranger.
            let inventory = Inventory::of(&self.memory.ledger);
            let cluster = moment.spec().cluster_name.as_str();
            let rules = front.state.iter().flat_map(|state| &state.running.rules);
            let ours: BTreeSet<&str> = rules
                .filter(|rule| owner_of_rule(rule, cluster, &inventory) == Owner::Ours)
                .map(|rule| rule.entry_name())
                .collect();
            findings.shadows.retain(|shadow| !ours.contains(shadow.rule.as_str()));
            rounds.push(Round { device: front.signed(String::new()), findings });
        }
        Ok(rounds)
    }
}

/// What the judgement depends on: every new job, and what is wanted of rules.
fn key(moment: Moment<'_>, wanted: &Desired, snapshot: &Snapshot) -> u64 {
    let mut hasher = DefaultHasher::new();
    snapshot.signs.hash(&mut hasher);
    format!("{:?}", moment.spec().bounds).hash(&mut hasher);
    for (name, rule) in wanted.rules() {
        (name, format!("{:?}", rule.terms)).hash(&mut hasher);
    }
    hasher.finish()
}

impl Surroundings {
    fn add(&mut self, findings: Findings, signed: &dyn Fn(String) -> String) {
        for shadow in findings.shadows.into_iter().filter(|shadow| shadow.contrary) {
            let words = signed(shadow.why);
            match shadow.extent {
                Extent::Whole => drop(self.hidden.entry(shadow.ours).or_insert(words)),
                Extent::Part => self.told.push(words),
                Extent::May => {}
            }
        }
        let denying = findings.filters.into_iter().filter(|catch| {
            catch.extent != Extent::May && catch.rules.iter().any(|rule| rule.what == What::Deny)
        });
        self.told.extend(denying.map(|catch| signed(catch.why)));
        let judged = match findings.default_deny {
            DefaultDeny::Proven => {
                (ConditionStatus::True, "other traffic between the zones in use is denied".to_owned())
            }
            DefaultDeny::Open { words, .. } => (ConditionStatus::False, signed(words)),
            DefaultDeny::Unknown { why } => (ConditionStatus::Unknown, signed(why)),
        };
        let rank = |status| match status {
            ConditionStatus::False => 0,
            ConditionStatus::Unknown => 1,
            ConditionStatus::True => 2,
        };
        let worst =
            self.default_deny.take().into_iter().chain([judged]).min_by_key(|(status, _)| rank(*status));
        self.default_deny = worst;
    }
}
