//! Who does the work: a bounded number at once, each key alone, failures put off and never given up.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sallyport_process::{shutdown::Stop, tasks::TaskResult};
use tokio::{task::JoinSet, time::Instant};

use super::{
    agent::{Agent, Next},
    queue::Work,
};
use crate::{
    cluster::{Cluster, ClusterError},
    fate,
    step::draw,
};

/// So many pieces of work run at once.
const AT_ONCE: usize = 24;

/// Works until the stop is asked, then lets what runs come to its end.
///
/// # Errors
/// A piece of work broke off.
pub async fn run<C: Cluster>(agent: Arc<Agent<C>>, stop: Stop) -> TaskResult {
    let mut running: JoinSet<(Work, Result<Next, ClusterError>)> = JoinSet::new();
    let mut failures: HashMap<Work, u32> = HashMap::new();
    loop {
        let next = if running.len() < AT_ONCE { agent.queue.take(Instant::now()) } else { Err(None) };
        if let Ok((work, anew)) = next {
            let agent = Arc::clone(&agent);
            let tries = failures.get(&work).copied().unwrap_or(0);
            running.spawn(async move {
                let result = agent.work(&work, anew, tries).await;
                (work, result)
            });
            continue;
        }
        let due = next.err().flatten();
        tokio::select! {
            () = stop.wait() => break,
            Some(ended) = running.join_next() => {
                let (work, result) = ended?;
                let again = settle(&mut failures, &work, result).map(|(wait, anew)| (Instant::now() + wait, anew));
                agent.queue.done(&work, again);
            }
            () = agent.queue.changed(), if running.len() < AT_ONCE => {}
            () = until(due) => {}
        }
    }
    while let Some(ended) = running.join_next().await {
        drop(ended?);
    }
    Ok(())
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// When the work runs again.
fn settle(
    failures: &mut HashMap<Work, u32>,
    work: &Work,
    result: Result<Next, ClusterError>,
) -> Option<(Duration, bool)> {
    match result {
        Ok(next) => {
            failures.remove(work);
            next.after.map(|after| (after, next.anew))
        }
        Err(error) => {
            let tries = failures.entry(work.clone()).or_insert(0);
            let wait = wait_after(&error, *tries, draw(work.kind(), &format!("{work:?}"), *tries));
            *tries = tries.saturating_add(1);
            tracing::warn!(kind = work.kind(), work = ?work, tries, error = %error, "not done, will be tried again");
            Some((wait, true))
        }
    }
}

/// A right that was just given arrives within moments, and who was faster is done by now; an API server
/// that is away is left in peace for longer.
fn wait_after(error: &ClusterError, tries: u32, draw: u16) -> Duration {
    let (first, longest) = match error {
        ClusterError::Conflict(_) => (5, 2_000),
        ClusterError::Forbidden(_) => (20, 10_000),
        ClusterError::Gone(_) => (100, 10_000),
        ClusterError::Away(_) => (200, 30_000),
        ClusterError::Refused(_) => (1_000, 60_000),
    };
    fate::wait(Duration::from_millis(first), Duration::from_millis(longest), tries, draw)
}
