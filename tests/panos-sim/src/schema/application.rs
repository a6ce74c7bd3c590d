//! Custom applications and their signatures. An application has no `tag` member.
//!
//! `PaloAltoNetworks/pan-os-codegen:specs/objects/application.yaml`; names of signatures and conditions ≤ 31 from the
//! vendor's OpenAPI; categories from
//! <https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-applications/applications-overview>.

use super::{
    kind::{
        Entries, FLAG, Field, Form, Kind, Members, Refers, Text, choice, field, formed, members, required,
        text,
    },
    names::NameRule,
};

pub(super) static APPLICATIONS: Entries = Entries {
    max_name: 31,
    rule: NameRule::Application,
    object: true,
    kind: Kind::Container(&[FIELDS, FLAGS]),
};

static FIELDS: &[Field] = &[
    field("category", Kind::Text(&CATEGORY)),
    field("subcategory", Kind::Text(&NAME_63)),
    field("technology", Kind::Text(&TECHNOLOGY)),
    field("risk", Kind::Text(&RISK)),
    field("description", Kind::Text(&DESCRIPTION)),
    field("parent-app", Kind::Text(&PARENT)),
    field("default", Kind::Container(&[DEFAULT])),
    field("timeout", Kind::Text(&TIMEOUT)),
    field("tcp-timeout", Kind::Text(&TIMEOUT)),
    field("udp-timeout", Kind::Text(&TIMEOUT)),
    field("tcp-half-closed-timeout", Kind::Text(&HALF_CLOSED)),
    field("tcp-time-wait-timeout", Kind::Text(&TIME_WAIT)),
    field("alg-disable-capability", Kind::Text(&TEXT_127)),
    field("signature", Kind::Entries(&SIGNATURES)),
];

static FLAGS: &[Field] = &[
    field("able-to-transfer-file", FLAG),
    field("consume-big-bandwidth", FLAG),
    field("data-ident", FLAG),
    field("evasive-behavior", FLAG),
    field("file-type-ident", FLAG),
    field("has-known-vulnerability", FLAG),
    field("no-appid-caching", FLAG),
    field("pervasive-use", FLAG),
    field("prone-to-misuse", FLAG),
    field("tunnel-applications", FLAG),
    field("tunnel-other-application", FLAG),
    field("used-by-malware", FLAG),
    field("virus-ident", FLAG),
];

static CATEGORY: Text = formed(Form::OneOf(&[
    "business-systems",
    "collaboration",
    "general-internet",
    "media",
    "networking",
    "unknown",
    "saas",
]));
static TECHNOLOGY: Text =
    formed(Form::OneOf(&["browser-based", "client-server", "network-protocol", "peer-to-peer"]));
static RISK: Text = formed(Form::Number(1, 5));
static NAME_63: Text = text(63);
static TEXT_127: Text = text(127);
static DESCRIPTION: Text = formed(Form::ApplicationDescription);
static PARENT: Text = Text { max: 127, form: Form::Any, refers: Refers::ParentApp };
static TIMEOUT: Text = formed(Form::Number(0, 604_800));
static HALF_CLOSED: Text = formed(Form::Number(1, 604_800));
static TIME_WAIT: Text = formed(Form::Number(1, 600));

static DEFAULT: &[Field] = &[
    choice(1, "port", Kind::Members(&PORTS)),
    choice(1, "ident-by-ip-protocol", Kind::Text(&BYTE)),
    choice(1, "ident-by-icmp-type", Kind::Container(&[ICMP])),
    choice(1, "ident-by-icmp6-type", Kind::Container(&[ICMP])),
];
static PORTS: Members = members(63, Refers::Nothing, &[]);
static BYTE: Text = formed(Form::Number(0, 255));
static ICMP: &[Field] = &[field("type", Kind::Text(&BYTE)), field("code", Kind::Text(&BYTE))];

const fn inner(kind: Kind) -> Entries {
    Entries { max_name: 31, rule: NameRule::Inner, object: false, kind }
}

static SIGNATURES: Entries = inner(Kind::Container(&[SIGNATURE]));
static SIGNATURE: &[Field] = &[
    field("comment", Kind::Text(&COMMENT)),
    field("scope", Kind::Text(&SCOPE)),
    field("order-free", FLAG),
    field("and-condition", Kind::Entries(&AND)),
];
static COMMENT: Text = text(256);
static SCOPE: Text = formed(Form::OneOf(&["protocol-data-unit", "session"]));
static AND: Entries = inner(Kind::Container(&[&[field("or-condition", Kind::Entries(&OR))]]));
static OR: Entries = inner(Kind::Container(&[&[field("operator", Kind::Container(&[OPERATOR]))]]));

static OPERATOR: &[Field] = &[
    choice(1, "pattern-match", Kind::Container(&[PATTERN_MATCH])),
    choice(1, "greater-than", Kind::Container(&[COMPARE])),
    choice(1, "less-than", Kind::Container(&[COMPARE])),
    choice(1, "equal-to", Kind::Container(&[EQUAL])),
];
static PATTERN_MATCH: &[Field] = &[
    required("pattern", Kind::Text(&PATTERN)),
    required("context", Kind::Text(&CONTEXT)),
    field("qualifier", Kind::Entries(&QUALIFIER)),
];
static COMPARE: &[Field] = &[
    required("context", Kind::Text(&CONTEXT)),
    required("value", Kind::Text(&NUMBER)),
    field("qualifier", Kind::Entries(&QUALIFIER)),
];
static EQUAL: &[Field] = &[
    required("context", Kind::Text(&CONTEXT)),
    field("position", Kind::Text(&TEXT_127)),
    field("mask", Kind::Text(&TEXT_10)),
    required("value", Kind::Text(&TEXT_10)),
];
static PATTERN: Text = Text { max: 127, form: Form::Pattern, refers: Refers::Nothing };
static CONTEXT: Text = Text { max: 127, form: Form::Context, refers: Refers::Nothing };
static NUMBER: Text = formed(Form::Number(0, 4_294_967_295));
static TEXT_10: Text = text(10);
static QUALIFIER: Entries = inner(Kind::Container(&[&[field("value", Kind::Text(&TEXT_127))]]));
