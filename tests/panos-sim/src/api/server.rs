//! HTTPS: takes connections, reads a request within limits, writes the reply.

use super::{
    body::Body,
    params::Params,
    router::{Reply, route},
};
use crate::{
    device::Device,
    faults::{Action, Where},
};
use http_body_util::{BodyExt, Limited};
use hyper::{
    Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// The vendor asks for requests of at most 5 MB
/// (<https://docs.paloaltonetworks.com/ngfw/api/getting-started/structure-of-a-pan-os-xml-api-request>).
const MAX_BODY: usize = 6 * 1024 * 1024;
/// How long a client may take for the TLS handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves until the future is dropped; connections end with it.
pub(crate) async fn serve(device: Arc<Device>, listener: TcpListener, tls: TlsAcceptor) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (device, tls) = (Arc::clone(&device), tls.clone());
                connections.spawn(async move {
                    if let Err(error) = connection(device, stream, tls).await {
                        tracing::debug!(%error, "API connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "API connection not accepted");
                sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(device: Arc<Device>, stream: TcpStream, tls: TlsAcceptor) -> io::Result<()> {
    if device.is_away() {
        return Ok(());
    }
    for action in device.faults.strike(&[Where::Connect], "") {
        match action {
            Action::DelayMs(ms) => sleep(Duration::from_millis(ms)).await,
            Action::DropBefore
            | Action::DropAfter
            | Action::Refuse { .. }
            | Action::HttpStatus(_)
            | Action::CutMidway
            | Action::Truncate
            | Action::Garbage
            | Action::FailJob(_)
            | Action::NeverFinish
            | Action::CommitNotCompiled(_) => return Ok(()),
        }
    }
    stream.set_nodelay(true)?;
    let stream = timeout(PATIENCE, tls.accept(stream)).await??;
    let service = service_fn(move |request| answer(Arc::clone(&device), request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    http.serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

/// An error ends the connection without a response.
async fn answer(device: Arc<Device>, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
    let (head, body) = request.into_parts();
    let body = match timeout(PATIENCE * 3, Limited::new(body, MAX_BODY).collect()).await? {
        Ok(body) => body.to_bytes(),
        Err(_) => return response(413, Body::whole("<html>Request Entity Too Large</html>".to_owned())),
    };
    if device.is_away() {
        return Err(io::Error::other("the management plane starts again"));
    }
    let params = Params::parse(head.uri.query().unwrap_or_default(), &String::from_utf8_lossy(&body));
    match route(&device, head.uri.path(), &head.headers, params).await {
        Reply::Answer(answer) => response(answer.http, Body::whole(answer.body)),
        Reply::Cut(answer) => response(answer.http, Body::half(answer.body)),
        Reply::Dropped => Err(io::Error::other("connection dropped by a fault")),
    }
}

fn response(status: u16, body: Body) -> Result<Response<Body>, io::Error> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
    let xml = header::HeaderValue::from_static("application/xml; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, xml);
    Ok(response)
}
