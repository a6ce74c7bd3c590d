//! What a planted fault does to a call: before it, instead of it, to its result, or to its answer.

use std::time::Duration;

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{Html, IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::{
    counters::Outcome,
    error::{AMZ_JSON, AwsError},
    fault::{Action, Operation},
    listener::Cut,
    service::{Service, Tampering},
};

/// Carries out one call, with the next fault that is planted for its operation.
pub async fn carry_out(service: &Service, operation: Operation, body: &[u8]) -> Response {
    let mut call = Call { service, operation, outcome: Outcome::Abandoned };
    let action = service.memory().faults.strike(operation);
    let perform = |tampering| service.perform(operation, body, tampering);
    let (outcome, response) = match action {
        None => answered(perform(None)),
        Some(Action::Error { r#type, message, status }) => {
            answered(Err(AwsError::injected(&r#type, &message, known(status))))
        }
        Some(Action::DelayMs(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            answered(perform(None))
        }
        Some(Action::LateAnswerMs(milliseconds)) => {
            let result = perform(None);
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            answered(result)
        }
        Some(Action::DropBefore) => (Outcome::DroppedBefore, Cut.into_response()),
        Some(Action::DropAfter) => {
            drop(perform(None));
            (Outcome::DroppedAfter, Cut.into_response())
        }
        Some(Action::DropMidBody) => (Outcome::DroppedMidBody, half(perform(None))),
        Some(Action::EmptyReply) => {
            drop(perform(None));
            (Outcome::EmptyReply, ok(&json!({})))
        }
        Some(Action::ForeignReply { status, body }) => {
            (Outcome::ForeignReply, (known(status), Html(body)).into_response())
        }
        Some(Action::InProgress) => answered(perform(Some(Tampering::InProgress))),
        Some(Action::LateFailure) => answered(perform(Some(Tampering::LateFailure))),
        Some(Action::WrongLeaf { kind }) => answered(perform(Some(Tampering::Wrong(kind)))),
    };
    call.outcome = outcome;
    response
}

/// One call, which is counted however it ends: a client that hangs up ends it, too.
struct Call<'a> {
    service: &'a Service,
    operation: Operation,
    outcome: Outcome,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        tracing::debug!(operation = self.operation.as_str(), outcome = ?self.outcome, "call");
        self.service.memory().counters.call(self.operation, &self.outcome);
    }
}

fn answered(result: Result<Value, AwsError>) -> (Outcome, Response) {
    match result {
        Ok(body) => (Outcome::Ok, ok(&body)),
        Err(refusal) => (Outcome::Refused(refusal.kind().to_owned()), refusal.into_response()),
    }
}

fn ok(body: &Value) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(AMZ_JSON))], body.to_string()).into_response()
}

/// The first half of an answer, be it a refusal, that promises its whole length.
fn half(result: Result<Value, AwsError>) -> Response {
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err(refusal) => (refusal.status(), refusal.body()),
    };
    let whole = body.to_string().into_bytes();
    let length = whole.len();
    let first = whole.into_iter().take(length / 2).collect::<Vec<u8>>();
    let cut = stream::once(async {
        // A body that pauses is flushed, so the client has read the half before the connection ends.
        tokio::task::yield_now().await;
        Err(Cut)
    });
    let halves = stream::iter([Ok(first)]).chain(cut);
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(AMZ_JSON)), (CONTENT_LENGTH, HeaderValue::from(length))];
    (status, headers, Body::from_stream(halves)).into_response()
}

/// Planting has refused what is no HTTP status.
fn known(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}
