//! The pattern grammar and its matcher, by table.

use super::{Matcher, PatternError, parse_pattern};
use crate::quirks::{Anchors, PatternEngine};

fn found(pattern: &str, field: &[u8], anchors: Anchors) -> bool {
    let node = parse_pattern(pattern, PatternEngine::Enhanced).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    Matcher::new(&node).unwrap().is_match(field, anchors)
}

#[test]
fn patterns_match_what_the_grammar_says() {
    for (pattern, field, expected) in [
        // Unanchored patterns are found inside of longer names.
        (r"api\.example\.com", "api.example.com", true),
        (r"api\.example\.com", "xapi.example.com.evil.net", true),
        (r"^api\.example\.com$", "xapi.example.com", false),
        (r"^api\.example\.com$", "api.example.com.evil.net", false),
        (r"\Aapi\.example\.com\z", "api.example.com", true),
        (r"\Aapi\.example\.com\Z", "api.example.com", true),
        (r"^api\.example\.com\.?$", "api.example.com.", true),
        (r"^api\.example\.com\.?$", "api.example.com..", false),
        // An unescaped dot is any character.
        ("^api.example$", "api-example", true),
        (r"^api\.example$", "api-example", false),
        // Case.
        (r"^api\.example$", "API.example", false),
        (r"(?i)^api\.example$", "API.Example", true),
        (r"((?i)ab)cd", "ABcd", true),
        (r"((?i)ab)cd", "ABCD", false),
        // Wildcard label.
        (r"^[^.]+\.shop\.example$", "a.shop.example", true),
        (r"^[^.]+\.shop\.example$", "a.b.shop.example", false),
        (r"^[^.]+\.shop\.example$", ".shop.example", false),
        // Operators.
        ("^ab?c$", "ac", true),
        ("^ab?c$", "abbc", false),
        ("^ab*c$", "ac", true),
        ("^ab*c$", "abbbc", true),
        ("^ab+c$", "ac", false),
        ("^ab+c$", "abbbc", true),
        ("^ab.c$", "ab-c", true),
        ("^ab.c$", "abc", false),
        ("^ab|cd$", "xcd", true),
        ("^(ab|cd)$", "xcd", false),
        ("^ab{2,3}c$", "abbc", true),
        ("^ab{2,3}c$", "abbbbc", false),
        ("^ab{2,}c$", "abbbbc", true),
        // A gap of so many bytes of any kind, in front of a fixed string.
        ("^ab{2-3}cd$", "abXYcd", true),
        ("^ab{2-3}cd$", "abXYZcd", true),
        ("^ab{2-3}cd$", "abXcd", false),
        ("^ab{2-3}cd$", "abbcd", false),
        ("{1-2}\\.example", "a.example", true),
        ("^{1-2}\\.example", "abc.example", false),
        ("^ab{2}c$", "abbbc", false),
        ("^(ab)*cd$", "ababcd", true),
        ("^(ab)+cd$", "cd", false),
        ("((bif)|(scr)|(exe))", "x.scr", true),
        ("((bif)|(scr)|(exe))", "x.com", false),
        // Classes, escapes, hex, word edge, extended layout.
        (r"^[abz]+\.x$", "zab.x", true),
        (r"^[abz]+\.x$", "zac.x", false),
        (r"^[^abz]+\.x$", "cd.x", true),
        (r"^[^abz]+\.x$", "ca.x", false),
        (r"^[c-e]x\.y$", "dx.y", true),
        (r"^[c-e]x\.y$", "fx.y", false),
        (r"^a\+b\*c\?$", "a+b*c?", true),
        (r"^a\+b\*c\?$", "aab", false),
        (r"^\(a\)\[b\]\{c\}\|\^\$\\$", r"(a)[b]{c}|^$\", true),
        (r"^ab\scd$", "ab cd", true),
        (r"^ab\scd$", "ab-cd", false),
        (r"^ab\dcd$", "abxcd", false),
        (r"^ab\wcd$", "ab-cd", false),
        (r"^ab\hcd$", "ab\ncd", false),
        (r"^ab\vcd$", "ab\ncd", true),
        (r"^ab\vcd$", "ab cd", false),
        (r"^a\d\w\.z$", "a1_.z", true),
        (r"^a\h\sz$", "a \tz", true),
        (r"^[a-c\d-]+zz$", "a-1zz", true),
        (r"\x61 70\x\x69\x", "api", true),
        (r"(?i)\bpay\b", "x.PAY.y", true),
        (r"(?i)\bpay\b", "x.payments.y", false),
        ("(?x) p a y # the name", "pay", true),
        ("^[]a]b\\.c$", "]b.c", true),
    ] {
        assert_eq!(found(pattern, field.as_bytes(), Anchors::Hold), expected, "{pattern} on {field}");
    }
}

#[test]
fn lines_matter_only_under_m_and_newlines_under_s() {
    assert!(!found("^bb", b"aa\nbb", Anchors::Hold));
    assert!(found("(?m)^bb", b"aa\nbb", Anchors::Hold));
    assert!(!found("aa.bb", b"aa\nbb", Anchors::Hold));
    assert!(found("(?s)aa.bb", b"aa\nbb", Anchors::Hold));
}

#[test]
fn anchors_obey_the_quirk() {
    assert!(found("^ab$", b"xaby", Anchors::Ignored));
    assert!(!found("^ab$", b"ab", Anchors::NeverHold));
    assert!(found("ab", b"xaby", Anchors::NeverHold));
}

#[test]
fn bad_patterns_are_refused_with_a_reason() {
    let long = "a".repeat(128);
    for pattern in [
        "",
        "a",
        ".*",
        "[a-z]+",
        "a?b?",
        r"\.",
        "(ab",
        "ab)",
        "*ab",
        "ab**",
        "ab{",
        "ab{2",
        "ab{3,2}",
        "ab{-2}",
        "ab{3-2}c",
        "ab{2-3}",
        "ab{2-3}.",
        "ab{2-3}(c)",
        "ab{2-c",
        "ab[z-a]",
        "ab[",
        r"ab\q",
        r"ab\x6",
        r"ab\xzz\x",
        r"ab\x\x",
        "(?P<n>ab)",
        "(?:ab)",
        "(?=ab)",
        r"ab\",
        "^*ab",
        "ab}",
        "ab(?)",
        long.as_str(),
    ] {
        assert!(parse_pattern(pattern, PatternEngine::Enhanced).is_err(), "{pattern}");
    }
    assert_eq!(
        parse_pattern("(ab)|c", PatternEngine::Enhanced),
        Err(PatternError::TooFewLiterals { needed: 2, found: 1 })
    );
}

#[test]
fn the_classic_engine_wants_seven_literals_and_knows_no_anchors() {
    assert!(parse_pattern(r"example\.com", PatternEngine::Classic).is_ok());
    for pattern in [
        "(abc)?defghij",
        "((abcdefgh)|(ijklmnop))",
        "{2-5}abcdefg",
        "(.)*abcdefg",
        r"[a-z]\.example",
        r"\x61 62 63 64 65 66 67\x",
    ] {
        assert!(parse_pattern(pattern, PatternEngine::Classic).is_ok(), "{pattern}");
    }
    for pattern in [
        "abcdef",
        "abc.defg",
        "(abcdefgh)?",
        "((abcdefgh)|(ij))",
        "[a-z]bcdefg",
        "^abcdefgh$",
        "(?i)abcdefgh",
        r"abcdefgh\d",
        r"\Aabcdefgh",
        r"abcdefgh\z",
        "abcdefgh.*",
        "abcdefghi?",
        "(abcdefgh){2,3}",
        "abcdefgh|ijklmnop",
    ] {
        assert!(parse_pattern(pattern, PatternEngine::Classic).is_err(), "{pattern}");
    }
}

#[test]
fn lengths_are_counted_in_characters_and_literals() {
    let (longest, too_long) = ("a".repeat(127), "a".repeat(128));
    for engine in [PatternEngine::Enhanced, PatternEngine::Classic] {
        assert!(parse_pattern(&longest, engine).is_ok());
        assert_eq!(parse_pattern(&too_long, engine), Err(PatternError::TooLong));
    }
    assert!(parse_pattern("ab", PatternEngine::Enhanced).is_ok());
    assert!(parse_pattern(".a.*b", PatternEngine::Enhanced).is_ok());
    assert!(parse_pattern("(a){2}", PatternEngine::Enhanced).is_ok());
    assert_eq!(
        parse_pattern("abcdef", PatternEngine::Classic),
        Err(PatternError::TooFewLiterals { needed: 7, found: 6 })
    );
}

#[test]
fn no_pattern_blows_up() {
    let field = "a".repeat(4000);
    assert!(!found("((a*)*)*bb", field.as_bytes(), Anchors::Hold));
    assert!(!found("(a?){30}a{30}bb", field.as_bytes(), Anchors::Hold));
    let node = parse_pattern("((((ab){99}){99}){99}){99}", PatternEngine::Enhanced).unwrap();
    assert!(matches!(Matcher::new(&node), Err(PatternError::TooComplex)));
    let node = parse_pattern("((((a?){9999}){9999}){9999}){9999}bb", PatternEngine::Enhanced).unwrap();
    assert!(Matcher::new(&node).is_err());
}
