//! The same certificate in other forms: one file, and a keystore under a password of the team's.

use std::process::{Command, Stdio};

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::{
    authority::Script,
    stage::{NAMESPACE, Stage, WEB},
};
use crate::forms::{COMBINED, KEYSTORE};

const SECRET: &str = "web-keystore";

fn policy(stage: &Stage, forms: &Value) {
    stage.policy(NAMESPACE, &json!({"certificate": {"authority": "ca", "lifetime": "144h", "forms": forms}}));
}

fn with_keystore() -> Value {
    json!({"combinedPem": true, "pkcs12": {"passwordSecret": SECRET}})
}

/// The team writes its password, or takes it away.
fn password(stage: &Stage, password: Option<&str>) {
    let place = ("secrets".to_owned(), NAMESPACE.to_owned(), SECRET.to_owned());
    stage.twin.memory().objects.remove(&place);
    if let Some(password) = password {
        let data = json!({"password": ByteString(password.as_bytes().to_vec())});
        let object = json!({"metadata": {"name": SECRET, "namespace": NAMESPACE, "uid": "p", "resourceVersion": "1"}, "data": data});
        stage.store("secrets", NAMESPACE, SECRET, &object);
    }
}

fn delivered(stage: &Stage, file: &str) -> Option<Vec<u8>> {
    stage.secret(WEB)?.data?.remove(file).map(|bytes| bytes.0)
}

/// What openssl makes of a keystore: key and certificates in PEM, or its words.
fn opened(keystore: &[u8], password: &str) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), keystore).unwrap();
    let output = Command::new("openssl")
        .args(["pkcs12", "-noenc", "-passin", "stdin", "-in"])
        .arg(file.path())
        .stdin(Stdio::from(pipe(password)))
        .output()
        .expect("openssl must be installed");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn pipe(text: &str) -> std::fs::File {
    use std::io::{Seek as _, Write as _};
    let mut file = tempfile::tempfile().unwrap();
    writeln!(file, "{text}").unwrap();
    file.rewind().unwrap();
    file
}

#[tokio::test(start_paused = true)]
async fn openssl_reads_the_combined_file_and_the_keystore() {
    let stage = Stage::scripted(Script::default()).await;
    policy(&stage, &with_keystore());
    password(&stage, Some("open sesame"));
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    stage.is_whole(1, "in every form").await;
    let (key, chain) = (delivered(&stage, "tls.key").unwrap(), delivered(&stage, "tls.crt").unwrap());
    assert_eq!(delivered(&stage, COMBINED).unwrap(), [key.clone(), chain.clone()].concat());
    let keystore = delivered(&stage, KEYSTORE).unwrap();
    let text = opened(&keystore, "open sesame").unwrap();
    let body = |pem: &[u8]| String::from_utf8(pem.to_vec()).unwrap().lines().nth(1).unwrap().to_owned();
    assert!(text.contains(&body(&key)) && text.contains(&body(&chain)), "{text}");
    assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 2, "the leaf and its root");
    assert!(opened(&keystore, "open barley").is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_delivered_before_the_password_is_there_and_what_is_delivered_stays_without_it() {
    let stage = Stage::scripted(Script::default()).await;
    policy(&stage, &with_keystore());
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(6).await;
    assert!(stage.secret(WEB).is_none(), "half of it is nothing");
    let identity = stage.identity(WEB);
    assert_eq!(Stage::reason(&identity), ("False", "AwaitingCertificate"));
    let said = Stage::message(&identity);
    assert!(said.contains("shop/web-keystore") && said.contains("IdentityPolicy shop"), "{said}");
    password(&stage, Some("first"));
    stage.pass(30).await;
    stage.is_whole(1, "the password came").await;
    password(&stage, None);
    stage.look_again().await;
    stage.is_whole(1, "the password is gone").await;
    let before = delivered(&stage, KEYSTORE).unwrap();
    password(&stage, Some("second"));
    stage.look_again().await;
    stage.is_whole(1, "another password").await;
    let after = delivered(&stage, KEYSTORE).unwrap();
    assert!(opened(&before, "first").is_ok() && opened(&after, "first").is_err());
    assert!(opened(&after, "second").is_ok(), "the keystore has the password that the team has now");
}

#[tokio::test(start_paused = true)]
async fn other_forms_are_no_other_certificate() {
    let stage = Stage::scripted(Script::default()).await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    assert_eq!((delivered(&stage, COMBINED), delivered(&stage, KEYSTORE)), (None, None));
    password(&stage, Some("open sesame"));
    for (forms, combined, keystore) in [
        (with_keystore(), true, true),
        (json!({"combinedPem": true}), true, false),
        (json!({}), false, false),
    ] {
        policy(&stage, &forms);
        stage.settle().await;
        stage.pass(3).await;
        let found = (delivered(&stage, COMBINED).is_some(), delivered(&stage, KEYSTORE).is_some());
        assert_eq!(found, (combined, keystore), "{forms}");
        stage.is_whole(1, &forms.to_string()).await;
    }
}
