//! The top of the configuration of a firewall or a Panorama, and where a path stands in it.

use super::{
    kind::{ANYTHING, Entries, Field, Form, Kind, Text, field, formed, text},
    names::NameRule,
    objects::OBJECTS,
    rule::{DEFAULT_RULES, PANORAMA_RULES, SECURITY_RULES},
};
use crate::tree::NodePath;

static CONFIG: &[Field] = &[
    field("mgt-config", Kind::Open),
    field("shared", Kind::Container(&[OBJECTS, SHARED, PUSHED_RULEBASES])),
    field("devices", Kind::Entries(&DEVICES)),
    field("panorama", Kind::ReadOnly),
    field("predefined", Kind::ReadOnly),
    field("readonly", Kind::ReadOnly),
];

const CONFIG_KIND: Kind = Kind::Container(&[CONFIG]);

/// What only `shared` has.
static SHARED: &[Field] = &[
    field("certificate", Kind::Open),
    field("certificate-profile", Kind::Open),
    field("ssl-tls-service-profile", Kind::Open),
    field("authentication-profile", Kind::Open),
    field("server-profile", Kind::Open),
    field("botnet", Kind::Open),
    field("local-user-database", Kind::Open),
    field("content-preview", Kind::Open),
];

static DEVICES: Entries = Entries {
    max_name: 63,
    rule: NameRule::Free,
    object: false,
    kind: Kind::Container(&[&[
        field("deviceconfig", Kind::Container(&[SETTING])),
        field("network", Kind::Open),
        field("vsys", Kind::Entries(&VSYS)),
        field("device-group", Kind::Entries(&DEVICE_GROUPS)),
        field("template", Kind::Open),
        field("template-stack", Kind::Open),
        field("log-collector-group", Kind::Open),
        field("plugins", Kind::Open),
    ]]),
};

/// Of the device's own settings only the lifetime of API keys is modelled.
static SETTING: &[Field] = &[field("setting", Kind::Container(&[MANAGEMENT])), ANYTHING];
static MANAGEMENT: &[Field] = &[field("management", Kind::Container(&[API])), ANYTHING];
static API: &[Field] = &[field("api", Kind::Container(&[KEY])), ANYTHING];
static KEY: &[Field] = &[field("key", Kind::Container(&[LIFETIME])), ANYTHING];
static LIFETIME: &[Field] = &[field("lifetime", Kind::Text(&MINUTES)), ANYTHING];
static MINUTES: Text = formed(Form::Number(0, 525_600));

/// `PaloAltoNetworks/pan-os-codegen:specs/panorama/device-group.yaml`
static DEVICE_GROUPS: Entries = Entries {
    max_name: 63,
    rule: NameRule::Object,
    object: false,
    kind: Kind::Container(&[OBJECTS, GROUP_OWN, PUSHED_RULEBASES]),
};

/// What only a device group has.
static GROUP_OWN: &[Field] = &[
    field("description", Kind::Text(&GROUP_DESCRIPTION)),
    field("devices", Kind::Entries(&GROUP_DEVICES)),
    field("authorization-code", Kind::Open),
    field("master-device", Kind::Open),
    field("reference-templates", Kind::Open),
    field("to-sw-version", Kind::Open),
];
static GROUP_DESCRIPTION: Text = text(255);
static GROUP_DEVICES: Entries =
    Entries { max_name: 63, rule: NameRule::Free, object: false, kind: Kind::Open };

/// The rulebases of a Panorama, which come before and after those of its firewalls.
static PUSHED_RULEBASES: &[Field] = &[
    field("pre-rulebase", Kind::Container(&[PANORAMA_RULEBASE])),
    field("post-rulebase", Kind::Container(&[PANORAMA_RULEBASE, DEFAULTS])),
];
static PANORAMA_RULEBASE: &[Field] = &[
    field("security", Kind::Container(&[&[field("rules", Kind::Entries(&PANORAMA_RULES))]])),
    field("nat", Kind::Container(&[&[field("rules", Kind::Entries(&OTHER_RULES))]])),
    field("decryption", Kind::Container(&[&[field("rules", Kind::Entries(&OTHER_RULES))]])),
];
static DEFAULTS: &[Field] =
    &[field("default-security-rules", Kind::Container(&[&[field("rules", Kind::Entries(&DEFAULT_RULES))]]))];

/// What a push puts under `/config/panorama/vsys/entry`; on the firewall nobody writes it.
pub(crate) const PUSHED_KIND: Kind = Kind::Container(&[OBJECTS, PUSHED_RULEBASES]);

