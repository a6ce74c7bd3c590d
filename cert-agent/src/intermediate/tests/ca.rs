//! A CA above, in memory: it signs what AWS's template signs, remembers tokens as AWS does, and errs when it is told to.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CustomExtension, DistinguishedName,
    DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use sallyport_process::clock::Clock;
use time::OffsetDateTime;

use crate::{
    chain,
    cluster::turnstile::Turnstile,
    intermediate::{
        asked::Asked,
        parent::{Looked, Parent},
    },
    issuer::{Described, Fetched, IssueError},
};

pub(crate) const ARN: &str =
    "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555";
const ACCOUNT: &str = "123456789012";
/// <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>, `IdempotencyToken`.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);

/// A root, and what it signed.
pub(crate) struct Ca {
    key: KeyPair,
    params: CertificateParams,
    clock: Clock,
    pub(crate) signed: Mutex<Vec<Signed>>,
    pub(crate) looked: Mutex<Looked>,
    /// What it answers next instead of issuing or fetching.
    pub(crate) errors: Mutex<Vec<IssueError>>,
    /// What is done to a certificate before it is signed.
    pub(crate) spoil: Mutex<Option<fn(&mut CertificateParams)>>,
}

/// One certificate.
pub(crate) struct Signed {
    token: String,
    at: Timestamp,
    pub(crate) pem: String,
}

pub(crate) fn offset(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.as_second()).unwrap()
}

impl Ca {
    pub(crate) fn new(clock: &Clock) -> Self {
        let (key, now) = (KeyPair::generate().unwrap(), clock.now());
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "corp root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ends = now.saturating_add(SignedDuration::from_hours(24 * 3650)).unwrap();
        (params.not_before, params.not_after) = (offset(now), offset(ends));
        let root = params.self_signed(&key).unwrap();
        let described = Described {
            key_algorithm: "EC_prime256v1".to_owned(),
            usage_mode: "GENERAL_PURPOSE".to_owned(),
            not_after: ends,
            longest: None,
            path: vec![root.der().to_vec()],
            permitted: Vec::new(),
        };
        let looked = Looked { described, owner: ACCOUNT.to_owned(), caller: ACCOUNT.to_owned() };
        Self {
            key,
            params,
            clock: clock.clone(),
            signed: Mutex::default(),
            looked: Mutex::new(looked),
            errors: Mutex::default(),
            spoil: Mutex::default(),
        }
    }

    /// Its own certificate, DER.
    pub(crate) fn path(&self) -> Vec<Vec<u8>> {
        self.looked.lock().unwrap().described.path.clone()
    }

    /// What AWS's template makes of a request, after somebody's change.
    pub(crate) fn sign(&self, asked: &Asked, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut request = CertificateSigningRequestParams::from_pem(&asked.csr).unwrap();
        let params = &mut request.params;
        (params.not_before, params.not_after) = (offset(asked.not_before), offset(asked.not_after));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.use_authority_key_identifier_extension = true;
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let mut constraints = CustomExtension::from_oid_content(&[2, 5, 29, 30], asked.constraints.clone());
        constraints.set_criticality(true);
        params.custom_extensions.push(constraints);
        change(params);
        request.signed_by(&Issuer::from_params(&self.params, &self.key)).unwrap().pem()
    }

    fn error(&self) -> Result<(), IssueError> {
        let mut errors = self.errors.lock().unwrap();
        if errors.is_empty() { Ok(()) } else { Err(errors.remove(0)) }
    }
}

/// The CA as one run of the command reaches it.
pub(crate) struct Reached {
    pub(crate) ca: Arc<Ca>,
    pub(crate) gate: Arc<Turnstile>,
}

impl Parent for Reached {
    fn arn(&self) -> &str {
        ARN
    }

    async fn look(&self) -> Result<Looked, IssueError> {
        let call = self.gate.before().await;
        let looked = self.ca.looked.lock().unwrap().clone();
        self.gate.after(call).await;
        Ok(looked)
    }

    async fn issue(&self, asked: &Asked, _: &Described) -> Result<String, IssueError> {
        let call = self.gate.before().await;
        let answer = self.ca.error().map(|()| {
            let now = self.ca.clock.now();
            let mut signed = self.ca.signed.lock().unwrap();
            let known = |one: &Signed| one.token == asked.token && now.duration_since(one.at) < REMEMBERED;
            let place = signed.iter().position(known).unwrap_or_else(|| {
                let spoil = *self.ca.spoil.lock().unwrap();
                let pem = self.ca.sign(asked, |params| spoil.into_iter().for_each(|spoil| spoil(params)));
                signed.push(Signed { token: asked.token.clone(), at: now, pem });
                signed.len() - 1
            });
            format!("{ARN}/certificate/{place}")
        });
        self.gate.after(call).await;
        answer
    }

    async fn fetch(&self, certificate: &str) -> Result<Fetched, IssueError> {
        let call = self.gate.before().await;
        let answer = self.ca.error().map(|()| {
            let place: usize = certificate.rsplit('/').next().unwrap().parse().unwrap();
            let leaf = self.ca.signed.lock().unwrap()[place].pem.clone();
            Fetched::Ready { leaf, chain: Some(chain::pem(&self.ca.path()[0])) }
        });
        self.gate.after(call).await;
        answer
    }
}
