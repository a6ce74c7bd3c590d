//! The control endpoint of a Panorama and of a pair.

use crate::{
    managed::{FW_1, FW_2, FW_3, group, push_cmd, start},
    support::{Client, between},
    traffic::{End, client_hello, echo, say},
};
use tokio::task::JoinSet;

const COLOR: &str = "<color>color1</color>";

#[tokio::test]
async fn firewalls_are_listed_connected_and_cut_off() {
    let (_running, us) = start().await;
    us.control("GET", "/devices", "").await.has(FW_1).has("\"hostname\":\"fw-2\"").lacks("false");
    let at = |serial: &str, what: &str| format!("/devices/{serial}/{what}");
    assert_eq!(us.control("POST", &at(FW_2, "disconnect"), "").await.http, 204);
    us.control("GET", "/devices", "").await.has("false");
    us.op("<show><devices><connected/></devices></show>").await.lacks(FW_2);
    assert_eq!(us.control("POST", &at(FW_2, "connect"), "").await.http, 204);
    us.op("<show><devices><connected/></devices></show>").await.has(FW_2);
    assert_eq!(us.control("POST", &at("nobody", "connect"), "").await.http, 404);
    assert_eq!(us.control("POST", "/failover", "{}").await.http, 409, "it has no peer");
}

#[tokio::test]
async fn each_firewall_has_its_own_state_faults_and_sessions() {
    let mut tasks = JoinSet::new();
    let upstream = echo(&mut tasks).await;
    let (running, us) = start().await;
    let at = |what: &str| format!("/devices/{FW_1}/{what}");
    let flow = format!("{{\"upstream\":\"{upstream}\",\"destination\":\"10.30.0.9\"}}");
    let listening = us.control("POST", &at("data-plane"), &flow).await;
    let through = between(&listening.body, "\"listen\":\"", "\"").parse().unwrap();
    let hello = client_hello("legacy.corp.example");
    assert_eq!(say(running.firewall(FW_1).unwrap(), through, &hello).await, End::Echoed);
    us.control("GET", &at("sessions"), "").await.has("legacy-corp");
    us.control("GET", &format!("/devices/{FW_2}/sessions"), "").await.has("[]");
    let fault = "{\"where\":\"op\",\"action\":{\"refuse\":{\"code\":13,\"text\":\"later\"}}}";
    assert_eq!(us.control("POST", &at("faults"), fault).await.http, 204);
    us.control("GET", "/faults", "").await.has("[]");
    us.op_on(FW_1, "<show><system><info/></system></show>").await.has("later");
    us.op_on(FW_1, "<show><system><info/></system></show>").await.has(FW_1);
    us.config_on(FW_1, "set", "/config/shared/tag/entry[@name='own']", COLOR).await.has("code=\"20\"");
    us.control("GET", &at("state"), "").await.has("\"owner\":\"sallyport\"");
    us.control("GET", &at("config/candidate"), "").await.has("\"own\"");
    us.control("GET", "/config/candidate", "").await.lacks("\"own\"").has("device-group");
    us.control("GET", &at("counters"), "").await.has("\"config.set\":1");
}

#[tokio::test]
async fn pushes_are_remembered_with_what_they_asked_for() {
    let (_running, us) = start().await;
    us.at("set", &format!("{}/tag/entry[@name='t']", group("dev")), COLOR).await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    let path = format!("/devices/{FW_3}/pushes");
    for (merge, template, force) in [(false, false, false), (true, true, true)] {
        let word = |yes: bool| if yes { "yes" } else { "no" };
        let more = format!(
            "<merge-with-candidate-cfg>{}</merge-with-candidate-cfg><include-template>{}</include-template>\
             <force-template-values>{}</force-template-values>",
            word(merge),
            word(template),
            word(force)
        );
        let job = us.push(&push_cmd("dev", &more)).await;
        us.finished(&job).await.has("<result>OK</result>");
        let pushes = us.control("GET", &path, "").await;
        let (_, last) = pushes.body.rsplit_once("{\"group\":\"dev\"").unwrap();
        assert!(last.contains(&format!("\"merge_with_candidate\":{merge}")), "{last}");
        assert!(last.contains(&format!("\"include_template\":{template}")), "{last}");
        assert!(last.contains(&format!("\"force_template_values\":{force}")), "{last}");
    }
}

#[tokio::test]
async fn a_firewall_that_restarts_is_away_and_keeps_keys_and_policy() {
    let (running, us) = start().await;
    let firewall = running.firewall(FW_1).unwrap();
    let direct = Client::login(firewall, "sallyport", "s3cret").await;
    us.config_on(FW_1, "set", "/config/shared/tag/entry[@name='own']", COLOR).await.has("code=\"20\"");
    us.send(&[("type", "commit"), ("target", FW_1), ("cmd", "<commit/>")]).await.has("<job>1</job>");
    let reboot = format!("/devices/{FW_1}/reboot");
    assert_eq!(us.control("POST", &reboot, "{\"away_ms\":3600000}").await.http, 204);
    us.op_on(FW_1, "<show><system><info/></system></show>").await.has("not connected");
    assert!(direct.try_send(&[("type", "version")]).await.is_err());
    us.pushed("prod").await.has("<result>FAIL</result>");
    assert_eq!(us.control("POST", &reboot, "{\"away_ms\":0}").await.http, 204);
    direct.job("1").await.has("<type>AutoCom</type>");
    direct.finished("1").await.has("<result>OK</result>");
    direct.job("2").await.has("job 2 not found");
    us.pushed("prod").await.has("<result>OK</result>");
    direct
        .config("show", "/rulebase/security/rules/entry[@name='allow-legacy']", "")
        .await
        .has("legacy-corp");
}
