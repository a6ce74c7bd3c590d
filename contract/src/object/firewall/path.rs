//! How it is shown that packets cross the firewall.
//!
//! By two names of the path probes, of which the firewall allows one and denies the other: where the one is answered and
//! the other is not, something on the way tells them apart.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;

/// Between which networks every session must cross this firewall, and the names by which that is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!has(self.pairs) || self.pairs.all(p, p.from != p.to && self.networks.exists(n, n.name == p.from) && self.networks.exists(n, n.name == p.to))")
    .message("each of pairs goes from one of networks to another"))]
pub struct PathProof {
    /// The DNS name of the probes that an identity asks this firewall to allow: a session for it is answered.
    #[schemars(length(min = 1, max = 253))]
    pub control: String,
    /// The DNS name of the probes that an identity asks this firewall to deny: a session for it must not be answered.
    #[schemars(length(min = 1, max = 253))]
    pub canary: String,
    /// Between two rounds of the probes. What is older than two of them shows nothing any more.
    #[serde(default = "default_period")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('30s')").message("a period is 30s at least"))]
    pub period: Duration,
    /// The networks of the pods, usually one for each subnet.
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub networks: Vec<PathNetwork>,
    /// What must cross. Every two networks, both ways, if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 240))]
    pub pairs: Vec<PathPair>,
}

const fn default_period() -> Duration {
    Duration::from_secs(300)
}

/// Addresses of pods that reach each other without the firewall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathNetwork {
    /// What people call it: `az-a`.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// CIDRs.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 63)))]
    pub cidrs: Vec<String>,
}

/// Sessions from one network to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathPair {
    /// Where they begin.
    #[schemars(length(min = 1, max = 32))]
    pub from: String,
    /// Where they go.
    #[schemars(length(min = 1, max = 32))]
    pub to: String,
}

impl PathProof {
    /// What must cross, each pair once and in order.
    #[must_use]
    pub fn required(&self) -> Vec<PathPair> {
        let names = || self.networks.iter().map(|network| network.name.as_str());
        let every = names().flat_map(|from| {
            let others = names().filter(move |to| *to != from);
            others.map(move |to| PathPair { from: from.to_owned(), to: to.to_owned() })
        });
        let mut pairs = if self.pairs.is_empty() { every.collect() } else { self.pairs.clone() };
        pairs.sort();
        pairs.dedup();
        pairs
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_two_networks_both_ways_unless_pairs_are_named() {
        let network = |name: &str| json!({"name": name, "cidrs": ["10.0.0.0/24"]});
        let mut value = json!({"control": "a.x.example", "canary": "c.x.example", "networks": [network("b"), network("a"), network("c")]});
        let said = |value: &serde_json::Value| {
            let proof: PathProof = serde_json::from_value(value.clone()).unwrap();
            proof.required().iter().map(|pair| format!("{}{}", pair.from, pair.to)).collect::<Vec<_>>()
        };
        assert_eq!(said(&value), ["ab", "ac", "ba", "bc", "ca", "cb"]);
        let pair = |from: &str, to: &str| json!({"from": from, "to": to});
        value["pairs"] = json!([pair("b", "a"), pair("a", "c"), pair("b", "a")]);
        assert_eq!(said(&value), ["ac", "ba"]);
    }
}
