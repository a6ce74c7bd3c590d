//! What a job changes: worked out and checked when it starts, put into force when its time is over.

use super::{commit::CommitRequest, install::Shipment, queue::Task};
use crate::{
    clock,
    config::{Selection, Unit, plan_commit, validate, with_pushed},
    device::{Device, Enforced, State},
    tree::{Element, NodePath},
};
use std::sync::Arc;

/// Older pushes are forgotten.
const MAX_INSTALLS: usize = 1000;

/// A job's work that passed its checks.
pub(super) struct Prepared {
    pub(super) change: Change,
    pub(super) details: Vec<String>,
}

/// What the end of a job does to the device.
pub(super) enum Change {
    Nothing,
    Commit { running: Element, settled: Vec<(NodePath, u64)>, full: bool },
    Install { shipment: Arc<Shipment>, running: Element, settled: Vec<(NodePath, u64)> },
    TakeOver(Arc<Element>),
}

/// # Errors
/// The detail lines of a job that fails.
pub(super) fn prepare(device: &Device, state: &State, task: &Task) -> Result<Prepared, Vec<String>> {
    match task {
        Task::Commit(request) => prepare_commit(device, state, request),
        Task::Install(shipment) => prepare_install(device, state, shipment),
        Task::Validate => {
            checked(device, &state.store.candidate)?;
            Ok(Prepared { change: Change::Nothing, details: vec!["Configuration is valid".to_owned()] })
        }
        Task::HaSync(config) => {
            let details = vec!["Configuration synchronized with the peer".to_owned()];
            Ok(Prepared { change: Change::TakeOver(Arc::clone(config)), details })
        }
        Task::AutoCommit | Task::Push(_) => Ok(Prepared {
            change: Change::Nothing,
            details: vec!["Configuration committed successfully".to_owned()],
        }),
    }
}

fn prepare_commit(device: &Device, state: &State, request: &CommitRequest) -> Result<Prepared, Vec<String>> {
    let plan = plan_commit(&state.store, &request.selection, &request.range, &device.quirks)
        .map_err(|why| vec![why])?;
    validate(&plan.running, &device.quirks).map_err(|refusal| validation_error(&refusal.lines))?;
    let mut details = Vec::new();
    if let Selection::Admins(admins) = &request.selection {
        let admins = admins.iter().cloned().collect::<Vec<_>>().join(", ");
        details
            .push(format!("Partial changes to commit: changes to configuration by administrators: {admins}"));
    }
    details.push("Configuration committed successfully".to_owned());
    let full = request.is_full();
    let effective = full || device.quirks.partial_commit_takes_effect;
    let change = match effective {
        true => Change::Commit { running: plan.running, settled: plan.settled, full },
        false => Change::Nothing,
    };
    Ok(Prepared { change, details })
}

/// With `merge`, the firewall's own candidate is committed along.
fn prepare_install(
    device: &Device,
    state: &State,
    shipment: &Arc<Shipment>,
) -> Result<Prepared, Vec<String>> {
    let own = if shipment.merge { &state.store.candidate } else { &state.store.running };
    let running = with_pushed(own, &shipment.content);
    checked(device, &running)?;
    if shipment.validate_only {
        return Ok(Prepared { change: Change::Nothing, details: vec!["Configuration is valid".to_owned()] });
    }
    let units = state.store.units.iter().filter(|_| shipment.merge);
    let settled = units.map(|(path, unit)| (path.clone(), unit.dirty_id)).collect();
    Ok(Prepared {
        change: Change::Install { shipment: Arc::clone(shipment), running, settled },
        details: vec!["Configuration committed successfully".to_owned()],
    })
}

fn checked(device: &Device, config: &Element) -> Result<(), Vec<String>> {
    validate(config, &device.quirks).map_err(|refusal| validation_error(&refusal.lines))
}

fn validation_error(lines: &[String]) -> Vec<String> {
    let mut details = vec!["Validation Error:".to_owned()];
    details.extend(lines.iter().cloned());
    details.push("Configuration is invalid".to_owned());
    details
}

/// Puts a job's change into force. `refuse` names Apps whose signatures do not compile (a fault).
pub(super) fn put_into_force(
    device: &Device,
    state: &mut State,
    change: Change,
    owner: &str,
    refuse: &dyn Fn(&str) -> bool,
) {
    match change {
        Change::Nothing => {}
        Change::Commit { running, settled, full } => {
            let changes = if device.is_panorama() { changes_of(state, &settled) } else { Vec::new() };
            commit(device, state, running, &settled, refuse);
            state.store.full_commit_required &= !full;
            state.history.committed(&state.store.running, &changes, clock::now());
            // A commit that succeeds releases the locks of the one who made it.
            state.locks.release_all(owner);
        }
        Change::Install { shipment, running, settled } => {
            commit(device, state, running, &settled, refuse);
            state.store.take_push(&shipment.content);
            state.installs.push(shipment.record(clock::now()));
            if state.installs.len() > MAX_INSTALLS {
                state.installs.remove(0);
            }
        }
        Change::TakeOver(config) => {
            state.store.take_over(&config, !device.quirks.ha_sync_replaces_candidate);
            state.archive.committed(&state.store.running);
            device.enforce(Enforced::new(&state.store.running, &device.vsys, &device.quirks, refuse));
            device.ha.in_step(true);
        }
    }
}

fn commit(
    device: &Device,
    state: &mut State,
    running: Element,
    settled: &[(NodePath, u64)],
    refuse: &dyn Fn(&str) -> bool,
) {
    device.enforce(Enforced::new(&running, &device.vsys, &device.quirks, refuse));
    state.archive.committed(&running);
    state.store.running = running;
    state.store.units.settle(settled);
    state.store.audit_comments.clear();
}

fn changes_of(state: &State, settled: &[(NodePath, u64)]) -> Vec<(NodePath, Unit)> {
    let units =
        settled.iter().filter_map(|(path, _)| Some((path.clone(), state.store.units.get(path)?.clone())));
    units.collect()
}
