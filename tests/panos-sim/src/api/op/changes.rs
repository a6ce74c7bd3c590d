//! What is pending, of whom; and taking it back.

use super::Command;
use crate::{
    api::envelope::Answer,
    config::{Selection, revert},
    device::State,
    refusal::{Code, Refusal},
    tree::Element,
};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    let device = command.device;
    if command.at(&["check", "pending-changes"]).is_some() {
        let pending = !device.lock().store.units.is_empty();
        return Some(Answer::result_text(if pending { "yes" } else { "no" }));
    }
    if command.at(&["check", "full-commit-required"]).is_some() {
        let required = command.device.lock().store.full_commit_required;
        return Some(Answer::result_text(if required { "yes" } else { "no" }));
    }
    if let Some(changes) = command.at(&["show", "config", "list", "changes"]) {
        return Some(list_changes(command, changes));
    }
    if command.at(&["show", "config", "list", "admins"]).is_some() {
        return Some(list_admins(command));
    }
    if command.at(&["show", "config", "candidate"]).is_some() {
        return Some(Answer::result([&device.lock().store.candidate]));
    }
    if command.at(&["show", "config", "running"]).is_some() {
        return Some(Answer::result([&device.lock().store.running]));
    }
    if let Some(revert) = command.at(&["revert", "config"]) {
        return Some(revert_config(command, revert));
    }
    None
}

/// A journal of entries with xpath, owner, action (fields as public clients read them, e.g. the `journal/entry`
/// of Go and Python clients of `show config list changes`).
fn list_changes(command: &Command<'_>, changes: &Element) -> Answer {
    let selection = selection(changes);
    let state = command.device.lock();
    let mut journal = Element::new("journal");
    for (path, unit) in state.store.units.iter().filter(|(_, unit)| selection.includes(unit)) {
        let owner = unit.owner.as_deref().unwrap_or_default();
        let admins = unit.touched_by.iter().cloned().collect::<Vec<_>>().join(",");
        let component = path
            .names()
            .find(|name| ["rulebase", "pre-rulebase", "post-rulebase", "shared", "network"].contains(name))
            .unwrap_or("vsys");
        journal.children.push(
            Element::new("entry")
                .with(Element::leaf("xpath", path.to_string()))
                .with(Element::leaf("owner", owner))
                .with(Element::leaf("admin", owner))
                .with(Element::leaf("action", unit.change.action()))
                .with(Element::leaf("component-type", component))
                .with(Element::leaf("admin-history", admins))
                .with(Element::leaf("dirty-id", unit.dirty_id.to_string()))
                .with(Element::leaf("time", unit.time.date_time())),
        );
    }
    Answer::result([&journal])
}

fn list_admins(command: &Command<'_>) -> Answer {
    let state = command.device.lock();
    let owners: std::collections::BTreeSet<_> =
        state.store.units.iter().filter_map(|(_, unit)| unit.owner.as_deref()).collect();
    let admins = Element::new("admins").with_all(owners.into_iter().map(Element::entry));
    Answer::result([&admins])
}

fn revert_config(command: &Command<'_>, cmd: &Element) -> Answer {
    let mut state = command.device.lock();
    if let Err(refusal) = replaceable(command, &state) {
        return Answer::refused(&refusal);
    }
    match selection(cmd) {
        Selection::Everybody => state.store.revert_all(),
        admins @ Selection::Admins(_) => {
            if let Err(why) = revert(&mut state.store, &admins) {
                return Answer::refused(&Refusal::new(Code::NotPossible, why));
            }
        }
    }
    Answer::result_text("Config reverted successfully")
}

/// May the candidate be replaced now? Not while a commit waits or runs, nor through another administrator's lock
/// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/web-interface-basics/lock-configurations>).
pub(super) fn replaceable(command: &Command<'_>, state: &State) -> Result<(), Refusal> {
    command.device.ha.check_write(state)?;
    if state.jobs.busy() {
        return Err(Refusal::new(Code::NotFound, "A commit is pending. Please try again later"));
    }
    state.locks.check_write(command.user, Some(&command.device.vsys))
}

fn selection(cmd: &Element) -> Selection {
    match cmd.descend(&["partial", "admin"]) {
        Some(admin) => Selection::Admins(admin.children.iter().map(|member| member.text.clone()).collect()),
        None => Selection::Everybody,
    }
}
