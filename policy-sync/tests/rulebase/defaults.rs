//! What happens to traffic beside our App-IDs.

use sallyport_policy_sync::rulebase::{DefaultDeny, Extent, Layer, Reach, Verdict, judge};

use super::notation::case;

const SP: &str = "*sp allow sp-web trust>dmz any>10.20.0.0/16 443";

/// The four answers, in the order of the questions.
fn answers(text: &str) -> Vec<String> {
    let case = case(text);
    judge(&case.rulebase, &case.ours)
        .answers
        .into_iter()
        .map(|answer| match answer.verdict {
            Verdict::Denied { by } => format!("- {}", by.rule),
            Verdict::Allowed { by, extent: Extent::Whole } => format!("+ {}", by.rule),
            Verdict::Allowed { by, extent: Extent::May | Extent::Part } => format!("~ {}", by.rule),
            Verdict::Depends { on } => format!("? {}", on.rule),
        })
        .collect()
}

#[test]
fn every_question_names_the_rule_that_decides_it() {
    let same = |answer: &str| vec![answer.to_owned(); 4];
    let each = |answers: [&str; 4]| answers.map(str::to_owned).to_vec();
    let closed = "- interzone-default";
    for (others, expected) in [
        ("", same(closed)),
        ("deny-all deny any any>any any>any any", same("- deny-all")),
        ("open allow any any>any any>any any", same("+ open")),
        ("open allow any any>any any>any any disabled", same(closed)),
        ("open allow any a>b any>any any", same(closed)),
        ("open allow ssl any>any any>any any", each(["+ open", "+ open", closed, closed])),
        ("open allow ssh,web-browsing any>any any>any any", same(closed)),
        ("open allow unknown-tcp any>any any>any any", each([closed, closed, "+ open", closed])),
        ("open allow quic any>any any>any any", each([closed, closed, closed, "~ open"])),
        ("open allow quic,unknown-udp any>any any>any any", each([closed, closed, closed, "+ open"])),
        ("open allow any any>any any>any service-https", each(["+ open", "+ open", "+ open", closed])),
        ("open allow any any>any 10.1.0.0/16>any any", same("~ open")),
        ("open allow any any>any any>any any source-user=known-user", same("? open")),
        ("some deny any any>any 10.1.0.0/16>any any\nopen allow any any>any any>any any", same("~ open")),
        // What is denied already is not allowed by what comes behind.
        (
            "some deny any any>any 10.1.0.0/16>any any\nopen allow any any>any 10.1.2.0/24>any any",
            same("? open"),
        ),
        (
            "maybe allow any any>any any>any any schedule=night\nopen allow any any>any any>any any",
            same("+ open"),
        ),
    ] {
        assert_eq!(answers(&format!("{SP}\n{others}")), expected, "below: {others}");
        assert_eq!(answers(&format!("{others}\n{SP}")), expected, "above: {others}");
    }
}

#[test]
fn a_session_without_an_sni_is_what_somebody_made_of_it() {
    let app = "+ app no-sni context=ssl-req-client-hello-missing-sni";
    let closed = "- interzone-default";
    for (others, expected) in [
        ("open allow no-sni any>any any>any any", [closed, "? open", closed, closed]),
        ("block deny no-sni any>any any>any any", [closed, closed, closed, closed]),
        (
            "block deny no-sni any>any any>any any\nopen allow ssl any>any any>any any",
            ["+ open", "? block", closed, closed],
        ),
    ] {
        assert_eq!(answers(&format!("{app}\n{SP}\n{others}")), expected, "{others}");
    }
}

#[test]
fn inside_a_zone_the_default_is_to_allow() {
    let inside = "*sp allow sp-web trust>trust any>10.20.0.0/16 443";
    assert_eq!(answers(inside), ["+ intrazone-default"; 4]);
    assert_eq!(answers(&format!("! intrazone-default deny\n{inside}")), ["- intrazone-default"; 4]);
    assert_eq!(answers(&format!("! interzone-default allow\n{SP}")), ["+ interzone-default"; 4]);
    let any = "*sp allow sp-web any>trust any>10.20.0.0/16 443";
    assert_eq!(answers(any), ["~ intrazone-default"; 4]);
    assert_eq!(answers(&format!("! intrazone-default deny\n{any}")), ["- interzone-default"; 4]);
    let two = "*sp allow sp-web trust>trust,dmz any>10.20.0.0/16 443";
    assert_eq!(answers(two).iter().filter(|answer| *answer == "- interzone-default").count(), 4);
}

#[test]
fn the_summary_names_the_worst_answer() {
    let summary = |text: &str| {
        let case = case(text);
        judge(&case.rulebase, &case.ours).default_deny
    };
    assert_eq!(summary(SP), DefaultDeny::Proven);
    let open = summary(&format!("{SP}\nopen allow ssl any>any any>any any"));
    let DefaultDeny::Open { rule, layer, pair, question, words } = open else { panic!("{open:?}") };
    assert_eq!(
        (rule.as_str(), layer, pair.from.as_str(), pair.to.as_str()),
        ("open", Layer::Local, "trust", "dmz")
    );
    assert_eq!(question.to_string(), "TLS for another SNI");
    for part in ["rule open (local rules)", "zone trust to zone dmz", "keep nothing out", "narrow that rule"]
    {
        assert!(words.contains(part), "{part} in {words}");
    }
    let unsure = summary(&format!("{SP}\nopen allow any any>any any>any any source-user=bob"));
    let DefaultDeny::Unknown { why } = unsure else { panic!("{unsure:?}") };
    assert!(why.contains("depends on rule open (local rules)"), "{why}");
}

#[test]
fn an_answer_says_what_an_allow_rule_of_ours_lets_begin() {
    let case = case(SP);
    let words: Vec<String> =
        judge(&case.rulebase, &case.ours).answers.iter().map(|answer| answer.words()).collect();
    let told = "from zone trust to zone dmz is denied by rule interzone-default (default rules)";
    assert!(words.iter().all(|words| words.contains(told)), "{words:?}");
    let begin: Vec<bool> = words.iter().map(|words| words.contains("lets the handshake begin")).collect();
    assert_eq!(begin, [true, true, false, false]);
}

#[test]
fn without_a_rule_of_ours_the_bounds_are_asked_about() {
    let mut case = case("open allow ssl any>any any>any any");
    let unknown = judge(&case.rulebase, &case.ours).default_deny;
    assert!(matches!(unknown, DefaultDeny::Unknown { .. }), "{unknown:?}");
    case.ours.bounds = Some(Reach {
        from: vec!["trust".into()],
        to: vec!["dmz".into()],
        source: vec!["any".into()],
        destination: vec!["10.20.0.0/16".into()],
        ports: [443].into(),
    });
    let open = judge(&case.rulebase, &case.ours).default_deny;
    assert!(matches!(open, DefaultDeny::Open { .. }), "{open:?}");
}
