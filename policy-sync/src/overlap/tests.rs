//! What overlaps with a name, and what does not.

use super::*;
use crate::{elements::SNI_CONTEXT, xml::parse};

const HELLO: &str = "ssl-req-client-hello";

/// An or-condition by pattern.
fn pattern(context: &str, pattern: &str) -> Element {
    let body = Element::leaf("pattern", pattern);
    operator(Element::new("pattern-match").with(body).with(Element::leaf("context", context)))
}

/// An or-condition by number.
fn number(context: &str, name: &str, value: &str) -> Element {
    operator(Element::new(name).with(Element::leaf("context", context)).with(Element::leaf("value", value)))
}

fn operator(inner: Element) -> Element {
    Element::entry("or").with(Element::new("operator").with(inner))
}

/// An App-ID of one signature: all of the lists must hold, each by one of its tests.
fn app(ands: Vec<Vec<Element>>) -> Element {
    let ands =
        ands.into_iter().map(|ors| Element::entry("and").with(Element::new("or-condition").with_all(ors)));
    let signature = Element::entry("s").with(Element::new("and-condition").with_all(ands));
    Element::entry("legacy")
        .with(Element::leaf("description", "old\nmore"))
        .with(Element::new("signature").with(signature))
}

fn words(app: &Element, name: &str) -> Option<String> {
    let foreign = foreign_signatures([app].into_iter(), |_| false);
    Overlaps::default().with(&name.parse().unwrap(), "sp-web", &foreign)
}

fn overlap(context: &str, text: &str, name: &str) -> bool {
    words(&app(vec![vec![pattern(context, text)]]), name).is_some()
}

#[test]
fn law_6_foreign_patterns_are_substrings_unless_anchored() {
    for (pattern, name, overlaps) in [
        (r"shop\.corp", "web.shop.corp.example", true),
        (r"legacy\.corp\.example", "web.shop.corp.example", false),
        (r"legacy\.corp\.example", "a.legacy.corp.example", true),
        (r"^shop\.corp\.example$", "web.shop.corp.example", false),
        (r"^web\.", "web.shop.corp.example", true),
        (r"\.example$", "web.shop.corp.example", true),
        (r"\.example\.$", "web.shop.corp.example", true),
        (r"WEB\.SHOP", "web.shop.corp.example", true),
        (r"(?i)^[^.]+\.shop\.corp\.example\.?$", "web.shop.corp.example", true),
        (r"(?i)^[^.]+\.shop\.corp\.example\.?$", "a.web.shop.corp.example", false),
        (r"^pay\.shop\.corp\.example$", "*.shop.corp.example", true),
        (r"^a\.pay\.shop\.corp\.example$", "*.shop.corp.example", false),
        (r"^(?i)web\.shop\.corp\.example\.?$", "web.shop.corp.example", true),
        // The classic engine's gap: so many bytes of any kind.
        (r"web{1-9}corp\.example", "web.shop.corp.example", true),
        (r"web{1-5}corp\.example", "web.shop.corp.example", false),
    ] {
        assert_eq!(overlap(SNI_CONTEXT, pattern, name), overlaps, "{pattern} {name}");
    }
}

#[test]
fn law_6_a_pattern_on_the_whole_client_hello_can_match_a_name_inside() {
    let name = "web.shop.corp.example";
    for (pattern, name, overlaps) in [
        (r"shop\.corp\.example", name, true),
        (r"legacy\.corp\.example", name, false),
        (r"example\.legacy", name, false),
        (r"legacy\.corp\.example", "*.corp.example", true),
        (r"legacy\.corp\.example", "*.shop.example", false),
        // The name's length stands before it, and something else behind: 21 is 0x15.
        (r"\x00 15\xweb\.shop", name, true),
        (r"\x00 16\xweb\.shop", name, true),
        (r"\x00 17\xweb\.shop", name, false),
        (r"example\x00\x", name, true),
        (r"^shop\.corp\.example", name, false),
        // What many a ClientHello holds, whatever its name.
        (r"\x16 03 01\x.*\x00 2b 00 03\x", name, true),
        (r"http/1\.1", name, true),
        // What chance can bring.
        (r"\x13 01\x", name, true),
        (r"legacy", name, true),
        (r"(legacy)?", name, true),
        (r"(a", name, true),
    ] {
        assert_eq!(overlap(HELLO, pattern, name), overlaps, "{pattern} {name}");
    }
}

