//! `request config-lock|commit-lock add|remove`, `show config-locks|commit-locks`.

use super::Command;
use crate::{api::envelope::Answer, clock, locks::LockKind, tree::Element};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    for (kind, request, show) in
        [(LockKind::Config, "config-lock", "config-locks"), (LockKind::Commit, "commit-lock", "commit-locks")]
    {
        if command.at(&["show", show]).is_some() {
            let locks = Element::new(show).with_all(command.device.lock().locks.to_xml(kind));
            return Some(Answer::result([&locks]));
        }
        if let Some(add) = command.at(&["request", request, "add"]) {
            let comment = add.text_of("comment").unwrap_or_default();
            let mut state = command.device.lock();
            let added = state.locks.add(kind, command.scope.clone(), command.user, comment, clock::now());
            return Some(answer(added, "Successfully acquired lock."));
        }
        if let Some(remove) = command.at(&["request", request, "remove"]) {
            let owner = remove.text_of("admin").unwrap_or(command.user);
            let removed = command.device.lock().locks.remove(kind, &command.scope, owner);
            return Some(answer(removed, "Successfully released lock."));
        }
    }
    None
}

fn answer(done: Result<(), crate::refusal::Refusal>, text: &str) -> Answer {
    match done {
        Ok(()) => Answer::result_text(text),
        Err(refusal) => Answer::refused(&refusal),
    }
}
