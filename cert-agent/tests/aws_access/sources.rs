//! Where credentials come from: EKS Pod Identity, IRSA, a role on top of either; and what happens when they end.

use std::time::{Duration, Instant};

use pca_sim::SessionRules;
use serde_json::json;

use crate::place::{CLUSTER_ACCOUNT, Place, pairs};

const CA_ACCOUNT: &str = "123456789012";

fn role() -> String {
    format!("arn:aws:iam::{CA_ACCOUNT}:role/pca/issuer")
}

pub(crate) async fn pod_identity_of_eks_is_taken() {
    let place = Place::new().await;
    let mut asker = place.asker(&[place.environment(), place.pod_identity(CA_ACCOUNT)]);
    asker.obtain().await;
    assert_eq!(place.callers(), [format!("arn:aws:sts::{CA_ACCOUNT}:assumed-role/agent/eks-pod")]);
    assert_eq!(place.sim.counters().sessions["PodIdentity"], [1, 0], "asked once, and kept");
}

pub(crate) async fn irsa_is_taken_and_goes_before_pod_identity() {
    let place = Place::new().await;
    let both = [place.environment(), place.irsa(CA_ACCOUNT), place.pod_identity(CA_ACCOUNT)];
    place.asker(&both).obtain().await;
    let mut named = both.to_vec();
    named.push(pairs([("AWS_ROLE_SESSION_NAME", "prod-eu-1")]));
    place.asker(&named).obtain().await;
    let callers = place.callers();
    let session = |name: &str| format!("arn:aws:sts::{CA_ACCOUNT}:assumed-role/irsa-agent/{name}");
    assert_eq!(callers.len(), 2, "{callers:?}");
    assert!(callers.contains(&session("prod-eu-1")), "{callers:?}");
    assert!(callers.iter().all(|caller| caller.starts_with(&session(""))), "{callers:?}");
    let sessions = place.sim.counters().sessions;
    assert_eq!(
        (sessions["AssumeRoleWithWebIdentity"], sessions.contains_key("PodIdentity")),
        ([2, 0], false)
    );
}

pub(crate) async fn a_ca_in_another_account_is_asked_under_its_role() {
    let place = Place::new().await;
    place.sim.set_session_rules(SessionRules {
        external_id: Some("corp-4711".to_owned()),
        ..SessionRules::default()
    });
    let arn = place.sim.ca_arn.clone();
    for source in [place.pod_identity(CLUSTER_ACCOUNT), place.irsa(CLUSTER_ACCOUNT)] {
        let environment = [place.environment(), source];
        let denied = place.asker(&environment).call("describe").await;
        assert!(denied.starts_with("Denied") && denied.contains("not authorized to perform"), "{denied}");

        let whom = json!({"arn": arn, "roleArn": role()});
        let refused = place.asker_for(whom, &environment).call("describe").await;
        for told in ["Unavailable", "AccessDenied", "sts:AssumeRole", &role()] {
            assert!(refused.contains(told), "{told}: {refused}");
        }

        let whom = json!({"arn": arn, "roleArn": role(), "externalId": "corp-4711"});
        place.asker_for(whom.clone(), &environment).obtain().await;
        let mut named = environment.to_vec();
        named.push(pairs([("AWS_ROLE_SESSION_NAME", "prod-eu-1")]));
        place.asker_for(whom, &named).obtain().await;
    }
    let session = |name: &str| format!("arn:aws:sts::{CA_ACCOUNT}:assumed-role/issuer/{name}");
    assert_eq!(place.callers(), [session("prod-eu-1"), session("sallyport-cert-agent")]);
}

pub(crate) async fn law_8_credentials_that_end_in_the_middle_heal_and_cost_one_certificate() {
    let plain = json!({});
    let under_a_role = json!({"roleArn": role()});
    for (more, irsa) in [(&plain, false), (&plain, true), (&under_a_role, false)] {
        let place = Place::new().await;
        let mut whom = json!({"arn": place.sim.ca_arn});
        whom.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let source = if irsa { place.irsa(CA_ACCOUNT) } else { place.pod_identity(CA_ACCOUNT) };
        let mut asker = place.asker_for(whom, &[place.environment(), source]);
        assert_eq!(asker.call("describe").await, "described");
        for (call, done) in [("issue", "issued"), ("issue", "issued"), ("fetch", "fetched")] {
            place.sim.end_sessions();
            let ended = asker.call(call).await;
            assert!(ended.starts_with("Denied") && ended.contains("ExpiredToken"), "{call} {more}: {ended}");
            assert_eq!(asker.call(call).await, done, "{more}");
        }
        assert_eq!(place.sim.counters().certificates_issued, 1, "{more}");
    }
}

pub(crate) async fn credentials_are_fetched_anew_before_they_end() {
    let place = Place::new().await;
    // The SDK fetches new ones ten seconds before the end.
    place.sim.set_session_rules(SessionRules { lifetime_seconds: 12, ..SessionRules::default() });
    let whom = json!({"arn": place.sim.ca_arn, "roleArn": role()});
    let mut asker = place.asker_for(whom, &[place.environment(), place.pod_identity(CLUSTER_ACCOUNT)]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while place.sim.counters().sessions.get("AssumeRole").is_none_or(|[granted, _]| *granted < 3) {
        assert!(Instant::now() < deadline, "{:?}", place.sim.counters().sessions);
        assert_eq!(asker.call("describe").await, "described");
    }
    let described = &place.sim.counters().calls["DescribeCertificateAuthority"];
    assert_eq!(described.keys().collect::<Vec<_>>(), ["ok"], "none was refused meanwhile");
}

pub(crate) async fn without_credentials_the_nodes_role_is_not_borrowed() {
    let place = Place::new().await;
    let refused = place.asker(&[place.environment()]).call("describe").await;
    assert!(refused.starts_with("Unavailable") && refused.contains("credentials"), "{refused}");
    assert!(place.callers().is_empty());
}

pub(crate) async fn law_11_no_credentials_are_in_a_log() {
    let place = Place::new().await;
    place.sim.set_session_rules(SessionRules { external_id: None, ..SessionRules::default() });
    for source in [place.pod_identity(CLUSTER_ACCOUNT), place.irsa(CLUSTER_ACCOUNT)] {
        let whom = json!({"arn": place.sim.ca_arn, "roleArn": role()});
        let mut asker = place.asker_for(whom, &[place.environment(), source]);
        asker.obtain().await;
        place.sim.end_sessions();
        let ended = asker.call("fetch").await;
        let log = asker.log().await;
        assert!(log.contains("TRACE"), "the finest level is there");
        let secrets = place.sim.secrets();
        assert!(secrets.len() >= 4, "{}", secrets.len());
        for secret in secrets.into_iter().chain(["a-token-of-this-pod".to_owned()]) {
            let place = log.lines().find(|line| line.contains(&secret));
            assert_eq!(place, None, "a secret in the log");
            assert!(!ended.contains(&secret), "a secret in an error");
        }
    }
}
