//! `sallyport ca intermediate …` as a person runs it: against a stand-in for AWS behind TLS, and an API server.
#![cfg(test)]

mod support;

use std::io::Write as _;

use pca_sim::{
    Action, AuthorityOptions, Fault, Operation, Options, Running, Simulator, UsageMode, WrongLeaf,
};
use serde_json::json;
use support::{api::Api, err, out, sallyport};

const ALL: &str = "/apis/sallyport.dev/v1alpha1/certificateauthorities";
const SECRET: &str = "/api/v1/namespaces/sallyport-system/secrets/intermediate-ca-corp-app";
const REQUEST: &str = "/api/v1/namespaces/sallyport-system/secrets/intermediate-request-corp-app";
/// An access key of the account that owns the CA.
const OWNER: &str = "AKIDOWNER";

struct Place {
    api: Api,
    aws: Running,
    bundle: tempfile::NamedTempFile,
}

impl Place {
    async fn new(authority: AuthorityOptions) -> Self {
        let options = Options { authorities: vec![authority], ..Options::default() };
        let aws = Simulator::start(options).await.unwrap();
        let mut bundle = tempfile::NamedTempFile::new().unwrap();
        bundle.write_all(aws.tls_ca_pem.as_bytes()).unwrap();
        let api = Api::new().await;
        let object = |name: &str, spec: serde_json::Value| {
            json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "CertificateAuthority", "metadata": {"name": name},
                "spec": spec})
        };
        api.put(ALL, object("corp-pca", json!({"awsPrivateCA": {"arn": aws.ca_arn}})));
        api.put(ALL, object("first-try", json!({"embedded": {}})));
        let intermediate = |parent: &str| {
            json!({"intermediate": {"parent": parent,
            "permittedDNSDomains": ["corp.example"], "lifetime": "720h"}})
        };
        api.put(ALL, object("corp-app", intermediate("corp-pca")));
        api.put(ALL, object("odd", intermediate("first-try")));
        Self { api, aws, bundle }
    }

    async fn run(&self, order: &str, authority: &str, access_key: &str) -> std::process::Output {
        let mut command = sallyport("ca", &["intermediate", order, authority]);
        command
            .env("KUBECONFIG", self.api.kubeconfig())
            .env("AWS_ENDPOINT_URL_ACM_PCA", &self.aws.endpoint)
            .env("AWS_ENDPOINT_URL_STS", &self.aws.endpoint)
            .env("AWS_CA_BUNDLE", self.bundle.path())
            .env("AWS_ACCESS_KEY_ID", access_key)
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command.output().await.unwrap()
    }

    fn plant(&self, operation: Operation, action: Action) {
        self.aws.plant(Fault::new(operation, action, 1)).unwrap();
    }
}

#[tokio::test]
async fn a_person_makes_and_renews_an_intermediate_and_sees_no_key() {
    let place = Place::new(AuthorityOptions::default()).await;
    let output = place.run("create", "corp-app", OWNER).await;
    let told = out(&output);
    assert!(output.status.success(), "{told}{}", err(&output));
    for part in
        ["permits     corp.example", "one certificate of AWS Private CA", "aws acm-pca revoke-certificate"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("PRIVATE KEY") && !err(&output).contains("PRIVATE KEY"));
    let first = place.api.get(SECRET);
    assert_eq!(first["type"], "kubernetes.io/tls");
    assert!(!place.api.has(REQUEST), "nothing is left over");
    let output = place.run("create", "corp-app", OWNER).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("there is an intermediate already"), "{}", err(&output));
    let output = place.run("renew", "corp-app", OWNER).await;
    assert!(out(&output).contains("the one before (serial "), "{}{}", out(&output), err(&output));
    assert_ne!(place.api.get(SECRET)["data"]["tls.key"], first["data"]["tls.key"], "a new key");
    assert_eq!(place.aws.issued().len(), 2);
}

#[tokio::test]
async fn law_8_a_lost_answer_of_aws_is_asked_for_again_with_the_same_request() {
    let place = Place::new(AuthorityOptions::default()).await;
    place.plant(Operation::IssueCertificate, Action::DropAfter);
    let output = place.run("create", "corp-app", OWNER).await;
    assert!(err(&output).contains("run this again to go on"), "{}", err(&output));
    assert!(place.api.has(REQUEST) && !place.api.has(SECRET));
    let output = place.run("create", "corp-app", OWNER).await;
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(place.aws.issued().len(), 1, "one certificate");
}

#[tokio::test]
async fn law_4_a_ca_that_drops_loosens_or_widens_the_constraints_is_not_believed() {
    for (kind, told) in [
        (WrongLeaf::NoConstraints, "has no name constraints"),
        (WrongLeaf::ConstraintsNotCritical, "are not critical"),
        (WrongLeaf::OtherConstraints, "name constraints permit"),
        (WrongLeaf::CaTrue, "path length of 0"),
        (WrongLeaf::OtherKey, "another key"),
        (WrongLeaf::TooLong, "ends at"),
        (WrongLeaf::OtherIssuer, "is not signed by"),
    ] {
        let place = Place::new(AuthorityOptions::default()).await;
        place.plant(Operation::IssueCertificate, Action::WrongLeaf { kind });
        let output = place.run("create", "corp-app", OWNER).await;
        assert_eq!(output.status.code(), Some(2), "{kind:?}: {}", out(&output));
        for part in [told, "the key was thrown away", "aws acm-pca revoke-certificate"] {
            assert!(err(&output).contains(part), "{kind:?}, {part}: {}", err(&output));
        }
        assert!(!place.api.has(REQUEST) && !place.api.has(SECRET), "{kind:?}");
    }
}

#[tokio::test]
async fn what_cannot_have_an_intermediate_is_told_and_asked_for_nothing() {
    let short =
        AuthorityOptions { usage_mode: UsageMode::ShortLivedCertificate, ..AuthorityOptions::default() };
    let last = AuthorityOptions { intermediate: true, ..AuthorityOptions::default() };
    for (authority, order, name, access_key, told) in [
        (short, "create", "corp-app", OWNER, "short-lived"),
        (last, "create", "corp-app", OWNER, "path length of 0"),
        (AuthorityOptions::default(), "create", "corp-app", "AKIA999999999999", "is shared with yours"),
        (AuthorityOptions::default(), "renew", "corp-app", OWNER, "say create"),
        (AuthorityOptions::default(), "create", "corp-pca", OWNER, "has no spec.intermediate"),
        (AuthorityOptions::default(), "create", "nobody", OWNER, "there is no CertificateAuthority nobody"),
        (AuthorityOptions::default(), "create", "odd", OWNER, "which is no CA of AWS Private CA"),
    ] {
        let place = Place::new(authority).await;
        let output = place.run(order, name, access_key).await;
        assert_eq!(output.status.code(), Some(2), "{told}: {}", out(&output));
        assert!(err(&output).contains(told), "{told}: {}", err(&output));
        assert_eq!((place.aws.issued().len(), place.api.writes()), (0, Vec::<String>::new()), "{told}");
    }
}