#[test]
fn law_6_what_cannot_be_decided_overlaps() {
    for pattern in [r"(a", r"(?=web)", r"\1", "((((a{1000}){1000}){1000}))", ""] {
        assert!(overlap(SNI_CONTEXT, pattern, "web.shop.corp.example"), "{pattern}");
    }
    for context in ["ssl-rsp-certificate", "ssl-req-random-bytes", "ssl-rsp-server-hello", "ssl-new-one"] {
        let words = words(&app(vec![vec![pattern(context, "legacy-name")]]), "web.shop.example").unwrap();
        for part in
            ["App-ID legacy (\"old\") tests", context, "web.shop.example of our sp-web", "narrow or remove"]
        {
            assert!(words.contains(part), "{part} in {words}");
        }
    }
    let version = app(vec![vec![number("ssl-rsp-version", "equal-to", "771")]]);
    assert!(words(&version, "web.shop.example").is_some());
}

#[test]
fn law_6_a_session_for_our_name_has_an_sni() {
    for (operator, value, overlaps) in [
        ("equal-to", "1", false),
        ("greater-than", "0", false),
        ("less-than", "1", true),
        ("equal-to", "0", true),
        ("equal-to", "one", true),
        ("not-yet-invented", "1", true),
    ] {
        let app = app(vec![vec![number("ssl-req-client-hello-missing-sni", operator, value)]]);
        assert_eq!(words(&app, "web.shop.example").is_some(), overlaps, "{operator} {value}");
    }
}

#[test]
fn law_6_a_signature_matches_by_all_of_its_conditions_and_one_test_of_each() {
    let ours = || pattern(SNI_CONTEXT, r"shop\.example");
    let theirs = || pattern(SNI_CONTEXT, r"legacy\.example");
    let version = || number("ssl-rsp-version", "equal-to", "771");
    let http = || pattern("http-req-host-header", "legacy");
    for (what, ands, overlaps) in [
        ("one of two", vec![vec![theirs(), ours()]], true),
        ("both", vec![vec![theirs()], vec![ours()]], false),
        ("theirs and a version", vec![vec![theirs()], vec![version()]], false),
        ("ours and a version", vec![vec![ours()], vec![version()]], true),
        ("ours and a header", vec![vec![ours()], vec![http()]], true),
        ("a header alone looks at no TLS", vec![vec![http()]], false),
        ("an empty condition beside theirs", vec![vec![theirs()], vec![]], false),
        ("an empty condition beside ours", vec![vec![ours()], vec![]], true),
    ] {
        assert_eq!(words(&app(ands), "web.shop.example").is_some(), overlaps, "{what}");
    }
    let odd = parse("<entry name='legacy'><signature><entry name='s'><operator><pattern-match><pattern>shop</pattern><context>ssl-req-chello-sni</context></pattern-match></operator></entry></signature></entry>").unwrap();
    assert!(words(&odd, "web.shop.example").is_some(), "a test that stands elsewhere counts");
}

#[test]
fn ours_are_not_foreign_and_tables_are_forgotten() {
    let legacy = app(vec![vec![pattern(SNI_CONTEXT, "legacy"), pattern("http-req-headers", "x")]]);
    assert_eq!(foreign_signatures([&legacy].into_iter(), |_| true), []);
    let foreign = foreign_signatures([&legacy].into_iter(), |_| false);
    let mut overlaps = Overlaps::default();
    let words = overlaps.with(&"web.legacy.example".parse().unwrap(), "sp-web", &foreign).unwrap();
    assert!(
        words.contains("has the pattern \"legacy\" on ssl-req-chello-sni, which matches web.legacy.example"),
        "{words}"
    );
    assert_eq!(overlaps.tables.len(), 1);
    overlaps.keep_only(&foreign);
    assert_eq!(overlaps.tables.len(), 1);
    overlaps.keep_only(&[]);
    assert_eq!(overlaps.tables.len(), 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn law_6_a_part_of_the_name_overlaps_wherever_it_stands(
        name in "[a-z]{1,12}\\.[a-z0-9]{1,12}\\.(corp|shop)\\.example", from in 0..8_usize, cut in 0..4_usize,
    ) {
        let part = &name[from.min(name.len() - 7 - cut)..name.len() - cut];
        let literal = part.replace('.', "\\.");
        proptest::prop_assert!(overlap(SNI_CONTEXT, &literal, &name));
        proptest::prop_assert!(overlap(HELLO, &literal, &name));
        let (behind, before) = (format!("{literal}_"), format!("_{literal}"));
        proptest::prop_assert!(!overlap(SNI_CONTEXT, &behind, &name));
        proptest::prop_assert!(!overlap(HELLO, &before, &name));
    }

    #[test]
    fn any_pattern_is_decided(text in "\\PC{0,40}", markup in "[a-c.*+?|(){}0-9,^$\\\\x-]{0,20}") {
        for text in [text, markup] {
            let both = (overlap(SNI_CONTEXT, &text, "web.shop.example"), overlap(HELLO, &text, "web.shop.example"));
            proptest::prop_assert!(!text.is_empty() || both == (true, true));
        }
    }
}
