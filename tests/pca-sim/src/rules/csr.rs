//! Whether a CSR can be signed, and what of it reaches the certificate: key, subject, SANs, nothing else.
//!
//! Size and the need for a subject or a SAN: `Csr` in
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>. `MalformedCSRException` is
//! raised for what "cannot be verified or validated"
//! (<https://docs.aws.amazon.com/privateca/latest/userguide/PCATsExceptions.html>).

use rcgen::{DistinguishedName, DnType, DnValue, SubjectPublicKeyInfo};
use x509_parser::{
    asn1_rs::Tag,
    certification_request::X509CertificationRequest,
    cri_attributes::ParsedCriAttribute,
    oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME,
    pem::parse_x509_pem,
    prelude::{FromDer, X509Extension},
    x509::{AttributeTypeAndValue, X509Name},
};

use super::san::San;
use crate::error::{AwsError, Code};

/// The largest CSR in bytes of PEM.
pub const MAX_BYTES: usize = 32_768;

/// What a certificate takes from its CSR.
#[derive(Clone, Debug)]
pub struct Csr {
    /// The subject, possibly empty.
    pub subject: DistinguishedName,
    /// The key to certify.
    pub public_key: SubjectPublicKeyInfo,
    /// The names, with their criticality.
    pub san: Option<San>,
}

/// Reads and checks a CSR in PEM. `given` are names that come by `ApiPassthrough`, which go before the CSR's own. That
/// they also stand in for a subject or a SAN in the CSR is *unconfirmed*: the API reference says that a CSR without
/// either is rejected and speaks of no exception, and no try was found in public.
///
/// # Errors
/// `ValidationException` beyond 32,768 bytes; `MalformedCSRException` for what is no CSR, for a signature that does
/// not verify, for neither subject nor SAN, and for an empty subject without a *critical* SAN, in the words of
/// <https://github.com/cert-manager/istio-csr/issues/90>; `NotSimulatedException` for subjects that the signer at
/// hand cannot repeat (several values of one attribute, rare string types) and keys that it does not know.
pub fn read(pem: &[u8], given: Option<San>) -> Result<Csr, AwsError> {
    match pem.len() {
        0 => return Err(length("Member must have length greater than or equal to 1")),
        1..=MAX_BYTES => {}
        _ => return Err(length("Member must have length less than or equal to 32768")),
    }
    let (_, block) = parse_x509_pem(pem).map_err(|_| malformed("The CSR is not PEM."))?;
    if !["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"].contains(&block.label.as_str()) {
        return Err(malformed("The PEM block is not a certificate request."));
    }
    let (rest, csr) = X509CertificationRequest::from_der(&block.contents)
        .map_err(|_| malformed("The CSR is not a PKCS #10 certification request."))?;
    if !rest.is_empty() {
        return Err(malformed("The CSR has trailing bytes."));
    }
    csr.verify_signature().map_err(|_| malformed("The signature of the CSR does not verify."))?;
    let info = &csr.certification_request_info;
    let own = san(&csr)?;
    let san = given.or(own);
    if info.subject.iter().next().is_none() {
        match &san {
            Some(san) if san.critical => {}
            Some(_) => {
                let text = "CSR must mark the SAN extension critical when it has an empty subject";
                return Err(malformed(text));
            }
            None => return Err(malformed("CSR must contain a subject or a subject alternative name.")),
        }
    }
    let public_key = SubjectPublicKeyInfo::from_der(info.subject_pki.raw)
        .map_err(|error| not_simulated(&format!("keys of this kind ({error})")))?;
    Ok(Csr { subject: subject(&info.subject)?, public_key, san })
}

fn san(csr: &X509CertificationRequest<'_>) -> Result<Option<San>, AwsError> {
    let mut requested = csr
        .certification_request_info
        .iter_attributes()
        .filter_map(|attribute| {
            let ParsedCriAttribute::ExtensionRequest(request) = attribute.parsed_attribute() else {
                return None;
            };
            Some(&request.extensions)
        })
        .flatten()
        .filter(|extension: &&X509Extension<'_>| extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME);
    let first = requested.next();
    if requested.next().is_some() {
        return Err(malformed("The CSR has two subject alternative name extensions."));
    }
    first
        .map(|extension| {
            San::read(extension).ok_or_else(|| malformed("The subject alternative names are malformed."))
        })
        .transpose()
}

fn subject(name: &X509Name<'_>) -> Result<DistinguishedName, AwsError> {
    let mut subject = DistinguishedName::new();
    for relative in name.iter() {
        let mut attributes = relative.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else {
            return Err(not_simulated("subjects with several attributes in one relative name"));
        };
        let oid = attribute.attr_type().iter().ok_or_else(|| malformed("The subject is malformed."))?;
        let kind = DnType::from_oid(&oid.collect::<Vec<_>>());
        if subject.get(&kind).is_some() {
            return Err(not_simulated("subjects that repeat an attribute"));
        }
        subject.push(kind, value(attribute)?);
    }
    Ok(subject)
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> Result<DnValue, AwsError> {
    let any = attribute.attr_value();
    let text = std::str::from_utf8(any.data).map_err(|_| malformed("The subject is not text."))?;
    let bad = |_| malformed("The subject has characters that its string type does not allow.");
    match any.header.tag() {
        Tag::Utf8String => Ok(DnValue::Utf8String(text.to_owned())),
        Tag::PrintableString => text.try_into().map(DnValue::PrintableString).map_err(bad),
        Tag::Ia5String => text.try_into().map(DnValue::Ia5String).map_err(bad),
        _ => Err(not_simulated("subjects in this string type")),
    }
}

fn length(rule: &str) -> AwsError {
    AwsError::constraint("csr", "java.nio.HeapByteBuffer", rule)
}

fn malformed(text: &str) -> AwsError {
    AwsError::new(Code::MalformedCsr, text)
}

fn not_simulated(what: &str) -> AwsError {
    AwsError::new(Code::NotSimulated, format!("AWS may certify {what}, this stand-in does not."))
}
