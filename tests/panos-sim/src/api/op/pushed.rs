//! `show config pushed-shared-policy`: what a Panorama put into force on this firewall.
//!
//! Shape as recorded in `demisto/content:Packs/PAN-OS/Integrations/Panorama/test_data/get_rule_hitcounts_pushed_policy.xml`.

use super::{Command, refuse};
use crate::{
    api::envelope::Answer,
    scope::Scope,
    tree::{Element, find},
};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    let show =
        command.at(&["show", "config", "pushed-shared-policy"]).filter(|_| !command.device.is_panorama())?;
    let vsys = show.text_of("vsys").map_or_else(|| command.device.vsys.to_string(), str::to_owned);
    if Scope::Vsys(vsys.clone()) != command.device.vsys {
        return Some(refuse(&format!(" show -> config -> pushed-shared-policy -> vsys '{vsys}' is invalid")));
    }
    let state = command.device.lock();
    let pushed = find(&state.store.running, &Scope::Pushed(vsys).base());
    let content = pushed.into_iter().flat_map(|entry| entry.children.iter().cloned());
    let policy = Element::new("policy")
        .with_attr("cfg-version", "11.1.0")
        .with_attr("urldb", "paloaltonetworks")
        .with(Element::new("shared"))
        .with(Element::new("panorama").with_all(content));
    Some(Answer::result([&policy]))
}
