//! What a commit checks once more on the whole configuration that is to run; one invalid object is named at a time.

use crate::{
    quirks::Quirks,
    refusal::Refusal,
    schema::{Checker, locate},
    scope::Scope,
    tree::{Element, find},
};

/// # Errors
/// The first object that is not valid, in the words of a write's refusal.
pub(crate) fn validate(config: &Element, quirks: &Quirks) -> Result<(), Refusal> {
    for scope in scopes(config) {
        let base = scope.base();
        if let (Some(node), Some(place)) = (find(config, &base), locate(&base)) {
            Checker { config, scope, quirks, complete: true }.check(place.kind, node, "")?;
        }
    }
    Ok(())
}

fn scopes(config: &Element) -> Vec<Scope> {
    let devices = config.child("devices").into_iter().flat_map(Element::entries);
    let vsys = devices.flat_map(|(_, device)| device.child("vsys").into_iter().flat_map(Element::entries));
    let named = vsys.map(|(name, _)| Scope::Vsys(name.to_owned()));
    std::iter::once(Scope::Shared).chain(named).collect()
}
