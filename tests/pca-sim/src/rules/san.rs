//! Subject alternative names as bytes: copied from the CSR as they stand, and changed only by a planted fault.
//!
//! The encoding is `GeneralNames` of <https://datatracker.ietf.org/doc/html/rfc5280#section-4.2.1.6>.

use rcgen::CustomExtension;
use x509_parser::{
    asn1_rs::Any,
    extensions::{GeneralName, ParsedExtension, SubjectAlternativeName},
    prelude::{FromDer, X509Extension},
};

const OID: [u64; 4] = [2, 5, 29, 17];
const DNS_NAME: u8 = 0x82;
const SEQUENCE: u8 = 0x30;

/// A SAN extension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct San {
    /// Whether the extension is critical.
    pub critical: bool,
    names: Vec<Vec<u8>>,
}

impl San {
    /// Reads the extension of a CSR; `None` when it holds no names or is not well-formed.
    pub fn read(extension: &X509Extension<'_>) -> Option<Self> {
        let ParsedExtension::SubjectAlternativeName(parsed) = extension.parsed_extension() else {
            return None;
        };
        if parsed.general_names.is_empty() {
            return None;
        }
        let (trailing, sequence) = Any::from_der(extension.value).ok()?;
        let mut rest = sequence.data;
        let mut names = Vec::new();
        while !rest.is_empty() {
            let (after, _) = Any::from_der(rest).ok()?;
            let (name, _) = rest.split_at_checked(rest.len().checked_sub(after.len())?)?;
            names.push(name.to_vec());
            rest = after;
        }
        trailing.is_empty().then_some(Self { critical: extension.critical, names })
    }

    /// DNS names that did not come with the CSR. Critical, as RFC 5280 wants it where the subject is empty; what AWS
    /// does is not documented.
    pub fn of_dns(names: &[String]) -> Self {
        Self { critical: true, names: names.iter().map(|name| tlv(DNS_NAME, name.as_bytes())).collect() }
    }

    /// The extension for a certificate, with the same names, order and criticality.
    pub fn extension(&self) -> CustomExtension {
        let mut extension = CustomExtension::from_oid_content(&OID, self.der());
        extension.set_criticality(self.critical);
        extension
    }

    /// The names for people: `web.example`, `URI:spiffe://…`, `IP:10.0.0.1`.
    pub fn texts(&self) -> Vec<String> {
        let der = self.der();
        let parsed = SubjectAlternativeName::from_der(&der).map(|(_, san)| san.general_names);
        parsed.unwrap_or_default().iter().map(text).collect()
    }

    /// Without its first name; `None` when that was the only one.
    pub fn without_first(&self) -> Option<Self> {
        let names = self.names.iter().skip(1).cloned().collect::<Vec<_>>();
        (!names.is_empty()).then_some(Self { critical: self.critical, names })
    }

    /// With this DNS name (at most 100 bytes of ASCII) in the place of its first name.
    pub fn with_first_as(&self, name: &str) -> Self {
        let names = std::iter::once(tlv(DNS_NAME, name.as_bytes())).chain(self.names.iter().skip(1).cloned());
        Self { critical: self.critical, names: names.collect() }
    }

    /// With one more DNS name (at most 100 bytes of ASCII).
    pub fn with_dns(&self, name: &str) -> Self {
        let mut more = self.clone();
        more.names.push(tlv(DNS_NAME, name.as_bytes()));
        more
    }

    fn der(&self) -> Vec<u8> {
        tlv(SEQUENCE, &self.names.concat())
    }
}

fn text(name: &GeneralName<'_>) -> String {
    if let GeneralName::DNSName(dns) = name {
        (*dns).to_owned()
    } else if let GeneralName::URI(uri) = name {
        format!("URI:{uri}")
    } else if let GeneralName::IPAddress([a, b, c, d]) = name {
        format!("IP:{a}.{b}.{c}.{d}")
    } else {
        name.to_string()
    }
}

/// One DER element with a definite length.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut element = vec![tag];
    match (content.len(), u8::try_from(content.len()), u8::try_from(significant.len())) {
        (0..=127, Ok(short), _) => element.push(short),
        (_, _, Ok(bytes)) => {
            element.push(0x80 | bytes);
            element.extend(significant);
        }
        (_, _, Err(_)) => {}
    }
    element.extend_from_slice(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    fn san(names: &[&str]) -> San {
        San { critical: true, names: names.iter().map(|name| tlv(DNS_NAME, name.as_bytes())).collect() }
    }

    #[test]
    fn lengths_are_der() {
        assert_eq!(tlv(4, &[0; 3]), [4, 3, 0, 0, 0]);
        assert_eq!(tlv(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(tlv(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn what_was_written_is_read_back() {
        let many: Vec<String> = (0..50).map(|n| format!("host-{n}.corp.example")).collect();
        let names = many.iter().map(String::as_str).collect::<Vec<_>>();
        let written = san(&names);
        let der = [&[0x06, 3, 0x55, 0x1d, 0x11, 1, 1, 0xff][..], &tlv(4, &written.der())].concat();
        let whole = tlv(SEQUENCE, &der);
        let (_, extension) = X509Extension::from_der(&whole).unwrap();
        let read = San::read(&extension).unwrap();
        assert_eq!(read, written);
        assert_eq!(read.texts(), many);
    }

    #[test]
    fn names_go_and_come() {
        assert_eq!(san(&["a", "b"]).without_first(), Some(san(&["b"])));
        assert_eq!(san(&["a"]).without_first(), None);
        assert_eq!(san(&["a"]).with_dns("b").texts(), ["a", "b"]);
        assert_eq!(san(&["a", "b"]).with_first_as("c").texts(), ["c", "b"]);
    }
}
