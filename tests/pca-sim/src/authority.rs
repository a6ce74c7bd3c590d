//! The CAs: their keys and certificates, and the hand that signs.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SerialNumber, SignatureAlgorithm,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::rules::{arn::CaArn, signing::KeyAlgorithm, validity::UsageMode};

/// The states of a CA
/// (<https://docs.aws.amazon.com/privateca/latest/APIReference/API_CertificateAuthority.html>).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's own names")]
pub enum Status {
    Creating,
    PendingCertificate,
    Active,
    Deleted,
    Disabled,
    Expired,
    Failed,
}

/// How one CA is to be made.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AuthorityOptions {
    /// The last part of its ARN; `None`: a random UUID.
    pub id: Option<String>,
    /// Its key.
    pub key_algorithm: KeyAlgorithm,
    /// What it may issue.
    pub usage_mode: UsageMode,
    /// Its state at the start.
    pub status: Status,
    /// How long its certificate is valid from the start on, in days.
    pub lifetime_days: u32,
    /// How many certificates it may issue in its life; `None`: no limit.
    pub lifetime_limit: Option<usize>,
    /// Whether it stands under a root of its own, so that chains have two certificates.
    pub intermediate: bool,
}

impl Default for AuthorityOptions {
    fn default() -> Self {
        Self {
            id: None,
            key_algorithm: KeyAlgorithm::EcPrime256v1,
            usage_mode: UsageMode::GeneralPurpose,
            status: Status::Active,
            lifetime_days: 3650,
            lifetime_limit: None,
            intermediate: false,
        }
    }
}

/// One CA.
pub struct Authority {
    /// Its ARN.
    pub arn: CaArn,
    /// Its key's kind.
    pub key_algorithm: KeyAlgorithm,
    /// What it may issue.
    pub usage_mode: UsageMode,
    /// The state that it was given; see [`Authority::status_at`].
    pub status: Status,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Its certificate's first second.
    pub not_before: OffsetDateTime,
    /// Its certificate's last second.
    pub not_after: OffsetDateTime,
    /// How many certificates it may issue.
    pub lifetime_limit: Option<usize>,
    /// When its state changed last.
    pub status_changed_at: OffsetDateTime,
    /// Its serial number in hex.
    pub serial: String,
    /// Its common name.
    pub common_name: String,
    /// Its own certificate, PEM without a newline at the end.
    pub certificate: String,
    /// The root above it, likewise; `None` for a root.
    pub parent: Option<String>,
    key: KeyPair,
    params: CertificateParams,
    root_key: Option<KeyPair>,
    lifetime: Duration,
}

/// How the root above a CA, or the CA itself if it is one, is to be made anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// The same subject and key, another certificate: <https://docs.aws.amazon.com/privateca/latest/userguide/ca-lifecycle.html>.
    SameKey,
    /// Another subject and key: a subordinate CA whose certificate comes from another parent from now on. AWS never changes the key
    /// of a root CA; the stand-in does when it is told to.
    NewKey,
}

impl Authority {
    /// Makes keys and certificates for a CA.
    ///
    /// # Errors
    /// When the key cannot be made or used.
    pub fn create(arn: CaArn, options: &AuthorityOptions, now: OffsetDateTime) -> Result<Self, rcgen::Error> {
        let now = now.replace_nanosecond(0).unwrap_or(now);
        let lifetime = Duration::days(i64::from(options.lifetime_days));
        let key = generate(options.key_algorithm)?;
        let root_key = if options.intermediate { Some(generate(options.key_algorithm)?) } else { None };
        let signed = Signed::new(&key, root_key.as_ref(), "", now, now + lifetime)?;
        Ok(Self {
            arn,
            key_algorithm: options.key_algorithm,
            usage_mode: options.usage_mode,
            status: options.status,
            created_at: now,
            not_before: now,
            not_after: now + lifetime,
            lifetime_limit: options.lifetime_limit,
            status_changed_at: now,
            serial: signed.serial(),
            common_name: signed.common_name,
            certificate: signed.certificate,
            parent: signed.parent,
            key,
            params: signed.params,
            root_key,
            lifetime,
        })
    }

