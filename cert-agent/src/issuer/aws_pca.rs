//! AWS Private CA behind the port.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_sdk_acmpca::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::Blob,
    types::{
        ApiPassthrough, CertificateAuthorityStatus, Extensions, GeneralName, RevocationReason as AwsReason,
        SigningAlgorithm, Validity, ValidityPeriodType,
    },
};
use futures::future::{BoxFuture, FutureExt as _};
use jiff::Timestamp;
use sallyport_contract::{
    DnsName,
    object::{RevocationReason, Usage},
};
use sallyport_process::report;

use super::{
    Call, Caller, Class, Described, Fetched, IssueError, Issuer, Turn,
    aws_client::{Access, Clients, Role},
    aws_error,
    governor::gate::Governor,
    template,
};
use crate::{chain, pod::stub::Stub, request::Request};

/// One CA of AWS Private CA.
pub struct AwsPca {
    clients: Arc<Clients>,
    access: Access,
    /// AWS has said that the credentials are no longer good.
    stale: AtomicBool,
    arn: Arn,
    allowed: Option<Vec<String>>,
    governor: Arc<Governor>,
}

/// A CA's ARN, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    /// All of it.
    pub text: String,
    /// `aws`, `aws-us-gov`, `aws-cn`.
    pub partition: String,
    /// The Region.
    pub region: String,
    /// The account.
    pub account: String,
}

impl Arn {
    /// Takes an ARN apart.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", partition, "acm-pca", region, account, resource]
                if resource.starts_with("certificate-authority/") && !region.is_empty() =>
            {
                Some(Self {
                    text: text.to_owned(),
                    partition: (*partition).to_owned(),
                    region: (*region).to_owned(),
                    account: (*account).to_owned(),
                })
            }
            _ => None,
        }
    }
}

impl AwsPca {
    /// A CA, asked in its own Region and under `role` if there is one; `allowed` limits the templates.
    #[must_use]
    pub fn new(
        clients: Arc<Clients>,
        arn: Arn,
        role: Option<Role>,
        allowed: Option<Vec<String>>,
        governor: Arc<Governor>,
    ) -> Self {
        let access = Access { region: arn.region.clone(), role };
        Self { clients, access, stale: AtomicBool::new(false), arn, allowed, governor }
    }

    /// The client, with new credentials if AWS has refused the last ones.
    async fn client(&self) -> Result<Client, IssueError> {
        if self.stale.swap(false, Ordering::Relaxed) {
            self.clients.forget(&self.access).await;
        }
        let client = self.clients.get(&self.access).await;
        client.map_err(|error| IssueError::Unavailable(report::chain(&error)))
    }

