//! The simulators as processes: what the demo and the system tests rely on, with its negative control.
#![cfg(test)]

use std::time::Duration;

use ground::{
    firewall::{FirewallOptions, FirewallSim},
    network::{Outcome, Server, dial, dial_for},
    pca::PcaSim,
    wait,
};
use serde_json::json;

const VSYS: &str = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']";
const APP: &str = "<category>business-systems</category><subcategory>general-business</subcategory>\
    <technology>client-server</technology><risk>1</risk><parent-app>ssl</parent-app><signature><entry name='s'>\
    <and-condition><entry name='a'><or-condition><entry name='o'><operator><pattern-match>\
    <pattern>(?i)^web\\.example\\.?$</pattern><context>ssl-req-chello-sni</context></pattern-match></operator>\
    </entry></or-condition></entry></and-condition></entry></signature>";
const RULE: &str = "<from><member>trust</member></from><to><member>trust</member></to><source><member>any</member>\
    </source><destination><member>any</member></destination><service><member>service-https</member></service>\
    <application><member>web</member></application><action>allow</action>";

async fn by_hand(firewall: &FirewallSim, parameters: &[(&str, &str)]) {
    let said = firewall.colleague(parameters).await.unwrap();
    assert!(said.contains("status=\"success\""), "{parameters:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_made_by_hand_lets_a_name_through_and_without_it_nothing_passes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await.unwrap();
    let issued = rcgen::generate_simple_self_signed(["web.example".to_owned()]).unwrap();
    server.serve("web.example", &issued.cert.pem(), &issued.signing_key.serialize_pem()).unwrap();
    let options = FirewallOptions {
        name: "fw".to_owned(),
        listen: (std::net::Ipv4Addr::LOCALHOST, 0).into(),
        commit_time: Duration::from_millis(100),
        upstream: server.address,
        more: Vec::new(),
    };
    let firewall = FirewallSim::start(folder.path(), &options).await.unwrap();
    let root = issued.cert.pem();
    let through = || dial(firewall.data_plane, "web.example", &root);
    let blocked = || dial_for(Duration::from_secs(1), firewall.data_plane, "web.example", &root);
    assert!(!matches!(blocked().await.unwrap(), Outcome::Verified(_)), "it passes without a rule");

    let rule = format!("{VSYS}/rulebase/security/rules/entry[@name='web']");
    let app = format!("{VSYS}/application/entry[@name='web']");
    by_hand(&firewall, &[("type", "config"), ("action", "set"), ("xpath", &app), ("element", APP)]).await;
    by_hand(&firewall, &[("type", "config"), ("action", "set"), ("xpath", &rule), ("element", RULE)]).await;
    by_hand(&firewall, &[("type", "config"), ("action", "move"), ("xpath", &rule), ("where", "top")]).await;
    assert!(!matches!(blocked().await.unwrap(), Outcome::Verified(_)), "it passes before the commit");
    by_hand(&firewall, &[("type", "commit"), ("cmd", "<commit></commit>")]).await;
    wait::until("the commit", wait::GENEROUS, || async {
        anyhow::ensure!(firewall.running().await?.contains("<entry name=\"web\""), "not yet");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(through().await.unwrap(), Outcome::Verified("hello from web.example".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ca_tells_what_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let pca = PcaSim::start(folder.path(), Duration::ZERO).await.unwrap();
    assert!(pca.ca_arn.starts_with("arn:aws:acm-pca:"), "{}", pca.ca_arn);
    assert_eq!(pca.issued().await.unwrap(), json!([]));
    pca.fault(&json!({"operation": "IssueCertificate", "action": "drop_before", "times": "forever"}))
        .await
        .unwrap();
    pca.state("DISABLED").await.unwrap();
    pca.heal().await.unwrap();
}
