//! Which signing algorithms a CA key can be asked for.
//!
//! `SigningAlgorithm` in <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>: the
//! family must be that of the *CA's* key; the CSR's key does not matter.

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PKCS_RSA_SHA384, PKCS_RSA_SHA512, SignatureAlgorithm};
use serde::{Deserialize, Serialize};

use crate::error::{AwsError, Code};

const KNOWN: [&str; 13] = [
    "SHA256WITHECDSA",
    "SHA384WITHECDSA",
    "SHA512WITHECDSA",
    "SHA256WITHRSA",
    "SHA384WITHRSA",
    "SHA512WITHRSA",
    "SHA256WITHRSA_PSS",
    "SHA384WITHRSA_PSS",
    "SHA512WITHRSA_PSS",
    "SM3WITHSM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
];

/// The key of a CA, by AWS's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    #[value(name = "EC_prime256v1")]
    #[serde(rename = "EC_prime256v1")]
    EcPrime256v1,
    /// RSA with 2048 bits.
    #[value(name = "RSA_2048")]
    #[serde(rename = "RSA_2048")]
    Rsa2048,
}

impl KeyAlgorithm {
    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcPrime256v1 => "EC_prime256v1",
            Self::Rsa2048 => "RSA_2048",
        }
    }

    /// The algorithm that the CA's own configuration names.
    pub fn default_signing(self) -> &'static str {
        match self {
            Self::EcPrime256v1 => "SHA256WITHECDSA",
            Self::Rsa2048 => "SHA256WITHRSA",
        }
    }

    /// The signer for `name` with a key of this kind.
    ///
    /// # Errors
    /// `ValidationException` for a name that AWS does not know; `InvalidArgsException` for another family, with the
    /// text of <https://github.com/cert-manager/aws-privateca-issuer/issues/22>; `NotSimulatedException` for members
    /// of the right family that the signer at hand lacks (ECDSA P-256 with SHA-384 or SHA-512, RSA-PSS).
    pub fn signer(self, name: &str) -> Result<&'static SignatureAlgorithm, AwsError> {
        if !KNOWN.contains(&name) {
            let rule = format!("Member must satisfy enum value set: [{}]", KNOWN.join(", "));
            return Err(AwsError::constraint("signingAlgorithm", name, &rule));
        }
        match (self, name) {
            (Self::EcPrime256v1, "SHA256WITHECDSA") => Ok(&PKCS_ECDSA_P256_SHA256),
            (Self::Rsa2048, "SHA256WITHRSA") => Ok(&PKCS_RSA_SHA256),
            (Self::Rsa2048, "SHA384WITHRSA") => Ok(&PKCS_RSA_SHA384),
            (Self::Rsa2048, "SHA512WITHRSA") => Ok(&PKCS_RSA_SHA512),
            (Self::EcPrime256v1, _) if name.ends_with("WITHECDSA") => Err(not_simulated(name)),
            (Self::Rsa2048, _) if name.ends_with("WITHRSA_PSS") => Err(not_simulated(name)),
            (Self::EcPrime256v1 | Self::Rsa2048, _) => Err(self.mismatch(name)),
        }
    }

    fn mismatch(self, name: &str) -> AwsError {
        let family = match self {
            Self::EcPrime256v1 => "SHA256WITHECDSA, SHA384WITHECDSA, SHA512WITHECDSA",
            Self::Rsa2048 => "SHA256WITHRSA, SHA384WITHRSA, SHA512WITHRSA",
        };
        let key = self.as_str();
        let text = format!(
            "Signing algorithm {name} cannot be used with key type {key}. Valid signing algorithms are: {family}."
        );
        AwsError::new(Code::InvalidArgs, text)
    }
}

fn not_simulated(name: &str) -> AwsError {
    AwsError::new(Code::NotSimulated, format!("AWS signs with {name}, this stand-in does not."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_follows_the_ca_key() {
        use KeyAlgorithm::{EcPrime256v1, Rsa2048};
        for (key, name, outcome) in [
            (EcPrime256v1, "SHA256WITHECDSA", "ok"),
            (EcPrime256v1, "SHA384WITHECDSA", "NotSimulatedException"),
            (EcPrime256v1, "SHA256WITHRSA", "InvalidArgsException"),
            (EcPrime256v1, "ML_DSA_44", "InvalidArgsException"),
            (Rsa2048, "SHA256WITHRSA", "ok"),
            (Rsa2048, "SHA384WITHRSA", "ok"),
            (Rsa2048, "SHA512WITHRSA", "ok"),
            (Rsa2048, "SHA256WITHRSA_PSS", "NotSimulatedException"),
            (Rsa2048, "SHA384WITHECDSA", "InvalidArgsException"),
            (Rsa2048, "MD5", "ValidationException"),
        ] {
            let answer = key.signer(name);
            assert_eq!(answer.as_ref().map_or_else(AwsError::kind, |_| "ok"), outcome, "{key:?} {name}");
        }
    }

    #[test]
    fn a_mismatch_speaks_as_aws_does() {
        let refusal = KeyAlgorithm::Rsa2048.signer("SHA384WITHECDSA").unwrap_err();
        assert_eq!(
            refusal.message(),
            "Signing algorithm SHA384WITHECDSA cannot be used with key type RSA_2048. \
             Valid signing algorithms are: SHA256WITHRSA, SHA384WITHRSA, SHA512WITHRSA."
        );
    }
}
