//! The way of one request: named, noted, struck or passed on, its answer streamed back.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::http1 as client,
    server::conn::http1 as server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::{
    call::FarSide,
    rules::{Action, Book, Refusal},
    tls::Trust,
};

/// Longest wait for a connection or a handshake.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait for the far side to begin its answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(90);

/// What comes back: the far side's own answer, or one of ours.
type Answer = Response<Either<Streamed, Full<Bytes>>>;

/// Everything that the way of one request needs.
#[derive(Clone)]
struct Way {
    trust: Trust,
    far: FarSide,
    upstream: watch::Receiver<SocketAddr>,
    book: Arc<Book>,
}

/// Takes connections until it is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    trust: Trust,
    far: FarSide,
    upstream: watch::Receiver<SocketAddr>,
    book: Arc<Book>,
) {
    let way = Way { trust, far, upstream, book };
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while sessions.try_join_next().is_some() {}
        sessions.spawn(session(stream, way.clone()));
    }
}

async fn session(stream: TcpStream, way: Way) {
    let Ok(Ok(tls)) = tokio::time::timeout(CONNECT_DEADLINE, way.trust.accept(stream)).await else { return };
    let service = service_fn(|request| {
        let way = way.clone();
        async move { way.pass(request).await.map_err(Cutting) }
    });
    // An answer that we hold, a cut that we were asked for and a client that goes away end here alike.
    drop(server::Builder::new().serve_connection(TokioIo::new(tls), service).await);
}

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut: {0:#}")]
struct Cutting(anyhow::Error);

impl Way {
    async fn pass(&self, request: Request<Incoming>) -> Result<Answer> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let call = self.far.name(&head, &body);
        let Some(strike) = self.book.note(call) else { return self.send(head, body).await };
        match &strike.action {
            Action::HoldBefore => {
                strike.tell();
                strike.released().await;
                bail!("held before it took effect")
            }
            Action::HoldAfter => {
                let answer = self.send(head, body).await;
                strike.tell();
                strike.released().await;
                drop(answer);
                bail!("held after it took effect")
            }
            Action::Cut => {
                let answer = self.send(head, body).await;
                strike.tell();
                drop(answer);
                bail!("cut after it took effect")
            }
            Action::CutBefore => {
                strike.tell();
                bail!("cut before it took effect")
            }
            Action::Refuse(refusal) => {
                strike.tell();
                refused(refusal)
            }
            Action::Slow(by) => {
                strike.tell();
                tokio::time::sleep(*by).await;
                self.send(head, body).await
            }
        }
    }

    /// Sends the request on a connection of its own, which lives as long as its answer.
    async fn send(&self, head: hyper::http::request::Parts, body: Bytes) -> Result<Answer> {
        let to = *self.upstream.borrow();
        let connecting = tokio::time::timeout(CONNECT_DEADLINE, self.trust.connect(to));
        let stream = connecting.await.context("the far side does not take connections")??;
        let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        let request = Request::from_parts(head, Full::new(body));
        let answering = tokio::time::timeout(ANSWER_DEADLINE, sender.send_request(request));
        let answer = answering.await.context("the far side does not answer")??;
        Ok(answer.map(|body| Either::Left(Streamed { body, _driver: driver })))
    }
}

fn refused(refusal: &Refusal) -> Result<Answer> {
    let body = Either::Right(Full::new(Bytes::from(refusal.body.clone())));
    let answer = Response::builder().status(refusal.status);
    Ok(answer.header(hyper::header::CONTENT_TYPE, refusal.content_type).body(body)?)
}

/// The far side's body with the connection that it comes through.
struct Streamed {
    body: Incoming,
    _driver: JoinSet<()>,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
