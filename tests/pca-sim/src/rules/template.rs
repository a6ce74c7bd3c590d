//! Which certificate template a request chose, and which usages it gives.
//!
//! Tables: <https://docs.aws.amazon.com/privateca/latest/userguide/template-definitions.html>. The base templates
//! copy subject and SANs from the CSR, set the rest themselves and drop every other extension of the CSR. An
//! `_APIPassthrough` template adds what comes beside the CSR and is not the template's own.

use rcgen::{
    ExtendedKeyUsagePurpose::{self, ClientAuth, ServerAuth},
    KeyUsagePurpose,
};

use super::arn::CaArn;
use crate::error::{AwsError, Code};

/// The templates that the stand-in knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Template {
    /// `EndEntityCertificate/V1`: server and client. The default.
    EndEntity,
    /// `EndEntityServerAuthCertificate/V1`.
    ServerAuth,
    /// `EndEntityClientAuthCertificate/V1`.
    ClientAuth,
    /// `SubordinateCACertificate_PathLen0/V1`: a CA with none below it.
    Subordinate,
}

/// Templates that AWS has and the stand-in does not: a prefix of the name is enough to tell.
const ONLY_AT_AWS: [&str; 7] = [
    "BlankEndEntityCertificate_",
    "BlankRootCACertificate_",
    "BlankSubordinateCACertificate_",
    "CodeSigningCertificate",
    "OCSPSigningCertificate",
    "RootCACertificate",
    "SubordinateCACertificate_",
];

impl Template {
    /// Reads `TemplateArn`, `arn:<partition>:acm-pca:::template/<name>/V1`; `None` means the default.
    ///
    /// # Errors
    /// `InvalidArnException` when it is no template ARN of the CA's partition, `InvalidArgsException` for a name that
    /// AWS does not have ("invalid parameters",
    /// <https://docs.aws.amazon.com/privateca/latest/userguide/PCATsExceptions.html>; which of its errors AWS chooses
    /// is not documented), `NotSimulatedException` for one that only AWS has.
    pub fn parse(arn: Option<&str>, ca: &CaArn) -> Result<Self, AwsError> {
        let Some(arn) = arn else { return Ok(Self::EndEntity) };
        let prefix = format!("arn:{}:acm-pca:::template/", ca.partition());
        let name =
            arn.strip_prefix(&prefix).ok_or_else(|| AwsError::new(Code::InvalidArn, "Not a valid arn."))?;
        match name {
            "EndEntityCertificate/V1" | "EndEntityCertificate_APIPassthrough/V1" => Ok(Self::EndEntity),
            "EndEntityServerAuthCertificate/V1" | "EndEntityServerAuthCertificate_APIPassthrough/V1" => {
                Ok(Self::ServerAuth)
            }
            "EndEntityClientAuthCertificate/V1" | "EndEntityClientAuthCertificate_APIPassthrough/V1" => {
                Ok(Self::ClientAuth)
            }
            "SubordinateCACertificate_PathLen0/V1"
            | "SubordinateCACertificate_PathLen0_APIPassthrough/V1" => Ok(Self::Subordinate),
            _ if only_at_aws(name) => Err(AwsError::new(
                Code::NotSimulated,
                format!("AWS has the template {name}, this stand-in does not."),
            )),
            _ => Err(AwsError::new(Code::InvalidArgs, format!("Template {arn} is not a valid template."))),
        }
    }

    /// Whether what it signs is a CA: basic constraints critical, `CA:TRUE`, `pathlen: 0`.
    pub fn is_ca(self) -> bool {
        self == Self::Subordinate
    }

    /// Whether a template takes values from `ApiPassthrough`, before those of the CSR; others ignore it
    /// (<https://docs.aws.amazon.com/privateca/latest/userguide/template-order-of-operations.html>).
    pub fn takes_api_values(arn: Option<&str>) -> bool {
        arn.is_some_and(|arn| arn.ends_with("_APIPassthrough/V1"))
    }

