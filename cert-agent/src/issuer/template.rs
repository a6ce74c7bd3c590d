//! Which template of AWS Private CA a request takes: it alone decides what a certificate may be used for, and an IAM
//! policy can hold us to it.
//! <https://docs.aws.amazon.com/privateca/latest/userguide/template-definitions.html>

use sallyport_contract::object::Usage;

/// The template that gives these usages. With `beside` the names go beside the CSR, which has none: only the
/// passthrough form takes them.
#[must_use]
pub fn of(usages: &[Usage], beside: bool) -> &'static str {
    match (usages.contains(&Usage::ServerAuth), usages.contains(&Usage::ClientAuth), beside) {
        (true, true, false) => "EndEntityCertificate/V1",
        (true, true, true) => "EndEntityCertificate_APIPassthrough/V1",
        (false, true, false) => "EndEntityClientAuthCertificate/V1",
        (false, true, true) => "EndEntityClientAuthCertificate_APIPassthrough/V1",
        (true | false, false, false) => "EndEntityServerAuthCertificate/V1",
        (true | false, false, true) => "EndEntityServerAuthCertificate_APIPassthrough/V1",
    }
}

/// Its ARN. A template belongs to the partition of the CA: `aws`, `aws-us-gov`, `aws-cn`.
#[must_use]
pub fn arn(partition: &str, name: &str) -> String {
    format!("arn:{partition}:acm-pca:::template/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_follows_usages_and_partition() {
        let (server, client) = (Usage::ServerAuth, Usage::ClientAuth);
        for (partition, usages, beside, expected) in [
            ("aws", vec![server], false, "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1"),
            ("aws", vec![], false, "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1"),
            (
                "aws-cn",
                vec![client],
                false,
                "arn:aws-cn:acm-pca:::template/EndEntityClientAuthCertificate/V1",
            ),
            (
                "aws-us-gov",
                vec![server, client],
                true,
                "arn:aws-us-gov:acm-pca:::template/EndEntityCertificate_APIPassthrough/V1",
            ),
        ] {
            assert_eq!(arn(partition, of(&usages, beside)), expected);
        }
    }
}
