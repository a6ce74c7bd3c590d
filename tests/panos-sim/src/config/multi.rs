//! `multi-config`: several writes in one request, all or none.
//!
//! <https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-panorama-api/pan-os-xml-api-request-types/configuration-api/multi-config-request-api>;
//! reply shapes as `PaloAltoNetworks/pango:xmlapi/multiconfig.go` reads them.

use super::{
    partial::{Selection, revert},
    store::{Store, Writer},
    write::{Outcome, Place, Write, apply_write},
};
use crate::{
    refusal::{Code, Refusal},
    tree::Element,
};

/// The answer: one reply for each operation that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MultiReply {
    pub(crate) replies: Vec<SubReply>,
}

/// The answer to one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubReply {
    pub(crate) id: Option<String>,
    pub(crate) result: Result<Outcome, Refusal>,
}

impl MultiReply {
    pub(crate) fn failed(&self) -> bool {
        self.replies.last().is_some_and(|reply| reply.result.is_err())
    }
}

/// Runs the operations on a copy; the store changes only if every one of them succeeds.
///
/// `strict` takes back the caller's other pending changes first; that stays done when an operation fails
/// (`kevinsteves/pan-python:tests/test_xapi_fw_tgt_multi_config.py`).
///
/// # Errors
/// The request as a whole cannot be understood.
pub(crate) fn run_multi(
    store: &mut Store,
    writer: Writer<'_>,
    root: &Element,
    strict: bool,
) -> Result<MultiReply, Refusal> {
    if root.children.is_empty() {
        return Err(Refusal::new(Code::InvalidObject, "multi-config without operations"));
    }
    if strict {
        let own = Selection::Admins([writer.admin.to_owned()].into());
        revert(store, &own).map_err(|why| Refusal::new(Code::NotPossible, why))?;
    }
    let mut draft = store.clone();
    let mut replies = Vec::new();
    for operation in &root.children {
        let result = write_of(operation).and_then(|write| apply_write(&mut draft, writer, &write));
        let failed = result.is_err();
        replies.push(SubReply { id: operation.attr("id").map(str::to_owned), result });
        if failed {
            return Ok(MultiReply { replies });
        }
    }
    *store = draft;
    Ok(MultiReply { replies })
}

fn write_of(operation: &Element) -> Result<Write, Refusal> {
    let attr = |key: &str| operation.attr(key).map(str::to_owned);
    let needed = |key: &str| {
        attr(key).ok_or_else(|| Refusal::new(Code::InvalidCommand, format!("{} needs {key}", operation.name)))
    };
    let xpath = needed("xpath")?;
    Ok(match operation.name.as_str() {
        "set" => Write::Set { xpath, elements: operation.children.clone() },
        "edit" => match operation.children.as_slice() {
            [element] => Write::Edit { xpath, element: element.clone() },
            _ => return Err(Refusal::new(Code::InvalidObject, " edit needs exactly one element")),
        },
        "delete" => Write::Delete { xpath },
        "move" => Write::Move { xpath, place: Place::parse(&needed("where")?, attr("dst").as_deref())? },
        "rename" => Write::Rename { xpath, newname: needed("newname")? },
        "clone" => Write::Clone { xpath, from: needed("from")?, newname: needed("newname")? },
        other => {
            return Err(Refusal::new(
                Code::InvalidCommand,
                format!(" multi-config -> {other} unexpected here"),
            ));
        }
    })
}

impl Place {
    /// `where` and `dst`; clients send a `dst` with `top` and `bottom` too, where it means nothing.
    pub(crate) fn parse(place: &str, dst: Option<&str>) -> Result<Self, Refusal> {
        let dst = || {
            dst.filter(|dst| !dst.is_empty())
                .map(str::to_owned)
                .ok_or_else(|| Refusal::new(Code::InvalidCommand, format!("move {place} needs dst")))
        };
        Ok(match place {
            "top" => Place::Top,
            "bottom" => Place::Bottom,
            "before" => Place::Before(dst()?),
            "after" => Place::After(dst()?),
            other => return Err(Refusal::new(Code::InvalidCommand, format!("where '{other}' is invalid"))),
        })
    }
}
