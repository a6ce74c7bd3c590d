//! `type=op`: operational commands, as the CLI hierarchy spells them
//! (<https://docs.paloaltonetworks.com/ngfw/pan-os-cli-quick-start/cli-command-hierarchy/pan-os-11-2-cli-ops-command-hierarchy>).

mod changes;
mod console;
mod jobs;
mod locks;
mod panorama;
mod policy_match;
mod pushed;
mod registered;
mod signatures;
mod snapshots;
mod system;

pub(crate) use system::version;

use super::{envelope::Answer, params::Params};
use crate::{
    device::Device,
    refusal::{Code, Refusal},
    scope::Scope,
    tree::{Element, parse_one},
};

/// A command with who asks and where.
pub(super) struct Command<'a> {
    pub(super) device: &'a Device,
    pub(super) user: &'a str,
    /// The `vsys` parameter: `shared`, a vsys, or on a Panorama a device group.
    pub(super) scope: Scope,
    pub(super) cmd: &'a Element,
}

impl Command<'_> {
    /// The node below a chain of words, the command's own name first.
    pub(super) fn at(&self, words: &[&str]) -> Option<&Element> {
        let (first, rest) = words.split_first()?;
        if self.cmd.name == *first { self.cmd.descend(rest) } else { None }
    }
}

pub(crate) fn handle(device: &Device, user: &str, params: &Params) -> Answer {
    let cmd = match parse_one(params.get("cmd")) {
        Ok(cmd) => cmd,
        Err(error) => return Answer::refused(&Refusal::malformed(error)),
    };
    let scope = match params.given("vsys") {
        Some("shared") | None => Scope::Shared,
        Some(group) if device.is_panorama() => Scope::DeviceGroup(group.to_owned()),
        Some(vsys) => Scope::Vsys(vsys.to_owned()),
    };
    let command = Command { device, user, scope, cmd: &cmd };
    let families = [
        system::handle,
        panorama::handle,
        pushed::handle,
        jobs::handle,
        changes::handle,
        snapshots::handle,
        signatures::handle,
        policy_match::handle,
        locks::handle,
        console::handle,
        registered::handle,
    ];
    families.iter().find_map(|family| family(&command)).unwrap_or_else(|| unknown(&cmd))
}

/// The first word that the hierarchy does not have: ` show -> foo is unexpected`.
fn unknown(cmd: &Element) -> Answer {
    let mut words = vec![cmd.name.clone()];
    let mut node = cmd;
    while let [only] = node.children.as_slice() {
        words.push(only.name.clone());
        node = only;
    }
    refuse(&format!(" {} is unexpected", words.join(" -> ")))
}

fn refuse(text: &str) -> Answer {
    Answer::refused(&Refusal::new(Code::InvalidCommand, text))
}
