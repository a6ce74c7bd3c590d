//! Faults on the wire by share, and an agent that is killed again and again: the real client and the stand-in.

use std::{collections::BTreeMap, io::Write as _, sync::Arc, time::Duration};

use aws_sdk_acmpca::config::{Credentials, SharedCredentialsProvider};
use futures::future::{BoxFuture, FutureExt as _};
use k8s_openapi::api::core::v1::Secret;
use pca_sim::{Action, Fault, IssueDelay, Operation, Options, Running, Simulator};
use sallyport_contract::object::{CertificateAuthority, WorkloadIdentity};
use serde_json::json;

use super::stage::{NAMESPACE, SYSTEM, Stage, name};
use crate::{
    cluster::twin::Twin,
    issuer::{
        IssueError, Issuer, Issuers,
        aws_client::{Clients, Way},
        aws_pca::{Arn, AwsPca},
        governor::{gate::Governor, rates::Rates},
    },
    metrics::GovernorMetrics,
    state::{self, State},
};

const COUNT: usize = 200;
const LIFE: Duration = Duration::from_secs(6);
const MOST_LIVES: u32 = 20;
const CALLS: [Operation; 4] = [
    Operation::DescribeCertificateAuthority,
    Operation::GetCertificateAuthorityCertificate,
    Operation::IssueCertificate,
    Operation::GetCertificate,
];

struct Wire(Arc<AwsPca>);

impl Issuers for Wire {
    fn issuer<'a>(
        &'a self,
        _: &'a CertificateAuthority,
    ) -> BoxFuture<'a, Result<Arc<dyn Issuer>, IssueError>> {
        let issuer: Arc<dyn Issuer> = Arc::<AwsPca>::clone(&self.0);
        async { Ok(issuer) }.boxed()
    }
}

/// The issuer of a new agent: nothing is left of the one before.
pub(super) fn issuer(running: &Running, bundle: &std::path::Path) -> Arc<dyn Issuers> {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let way = Way {
        ca_bundle: Some(bundle.to_owned()),
        endpoint: Some(running.endpoint.clone()),
        credentials: Some(SharedCredentialsProvider::new(credentials)),
        ..Way::default()
    };
    let rates = Rates { issue: 200, get: 600, others: 20 };
    let governor = Governor::new(rates, "an account".to_owned(), GovernorMetrics::default());
    let arn = Arn::read(&running.ca_arn).unwrap();
    Arc::new(Wire(Arc::new(AwsPca::new(Arc::new(Clients::new(way)), arn, None, None, Arc::new(governor)))))
}

fn error(kind: &str, status: u16) -> Action {
    Action::Error { r#type: kind.to_owned(), message: "in its own words".to_owned(), status }
}

fn plant(running: &Running) {
    for (seed, operation) in (1..).zip(CALLS) {
        let throttled = error("ThrottlingException", 400);
        for (action, percent) in [(throttled, 10), (Action::DropAfter, 5), (error("InternalFailure", 500), 2)]
        {
            running.plant(Fault::share(operation, action, percent, seed * 100 + percent)).unwrap();
        }
    }
}

fn workload(number: usize) -> String {
    format!("w{number}")
}

fn issued(twin: &Twin) -> usize {
    let identity = |number| twin.stored::<WorkloadIdentity>(NAMESPACE, &name(&workload(number)));
    let has_one = |identity: WorkloadIdentity| {
        let conditions = identity.status.into_iter().flat_map(|status| status.conditions);
        conditions.into_iter().any(|condition| condition.reason == "Issued")
    };
    (0..COUNT).filter_map(identity).filter(|identity| has_one(identity.clone())).count()
}

/// Identities whose ticket is stored: the authority's answer for them did not go with a process.
fn kept(twin: &Twin) -> usize {
    let secret = |number| twin.stored(SYSTEM, &state::name_of(NAMESPACE, &name(&workload(number))));
    let states = (0..COUNT).filter_map(secret).filter_map(|secret: Secret| State::read(&secret));
    states.filter(|state| state.current.is_some() || has_ticket(state)).count()
}

fn has_ticket(state: &State) -> bool {
    state.attempt.as_ref().is_some_and(|attempt| attempt.ticket.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_8_through_faults_and_restarts_each_identity_costs_one_certificate() {
    let issue_delay = IssueDelay { base: Duration::from_millis(100), jitter: Duration::from_millis(800) };
    let running = Simulator::start(Options { issue_delay, ..Options::default() }).await.unwrap();
    let mut bundle = tempfile::NamedTempFile::new().unwrap();
    bundle.write_all(running.tls_ca_pem.as_bytes()).unwrap();
    plant(&running);
    let twin = Twin::default();
    let (mut lives, mut died_with_the_answer) = (0, 0);
    // On a quick machine the first agent gets all of it done; the next one must then ask for nothing.
    while lives < 2 || issued(&twin) < COUNT {
        lives += 1;
        assert!(lives <= MOST_LIVES, "{} of {COUNT}: {:?}", issued(&twin), running.counters().calls);
        Stage::live(&twin, issuer(&running, bundle.path()), LIFE, |stage| {
            stage.authority(&json!({"awsPrivateCA": {"arn": running.ca_arn}}));
            stage.furnish_namespace(NAMESPACE, &json!([]));
            (0..COUNT).for_each(|number| stage.deployment(&workload(number), json!({})));
        })
        .await;
        died_with_the_answer += running.counters().issued_by_token.len().saturating_sub(kept(&twin));
    }
    let counters = running.counters();
    let all: u64 = COUNT.try_into().unwrap();
    assert_eq!(counters.certificates_issued, all, "one for each identity");
    assert_eq!(
        counters.issued_by_token.values().collect::<Vec<_>>(),
        vec![&1; COUNT],
        "each asked for as one"
    );
    let names: BTreeMap<String, usize> =
        running.issued().iter().fold(BTreeMap::new(), |mut names, issued| {
            *names.entry(issued.names.join(",")).or_default() += 1;
            names
        });
    assert_eq!(names.len(), COUNT);
    let issue = &counters.calls["IssueCertificate"];
    let (attempts, answered) = (issue.values().sum::<u64>(), issue["ok"]);
    // However slow the machine: what was answered to a process that died before it could write it down is asked again.
    let unavoidable = all + attempts - answered + u64::try_from(died_with_the_answer).unwrap();
    assert!(attempts * 100 <= unavoidable * 105, "{attempts} attempts, {unavoidable} unavoidable: {issue:?}");
    let gets = &counters.calls["GetCertificate"];
    let gets = gets.values().sum::<u64>();
    assert!(gets < 3 * all * 120 / 100, "{gets} questions after {all} tickets, a fifth of them in vain");
}
