//! Break-glass: which word of a person lets a pod in without proof.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_contract::object::GateOverride;

use crate::{
    diff::Held,
    world::{Key, World},
};

/// A `GateOverride` that runs covers the pod. Made by nothing but [`BreakGlass::of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlass {
    name: Key,
    words: String,
}

impl BreakGlass {
    /// The override of its namespace that covers a pod with these labels now; of several the one that ends last.
    #[must_use]
    pub fn of(
        world: &World,
        namespace: &str,
        labels: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Option<Self> {
        let covers = in_namespace(world, namespace).filter(|granted| granted.covers(labels, now));
        covers.max_by_key(|granted| granted.end()).and_then(Self::by)
    }

    fn by(granted: &GateOverride) -> Option<Self> {
        let key = Key::of(&granted.metadata);
        let (name, until) = (&key.name, granted.end()?);
        let (who, why) = (&granted.spec.requested_by, &granted.spec.reason);
        let words = format!("GateOverride {name} of {who} until {until:.0}: {why}");
        Some(Self { name: key, words })
    }

    /// The override.
    #[must_use]
    pub const fn name(&self) -> &Key {
        &self.name
    }

    /// Which override, whose, until when and why.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// What a test takes as given.
    #[cfg(test)]
    pub(crate) fn assumed(words: &str) -> Self {
        Self { name: Key::new("shop", "assumed"), words: words.to_owned() }
    }

    /// What is told of a gate that it opens although something is missing.
    #[must_use]
    pub fn instead_of(&self, (reason, words): &Held) -> String {
        format!("{}; not proven: {reason}: {words}", self.words)
    }
}

/// The next time at which an override ends.
#[must_use]
pub fn next_end(world: &World, now: Timestamp) -> Option<Timestamp> {
    world.overrides.values().filter_map(|granted| granted.end()).filter(|end| *end > now).min()
}

fn in_namespace<'a>(world: &'a World, namespace: &'a str) -> impl Iterator<Item = &'a GateOverride> {
    let all = world.overrides.range(Key::new(namespace, "")..);
    all.take_while(move |(key, _)| key.namespace == namespace).map(|(_, granted)| &**granted)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn world(overrides: &[(&str, &str, &str)]) -> World {
        let one = |(namespace, name, until): &(&str, &str, &str)| {
            let object: GateOverride = serde_json::from_value(json!({
                "apiVersion": "sallyport.dev/v1alpha1", "kind": "GateOverride",
                "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2027-01-09T08:00:00Z"},
                "spec": {"selector": {"matchLabels": {"app": "web"}}, "reason": "CHG-4242", "requestedBy": "jane",
                    "expiresAt": until}}))
            .unwrap();
            (Key::new(namespace, name), Arc::new(object))
        };
        World { overrides: Arc::new(overrides.iter().map(one).collect()), ..World::default() }
    }

    #[test]
    fn law_2_an_override_counts_in_its_own_namespace_alone_and_the_longest_is_told() {
        let labels = [("app".to_owned(), "web".to_owned())].into();
        let world = world(&[
            ("bank", "theirs", "2027-01-09T23:00:00Z"),
            ("shop", "long", "2027-01-09T20:00:00Z"),
            ("shop", "short", "2027-01-09T10:00:00Z"),
        ]);
        let at = |now: &str, namespace: &str| {
            BreakGlass::of(&world, namespace, &labels, now.parse().unwrap()).map(|glass| glass.words)
        };
        let told = "GateOverride long of jane until 2027-01-09T20:00:00Z: CHG-4242";
        assert_eq!(at("2027-01-09T09:00:00Z", "shop").as_deref(), Some(told));
        assert_eq!(at("2027-01-09T20:00:00Z", "shop"), None, "ended");
        assert_eq!(at("2027-01-09T09:00:00Z", "other"), None);
        let next = |now: &str| next_end(&world, now.parse().unwrap()).map(|end| end.to_string());
        assert_eq!(next("2027-01-09T09:00:00Z").as_deref(), Some("2027-01-09T10:00:00Z"));
        assert_eq!(next("2027-01-09T23:00:00Z"), None);
    }
}
