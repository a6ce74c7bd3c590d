//! What a commit checks once more on the whole configuration that is to run; one invalid object is named at a time.

use crate::{
    quirks::Quirks,
    refusal::{Code, Refusal},
    schema::{Checker, locate},
    scope::Scope,
    tree::{Element, find},
};

/// Custom applications in `shared`, on every VM-Series
/// (<https://docs.paloaltonetworks.com/vm-series/activation-and-onboarding/software-ngfw/maximum-limits-based-on-memory/maximum-limits-based-on-memory-11-1>).
const MAX_SHARED_APPLICATIONS: usize = 512;

/// # Errors
/// The first object that is not valid, in the words of a write's refusal.
pub(crate) fn validate(config: &Element, quirks: &Quirks) -> Result<(), Refusal> {
    for scope in scopes(config) {
        let base = scope.base();
        check_capacity(config, &scope, quirks)?;
        if let (Some(node), Some(place)) = (find(config, &base), locate(&base)) {
            Checker { config, scope, quirks, complete: true }.check(place.kind, node, "")?;
        }
    }
    Ok(())
}

/// The device's words for a full table are not public.
fn check_capacity(config: &Element, scope: &Scope, quirks: &Quirks) -> Result<(), Refusal> {
    let most = match scope {
        Scope::Shared => MAX_SHARED_APPLICATIONS,
        Scope::Vsys(_) => quirks.application_limit,
    };
    let list = find(config, &scope.base()).and_then(|base| base.child("application"));
    let count = list.map_or(0, |list| list.entries().count());
    if count <= most {
        return Ok(());
    }
    let line = format!(" {scope} -> application: {count} custom applications exceed the capacity of {most}");
    Err(Refusal::new(Code::InvalidObject, line))
}

fn scopes(config: &Element) -> Vec<Scope> {
    let devices = config.child("devices").into_iter().flat_map(Element::entries);
    let vsys = devices.flat_map(|(_, device)| device.child("vsys").into_iter().flat_map(Element::entries));
    let named = vsys.map(|(name, _)| Scope::Vsys(name.to_owned()));
    std::iter::once(Scope::Shared).chain(named).collect()
}
