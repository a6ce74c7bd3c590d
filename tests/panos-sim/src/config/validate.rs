//! What a commit checks once more on the whole configuration that is to run; one invalid object is named at a time.

use crate::{
    panorama::groups,
    quirks::Quirks,
    refusal::{Code, Refusal},
    schema::{Checker, PUSHED_KIND, locate},
    scope::Scope,
    tree::{Element, find},
};
use std::collections::BTreeSet;

/// Custom applications in `shared`, on every VM-Series
/// (<https://docs.paloaltonetworks.com/vm-series/activation-and-onboarding/software-ngfw/maximum-limits-based-on-memory/maximum-limits-based-on-memory-11-1>).
const MAX_SHARED_APPLICATIONS: usize = 512;

/// # Errors
/// The first object that is not valid, in the words of a write's refusal.
pub(crate) fn validate(config: &Element, quirks: &Quirks) -> Result<(), Refusal> {
    for scope in scopes(config) {
        let base = scope.base();
        check_capacity(config, &scope, quirks)?;
        let kind = match scope {
            Scope::Pushed(_) => Some(PUSHED_KIND),
            Scope::Shared | Scope::Vsys(_) | Scope::DeviceGroup(_) => locate(&base).map(|place| place.kind),
        };
        if let (Some(node), Some(kind)) = (find(config, &base), kind) {
            Checker { config, scope, quirks, complete: true }.check(kind, node, "")?;
        }
    }
    check_pushed_names(config)
}

/// A pushed rule cannot have the name of a rule that the firewall has itself.
fn check_pushed_names(config: &Element) -> Result<(), Refusal> {
    let names = |scope: &Scope| {
        let base = find(config, &scope.base());
        let lists = scope.rulebases().iter().filter_map(move |r| base?.descend(&[r, "security", "rules"]));
        lists.flat_map(Element::entries).map(|(name, _)| name).collect::<BTreeSet<_>>()
    };
    for scope in scopes(config) {
        let Scope::Vsys(vsys) = &scope else { continue };
        if let Some(name) = names(&scope).intersection(&names(&Scope::Pushed(vsys.clone()))).next() {
            return Err(Refusal::new(Code::InvalidObject, format!(" {name} is already in use")));
        }
    }
    Ok(())
}

/// The device's words for a full table are not public.
fn check_capacity(config: &Element, scope: &Scope, quirks: &Quirks) -> Result<(), Refusal> {
    let most = match scope {
        Scope::Shared => MAX_SHARED_APPLICATIONS,
        Scope::Vsys(_) | Scope::Pushed(_) | Scope::DeviceGroup(_) => quirks.application_limit,
    };
    let count_in = |scope: &Scope| {
        let list = find(config, &scope.base()).and_then(|base| base.child("application"));
        list.map_or(0, |list| list.entries().count())
    };
    let with = match scope {
        Scope::Vsys(name) if quirks.pushed_applications_count => count_in(&Scope::Pushed(name.clone())),
        Scope::Vsys(_) | Scope::Shared | Scope::Pushed(_) | Scope::DeviceGroup(_) => 0,
    };
    let count = count_in(scope) + with;
    if count <= most {
        return Ok(());
    }
    let line = format!(" {scope} -> application: {count} custom applications exceed the capacity of {most}");
    Err(Refusal::new(Code::InvalidObject, line))
}

/// Every scope that a configuration has.
pub(super) fn scopes(config: &Element) -> Vec<Scope> {
    let devices = config.child("devices").into_iter().flat_map(Element::entries);
    let vsys = devices.flat_map(|(_, device)| device.child("vsys").into_iter().flat_map(Element::entries));
    let pushed = config.descend(&["panorama", "vsys"]).into_iter().flat_map(Element::entries);
    let named = vsys.map(|(name, _)| Scope::Vsys(name.to_owned()));
    let groups = groups(config).map(|(name, _)| Scope::DeviceGroup(name.to_owned()));
    let pushed = pushed.map(|(name, _)| Scope::Pushed(name.to_owned()));
    std::iter::once(Scope::Shared).chain(named).chain(groups).chain(pushed).collect()
}
