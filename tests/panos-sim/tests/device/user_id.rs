//! The User-ID API: no commit, each entry by itself, and rules with dynamic groups that follow it.

use crate::support::{Client, Reply, start};

impl Client {
    async fn user_id(&self, payload: &str) -> Reply {
        let cmd = format!(
            "<uid-message><version>2.0</version><type>update</type><payload>{payload}</payload></uid-message>"
        );
        self.send(&[("type", "user-id"), ("vsys", "vsys1"), ("cmd", &cmd)]).await
    }

    async fn registered(&self, asked: &str) -> Reply {
        self.op(&format!("<show><object><registered-ip>{asked}</registered-ip></object></show>")).await
    }
}

fn entry(ip: &str, tag: &str) -> String {
    format!("<entry ip=\"{ip}\"><tag><member>{tag}</member></tag></entry>")
}

#[tokio::test]
async fn one_entry_that_fails_does_not_stop_the_others() {
    let (_running, us) = start().await;
    let entries = [entry("10.0.0.1", "web"), entry("10.0.0", "web"), entry("10.0.0.2", "web")].concat();
    us.user_id(&format!("<register>{entries}</register>"))
        .await
        .has(r#"<response status="error"><msg><line><uid-response>"#)
        .has(r#"<register><entry ip="10.0.0" message="10.0.0 is not a valid address"/></register>"#);
    us.registered("<all/>").await.has(r#"ip="10.0.0.1""#).has(r#"ip="10.0.0.2""#).lacks(r#"ip="10.0.0""#);
    us.user_id(&format!("<register>{}</register>", entry("10.0.0.1", "web")))
        .await
        .has("tag web already exists, ignore");
    us.user_id(&format!("<unregister>{}</unregister>", entry("10.0.0.9", "web")))
        .await
        .has("ip 10.0.0.9 does not exist, ignore unreg");
    us.op("<check><pending-changes/></check>").await.has("no");
}

#[tokio::test]
async fn what_is_no_message_is_refused_whole() {
    let (_running, us) = start().await;
    us.user_id("<register><entry ip='10.0.0.1'><tag><member>web</member></tag></entry></register><groups/>")
        .await
        .has(r#"code="17""#)
        .has("groups is unexpected");
    us.registered("<all/>").await.lacks("10.0.0.1");
    us.send(&[("type", "user-id"), ("cmd", "<uid-message>")]).await.has(r#"code="18""#);
    us.send(&[("type", "user-id"), ("vsys", "vsys7"), ("cmd", "<uid-message/>")]).await.has("vsys7");
    us.send(&[("type", "user-id"), ("cmd", "<uid-message/>")]).await.has("type update");
}

#[tokio::test]
async fn an_answer_holds_500_addresses_and_pages_tell_the_rest() {
    let (_running, us) = start().await;
    let entries: String = (0..501).map(|n| entry(&format!("10.0.{}.{}", n / 250, n % 250), "web")).collect();
    us.user_id(&format!("<register>{entries}</register>")).await.has("success");
    us.registered("<all/>").await.has("<count>500</count>");
    us.registered("<limit>500</limit><start-point>501</start-point>").await.has("<count>1</count>");
    us.registered("<all><option><count/></option></all>").await.has("<count>501</count>");
    us.registered("<limit>501</limit>").await.has("limit '501' is invalid");
    us.registered("<start-point>0</start-point>").await.has("start-point '0' is invalid");
    us.op("<debug><object><registered-ip><clear><all/></clear></registered-ip></object></debug>").await;
    us.registered("<all/>").await.has("<count>0</count>");
}

#[tokio::test]
async fn a_dynamic_group_holds_what_is_registered_once_a_committed_rule_names_it() {
    let (_running, us) = start().await;
    let group = "/address-group/entry[@name='pods']";
    us.config("set", group, "<dynamic><filter>'web' and</filter></dynamic>").await.has("filter");
    us.config("set", group, "<dynamic><filter>'web' and 'prod'</filter></dynamic>").await.has("success");
    let rule = "/rulebase/security/rules/entry[@name='allow-legacy']";
    us.config("set", &format!("{rule}/destination"), "<member>pods</member>").await.has("success");
    us.config("set", &format!("{rule}/application"), "<member>ssl</member>").await.has("success");
    let both = "<entry ip=\"10.20.2.7\"><tag><member>web</member><member>prod</member></tag></entry>";
    us.user_id(&format!("<register>{both}{}</register>", entry("10.20.2.8", "web"))).await.has("success");
    let show = "<show><object><dynamic-address-group><all/></dynamic-address-group></object></show>";
    us.op(show).await.lacks("pods");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.op(show).await.has(r#"<member-list><entry name="10.20.2.7" type="registered-ip"/></member-list>"#);
    us.policy_match("ssl", "10.20.2.7", 443).await.has(r#"name="allow-legacy""#);
    us.policy_match("ssl", "10.20.2.8", 443).await.has(r#"name="deny-east-west""#);
    us.user_id(&format!("<unregister>{}</unregister>", entry("10.20.2.7", "prod"))).await.has("success");
    us.policy_match("ssl", "10.20.2.7", 443).await.has(r#"name="deny-east-west""#);
}

#[tokio::test]
async fn users_are_mapped_until_they_log_out() {
    let (_running, us) = start().await;
    us.user_id("<login><entry name=\"corp\\anna\" ip=\"10.0.0.1\" timeout=\"60\"/></login>")
        .await
        .has("success");
    let show = "<show><user><ip-user-mapping><all/></ip-user-mapping></user></show>";
    us.op(show).await.has("<user>corp\\anna</user>").has("<count>1</count>");
    us.user_id("<login><entry name=\"x\" ip=\"10.0.0.2\" timeout=\"43201\"/></login>")
        .await
        .has("timeout '43201'");
    us.user_id("<logout><entry name=\"corp\\anna\" ip=\"10.0.0.1\"/></logout>").await.has("success");
    us.op(show).await.has("<count>0</count>");
}
