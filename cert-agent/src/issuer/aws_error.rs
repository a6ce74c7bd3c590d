//! What an error of AWS means to us: a class for each code, and whether the credentials were at fault.

use aws_sdk_acmpca::error::{ProvideErrorMetadata, SdkError};
use sallyport_process::report;

use super::IssueError;

/// The class of an error that a call ended with.
pub(super) fn classed<E>(call: &str, error: &SdkError<E>) -> IssueError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    match error.code() {
        Some(code) => {
            by_code(code, status, format!("{call}: {code}: {}", error.message().unwrap_or("no text")))
        }
        None if status == Some(429) => IssueError::Throttled(format!("{call}: HTTP 429")),
        None => IssueError::Unavailable(format!("{call}: {}", report::chain(error))),
    }
}

/// Whether AWS says that the credentials are no longer good, whatever their own end says.
pub(super) fn of_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredTokenException" | "ExpiredToken" | "UnrecognizedClientException" | "InvalidClientTokenId"
    )
}

/// <https://docs.aws.amazon.com/privateca/latest/userguide/PCATsExceptions.html> and the common errors of
/// every AWS service. What nobody knows is tried again: no error is final that the request did not cause.
fn by_code(code: &str, status: Option<u16>, text: String) -> IssueError {
    match code {
        "ThrottlingException" | "Throttling" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            IssueError::Throttled(text)
        }
        "MalformedCSRException" | "InvalidArgsException" | "InvalidParameterException" | "ValidationException"
        | "InvalidRequestException"
        // The SDK takes this for a throttle; it is the CA's lifetime quota.
        | "LimitExceededException" => IssueError::Refused(text),
        "RequestFailedException" => IssueError::Failed(text),
        "InvalidStateException" => IssueError::NotActive(text),
        "ResourceNotFoundException" | "InvalidArnException" => IssueError::NotFound(text),
        _ if of_credentials(code) => IssueError::Denied(text),
        "AccessDeniedException" | "AccessDenied" | "InvalidSignatureException" | "NotAuthorized"
        | "MissingAuthenticationToken" | "IncompleteSignature" | "OptInRequired" => IssueError::Denied(text),
        _ if status == Some(429) => IssueError::Throttled(text),
        _ => IssueError::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_class() {
        let text = || "t".to_owned();
        for (code, status, class) in [
            ("ThrottlingException", Some(400), IssueError::Throttled(text())),
            ("Unheard", Some(429), IssueError::Throttled(text())),
            ("LimitExceededException", Some(400), IssueError::Refused(text())),
            ("MalformedCSRException", Some(400), IssueError::Refused(text())),
            ("RequestFailedException", Some(400), IssueError::Failed(text())),
            ("InvalidStateException", Some(400), IssueError::NotActive(text())),
            ("ResourceNotFoundException", Some(400), IssueError::NotFound(text())),
            ("AccessDeniedException", Some(400), IssueError::Denied(text())),
            ("ServiceUnavailable", Some(400), IssueError::Unavailable(text())),
            ("InternalFailure", Some(500), IssueError::Unavailable(text())),
        ] {
            assert_eq!(by_code(code, status, text()), class, "{code}");
        }
    }
}
