//! Name constraints that come beside a CSR: the only custom extension that the stand-in repeats.
//!
//! `CustomExtension` is an object identifier, a value in base64 and whether it is critical, which it is not unless said so
//! (<https://docs.aws.amazon.com/privateca/latest/APIReference/API_CustomExtension.html>); AWS's example of a constrained
//! CA is <https://docs.aws.amazon.com/privateca/latest/userguide/JavaApi-CustomExtensions.html>.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::CustomExtension;
use x509_parser::{extensions::NameConstraints, prelude::FromDer as _};

use crate::error::{AwsError, Code};

const OID: [u64; 4] = [2, 5, 29, 30];
const OID_TEXT: &str = "2.5.29.30";

/// The extension, copied as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Constraints {
    /// Whether it is critical.
    pub critical: bool,
    value: Vec<u8>,
}

impl Constraints {
    /// Reads a custom extension.
    ///
    /// # Errors
    /// `ValidationException` for a value that is no base64, `NotSimulatedException` for another extension, and for a
    /// value that is none of name constraints: what AWS makes of it is not documented.
    pub fn read(oid: &str, value: &str, critical: bool) -> Result<Self, AwsError> {
        let not_simulated = |what: &str| {
            let text = format!("AWS may take {what}, this stand-in does not.");
            AwsError::new(Code::NotSimulated, text)
        };
        if oid != OID_TEXT {
            return Err(not_simulated(&format!("the custom extension {oid}")));
        }
        let value = STANDARD.decode(value).map_err(|_| {
            AwsError::constraint(
                "apiPassthrough.extensions.customExtensions.1.member.value",
                value,
                "Member must satisfy regular expression pattern: base64",
            )
        })?;
        match NameConstraints::from_der(&value) {
            Ok(([], _)) => Ok(Self { critical, value }),
            Ok(_) | Err(_) => Err(not_simulated("a value that is none of name constraints")),
        }
    }

    /// The extension for a certificate.
    pub fn extension(&self) -> CustomExtension {
        let mut extension = CustomExtension::from_oid_content(&OID, self.value.clone());
        extension.set_criticality(self.critical);
        extension
    }

    /// The same, for clients to ignore.
    pub fn not_critical(&self) -> Self {
        Self { critical: false, value: self.value.clone() }
    }

    /// The same, for every name that ends in `invalid`.
    pub fn for_others(&self) -> Self {
        // NameConstraints { permittedSubtrees [0] { GeneralSubtree { dNSName [2] } } }
        const NAME: &[u8] = b"invalid";
        let value = [&[0x30, 13, 0xa0, 11, 0x30, 9, 0x82, 7], NAME].concat();
        Self { critical: self.critical, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_name_constraints_are_repeated() {
        let other = Constraints { critical: true, value: vec![] }.for_others();
        let text = STANDARD.encode(&other.value);
        assert_eq!(Constraints::read("2.5.29.30", &text, true), Ok(other));
        for (oid, value, kind) in [
            ("1.3.6.1.5.5.7.1.3", text.as_str(), "NotSimulatedException"),
            ("2.5.29.30", "MAA=MAA", "ValidationException"),
            ("2.5.29.30", "AAAA", "NotSimulatedException"),
        ] {
            assert_eq!(Constraints::read(oid, value, true).unwrap_err().kind(), kind, "{oid} {value}");
        }
    }
}
