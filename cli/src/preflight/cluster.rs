//! What the API server tells: itself, rights, and whether it reaches the webhook.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use k8s_openapi::{
    Resource as _,
    api::{
        authorization::v1::{
            ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
            SubjectAccessReviewSpec,
        },
        certificates::{
            v1::{self, PodCertificateRequest},
            v1beta1,
        },
        core::v1::{Namespace, Pod},
    },
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PostParams},
    client::Body,
};
use sallyport_contract::keys;
use sallyport_process::{
    clock::Clock,
    kubernetes::{in_time, serves},
    report::chain,
};
use serde_json::json;

use super::{
    finding::{Finding, said},
    rights::{self, Ask},
};
use crate::cluster::timely;

/// The oldest Kubernetes that serves all that the install uses.
const OLDEST: (u32, u32) = (1, 33);
/// Beyond this a new certificate is not valid yet for some, and Leases are judged wrongly.
const MOST_SKEW: SignedDuration = SignedDuration::from_secs(10);
/// Questions to the authorizer at once.
const AT_ONCE: usize = 8;
/// Missing rights that one line names.
const MOST_NAMED: usize = 3;

/// Version, clock and features.
pub(super) async fn server(client: &Client, clock: &Clock) -> Result<Vec<Finding>, String> {
    let info = timely("ask the API server for its version", client.apiserver_version()).await?;
    let number = |text: &str| text.trim_end_matches('+').parse::<u32>().unwrap_or_default();
    let version = (number(&info.major), number(&info.minor));
    let words = format!("Kubernetes {}", info.git_version);
    let mut findings = vec![if version >= OLDEST {
        Finding::good("version", words)
    } else {
        Finding::bad("version", format!("{words}; it takes {}.{}: upgrade first", OLDEST.0, OLDEST.1))
    }];
    findings.push(skew(client, clock).await);
    for feature in FEATURES {
        findings.push(feature.finding(client).await);
    }
    Ok(findings)
}

/// What only newer clusters serve, and what follows from it.
struct Feature {
    plural: &'static str,
    /// The newest first.
    versions: &'static [&'static str],
    with: &'static str,
    without: &'static str,
}

const FEATURES: [Feature; 2] = [
    Feature {
        plural: PodCertificateRequest::URL_PATH_SEGMENT,
        versions: &[PodCertificateRequest::API_VERSION],
        with: "delivery: Pod is possible",
        without: "policies take delivery: Secret",
    },
    Feature {
        plural: v1::ClusterTrustBundle::URL_PATH_SEGMENT,
        versions: &[v1::ClusterTrustBundle::API_VERSION, v1beta1::ClusterTrustBundle::API_VERSION],
        with: "roots are published there too",
        without: "roots are published in ConfigMaps alone",
    },
];

impl Feature {
    async fn finding(&self, client: &Client) -> Finding {
        let plural = self.plural;
        for version in self.versions {
            match in_time(serves(client, version, plural)).await {
                Ok(Ok(true)) => {
                    return Finding::good("features", format!("{plural} of {version}: {}", self.with));
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) => return Finding::unknown("features", said(&chain(&error))),
                Err(late) => return Finding::unknown("features", late.to_string()),
            }
        }
        let versions = self.versions.join(" or ");
        Finding::good("features", format!("no {plural} of {versions}: {}", self.without))
    }
}

