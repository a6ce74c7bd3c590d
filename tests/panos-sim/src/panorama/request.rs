//! The `<commit-all>` command: what is pushed to whom, and how.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit-all>; a group is named by
//! an entry (`PaloAltoNetworks/pango:commit/panorama.go`) or by text, and a firewall by `<device>`
//! (`kevinsteves/pan-python:lib/pan/commit.py`, which also says that `merge-with-candidate-cfg` is yes when absent).

use crate::{
    refusal::{Code, Refusal},
    tree::Element,
};
use std::collections::BTreeSet;

/// One push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PushRequest {
    /// Groups, each with the firewalls that are meant; none means all of the group.
    pub(crate) groups: Vec<(String, BTreeSet<String>)>,
    /// Also commit what the firewall's own administrators have pending there.
    pub(crate) merge: bool,
    pub(crate) include_template: bool,
    pub(crate) force_template_values: bool,
    pub(crate) validate_only: bool,
    /// Only what these administrators committed.
    pub(crate) admins: Option<BTreeSet<String>>,
    pub(crate) description: String,
}

impl PushRequest {
    /// # Errors
    /// A child that the command does not have, or no group.
    pub(crate) fn parse(cmd: &Element) -> Result<Self, Refusal> {
        let refused = |line: String| Refusal::new(Code::InvalidCommand, line);
        let policy = match (cmd.name.as_str(), cmd.children.as_slice()) {
            ("commit-all", [policy]) if policy.name == "shared-policy" => policy,
            (name, _) => return Err(refused(format!(" {name} -> shared-policy is expected"))),
        };
        let mut request = Self { merge: true, ..Self::default() };
        let mut devices = BTreeSet::new();
        for child in &policy.children {
            let yes = child.text == "yes";
            match child.name.as_str() {
                "device-group" if child.children.is_empty() => {
                    request.groups.push((child.text.clone(), BTreeSet::new()));
                }
                "device-group" => request.groups.extend(child.entries().map(|(name, entry)| {
                    let meant = entry.child("devices").into_iter().flat_map(Element::entries);
                    (name.to_owned(), meant.map(|(serial, _)| serial.to_owned()).collect())
                })),
                "device" => {
                    devices.insert(child.text.clone());
                }
                "merge-with-candidate-cfg" => request.merge = yes,
                "include-template" => request.include_template = yes,
                "force-template-values" => request.force_template_values = yes,
                "validate-only" => request.validate_only = child.text != "no",
                "description" => request.description.clone_from(&child.text),
                "admin" => {
                    request.admins = Some(policy.members_of("admin").map(str::to_owned).collect());
                }
                "exclude-other-admins" | "vsys" => {}
                other => {
                    return Err(refused(format!(" commit-all -> shared-policy -> {other} unexpected here")));
                }
            }
        }
        for (_, meant) in &mut request.groups {
            meant.extend(devices.iter().cloned());
        }
        if request.groups.is_empty() {
            return Err(refused(" commit-all -> shared-policy is missing 'device-group'".to_owned()));
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_one;

    fn parse(inner: &str) -> Result<PushRequest, Refusal> {
        let cmd = format!("<commit-all><shared-policy>{inner}</shared-policy></commit-all>");
        PushRequest::parse(&parse_one(&cmd).unwrap())
    }

    #[test]
    fn the_command_is_read_as_clients_send_it() {
        let plain = parse("<device-group><entry name='g'/></device-group>").unwrap();
        assert_eq!(plain.groups, [("g".to_owned(), BTreeSet::new())]);
        assert!(plain.merge, "absent is yes");
        assert!(!plain.include_template && !plain.force_template_values && !plain.validate_only);
        let all = parse(
            "<device-group><entry name='g'><devices><entry name='007'/></devices></entry></device-group>\
             <merge-with-candidate-cfg>no</merge-with-candidate-cfg><include-template>yes</include-template>\
             <force-template-values>yes</force-template-values><validate-only/><description>d</description>\
             <admin><member>a</member></admin>",
        )
        .unwrap();
        assert_eq!(all.groups, [("g".to_owned(), BTreeSet::from(["007".to_owned()]))]);
        assert!(!all.merge && all.include_template && all.force_template_values && all.validate_only);
        assert_eq!(all.admins, Some(BTreeSet::from(["a".to_owned()])));
        let by_text = parse("<device>007</device><device-group>g</device-group>").unwrap();
        assert_eq!(by_text.groups, [("g".to_owned(), BTreeSet::from(["007".to_owned()]))]);
        assert!(parse("<device-group>g</device-group><x/>").is_err());
        assert!(parse("").is_err());
        assert!(PushRequest::parse(&parse_one("<commit/>").unwrap()).is_err());
    }
}