    /// The class of an error; one of the credentials is kept in mind.
    fn classed<E>(&self, call: &str, error: &SdkError<E>) -> IssueError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if error.code().is_some_and(aws_error::of_credentials) {
            self.stale.store(true, Ordering::Relaxed);
        }
        aws_error::classed(call, error)
    }

    /// The template that gives these usages, always named, so that an IAM policy can demand it.
    fn template(&self, usages: &[Usage], beside: bool) -> Result<String, IssueError> {
        let name = template::of(usages, beside);
        match &self.allowed {
            Some(allowed) if !allowed.iter().any(|allowed| allowed == name) => {
                Err(IssueError::Refused(format!(
                    "the policy's usages need the template {name}, and the CertificateAuthority allows {}",
                    allowed.join(", ")
                )))
            }
            Some(_) | None => Ok(template::arn(&self.arn.partition, name)),
        }
    }

    /// One wire attempt of a call, for a caller: it takes a token, and its answer is heeded.
    async fn wire<T>(
        &self,
        call: Call,
        caller: &Caller,
        attempt: impl Future<Output = Result<T, IssueError>>,
    ) -> Result<T, IssueError> {
        let _permit = self.governor.pass(call, caller).await?;
        self.governor.heed(call, attempt.await)
    }

    /// What everybody waits for.
    fn everybody(&self) -> Caller {
        let since = Timestamp::UNIX_EPOCH;
        Caller { class: Class::Expiring, namespace: String::new(), name: self.arn.text.clone(), since }
    }

    pub(super) async fn describe_now(&self) -> Result<Described, IssueError> {
        let attempt = async {
            let call = self.client().await?.describe_certificate_authority();
            let answer = call.certificate_authority_arn(&self.arn.text).send().await;
            answer.map_err(|error| self.classed("DescribeCertificateAuthority", &error))
        };
        let ca = self
            .wire(Call::Describe, &self.everybody(), attempt)
            .await?
            .certificate_authority
            .ok_or_else(|| empty("DescribeCertificateAuthority"))?;
        match &ca.status {
            Some(CertificateAuthorityStatus::Active) => {}
            status => {
                let status = status.as_ref().map_or("unknown", CertificateAuthorityStatus::as_str);
                return Err(IssueError::NotActive(format!("the CA's state is {status}, not ACTIVE")));
            }
        }
        let configuration = ca.certificate_authority_configuration.as_ref();
        let key_algorithm = configuration.map(|c| c.key_algorithm.as_str().to_owned()).unwrap_or_default();
        signing_algorithm(&key_algorithm)?;
        let usage_mode = ca.usage_mode.as_ref().map_or("GENERAL_PURPOSE", |mode| mode.as_str()).to_owned();
        let not_after = ca.not_after.and_then(|time| Timestamp::from_second(time.secs()).ok());
        let not_after = not_after.ok_or_else(|| empty("DescribeCertificateAuthority"))?;
        let path = self.path().await?;
        // https://docs.aws.amazon.com/privateca/latest/userguide/short-lived-certificates.html
        let longest = (usage_mode == "SHORT_LIVED_CERTIFICATE").then_some(7 * 24 * 3600);
        Ok(Described { key_algorithm, usage_mode, not_after, longest, path, permitted: Vec::new() })
    }

    async fn path(&self) -> Result<Vec<Vec<u8>>, IssueError> {
        const CALL: &str = "GetCertificateAuthorityCertificate";
        let attempt = async {
            let call = self.client().await?.get_certificate_authority_certificate();
            let answer = call.certificate_authority_arn(&self.arn.text).send().await;
            answer.map_err(|error| self.classed(CALL, &error))
        };
        let answer = self.wire(Call::Describe, &self.everybody(), attempt).await?;
        let own = answer.certificate.ok_or_else(|| empty(CALL))?;
        let unreadable = |error| IssueError::Unavailable(format!("{CALL}: {error}"));
        let mut path = chain::read("the CA's certificate", &own).map_err(unreadable)?;
        if let Some(parents) = answer.certificate_chain.filter(|chain| !chain.trim().is_empty()) {
            path.extend(chain::read("the CA's chain", &parents).map_err(unreadable)?);
        }
        Ok(path)
    }

    async fn issue_now(
        &self,
        caller: &Caller,
        request: &Request,
        described: &Described,
    ) -> Result<String, IssueError> {
        let names = names_beside(request);
        let template = self.template(&request.usages, names.is_some())?;
        let algorithm = signing_algorithm(&described.key_algorithm)?;
        let call = self
            .client()
            .await?
            .issue_certificate()
            .certificate_authority_arn(&self.arn.text)
            .csr(Blob::new(request.csr.as_bytes()))
            .signing_algorithm(algorithm)
            .template_arn(template)
            .set_api_passthrough(names)
            .validity(absolute(request.not_after)?)
            .validity_not_before(absolute(request.not_before)?)
            .idempotency_token(&request.token);
        let attempt = async { call.send().await.map_err(|error| self.classed("IssueCertificate", &error)) };
        let answer = self.wire(Call::Issue, caller, attempt).await?;
        answer.certificate_arn.filter(|arn| !arn.is_empty()).ok_or_else(|| empty("IssueCertificate"))
    }

    pub(super) async fn fetch_now(&self, ticket: &str) -> Result<Fetched, IssueError> {
        let call = self.client().await?.get_certificate().certificate_authority_arn(&self.arn.text);
        match call.certificate_arn(ticket).send().await {
            Ok(answer) => {
                let leaf = answer.certificate.filter(|leaf| !leaf.is_empty());
                Ok(Fetched::Ready {
                    leaf: leaf.ok_or_else(|| empty("GetCertificate"))?,
                    chain: answer.certificate_chain,
                })
            }
            Err(error) if error.code() == Some("RequestInProgressException") => Ok(Fetched::Pending),
            Err(error) => Err(self.classed("GetCertificate", &error)),
        }
    }
}

impl Issuer for AwsPca {
    fn id(&self) -> &str {
        &self.arn.text
    }

