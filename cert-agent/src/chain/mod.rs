//! Is this the certificate that was asked for? Forbid unless listed: there is no lenient mode.
//!
//! [`leaf`] the leaf's own words · [`path`] who signed it, up to the authority's root · [`names`] whether those above let its
//! names pass.

mod leaf;
mod names;
mod path;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{DnsNames, object::Usage};
use x509_parser::pem::Pem;

pub use leaf::validity;

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The public key (SubjectPublicKeyInfo, DER).
    pub public_key: &'a [u8],
    /// The names.
    pub dns_names: &'a DnsNames,
    /// What the certificate is for.
    pub usages: &'a [Usage],
    /// When it may end at the latest.
    pub not_after: Timestamp,
}

/// Why a certificate is not what was asked for. Both sides' values stand in the texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Not one certificate in PEM.
    #[error("{0} is not a certificate in PEM")]
    Pem(&'static str),
    /// More than is worth reading.
    #[error("the answer is larger than {0} bytes or certificates")]
    TooLarge(usize),
    /// For another key.
    #[error("the certificate is for another key than ours")]
    Key,
    /// Other names.
    #[error("the certificate has the names {got}, and {asked} were asked for")]
    Names {
        /// What was asked.
        asked: String,
        /// What came.
        got: String,
    },
    /// Names in the subject.
    #[error("the certificate has the subject {0}, and none was asked for")]
    Subject(String),
    /// Other purposes.
    #[error("the certificate is for {got}, and {asked} was asked for")]
    Usages {
        /// What was asked.
        asked: String,
        /// What came.
        got: String,
    },
    /// A key usage that no TLS certificate needs, or none that TLS needs.
    #[error("the certificate's key usage is {0}")]
    KeyUsage(String),
    /// It may sign certificates.
    #[error("the certificate is one of a certificate authority")]
    IsCa,
    /// An extension that must be there is not.
    #[error("the certificate has no {0}")]
    Missing(&'static str),
    /// An extension that nobody knows, or one twice.
    #[error("the certificate has the extension {0}, which is not expected or cannot be read")]
    Extension(String),
    /// Not yet, or no longer.
    #[error("the certificate is valid from {from} to {to}, and it is {now}")]
    NotNow {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// It ends later than was asked, or so early that it would be renewed, and paid, again and again.
    #[error("the certificate ends at {got}, and {asked} was asked for")]
    End {
        /// What was asked.
        asked: Timestamp,
        /// What came.
        got: Timestamp,
    },
    /// A signature or its algorithm.
    #[error("{0} is not signed by the certificate above it, or by an algorithm that is not allowed")]
    Signature(String),
    /// A certificate above the leaf may not sign.
    #[error("{0} may not sign certificates: {1}")]
    NotAnAuthority(String, &'static str),
    /// What a client's own library says against it: a name outside the constraints of a certificate above, most likely.
    #[error("a TLS client would not take the certificate: {0}")]
    Client(String),
    /// The chain does not lead to the authority.
    #[error("the chain does not lead from the authority's certificate to its root: {0}")]
    Chain(String),
}

/// A certificate that is what was asked for. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedLeaf {
    leaf: String,
    intermediates: String,
    root: String,
    serial: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl VerifiedLeaf {
    /// The leaf, PEM.
    #[must_use]
    pub fn leaf(&self) -> &str {
        &self.leaf
    }

    /// What stands between leaf and root, PEM; may be empty.
    #[must_use]
    pub fn intermediates(&self) -> &str {
        &self.intermediates
    }

    /// The root, PEM.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The serial number in lower-case hex with colons.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// When it begins.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// Another clock may differ from ours by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// More bytes are not worth reading.
const LARGEST: usize = 256 * 1024;
/// AWS allows five levels of CAs: <https://docs.aws.amazon.com/privateca/latest/userguide/ca-hierarchy.html>.
const LONGEST: usize = 8;

/// Judges an authority's answer. `anchors` are the authority's own certificate and those above it up to
/// its root, DER, as the authority itself told them.
///
/// # Errors
/// The first thing that is not what was asked for.
pub fn verify(
    leaf: &str,
    chain: Option<&str>,
    expected: &Expected<'_>,
    anchors: &[Vec<u8>],
    now: Timestamp,
) -> Result<VerifiedLeaf, Wrong> {
    let [der] = read("the leaf", leaf)?.try_into().map_err(|_| Wrong::Pem("the leaf"))?;
    let above = match chain.filter(|chain| !chain.trim().is_empty()) {
        Some(chain) => read("the chain", chain)?,
        // What the authority told about itself stands in for a chain that it did not give.
        None => anchors.to_vec(),
    };
    let judged = leaf::judge(&der, expected, now)?;
    let path = path::judge(&der, above, anchors, 0, now)?;
    names::judge(&der, &path, expected, judged.not_before.max(now))?;
    let (root, intermediates) = path.split_last().ok_or_else(|| Wrong::Chain("it is empty".to_owned()))?;
    Ok(VerifiedLeaf {
        leaf: pem(&der),
        intermediates: intermediates.iter().map(|der| pem(der)).collect(),
        root: pem(root),
        serial: judged.serial,
        not_before: judged.not_before,
        not_after: judged.not_after,
    })
}

/// Judges what stands above a CA's certificate: every link up to its root, which signs itself.
///
/// # Errors
/// The first link that does not hold.
pub fn verify_authority(der: &[u8], above: &[Vec<u8>], now: Timestamp) -> Result<(), Wrong> {
    path::judge(der, above.to_vec(), above, 1, now).map(drop)
}

/// The certificates of a PEM text, DER.
///
/// # Errors
/// Something in it is not a certificate, or there is too much.
pub fn read(what: &'static str, text: &str) -> Result<Vec<Vec<u8>>, Wrong> {
    if text.len() > LARGEST {
        return Err(Wrong::TooLarge(LARGEST));
    }
    let mut certificates = Vec::new();
    for block in Pem::iter_from_buffer(text.as_bytes()) {
        let block = block.map_err(|_| Wrong::Pem(what))?;
        if block.label != "CERTIFICATE" {
            return Err(Wrong::Pem(what));
        }
        certificates.push(block.contents);
        if certificates.len() > LONGEST {
            return Err(Wrong::TooLarge(LONGEST));
        }
    }
    if certificates.is_empty() { Err(Wrong::Pem(what)) } else { Ok(certificates) }
}

/// A certificate in PEM, with a newline at its end.
#[must_use]
pub fn pem(der: &[u8]) -> String {
    armoured("CERTIFICATE", der)
}

/// A block of PEM with a newline at its end.
#[must_use]
pub fn armoured(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for (n, c) in text.chars().enumerate() {
        if n > 0 && n % 64 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    out.push_str("\n-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}
