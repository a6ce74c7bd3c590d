//! The tasks that drive the flows: one worker for each firewall, and one for the gates.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use sallyport_process::{clock::Clock, shutdown::Stop, tasks::TaskResult};
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::{
    cluster::Cluster,
    cycle::{Cycle, Ports, Settings},
    firewall::Firewall,
    gates::Gates,
    member::Member,
    observe::Seen,
};

/// A burst of changes makes one step.
const SETTLE: Duration = Duration::from_millis(20);
/// Pause before statuses that the API server did not take are tried again.
const GATE_RETRY: Duration = Duration::from_secs(1);
/// Between two passes over all identities, which heal whatever a watch missed.
const GATE_RESYNC: Duration = Duration::from_secs(60);
/// A worker looks at the clock this often at least.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// Keeps one worker for each firewall until the stop is asked.
///
/// # Errors
/// A worker broke off.
pub async fn firewalls<F, C>(seen: Seen, ports: Ports<F, C>, settings: Settings, stop: Stop) -> TaskResult
where
    F: Firewall + 'static,
    C: Cluster + Clone + 'static,
{
    let mut changed = seen.watch_wanted();
    let mut workers: JoinSet<()> = JoinSet::new();
    let mut running: BTreeMap<Member, AbortHandle> = BTreeMap::new();
    loop {
        if let Some(world) = seen.world() {
            let members = Member::of_all(&world.firewalls);
            running.retain(|member, worker| {
                let stays = members.contains(member);
                if !stays {
                    worker.abort();
                    ports.board.take_down(&member.to_string());
                    ports.metrics.forget(&member.to_string());
                    ports.metrics.forget(member.firewall());
                }
                stays
            });
            for member in members {
                running.entry(member).or_insert_with_key(|member| {
                    let cycle = Cycle::new(member.clone(), ports.clone(), settings);
                    workers.spawn(drive(cycle, seen.clone(), ports.clock.clone(), stop.clone()))
                });
            }
        }
        tokio::select! {
            () = stop.wait() => break,
            ended = workers.join_next(), if !workers.is_empty() => match ended {
                Some(Err(error)) if !error.is_cancelled() => return Err(error.into()),
                Some(Ok(()) | Err(_)) | None => {}
            },
            _ = changed.changed() => {}
        }
    }
    while workers.join_next().await.is_some() {}
    Ok(())
}

/// Drives one cycle: steps when something changed or its time has come.
async fn drive<F: Firewall, C: Cluster>(mut cycle: Cycle<F, C>, seen: Seen, clock: Clock, stop: Stop) {
    let mut changed = seen.watch_wanted();
    while !stop.asked() {
        changed.mark_unchanged();
        let step = async {
            match seen.world() {
                Some(world) => cycle.step(&world).await,
                None => Timestamp::MAX,
            }
        };
        // A step that is cut off is a crash like any other: the next one finds what it did.
        let wake = tokio::select! {
            () = stop.wait() => return,
            wake = step => wake,
        };
        let until =
            Duration::try_from(wake.duration_since(clock.now())).unwrap_or_default().min(LONGEST_SLEEP);
        if until.is_zero() {
            continue;
        }
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(until) => {}
            () = burst(&mut changed) => {}
        }
    }
}

async fn burst(changed: &mut watch::Receiver<u64>) {
    if changed.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(SETTLE).await;
}

/// Drives the gates: what was touched at once, everything when a firewall posts or a minute has passed.
///
/// # Errors
/// None; the type is that of every task.
pub async fn gates<C: Cluster>(
    mut gates: Gates<C>,
    seen: Seen,
    mut posted: watch::Receiver<u64>,
    stop: Stop,
) -> TaskResult {
    let mut touched = seen.watch_gates();
    let mut again = std::collections::BTreeSet::new();
    let (mut all, mut until) = (true, GATE_RESYNC);
    let mut resync = tokio::time::interval(GATE_RESYNC);
    loop {
        touched.mark_unchanged();
        if let Some(world) = seen.world_with_pods() {
            let mut keys = seen.take_touched(std::mem::take(&mut all));
            keys.append(&mut again);
            again = gates.judge(&world, keys).await;
            until = gates.wake(&world).unwrap_or(GATE_RESYNC).min(GATE_RESYNC);
        }
        tokio::select! {
            () = stop.wait() => return Ok(()),
            _ = touched.changed() => {}
            _ = posted.changed() => all = true,
            _ = resync.tick() => all = true,
            () = tokio::time::sleep(until) => all = true,
            () = tokio::time::sleep(GATE_RETRY), if !again.is_empty() => {}
        }
    }
}
