//! A push from the Panorama's side: what goes to whom, waiting for each firewall, and what the job says then.

use super::{
    delivery::{Delivery, Outcome},
    install::Shipment,
    queue::{JobResult, Stage, Task},
    worker::Work,
};
use crate::{
    clock,
    device::{Device, State},
    panorama::{Managed, PushRequest, checksum, members, shipment},
    quirks::PushJobResult,
    tree::Element,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::task::JoinSet;

/// A push under way.
pub(super) struct Push {
    job: u32,
    user: String,
    request: Arc<PushRequest>,
    /// What is pushed to each group.
    configs: BTreeMap<String, Arc<Element>>,
    /// In the order of the job's entries; `None` for a firewall that is away.
    parcels: Vec<Option<Parcel>>,
}

struct Parcel {
    managed: Arc<Managed>,
    shipment: Arc<Shipment>,
}

/// Works out the parcels from the running configuration as it is now, and writes the entries of the job.
pub(super) fn start(device: &Device, work: &Work) -> Option<Push> {
    let mut state = device.lock();
    let job = state.jobs.get(work.id)?;
    let Task::Push(request) = &job.task else { return None };
    let (request, user) = (Arc::clone(request), job.user.clone());
    let (mut configs, mut parcels, mut deliveries) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (group, meant) in &request.groups {
        let selected = state.history.selected(&state.store.running, group, request.admins.as_ref());
        let config = selected.as_ref().ok().map(|config| Arc::new(config.clone()));
        for member in members(&state.store.running, group) {
            if !meant.is_empty() && !meant.contains(&member.serial) {
                continue;
            }
            let managed = device.fleet.get(&member.serial);
            let mut delivery = new_delivery(&member.serial, managed, group);
            let reached = managed.filter(|managed| managed.is_connected());
            let parcel = match (reached, &config) {
                (Some(managed), Some(config)) => Some(pack(&request, config, managed, group)),
                (Some(_), None) => {
                    fail(&mut delivery, selected.as_ref().err().cloned().unwrap_or_default());
                    None
                }
                (None, _) => {
                    fail(&mut delivery, format!("{} not connected", member.serial));
                    None
                }
            };
            parcels.push(parcel);
            deliveries.push(delivery);
        }
        configs.extend(config.map(|config| (group.clone(), config)));
    }
    state.jobs.get_mut(work.id)?.deliveries = deliveries;
    Some(Push { job: work.id, user, request, configs, parcels })
}

fn pack(request: &PushRequest, config: &Element, managed: &Arc<Managed>, group: &str) -> Parcel {
    let content = shipment(config, group, &managed.serial, &managed.vsys);
    let shipment = Shipment {
        checksum: checksum(&content),
        content,
        group: group.to_owned(),
        merge: request.merge,
        validate_only: request.validate_only,
        include_template: request.include_template,
        force_template_values: request.force_template_values,
    };
    Parcel { managed: Arc::clone(managed), shipment: Arc::new(shipment) }
}

fn new_delivery(serial: &str, managed: Option<&Arc<Managed>>, group: &str) -> Delivery {
    Delivery {
        serial: serial.to_owned(),
        hostname: managed.map(|managed| managed.device.identity.hostname.clone()).unwrap_or_default(),
        group: group.to_owned(),
        outcome: Outcome::Pending,
        started: clock::now(),
        finished: None,
        lines: Vec::new(),
    }
}

fn fail(delivery: &mut Delivery, line: String) {
    delivery.outcome = Outcome::Failed;
    delivery.finished = Some(clock::now());
    delivery.lines = vec![line];
}

/// Sends everything and waits until every firewall is done.
pub(super) async fn carry_out(device: Arc<Device>, push: Push) {
    let mut waiting = JoinSet::new();
    for (index, parcel) in push.parcels.into_iter().enumerate() {
        if let Some(Parcel { managed, shipment }) = parcel {
            let user = push.user.clone();
            waiting.spawn(async move { (index, deliver(&managed, shipment, &user).await) });
        }
    }
    while let Some(Ok((index, outcome))) = waiting.join_next().await {
        let mut state = device.lock();
        let Some(job) = state.jobs.get_mut(push.job) else { continue };
        let Some(delivery) = job.deliveries.get_mut(index) else { continue };
        match outcome {
            Ok(lines) => {
                delivery.outcome = Outcome::Done;
                delivery.finished = Some(clock::now());
                delivery.lines = lines;
                let group = delivery.group.clone();
                if let Some(config) = push.configs.get(&group).filter(|_| !push.request.validate_only) {
                    state.history.pushed(&group, Arc::clone(config), push.request.admins.as_ref());
                }
            }
            Err(lines) => fail(delivery, lines.join("; ")),
        }
    }
}

/// Queues the job on a firewall and waits for its end, or for the loss of the connection.
async fn deliver(managed: &Managed, shipment: Arc<Shipment>, user: &str) -> Result<Vec<String>, Vec<String>> {
    let device = &managed.device;
    let mut changed = device.watch_changes();
    let (id, life) = {
        let mut state = device.lock();
        (state.jobs.enqueue(user, Task::Install(shipment), "", clock::now()), state.life)
    };
    device.job_queued.notify_one();
    loop {
        if let Some(ended) = ended(&device.lock(), id, life) {
            return ended;
        }
        let lost = || Err(vec![format!("{}: the connection was lost during the push", managed.serial)]);
        if !managed.is_connected() || changed.changed().await.is_err() {
            return lost();
        }
    }
}

/// How a firewall's job ended; `None` while it goes on.
fn ended(state: &State, id: u32, life: u64) -> Option<Result<Vec<String>, Vec<String>>> {
    let forgotten = || Err(vec!["the firewall restarted during the push".to_owned()]);
    if state.life != life {
        return Some(forgotten());
    }
    let Some(job) = state.jobs.get(id) else { return Some(forgotten()) };
    match job.stage {
        Stage::Finished { result: JobResult::Ok, .. } => Some(Ok(job.details.clone())),
        Stage::Finished { result: JobResult::Fail, .. } => Some(Err(job.details.clone())),
        Stage::Pending | Stage::Active { .. } => None,
    }
}

/// The result of the whole job; what it says when firewalls fail is open.
pub(super) fn result(device: &Device, state: &State, id: u32) -> JobResult {
    let failed = state
        .jobs
        .get(id)
        .is_some_and(|job| job.deliveries.iter().any(|delivery| delivery.outcome == Outcome::Failed));
    match device.quirks.push_job_result {
        PushJobResult::AsItsFirewalls if failed => JobResult::Fail,
        PushJobResult::AsItsFirewalls | PushJobResult::AlwaysOk => JobResult::Ok,
    }
}
