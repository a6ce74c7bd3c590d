//! The webhook's own certificate: a small CA of its own, a serving certificate, and the caBundle by which
//! the API server trusts it. Through a change of the CA the bundle holds both.

use std::{collections::BTreeSet, net::IpAddr};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    ByteString,
    api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose,
};
use sallyport_contract::keys;
use serde_json::{Value, json};
use time::OffsetDateTime;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

use crate::{
    chain,
    key::{KeyError, PrivateKey},
};

/// Secret with the webhook's CA.
pub const CA_SECRET: &str = "sallyport-webhook-ca";
const CA_DAYS: i64 = 365;
const SERVING_DAYS: i64 = 30;
const BUNDLE: &str = "ca-bundle.crt";
/// The bundle in the Secret of the serving certificate.
const TRUSTED: &str = "ca.crt";
/// So long a bundle takes, at most, to be what every API server trusts by: they follow the configuration by a watch.
const SETTLES: SignedDuration = SignedDuration::from_secs(30);

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The key.
    #[error("the key cannot be used")]
    Key(#[from] KeyError),
    /// The certificate.
    #[error("the certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// The time.
    #[error("the time cannot be said in a certificate")]
    Time(#[from] time::error::ComponentRange),
}

/// The webhook's CA.
#[derive(Clone)]
pub struct Ca {
    certificate: String,
    key: PrivateKey,
    /// All that the API server is to trust, PEM.
    pub bundle: String,
}

impl Ca {
    /// The stored CA, if it is whole and has a third of its life left.
    #[must_use]
    pub fn read(secret: &Secret, now: Timestamp) -> Option<Self> {
        let certificate = text(secret, "tls.crt")?;
        let key = PrivateKey::from_pem(text(secret, "tls.key")?).ok()?;
        let fresh = chain::read("the CA", &certificate).ok()?.first().is_some_and(|der| is_fresh(der, now));
        let bundle = text(secret, BUNDLE).filter(|bundle| bundle.contains(certificate.trim()))?;
        fresh.then_some(Self { certificate, key, bundle })
    }

    /// A new CA; what `before`, a bundle in PEM, trusted is trusted until it ends.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(before: &str, now: Timestamp) -> Result<Self, TlsError> {
        let key = PrivateKey::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // The time makes each CA's name its own, so that no two in a bundle are mistaken for one.
        params.distinguished_name.push(DnType::CommonName, format!("sallyport-webhook-ca {now}"));
        (params.not_before, params.not_after) = lifetime(now, CA_DAYS)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key.pair()?)?.pem();
        let trusted = chain::read("the bundle", before).unwrap_or_default();
        let still = trusted.iter().filter(|der| ends(der).is_some_and(|end| now < end)).rev().take(2);
        let bundle = still.fold(certificate.clone(), |bundle, der| format!("{bundle}{}", chain::pem(der)));
        Ok(Self { certificate, key, bundle })
    }

    /// The Secret to store, in the version that was read.
    #[must_use]
    pub fn to_secret(&self, system: &str, resource_version: Option<String>) -> Secret {
        let data = [("tls.crt", &*self.certificate), ("tls.key", self.key.pem()), (BUNDLE, &*self.bundle)];
        secret(system, CA_SECRET, &data, resource_version)
    }

    /// Whether a stored serving certificate is signed by this CA for these names and has a third left.
    #[must_use]
    pub fn serves(&self, stored: &Secret, names: &BTreeSet<String>, now: Timestamp) -> bool {
        let read = || -> Option<bool> {
            PrivateKey::from_pem(text(stored, "tls.key")?).ok()?;
            let leaf = chain::read("the serving certificate", &text(stored, "tls.crt")?).ok()?;
            let ca = chain::read("the CA", &self.certificate).ok()?;
            let (_, leaf_read) = X509Certificate::from_der(leaf.first()?).ok()?;
            Some(signed(&leaf_read, ca.first()?) && san(&leaf_read) == *names && is_fresh(leaf.first()?, now))
        };
        read().unwrap_or(false)
    }

    /// Whether the stored serving certificate has to do for now: an API server may not know of this CA yet, and that one is
    /// good and signed by a CA that it knows.
    #[must_use]
    pub fn waits_beside(&self, stored: &Secret, names: &BTreeSet<String>, now: Timestamp) -> bool {
        let read = || -> Option<bool> {
            let ca = chain::read("the CA", &self.certificate).ok()?;
            let new = now.duration_since(begins(ca.first()?)?) < SETTLES;
            PrivateKey::from_pem(text(stored, "tls.key")?).ok()?;
            let leaf = chain::read("the serving certificate", &text(stored, "tls.crt")?).ok()?;
            let (_, leaf_read) = X509Certificate::from_der(leaf.first()?).ok()?;
            let good = san(&leaf_read) == *names && now < ends(leaf.first()?)?;
            let trusted = chain::read("the bundle", &self.bundle).ok()?;
            Some(new && good && trusted.iter().any(|ca| signed(&leaf_read, ca)))
        };
        read().unwrap_or(false)
    }

    /// A new serving certificate.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn serve(
        &self,
        system: &str,
        names: &BTreeSet<String>,
        now: Timestamp,
        resource_version: Option<String>,
    ) -> Result<Secret, TlsError> {
        let key = PrivateKey::generate()?;
        let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, keys::WEBHOOK_SERVICE);
        (params.not_before, params.not_after) = lifetime(now, SERVING_DAYS)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, self.key.pair()?)?;
        let certificate = params.signed_by(&key.pair()?, &issuer)?.pem();
        let data = [("tls.crt", &*certificate), ("tls.key", key.pem()), (TRUSTED, &*self.bundle)];
        Ok(secret(system, keys::WEBHOOK_SERVING_SECRET, &data, resource_version))
    }
}

