//! Whether a TLS client would take the leaf below these certificates: the judgement of rustls' own library, which holds
//! names to the constraints of every certificate above (RFC 5280, section 4.2.1.10).

use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use sallyport_contract::object::Usage;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::{Expected, Wrong};

/// Judges a leaf, DER, below `path`, whose last is the root, at this time.
pub(super) fn judge(
    leaf: &[u8],
    path: &[Vec<u8>],
    expected: &Expected<'_>,
    at: Timestamp,
) -> Result<(), Wrong> {
    let no = |error: webpki::Error| Wrong::Client(error.to_string());
    let (root, between) = path.split_last().ok_or_else(|| Wrong::Chain("it is empty".to_owned()))?;
    let (leaf, root) = (CertificateDer::from(leaf), CertificateDer::from(root.as_slice()));
    let leaf = EndEntityCert::try_from(&leaf).map_err(no)?;
    let anchor = anchor_from_trusted_cert(&root).map_err(no)?;
    let between: Vec<CertificateDer<'_>> =
        between.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let at =
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default()));
    for usage in expected.usages {
        let usage = match usage {
            Usage::ServerAuth => KeyUsage::server_auth(),
            Usage::ClientAuth => KeyUsage::client_auth(),
        };
        let anchors = std::slice::from_ref(&anchor);
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, anchors, &between, at, usage, None, None).map_err(no)?;
    }
    Ok(())
}