    fn first_wait(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn keeps_certificates(&self) -> bool {
        true
    }

    fn describe(&self) -> BoxFuture<'_, Result<Described, IssueError>> {
        self.describe_now().boxed()
    }

    fn revoke<'a>(
        &'a self,
        serial: &'a str,
        reason: RevocationReason,
    ) -> BoxFuture<'a, Result<(), IssueError>> {
        let attempt = async move {
            let call = self.client().await?.revoke_certificate().certificate_authority_arn(&self.arn.text);
            match call.certificate_serial(serial).revocation_reason(reason_for(reason)).send().await {
                Ok(_) => Ok(()),
                Err(error) if error.code() == Some("RequestAlreadyProcessedException") => Ok(()),
                Err(error) => Err(self.classed("RevokeCertificate", &error)),
            }
        };
        async move {
            self.wire(Call::Revoke, &Caller { name: serial.to_owned(), ..self.everybody() }, attempt).await
        }
        .boxed()
    }

    fn turn(&self, call: Call, caller: &Caller) -> Turn {
        self.governor.turn(call, caller)
    }

    fn issue<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a Request,
        described: &'a Described,
    ) -> BoxFuture<'a, Result<String, IssueError>> {
        self.issue_now(caller, request, described).boxed()
    }

    fn fetch<'a>(
        &'a self,
        caller: &'a Caller,
        _: &'a Request,
        ticket: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, IssueError>> {
        self.wire(Call::Get, caller, self.fetch_now(ticket)).boxed()
    }
}

/// The names of a request whose CSR is a pod's own, which carries none: nobody but the kubelet could sign another.
/// The template decides everything else:
/// <https://docs.aws.amazon.com/privateca/latest/userguide/template-order-of-operations.html>.
fn names_beside(request: &Request) -> Option<ApiPassthrough> {
    if !Stub::is_one(&request.csr) {
        return None;
    }
    let name = |name: &DnsName| GeneralName::builder().dns_name(name.as_str()).build();
    let names = Some(request.dns_names.iter().map(name).collect());
    let extensions = Extensions::builder().set_subject_alternative_names(names).build();
    Some(ApiPassthrough::builder().extensions(extensions).build())
}

/// The family must be the CA key's:
/// <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>.
pub(super) fn signing_algorithm(key_algorithm: &str) -> Result<SigningAlgorithm, IssueError> {
    match key_algorithm {
        "RSA_2048" | "RSA_3072" | "RSA_4096" => Ok(SigningAlgorithm::Sha256Withrsa),
        "EC_prime256v1" => Ok(SigningAlgorithm::Sha256Withecdsa),
        "EC_secp384r1" => Ok(SigningAlgorithm::Sha384Withecdsa),
        other => Err(IssueError::NotActive(format!(
            "the CA's key algorithm {other} is none that Sallyport can verify; use RSA, P-256 or P-384"
        ))),
    }
}

const fn reason_for(reason: RevocationReason) -> AwsReason {
    match reason {
        RevocationReason::Unspecified => AwsReason::Unspecified,
        RevocationReason::KeyCompromise => AwsReason::KeyCompromise,
        RevocationReason::AffiliationChanged => AwsReason::AffiliationChanged,
        RevocationReason::Superseded => AwsReason::Superseded,
        RevocationReason::CessationOfOperation => AwsReason::CessationOfOperation,
        RevocationReason::PrivilegeWithdrawn => AwsReason::PrivilegeWithdrawn,
    }
}

/// Hours-long certificates exist only with an absolute end.
pub(super) fn absolute(time: Timestamp) -> Result<Validity, IssueError> {
    Validity::builder()
        .r#type(ValidityPeriodType::Absolute)
        .value(time.as_second())
        .build()
        .map_err(|error| IssueError::Refused(error.to_string()))
}

pub(super) fn empty(call: &str) -> IssueError {
    IssueError::Unavailable(format!("{call}: AWS answered without what was asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_arn() {
        let arn =
            Arn::read("arn:aws-us-gov:acm-pca:us-gov-west-1:123456789012:certificate-authority/1").unwrap();
        assert_eq!((arn.partition.as_str(), arn.region.as_str()), ("aws-us-gov", "us-gov-west-1"));
        assert_eq!(arn.account, "123456789012");
        for text in
            ["", "arn:aws:acm:eu-central-1:1:certificate/1", "arn:aws:acm-pca::1:certificate-authority/1"]
        {
            assert_eq!(Arn::read(text), None, "{text}");
        }
    }
}