    /// Makes the root anew, and with it the CA's own certificate.
    ///
    /// # Errors
    /// When the key cannot be made or used.
    pub fn renew(&mut self, how: Renewal, now: OffsetDateTime) -> Result<(), rcgen::Error> {
        let now = now.replace_nanosecond(0).unwrap_or(now);
        let mut other = "";
        if how == Renewal::NewKey {
            other = " 2";
            match &mut self.root_key {
                Some(root_key) => *root_key = generate(self.key_algorithm)?,
                None => self.key = generate(self.key_algorithm)?,
            }
        }
        let signed = Signed::new(&self.key, self.root_key.as_ref(), other, now, now + self.lifetime)?;
        self.serial = signed.serial();
        (self.not_before, self.not_after) = (now, now + self.lifetime);
        (self.common_name, self.params) = (signed.common_name, signed.params);
        (self.certificate, self.parent) = (signed.certificate, signed.parent);
        Ok(())
    }

    /// Its state at `now`: an active CA expires with its certificate.
    pub fn status_at(&self, now: OffsetDateTime) -> Status {
        if self.status == Status::Active && now > self.not_after { Status::Expired } else { self.status }
    }

    /// Signs a certificate; the answer is PEM without a newline at the end.
    ///
    /// # Errors
    /// When the CA's key cannot sign with `algorithm`.
    pub fn sign(
        &self,
        certificate: &CertificateParams,
        public_key: &impl rcgen::PublicKeyData,
        algorithm: &'static SignatureAlgorithm,
    ) -> Result<String, rcgen::Error> {
        let pkcs8 = PrivatePkcs8KeyDer::from(self.key.serialized_der());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, algorithm)?;
        let issuer = Issuer::from_params(&self.params, &key);
        Ok(trimmed(&certificate.signed_by(public_key, &issuer)?.pem()))
    }

    /// The chain of a leaf: this CA first, its root last.
    pub fn chain(&self) -> String {
        std::iter::once(self.certificate.as_str())
            .chain(self.parent.as_deref())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The root that a client has to trust.
    pub fn root(&self) -> &str {
        self.parent.as_deref().unwrap_or(&self.certificate)
    }
}

/// A CA's own certificate and the root above it.
struct Signed {
    common_name: String,
    params: CertificateParams,
    certificate: String,
    parent: Option<String>,
}

impl Signed {
    fn new(
        key: &KeyPair,
        root_key: Option<&KeyPair>,
        other: &str,
        now: OffsetDateTime,
        not_after: OffsetDateTime,
    ) -> Result<Self, rcgen::Error> {
        let root_name = format!("pca-sim root CA{other}");
        let Some(root_key) = root_key else {
            let params = ca_params(&root_name, BasicConstraints::Unconstrained, now, not_after);
            let certificate = trimmed(&params.self_signed(key)?.pem());
            return Ok(Self { common_name: root_name, params, certificate, parent: None });
        };
        let root_params = ca_params(&root_name, BasicConstraints::Unconstrained, now, not_after);
        let root = root_params.self_signed(root_key)?;
        let common_name = "pca-sim issuing CA".to_owned();
        let params = ca_params(&common_name, BasicConstraints::Constrained(0), now, not_after);
        let issuing = params.signed_by(key, &Issuer::from_params(&root_params, root_key))?;
        let (certificate, parent) = (trimmed(&issuing.pem()), Some(trimmed(&root.pem())));
        Ok(Self { common_name, params, certificate, parent })
    }

    fn serial(&self) -> String {
        self.params.serial_number.as_ref().map(|serial| hex(serial.as_ref())).unwrap_or_default()
    }
}

fn generate(algorithm: KeyAlgorithm) -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(match algorithm {
        KeyAlgorithm::EcPrime256v1 => &PKCS_ECDSA_P256_SHA256,
        KeyAlgorithm::Rsa2048 => &PKCS_RSA_SHA256,
    })
}

fn ca_params(
    common_name: &str,
    kind: BasicConstraints,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "pca-sim");
    subject.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.not_before = not_before;
    params.not_after = not_after;
    params.serial_number = Some(SerialNumber::from_slice(&random_serial()));
    params.is_ca = IsCa::Ca(kind);
    params.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

/// Sixteen random bytes, the first not zero. Half of them have the highest bit set, as AWS's have: in DER, and so in
/// openssl's text, such a serial begins with `00`, in the ARN it does not.
pub fn random_serial() -> [u8; 16] {
    let mut bytes: [u8; 16] = rand::random();
    if let Some(first) = bytes.first_mut() {
        *first |= 0x10;
    }
    bytes
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// AWS's PEMs end without a newline.
fn trimmed(pem: &str) -> String {
    pem.trim_end().to_owned()
}