/// The API server's clock beside ours, by the time on its answer.
async fn skew(client: &Client, clock: &Clock) -> Finding {
    let Ok(request) = http::Request::get("/version").body(Body::empty()) else {
        return Finding::unknown("clock", "the question cannot be made");
    };
    let before = clock.now();
    let answer = match in_time(client.send(request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Finding::unknown("clock", said(&chain(&error))),
        Err(late) => return Finding::unknown("clock", late.to_string()),
    };
    let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
    let Some(there) = date.and_then(|date| rfc2822::parse(date).ok()) else {
        return Finding::unknown("clock", "the API server's answer has no date");
    };
    judged_skew("clock", "the API server's", there.timestamp(), before, clock.now())
}

/// A far clock that was asked between two moments of ours. Its answer is cut to a second.
pub(super) fn judged_skew(
    topic: &str,
    whose: &str,
    there: Timestamp,
    before: Timestamp,
    after: Timestamp,
) -> Finding {
    let second = SignedDuration::from_secs(1);
    let behind = before.duration_since(there) - second;
    let ahead = there.duration_since(after);
    let off = behind.max(ahead).max(SignedDuration::ZERO);
    if off <= MOST_SKEW {
        return Finding::good(topic, format!("{whose} clock and this one agree"));
    }
    let (off, side) = (off.as_secs(), if ahead > behind { "ahead of" } else { "behind" });
    Finding::bad(topic, format!("{whose} clock is {off} s {side} this one: set both by NTP"))
}

/// Whether the person may make what the install makes.
pub(super) async fn own_rights(client: &Client) -> Finding {
    let asks = match rights::to_install() {
        Ok(asks) => asks,
        Err(words) => return Finding::unknown("your rights", words),
    };
    let count = asks.len();
    match missing(&asks, |ask| allowed_me(client, ask)).await {
        Err(words) => Finding::unknown("your rights", words),
        Ok(missing) if missing.is_empty() => Finding::good(
            "your rights",
            format!(
                "all {count} that the install takes; the roles in it also take that you hold their rights"
            ),
        ),
        Ok(missing) => Finding::bad(
            "your rights",
            format!("you may not {}: have somebody install who may, or give yourself these", named(&missing)),
        ),
    }
}

/// Whether each account of ours may do what the install gives it.
pub(super) async fn accounts(client: &Client) -> Vec<Finding> {
    let accounts = match rights::of_accounts() {
        Ok(accounts) => accounts,
        Err(words) => return vec![Finding::unknown("accounts", words)],
    };
    let mut findings = Vec::new();
    for (account, asks) in accounts {
        let topic = account.trim_start_matches("sallyport-");
        findings.push(match missing(&asks, |ask| allowed(client, &account, ask)).await {
            Err(words) => Finding::unknown(topic, words),
            Ok(missing) if missing.is_empty() => {
                Finding::good(topic, format!("its account has all {} rights", asks.len()))
            }
            Ok(missing) => Finding::bad(
                topic,
                format!("its account may not {}: apply manifests/install again", named(&missing)),
            ),
        });
    }
    findings
}

async fn missing<'a, F>(asks: &'a BTreeSet<Ask>, may: impl Fn(&'a Ask) -> F) -> Result<Vec<String>, String>
where
    F: Future<Output = Result<bool, String>>,
{
    let answers = futures::stream::iter(asks).map(|ask| {
        let answer = may(ask);
        async move { Ok::<_, String>((!answer.await?).then(|| ask.words())) }
    });
    let answers: Vec<Option<String>> = answers.buffered(AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

fn named(missing: &[String]) -> String {
    let named = missing.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match missing.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

fn attributes(ask: &Ask) -> ResourceAttributes {
    let (resource, subresource) = ask.resource.split_once('/').unwrap_or((&ask.resource, ""));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ResourceAttributes {
        verb: some(&ask.verb),
        group: Some(ask.group.clone()),
        resource: some(resource),
        subresource: some(subresource),
        name: some(&ask.name),
        namespace: some(&ask.namespace),
        ..ResourceAttributes::default()
    }
}

async fn allowed_me(client: &Client, ask: &Ask) -> Result<bool, String> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes(ask)),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = timely("ask for your rights", api.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

async fn allowed(client: &Client, account: &str, ask: &Ask) -> Result<bool, String> {
    let namespace = keys::SYSTEM_NAMESPACE;
    let groups =
        ["system:serviceaccounts", &format!("system:serviceaccounts:{namespace}"), "system:authenticated"];
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            resource_attributes: Some(attributes(ask)),
            user: Some(format!("system:serviceaccount:{namespace}:{account}")),
            groups: Some(groups.map(str::to_owned).to_vec()),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let answer = timely("ask for an account's rights", api.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// Whether Sallyport's kinds are served.
pub(super) async fn installed(client: &Client) -> Result<bool, String> {
    let group = format!("{}/{}", keys::GROUP, keys::VERSION);
    timely("ask which kinds are served", serves(client, &group, "firewalls")).await
}

/// Whether the API server reaches the webhook: a pod that is never made is sent through it.
pub(super) async fn webhook(client: &Client) -> Finding {
    let topic = "webhook calls";
    let enabled = ListParams::default().labels(&format!("{}={}", keys::INJECT, keys::INJECT_ENABLED));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = match timely("list namespaces", namespaces.list(&enabled)).await {
        // In one that is about to go nothing can be made, not even in a dry run.
        Ok(found) => found.items.into_iter().find(|found| found.metadata.deletion_timestamp.is_none()),
        Err(words) => return Finding::unknown(topic, words),
    };
    let Some(namespace) = found.map(|namespace| namespace.name_any()) else {
        let words = format!(
            "no namespace is labelled {}={} yet: nothing to try it in",
            keys::INJECT,
            keys::INJECT_ENABLED
        );
        return Finding::unknown(topic, words);
    };
    let container = json!({"name": "preflight", "image": "preflight"});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "sallyport-preflight-"},
        "spec": {"containers": [container]}});
    let Ok(pod) = serde_json::from_value::<Pod>(pod) else {
        return Finding::unknown(topic, "the question cannot be made");
    };
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    match in_time(pods.create(&dry, &pod)).await {
        Ok(answer) => called(topic, &namespace, answer.map(|_| ())),
        Err(late) => Finding::unknown(topic, late.to_string()),
    }
}

/// What the answer to a dry run says about the call: also a refusal of ours shows that it was made.
fn called(topic: &str, namespace: &str, answer: Result<(), kube::Error>) -> Finding {
    let good =
        || Finding::good(topic, format!("the API server reaches the webhook (a dry run in {namespace})"));
    let error = match answer {
        Ok(()) => return good(),
        Err(error) => error,
    };
    let words = chain(&error);
    if words.contains("failed calling webhook") {
        let way =
            "see that its pods are Ready and that nothing denies the API server's way to their port 8443";
        return Finding::bad(topic, format!("{}: {way}", said(&words)));
    }
    if words.contains(".sallyport.dev\" denied the request") {
        return good();
    }
    Finding::unknown(topic, said(&words))
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn clocks_agree_within_what_the_question_took() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let good = |there| judged_skew("clock", "the device's", at(there), at(100), at(103)).is_clear();
        for (there, agrees) in [(100, true), (103, true), (113, true), (114, false), (89, true), (88, false)]
        {
            assert_eq!(good(there), agrees, "{there}");
        }
    }

    #[test]
    fn a_refusal_of_ours_shows_that_the_webhook_was_called() {
        let answered = |message: &str| {
            let status = Status { code: 403, message: message.to_owned(), ..Status::default() };
            called("webhook calls", "shop", Err(kube::Error::Api(Box::new(status))))
        };
        let denied = answered("admission webhook \"pods.sallyport.dev\" denied the request: NameRefused");
        assert!(denied.is_clear() && denied == called("webhook calls", "shop", Ok(())));
        let failed =
            "failed calling webhook \"pods.sallyport.dev\": Post \"https://…\": context deadline exceeded";
        assert!(!answered(failed).is_clear());
        let other = answered("pods is forbidden: User \"jane\" cannot create resource \"pods\"");
        assert!(other.is_clear() && other != denied, "it cannot be told");
    }
}
