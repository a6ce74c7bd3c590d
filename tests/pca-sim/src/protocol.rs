//! AWS JSON 1.1 over HTTP: which operation a request names, and whether it is one for this endpoint.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
    routing::post,
};

use crate::{
    authority::hex,
    error::{AMZ_JSON, AwsError, Code},
    fault::Operation,
    rules::scope,
    service::Service,
    spoil, whoami,
};

/// The endpoint's routes: everything is a POST to `/`.
pub fn router(service: Arc<Service>) -> Router {
    Router::new().route("/", post(call)).with_state(service)
}

async fn call(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    if whoami::is_asked(&headers, &body) {
        return whoami::answer(&headers, &service.account);
    }
    let mut response = match operation(&headers, &service.region) {
        Ok(operation) => spoil::carry_out(&service, operation, &body).await,
        Err(refusal) => refusal.into_response(),
    };
    if let Ok(id) = HeaderValue::from_str(&request_id()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

fn operation(headers: &HeaderMap, region: &str) -> Result<Operation, AwsError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let unknown = |text: String| AwsError::new(Code::UnknownOperation, text);
    if !text("content-type").starts_with(AMZ_JSON) {
        return Err(unknown(format!("The content type must be {AMZ_JSON}.")));
    }
    let target = text("x-amz-target");
    let operation =
        Operation::from_target(target).ok_or_else(|| unknown(format!("No operation '{target}'.")))?;
    scope::check(headers, region)?;
    Ok(operation)
}

/// A UUID, as AWS's request IDs are.
fn request_id() -> String {
    uuid(rand::random())
}

/// Sixteen bytes written as a UUID of version 4.
pub(crate) fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hex(&bytes);
    let mut parts = Vec::new();
    let mut rest = digits.as_str();
    for length in [8, 4, 4, 4, 12] {
        let (part, after) = rest.split_at(length);
        parts.push(part);
        rest = after;
    }
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_their_form() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([255; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
