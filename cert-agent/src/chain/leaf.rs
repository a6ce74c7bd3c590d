//! The leaf's own words: key, names, purposes, validity, and nothing that was not asked for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sallyport_contract::object::Usage;
use x509_parser::{
    extensions::{ExtendedKeyUsage, GeneralName, KeyUsage, ParsedExtension, SubjectAlternativeName},
    prelude::{FromDer as _, X509Certificate},
};

use super::{Expected, SKEW, Wrong};

/// What remains to be known of a leaf that is in order.
pub(super) struct Judged {
    pub(super) serial: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// Judges a leaf by itself.
pub(super) fn judge(der: &[u8], expected: &Expected<'_>, now: Timestamp) -> Result<Judged, Wrong> {
    let (rest, leaf) = X509Certificate::from_der(der).map_err(|_| Wrong::Pem("the leaf"))?;
    if !rest.is_empty() {
        return Err(Wrong::Pem("the leaf"));
    }
    if leaf.public_key().raw != expected.public_key {
        return Err(Wrong::Key);
    }
    if leaf.subject().iter().next().is_some() {
        return Err(Wrong::Subject(leaf.subject().to_string()));
    }
    extensions(&leaf, expected)?;
    let (not_before, not_after) = validity(&leaf)?;
    let begun = now.saturating_add(SKEW).unwrap_or(Timestamp::MAX) >= not_before;
    if !begun || now >= not_after {
        return Err(Wrong::NotNow { from: not_before, to: not_after, now });
    }
    let earliest = expected.not_after.saturating_sub(SKEW).unwrap_or(expected.not_after);
    if not_after > expected.not_after || not_after < earliest {
        return Err(Wrong::End { asked: expected.not_after, got: not_after });
    }
    // A number whose first bit is set has a zero before it in DER, which is not part of it.
    let serial = leaf.raw_serial_as_string();
    let serial = serial.strip_prefix("00:").unwrap_or(&serial).to_owned();
    Ok(Judged { serial, not_before, not_after })
}

/// The validity as timestamps.
///
/// # Errors
/// It is outside of what a timestamp can say.
pub fn validity(certificate: &X509Certificate<'_>) -> Result<(Timestamp, Timestamp), Wrong> {
    let read = |second| Timestamp::from_second(second).map_err(|_| Wrong::Missing("readable validity"));
    let validity = certificate.validity();
    Ok((read(validity.not_before.timestamp())?, read(validity.not_after.timestamp())?))
}

fn extensions(leaf: &X509Certificate<'_>, expected: &Expected<'_>) -> Result<(), Wrong> {
    let mut seen = BTreeSet::new();
    let (mut named, mut purposed, mut used) = (false, false, false);
    for extension in leaf.extensions() {
        let unexpected = || Wrong::Extension(extension.oid.to_id_string());
        if !seen.insert(extension.oid.to_id_string()) {
            return Err(unexpected());
        }
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => {
                names(san, expected)?;
                named = true;
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                purposes(usage, expected)?;
                purposed = true;
            }
            ParsedExtension::KeyUsage(usage) => {
                key_usage(usage)?;
                used = true;
            }
            ParsedExtension::BasicConstraints(constraints) if constraints.ca => return Err(Wrong::IsCa),
            ParsedExtension::BasicConstraints(_)
            | ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::SubjectKeyIdentifier(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::AuthorityInfoAccess(_)
            | ParsedExtension::CertificatePolicies(_) => {}
            ParsedExtension::UnsupportedExtension { .. }
            | ParsedExtension::ParseError { .. }
            | ParsedExtension::PolicyMappings(_)
            | ParsedExtension::IssuerAlternativeName(_)
            | ParsedExtension::NameConstraints(_)
            | ParsedExtension::PolicyConstraints(_)
            | ParsedExtension::InhibitAnyPolicy(_)
            | ParsedExtension::SubjectInfoAccess(_)
            | ParsedExtension::NSCertType(_)
            | ParsedExtension::NsCertComment(_)
            | ParsedExtension::IssuingDistributionPoint(_)
            | ParsedExtension::CRLNumber(_)
            | ParsedExtension::ReasonCode(_)
            | ParsedExtension::InvalidityDate(_)
            | ParsedExtension::SCT(_)
            | ParsedExtension::Unparsed => return Err(unexpected()),
        }
    }
    for (there, what) in
        [(named, "subject alternative name"), (purposed, "extended key usage"), (used, "key usage")]
    {
        if !there {
            return Err(Wrong::Missing(what));
        }
    }
    Ok(())
}

fn names(san: &SubjectAlternativeName<'_>, expected: &Expected<'_>) -> Result<(), Wrong> {
    let asked: BTreeSet<&str> = expected.dns_names.iter().map(sallyport_contract::DnsName::as_str).collect();
    let got: Option<BTreeSet<&str>> = san
        .general_names
        .iter()
        .map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None })
        .collect();
    if got.as_ref() == Some(&asked) && san.general_names.len() == asked.len() {
        return Ok(());
    }
    let got: Vec<String> = san.general_names.iter().map(ToString::to_string).collect();
    Err(Wrong::Names { asked: expected.dns_names.to_string(), got: got.join(",") })
}

fn purposes(usage: &ExtendedKeyUsage<'_>, expected: &Expected<'_>) -> Result<(), Wrong> {
    let ExtendedKeyUsage {
        any,
        server_auth,
        client_auth,
        code_signing,
        email_protection,
        time_stamping,
        ocsp_signing,
        other,
    } = usage;
    let asked = |wanted: Usage| expected.usages.contains(&wanted);
    let more =
        *any || *code_signing || *email_protection || *time_stamping || *ocsp_signing || !other.is_empty();
    if !more && *server_auth == asked(Usage::ServerAuth) && *client_auth == asked(Usage::ClientAuth) {
        return Ok(());
    }
    let shown = [(*server_auth, "ServerAuth"), (*client_auth, "ClientAuth"), (more, "something else")];
    let got: Vec<&str> = shown.iter().filter(|(there, _)| *there).map(|(_, name)| *name).collect();
    let asked: Vec<String> = expected.usages.iter().map(|usage| format!("{usage:?}")).collect();
    Err(Wrong::Usages { asked: asked.join(" and "), got: got.join(" and ") })
}

/// TLS needs digital signatures; key encipherment is AWS's habit for RSA and harmless beside it.
fn key_usage(usage: &KeyUsage) -> Result<(), Wrong> {
    let more = usage.non_repudiation()
        || usage.data_encipherment()
        || usage.key_agreement()
        || usage.key_cert_sign()
        || usage.crl_sign()
        || usage.encipher_only()
        || usage.decipher_only();
    if usage.digital_signature() && !more { Ok(()) } else { Err(Wrong::KeyUsage(usage.to_string())) }
}
