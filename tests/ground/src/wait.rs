//! Waiting on conditions, never on time.

use std::{future::Future, time::Duration};

use anyhow::{Result, bail};

/// Long enough for a slow machine under load; what waits so long has failed.
pub const GENEROUS: Duration = Duration::from_secs(90);
const STEP: Duration = Duration::from_millis(50);

/// Asks until there is an answer.
///
/// # Errors
/// None came before the deadline; the message says what was waited for and what was seen last.
pub async fn until<T, F>(what: &str, deadline: Duration, ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    every(STEP, what, deadline, ask).await
}

/// [`until`], asking so often that a figure may be taken from it.
///
/// # Errors
/// As [`until`].
pub async fn closely<T, F>(what: &str, deadline: Duration, ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    every(Duration::from_millis(2), what, deadline, ask).await
}

/// [`until`], asking once in `step`.
///
/// # Errors
/// As [`until`].
pub async fn every<T, F>(
    step: Duration,
    what: &str,
    deadline: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let start = tokio::time::Instant::now();
    loop {
        let last = match ask().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if start.elapsed() > deadline {
            bail!("waited {} s for {what}; last seen: {last:#}", deadline.as_secs());
        }
        tokio::time::sleep(step).await;
    }
}
