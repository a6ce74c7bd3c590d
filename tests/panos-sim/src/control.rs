//! The control endpoint: plain JSON over HTTP for tests, on a loopback port of its own. No device has this.

mod fleet;

use crate::{
    data_plane::{Flow, Listeners},
    device::Device,
    faults::Fault,
    tree::print,
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// One device as the control endpoint reaches it.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    pub(crate) device: Arc<Device>,
    pub(crate) listeners: Listeners,
}

/// Serves until the future is dropped: the device, and below `/devices/<serial>` each firewall that it manages.
pub(crate) async fn serve(own: Control, mirrors: Vec<Control>, listener: TcpListener) {
    let mut router = routes(own.clone()).merge(fleet::routes(&own));
    for mirror in mirrors {
        let at = format!("/devices/{}", mirror.device.identity.serial);
        router = router.nest(&at, routes(mirror));
    }
    if let Err(error) = axum::serve(listener, router).await {
        tracing::warn!(%error, "the control endpoint ended");
    }
}

fn routes(control: Control) -> Router {
    Router::new()
        .route("/faults", get(faults).post(plant).delete(clear))
        .route("/counters", get(counters))
        .route("/log", get(log))
        .route("/state", get(state))
        .route("/sessions", get(sessions))
        .route("/quirks", get(quirks))
        .route("/bad-signatures", get(bad_signatures))
        .route("/config/candidate", get(candidate))
        .route("/config/running", get(running))
        .route("/commit-time", post(commit_time))
        .route("/expire-keys", post(expire_keys))
        .route("/data-plane", post(add_flow))
        .route("/pushes", get(pushes))
        .route("/reboot", post(reboot))
        .route("/failover", post(fail_over))
        .layer(DefaultBodyLimit::max(1024 * 1024))
        .with_state(control)
}

async fn faults(State(control): State<Control>) -> Json<Vec<Fault>> {
    Json(control.device.faults.list())
}

async fn plant(State(control): State<Control>, Json(fault): Json<Fault>) -> StatusCode {
    control.device.faults.plant(fault);
    StatusCode::NO_CONTENT
}

async fn clear(State(control): State<Control>) -> StatusCode {
    control.device.faults.clear();
    StatusCode::NO_CONTENT
}

async fn counters(State(control): State<Control>) -> Response {
    Json(control.device.log.counters()).into_response()
}

async fn log(State(control): State<Control>) -> Response {
    let lines = control.device.log.lines();
    let text: String =
        lines.iter().filter_map(|line| serde_json::to_string(line).ok()).map(|line| line + "\n").collect();
    ([(header::CONTENT_TYPE, "application/jsonl")], text).into_response()
}

async fn state(State(control): State<Control>) -> Json<Value> {
    let state = control.device.lock();
    let jobs: Vec<Value> = state
        .jobs
        .iter()
        .map(|job| {
            let xml = state.jobs.to_xml(job, &control.device.quirks);
            let text = |name: &str| xml.text_of(name).unwrap_or_default().to_owned();
            json!({
                "id": job.id,
                "user": job.user,
                "type": text("type"),
                "status": text("status"),
                "result": text("result"),
                "progress": text("progress"),
                "description": job.description,
                "details": job.details,
            })
        })
        .collect();
    let pending: Vec<Value> = state
        .store
        .units
        .iter()
        .map(|(path, unit)| json!({"xpath": path.to_string(), "owner": unit.owner, "action": unit.change.action()}))
        .collect();
    Json(json!({"jobs": jobs, "pending": pending}))
}

async fn sessions(State(control): State<Control>) -> Response {
    Json(control.device.sessions.list()).into_response()
}

async fn quirks(State(control): State<Control>) -> Response {
    Json(&control.device.quirks).into_response()
}

async fn bad_signatures(State(control): State<Control>) -> Response {
    Json(&control.device.enforced().bad).into_response()
}

async fn candidate(State(control): State<Control>) -> Response {
    xml(print(&control.device.lock().store.candidate))
}

async fn running(State(control): State<Control>) -> Response {
    xml(print(&control.device.lock().store.running))
}

fn xml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/xml")], text).into_response()
}

/// How long commits last from now on.
#[derive(Debug, Deserialize)]
struct CommitTime {
    ms: u64,
}

async fn commit_time(State(control): State<Control>, Json(time): Json<CommitTime>) -> StatusCode {
    control.device.set_commit_time(Duration::from_millis(time.ms));
    StatusCode::NO_CONTENT
}

async fn expire_keys(State(control): State<Control>) -> StatusCode {
    control.device.accounts.expire_keys();
    StatusCode::NO_CONTENT
}

/// What a Panorama put into force here, oldest first.
async fn pushes(State(control): State<Control>) -> Response {
    Json(&control.device.lock().installs).into_response()
}

/// The management plane starts again and is away so long.
#[derive(Debug, Deserialize)]
struct Reboot {
    #[serde(default = "moment")]
    away_ms: u64,
}

fn moment() -> u64 {
    500
}

async fn reboot(State(control): State<Control>, Json(reboot): Json<Reboot>) -> StatusCode {
    control.device.restart(Duration::from_millis(reboot.away_ms));
    StatusCode::NO_CONTENT
}

/// The roles of a pair change; with `reboot` the one that was active starts again.
#[derive(Debug, Default, Deserialize)]
struct FailOver {
    #[serde(default)]
    reboot: bool,
    #[serde(default = "moment")]
    away_ms: u64,
}

async fn fail_over(State(control): State<Control>, Json(wish): Json<FailOver>) -> StatusCode {
    match control.device.ha.fail_over() {
        Some(was_active) => {
            if wish.reboot {
                was_active.restart(Duration::from_millis(wish.away_ms));
            }
            StatusCode::NO_CONTENT
        }
        None => StatusCode::CONFLICT,
    }
}

async fn add_flow(State(control): State<Control>, Json(flow): Json<Flow>) -> Response {
    match control.listeners.add(flow).await {
        Ok(address) => Json(json!({"listen": address.to_string()})).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
