//! What was committed on a Panorama and not yet pushed, group by group: a push of some administrators' changes needs it.

use crate::{
    clock::Moment,
    config::{Unit, Units, transplant},
    scope::Scope,
    tree::{Element, NodePath},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The last configuration pushed to each group, and the changes since.
#[derive(Debug, Default)]
pub(crate) struct History {
    shipped: BTreeMap<String, Arc<Element>>,
    unpushed: BTreeMap<String, Units>,
}

impl History {
    /// A commit made these changes part of the running configuration.
    pub(crate) fn committed(&mut self, running: &Element, changes: &[(NodePath, Unit)], now: Moment) {
        for (group, _) in crate::panorama::groups(running) {
            let visible = Scope::DeviceGroup(group.to_owned()).visible(running);
            let units = self.unpushed.entry(group.to_owned()).or_default();
            let meant =
                changes.iter().filter(|(path, _)| Scope::of(path).is_none_or(|s| visible.contains(&s)));
            for (path, unit) in meant {
                units.note(path, unit.owner.as_deref(), unit.change, now, true);
            }
        }
    }

    /// What a push of a group carries: the running configuration, or of the changes since the last push only those of
    /// some administrators. A group that was never pushed needs a full push first
    /// (<https://docs.paloaltonetworks.com/panorama/administration/administer-panorama/push-selective-configuration-changes-to-managed-devices>).
    pub(crate) fn selected(
        &self,
        running: &Element,
        group: &str,
        admins: Option<&BTreeSet<String>>,
    ) -> Result<Element, String> {
        let Some(admins) = admins else { return Ok(running.clone()) };
        let Some(shipped) = self.shipped.get(group) else {
            return Err(format!("{group}: a full push is required before changes can be selected"));
        };
        let units = self.unpushed.get(group).into_iter().flat_map(Units::iter);
        let included: Vec<_> = units.filter(|(_, unit)| is_of(unit, admins)).collect();
        transplant(running, shipped, &included)
    }

    /// A group's firewalls have it.
    pub(crate) fn pushed(&mut self, group: &str, config: Arc<Element>, admins: Option<&BTreeSet<String>>) {
        self.shipped.insert(group.to_owned(), config);
        if let Some(units) = self.unpushed.get_mut(group) {
            let done: Vec<NodePath> = units
                .iter()
                .filter(|(_, unit)| admins.is_none_or(|admins| is_of(unit, admins)))
                .map(|(path, _)| path.clone())
                .collect();
            done.iter().for_each(|path| units.forget(path));
        }
    }
}

fn is_of(unit: &Unit, admins: &BTreeSet<String>) -> bool {
    unit.owner.as_ref().is_some_and(|owner| admins.contains(owner))
}
