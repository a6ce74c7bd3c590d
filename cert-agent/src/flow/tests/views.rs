//! What a test sees of a stage, and does to its objects by hand.

use futures::future::FutureExt as _;
use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::{core::v1::Secret, rbac::v1::RoleBinding},
};
use sallyport_contract::{
    Reason, identity,
    object::{NameClaim, NamespaceBinding, WorkloadIdentity},
};
use serde_json::json;

use super::stage::{NAMESPACE, SYSTEM, Stage, WEB, claim_name, name};
use crate::{
    claim::to_make,
    cluster::Cluster as _,
    state::{self, State},
};

impl Stage {
    /// What was written, but for the authority's counts, which are told in their own time.
    pub(super) fn journal(&self) -> Vec<String> {
        let memory = self.twin.memory();
        let lines = memory.journal.iter().filter(|line| !line.starts_with("status certificateauthorities"));
        lines.cloned().collect()
    }

    pub(super) fn identity(&self, workload: &str) -> WorkloadIdentity {
        self.twin.stored(NAMESPACE, &name(workload)).unwrap()
    }

    pub(super) fn reason(identity: &WorkloadIdentity) -> (&str, &str) {
        let condition = &identity.status.as_ref().unwrap().conditions[0];
        (condition.status.as_str(), condition.reason.as_str())
    }

    pub(super) fn message(identity: &WorkloadIdentity) -> &str {
        &identity.status.as_ref().unwrap().conditions[0].message
    }

    pub(super) fn told(&self, reason: Reason, words: &str) -> bool {
        let memory = self.twin.memory();
        memory.notices.iter().any(|notice| notice.reason == reason.code() && notice.note.contains(words))
    }

    pub(super) fn secret(&self, workload: &str) -> Option<Secret> {
        self.twin.stored(NAMESPACE, &identity::secret_of(&name(workload)))
    }

    pub(super) fn stored_ticket(&self, workload: &str) -> Option<String> {
        self.state(workload)?.attempt?.ticket
    }

    pub(super) fn state(&self, workload: &str) -> Option<State> {
        let secret: Secret = self.twin.stored(SYSTEM, &state::name_of(NAMESPACE, &name(workload)))?;
        State::read(&secret)
    }

    /// There is exactly one of everything for web, it all says the same, `certificates` were made for it in
    /// its life, and nothing is left to do.
    pub(super) async fn is_whole(&self, certificates: usize, what: &str) {
        let identity = self.identity(WEB);
        assert_eq!(Self::reason(&identity), ("True", "Issued"), "{what}: {}", Self::message(&identity));
        let state = self.state(WEB).unwrap();
        let data = self.secret(WEB).unwrap().data.unwrap();
        let leaf = x509_parser::pem::parse_x509_pem(&data["tls.crt"].0).unwrap().1;
        let (serial, told) = (leaf.parse_x509().unwrap().raw_serial_as_string(), identity.status.unwrap());
        let told = told.certificate.unwrap().serial;
        assert_eq!(serial.strip_prefix("00:").unwrap_or(&serial), told, "{what}: another leaf");
        let key = match (&state.attempt, &state.current) {
            // What the ticket gives again lies in the Secret alone.
            (Some(attempt), _) => {
                assert!(attempt.ticket.is_some() && self.script.keeps(), "{what}: a request is left");
                &attempt.key
            }
            (None, Some(current)) => &current.key,
            (None, None) => panic!("{what}: no key is stored"),
        };
        assert_eq!(data["tls.key"].0, key.pem().as_bytes(), "{what}: another key");
        let secrets = self.all("secrets");
        let count = |part: &str| secrets.iter().filter(|name| name.contains(part)).count();
        let found = (self.all("workloadidentities").len(), self.all("nameclaims").len());
        assert_eq!((found, count("/state."), count("-tls")), ((1, 1), 1, 1), "{what}: {secrets:?}");
        let made = self.script.certificates();
        assert_eq!(made.values().copied().collect::<Vec<_>>(), [certificates], "{what}: {made:?}");
        let journal = self.journal();
        self.look_again().await;
        assert_eq!(self.journal(), journal, "{what}: nothing to do");
    }

    /// How often the delivered Secret of web was made, and how often it was replaced.
    pub(super) fn deliveries(&self) -> (usize, usize) {
        let (journal, secret) = (self.journal(), identity::secret_of(&name(WEB)));
        let count = |verb: &str| {
            let line = format!("{verb} secrets {secret}");
            journal.iter().filter(|written| **written == line).count()
        };
        (count("create"), count("replace"))
    }

    /// The names of the objects of a kind, where they are.
    pub(super) fn all(&self, kind: &str) -> Vec<String> {
        let memory = self.twin.memory();
        let places = memory.objects.keys().filter(|(of, _, _)| of == kind);
        places.map(|(_, namespace, name)| format!("{namespace}/{name}")).collect()
    }

    pub(super) fn remove_secret(&self, workload: &str) {
        let place = ("secrets".to_owned(), NAMESPACE.to_owned(), identity::secret_of(&name(workload)));
        self.twin.memory().objects.remove(&place);
    }

    pub(super) fn remove_state(&self) {
        let place = ("secrets".to_owned(), SYSTEM.to_owned(), state::name_of(NAMESPACE, &name(WEB)));
        self.twin.memory().objects.remove(&place).unwrap();
    }

    pub(super) fn edit_secret(&self, workload: &str) {
        let place = ("secrets".to_owned(), NAMESPACE.to_owned(), identity::secret_of(&name(workload)));
        let mut memory = self.twin.memory();
        memory.objects.get_mut(&place).unwrap()["data"]["tls.crt"] = json!(ByteString(b"edited".to_vec()));
    }

    pub(super) fn foreign_secret(&self, workload: &str) {
        let secret = identity::secret_of(&name(workload));
        let object = json!({"metadata": {"name": secret, "namespace": NAMESPACE, "uid": "theirs",
            "resourceVersion": "1"}, "data": {"theirs": ""}});
        self.store("secrets", NAMESPACE, &secret, &object);
    }

    pub(super) fn claimed(&self, dns_name: &str, namespace: &str) {
        let claim = to_make(&dns_name.parse().unwrap(), namespace);
        let created = self.twin.create(&claim).now_or_never().unwrap().unwrap();
        assert_eq!(created.spec.namespace, namespace);
    }

    pub(super) fn claim(&self, workload: &str) -> NameClaim {
        self.twin.stored("", &claim_name(workload)).unwrap()
    }

    pub(super) fn binding(&self) -> Option<NamespaceBinding> {
        self.twin.stored(NAMESPACE, "sallyport")
    }

    pub(super) fn role_binding(&self) -> Option<RoleBinding> {
        self.twin.stored(NAMESPACE, "sallyport-certificate-writer")
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
