//! Pairs and independent firewalls: the active peer is followed, each host is programmed and proven by itself.
#![cfg(test)]

mod support;

use panos_sim::{RunningPair, Simulator, Where};
use sallyport_contract::{Reason, object::ConditionStatus};
use sallyport_policy_sync::{
    board::Board,
    cycle::Cycle,
    gate::Carrier,
    gates::Gates,
    member::Member,
    metrics::Metrics,
    world::{Key, Version},
};
use sallyport_process::clock::Clock;
use serde_json::{Value, json};
use support::{Ground, PASSWORD, SETTINGS, Twin, USER, counts, objects, options, ports};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

fn twin(target: &str, spec: Value, ca: &str) -> Twin {
    let mut firewall = objects::firewall_spec("", ca);
    firewall.as_object_mut().unwrap().remove("standalone");
    firewall[target] = spec;
    let twin = Twin::default();
    twin.put_firewall("edge", firewall);
    twin.put_policy("shop", objects::policy_spec("shop"));
    twin.login("edge", USER, PASSWORD, "1");
    twin.complete();
    twin
}

async fn pair() -> Ground<RunningPair> {
    let pair = Simulator::start_pair(options(), options()).await.unwrap();
    let hosts = [&pair.first, &pair.second].map(|one| one.api_addr.to_string());
    let ca = format!("{}{}", pair.first.ca_pem, pair.second.ca_pem);
    let twin = twin("haPair", json!({"hosts": hosts}), &ca);
    Ground::around(pair, twin)
}

#[tokio::test]
async fn a_pair_is_written_at_its_active_peer_and_followed_over_a_failover() {
    let mut ground = pair().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let active = |ground: &Ground<RunningPair>| ground.firewall().status.as_ref().unwrap().active.clone();
    assert_eq!(active(&ground), Some(ground.sim.first.api_addr.to_string()));
    assert_eq!(
        support::count(&ground.sim.second, "config", "multi-config"),
        0,
        "the passive peer is left alone"
    );

    ground.sim.fail_over();
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.until_enforced(&[WEB, PAY]).await;
    assert_eq!(counts(&ground.sim.second.running_xml(), PAY), (1, 1));
    ground
        .until("the status follows", |ground| active(ground) == Some(ground.sim.second.api_addr.to_string()))
        .await;
}

#[tokio::test]
async fn a_failover_in_the_middle_of_a_commit_is_settled_by_reading() {
    let mut ground = pair().await;
    ground.sim.first.plant(support::once(Where::Job, panos_sim::Action::NeverFinish));
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_reason(WEB, Reason::AwaitingCommit).await;
    ground.sim.fail_over();
    ground.until_enforced(&[WEB]).await;
    assert_eq!(counts(&ground.sim.second.running_xml(), WEB), (1, 1));
}

#[tokio::test]
async fn law_2_a_name_on_independent_firewalls_counts_once_each_of_them_was_shown() {
    let (one, two) = (Simulator::start(options()).await.unwrap(), Simulator::start(options()).await.unwrap());
    let hosts = [&one, &two].map(|sim| sim.api_addr.to_string());
    let twin = twin("independent", json!({"hosts": hosts}), &format!("{}{}", one.ca_pem, two.ca_pem));
    let board = Board::default();
    let members = Member::of("edge", &twin.world().firewalls["edge"].spec);
    let mut cycles: Vec<_> =
        members.iter().map(|member| Cycle::new(member.clone(), ports(&twin, &board), SETTINGS)).collect();
    let metrics = Metrics::new(&mut prometheus_client::registry::Registry::default());
    let mut gates = Gates::new(twin.seen.clone(), board.clone(), twin.clone(), Clock::system(), metrics);
    let key = Key::new("shop", "web-1");
    let carrier = Carrier {
        uid: "u1".into(),
        version: Version::default(),
        created: jiff::Timestamp::UNIX_EPOCH,
        labels: std::collections::BTreeMap::new(),
        dns_names: Some(WEB.into()),
        action: Some("allow".into()),
        gated: true,
        held: false,
        living: true,
        gate: None,
    };
    twin.want("web-1", &[WEB], "Allow");
    twin.issue("web-1");
    twin.put_pod("web-1", "web-a", carrier);

    let away = support::always(Where::Connect, panos_sim::Action::DropBefore);
    two.plant(away);
    let enforced = |member: &Member| {
        let standing = board.standing(&member.to_string());
        standing.and_then(|standing| standing.names.get(&support::dns(WEB)).map(|state| state.reason))
            == Some(Reason::Enforced)
    };
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !enforced(&members[0]) || board.standing(&members[1].to_string()).is_none() {
        assert!(tokio::time::Instant::now() < deadline, "{}", twin.describe());
        for cycle in &mut cycles {
            cycle.step(&twin.world()).await;
        }
    }
    gates.judge(&twin.world(), [key.clone()].into()).await;
    assert!(!twin.gate("web-1", "web-a").unwrap().open, "one of two is not enough");

    two.clear_faults();
    while !members.iter().all(enforced) {
        assert!(tokio::time::Instant::now() < deadline, "{}", twin.describe());
        for cycle in &mut cycles {
            cycle.step(&twin.world()).await;
        }
    }
    gates.judge(&twin.world(), [key].into()).await;
    let gate = twin.gate("web-1", "web-a").unwrap();
    assert!(gate.open && gate.message.contains("2 of 2 devices"), "{gate}");
    for sim in [&one, &two] {
        assert_eq!(counts(&sim.running_xml(), WEB), (1, 1));
    }
    let status = twin.world().firewalls["edge"].status.clone().unwrap();
    let told: Vec<&str> = status.members.iter().map(|member| member.host.as_str()).collect();
    assert_eq!(told, hosts.iter().map(String::as_str).collect::<Vec<_>>());
    let in_sync = status.conditions.iter().find(|c| c.kind == "InSync").unwrap();
    assert_eq!(in_sync.status, ConditionStatus::True, "{}", in_sync.message);
}
