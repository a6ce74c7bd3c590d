//! The control endpoint of a Panorama: which firewalls it has, and whether they are connected.

use super::Control;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};

pub(super) fn routes(own: &Control) -> Router {
    Router::new()
        .route("/devices", get(devices))
        .route("/devices/{serial}/connect", post(connect))
        .route("/devices/{serial}/disconnect", post(disconnect))
        .with_state(own.clone())
}

async fn devices(State(control): State<Control>) -> Json<Value> {
    let fleet = control.device.fleet.iter().map(|managed| {
        json!({
            "serial": managed.serial,
            "hostname": managed.device.identity.hostname,
            "vsys": managed.vsys,
            "connected": managed.is_connected(),
        })
    });
    Json(fleet.collect())
}

async fn connect(state: State<Control>, serial: Path<String>) -> StatusCode {
    set_connected(&state.0, &serial.0, true)
}

async fn disconnect(state: State<Control>, serial: Path<String>) -> StatusCode {
    set_connected(&state.0, &serial.0, false)
}

fn set_connected(control: &Control, serial: &str, connected: bool) -> StatusCode {
    match control.device.fleet.get(serial) {
        Some(managed) => {
            managed.set_connected(connected);
            StatusCode::NO_CONTENT
        }
        None => StatusCode::NOT_FOUND,
    }
}
