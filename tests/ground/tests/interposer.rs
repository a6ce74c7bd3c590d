//! The proxy before a simulated firewall: it passes calls on, names them, and does what a rule says.
#![cfg(test)]

use std::time::{Duration, Instant};

use anyhow::Result;
use ground::{
    firewall::{COLLEAGUE, FirewallOptions, FirewallSim},
    interposer::{
        Interposer,
        call::FarSide,
        rules::{Action, Refusal, Rule},
    },
    network::Server,
};

const TAGS: &str = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/tag";
const PATIENCE: Duration = Duration::from_secs(30);

struct Stage {
    firewall: FirewallSim,
    interposer: Interposer,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start().await.unwrap();
        let options = FirewallOptions {
            name: "fw".to_owned(),
            listen: (std::net::Ipv4Addr::LOCALHOST, 0).into(),
            commit_time: Duration::from_millis(50),
            upstream: server.address,
            more: Vec::new(),
        };
        let firewall = FirewallSim::start(folder.path(), &options).await.unwrap();
        let interposer = Interposer::start(FarSide::Firewall, firewall.api, &firewall.ca_pem).await.unwrap();
        let certificate = reqwest::Certificate::from_pem(interposer.ca_pem.as_bytes()).unwrap();
        let client =
            reqwest::Client::builder().tls_certs_only([certificate]).timeout(PATIENCE).build().unwrap();
        Self { firewall, interposer, client, _folder: folder }
    }

    /// Sets a tag through the proxy.
    async fn set(&self, tag: &str) -> Result<String> {
        let element = format!("<entry name=\"{tag}\"/>");
        let form = [("type", "config"), ("action", "set"), ("xpath", TAGS), ("element", &element)];
        let request = self.client.post(format!("https://{}/api/", self.interposer.address));
        let answer = request.basic_auth(COLLEAGUE.0, Some(COLLEAGUE.1)).form(&form).send().await?;
        Ok(answer.text().await?)
    }

    async fn has(&self, tag: &str) -> bool {
        self.firewall.candidate().await.unwrap().contains(&format!("<entry name=\"{tag}\""))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_passes_and_is_named_and_a_rule_about_another_leaves_it_alone() {
    let stage = Stage::start().await;
    let other = stage.interposer.arm(Rule::every("config set tag", "green", Action::CutBefore));
    assert!(stage.set("blue").await.unwrap().contains("success"));
    assert!(stage.has("blue").await);
    assert_eq!(other.count(), 0);
    let names: Vec<String> = stage.interposer.calls("blue").into_iter().map(|call| call.name).collect();
    assert_eq!(names, ["config set tag"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_took_effect_and_what_is_cut_before_did_not() {
    let stage = Stage::start().await;
    for (tag, action, effect) in [("after", Action::Cut, true), ("before", Action::CutBefore, false)] {
        let mut armed = stage.interposer.arm(Rule::every("config set tag", "", action));
        stage.set(tag).await.unwrap_err();
        armed.struck(PATIENCE).await.unwrap();
        assert_eq!(stage.has(tag).await, effect, "{tag}");
    }
    assert!(stage.set("healed").await.unwrap().contains("success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_never_answered() {
    let stage = Stage::start().await;
    for (tag, action, effect) in [("after", Action::HoldAfter, true), ("before", Action::HoldBefore, false)] {
        let mut armed = stage.interposer.arm(Rule::first("config set tag", "", action));
        let look = async {
            armed.struck(PATIENCE).await.unwrap();
            assert_eq!(stage.has(tag).await, effect, "{tag}");
            drop(armed);
        };
        let (answer, ()) = tokio::join!(stage.set(tag), look);
        answer.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_its_own_words_and_a_slow_call_arrives() {
    let stage = Stage::start().await;
    let refusal = Refusal { status: 503, content_type: "text/plain", body: "closed".to_owned() };
    let armed = stage.interposer.arm(Rule::every("config set tag", "", Action::Refuse(refusal)));
    assert_eq!(stage.set("refused").await.unwrap(), "closed");
    assert!(!stage.has("refused").await);
    drop(armed);
    let by = Duration::from_millis(300);
    let armed = stage.interposer.arm(Rule::every("config set tag", "", Action::Slow(by)));
    let start = Instant::now();
    assert!(stage.set("slow").await.unwrap().contains("success"));
    assert!(start.elapsed() >= by && stage.has("slow").await);
    assert_eq!(armed.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_side_that_it_does_not_trust_is_not_called() {
    let (stage, other) = (Stage::start().await, Stage::start().await);
    assert!(stage.set("trusted").await.unwrap().contains("success"));
    stage.interposer.turn_to(other.firewall.api);
    stage.set("untrusted").await.unwrap_err();
    assert!(!other.has("untrusted").await);
}