/// The names under which the webhook is called.
#[must_use]
pub fn names(system: &str, more: &[String]) -> BTreeSet<String> {
    let service = format!("{}.{system}.svc", keys::WEBHOOK_SERVICE);
    let mut names: BTreeSet<String> = more.iter().cloned().collect();
    names.insert(format!("{service}.cluster.local"));
    names.insert(service);
    names
}

/// The operations that write the bundle where it is not yet, and nothing else: JSON patch, each guarded by
/// the entry's own name. `None` if every entry has it.
#[must_use]
pub fn trust(configuration: &MutatingWebhookConfiguration, bundle: &str) -> Option<Value> {
    let wanted = ByteString(bundle.as_bytes().to_vec());
    let entries = configuration.webhooks.iter().flatten().enumerate();
    let operations: Vec<Value> = entries
        .filter(|(_, entry)| entry.client_config.ca_bundle.as_ref() != Some(&wanted))
        .flat_map(|(n, entry)| {
            [
                json!({"op": "test", "path": format!("/webhooks/{n}/name"), "value": entry.name}),
                json!({"op": "add", "path": format!("/webhooks/{n}/clientConfig/caBundle"), "value": wanted}),
            ]
        })
        .collect();
    (!operations.is_empty()).then_some(Value::Array(operations))
}

fn secret(system: &str, name: &str, data: &[(&str, &str)], resource_version: Option<String>) -> Secret {
    let labels = [(keys::MANAGED_BY.to_owned(), keys::MANAGED_BY_SALLYPORT.to_owned())];
    let data = data.iter().map(|(key, text)| ((*key).to_owned(), ByteString(text.as_bytes().to_vec())));
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(system.to_owned()),
            labels: Some(labels.into()),
            resource_version,
            ..ObjectMeta::default()
        },
        data: Some(data.collect()),
        type_: Some("kubernetes.io/tls".to_owned()),
        ..Secret::default()
    }
}

/// The bundle that the first of these Secrets holds, the CA's own or the serving certificate's.
#[must_use]
pub fn bundle_in(ca: Option<&Secret>, serving: Option<&Secret>) -> Option<String> {
    ca.and_then(|secret| text(secret, BUNDLE)).or_else(|| serving.and_then(|secret| text(secret, TRUSTED)))
}

fn text(secret: &Secret, key: &str) -> Option<String> {
    String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok()
}

/// Certificates begin so long before they were made, for clocks that go slow.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

fn lifetime(now: Timestamp, days: i64) -> Result<(OffsetDateTime, OffsetDateTime), TlsError> {
    let now = OffsetDateTime::from_unix_timestamp(now.as_second())?;
    Ok((now - time::Duration::seconds(BACKDATED.as_secs()), now + time::Duration::days(days)))
}

