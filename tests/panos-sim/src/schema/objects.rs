//! Objects that rules name: tags, addresses, services and groups.
//!
//! `PaloAltoNetworks/pan-os-codegen:specs/objects/{tag,address,address-group,service,application-group}.yaml`

use super::{
    application::APPLICATIONS,
    kind::{
        Entries, FLAG, Field, Form, Kind, Members, Refers, Text, choice, field, formed, members, required,
        text,
    },
    names::NameRule,
};

/// The object lists that `shared` and every vsys have.
pub(super) static OBJECTS: &[Field] = &[
    field("application", Kind::Entries(&APPLICATIONS)),
    field("application-group", Kind::Entries(&APPLICATION_GROUPS)),
    field("application-filter", Kind::Entries(&APPLICATION_FILTERS)),
    field("application-tag", Kind::Open),
    field("application-status", Kind::Open),
    field("address", Kind::Entries(&ADDRESSES)),
    field("address-group", Kind::Entries(&ADDRESS_GROUPS)),
    field("service", Kind::Entries(&SERVICES)),
    field("service-group", Kind::Entries(&OPEN_63)),
    field("tag", Kind::Entries(&TAGS)),
    field("external-list", Kind::Entries(&OPEN_63)),
    field("profile-group", Kind::Entries(&OPEN_63)),
    field("profiles", Kind::Open),
    field("log-settings", Kind::Container(&[LOG_SETTINGS])),
    field("schedule", Kind::Entries(&OPEN_63)),
    field("region", Kind::Open),
    field("threats", Kind::Open),
];

static OPEN_63: Entries = Entries { max_name: 63, rule: NameRule::Object, object: true, kind: Kind::Open };

static LOG_SETTINGS: &[Field] = &[
    field("profiles", Kind::Entries(&OPEN_63)),
    field("syslog", Kind::Open),
    field("system", Kind::Open),
    field("config", Kind::Open),
    field("email", Kind::Open),
    field("http", Kind::Open),
    field("snmptrap", Kind::Open),
];

static DESCRIPTION: Text = text(1023);
pub(super) static TAG_MEMBERS: Members = members(127, Refers::Tag, &[]);

static TAGS: Entries = Entries {
    max_name: 127,
    rule: NameRule::Free,
    object: true,
    kind: Kind::Container(&[&[
        field("color", Kind::Text(&COLOR)),
        field("comments", Kind::Text(&DESCRIPTION)),
    ]]),
};
static COLOR: Text = formed(Form::Color);

static ADDRESSES: Entries =
    Entries { max_name: 63, rule: NameRule::Object, object: true, kind: Kind::Container(&[ADDRESS]) };
static ADDRESS: &[Field] = &[
    choice(1, "ip-netmask", Kind::Text(&ADDRESS_TEXT)),
    choice(1, "ip-range", Kind::Text(&ADDRESS_TEXT)),
    choice(1, "ip-wildcard", Kind::Text(&DESCRIPTION)),
    choice(1, "fqdn", Kind::Text(&FQDN)),
    field("description", Kind::Text(&DESCRIPTION)),
    field("tag", Kind::Members(&TAG_MEMBERS)),
];
static ADDRESS_TEXT: Text = formed(Form::Address);
static FQDN: Text = Text { max: 255, form: Form::Fqdn, refers: Refers::Nothing };

static ADDRESS_GROUPS: Entries =
    Entries { max_name: 63, rule: NameRule::Object, object: true, kind: Kind::Container(&[ADDRESS_GROUP]) };
static ADDRESS_GROUP: &[Field] = &[
    choice(1, "static", Kind::Members(&GROUP_ADDRESSES)),
    choice(1, "dynamic", Kind::Container(&[&[required("filter", Kind::Text(&FILTER))]])),
    field("description", Kind::Text(&DESCRIPTION)),
    field("tag", Kind::Members(&TAG_MEMBERS)),
];
static GROUP_ADDRESSES: Members = members(63, Refers::AddressOfGroup, &[]);
static FILTER: Text = Text { max: 2047, form: Form::TagFilter, refers: Refers::Nothing };

static SERVICES: Entries =
    Entries { max_name: 63, rule: NameRule::Object, object: true, kind: Kind::Container(&[SERVICE]) };
static SERVICE: &[Field] = &[
    required("protocol", Kind::Container(&[PROTOCOL])),
    field("description", Kind::Text(&DESCRIPTION)),
    field("tag", Kind::Members(&TAG_MEMBERS)),
];
static PROTOCOL: &[Field] =
    &[choice(1, "tcp", Kind::Container(&[PORTS])), choice(1, "udp", Kind::Container(&[PORTS]))];
static PORTS: &[Field] = &[
    required("port", Kind::Text(&PORT)),
    field("source-port", Kind::Text(&PORT)),
    field("override", Kind::Container(&[OVERRIDE])),
];
static PORT: Text = Text { max: 1023, form: Form::Ports, refers: Refers::Nothing };
static OVERRIDE: &[Field] = &[choice(1, "no", Kind::Empty), choice(1, "yes", Kind::Container(&[TIMEOUTS]))];
static TIMEOUTS: &[Field] = &[
    field("timeout", Kind::Text(&SECONDS)),
    field("halfclose-timeout", Kind::Text(&SECONDS)),
    field("timewait-timeout", Kind::Text(&SECONDS)),
];
static SECONDS: Text = formed(Form::Number(1, 604_800));

/// No `tag` here either: the device answers `NAME -> tag unexpected here`
/// (<https://github.com/PaloAltoNetworks/pan-os-ansible/issues/617>).
static APPLICATION_GROUPS: Entries = Entries {
    max_name: 31,
    rule: NameRule::Object,
    object: true,
    kind: Kind::Container(&[&[
        required("members", Kind::Members(&GROUP_APPS)),
        field("disable-override", FLAG),
    ]]),
};
static GROUP_APPS: Members = members(63, Refers::ApplicationOfGroup, &[]);

/// `PaloAltoNetworks/pan-os-python:panos/objects.py` (`ApplicationFilter`).
static APPLICATION_FILTERS: Entries = Entries {
    max_name: 31,
    rule: NameRule::Object,
    object: true,
    kind: Kind::Container(&[ATTRIBUTES, CHARACTERISTICS]),
};
static ATTRIBUTES: &[Field] = &[
    field("category", Kind::Members(&WORDS)),
    field("subcategory", Kind::Members(&WORDS)),
    field("technology", Kind::Members(&WORDS)),
    field("risk", Kind::Members(&WORDS)),
    field("exclude", Kind::Members(&GROUP_APPS)),
    field("tagging", Kind::Open),
];
static WORDS: Members = members(63, Refers::Nothing, &[]);
static CHARACTERISTICS: &[Field] = &[
    field("evasive", FLAG),
    field("excessive-bandwidth-use", FLAG),
    field("prone-to-misuse", FLAG),
    field("is-saas", FLAG),
    field("transfers-files", FLAG),
    field("tunnels-other-apps", FLAG),
    field("used-by-malware", FLAG),
    field("has-known-vulnerabilities", FLAG),
    field("pervasive", FLAG),
    field("new-appid", FLAG),
    field("disable-override", FLAG),
];
