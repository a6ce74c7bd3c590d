//! Which other probes a round tries.

use std::{collections::BTreeSet, net::IpAddr};

use sallyport_contract::object::PathProof;
use sallyport_policy_sync::path::Networks;

/// Probes of one network that one round tries: others have their turn in the next.
const MOST: usize = 3;

/// Some probes of each network that sessions from ours must cross the firewall to.
///
/// # Errors
/// We are in none of the networks, or one of them is none.
pub(super) fn chosen(
    proof: &PathProof,
    own: IpAddr,
    others: &BTreeSet<IpAddr>,
    turn: usize,
) -> Result<Vec<IpAddr>, String> {
    let networks = Networks::of(proof)?;
    let home = networks.home(&own.to_string()).ok_or_else(|| {
        format!(
            "this pod's address {own} is in none of spec.pathProof.networks of the Firewall; add its network"
        )
    })?;
    let mut chosen = Vec::new();
    for pair in proof.required().into_iter().filter(|pair| pair.from == home) {
        let there = |address: &&IpAddr| networks.home(&address.to_string()) == Some(pair.to.as_str());
        let there: Vec<IpAddr> = others.iter().filter(there).copied().collect();
        let first = turn.saturating_mul(MOST);
        let picked = (0..MOST.min(there.len())).filter_map(|n| there.get((first + n) % there.len()));
        chosen.extend(picked.copied());
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn proof(pairs: serde_json::Value) -> PathProof {
        let network = |n: u8| json!({"name": format!("n{n}"), "cidrs": [format!("10.0.{n}.0/24")]});
        serde_json::from_value(json!({"control": "a.x.example", "canary": "c.x.example", "pairs": pairs,
            "networks": [network(1), network(2), network(3)]}))
        .unwrap()
    }

    fn addresses(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn every_other_network_and_everybody_in_turn() {
        let many: Vec<String> = (1..=5).map(|n| format!("10.0.2.{n}")).collect();
        let mut others = addresses(&many.iter().map(String::as_str).collect::<Vec<_>>());
        others.extend(addresses(&["10.0.1.9", "10.0.3.1", "10.9.9.9", "fd00::1"]));
        let own = "10.0.1.1".parse().unwrap();
        let chosen = |turn| chosen(&proof(json!([])), own, &others, turn).unwrap();
        assert_eq!(chosen(0), Vec::from_iter(addresses(&["10.0.2.1", "10.0.2.2", "10.0.2.3", "10.0.3.1"])));
        let all: BTreeSet<IpAddr> = (0..2).flat_map(chosen).collect();
        assert_eq!(all.len(), 6, "{all:?}");
        let chosen = super::chosen(&proof(json!([{"from": "n1", "to": "n3"}])), own, &others, 7).unwrap();
        assert_eq!(chosen, Vec::from_iter(addresses(&["10.0.3.1"])), "only the pairs that are named");
        assert_eq!(super::chosen(&proof(json!([])), own, &addresses(&["10.0.1.9"]), 0), Ok(vec![]));
    }

    #[test]
    fn who_is_in_no_network_is_told_which_object_to_change() {
        let refused =
            chosen(&proof(json!([])), "10.0.7.1".parse().unwrap(), &BTreeSet::new(), 0).unwrap_err();
        assert!(refused.contains("10.0.7.1 is in none of spec.pathProof.networks"), "{refused}");
    }
}
