//! What the clients of `tests/conformance` showed to be missing.

use crate::support::{VSYS, between, start};

const MANAGEMENT: &str =
    "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/setting/management";

#[tokio::test]
async fn xml_that_is_none_is_code_18() {
    let (_running, us) = start().await;
    us.config("set", "/tag/entry[@name='x']", "<color>").await.has(r#"code="18""#).has("Malformed Request");
    us.op("<show>").await.has(r#"code="18""#);
    us.commit("<commit").await.has(r#"code="18""#);
    us.op("<show><x/></show>").await.has(r#"code="17""#);
}

#[tokio::test]
async fn the_lifetime_of_keys_is_configuration_and_holds_from_its_commit() {
    let (_running, us) = start().await;
    let keygen = [("type", "keygen"), ("user", "sallyport"), ("password", "s3cret")];
    let key = || async { between(&us.send(&keygen).await.body, "<key>", "</key>") };
    let set = |minutes: &str| {
        let element = format!("<api><key><lifetime>{minutes}</lifetime></key></api>");
        let us = &us;
        async move { us.at("set", MANAGEMENT, &element).await }
    };
    assert_eq!(key().await, key().await);
    set("525601").await.has(r#"code="12""#);
    set("1").await.has("success");
    assert_eq!(key().await, key().await, "it is not committed");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    assert_ne!(key().await, key().await);
    set("0").await.has("success");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    assert_eq!(key().await, key().await);
}

#[tokio::test]
async fn completions_and_overrides() {
    let (_running, us) = start().await;
    us.config("complete", "/tag", "").await.has(r#"<completion value="legacy""#);
    let action = "/rulebase/security/rules/entry[@name='allow-legacy']/action";
    us.config("complete", action, "").await.has(r#"value="reset-both""#);
    us.config("complete", "/display-name", "").await.has(r#"code="17""#).has("No completions available");
    let rule = "/rulebase/default-security-rules/rules/entry[@name='intrazone-default']";
    us.config("override", rule, "<entry name='intrazone-default'><action>deny</action></entry>")
        .await
        .has("success");
    us.config("override", "/tag/entry[@name='legacy']", "<entry name='legacy'/>").await.has(r#"code="14""#);
}

#[tokio::test]
async fn the_console_tells_who_when_and_whether() {
    let (_running, us) = start().await;
    us.op("<show><admins/></show>").await.has("<admin>sallyport</admin>").has("<self/>");
    us.op("<show><clock/></show>").await.has(" UTC 2");
    us.op("<show><chassis-ready/></show>").await.has("<result>yes</result>");
    let rule = format!("{VSYS}/rulebase/security/rules/entry[@name='allow-legacy']");
    let about = |verb: &str| format!("<{verb}><xpath>{rule}</xpath><comment>ticket 1</comment></{verb}>");
    let read = format!(
        "<show><config><list><audit-comments><xpath>{rule}</xpath></audit-comments></list></config></show>"
    );
    us.op(&read).await.lacks("ticket");
    us.op(&format!("<set>{}</set>", about("audit-comment"))).await.has("success");
    us.op(&read).await.has("<comment>ticket 1</comment>");
}
