//! Application filters: groups that hold whatever has the right attributes, custom App-IDs too.
//!
//! <https://docs.paloaltonetworks.com/pan-os/11-0/pan-os-admin/app-id/use-application-objects-in-policy/create-an-application-filter.html>;
//! values of one attribute are alternatives, several attributes must all fit. Members as
//! `PaloAltoNetworks/pan-os-python:panos/objects.py` (`ApplicationFilter`) writes them.

use crate::{
    quirks::Quirks,
    scope::Scope,
    tree::{Element, find},
};

/// The attributes that a filter can name.
const ATTRIBUTES: &[&str] = &["category", "subcategory", "technology", "risk"];

/// The attributes of predefined applications that this device knows, in that order
/// (<https://applipedia.paloaltonetworks.com>).
const PREDEFINED: &[(&str, [&str; 4])] = &[
    ("ssl", ["networking", "encrypted-tunnel", "browser-based", "4"]),
    ("web-browsing", ["general-internet", "internet-utility", "browser-based", "4"]),
    ("ssh", ["networking", "encrypted-tunnel", "client-server", "4"]),
    ("dns", ["networking", "infrastructure", "network-protocol", "3"]),
];

/// The applications that a filter holds, among those that are visible from a scope.
pub(super) fn members(config: &Element, scope: &Scope, filter: &Element, quirks: &Quirks) -> Vec<String> {
    let mut found: Vec<String> = PREDEFINED
        .iter()
        .filter(|(_, values)| fits(filter, |attribute| values.get(attribute).copied()))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if quirks.filters_hold_custom_applications {
        for scope in scope.visible(config) {
            let list = find(config, &scope.base()).and_then(|base| base.child("application"));
            let custom = list.into_iter().flat_map(Element::entries).filter(|(_, app)| {
                fits(filter, |attribute| app.text_of(ATTRIBUTES.get(attribute).copied().unwrap_or_default()))
            });
            found.extend(custom.map(|(name, _)| name.to_owned()));
        }
    }
    let excluded: Vec<&str> = filter.members_of("exclude").collect();
    found.retain(|name| !excluded.contains(&name.as_str()));
    found
}

/// A filter that names no attribute holds nothing here: what else it may name is not modelled.
fn fits<'a>(filter: &Element, value: impl Fn(usize) -> Option<&'a str>) -> bool {
    let mut named = false;
    let all = ATTRIBUTES.iter().enumerate().all(|(at, attribute)| {
        let mut wanted = filter.members_of(attribute).peekable();
        if wanted.peek().is_none() {
            return true;
        }
        named = true;
        value(at).is_some_and(|value| wanted.any(|wanted| wanted == value))
    });
    all && named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_one;

    #[test]
    fn a_filter_holds_what_has_the_right_attributes() {
        let config = parse_one(
            "<config><shared><application>\
             <entry name='ours'><category>business-systems</category><subcategory>general-business</subcategory><risk>1</risk></entry>\
             <entry name='risky'><category>business-systems</category><subcategory>database</subcategory><risk>5</risk></entry>\
             </application></shared></config>",
        )
        .unwrap();
        let held = |filter: &str, quirks: &Quirks| {
            let filter = parse_one(&format!("<entry name='f'>{filter}</entry>")).unwrap();
            members(&config, &Scope::Shared, &filter, quirks)
        };
        let business = "<category><member>business-systems</member></category>";
        let low = "<risk><member>1</member><member>2</member></risk>";
        let quirks = Quirks::default();
        assert_eq!(held(business, &quirks), ["ours", "risky"]);
        assert_eq!(held(&format!("{business}{low}"), &quirks), ["ours"]);
        assert_eq!(held(&format!("{business}<exclude><member>ours</member></exclude>"), &quirks), ["risky"]);
        let tunnels = "<subcategory><member>encrypted-tunnel</member></subcategory>";
        assert_eq!(held(tunnels, &quirks), ["ssl", "ssh"]);
        assert_eq!(held("<evasive>yes</evasive>", &quirks), Vec::<String>::new());
        let only_predefined = Quirks { filters_hold_custom_applications: false, ..quirks };
        assert_eq!(held(business, &only_predefined), Vec::<String>::new());
        assert_eq!(held(tunnels, &only_predefined).len(), 2);
    }
}
