//! Who signed the leaf: every link up to the root that the authority told us.

use jiff::Timestamp;
use x509_parser::{
    oid_registry::{
        OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384, Oid,
    },
    prelude::{FromDer as _, X509Certificate},
    public_key::PublicKey,
};

use super::{Wrong, leaf::validity};

/// Signatures that are worth something.
const ALLOWED: [Oid<'static>; 5] = [
    OID_SIG_ECDSA_WITH_SHA256,
    OID_SIG_ECDSA_WITH_SHA384,
    OID_PKCS1_SHA256WITHRSA,
    OID_PKCS1_SHA384WITHRSA,
    OID_PKCS1_SHA512WITHRSA,
];
const LEAST_RSA_BITS: usize = 2048;

/// Judges the chain above a leaf, or above a CA, where `cas_below` is 1; returns it up to the root, DER.
pub(super) fn judge(
    leaf: &[u8],
    above: Vec<Vec<u8>>,
    anchors: &[Vec<u8>],
    cas_below: usize,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>, Wrong> {
    let (Some(issuer), Some(root)) = (anchors.first(), anchors.last()) else {
        return Err(Wrong::Chain("the authority told no certificate of its own".to_owned()));
    };
    if above.first() != Some(issuer) {
        return Err(Wrong::Chain("it does not begin with the authority's own certificate".to_owned()));
    }
    let path = completed(above, anchors);
    if path.last() != Some(root) {
        return Err(Wrong::Chain("it does not end with the authority's root".to_owned()));
    }
    let mut below = parse(leaf)?;
    for (depth, der) in path.iter().enumerate() {
        let certificate = parse(der)?;
        may_sign(&certificate, depth + cas_below, now)?;
        link(&below, &certificate)?;
        below = certificate;
    }
    // The root signs itself, so that nothing can stand above it unseen.
    link(&below, &below)?;
    Ok(path)
}

/// A chain that stops early goes on as the authority told.
fn completed(mut path: Vec<Vec<u8>>, anchors: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if let Some(at) = path.last().and_then(|last| anchors.iter().position(|anchor| anchor == last)) {
        path.extend(anchors.iter().skip(at + 1).cloned());
    }
    path
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Wrong> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(Wrong::Pem("the chain")),
    }
}

fn link(below: &X509Certificate<'_>, above: &X509Certificate<'_>) -> Result<(), Wrong> {
    let shown = || shown(below);
    if below.issuer().as_raw() != above.subject().as_raw() {
        return Err(Wrong::Signature(shown()));
    }
    let algorithm = &below.signature_algorithm.algorithm;
    let stated_twice = *algorithm == below.tbs_certificate.signature.algorithm;
    if !stated_twice || !ALLOWED.contains(algorithm) {
        return Err(Wrong::Signature(shown()));
    }
    below.verify_signature(Some(above.public_key())).map_err(|_| Wrong::Signature(shown()))
}

fn may_sign(certificate: &X509Certificate<'_>, depth: usize, now: Timestamp) -> Result<(), Wrong> {
    let no = |why| Err(Wrong::NotAnAuthority(shown(certificate), why));
    let Ok(Some(constraints)) = certificate.basic_constraints() else {
        return no("it has no basic constraints");
    };
    if !constraints.value.ca {
        return no("its basic constraints say that it is not a CA");
    }
    // The path length counts the CAs below this one, RFC 5280 section 4.2.1.9.
    if constraints
        .value
        .path_len_constraint
        .is_some_and(|most| depth > usize::try_from(most).unwrap_or(usize::MAX))
    {
        return no("more CAs stand below it than it allows");
    }
    match certificate.key_usage() {
        Ok(Some(usage)) if usage.value.key_cert_sign() => {}
        Ok(_) | Err(_) => return no("its key usage does not say so"),
    }
    let (from, to) = validity(certificate)?;
    if now < from.saturating_sub(super::SKEW).unwrap_or(from) || now >= to {
        return Err(Wrong::NotNow { from, to, now });
    }
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() >= LEAST_RSA_BITS => Ok(()),
        Ok(PublicKey::EC(_)) => Ok(()),
        Ok(_) | Err(_) => no("its key is too short, or of a kind that is not allowed"),
    }
}

fn shown(certificate: &X509Certificate<'_>) -> String {
    let subject = certificate.subject().to_string();
    let cut: String = subject.chars().take(100).collect();
    if cut.is_empty() { "the leaf".to_owned() } else { format!("the certificate of {cut:?}") }
}
