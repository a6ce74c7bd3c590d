//! The workers as the program starts them: one for each Firewall object.

mod support;

use std::time::Duration;

use sallyport_contract::Reason;
use sallyport_policy_sync::{board::Board, worker};
use sallyport_process::shutdown::Stop;
use support::{SETTINGS, Twin, dns, objects, options, ports, until};

const WEB: &str = "web.shop.corp.example";

fn reason(board: &Board, firewall: &str, name: &str) -> Option<Reason> {
    board.standing(firewall)?.names.get(&dns(name)).map(|state| state.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn law_13_a_broken_firewall_holds_back_only_itself() {
    let sim = panos_sim::Simulator::start(options()).await.unwrap();
    let twin = Twin::default();
    let host = sim.api_addr.to_string();
    let broken = |spec: &mut serde_json::Value| {
        spec["bounds"]["policies"] = serde_json::json!(["billing"]);
        spec["credentials"]["secretName"] = "nowhere".into();
    };
    twin.put_firewall("edge", objects::firewall_spec(&host, &sim.ca_pem));
    let mut spec = objects::firewall_spec("127.0.0.1:1", &sim.ca_pem);
    broken(&mut spec);
    twin.put_firewall("broken", spec);
    twin.put_policy("shop", objects::policy_spec("shop"));
    let mut policy = objects::policy_spec("billing");
    policy["firewall"] = "broken".into();
    policy["namespaces"] = serde_json::json!(["billing", "shop"]);
    policy["priority"] = (-1).into();
    policy["dnsNames"]["default"] = "{workload}.{namespace}.corp.example".into();
    twin.put_policy("billing", policy);
    twin.login("edge", support::USER, support::PASSWORD, "1");
    twin.login("nowhere", support::USER, support::PASSWORD, "1");
    twin.want("web-1", &[WEB], "Allow");
    twin.claim("billing", &["pay.billing.corp.example"]);
    let mut spec = objects::identity_spec(&["pay.billing.corp.example"], "Allow");
    spec["firewall"] = "broken".into();
    spec["policy"] = "billing".into();
    twin.put_identity_in("billing", "pay-1", spec);
    twin.complete();

    let (board, stop) = (Board::default(), Stop::new());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(worker::firewalls(twin.seen.clone(), ports(&twin, &board), SETTINGS, stop.clone()));
    until(&board, "edge enforces", || reason(&board, "edge", WEB) == Some(Reason::Enforced)).await;
    until(&board, "broken is told", || {
        reason(&board, "broken", "pay.billing.corp.example") == Some(Reason::FirewallUnreachable)
    })
    .await;
    twin.remove_firewall("broken");
    until(&board, "its worker ends", || board.standing("broken").is_none()).await;
    assert_eq!(reason(&board, "edge", WEB), Some(Reason::Enforced));
    stop.now();
    let ended = tokio::time::timeout(Duration::from_secs(30), tasks.join_next()).await.unwrap();
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn law_10_nothing_is_done_before_every_first_list_is_in() {
    let sim = panos_sim::Simulator::start(options()).await.unwrap();
    let twin = Twin::default();
    twin.put_firewall("edge", objects::firewall_spec(&sim.api_addr.to_string(), &sim.ca_pem));
    twin.login("edge", support::USER, support::PASSWORD, "1");
    twin.complete_but_identities();
    let (board, stop) = (Board::default(), Stop::new());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(worker::firewalls(twin.seen.clone(), ports(&twin, &board), SETTINGS, stop.clone()));
    twin.put_policy("shop", objects::policy_spec("shop"));
    tokio::task::yield_now().await;
    assert!(board.standing("edge").is_none() && sim.log_lines().is_empty());
    twin.complete();
    until(&board, "the worker begins", || board.standing("edge").is_some()).await;
    stop.now();
}
