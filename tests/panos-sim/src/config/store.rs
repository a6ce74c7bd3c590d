//! The two configurations of the device and who is writing.

use super::{
    pushed::with_pushed_of,
    units::{Change, Units},
};
use crate::{
    clock::Moment,
    quirks::Quirks,
    tree::{Element, NodePath, Segment, find_mut},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Candidate, running, and the pending changes between them.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) candidate: Element,
    pub(crate) running: Element,
    pub(crate) units: Units,
    /// A configuration was loaded: no partial commit until a full one.
    pub(crate) full_commit_required: bool,
    /// Nodes of which somebody said why they change; archived by the next commit.
    pub(crate) audit_comments: BTreeMap<NodePath, String>,
    pub(crate) model: Model,
    rules_made: u64,
}

/// What kind of device the configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    Firewall,
    Panorama,
}

impl Model {
    /// Does this kind of device have such a node? Rules before and after are a Panorama's, a vsys is a firewall's.
    pub(crate) fn has(self, path: &NodePath) -> bool {
        let name_at = |index: usize| path.0.get(index).map_or("", |segment| segment.name.as_str());
        let panoramas =
            matches!(name_at(3), "device-group" | "template" | "template-stack" | "log-collector-group");
        let pushes = name_at(1) == "shared" && matches!(name_at(2), "pre-rulebase" | "post-rulebase");
        let firewalls = matches!(name_at(3), "vsys" | "network");
        match self {
            Model::Firewall => !panoramas && !pushes,
            Model::Panorama => !firewalls || name_at(1) != "devices",
        }
    }
}

/// Who writes, when, on what kind of device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) admin: &'a str,
    pub(crate) now: Moment,
    pub(crate) quirks: &'a Quirks,
}

impl Store {
    /// Both configurations begin equal; rules without a uuid get one.
    pub(crate) fn new(mut config: Element, model: Model) -> Self {
        let mut rules_made = 0;
        number_rules(&mut config, &NodePath(vec![Segment::named("config")]), &mut rules_made);
        Self {
            units: Units::default(),
            full_commit_required: false,
            audit_comments: BTreeMap::new(),
            model,
            candidate: config.clone(),
            running: config,
            rules_made,
        }
    }

    /// Gives every new rule at or below a node a device-made identity.
    pub(crate) fn number_rules_at(&mut self, path: &NodePath) {
        let is_rule = path.parent().is_some_and(|parent| is_security_rules(&parent));
        let Some(node) = find_mut(&mut self.candidate, path) else { return };
        if is_rule {
            number_rule(node, &mut self.rules_made);
        } else if !path.names().any(|name| name == "rules") || is_security_rules(path) {
            number_rules(node, path, &mut self.rules_made);
        }
    }

    /// Throws away every pending change of everybody.
    pub(crate) fn revert_all(&mut self) {
        self.candidate = self.running.clone();
        self.units.clear();
        self.full_commit_required = false;
    }

    /// Puts another configuration in the place of the candidate; from then on all of it is the loader's change.
    /// What a Panorama pushed stays.
    pub(crate) fn load(&mut self, config: &Element, admin: &str, now: Moment) {
        self.revert_all();
        let config = with_pushed_of(config, &self.running);
        if self.running == config {
            return;
        }
        self.candidate = config;
        self.full_commit_required = true;
        let root = NodePath(vec![Segment::named("config")]);
        self.number_rules_at(&root);
        self.units.note(&root, Some(admin), Change::Edit, now, true);
    }
}

/// Is this the list of the security rules of some rulebase?
pub(crate) fn is_security_rules(path: &NodePath) -> bool {
    matches!(path.0.as_slice(), [.., security, rules] if security.name == "security" && rules.name == "rules")
}

fn number_rules(node: &mut Element, path: &NodePath, made: &mut u64) {
    let is_rules = is_security_rules(path);
    for child in &mut node.children {
        if is_rules {
            number_rule(child, made);
        } else {
            let below = path.join(Segment::of(child));
            number_rules(child, &below, made);
        }
    }
}

/// 36 characters, the same in every run.
fn number_rule(rule: &mut Element, made: &mut u64) {
    if rule.attr("uuid").is_some() {
        return;
    }
    *made += 1;
    let name = rule.attr("name").unwrap_or_default();
    let digest = Sha256::digest(format!("panos-sim rule {made} {name}"));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let uuid = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    rule.set_attr("uuid", &uuid);
}
