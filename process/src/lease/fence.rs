//! Whether we lead now, and the fence that lets no write through when we do not.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures::future::{self, Either};
use http::{Method, Request};
use tokio::{sync::watch, time::Instant};
use tower::{BoxError, Layer, Service};

/// Whether we lead now. Clones are one.
#[derive(Clone)]
pub struct Leadership {
    until: Arc<Mutex<Option<Instant>>>,
    won: Arc<watch::Sender<bool>>,
}

/// We do not lead, so nothing may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not hold its Lease, so it may write nothing; another one leads or soon will")]
pub struct Deposed;

impl Leadership {
    pub(super) fn new() -> Self {
        Self { until: Arc::default(), won: Arc::new(watch::Sender::new(false)) }
    }

    /// A leadership that nobody contests, for tests.
    #[must_use]
    pub fn uncontested() -> Self {
        let leadership = Self::new();
        leadership.extend(Instant::now() + std::time::Duration::from_secs(100 * 365 * 24 * 3600));
        leadership
    }

    /// A leadership that is never won, for tests.
    #[must_use]
    pub fn never() -> Self {
        Self::new()
    }

    /// Whether we lead now.
    #[must_use]
    pub fn holds(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// The question before a write.
    ///
    /// # Errors
    /// We do not lead.
    pub fn check(&self) -> Result<(), Deposed> {
        if self.holds() { Ok(()) } else { Err(Deposed) }
    }

    /// Waits until we lead for the first time.
    pub async fn won(&self) {
        let mut won = self.won.subscribe();
        // The sender lives as long as this does.
        drop(won.wait_for(|won| *won).await);
    }

    pub(super) fn extend(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        self.won.send_replace(true);
    }

    pub(super) fn until(&self) -> Option<Instant> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn end(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A layer of a client that lets reads through, and writes only while we lead.
#[derive(Clone)]
pub struct Fence(pub Leadership);

impl<S> Layer<S> for Fence {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced { inner, leadership: self.0.clone() }
    }
}

/// A client behind a [`Fence`].
#[derive(Clone)]
pub struct Fenced<S> {
    inner: S,
    leadership: Leadership,
}

impl<S, B> Service<Request<B>> for Fenced<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<future::Ready<Result<S::Response, BoxError>>, future::ErrInto<S::Future, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        match if reads { Ok(()) } else { self.leadership.check() } {
            Ok(()) => Either::Right(future::TryFutureExt::err_into(self.inner.call(request))),
            Err(deposed) => Either::Left(future::ready(Err(deposed.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use tower::ServiceExt as _;

    use super::*;

    async fn passes(leadership: &Leadership, method: Method) -> bool {
        let far = tower::service_fn(|_: Request<()>| async { Ok::<_, Infallible>(()) });
        let request = Request::builder().method(method).body(()).unwrap();
        Fence(leadership.clone()).layer(far).oneshot(request).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn writes_pass_only_while_we_lead_and_reads_always() {
        let leadership = Leadership::new();
        assert!(!passes(&leadership, Method::PATCH).await, "never led");
        leadership.extend(Instant::now() + Duration::from_secs(10));
        assert!(passes(&leadership, Method::POST).await);
        tokio::time::advance(Duration::from_secs(10)).await;
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!passes(&leadership, method.clone()).await, "{method}");
        }
        assert!(passes(&leadership, Method::GET).await);
        assert_eq!(leadership.check(), Err(Deposed));
    }

    #[tokio::test]
    async fn who_waits_for_leadership_wakes_when_it_is_won() {
        let leadership = Leadership::new();
        let waiting = leadership.clone();
        let wait = async move { waiting.won().await };
        let win = async { leadership.extend(Instant::now() + Duration::from_secs(1)) };
        tokio::join!(wait, win);
        leadership.won().await;
    }
}
