//! `save config` and `load config`: a candidate that comes from a file or from an earlier commit.
//!
//! <https://docs.paloaltonetworks.com/pan-os/10-0/cli-reference/pan-os-10-0-configure-cli-command-hierarchy>;
//! the texts of the answers are ours.

use super::{Command, changes::replaceable, refuse};
use crate::{api::envelope::Answer, clock, tree::Element};
use std::sync::Arc;

/// The file in which the running configuration lies.
const RUNNING: &str = "running-config.xml";

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    if let Some(save) = command.at(&["save", "config"]) {
        let mut state = command.device.lock();
        let candidate = state.store.candidate.clone();
        state.archive.save(save.text_of("to"), &candidate);
        return Some(Answer::result_text("Config saved"));
    }
    let load = command.at(&["load", "config"])?;
    let state = command.device.lock();
    let (what, found): (String, Option<Arc<Element>>) = match (load.text_of("from"), load.text_of("version"))
    {
        (Some(RUNNING), _) => (RUNNING.to_owned(), Some(Arc::new(state.store.running.clone()))),
        (Some(name), _) => (name.to_owned(), state.archive.saved(Some(name))),
        (None, Some(number)) => {
            let version = number.parse().ok().and_then(|number| state.archive.version(number));
            (format!("version {number}"), version)
        }
        (None, None) if load.child("last-saved").is_some() => {
            ("last-saved".to_owned(), state.archive.saved(None))
        }
        (None, None) => return None,
    };
    drop(state);
    Some(match found {
        Some(config) => replace(command, &what, &config),
        None => refuse(&format!(" {what} does not exist")),
    })
}

fn replace(command: &Command<'_>, what: &str, config: &Element) -> Answer {
    let mut state = command.device.lock();
    if let Err(refusal) = replaceable(command, &state) {
        return Answer::refused(&refusal);
    }
    state.store.load(config, command.user, clock::now());
    Answer::result_text(&format!("Config loaded from {what}"))
}
