//! The parent of an intermediate: a CA of AWS Private CA, asked with a person's credentials. Only `sallyport ca intermediate`
//! comes here; the running agent's role has no right to what is asked here.

use std::sync::Arc;

use aws_sdk_acmpca::{
    primitives::Blob,
    types::{ApiPassthrough, CustomExtension, Extensions},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sallyport_process::report;

use super::{
    Described, Fetched, IssueError,
    aws_client::{Access, Clients},
    aws_error::classed,
    aws_pca::{Arn, AwsPca, absolute, empty, signing_algorithm},
    governor::{gate::Governor, rates::Rates},
    template,
};
use crate::{
    intermediate::{
        asked::{Asked, TEMPLATE},
        parent::{Looked, Parent},
    },
    metrics::GovernorMetrics,
};

/// <https://datatracker.ietf.org/doc/html/rfc5280#section-4.2.1.10>.
const NAME_CONSTRAINTS: &str = "2.5.29.30";

/// A parent.
pub struct AwsParent {
    clients: Arc<Clients>,
    arn: Arn,
    caller: String,
    pca: AwsPca,
}

impl AwsParent {
    /// The CA with this ARN, asked by the account `caller`.
    #[must_use]
    pub fn new(clients: Arc<Clients>, arn: Arn, caller: String) -> Self {
        // A person asks once: the pace is nobody's concern, and the gate the same for every call.
        let rates = Rates::default();
        let governor = Arc::new(Governor::new(rates, arn.account.clone(), GovernorMetrics::default()));
        let pca = AwsPca::new(Arc::clone(&clients), arn.clone(), None, None, governor);
        Self { clients, arn, caller, pca }
    }
}

impl Parent for AwsParent {
    fn arn(&self) -> &str {
        &self.arn.text
    }

    async fn look(&self) -> Result<Looked, IssueError> {
        let described = self.pca.describe_now().await?;
        Ok(Looked { described, owner: self.arn.account.clone(), caller: self.caller.clone() })
    }

    async fn issue(&self, asked: &Asked, described: &Described) -> Result<String, IssueError> {
        let refused = |error: aws_sdk_acmpca::error::BuildError| IssueError::Refused(error.to_string());
        let constraints = CustomExtension::builder()
            .object_identifier(NAME_CONSTRAINTS)
            .critical(true)
            .value(STANDARD.encode(&asked.constraints))
            .build()
            .map_err(refused)?;
        let extensions = Extensions::builder().custom_extensions(constraints).build();
        let client = self.clients.get(&own(&self.arn.region)).await;
        let call = client
            .map_err(|error| IssueError::Unavailable(report::chain(&error)))?
            .issue_certificate()
            .certificate_authority_arn(&self.arn.text)
            .csr(Blob::new(asked.csr.as_bytes()))
            .signing_algorithm(signing_algorithm(&described.key_algorithm)?)
            .template_arn(template::arn(&self.arn.partition, TEMPLATE))
            .api_passthrough(ApiPassthrough::builder().extensions(extensions).build())
            .validity(absolute(asked.not_after)?)
            .validity_not_before(absolute(asked.not_before)?)
            .idempotency_token(&asked.token);
        let answer = call.send().await.map_err(|error| classed("IssueCertificate", &error))?;
        answer.certificate_arn.filter(|arn| !arn.is_empty()).ok_or_else(|| empty("IssueCertificate"))
    }

    async fn fetch(&self, certificate: &str) -> Result<Fetched, IssueError> {
        self.pca.fetch_now(certificate).await
    }
}

/// The account whose credentials are at hand. It takes no right to ask:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
///
/// # Errors
/// There are no credentials, or AWS cannot be asked.
pub async fn caller(clients: &Clients, region: &str) -> Result<String, IssueError> {
    let settings = clients.settings(&own(region)).await;
    let settings = settings.map_err(|error| IssueError::Unavailable(report::chain(&error)))?;
    let answer = aws_sdk_sts::Client::new(&settings).get_caller_identity().send().await;
    let answer = answer.map_err(|error| classed("GetCallerIdentity", &error))?;
    answer.account.filter(|account| !account.is_empty()).ok_or_else(|| empty("GetCallerIdentity"))
}

/// A person's own credentials: the role of a parent is the agent's, and must not have the right to this.
fn own(region: &str) -> Access {
    Access { region: region.to_owned(), role: None }
}
