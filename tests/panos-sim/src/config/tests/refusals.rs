//! What the candidate refuses, in the device's words.

use super::{APP, RULE, RULES, VSYS, delete, done, edit, entry, refused, set, store, write};
use crate::{
    clock::Moment,
    config::{Write, Writer, run_multi},
    quirks::{BadPattern, Quirks},
    tree::parse_one,
};

/// Each write is refused with this code, and with this as its first line.
fn all_refused(cases: impl IntoIterator<Item = (Write, u16, String)>) {
    for (what, code, line) in cases {
        let (found_code, lines) = refused(&mut store(), &what);
        assert_eq!((found_code, lines.first()), (code, Some(&line)), "{what:?}");
    }
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

#[test]
fn children_that_the_schema_does_not_have() {
    let rule = entry(RULES, "r");
    all_refused(
        [
            (entry("/application", "a"), "<tag><member>legacy</member></tag>", "a -> tag"),
            (entry("/application-group", "g"), "<tag/>", "g -> tag"),
            (rule.clone(), "<hip-profiles><member>any</member></hip-profiles>", "r -> hip-profiles"),
            (rule.clone(), "<member>x</member>", "r -> member"),
            (rule, "<from><zone>trust</zone></from>", "r -> from -> zone"),
        ]
        .map(|(at, element, what)| (set(&at, element), 12, format!(" {what} unexpected here"))),
    );
}

#[test]
fn names_and_texts_that_are_too_long() {
    let too_long = |what: &str, most: usize| {
        format!(" {what} can be at most {most} characters, but current length: {}", most + 1)
    };
    let app = entry("/application", "a");
    all_refused([
        (set(&entry("/address", &long(64)), "<fqdn>a.example</fqdn>"), 12, too_long(&long(64), 63)),
        (set("/address", &format!("<entry name='{}'/>", long(64))), 12, too_long(&long(64), 63)),
        (set(&entry("/application", &long(32)), APP), 12, too_long(&long(32), 31)),
        (set(&entry("/tag", &long(128)), "<color>color1</color>"), 12, too_long(&long(128), 127)),
        (set(&entry(RULES, &long(64)), RULE), 12, too_long(&long(64), 63)),
        (
            set(&app, &format!("<description>{}</description>", long(1024))),
            12,
            too_long("a -> description", 1023),
        ),
        (set(&entry("/application", "9a"), APP), 12, " name '9a' is invalid".to_owned()),
        (set(&entry(RULES, "a/b"), RULE), 12, " name 'a/b' is invalid".to_owned()),
    ]);
}

#[test]
fn values_that_are_none() {
    let (app, rule, tag) = (entry("/application", "a"), entry(RULES, "r"), entry("/tag", "t"));
    let (address, service) = (entry("/address", "x"), entry("/service", "x"));
    all_refused(
        [
            (&app, "<category>fun</category>", "a -> category 'fun' is not an allowed keyword"),
            (&app, "<risk>6</risk>", "a -> risk '6' is invalid"),
            (&app, "<parent-app>nothing</parent-app>", "a -> parent-app 'nothing' is not a valid reference"),
            (&rule, "<action>permit</action>", "r -> action 'permit' is not an allowed keyword"),
            (&rule, "<disabled>true</disabled>", "r -> disabled 'true' is not an allowed keyword"),
            (&rule, "<from><member/></from>", "r -> from '' needs to be at least 1 character"),
            (&rule, "<log-setting>none</log-setting>", "r -> log-setting 'none' is not a valid reference"),
            (&tag, "<color>color18</color>", "t -> color 'color18' is invalid"),
            (&address, "<ip-netmask>10.0.0.0/99</ip-netmask>", "x -> ip-netmask '10.0.0.0/99' is invalid"),
            (
                &service,
                "<protocol><tcp><port>0-99999</port></tcp></protocol>",
                "x -> protocol -> tcp -> port '0-99999' is invalid",
            ),
        ]
        .map(|(at, element, line)| (set(at, element), 12, format!(" {line}"))),
    );
}

#[test]
fn names_of_nothing_and_words_that_stand_alone() {
    let rule = entry(RULES, "r");
    for list in ["from", "to", "source", "destination", "application", "service", "tag"] {
        let element = format!("<{list}><member>nothing</member></{list}>");
        let (code, lines) = refused(&mut store(), &set(&rule, &element));
        let expected =
            [format!(" r -> {list} 'nothing' is not a valid reference"), format!(" r -> {list} is invalid")];
        assert_eq!((code, lines), (12, expected.to_vec()));
    }
    let both = "<service><member>application-default</member><member>tcp-8443</member></service>";
    let another = "<application><member>ssl</member></application>";
    all_refused([
        (
            set(&rule, both),
            12,
            " r -> service 'application-default' should not be used with another service".to_owned(),
        ),
        (
            set(&entry(RULES, "deny-east-west"), another),
            12,
            " deny-east-west -> application 'any' should not be used with another application".to_owned(),
        ),
    ]);
}

#[test]
fn edits_that_do_not_fit_and_paths_that_lead_nowhere() {
    let rule = entry(RULES, "r");
    let incomplete =
        format!("<entry name='r'>{}</entry>", RULE.replace("<from><member>trust</member></from>", ""));
    let mismatch = " edit failed, root element does not match the last node of the xpath";
    let nowhere = |path: &str| format!("Could not find schema node for xpath {VSYS}{path}");
    all_refused([
        (edit(&rule, &incomplete), 12, " r is missing 'from'".to_owned()),
        (edit(&rule, "<entry name='other'/>"), 12, mismatch.to_owned()),
        (edit(&rule, "<rule/>"), 12, mismatch.to_owned()),
        (set("/nowhere", "<a/>"), 17, nowhere("/nowhere")),
        (delete("/applications/entry[@name='x']"), 17, nowhere("/applications/entry[@name='x']")),
        (set("/tag/entry[last()]", "<a/>"), 6, "Invalid sequence".to_owned()),
        (
            set("/tag/entry[@name='a' or @name='b']", "<color>color1</color>"),
            6,
            "Invalid sequence".to_owned(),
        ),
    ]);
}

#[test]
fn signatures_are_checked_down_to_the_pattern() {
    let signature = |pattern: &str, context: &str| {
        format!(
            "{APP}<signature><entry name='sni'><scope>protocol-data-unit</scope><order-free>no</order-free><and-condition>\
             <entry name='a'><or-condition><entry name='o'><operator><pattern-match><pattern>{pattern}</pattern>\
             <context>{context}</context></pattern-match></operator></entry></or-condition></entry></and-condition></entry></signature>"
        )
    };
    let app = entry("/application", "a");
    done(
        &mut store(),
        "us",
        &set(&app, &signature(r"(?i)^web\.shop\.corp\.example\.?$", "ssl-req-chello-sni")),
    );
    let label =
        "a -> signature -> sni -> and-condition -> a -> or-condition -> o -> operator -> pattern-match";
    let long = "x".repeat(128);
    for (pattern, context, text) in [
        ("(", "ssl-req-chello-sni", format!(" {label} -> pattern '(' is invalid: ")),
        (
            "a",
            "ssl-req-chello-sni",
            format!(" {label} -> pattern 'a' is invalid: pattern needs at least 2 literal"),
        ),
        (long.as_str(), "ssl-req-chello-sni", format!(" {label} -> pattern can be at most 127 characters")),
        ("good", "ssl-req-nothing", format!(" {label} -> context 'ssl-req-nothing' is invalid")),
    ] {
        let (code, lines) = refused(&mut store(), &set(&app, &signature(pattern, context)));
        assert_eq!(code, 12);
        assert!(lines[0].starts_with(&text), "{lines:?}");
    }
    let quirks = Quirks { bad_pattern: BadPattern::BadSignature, ..Quirks::default() };
    write(&mut store(), "us", &quirks, &set(&app, &signature("(", "ssl-req-chello-sni"))).unwrap();
    let quirks = Quirks { sni_context_known: false, ..Quirks::default() };
    write(&mut store(), "us", &quirks, &set(&app, &signature("good", "ssl-req-chello-sni"))).unwrap_err();
}

#[test]
fn what_is_named_cannot_be_deleted() {
    let mut store = store();
    let (code, lines) = refused(&mut store, &delete(&entry("/application", "legacy-corp")));
    assert_eq!(code, 10);
    assert_eq!(
        lines,
        [
            " legacy-corp cannot be deleted because of references from:",
            " vsys -> vsys1 -> rulebase -> security -> rules -> allow-legacy -> application"
        ]
    );
    assert_eq!(refused(&mut store, &delete("/tag")).0, 10, "a whole list neither");
    assert_eq!(refused(&mut store, &edit("/tag", "<tag/>")).0, 10, "nor by replacing it");
    let batch = parse_one(&format!(
        "<multi-config><delete xpath=\"{VSYS}{rule}\"/><delete xpath=\"{VSYS}{app}\" id='2'/></multi-config>",
        rule = entry(RULES, "allow-legacy"),
        app = entry("/application", "legacy-corp"),
    ))
    .unwrap();
    let quirks = Quirks::default();
    let writer = Writer { admin: "us", now: Moment(0), quirks: &quirks };
    let reply = run_multi(&mut store, writer, &batch, false).unwrap();
    assert!(!reply.failed(), "in the order of the batch it can: {reply:?}");
}
