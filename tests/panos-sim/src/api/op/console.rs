//! What a person at the console asks first: who is logged in, what time it is, is the device ready; and what was said
//! of a rule's change. Answers as `PaloAltoNetworks/pan-os-python:panos/{base,policies}.py` reads them.

use super::Command;
use crate::{api::envelope::Answer, clock, config::address, tree::Element};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    if command.at(&["show", "admins"]).is_some() {
        let own = Element::new("entry")
            .with(Element::leaf("admin", command.user))
            .with(Element::leaf("from", "127.0.0.1"))
            .with(Element::leaf("type", "XMLAPI"))
            .with(Element::new("self"));
        return Some(Answer::result([&Element::new("admins").with(own)]));
    }
    if command.at(&["show", "clock"]).is_some() {
        return Some(Answer::result_text(&clock::now().console()));
    }
    if command.at(&["show", "chassis-ready"]).is_some() {
        return Some(Answer::result_text("yes"));
    }
    let xpath = command.at(&["show", "config", "list", "audit-comments"])?.text_of("xpath")?;
    let state = command.device.lock();
    let said = address(xpath).and_then(|node| state.store.audit_comments.get(&node).cloned());
    let entries: Vec<Element> =
        said.into_iter().map(|text| Element::new("entry").with(Element::leaf("comment", text))).collect();
    Some(Answer::result(&entries))
}
