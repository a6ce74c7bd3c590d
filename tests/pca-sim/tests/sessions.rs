//! Temporary credentials over the wire: handed out by STS and by the agent of a node, refused when they have ended.
#![cfg(test)]

mod common;

use aws_sdk_acmpca::{Client, config::Credentials};
use common::{client_with, code, csr, issue, start};
use pca_sim::{AuthorityOptions, Running, SessionRules};
use serde_json::Value;

const ADMIN: &str = "AKIDADMIN";

async fn describe(pca: &Client, sim: &Running) -> String {
    code(pca.describe_certificate_authority().certificate_authority_arn(&sim.ca_arn).send().await)
}

/// The credentials that the agent of a node gives to a pod with this role.
async fn from_the_agent(sim: &Running, account: &str) -> Credentials {
    let url = format!("{}/pod-identity/{account}/agent", sim.control);
    let refused = reqwest::get(&url).await.unwrap();
    assert_eq!(refused.status(), 401, "a pod without its token");
    let answer = reqwest::Client::new().get(&url).header("authorization", "token").send().await.unwrap();
    let given: Value = answer.json().await.unwrap();
    let text = |name: &str| given[name].as_str().unwrap().to_owned();
    Credentials::new(text("AccessKeyId"), text("SecretAccessKey"), Some(text("Token")), None, "agent")
}

#[tokio::test]
async fn a_session_is_let_in_until_it_ends() {
    let sim = start(|_| {}).await;
    let given = from_the_agent(&sim, "123456789012").await;
    let pca = client_with(&sim, given.clone());
    assert_eq!(describe(&pca, &sim).await, "ok");
    sim.end_sessions();
    assert_eq!(describe(&pca, &sim).await, "ExpiredTokenException");
    let forged = Credentials::new(given.access_key_id(), "x", Some("another".to_owned()), None, "test");
    assert_eq!(describe(&client_with(&sim, forged), &sim).await, "UnrecognizedClientException");
    let admin = client_with(&sim, Credentials::new(ADMIN, "x", None, None, "test"));
    assert_eq!(describe(&admin, &sim).await, "ok");
    let counters = sim.counters();
    let callers: Vec<&str> = counters.callers.keys().map(String::as_str).collect();
    assert_eq!(callers, [ADMIN, "arn:aws:sts::123456789012:assumed-role/agent/eks-pod"]);
    assert_eq!(counters.sessions["PodIdentity"], [1, 1]);
    assert_eq!(counters.calls["DescribeCertificateAuthority"]["ExpiredTokenException"], 1);
}

#[tokio::test]
async fn a_session_of_another_account_may_do_nothing() {
    let sim = start(|_| {}).await;
    let pca = client_with(&sim, from_the_agent(&sim, "210987654321").await);
    assert_eq!(describe(&pca, &sim).await, "AccessDeniedException");
}

/// STS as a form, the way every SDK sends it; that ours and its answers understand each other is shown by cert-agent's tests.
#[tokio::test]
async fn sts_refuses_what_it_must() {
    let sim = start(|_| {}).await;
    let http = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(sim.tls_ca_pem.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let ask = async |form: &[(&str, &str)]| {
        let answer = http.post(&sim.endpoint).form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let role = ("RoleArn", "arn:aws:iam::123456789012:role/issuer");
    let web = ("Action", "AssumeRoleWithWebIdentity");
    let session = ("RoleSessionName", "me");
    let (status, text) = ask(&[web, role, session, ("WebIdentityToken", "jwt")]).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("<AccessKeyId>ASIA") && text.contains("assumed-role/issuer/me"), "{text}");
    for (form, status, code) in [
        (vec![web, role, session], 400, "ValidationError"),
        (vec![web, session, ("RoleArn", "nonsense"), ("WebIdentityToken", "jwt")], 400, "ValidationError"),
        (vec![("Action", "GetFederationToken")], 400, "InvalidAction"),
        (vec![("Action", "GetCallerIdentity")], 400, "MissingAuthenticationTokenException"),
        (vec![("Action", "AssumeRole"), role, session], 400, "MissingAuthenticationTokenException"),
    ] {
        let (got, text) = ask(&form).await;
        assert_eq!(got, status, "{form:?}: {text}");
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{form:?}: {text}");
    }
}

#[tokio::test]
async fn rules_are_steered_over_http() {
    let sim = start(|_| {}).await;
    let url = format!("{}/sessions", sim.control);
    let http = reqwest::Client::new();
    let rules = serde_json::json!({"lifetimeSeconds": 900, "externalId": "corp"});
    assert_eq!(http.post(&url).json(&rules).send().await.unwrap().status(), 204);
    let pca = client_with(&sim, from_the_agent(&sim, "123456789012").await);
    assert_eq!(http.delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(describe(&pca, &sim).await, "ExpiredTokenException");
    sim.set_session_rules(SessionRules::default());
}

#[tokio::test]
async fn a_ca_issues_so_many_in_its_life_and_no_more() {
    let limited = AuthorityOptions { lifetime_limit: Some(2), ..AuthorityOptions::default() };
    let sim = start(|options| options.authorities = vec![limited, AuthorityOptions::default()]).await;
    let pca = client_with(&sim, Credentials::new(ADMIN, "x", None, None, "test"));
    let ask = async |ca: &str, token: &str| {
        let (pem, _) = csr(&["web.shop.corp.example"]);
        code(issue(&pca, ca, &pem).idempotency_token(token).send().await)
    };
    let (first, other) = (sim.ca_arns[0].clone(), sim.ca_arns[1].clone());
    for (ca, token, said) in [
        (&first, "a", "ok"),
        (&first, "b", "ok"),
        (&first, "c", "LimitExceededException"),
        (&first, "b", "ok"),
        (&other, "a", "ok"),
    ] {
        assert_eq!(ask(ca, token).await, said, "{ca} {token}");
    }
    assert_eq!(sim.counters().certificates_issued, 3);
}
