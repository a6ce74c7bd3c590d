//! Who changed what since the last commit. A partial commit carries the units of the administrators it names.
//!
//! Ownership: <https://github.com/PaloAltoNetworks/pan-os-ansible/issues/628> (an `edit` takes over all that lies
//! below it); the candidate shows it as attributes `admin`, `dirtyId`, `time`
//! (<https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/configuration-api>).

use crate::{clock::Moment, tree::NodePath};
use std::collections::{BTreeMap, BTreeSet};

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Create,
    Set,
    Edit,
    Delete,
    Move,
}

impl Change {
    /// As `show config list changes` names it.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Change::Create => "CREATE",
            Change::Set => "SET",
            Change::Edit => "EDIT",
            Change::Delete => "DELETE",
            Change::Move => "MOVE",
        }
    }
}

/// One changed node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// `None` when the device lost track of the owner.
    pub(crate) owner: Option<String>,
    /// Everybody whose change of this node is pending.
    pub(crate) touched_by: BTreeSet<String>,
    pub(crate) change: Change,
    pub(crate) dirty_id: u64,
    pub(crate) time: Moment,
}

/// The changed nodes of a candidate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Units {
    map: BTreeMap<NodePath, Unit>,
    last_id: u64,
}

impl Units {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodePath, &Unit)> {
        self.map.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub(crate) fn get(&self, path: &NodePath) -> Option<&Unit> {
        self.map.get(path)
    }

    /// The unit at a node or at the nearest node above it.
    pub(crate) fn covering(&self, path: &NodePath) -> Option<(&NodePath, &Unit)> {
        let mut at = path.clone();
        loop {
            if let Some(found) = self.map.get_key_value(&at) {
                return Some(found);
            }
            at = at.parent()?;
        }
    }

    /// Notes a change. `in_running` tells whether the node exists in the running configuration.
    pub(crate) fn note(
        &mut self,
        path: &NodePath,
        owner: Option<&str>,
        change: Change,
        now: Moment,
        in_running: bool,
    ) {
        self.last_id += 1;
        let mut touched_by: BTreeSet<String> = owner.into_iter().map(str::to_owned).collect();
        if change != Change::Move {
            let below = self.below(path);
            for inner in below {
                if let Some(unit) = self.map.remove(&inner) {
                    // What an edit or a deletion replaces is its own from now on.
                    if inner == *path {
                        touched_by.extend(unit.touched_by);
                    }
                }
            }
        }
        if change == Change::Delete && !in_running {
            self.map.remove(path); // made and removed again: nothing is left to commit
            return;
        }
        let dirty_id = self.last_id;
        let above = path.parent().and_then(|parent| self.covering(&parent)).map(|(at, _)| at.clone());
        if let Some(unit) = above.and_then(|at| self.map.get_mut(&at))
            && unit.owner.as_deref() == owner
            && unit.change != Change::Move
        {
            unit.dirty_id = dirty_id; // part of a greater change of the same administrator
            unit.time = now;
            return;
        }
        match self.map.get_mut(path) {
            Some(unit) => {
                unit.touched_by.extend(touched_by);
                unit.dirty_id = dirty_id;
                unit.time = now; // a move of a changed rule leaves the rule with its owner
            }
            None => {
                let owner = owner.map(str::to_owned);
                self.map.insert(path.clone(), Unit { owner, touched_by, change, dirty_id, time: now });
            }
        }
    }

    /// Forgets what a commit carried over, unless it was changed again meanwhile.
    pub(crate) fn settle(&mut self, committed: &[(NodePath, u64)]) {
        for (path, dirty_id) in committed {
            if self.map.get(path).is_some_and(|unit| unit.dirty_id == *dirty_id) {
                self.map.remove(path);
            }
        }
    }

    pub(crate) fn forget(&mut self, path: &NodePath) {
        self.map.remove(path);
    }

    pub(crate) fn clear(&mut self) {
        self.map.clear();
    }

    fn below(&self, path: &NodePath) -> Vec<NodePath> {
        let from = self.map.range(path.clone()..);
        from.map(|(at, _)| at).take_while(|at| path.covers(at)).cloned().collect()
    }
}
