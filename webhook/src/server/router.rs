//! One request over HTTP: its type, its size, the room for it, and its answer.

use std::{
    error::Error as _,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    admit::admit,
    facts::Facts,
    judge::{Judged, Outcome},
    metrics::{Metrics, Unjudged},
    review::{Entry, ReviewError, SIZE_LIMIT},
};

/// How much is taken on at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of bodies held at one time. Read as JSON a body takes some eight times its bytes.
    pub bytes: u32,
    /// How long a request waits for room before it is sent away.
    pub wait_for_room: Duration,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 8 * 1024 * 1024,
            wait_for_room: Duration::from_millis(500),
            body_deadline: Duration::from_secs(5),
        }
    }
}

/// No request counts for less: buffers, headers, tasks.
const LEAST_BYTES: u32 = 16 * 1024;
/// Of a body that is too large so much is thrown away, so that its sender reads why, before we hang up.
const DRAIN_LIMIT: usize = 4 * SIZE_LIMIT;

struct Asked {
    entry: Entry,
    facts: Arc<dyn Facts>,
    metrics: Metrics,
    room: Arc<Semaphore>,
    limits: Limits,
}

/// `POST /pods` and `POST /workloads`.
pub fn router(facts: Arc<dyn Facts>, metrics: Metrics, limits: Limits) -> Router {
    let room = Arc::new(Semaphore::new(usize::try_from(limits.bytes).unwrap_or(Semaphore::MAX_PERMITS)));
    let asked = |entry| {
        let (facts, metrics, room) = (Arc::clone(&facts), metrics.clone(), Arc::clone(&room));
        Arc::new(Asked { entry, facts, metrics, room, limits })
    };
    Router::new()
        .route("/pods", post(answer).with_state(asked(Entry::Pods)))
        .route("/workloads", post(answer).with_state(asked(Entry::Workloads)))
}

/// Why a request gets a status instead of an answer.
#[derive(Debug, thiserror::Error)]
enum Turned {
    #[error("the content type is {0:?}; application/json is expected")]
    Type(String),
    #[error(transparent)]
    Review(#[from] ReviewError),
    #[error("the body did not arrive in time")]
    Late,
    #[error("the body broke off: {0}")]
    Broken(String),
    #[error("too many reviews at once; try again")]
    NoRoom,
    #[error("the answer cannot be written: {0}")]
    Unwritable(serde_json::Error),
}

async fn answer(State(asked): State<Arc<Asked>>, request: Request) -> Response {
    match asked.judge(request).await {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(turned) => {
            let (status, how) = fate(&turned);
            asked.metrics.unjudged(asked.entry, how);
            tracing::warn!(entry = ?asked.entry, status = status.as_u16(), error = %turned, "request turned away");
            (status, format!("{turned}\n")).into_response()
        }
    }
}

fn fate(turned: &Turned) -> (StatusCode, Unjudged) {
    match turned {
        Turned::Type(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Unjudged::Malformed),
        Turned::Review(error @ ReviewError::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, error.into()),
        Turned::Review(
            error @ (ReviewError::Empty | ReviewError::Version { .. } | ReviewError::Shape(_)),
        ) => (StatusCode::BAD_REQUEST, error.into()),
        Turned::Late => (StatusCode::REQUEST_TIMEOUT, Unjudged::Late),
        Turned::Broken(_) => (StatusCode::BAD_REQUEST, Unjudged::Malformed),
        Turned::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, Unjudged::Overloaded),
        Turned::Unwritable(_) => (StatusCode::INTERNAL_SERVER_ERROR, Unjudged::Malformed),
    }
}

impl Asked {
    async fn judge(&self, request: Request) -> Result<Vec<u8>, Turned> {
        check_type(request.headers())?;
        let body = request.into_body();
        let _room = self.room_for(body.size_hint().exact()).await?;
        let read = tokio::time::timeout(self.limits.body_deadline, collect(body));
        let body = read.await.map_err(|_| Turned::Late)??;
        let start = Instant::now();
        let judged = admit(self.entry, &body, &*self.facts).await?;
        let reason = judged.refusal.as_ref().map(|refusal| refusal.reason.code());
        self.metrics.judged(self.entry, judged.outcome, reason, start.elapsed());
        tell(&judged);
        judged.answer.to_json().map_err(Turned::Unwritable)
    }

    /// Waits a moment for room; a body that does not say its size counts for the largest.
    async fn room_for(&self, size: Option<u64>) -> Result<SemaphorePermit<'_>, Turned> {
        let most = u32::try_from(SIZE_LIMIT).unwrap_or(u32::MAX);
        let said = size.map_or(most, |bytes| u32::try_from(bytes).unwrap_or(most));
        let bytes = said.clamp(LEAST_BYTES, most).min(self.limits.bytes);
        let room = tokio::time::timeout(self.limits.wait_for_room, self.room.acquire_many(bytes)).await;
        room.ok().and_then(Result::ok).ok_or(Turned::NoRoom)
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Turned> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Turned::Type(value.chars().take(60).collect()))
}

async fn collect(mut body: Body) -> Result<Vec<u8>, Turned> {
    let (mut bytes, mut total) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Turned::Broken(error.source().map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total > DRAIN_LIMIT {
            break;
        }
        if total > SIZE_LIMIT {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if total > SIZE_LIMIT { Err(ReviewError::TooLarge.into()) } else { Ok(bytes) }
}

/// Names and reasons only; objects are never logged.
fn tell(judged: &Judged) {
    let (uid, outcome) = (judged.answer.uid.as_str(), judged.outcome);
    match (&judged.refusal, outcome) {
        (Some(refusal), Outcome::Audited) => {
            let (reason, place, message) = (refusal.reason.code(), &refusal.place, refusal.to_string());
            tracing::info!(uid, ?outcome, reason, place, why = message, "would be refused");
        }
        (Some(refusal), _) => {
            let (reason, place, message) = (refusal.reason.code(), &refusal.place, refusal.to_string());
            tracing::info!(uid, ?outcome, reason, place, why = message, "refused");
        }
        (None, Outcome::CannotJudge) => {
            tracing::warn!(uid, warnings = ?judged.answer.warnings, "let in without judgement");
        }
        (None, _) => tracing::debug!(uid, ?outcome, "let in"),
    }
}
