//! The program: its ready file, its files, its control endpoint, its refusals on the wire, and its end.
#![cfg(test)]

mod common;

use std::{
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use reqwest::{Certificate, Client, StatusCode};
use serde_json::{Value, json};

struct Program {
    child: Child,
    ready: Value,
}

impl Program {
    /// Starts the program and waits for its ready file.
    async fn start(directory: &Path, more: &[&str]) -> Self {
        let ready_file = directory.join("ready.json");
        let mut child = Command::new(env!("CARGO_BIN_EXE_pca-sim"))
            .args(["--ca-out", "ca.pem", "--ready-file", "ready.json", "--issue-delay", "0ms"])
            .args(more)
            .current_dir(directory)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ready_file.exists() {
            assert!(child.try_wait().unwrap().is_none(), "the program ended");
            assert!(Instant::now() < deadline, "no ready file");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ready = serde_json::from_slice(&std::fs::read(ready_file).unwrap()).unwrap();
        Self { child, ready }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.ready["control"].as_str().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test]
async fn the_ready_file_says_where_everything_is() {
    let directory = tempfile::tempdir().unwrap();
    let more = [
        "--intermediate",
        "--usage-mode",
        "SHORT_LIVED_CERTIFICATE",
        "--also",
        r#"{"keyAlgorithm": "RSA_2048"}"#,
    ];
    let mut program = Program::start(directory.path(), &more).await;
    let ready = &program.ready;
    let ca_arn = ready["ca_arn"].as_str().unwrap();
    assert!(ca_arn.starts_with("arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/"));
    assert_eq!(ready["ca_arns"].as_array().unwrap().len(), 2);
    for file in ["ca_file", "root_pem_file"] {
        let pem = std::fs::read_to_string(directory.path().join(ready[file].as_str().unwrap())).unwrap();
        assert_eq!(common::length(&pem), 1, "{file}");
    }
    let terminate = Command::new("kill").arg(program.child.id().to_string()).status().unwrap();
    assert!(terminate.success() && program.child.wait().unwrap().success(), "a clean end on SIGTERM");
}

#[tokio::test]
async fn the_control_endpoint_steers_it() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]).await;
    let http = Client::new();
    let post = async |path: &str, body: Value| {
        http.post(program.at(path)).json(&body).send().await.unwrap().status()
    };
    let get =
        async |path: &str| http.get(program.at(path)).send().await.unwrap().json::<Value>().await.unwrap();

    let fault =
        json!({"operation": "IssueCertificate", "action": {"wrong_leaf": {"kind": "other_key"}}, "times": 2});
    assert_eq!(post("/faults", fault.clone()).await, StatusCode::NO_CONTENT);
    assert_eq!(get("/faults").await, json!([fault]));
    assert_eq!(http.delete(program.at("/faults")).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(get("/faults").await, json!([]));
    let nonsense = json!({"operation": "RevokeCertificate", "action": "late_failure"});
    assert_eq!(post("/faults", nonsense).await, StatusCode::BAD_REQUEST);
    let nothing =
        json!({"callers": {}, "calls": {}, "certificates_issued": 0, "issued_by_token": {}, "sessions": {}});
    assert_eq!(get("/counters").await, nothing);
    assert_eq!(get("/issued").await, json!([]));
    assert_eq!(post("/issue-delay", json!({"ms": 50})).await, StatusCode::NO_CONTENT);
    assert_eq!(post("/quotas", json!({"issuePerSecond": 1})).await, StatusCode::NO_CONTENT);
    assert_eq!(http.delete(program.at("/quotas")).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(post("/reachable", json!(false)).await, StatusCode::NO_CONTENT);
    assert_eq!(post("/reachable", json!(true)).await, StatusCode::NO_CONTENT, "the control endpoint stays");
    let state = json!({"arn": program.ready["ca_arn"], "status": "DISABLED"});
    assert_eq!(post("/ca/state", state).await, StatusCode::NO_CONTENT);
    let unknown = json!({"arn": "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/x", "status": "ACTIVE"});
    assert_eq!(post("/ca/state", unknown).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn refusals_on_the_wire() {
    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/acm-pca/aws4_request, SignedHeaders=host, \
        Signature=0000000000000000000000000000000000000000000000000000000000000000";
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]).await;
    let ca = Certificate::from_pem(&std::fs::read(directory.path().join("ca.pem")).unwrap()).unwrap();
    let http = Client::builder().tls_certs_only([ca]).build().unwrap();
    for (target, authorization, content_type, body, kind) in [
        ("DescribeCertificateAuthority", None, "1.1", "{}", "MissingAuthenticationTokenException"),
        ("DescribeCertificateAuthority", Some("Basic x"), "1.1", "{}", "IncompleteSignatureException"),
        ("DescribeCertificateAuthority", Some(SIGNED), "1.0", "{}", "UnknownOperationException"),
        ("ListTags", Some(SIGNED), "1.1", "{}", "UnknownOperationException"),
        ("DescribeCertificateAuthority", Some(SIGNED), "1.1", "{", "SerializationException"),
        ("DescribeCertificateAuthority", Some(SIGNED), "1.1", "{}", "ValidationException"),
    ] {
        let mut request = http
            .post(program.ready["endpoint"].as_str().unwrap())
            .header("x-amz-target", format!("ACMPrivateCA.{target}"))
            .header("x-amz-date", "20260101T000000Z")
            .header("content-type", format!("application/x-amz-json-{content_type}"))
            .body(body);
        if let Some(text) = authorization {
            request = request.header("authorization", text);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{kind}");
        assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["__type"], kind);
        assert!(answer["message"].is_string());
    }
}
