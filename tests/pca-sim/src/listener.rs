//! Accepting connections, with or without TLS, until told to stop; and cutting one instead of answering.

use std::{convert::Infallible, io, time::Duration};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

const HANDSHAKE: Duration = Duration::from_secs(10);
const DRAIN: Duration = Duration::from_secs(2);
const PAUSE_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);

/// Put into a response's extensions: do not send it, cut the connection.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a planted fault cut the connection")]
pub struct Cut;

impl IntoResponse for Cut {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

/// Serves `router` until `stop` changes, then lets calls in flight end for two seconds and cuts the rest. While it is
/// not `reachable`, every connection is cut, new ones before their first byte.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut reachable: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if !*reachable.borrow() => drop(stream),
                Ok((stream, _)) => {
                    let (tls, router, watcher) = (tls.clone(), router.clone(), graceful.watcher());
                    connections.spawn(async move {
                        match tls {
                            None => connection(stream, router, watcher).await,
                            Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
                                Ok(Ok(stream)) => connection(stream, router, watcher).await,
                                Ok(Err(error)) => log("TLS handshake failed", &error),
                                Err(_) => tracing::debug!("TLS handshake took too long"),
                            },
                        }
                    });
                }
                Err(error) => {
                    log("accept failed", &error);
                    tokio::time::sleep(PAUSE_AFTER_ACCEPT_ERROR).await;
                }
            },
            Some(_) = connections.join_next() => {}
            Ok(()) = reachable.changed() => {
                if !*reachable.borrow_and_update() {
                    connections.abort_all();
                }
            }
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::debug!("calls still in flight are cut");
    }
    connections.shutdown().await;
}

/// One connection, HTTP/1.1 only, so that a cut is a cut of the connection and not of a stream in it.
async fn connection<S>(stream: S, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(router.clone(), request));
    let http = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(http).await {
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(router: Router, request: hyper::Request<Incoming>) -> Result<Response, Cut> {
    let response = router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    if response.extensions().get::<Cut>().is_some() { Err(Cut) } else { Ok(response) }
}

fn log(what: &str, error: &io::Error) {
    tracing::debug!(%error, "{what}");
}
