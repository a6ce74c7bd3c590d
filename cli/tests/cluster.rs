//! `sallyport firewall …` with a cluster: what it reads there, and the one field that it writes.
#![cfg(test)]

mod support;

use panos_sim::{Accounts, Options, Running, Simulator};
use serde_json::{Value, json};
use support::{api::Api, err, firewall, out};

const GROUP: &str = "/apis/sallyport.dev/v1alpha1";
const WEB: &str = "web.shop.corp.example";

/// A cluster with one firewall, one policy and one identity, and the device that the firewall names.
struct Ground {
    api: Api,
    sim: Running,
}

impl Ground {
    async fn new() -> Self {
        let accounts = Accounts::new([("sallyport".to_owned(), "correct horse".to_owned())]);
        let sim = Simulator::start(Options { accounts, ..Options::default() }).await.unwrap();
        let api = Api::new().await;
        let mut edge: Value =
            serde_saphyr::from_str(include_str!("../../manifests/examples/firewall.yaml")).unwrap();
        edge["spec"]["standalone"]["host"] = sim.api_addr.to_string().into();
        edge["spec"]["tls"] = json!({"caBundle": sim.ca_pem});
        edge["spec"]["blocked"] = json!(["bad.shop.corp.example"]);
        api.put(&format!("{GROUP}/firewalls"), edge);
        let policy: Value =
            serde_saphyr::from_str(include_str!("../../manifests/examples/identity-policy.yaml")).unwrap();
        api.put(&format!("{GROUP}/identitypolicies"), policy);
        api.put("/api/v1/namespaces", json!({"metadata": {"name": "shop"}}));
        // In base64, as Secrets are: sallyport, correct horse.
        let data = json!({"user": "c2FsbHlwb3J0", "password": "Y29ycmVjdCBob3JzZQ=="});
        api.put(
            "/api/v1/namespaces/sallyport-firewall/secrets",
            json!({"metadata": {"name": "edge", "namespace": "sallyport-firewall"}, "data": data}),
        );
        Self { api, sim }
    }

    /// The identity and the claim of one name.
    fn want(&self, name: &str) {
        let name: sallyport_contract::DnsName = name.parse().unwrap();
        let spec = json!({"dnsNames": [name.as_str()], "delivery": "Secret", "action": "Allow", "policy": "shop",
            "certificate": {"authority": "ca"}, "firewall": "edge"});
        let kind = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec});
        self.api.put(&format!("{GROUP}/workloadidentities"), kind("WorkloadIdentity", "web-1", spec));
        let claim = sallyport_contract::identity::claim_of(&name);
        let spec = json!({"dnsName": name.as_str(), "namespace": "shop"});
        self.api.put(&format!("{GROUP}/nameclaims"), kind("NameClaim", &claim, spec));
    }

    async fn run(&self, arguments: &[&str]) -> std::process::Output {
        firewall(arguments).env("KUBECONFIG", self.api.kubeconfig()).output().await.unwrap()
    }

    fn blocked(&self) -> Value {
        self.api.get(&format!("{GROUP}/firewalls/edge"))["spec"]["blocked"].clone()
    }
}

#[tokio::test]
async fn preflight_and_diff_look_at_the_cluster_and_the_device_and_write_to_neither() {
    let ground = Ground::new().await;
    ground.want(WEB);
    let candidate = ground.sim.candidate_xml();
    let output = ground.run(&["preflight", "edge"]).await;
    let text = out(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", err(&output));
    assert!(text.contains("1 App-ID, 1 rule, 1 service, 1 tag would be written, one commit"), "{text}");
    let output = ground.run(&["diff", "edge"]).await;
    assert!(out(&output).contains("set application sp-web-"), "{}{}", out(&output), err(&output));
    assert_eq!(ground.api.writes(), Vec::<String>::new());
    assert_eq!(ground.sim.candidate_xml(), candidate);
}

#[tokio::test]
async fn a_login_that_is_given_stands_in_for_the_secret() {
    let ground = Ground::new().await;
    ground.want(WEB);
    ground.api.forbid("/api/v1/namespaces/sallyport-firewall/secrets/edge");
    let output = ground.run(&["diff", "edge"]).await;
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    let words = err(&output);
    assert!(words.starts_with("sallyport: cannot read Secret sallyport-firewall/edge: "), "{words}");
    assert!(words.contains("--user NAME --password-file FILE") && words.lines().count() == 1, "{words}");

    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "correct horse").unwrap();
    let login = ["--user", "sallyport", "--password-file", password.to_str().unwrap()];
    let output = ground.run(&[&["diff", "edge"], &login[..]].concat()).await;
    assert!(out(&output).contains("set application sp-web-"), "{}{}", out(&output), err(&output));
}

#[tokio::test]
async fn block_adds_one_entry_and_unblock_takes_it_out_whoever_writes_meanwhile() {
    let ground = Ground::new().await;
    ground.want(WEB);
    ground.api.outrun_next_patch();
    let output = ground.run(&["block", WEB, "--on", "edge"]).await;
    assert!(
        out(&output).starts_with(&format!("{WEB} is blocked on firewall edge")),
        "{}{}",
        out(&output),
        err(&output)
    );
    assert_eq!(ground.blocked(), json!(["bad.shop.corp.example", WEB]));
    assert_eq!(ground.api.writes().len(), 2, "one was outrun");

    let again = ground.run(&["block", WEB, "--on", "edge"]).await;
    assert!(out(&again).contains("nothing was changed"), "{}", out(&again));
    let output = ground.run(&["unblock", WEB, "--on", "edge"]).await;
    assert!(out(&output).contains("no longer blocked"), "{}{}", out(&output), err(&output));
    assert_eq!(ground.blocked(), json!(["bad.shop.corp.example"]));
    assert_eq!(ground.api.writes().len(), 3);
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let ground = Ground::new().await;
    let output = ground.run(&["status", "egde"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(err(&output), "sallyport: there is no Firewall egde; there are: edge\n");
    let output = ground.run(&["status"]).await;
    let text = out(&output);
    assert!(text.starts_with("firewall edge, cluster prod-eu-1\n"), "{text}{}", err(&output));
    assert!(text.contains("bad.shop.corp.example") && text.contains("is it running?"), "{text}");
}
