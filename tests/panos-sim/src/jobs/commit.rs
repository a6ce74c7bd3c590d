//! The `<commit>` command.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit>,
//! `kevinsteves/pan-python:lib/pan/commit.py`, `PaloAltoNetworks/pango:commit/firewall.go`.

use crate::{
    config::{Model, Range, Selection, Unit},
    refusal::{Code, Refusal},
    tree::{Element, NodePath},
};
use std::collections::BTreeSet;

/// Longer descriptions are refused (`PaloAltoNetworks/pango:commit/firewall.go`).
const MAX_DESCRIPTION: usize = 512;

/// What a client asks to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitRequest {
    pub(crate) selection: Selection,
    pub(crate) range: Range,
    /// Also when nothing is pending.
    pub(crate) force: bool,
    pub(crate) description: String,
}

impl CommitRequest {
    /// # Errors
    /// A child that the command does not have.
    pub(crate) fn parse(cmd: &Element, model: Model) -> Result<Self, Refusal> {
        let unexpected = |path: &str| Refusal {
            code: Code::InvalidCommand,
            lines: vec![format!(" {path} unexpected here"), " commit is unexpected".to_owned()],
        };
        if cmd.name != "commit" {
            return Err(Refusal::new(Code::InvalidCommand, format!(" {} is unexpected", cmd.name)));
        }
        let mut request = Self {
            selection: Selection::Everybody,
            range: Range::default(),
            force: false,
            description: String::new(),
        };
        for child in &cmd.children {
            match child.name.as_str() {
                "description" => request.description.clone_from(&child.text),
                "force" => request.force = true,
                "partial" => {}
                other => return Err(unexpected(&format!("commit -> {other}"))),
            }
        }
        if request.description.chars().count() > MAX_DESCRIPTION {
            let line = format!(" commit -> description can be at most {MAX_DESCRIPTION} characters");
            return Err(Refusal::new(Code::InvalidCommand, line));
        }
        // Old clients put `partial` below `force`.
        let partial = cmd.child("partial").or_else(|| cmd.descend(&["force", "partial"]));
        if let Some(partial) = partial {
            request.range = Range::parse(partial, model)
                .map_err(|word| unexpected(&format!("commit -> partial -> {word}")))?;
        }
        if let Some(partial) = partial.filter(|partial| partial.child("admin").is_some()) {
            let admins: BTreeSet<String> = partial.members_of("admin").map(str::to_owned).collect();
            if admins.is_empty() {
                return Err(unexpected("commit -> partial -> admin"));
            }
            request.selection = Selection::Admins(admins);
        }
        Ok(request)
    }

    /// Is a pending change meant?
    pub(crate) fn includes(&self, path: &NodePath, unit: &Unit) -> bool {
        self.selection.includes(unit) && self.range.covers(path)
    }

    /// Is nothing left out, of anybody?
    pub(crate) fn is_full(&self) -> bool {
        self.selection == Selection::Everybody && self.range.is_whole()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_one;

    #[test]
    fn the_command_is_read_as_clients_send_it() {
        for (cmd, expected) in [
            ("<commit/>", Some((None, false))),
            ("<commit><force/></commit>", Some((None, true))),
            ("<commit><force></force><description>x</description></commit>", Some((None, true))),
            (
                "<commit><partial><admin><member>a</member><member>b</member></admin></partial></commit>",
                Some((Some("a,b"), false)),
            ),
            (
                "<commit><force><partial><admin><member>a</member></admin></partial></force></commit>",
                Some((Some("a"), true)),
            ),
            (
                "<commit><partial><device-and-network>excluded</device-and-network></partial></commit>",
                Some((None, false)),
            ),
            ("<commit><partial><template/></partial></commit>", None),
            ("<commit><partial><admin/></partial></commit>", None),
            ("<commit><x/></commit>", None),
            ("<commit-all/>", None),
        ] {
            let read = CommitRequest::parse(&parse_one(cmd).unwrap(), Model::Firewall).ok().map(|request| {
                let admins = match request.selection {
                    Selection::Everybody => None,
                    Selection::Admins(admins) => Some(admins.into_iter().collect::<Vec<_>>().join(",")),
                };
                (admins, request.force)
            });
            let expected =
                expected.map(|(admins, force): (Option<&str>, bool)| (admins.map(str::to_owned), force));
            assert_eq!(read, expected, "{cmd}");
        }
    }
}
