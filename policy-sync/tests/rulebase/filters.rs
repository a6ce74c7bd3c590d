//! Filters that take our App-IDs in.

use sallyport_policy_sync::rulebase::judge;

use super::notation::case;

fn caught(text: &str) -> Vec<String> {
    let case = case(text);
    let filters = judge(&case.rulebase, &case.ours).filters;
    filters
        .into_iter()
        .map(|found| {
            let rules: Vec<&str> = found.rules.iter().map(|used| used.rule.as_str()).collect();
            format!("{} {:?} {}", found.filter, found.extent, rules.join(","))
        })
        .collect()
}

#[test]
fn a_used_filter_that_our_app_ids_fall_into_is_told_before_the_first_write() {
    let uses = "direct deny them a>b any>any any\nby-group allow group a>b any>any any\nnot deny them a>b any>any any disabled";
    let group = "+ app-group group web-browsing,them";
    for (filter, expected) in [
        ("category=business-systems", Some("Whole")),
        (
            "category=media,business-systems subcategory=general-business technology=client-server risk=1",
            Some("Whole"),
        ),
        ("risk=1,2", Some("Whole")),
        ("risk=4,5", None),
        ("category=media", None),
        ("category=business-systems risk=2", None),
        ("category=business-systems evasive=yes", None),
        ("category=business-systems new-appid=yes", Some("May")),
        ("", Some("Whole")),
    ] {
        let found = caught(&format!("+ filter them {filter}\n{group}\n{uses}"));
        let expected: Vec<String> =
            expected.iter().map(|extent| format!("them {extent} direct,by-group")).collect();
        assert_eq!(found, expected, "{filter}");
    }
}

#[test]
fn a_filter_is_told_only_where_it_is_used_and_does_not_exclude_us() {
    let filter = "+ filter them category=business-systems";
    let sp = "*sp allow sp-web,sp-pay a>b any>any 443";
    assert_eq!(caught(filter), Vec::<String>::new());
    let used = format!("{sp}\nuse deny them a>b any>any any");
    assert_eq!(caught(&format!("{filter}\n{used}")), ["them Whole use"]);
    assert_eq!(caught(&format!("{filter} exclude=sp-web\n{used}")), ["them Part use"]);
    assert_eq!(caught(&format!("{filter} exclude=sp-web,sp-pay\n{used}")), Vec::<String>::new());
}

#[test]
fn the_words_name_filter_scope_attributes_rules_and_a_way_out() {
    let case = case("+ filter biz category=business-systems\nuse deny biz a>b any>any any");
    let why = &judge(&case.rulebase, &case.ours).filters[0].why;
    for part in [
        "application filter biz in vsys1",
        "category business-systems",
        "rule use (local rules) denies it",
        "exclude them",
    ] {
        assert!(why.contains(part), "{part} in {why}");
    }
}
