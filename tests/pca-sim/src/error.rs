//! Errors in AWS's shape: HTTP 400, a type in `__type`, a message, and a request ID in the header.
//!
//! Types of this service: the error sections of
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>; types of every AWS service:
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/CommonErrors.html>.

use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The content type of AWS JSON 1.1, of requests and of answers
/// (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>).
pub const AMZ_JSON: &str = "application/x-amz-json-1.1";

/// The error types that the stand-in raises by itself (a fault may raise any).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// The caller has no right to this.
    AccessDenied,
    /// The temporary credentials have ended.
    ExpiredToken,
    /// The `Authorization` header is not a SigV4 header.
    IncompleteSignature,
    /// Parameters that do not fit together, or do not fit the CA.
    InvalidArgs,
    /// Not an ARN of this service.
    InvalidArn,
    /// The action is not possible on this resource.
    InvalidRequest,
    /// The credential scope names another service or Region.
    InvalidSignature,
    /// The CA is not in a state for this call.
    InvalidState,
    /// The CA has issued all that it may.
    LimitExceeded,
    /// The CSR cannot be used.
    MalformedCsr,
    /// No `Authorization` header.
    MissingAuthenticationToken,
    /// What AWS does and the stand-in does not: never raised by AWS.
    NotSimulated,
    /// Revoked already.
    RequestAlreadyProcessed,
    /// The certificate came to nothing.
    RequestFailed,
    /// Not issued yet: ask again.
    RequestInProgress,
    /// No such CA or certificate.
    ResourceNotFound,
    /// The body is not JSON.
    Serialization,
    /// More calls in a second than the quota allows.
    Throttling,
    /// The target header names no operation.
    UnknownOperation,
    /// The credentials are none that AWS knows.
    UnrecognizedClient,
    /// A parameter breaks a constraint of the API.
    Validation,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InvalidArgs => "InvalidArgsException",
            Self::InvalidArn => "InvalidArnException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::InvalidState => "InvalidStateException",
            Self::LimitExceeded => "LimitExceededException",
            Self::MalformedCsr => "MalformedCSRException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::NotSimulated => "NotSimulatedException",
            Self::RequestAlreadyProcessed => "RequestAlreadyProcessedException",
            Self::RequestFailed => "RequestFailedException",
            Self::RequestInProgress => "RequestInProgressException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Serialization => "SerializationException",
            Self::Throttling => "ThrottlingException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::Validation => "ValidationException",
        }
    }

    fn status(self) -> StatusCode {
        if self == Self::NotSimulated { StatusCode::NOT_IMPLEMENTED } else { StatusCode::BAD_REQUEST }
    }
}

/// One refusal, as the client will see it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct AwsError {
    kind: String,
    message: String,
    status: StatusCode,
}

impl AwsError {
    /// A refusal of the stand-in's own.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { kind: code.as_str().to_owned(), message: message.into(), status: code.status() }
    }

    /// A refusal that a test ordered, of any type and status.
    pub fn injected(kind: &str, message: &str, status: StatusCode) -> Self {
        Self { kind: kind.to_owned(), message: message.to_owned(), status }
    }

    /// A broken constraint, in the words of AWS's request validation.
    pub fn constraint(member: &str, value: &str, rule: &str) -> Self {
        let text = format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
        );
        Self::new(Code::Validation, text)
    }

    /// The type, such as `ThrottlingException`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer's body.
    pub fn body(&self) -> Value {
        json!({"__type": self.kind, "message": self.message})
    }
}

impl IntoResponse for AwsError {
    fn into_response(self) -> Response {
        let body = self.body().to_string();
        (self.status, [(CONTENT_TYPE, HeaderValue::from_static(AMZ_JSON))], body).into_response()
    }
}
