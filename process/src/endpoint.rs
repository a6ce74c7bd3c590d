//! How a program is asked: `/healthz`, `/readyz`, `/metrics`.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::{readiness::Readiness, shutdown::Stop, tasks::TaskResult};

#[derive(Clone)]
struct Asked {
    readiness: Readiness,
    registry: Arc<Registry>,
}

/// The routes by themselves, so that tests can ask them without a socket.
pub fn router(readiness: Readiness, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Asked { readiness, registry })
}

/// A health endpoint that listens.
pub struct Endpoint {
    listener: TcpListener,
    router: Router,
}

impl Endpoint {
    /// Binds the address.
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub async fn bind(
        address: SocketAddr,
        readiness: Readiness,
        registry: Arc<Registry>,
    ) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, router: router(readiness, registry) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the stop is asked.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn serve(self, stop: Stop) -> TaskResult {
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(async move { stop.wait().await })
            .await?;
        Ok(())
    }
}

async fn ready(State(asked): State<Asked>) -> impl IntoResponse {
    let missing = asked.readiness.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: waiting for {}\n", missing.join(", ")))
    }
}

async fn metrics(State(asked): State<Asked>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &asked.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [("content-type", kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn says_what_it_waits_for() {
        let readiness = Readiness::new();
        let handle = readiness.wait_for("policies listed");
        let router = router(readiness, Arc::new(Registry::default()));
        assert_eq!(ask(&router, "/healthz").await, (StatusCode::OK, "ok\n".into()));
        let (status, body) = ask(&router, "/readyz").await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: waiting for policies listed\n")
        );
        handle.done();
        assert_eq!(ask(&router, "/readyz").await, (StatusCode::OK, "ready\n".into()));
        assert_eq!(ask(&router, "/metrics").await, (StatusCode::OK, "# EOF\n".into()));
    }
}
