//! `sallyport firewall preflight` and `diff` as a network engineer runs them before anything is installed: against a
//! simulated device, with three files.
#![cfg(test)]

mod support;

use std::{fs, process::Output};

use panos_sim::{Accounts, Options, Running, Simulator};
use serde_json::{Value, json};
use support::{err, firewall, out};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse";
const WEB: &str = "web.shop.corp.example";

struct Try {
    sim: Running,
    folder: TempDir,
}

impl Try {
    /// A device, and the files of the examples that are about it.
    async fn new(change: impl FnOnce(&mut Value)) -> Self {
        let accounts = Accounts::new([("auditor".to_owned(), PASSWORD.to_owned())]);
        let sim = Simulator::start(Options { accounts, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut firewall: Value =
            serde_saphyr::from_str(include_str!("../../manifests/examples/firewall.yaml")).unwrap();
        firewall["spec"]["standalone"]["host"] = sim.api_addr.to_string().into();
        firewall["spec"]["tls"] = json!({"caBundle": sim.ca_pem});
        change(&mut firewall);
        let policy = include_str!("../../manifests/examples/identity-policy.yaml");
        for (name, text) in [
            ("firewall.yaml", firewall.to_string()),
            ("policy.yaml", policy.to_owned()),
            ("password", format!("{PASSWORD}\n")),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { sim, folder }
    }

    async fn run(&self, command: &str, more: &[&str]) -> Output {
        let file = |name: &str| self.folder.path().join(name);
        firewall(&[command, "--user", "auditor", "--firewall"])
            .arg(file("firewall.yaml"))
            .arg("--policy")
            .arg(file("policy.yaml"))
            .arg("--password-file")
            .arg(file("password"))
            .args(more)
            .output()
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn preflight_ends_with_what_would_be_written_and_writes_nothing() {
    let one = Try::new(|_| ()).await;
    let before = (one.sim.candidate_xml(), one.sim.running_xml());
    let output = one.run("preflight", &["--name", &format!("{WEB}=allow")]).await;
    let text = out(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", err(&output));
    assert!(
        text.ends_with(
            "1 App-ID, 1 rule, 1 service, 1 tag would be written, one commit; nothing stands in the way\n"
        ),
        "{text}"
    );
    assert_eq!((one.sim.candidate_xml(), one.sim.running_xml()), before);
    let writes = |line: &&panos_sim::LogLine| {
        line.kind == "commit" || line.kind == "config" && !matches!(line.action.as_str(), "get" | "show")
    };
    let lines = one.sim.log_lines();
    assert!(lines.len() > 5 && lines.iter().find(writes).is_none(), "{lines:?}");
    assert!(!text.contains(PASSWORD) && !text.contains('\u{1b}'), "no secret and no colour");
}

#[tokio::test]
async fn diff_prints_cli_lines_or_the_requests() {
    let one = Try::new(|_| ()).await;
    let cli = one.run("diff", &["--name", WEB]).await;
    assert!(out(&cli).contains("\nmove rulebase security rules sp-shop-allow-"), "{}", out(&cli));
    let xml = one.run("diff", &["--xml", "--name", WEB]).await;
    assert!(out(&xml).starts_with("<multi-config><set xpath="), "{}", out(&xml));
}

#[tokio::test]
async fn what_is_in_the_way_ends_with_one_and_what_cannot_be_found_out_with_two() {
    let one = Try::new(|firewall| firewall["spec"]["rules"] = json!({"before": "no-such-rule"})).await;
    let output = one.run("preflight", &["--name", WEB]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("in the way: anchor"), "{}", out(&output));

    fs::write(one.folder.path().join("password"), "wrong\n").unwrap();
    let output = one.run("preflight", &["--name", WEB]).await;
    assert_eq!(output.status.code(), Some(2));
    let words = err(&output);
    assert!(words.contains("CredentialsRefused") && words.contains("auditor"), "{words}");
    assert!(!words.contains("wrong"), "{words}");

    let output = one.run("preflight", &["--name", "WEB.shop.corp.example"]).await;
    assert_eq!(output.status.code(), Some(2), "clap's own code");
    assert!(err(&output).contains("did you mean web.shop.corp.example?"), "{}", err(&output));
}

#[tokio::test]
async fn block_refuses_a_name_that_is_not_in_normal_form_before_it_asks_anybody() {
    let output = firewall(&["block", "Web.shop.corp.example", "--on", "edge"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("did you mean web.shop.corp.example?"), "{}", err(&output));
}
