//! Sessions through the data plane: what is allowed arrives, what is not does not, and each for the right reason.

use crate::{
    support::{PAY, VSYS, batch, between, options, rule, start, start_with},
    traffic::{End, client_hello, echo, flow, last, say, session},
};
use panos_sim::{Accounts, Options, Quirks, Simulator, TlsOptions};
use std::{io::ErrorKind, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

const RULES: &str = "/rulebase/security/rules";
const ACTION: &str = "/rulebase/security/rules/entry[@name='sp-pay-rule']/action";
const NAME: &str = "pay.shop.corp.example";

#[tokio::test]
async fn allow_reset_and_drop_look_as_they_should() {
    let mut tasks = JoinSet::new();
    let upstream = echo(&mut tasks).await;
    let (running, us) = start().await;
    let through = flow(&running, upstream, "").await;
    let hello = client_hello(NAME);
    assert_eq!(say(&running, through, &hello).await, End::Silence, "before there is a rule");
    assert_eq!(last(&running), session("ssl", "deny-east-west", "deny"));

    us.multi(&batch("sp-pay", PAY, "allow")).await.has(r#"code="20""#);
    assert_eq!(say(&running, through, &hello).await, End::Silence, "the candidate is not in force");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    assert_eq!(say(&running, through, &hello).await, End::Echoed);
    assert_eq!(last(&running), session("sp-pay", "sp-pay-rule", "allow"));
    assert_eq!(say(&running, through, &client_hello("PAY.shop.corp.example")).await, End::Echoed, "(?i)");
    for other in ["web.shop.corp.example", "xpay.shop.corp.example", "pay.shop.corp.example.evil.test"] {
        assert_eq!(say(&running, through, &client_hello(other)).await, End::Silence, "{other}");
        assert_eq!(last(&running), session("ssl", "deny-east-west", "deny"));
    }
    let elsewhere = flow(&running, upstream, "destination=10.21.0.1").await;
    assert_eq!(say(&running, elsewhere, &hello).await, End::Silence, "another destination");
    let other_port = flow(&running, upstream, "port=8443").await;
    assert_eq!(say(&running, other_port, &hello).await, End::Silence, "another port");
    assert_eq!(
        say(&running, through, b"GET / HTTP/1.1\r\nHost: pay.shop.corp.example\r\n\r\n").await,
        End::Silence
    );
    assert_eq!(last(&running), session("unknown-tcp", "deny-east-west", "deny"));

    // An action other than allow is reached only where the handshake may pass as ssl; else the anchor drops it first.
    us.config("edit", ACTION, "<action>reset-both</action>").await.has(r#"code="20""#);
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    assert_eq!(say(&running, through, &hello).await, End::Silence);
    assert_eq!(last(&running), session("ssl", "deny-east-west", "deny"));
    let ssl = format!(
        "<set xpath=\"{VSYS}{RULES}/entry[@name='allow-ssl']\">{}</set>\
         <move xpath=\"{VSYS}{RULES}/entry[@name='allow-ssl']\" where=\"before\" dst=\"deny-east-west\"/>",
        rule("ssl", "allow")
    );
    us.multi(&ssl).await.has(r#"code="20""#);
    for (action, end) in [
        ("reset-both", End::Reset),
        ("reset-client", End::Reset),
        ("reset-server", End::Silence),
        ("drop", End::Silence),
        ("deny", End::Silence),
        ("allow", End::Echoed),
    ] {
        us.config("edit", ACTION, &format!("<action>{action}</action>")).await.has(r#"code="20""#);
        us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
        assert_eq!(say(&running, through, &hello).await, end, "{action}");
        assert_eq!(last(&running), session("sp-pay", "sp-pay-rule", action));
    }
}

#[tokio::test]
async fn a_deny_of_ssl_above_kills_before_the_shift() {
    let mut tasks = JoinSet::new();
    let upstream = echo(&mut tasks).await;
    let (running, us) = start().await;
    let through = flow(&running, upstream, "").await;
    us.multi(&batch("sp-pay", PAY, "allow")).await;
    let rule = rule("ssl", "reset-both");
    us.config("set", "/rulebase/security/rules/entry[@name='no-ssl']", &rule).await.has(r#"code="20""#);
    us.commit_of(&["sallyport"]).await;
    assert_eq!(
        say(&running, through, &client_hello(NAME)).await,
        End::Echoed,
        "below our rule it does not matter"
    );
    let xpath = format!("{}/rulebase/security/rules/entry[@name='no-ssl']", VSYS);
    us.send(&[
        ("type", "config"),
        ("action", "move"),
        ("xpath", &xpath),
        ("where", "top"),
        ("dst", "ignored"),
    ])
    .await;
    us.commit_of(&["sallyport"]).await;
    assert_eq!(say(&running, through, &client_hello(NAME)).await, End::Reset);
    assert_eq!(last(&running), session("ssl", "no-ssl", "reset-both"));
}

#[tokio::test]
async fn a_signature_that_did_not_compile_does_not_let_anything_through() {
    let mut tasks = JoinSet::new();
    let upstream = echo(&mut tasks).await;
    let (running, us) = start().await;
    let through = flow(&running, upstream, "").await;
    us.control("POST", "/faults", r#"{"where":"job","action":{"commit_not_compiled":[]}}"#).await;
    us.multi(&batch("sp-pay", PAY, "allow")).await;
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    assert_eq!(say(&running, through, &client_hello(NAME)).await, End::Silence);
    assert_eq!(last(&running), session("ssl", "deny-east-west", "deny"));
}

#[tokio::test]
async fn a_live_session_keeps_its_app_and_loses_its_rule_unless_sessions_are_not_matched_again() {
    for (default, set) in [(true, None), (false, None), (true, Some("no")), (false, Some("yes"))] {
        live_session(default, set).await;
    }
}

async fn live_session(default: bool, set: Option<&str>) {
    let rematch_sessions = set.map_or(default, |set| set == "yes");
    let mut tasks = JoinSet::new();
    let upstream = echo(&mut tasks).await;
    let quirks = Quirks { rematch_sessions: default, ..Quirks::default() };
    let (running, us) = start_with(Options { quirks, ..options() }).await;
    let through = flow(&running, upstream, "").await;
    if let Some(set) = set {
        let xpath = "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/setting";
        us.at("set", xpath, &format!("<config><rematch>{set}</rematch></config>")).await;
    }
    us.multi(&batch("sp-pay", PAY, "allow")).await;
    us.commit_of(&["sallyport"]).await;
    let mut stream = TcpStream::connect(through).await.unwrap();
    let hello = client_hello(NAME);
    stream.write_all(&hello).await.unwrap();
    let mut back = vec![0; hello.len()];
    stream.read_exact(&mut back).await.unwrap();

    us.config("set", "/tag/entry[@name='unrelated']", "<color>color1</color>").await;
    us.commit_of(&["sallyport"]).await;
    stream.write_all(b"still here").await.unwrap();
    stream.read_exact(&mut [0; 10]).await.unwrap();

    us.config(
        "edit",
        "/rulebase/security/rules/entry[@name='sp-pay-rule']/action",
        "<action>reset-both</action>",
    )
    .await;
    us.commit_of(&["sallyport"]).await;
    if !rematch_sessions {
        stream.write_all(b"even now").await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        return;
    }
    let error = timeout(Duration::from_secs(10), stream.read(&mut [0; 10])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let ended = running.sessions().pop().unwrap();
    assert_eq!((ended.app.as_str(), ended.end.as_deref()), ("sp-pay", Some("rematch")));
}

#[tokio::test]
async fn real_tls_passes_end_to_end() {
    let (_running, us) = start().await;
    // Another device's management interface serves as the workload.
    let workload = Simulator::start(Options {
        accounts: Accounts::default(),
        tls: TlsOptions {
            sans: vec![NAME.to_owned(), "web.shop.corp.example".to_owned()],
            self_signed: false,
        },
        ..Options::default()
    })
    .await
    .unwrap();
    us.multi(&batch("sp-pay", PAY, "allow")).await;
    us.commit_of(&["sallyport"]).await;
    let reply = us
        .control(
            "POST",
            "/data-plane",
            &format!(
                r#"{{"listen":"127.0.0.1:0","upstream":"{}","from":"trust","to":"trust","source":"10.20.1.1","destination":"10.20.2.7","port":443}}"#,
                workload.api_addr
            ),
        )
        .await;
    let through: SocketAddr = between(&reply.body, "\"listen\":\"", "\"").parse().unwrap();
    let ca = reqwest::Certificate::from_pem(workload.ca_pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([ca])
        .resolve(NAME, through)
        .resolve("web.shop.corp.example", through)
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let answered =
        client.get(format!("https://{NAME}:{}/api/?type=version", through.port())).send().await.unwrap();
    assert_eq!(answered.status().as_u16(), 403, "the workload asks for a key");
    let denied = client
        .get(format!("https://web.shop.corp.example:{}/api/", through.port()))
        .timeout(Duration::from_millis(500))
        .send()
        .await;
    assert!(denied.unwrap_err().is_timeout(), "a denied name hears nothing");
    us.control("GET", "/sessions", "")
        .await
        .has(r#""sni":"web.shop.corp.example""#)
        .has(r#""rule":"sp-pay-rule""#);
}
