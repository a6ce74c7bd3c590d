//! IssueCertificate: <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{IssueDelay, Memory, Service, Tampering, signer_failed};
use crate::{
    authority::{Authority, Status, random_serial},
    error::{AwsError, Code},
    leaf::{IsCa, Leaf},
    ledger::Record,
    rules::{
        arn::CaArn,
        constraints::Constraints,
        csr,
        san::San,
        template::Template,
        token,
        validity::{self, Bounds, Validity},
    },
    wrong_leaf::Answer,
};

/// The parameters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    certificate_authority_arn: String,
    csr: String,
    signing_algorithm: String,
    template_arn: Option<String>,
    validity: Validity,
    validity_not_before: Option<Validity>,
    idempotency_token: Option<String>,
    api_passthrough: Option<ApiPassthrough>,
}

/// What the API gives to a passthrough template: here only DNS names, and name constraints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ApiPassthrough {
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Extensions {
    #[serde(default)]
    subject_alternative_names: Vec<DnsOnly>,
    #[serde(default)]
    custom_extensions: Vec<CustomExtension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CustomExtension {
    object_identifier: String,
    value: String,
    #[serde(default)]
    critical: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DnsOnly {
    dns_name: String,
}

/// The names that come beside the CSR; ignored without a passthrough template, as AWS does.
fn names_beside(request: &Request) -> Option<San> {
    let extensions = request.api_passthrough.as_ref().and_then(|given| given.extensions.as_ref());
    let names =
        extensions.map(|given| given.subject_alternative_names.iter().map(|name| name.dns_name.clone()));
    let names: Vec<String> = names.into_iter().flatten().collect();
    (Template::takes_api_values(request.template_arn.as_deref()) && !names.is_empty())
        .then(|| San::of_dns(&names))
}

/// The name constraints that come beside the CSR; ignored without a passthrough template, as AWS does.
fn constraints_beside(request: &Request) -> Result<Option<Constraints>, AwsError> {
    if !Template::takes_api_values(request.template_arn.as_deref()) {
        return Ok(None);
    }
    let extensions = request.api_passthrough.as_ref().and_then(|given| given.extensions.as_ref());
    let mut given = extensions.iter().flat_map(|given| &given.custom_extensions);
    let read = |one: &CustomExtension| Constraints::read(&one.object_identifier, &one.value, one.critical);
    let first = given.next().map(read).transpose()?;
    match given.next() {
        None => Ok(first),
        Some(_) => {
            Err(AwsError::new(Code::NotSimulated, "AWS takes several custom extensions, this stand-in one."))
        }
    }
}

/// Issues a certificate, or finds the one that this token stands for.
pub(super) fn issue(
    service: &Service,
    memory: &mut Memory,
    request: &Request,
    now: OffsetDateTime,
    tampering: Option<Tampering>,
) -> Result<Value, AwsError> {
    let token = request.idempotency_token.as_deref();
    token.map_or(Ok(()), token::check)?;
    let ca_arn = service.ca_arn(&request.certificate_authority_arn)?;
    let ca = memory.authority(&ca_arn)?;
    check_active(ca, now)?;
    if let Some(known) = token.and_then(|token| memory.tokens.find(&ca_arn, token, now)) {
        return Ok(json!({"CertificateArn": known}));
    }
    let leaf = judge(request, ca, &ca_arn, now)?;
    check_limit(ca, memory.ledger.issued_by(&ca_arn))?;
    let answer = Answer::right(&leaf, ca)
        .and_then(|right| match tampering {
            Some(Tampering::Wrong(kind)) => kind.answer(&leaf, &right, ca, now),
            Some(Tampering::InProgress | Tampering::LateFailure) | None => Ok(right),
        })
        .map_err(|error| signer_failed(&error))?;
    let arn = ca_arn.certificate(&leaf.serial_hex());
    let record = Record {
        ca: ca_arn.clone(),
        leaf,
        answer,
        ready_at: (tampering != Some(Tampering::InProgress)).then(|| now + drawn(memory.issue_delay)),
        failed: tampering == Some(Tampering::LateFailure),
        revoked: false,
        token: token.map(str::to_owned),
    };
    memory.ledger.add(&arn, record);
    memory.counters.issued(token);
    if let Some(token) = token {
        memory.tokens.remember(&ca_arn, token, &arn, now);
    }
    Ok(json!({"CertificateArn": arn}))
}

/// Everything that AWS checks before it signs.
fn judge(request: &Request, ca: &Authority, ca_arn: &CaArn, now: OffsetDateTime) -> Result<Leaf, AwsError> {
    let template = Template::parse(request.template_arn.as_deref(), ca_arn)?;
    let algorithm = ca.key_algorithm.signer(&request.signing_algorithm)?;
    let bounds = Bounds { now, ca_not_after: ca.not_after, usage_mode: ca.usage_mode };
    let window = validity::window(&request.validity, request.validity_not_before.as_ref(), &bounds)?;
    let pem = STANDARD
        .decode(&request.csr)
        .map_err(|_| AwsError::new(Code::Serialization, "Csr is not base64."))?;
    Ok(Leaf {
        csr: csr::read(&pem, names_beside(request))?,
        is_ca: if template.is_ca() { IsCa::PathLen0 } else { IsCa::No },
        constraints: constraints_beside(request)?,
        key_usages: template.key_usages(),
        extended_key_usages: template.extended_key_usages(),
        window,
        serial: random_serial(),
        algorithm,
    })
}

/// Only an active CA issues: <https://docs.aws.amazon.com/privateca/latest/userguide/PcaUpdateStatus.html>. The text is
/// AWS's: <https://github.com/hashicorp/terraform-provider-aws/issues/37592>.
fn check_active(ca: &Authority, now: OffsetDateTime) -> Result<(), AwsError> {
    if ca.status_at(now) == Status::Active {
        return Ok(());
    }
    let text = "The certificate authority is not in a valid state for issuing certificates";
    Err(AwsError::new(Code::InvalidState, text))
}

/// A CA issues so many certificates in its life, and then never again; what it issued before stays readable
/// (<https://docs.aws.amazon.com/general/latest/gr/pca.html>).
fn check_limit(ca: &Authority, issued: usize) -> Result<(), AwsError> {
    if ca.lifetime_limit.is_none_or(|limit| issued < limit) {
        return Ok(());
    }
    Err(AwsError::new(
        Code::LimitExceeded,
        "A certificate authority quota has been exceeded: certificates issued",
    ))
}

fn drawn(delay: IssueDelay) -> std::time::Duration {
    delay.base + delay.jitter.mul_f64(rand::random::<f64>())
}
