//! A delivered certificate, read by somebody else's parser.

use anyhow::{Context as _, Result};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{extensions::GeneralName, prelude::*};

/// What stands in a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The DNS names of its SAN.
    pub dns_names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Its serial number in hex.
    pub serial: String,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
}

/// Reads the first certificate of a chain.
///
/// # Errors
/// It is not a certificate with a SAN.
pub fn read(chain: &str) -> Result<Leaf> {
    let der = CertificateDer::pem_slice_iter(chain.as_bytes()).next().context("the chain is empty")??;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|error| anyhow::anyhow!("not a certificate: {error}"))?;
    let names = certificate.subject_alternative_name()?.context("the leaf has no SAN")?;
    let dns_names = names.value.general_names.iter().filter_map(|name| {
        if let GeneralName::DNSName(text) = name { Some((*text).to_owned()) } else { None }
    });
    Ok(Leaf {
        dns_names: dns_names.collect(),
        issuer: certificate.issuer().to_string(),
        serial: certificate.raw_serial_as_string(),
        not_after: certificate.validity().not_after.timestamp(),
    })
}
