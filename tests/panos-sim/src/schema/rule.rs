//! Security rules. `hip-profiles` ended with 10.0 and is unexpected here
//! (<https://github.com/PaloAltoNetworks/pan-os-ansible/issues/291>).
//!
//! `PaloAltoNetworks/pan-os-codegen:specs/policies/security-policy-rule.yaml`

use super::{
    kind::{
        Entries, FLAG, Field, Form, Kind, Members, Refers, Text, choice, field, formed, members, required,
        text,
    },
    names::NameRule,
    objects::TAG_MEMBERS,
};

pub(super) static SECURITY_RULES: Entries =
    Entries { max_name: 63, rule: NameRule::Rule, object: true, kind: Kind::Container(&[LISTS, SETTINGS]) };

/// On a Panorama a rule can be meant for some of the group's firewalls.
pub(super) static PANORAMA_RULES: Entries = Entries {
    max_name: 63,
    rule: NameRule::Rule,
    object: true,
    kind: Kind::Container(&[LISTS, SETTINGS, TARGETS]),
};
static TARGETS: &[Field] = &[field("target", Kind::Container(&[TARGET]))];
static TARGET: &[Field] =
    &[field("devices", Kind::Entries(&TARGET_DEVICES)), field("tags", Kind::Open), field("negate", FLAG)];
static TARGET_DEVICES: Entries =
    Entries { max_name: 63, rule: NameRule::Free, object: false, kind: Kind::Open };

static LISTS: &[Field] = &[
    required("from", Kind::Members(&ZONES)),
    required("to", Kind::Members(&ZONES)),
    required("source", Kind::Members(&ADDRESSES)),
    required("destination", Kind::Members(&ADDRESSES)),
    field("source-user", Kind::Members(&USERS)),
    required("application", Kind::Members(&APPS)),
    required("service", Kind::Members(&SERVICES)),
    field("category", Kind::Members(&FREE)),
    field("source-hip", Kind::Members(&FREE)),
    field("destination-hip", Kind::Members(&FREE)),
    field("source-imei", Kind::Members(&FREE)),
    field("source-imsi", Kind::Members(&FREE)),
    field("source-nw-slice", Kind::Members(&FREE)),
    field("saas-user-list", Kind::Members(&FREE)),
    field("saas-tenant-list", Kind::Members(&FREE)),
    field("tag", Kind::Members(&TAG_MEMBERS)),
];

static ZONES: Members = members(31, Refers::Zone, &["any"]);
static ADDRESSES: Members = members(63, Refers::Address, &["any"]);
static USERS: Members = members(1023, Refers::Nothing, &["any"]);
static APPS: Members = members(63, Refers::Application, &["any"]);
static SERVICES: Members = members(63, Refers::Service, &["any", "application-default"]);
static FREE: Members = members(63, Refers::Nothing, &["any"]);

static SETTINGS: &[Field] = &[
    required("action", Kind::Text(&ACTION)),
    field("rule-type", Kind::Text(&RULE_TYPE)),
    field("log-start", FLAG),
    field("log-end", FLAG),
    field("log-setting", Kind::Text(&LOG_SETTING)),
    field("description", Kind::Text(&DESCRIPTION)),
    field("group-tag", Kind::Text(&GROUP_TAG)),
    field("disabled", FLAG),
    field("negate-source", FLAG),
    field("negate-destination", FLAG),
    field("icmp-unreachable", FLAG),
    field("disable-inspect", FLAG),
    field("schedule", Kind::Text(&DESCRIPTION)),
    field("option", Kind::Container(&[&[field("disable-server-response-inspection", FLAG)]])),
    field("profile-setting", Kind::Container(&[PROFILES])),
    field("qos", Kind::Open),
];

static ACTION: Text =
    formed(Form::OneOf(&["deny", "allow", "drop", "reset-client", "reset-server", "reset-both"]));
static RULE_TYPE: Text = formed(Form::OneOf(&["universal", "intrazone", "interzone"]));
static DESCRIPTION: Text = text(1024);
static GROUP_TAG: Text = Text { max: 127, form: Form::Any, refers: Refers::Tag };
static LOG_SETTING: Text = Text { max: 63, form: Form::Any, refers: Refers::LogSetting };

static PROFILES: &[Field] =
    &[choice(1, "group", Kind::Members(&PROFILE_GROUP)), choice(1, "profiles", Kind::Open)];
static PROFILE_GROUP: Members = members(63, Refers::ProfileGroup, &[]);

/// The two default rules: only some settings of them can be overridden.
pub(super) static DEFAULT_RULES: Entries =
    Entries { max_name: 63, rule: NameRule::Rule, object: true, kind: Kind::Container(&[OVERRIDES]) };
static OVERRIDES: &[Field] = &[
    field("action", Kind::Text(&ACTION)),
    field("log-start", FLAG),
    field("log-end", FLAG),
    field("log-setting", Kind::Text(&LOG_SETTING)),
    field("icmp-unreachable", FLAG),
    field("profile-setting", Kind::Container(&[PROFILES])),
    field("tag", Kind::Members(&TAG_MEMBERS)),
    field("group-tag", Kind::Text(&GROUP_TAG)),
];
