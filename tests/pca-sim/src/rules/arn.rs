//! Which ARNs are ours to answer for: CA ARNs and certificate ARNs of one account and Region.
//!
//! The forms are those of `CertificateAuthorityArn` and `CertificateArn` in
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/API_GetCertificate.html>.

use std::fmt;

use crate::error::{AwsError, Code};

/// A CA's ARN: `arn:<partition>:acm-pca:<region>:<account>:certificate-authority/<id>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CaArn {
    partition: String,
    region: String,
    account: String,
    id: String,
}

impl CaArn {
    /// The ARN of the CA `id` (a UUID at AWS); the partition follows from the Region.
    pub fn new(region: &str, account: &str, id: &str) -> Self {
        Self {
            partition: partition_of(region).to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            id: id.to_owned(),
        }
    }

    /// Reads a CA ARN.
    ///
    /// # Errors
    /// `InvalidArnException: Not a valid arn.` for another service, another resource or no ARN at all; the text
    /// is AWS's own, seen in <https://github.com/hashicorp/terraform-provider-aws/issues/45137>.
    pub fn parse(text: &str) -> Result<Self, AwsError> {
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "acm-pca", region, account, resource] => {
                let id = resource.strip_prefix("certificate-authority/").filter(|id| is_id(id));
                let sane = !region.is_empty()
                    && account.len() == 12
                    && account.bytes().all(|digit| digit.is_ascii_digit())
                    && *partition == partition_of(region);
                id.filter(|_| sane).map(|id| Self::new(region, account, id)).ok_or_else(invalid)
            }
            _ => Err(invalid()),
        }
    }

    /// `aws`, `aws-us-gov` or `aws-cn`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The Region, such as `eu-central-1`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account that owns the CA, twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The ARN of a certificate of this CA; it ends in the serial number in hex, as at AWS.
    pub fn certificate(&self, serial_hex: &str) -> String {
        format!("{self}/certificate/{serial_hex}")
    }
}

impl fmt::Display for CaArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, id } = self;
        write!(f, "arn:{partition}:acm-pca:{region}:{account}:certificate-authority/{id}")
    }
}

/// Checks that `certificate_arn` names a certificate of `ca`.
///
/// # Errors
/// `InvalidArnException` when it is no certificate ARN or one of another CA.
pub fn check_certificate_arn(certificate_arn: &str, ca: &CaArn) -> Result<(), AwsError> {
    let serial =
        certificate_arn.strip_prefix(&ca.to_string()).and_then(|rest| rest.strip_prefix("/certificate/"));
    serial.filter(|serial| is_id(serial)).map(drop).ok_or_else(invalid)
}

/// The partition that holds `region`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
pub fn partition_of(region: &str) -> &'static str {
    if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else if region.starts_with("cn-") {
        "aws-cn"
    } else {
        "aws"
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn invalid() -> AwsError {
    AwsError::new(Code::InvalidArn, "Not a valid arn.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333";

    #[test]
    fn a_ca_arn_survives_the_round_trip() {
        for arn in [
            CA,
            "arn:aws-us-gov:acm-pca:us-gov-west-1:123456789012:certificate-authority/a",
            "arn:aws-cn:acm-pca:cn-north-1:123456789012:certificate-authority/a",
        ] {
            assert_eq!(CaArn::parse(arn).unwrap().to_string(), arn);
        }
    }

    #[test]
    fn foreign_arns_are_invalid() {
        for arn in [
            "",
            "not an arn",
            "arn:aws:acm:eu-central-1:123456789012:certificate/11111111",
            "arn:aws:acm-pca:eu-central-1:123456789012:template/a",
            "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/",
            "arn:aws:acm-pca:eu-central-1:12:certificate-authority/a",
            "arn:aws:acm-pca::123456789012:certificate-authority/a",
            "arn:aws-cn:acm-pca:eu-central-1:123456789012:certificate-authority/a",
            "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/a/certificate/b",
        ] {
            assert_eq!(CaArn::parse(arn).unwrap_err(), invalid(), "{arn}");
        }
    }

    #[test]
    fn a_certificate_arn_belongs_to_its_ca() {
        let ca = CaArn::parse(CA).unwrap();
        assert!(check_certificate_arn(&ca.certificate("0af1"), &ca).is_ok());
        for arn in
            [CA.to_owned(), format!("{CA}9/certificate/0af1"), ca.certificate(""), ca.certificate("a/b")]
        {
            assert_eq!(check_certificate_arn(&arn, &ca), Err(invalid()), "{arn}");
        }
    }
}