/// Whether a third of the life is left.
fn is_fresh(der: &[u8], now: Timestamp) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    let (from, to) =
        (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    now.as_second() < from + (to - from) / 3 * 2
}

/// When a certificate of ours was made.
fn begins(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let from = Timestamp::from_second(certificate.validity().not_before.timestamp()).ok()?;
    from.checked_add(BACKDATED).ok()
}

fn signed(leaf: &X509Certificate<'_>, ca: &[u8]) -> bool {
    X509Certificate::from_der(ca).is_ok_and(|(_, ca)| leaf.verify_signature(Some(ca.public_key())).is_ok())
}

fn ends(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

fn san(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(san)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    san.value
        .general_names
        .iter()
        .filter_map(|name| {
            if let GeneralName::DNSName(name) = name {
                return Some((*name).to_owned());
            }
            let GeneralName::IPAddress(bytes) = name else { return None };
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
    }

    #[test]
    fn serves_until_two_thirds_and_only_these_names() {
        let ca = Ca::make("", at(0)).unwrap();
        let stored = ca.to_secret("sallyport-system", None);
        assert!(Ca::read(&stored, at(100)).is_some() && Ca::read(&stored, at(300)).is_none());
        let wanted = names("sallyport-system", &["127.0.0.1".to_owned(), "localhost".to_owned()]);
        assert_eq!(wanted.len(), 4);
        let serving = ca.serve("sallyport-system", &wanted, at(0), None).unwrap();
        assert!(ca.serves(&serving, &wanted, at(19)));
        assert!(!ca.serves(&serving, &wanted, at(21)), "due");
        assert!(!ca.serves(&serving, &names("sallyport-system", &[]), at(1)), "other names");
        assert!(!Ca::make("", at(0)).unwrap().serves(&serving, &wanted, at(1)), "another CA");
    }

    #[test]
    fn a_change_of_the_ca_keeps_the_old_one_trusted_until_it_ends() {
        let old = Ca::make("", at(0)).unwrap();
        let stored = bundle_in(Some(&old.to_secret("s", None)), None).unwrap();
        let new = Ca::make(&stored, at(300)).unwrap();
        assert_eq!(chain::read("b", &new.bundle).unwrap().len(), 2);
        let late = Ca::make(&stored, at(366)).unwrap();
        assert_eq!(chain::read("b", &late.bundle).unwrap().len(), 1);
    }

    #[test]
    fn a_new_ca_signs_nothing_before_every_api_server_can_know_it() {
        let wanted = names("s", &[]);
        let old = Ca::make("", at(280)).unwrap();
        let serving = old.serve("s", &wanted, at(280), None).unwrap();
        let new = Ca::make(&bundle_in(None, Some(&serving)).unwrap(), at(300)).unwrap();
        let later = |seconds| at(300) + SignedDuration::from_secs(seconds);
        assert!(new.waits_beside(&serving, &wanted, later(29)) && !new.serves(&serving, &wanted, later(29)));
        assert!(!new.waits_beside(&serving, &wanted, later(30)), "by now they know it");
        assert!(!new.waits_beside(&serving, &names("other", &[]), later(1)), "it is of no use");
        let unknown = Ca::make("", at(300)).unwrap();
        assert!(!unknown.waits_beside(&serving, &wanted, later(1)), "nobody trusts the one before any more");
        let ended = Ca::make(&old.bundle, at(311)).unwrap();
        assert!(!ended.waits_beside(&serving, &wanted, at(311)), "the one before has ended");
    }

    #[test]
    fn only_the_bundle_is_patched() {
        let configuration: MutatingWebhookConfiguration = serde_json::from_value(json!({
            "metadata": {"name": "sallyport"}, "webhooks": [
                {"name": "pods", "admissionReviewVersions": ["v1"], "sideEffects": "None", "clientConfig": {"url": "u"}},
                {"name": "workloads", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                    "clientConfig": {"caBundle": "Yg=="}}]}))
        .unwrap();
        let operations = trust(&configuration, "b").unwrap();
        assert_eq!(
            operations,
            json!([{"op": "test", "path": "/webhooks/0/name", "value": "pods"},
                {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "Yg=="}])
        );
        assert_eq!(trust(&MutatingWebhookConfiguration::default(), "b"), None);
    }
}