    /// `digitalSignature` and `keyEncipherment`, or those of a CA, critical; the same for every key type.
    pub fn key_usages(self) -> Vec<KeyUsagePurpose> {
        match self {
            Self::EndEntity | Self::ServerAuth | Self::ClientAuth => {
                vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment]
            }
            Self::Subordinate => {
                vec![
                    KeyUsagePurpose::DigitalSignature,
                    KeyUsagePurpose::KeyCertSign,
                    KeyUsagePurpose::CrlSign,
                ]
            }
        }
    }

    /// The extended key usages, not critical.
    pub fn extended_key_usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::EndEntity => vec![ServerAuth, ClientAuth],
            Self::ServerAuth => vec![ServerAuth],
            Self::ClientAuth => vec![ClientAuth],
            Self::Subordinate => vec![],
        }
    }
}

fn only_at_aws(name: &str) -> bool {
    let Some(base) = name.strip_suffix("/V1") else { return false };
    let passthrough = base.starts_with("EndEntity") && base.ends_with("Passthrough");
    passthrough || ONLY_AT_AWS.iter().any(|prefix| base.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arn: Option<&str>) -> Result<Template, String> {
        let ca = CaArn::new("eu-central-1", "123456789012", "a");
        Template::parse(arn, &ca).map_err(|refusal| refusal.kind().to_owned())
    }

    #[test]
    fn templates_by_arn() {
        let known = |name: &str| parse(Some(&format!("arn:aws:acm-pca:::template/{name}")));
        assert_eq!(parse(None), Ok(Template::EndEntity));
        for (name, expected) in [
            ("EndEntityCertificate/V1", Ok(Template::EndEntity)),
            ("EndEntityServerAuthCertificate/V1", Ok(Template::ServerAuth)),
            ("EndEntityClientAuthCertificate/V1", Ok(Template::ClientAuth)),
            ("EndEntityServerAuthCertificate/V2", Err("InvalidArgsException")),
            ("MadeUpCertificate/V1", Err("InvalidArgsException")),
            ("EndEntityServerAuthCertificate_APIPassthrough/V1", Ok(Template::ServerAuth)),
            ("EndEntityCertificate_CSRPassthrough/V1", Err("NotSimulatedException")),
            ("BlankEndEntityCertificate_APICSRPassthrough/V1", Err("NotSimulatedException")),
            ("SubordinateCACertificate_PathLen0/V1", Ok(Template::Subordinate)),
            ("SubordinateCACertificate_PathLen0_APIPassthrough/V1", Ok(Template::Subordinate)),
            ("SubordinateCACertificate_PathLen0_CSRPassthrough/V1", Err("NotSimulatedException")),
            ("SubordinateCACertificate_PathLen1/V1", Err("NotSimulatedException")),
        ] {
            assert_eq!(known(name), expected.map_err(str::to_owned), "{name}");
        }
    }

    #[test]
    fn the_partition_must_be_the_cas() {
        let gov = "arn:aws-us-gov:acm-pca:::template/EndEntityCertificate/V1";
        assert_eq!(parse(Some(gov)), Err("InvalidArnException".to_owned()));
        assert_eq!(
            Template::parse(Some(gov), &CaArn::new("us-gov-west-1", "123456789012", "a")),
            Ok(Template::EndEntity)
        );
        assert_eq!(parse(Some("EndEntityCertificate/V1")), Err("InvalidArnException".to_owned()));
    }

    #[test]
    fn usages_follow_the_table() {
        for (template, extended, usages) in [
            (Template::EndEntity, vec![ServerAuth, ClientAuth], 2),
            (Template::ServerAuth, vec![ServerAuth], 2),
            (Template::ClientAuth, vec![ClientAuth], 2),
            (Template::Subordinate, vec![], 3),
        ] {
            assert_eq!(template.extended_key_usages(), extended);
            assert_eq!(template.key_usages().len(), usages);
            assert_eq!(template.is_ca(), usages == 3);
        }
    }
}
