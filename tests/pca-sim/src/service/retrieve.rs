//! GetCertificate: <https://docs.aws.amazon.com/privateca/latest/APIReference/API_GetCertificate.html>.
//!
//! Issuance is asynchronous: until it is done the answer is `RequestInProgressException`. Revoked and expired
//! certificates are still answered. That a *deleted* CA's are not is known
//! (<https://github.com/hashicorp/terraform-provider-aws/issues/26968>); the stand-in takes the worst case and refuses
//! in every state but `ACTIVE`.

use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{Memory, Service, Tampering, signer_failed};
use crate::{
    authority::Status,
    error::{AwsError, Code},
    ledger::Record,
    rules::arn,
    wrong_leaf::Answer,
};

/// The parameters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    certificate_authority_arn: String,
    certificate_arn: String,
}

/// Answers a certificate and its chain.
pub(super) fn retrieve(
    service: &Service,
    memory: &Memory,
    request: &Request,
    now: OffsetDateTime,
    tampering: Option<Tampering>,
) -> Result<Value, AwsError> {
    let ca_arn = service.ca_arn(&request.certificate_authority_arn)?;
    arn::check_certificate_arn(&request.certificate_arn, &ca_arn)?;
    let ca = memory.authority(&ca_arn)?;
    if ca.status_at(now) != Status::Active {
        let text = format!(
            "The certificate authority {ca_arn} is not in the correct state to have issued certificates."
        );
        return Err(AwsError::new(Code::InvalidState, text));
    }
    let record = memory
        .ledger
        .get(&request.certificate_arn)
        .ok_or_else(|| AwsError::new(Code::ResourceNotFound, "Could not find the certificate."))?;
    check_done(record, &request.certificate_arn, now, tampering)?;
    match tampering {
        Some(Tampering::Wrong(kind)) => {
            let wrong = kind.answer(&record.leaf, &record.answer, ca, now);
            wrong.map(answer).map_err(|error| signer_failed(&error))
        }
        Some(Tampering::InProgress | Tampering::LateFailure) | None => Ok(answer(record.answer.clone())),
    }
}

/// What is planted for this answer strikes it, also when there would be nothing to show yet.
fn check_done(
    record: &Record,
    arn: &str,
    now: OffsetDateTime,
    tampering: Option<Tampering>,
) -> Result<(), AwsError> {
    let ready = record.ready_at.is_some_and(|at| at <= now);
    let in_progress = tampering.map_or(!ready, |tampering| tampering == Tampering::InProgress);
    if in_progress {
        let text = format!("The request to issue certificate {arn} is in progress.");
        return Err(AwsError::new(Code::RequestInProgress, text));
    }
    if record.failed || tampering == Some(Tampering::LateFailure) {
        // As https://github.com/linkerd/linkerd2/issues/2622 met it.
        return Err(AwsError::new(
            Code::RequestFailed,
            format!("The certificate {arn} is in a failed state"),
        ));
    }
    Ok(())
}

fn answer(answer: Answer) -> Value {
    let members = [("Certificate", answer.certificate), ("CertificateChain", answer.chain)];
    let present = members.into_iter().filter_map(|(name, pem)| Some((name.to_owned(), Value::String(pem?))));
    Value::Object(present.collect::<Map<_, _>>())
}
