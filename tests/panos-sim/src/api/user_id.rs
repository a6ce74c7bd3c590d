//! `type=user-id`: takes effect at once, without a commit.
//!
//! Shapes of the answers as `kevinsteves/pan-python:lib/pan/xapi.py` reads them.

use super::{envelope::Answer, params::Params};
use crate::{
    clock,
    device::Device,
    refusal::{Code, Refusal},
    tree::{Element, parse_one},
    user_id::{Failure, apply},
};

pub(crate) fn handle(device: &Device, params: &Params) -> Answer {
    if let Some(vsys) = params.given("vsys").filter(|vsys| *vsys != device.vsys.to_string()) {
        return Answer::refused(&Refusal::new(Code::InvalidCommand, format!(" vsys '{vsys}' is invalid")));
    }
    let done = parse_one(params.get("cmd"))
        .map_err(Refusal::malformed)
        .and_then(|message| apply(&device.registered, &message, clock::instant()));
    match done {
        Ok(failures) if failures.is_empty() => Answer::result([&response(&[])]),
        Ok(failures) => Answer::entries_failed(&response(&failures)),
        Err(refusal) => Answer::refused(&refusal),
    }
}

/// One `<entry>` for each that failed, with its own attributes and last the `message`.
fn response(failures: &[Failure]) -> Element {
    let mut payload = Element::new("payload");
    for failure in failures {
        let mut entry = Element::new("entry");
        entry.attrs.clone_from(&failure.attrs);
        let entry = entry.with_attr("message", &failure.message);
        match payload.children.iter_mut().find(|section| section.name == failure.section) {
            Some(section) => section.children.push(entry),
            None => payload.children.push(Element::new(&failure.section).with(entry)),
        }
    }
    Element::new("uid-response").with(Element::leaf("version", "2.0")).with(payload)
}
