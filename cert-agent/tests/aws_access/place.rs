//! AWS as one pod sees it: the stand-in, the files that are mounted, and the process that asks.

use std::{io::Write as _, path::PathBuf, process::Stdio, time::Duration};

use pca_sim::{IssueDelay, Options, Running, Simulator};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    task::JoinSet,
    time::timeout,
};

use crate::asker::WHOM;

/// The account of the cluster; that of the CA is the stand-in's own.
pub(crate) const CLUSTER_ACCOUNT: &str = "210987654321";

const ANSWER: Duration = Duration::from_secs(60);

pub(crate) struct Place {
    pub(crate) sim: Running,
    bundle: tempfile::NamedTempFile,
    token: tempfile::NamedTempFile,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let issue_delay = IssueDelay { base: Duration::ZERO, jitter: Duration::ZERO };
        let sim = Simulator::start(Options { issue_delay, ..options }).await.unwrap();
        let file = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        let bundle = file(&sim.tls_ca_pem);
        Self { sim, bundle, token: file("a-token-of-this-pod") }
    }

    /// The environment that every pod of cert-agent has, and the way to the stand-in.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        pairs([
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CA_BUNDLE", self.bundle.path().to_str().unwrap()),
            ("AWS_ENDPOINT_URL", &self.sim.endpoint),
        ])
    }

    /// What EKS adds for a Pod Identity association with a role of this account:
    /// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html>.
    pub(crate) fn pod_identity(&self, account: &str) -> Vec<(String, String)> {
        pairs([
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                &format!("{}/pod-identity/{account}/agent", self.sim.control),
            ),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", self.token_file().to_str().unwrap()),
        ])
    }

    /// What EKS adds for a service account with the annotation `eks.amazonaws.com/role-arn`:
    /// <https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html>.
    pub(crate) fn irsa(&self, account: &str) -> Vec<(String, String)> {
        pairs([
            ("AWS_ROLE_ARN", &format!("arn:aws:iam::{account}:role/irsa-agent")),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", self.token_file().to_str().unwrap()),
        ])
    }

    fn token_file(&self) -> PathBuf {
        self.token.path().to_owned()
    }

    /// A process that asks the stand-in's CA.
    pub(crate) fn asker(&self, environment: &[Vec<(String, String)>]) -> Asking {
        self.asker_for(json!({"arn": self.sim.ca_arn}), environment)
    }

    /// A process that asks a CA with `spec.awsPrivateCA` as given.
    #[expect(clippy::unused_self, reason = "a process lives in a place")]
    pub(crate) fn asker_for(&self, whom: serde_json::Value, environment: &[Vec<(String, String)>]) -> Asking {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .env_clear()
            .env(WHOM, whom.to_string())
            .envs(environment.concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stderr = process.stderr.take().unwrap();
        let mut log = JoinSet::new();
        log.spawn(async move {
            let mut text = String::new();
            stderr.read_to_string(&mut text).await.unwrap();
            text
        });
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Asking { process, answers, log }
    }

    /// Who made the calls that were admitted.
    pub(crate) fn callers(&self) -> Vec<String> {
        self.sim.counters().callers.into_keys().collect()
    }
}

/// A process that asks.
pub(crate) struct Asking {
    process: Child,
    answers: Lines<BufReader<ChildStdout>>,
    log: JoinSet<String>,
}

impl Asking {
    /// What comes of a call: `describe`, `issue`, `fetch`.
    pub(crate) async fn call(&mut self, call: &str) -> String {
        let line = format!("{call}\n");
        self.process.stdin.as_mut().unwrap().write_all(line.as_bytes()).await.unwrap();
        let answer = timeout(ANSWER, self.answers.next_line()).await.unwrap().unwrap();
        answer.unwrap_or_else(|| panic!("the process ended at {call}"))
    }

    /// A whole certificate.
    pub(crate) async fn obtain(&mut self) {
        for (call, done) in [("describe", "described"), ("issue", "issued"), ("fetch", "fetched")] {
            assert_eq!(self.call(call).await, done);
        }
    }

    /// Ends it; all that it wrote into its log, at the finest level.
    pub(crate) async fn log(mut self) -> String {
        drop(self.process.stdin.take());
        self.process.wait().await.unwrap();
        self.log.join_next().await.unwrap().unwrap()
    }
}

pub(crate) fn pairs<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}
