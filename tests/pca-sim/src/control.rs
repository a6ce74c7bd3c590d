//! The control endpoint for tests: plain HTTP and JSON, on a loopback port, nothing that AWS has.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    authority::{Renewal, Status},
    counters::Counters,
    error::AwsError,
    fault::Fault,
    ledger::{Issued, rfc3339},
    quota::{Buckets, Quotas},
    rules::arn::CaArn,
    service::{IssueDelay, Service},
    sessions::SessionRules,
};

type Shared = State<Arc<Service>>;
type Refusal = (StatusCode, Json<Value>);

/// The routes.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/faults", get(pending).post(plant).delete(clear))
        .route("/counters", get(counters).delete(reset))
        .route("/ca/state", post(change_state))
        .route("/ca/renew", post(renew))
        .route("/issued", get(issued))
        .route("/issue-delay", post(change_delay))
        .route("/quotas", post(change_quotas).delete(lift_quotas))
        .route("/reachable", post(change_reachable))
        .route("/sessions", post(change_sessions).delete(end_sessions))
        .route("/pod-identity/{account}/{role}", get(pod_identity))
        .with_state(service)
}

async fn plant(State(service): Shared, Json(fault): Json<Fault>) -> Result<StatusCode, Refusal> {
    service.memory().faults.plant(fault).map(|()| StatusCode::NO_CONTENT).map_err(|text| refuse(&text))
}

async fn pending(State(service): Shared) -> Json<Vec<Fault>> {
    Json(service.memory().faults.pending().cloned().collect())
}

async fn clear(State(service): Shared) -> StatusCode {
    service.memory().faults.clear();
    StatusCode::NO_CONTENT
}

async fn counters(State(service): Shared) -> Json<Counters> {
    Json(service.memory().counters.clone())
}

async fn reset(State(service): Shared) -> StatusCode {
    service.memory().counters = Counters::default();
    StatusCode::NO_CONTENT
}

async fn issued(State(service): Shared) -> Json<Vec<Issued>> {
    Json(service.memory().ledger.list())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewState {
    arn: String,
    status: Status,
}

async fn change_state(State(service): Shared, Json(new): Json<NewState>) -> Result<StatusCode, Refusal> {
    let arn = CaArn::parse(&new.arn).map_err(|error: AwsError| refuse(error.message()))?;
    service
        .set_status(&arn, new.status)
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| refuse(error.message()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRoot {
    arn: String,
    root: Renewal,
}

async fn renew(State(service): Shared, Json(new): Json<NewRoot>) -> Result<Json<Value>, Refusal> {
    let arn = CaArn::parse(&new.arn).map_err(|error: AwsError| refuse(error.message()))?;
    let root = service.renew(&arn, new.root).map_err(|error| refuse(error.message()))?;
    Ok(Json(json!({"root": root})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDelay {
    ms: u64,
    #[serde(default)]
    jitter_ms: u64,
}

async fn change_delay(State(service): Shared, Json(new): Json<NewDelay>) -> StatusCode {
    service.memory().issue_delay =
        IssueDelay { base: Duration::from_millis(new.ms), jitter: Duration::from_millis(new.jitter_ms) };
    StatusCode::NO_CONTENT
}

async fn change_quotas(State(service): Shared, Json(quotas): Json<Quotas>) -> StatusCode {
    service.memory().buckets = Buckets::new(Some(quotas));
    StatusCode::NO_CONTENT
}

async fn lift_quotas(State(service): Shared) -> StatusCode {
    service.memory().buckets = Buckets::new(None);
    StatusCode::NO_CONTENT
}

async fn change_reachable(State(service): Shared, Json(reachable): Json<bool>) -> StatusCode {
    service.reachable.send_replace(reachable);
    StatusCode::NO_CONTENT
}

async fn change_sessions(State(service): Shared, Json(rules): Json<SessionRules>) -> StatusCode {
    service.memory().sessions.rules = rules;
    StatusCode::NO_CONTENT
}

async fn end_sessions(State(service): Shared) -> StatusCode {
    let now = service.now();
    service.memory().sessions.end_all(now);
    StatusCode::NO_CONTENT
}

/// The agent of EKS Pod Identity on a node, for a pod whose association names this role:
/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html>.
async fn pod_identity(
    State(service): Shared,
    Path((account, role)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let now = service.now();
    let mut memory = service.memory();
    let known = headers.get(AUTHORIZATION).is_some_and(|token| !token.is_empty());
    memory.counters.sts("PodIdentity", known);
    if !known {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let caller = format!("arn:aws:sts::{account}:assumed-role/{role}/eks-pod");
    let session = memory.sessions.hand_out(&caller, now);
    Ok(Json(json!({
        "AccessKeyId": session.access_key,
        "SecretAccessKey": session.secret_key,
        "Token": session.token,
        "Expiration": rfc3339(session.ends),
    })))
}

fn refuse(text: &str) -> Refusal {
    (StatusCode::BAD_REQUEST, Json(json!({"error": text})))
}
