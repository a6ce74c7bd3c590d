//! The XML API over real TLS, as clients use it.

use crate::support::{Client, PAY, VSYS, app, batch, options, start, start_with};
use panos_sim::{Options, Quirks, TlsOptions};

#[tokio::test]
async fn from_key_to_proof() {
    let (running, us) = start().await;
    us.multi(&batch("sp-pay", PAY, "allow"))
        .await
        .has(r#"<response status="success" code="20"><response status="success" code="20" id="1">"#)
        .has(r#"id="4""#);
    us.op("<check><pending-changes/></check>").await.has("<result>yes</result>");
    let read = us.config("get", "/application/entry[@name='sp-pay']", "").await;
    read.has(r#"code="19""#)
        .has(r#"total-count="1" count="1""#)
        .has(r#"admin="sallyport""#)
        .has("dirtyId=")
        .has("time=");
    us.config("show", "/application/entry[@name='sp-pay']", "")
        .await
        .has("No such node")
        .has(r#"status="error""#);
    us.policy_match("sp-pay", "10.20.2.7", 443).await.has("is not a valid reference");

    us.commit_of(&["sallyport"]).await.has("<result>OK</result>").has("Configuration committed successfully");
    us.op("<check><pending-changes/></check>").await.has("<result>no</result>");
    us.config("get", "/application/entry[@name='sp-pay']", "").await.lacks("dirtyId").lacks("admin=");
    us.config("show", "/application/entry[@name='sp-pay']", "").await.has("pay\\.shop");
    us.config("show", "/rulebase/security/rules/entry[@name='sp-pay-rule']", "").await.has("uuid=\"");
    us.op("<show><bad-custom-signature/></show>").await.has("<result></result>");
    us.policy_match("sp-pay", "10.20.2.7", 443)
        .await
        .has(r#"<rules><entry name="sp-pay-rule"><index>2</index>"#)
        .has("<action>allow</action>");
    us.policy_match("sp-pay", "10.21.2.7", 443).await.has(r#"<entry name="deny-east-west">"#);
    us.policy_match("sp-pay", "10.20.2.7", 8443).await.has(r#"<entry name="deny-east-west">"#);
    us.policy_match("ssl", "10.20.2.7", 443).await.has(r#"<entry name="deny-east-west">"#);
    us.commit("<commit/>")
        .await
        .has(r#"code="19"><msg>There are no changes to commit.</msg>"#)
        .lacks("<job>");
    running.stop().await;
}

#[tokio::test]
async fn every_way_in_works_and_a_wrong_key_does_not() {
    let (running, us) = start().await;
    let http = Client::http(&running);
    let info = "cmd=%3Cshow%3E%3Csystem%3E%3Cinfo%2F%3E%3C%2Fsystem%3E%3C%2Fshow%3E";
    for path in ["/api/", "/api", "/esp/restapi.esp"] {
        let url = format!("https://{}{path}", running.api_addr);
        let get = http.get(format!("{url}?type=op&{info}&key={}", us.key)).send().await.unwrap();
        assert!(get.text().await.unwrap().contains("<sw-version>11.1.6</sw-version>"), "GET {path}");
        let mixed =
            http.post(format!("{url}?type=op")).body(info.to_owned()).basic_auth("alice", Some("wonder"));
        let form = mixed.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        assert!(form.text().await.unwrap().contains("<model>PA-VM</model>"), "query and body, Basic, {path}");
    }
    for (user, password) in [("sallyport", "wrong"), ("nobody", "s3cret"), ("", "")] {
        let reply = us.send(&[("type", "keygen"), ("user", user), ("password", password)]).await;
        assert_eq!(reply.http, 403);
        reply.has("<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>");
    }
    running.expire_keys();
    let reply = us.op("<show><system><info/></system></show>").await;
    assert_eq!(reply.http, 403, "an expired key");
    let us = Client::login(&running, "sallyport", "s3cret").await;
    us.send(&[("type", "version")]).await.has("<sw-version>11.1.6</sw-version>").has("<serial>");
    assert_eq!(us.send(&[("type", "nonsense")]).await.http, 400);
}

#[tokio::test]
async fn a_wrong_certificate_is_noticed() {
    for tls in [
        TlsOptions { sans: vec!["other.example".to_owned()], self_signed: false },
        TlsOptions { sans: vec!["127.0.0.1".to_owned()], self_signed: true },
    ] {
        let (good, _) = start().await;
        let odd = panos_sim::Simulator::start(Options { tls, ..options() }).await.unwrap();
        let url = format!("https://{}/api/?type=version", odd.api_addr);
        let error = Client::http(&good).get(url).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    }
}

#[tokio::test]
async fn reads_and_refusals_have_the_devices_shapes() {
    let (_running, us) = start().await;
    us.config("get", "/tag/entry[@name='none']", "")
        .await
        .has(r#"<response status="success" code="7"><result/>"#);
    us.config("get", "/tag/entry", "").await.has(r#"count="1""#);
    us.config("get", "/tag/entry/@name", "").await.has(r#"<entry name="legacy"/>"#).lacks("comments");
    us.config("show", "/tag/entry[@name='legacy']/comments/text()", "")
        .await
        .has("<result>kept by the network team</result>");
    us.config("show", "/rulebase/security/rules/entry", "").await.has(r#"status="error""#);
    us.config("delete", "/tag/entry[@name='none']", "").await.has(r#"status="success" code="7""#);
    us.config("delete", "/application/entry[@name='legacy-corp']", "")
        .await
        .has(r#"code="10""#)
        .has("-&gt; allow-legacy -&gt; application");
    us.config("set", "/tag/entry[@name='x']", "<colour/>")
        .await
        .has(r#"code="12"><msg><line> x -&gt; colour unexpected here"#);
    us.config("set", "/tag/entry[@name='x']", "<color>").await.has(r#"status="error""#);
    us.config("set", "/tag/entry[1]", "<color>color1</color>").await.has(r#"code="6""#);
    us.config("frobnicate", "/tag", "").await.has(r#"code="17""#);
    us.op("<show><nonsense/></show>").await.has(r#"code="17"><msg><line> show -&gt; nonsense is unexpected"#);
    us.op("show system info").await.has(r#"status="error""#);
    us.multi(&format!("<set xpath=\"{VSYS}/tag/entry[@name='a']\" id=\"A\"/><edit id=\"B\" xpath=\"{VSYS}/tag/entry[@name='b']\"><entry name=\"c\"/></edit><delete xpath=\"/config\"/>"))
        .await
        .has(r#"<response status="error" code="13"><response status="success" code="20" id="A">"#)
        .has(r#"<response status="error" code="12" id="B">"#);
    us.config("get", "/tag/entry[@name='a']", "").await.has(r#"code="7""#);
}

#[tokio::test]
async fn a_signature_that_does_not_compile_is_listed() {
    let quirks = Quirks { bad_pattern: panos_sim::BadPattern::BadSignature, ..Quirks::default() };
    let (_running, us) = start_with(Options { quirks, ..options() }).await;
    us.config("set", "/application/entry[@name='sp-odd']", &app("(")).await.has(r#"code="20""#);
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.op("<show><bad-custom-signature/></show>")
        .await
        .has(r#"<entry name="sp-odd"><vsys>vsys1</vsys><signature>sni</signature>"#);
    us.op("<test><custom-signature-type><pattern>a\\.b\\.c</pattern></custom-signature-type></test>")
        .await
        .has("valid");
    us.op("<test><custom-signature-type><pattern>(</pattern></custom-signature-type></test>")
        .await
        .has("invalid");
}

#[tokio::test]
async fn the_log_tells_what_was_asked_and_keeps_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log");
    let (running, us) = start_with(Options { log_file: Some(file.clone()), ..options() }).await;
    us.multi(&batch("sp-pay", PAY, "allow")).await;
    us.commit_of(&["sallyport"]).await;
    us.config("set", "/nowhere", "<a/>").await;
    let lines = running.log_lines();
    let commit = lines.iter().find(|line| line.kind == "commit").unwrap();
    assert_eq!((commit.user.as_str(), commit.status.as_str(), commit.job), ("sallyport", "success", Some(1)));
    assert!(commit.cmd.contains("<member>sallyport</member>"));
    assert!(lines.iter().any(|line| line.action == "set" && line.status == "error 17"));
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), lines.len());
    assert!(!written.contains("s3cret") && !written.contains(&us.key), "no password, no key");
    us.control("GET", "/log", "").await.has(r#""type":"commit""#).has(r#""where":"""#);
    us.control("GET", "/counters", "").await.has(r#""config.multi-config":1"#);
    us.control("GET", "/state", "").await.has(r#""result":"OK""#);
    us.control("GET", "/config/running", "").await.has("sp-pay-rule");
    us.control("GET", "/config/candidate", "").await.has("sp-pay-rule");
    us.control("GET", "/quirks", "").await.has(r#""anchors":"hold""#);
}

#[tokio::test]
async fn the_rest_of_the_commands_answer() {
    let (_running, us) = start().await;
    us.op("<show><high-availability><state/></high-availability></show>").await.has("<enabled>no</enabled>");
    us.op("<check><full-commit-required/></check>").await.has("<result>no</result>");
    let comment =
        format!("<set><audit-comment><xpath>{VSYS}</xpath><comment>CHG-1</comment></audit-comment></set>");
    us.op(&comment).await.has(r#"status="success""#);
    us.config("set", "/tag/entry[@name='ours']", "<color>color1</color>").await;
    us.op("<revert><config><partial><admin><member>sallyport</member></admin></partial></config></revert>")
        .await
        .has("reverted");
    us.op("<check><pending-changes/></check>").await.has("no");
    us.config("set", "/tag/entry[@name='ours']", "<color>color1</color>").await;
    us.op("<load><config><from>running-config.xml</from></config></load>").await.has("loaded");
    us.op("<check><pending-changes/></check>").await.has("no");
    for bad in [
        "<source>10.0.0.1</source>",
        "<source>x</source><destination>10.0.0.1</destination><protocol>6</protocol>",
        "<nonsense/>",
    ] {
        us.op(&format!("<test><security-policy-match>{bad}</security-policy-match></test>"))
            .await
            .has(r#"code="17""#);
    }
}
