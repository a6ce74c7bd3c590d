//! The one gate that every call to an AWS account and Region passes: thin, around the [`Line`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    line::Line,
    rates::{RateRule, Rates, rates},
};
use crate::{
    issuer::{Call, Caller, IssueError, Turn},
    metrics::GovernorMetrics,
};

/// So many calls are on the wire at most.
const AT_ONCE: usize = 32;
/// Who would wait here for longer is told to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// The gate of one account and Region.
pub struct Governor {
    lines: [(Call, Mutex<Line>); Call::ALL.len()],
    at_once: Semaphore,
    metrics: GovernorMetrics,
    place: String,
}

/// The gates, one for each account and Region, over all CAs.
pub struct Governors {
    rules: Vec<RateRule>,
    metrics: GovernorMetrics,
    made: Mutex<HashMap<String, Arc<Governor>>>,
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Governors {
    /// Gates with these rates.
    #[must_use]
    pub fn new(rules: Vec<RateRule>, metrics: GovernorMetrics) -> Self {
        Self { rules, metrics, made: Mutex::default() }
    }

    /// The gate of an account and Region.
    #[must_use]
    pub fn of(&self, account: &str, region: &str) -> Arc<Governor> {
        let place = format!("{account}/{region}");
        let mut made = lock(&self.made);
        let make = || {
            let rates = rates(&self.rules, account, region);
            Arc::new(Governor::new(rates, place.clone(), self.metrics.clone()))
        };
        Arc::clone(made.entry(place.clone()).or_insert_with(make))
    }
}

impl Governor {
    /// A gate, all of its buckets full.
    #[must_use]
    pub fn new(rates: Rates, place: String, metrics: GovernorMetrics) -> Self {
        let line = |call: Call| {
            let per_second = match call {
                Call::Issue => rates.issue,
                Call::Get => rates.get,
                Call::Describe | Call::Revoke => rates.others,
            };
            (call, Mutex::new(Line::new(per_second, now())))
        };
        Self { lines: Call::ALL.map(line), at_once: Semaphore::new(AT_ONCE), metrics, place }
    }

    fn line(&self, call: Call) -> Option<MutexGuard<'_, Line>> {
        self.lines.iter().find(|(of, _)| *of == call).map(|(_, line)| lock(line))
    }

    /// Whether it is this caller's turn; then a token is his for a while.
    #[must_use]
    pub fn turn(&self, call: Call, caller: &Caller) -> Turn {
        let Some(mut line) = self.line(call) else { return Turn::Now };
        let turn = line.ask(caller, now());
        self.metrics.show(&self.place, call, &line);
        turn
    }

    /// Passes the gate for one wire attempt: at once for who had his turn told, after a short wait for others.
    ///
    /// # Errors
    /// It would take longer; nothing was asked.
    pub async fn pass(&self, call: Call, caller: &Caller) -> Result<SemaphorePermit<'_>, IssueError> {
        let began = now();
        while let Turn::In(wait) = self.take(call, caller) {
            if now().saturating_duration_since(began) + wait > LONGEST_WAIT {
                if let Some(mut line) = self.line(call) {
                    line.give_up(caller);
                }
                let held =
                    "our own rate towards this AWS account and Region is used up by what is more urgent";
                return Err(IssueError::Throttled(held.to_owned()));
            }
            tokio::time::sleep(wait).await;
        }
        self.at_once.acquire().await.map_err(|error| IssueError::Unavailable(error.to_string()))
    }

    /// A turn that is used in the same moment, so that one token is never used twice.
    fn take(&self, call: Call, caller: &Caller) -> Turn {
        let Some(mut line) = self.line(call) else { return Turn::Now };
        let turn = line.ask(caller, now());
        if turn == Turn::Now {
            line.used(caller);
        }
        self.metrics.show(&self.place, call, &line);
        turn
    }

    /// Learns from an answer: throttled once, the rate is halved.
    pub fn heed<T>(&self, call: Call, answer: Result<T, IssueError>) -> Result<T, IssueError> {
        if matches!(answer, Err(IssueError::Throttled(_)))
            && let Some(mut line) = self.line(call)
        {
            line.slow(now());
            self.metrics.show(&self.place, call, &line);
        }
        answer
    }
}