static VSYS: Entries = Entries {
    max_name: 31,
    rule: NameRule::Free,
    object: false,
    kind: Kind::Container(&[OBJECTS, VSYS_OWN]),
};

/// What only a vsys has.
static VSYS_OWN: &[Field] = &[
    field("display-name", Kind::Text(&DISPLAY_NAME)),
    field("zone", Kind::Entries(&ZONES)),
    field("import", Kind::Open),
    field("setting", Kind::Open),
    field("user-id-collector", Kind::Open),
    field("rulebase", Kind::Container(&[RULEBASE, DEFAULTS])),
];
static DISPLAY_NAME: Text = text(31);
static ZONES: Entries = Entries { max_name: 31, rule: NameRule::Object, object: true, kind: Kind::Open };

static RULEBASE: &[Field] = &[
    field("security", Kind::Container(&[&[field("rules", Kind::Entries(&SECURITY_RULES))]])),
    field("nat", Kind::Container(&[&[field("rules", Kind::Entries(&OTHER_RULES))]])),
    field("decryption", Kind::Container(&[&[field("rules", Kind::Entries(&OTHER_RULES))]])),
];
static OTHER_RULES: Entries = Entries { max_name: 63, rule: NameRule::Rule, object: true, kind: Kind::Open };

/// Where a path stands in the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// The list that the last step is an item of.
    pub(crate) item_of: Option<&'static Entries>,
    /// How many steps lead to the innermost object or rule; `None` above all objects.
    pub(crate) object_at: Option<usize>,
}

/// The place of a path; `None` when the schema has no such node.
pub(crate) fn locate(path: &NodePath) -> Option<Place> {
    let mut names = path.names();
    if names.next() != Some("config") {
        return None;
    }
    let mut place = Place { kind: CONFIG_KIND, item_of: None, object_at: None };
    for (index, name) in names.enumerate() {
        let item_of = match place.kind {
            Kind::Entries(entries) => Some(entries),
            Kind::Container(_)
            | Kind::Members(_)
            | Kind::Text(_)
            | Kind::Empty
            | Kind::Open
            | Kind::ReadOnly => None,
        };
        let object_at = match item_of {
            Some(entries) if entries.object => Some(index + 2),
            Some(_) | None => place.object_at,
        };
        place = Place { kind: place.kind.below(name)?, item_of, object_at };
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_xpath;
    use crate::tree::{Predicate, Segment};

    fn path(xpath: &str) -> NodePath {
        let steps = parse_xpath(xpath).unwrap().steps;
        NodePath(
            steps
                .into_iter()
                .map(|step| Segment {
                    key: match step.predicate {
                        Predicate::Names(names) => names.into_iter().next(),
                        Predicate::Texts(texts) => texts.into_iter().next(),
                        Predicate::None => None,
                    },
                    name: step.name,
                })
                .collect(),
        )
    }

    #[test]
    fn the_schema_knows_where_automation_writes() {
        let vsys = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']";
        for (below, known) in [
            ("/application/entry[@name='a']/signature/entry[@name='s']/and-condition", true),
            ("/rulebase/security/rules/entry[@name='r']/application/member[text()='x']", true),
            ("/rulebase/security/rules/entry[@name='r']/hip-profiles", false),
            ("/rulebase/security/rule", false),
            ("/application/entry[@name='a']/tag", false),
            ("/tag/entry[@name='t']/comments", true),
            ("/tag/entry[@name='t']/comments/deeper", false),
            ("/zone/entry[@name='z']/network/layer3", true),
            ("/pre-rulebase/security/rules", false),
        ] {
            assert_eq!(locate(&path(&format!("{vsys}{below}"))).is_some(), known, "{below}");
        }
        let group = "/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='g']";
        for (below, known) in [
            ("/pre-rulebase/security/rules/entry[@name='r']/target/negate", true),
            ("/post-rulebase/default-security-rules/rules/entry[@name='intrazone-default']/action", true),
            ("/application/entry[@name='a']/signature", true),
            ("/devices/entry[@name='007']", true),
            ("/rulebase/security/rules", false),
            ("/zone", false),
        ] {
            assert_eq!(locate(&path(&format!("{group}{below}"))).is_some(), known, "{below}");
        }
        assert!(locate(&path("/configuration")).is_none());
        let rule = path(&format!("{vsys}/rulebase/security/rules/entry[@name='r']/from"));
        assert_eq!(locate(&rule).unwrap().object_at, Some(rule.0.len() - 1));
    }
}
