//! Which foreign rules decide before ours.

use sallyport_policy_sync::{
    operation::Place,
    rulebase::{What, judge},
};

use super::notation::{Case, case};

/// Our rule, on which the cases put others.
const SP: &str = "*sp allow sp-web trust>dmz any>10.20.0.0/16 443";

fn told(case: &Case) -> Vec<String> {
    let shadows = judge(&case.rulebase, &case.ours).shadows.into_iter();
    shadows
        .map(|found| {
            let (stage, extent, what) = (found.stage, found.extent, found.what);
            assert!(found.why.contains(&found.rule) && found.why.contains(&found.ours), "{}", found.why);
            assert!(found.why.contains(&found.layer.to_string()), "{}", found.why);
            format!("{} {stage:?} {extent:?} {what:?}", found.rule)
        })
        .collect()
}

fn above(rules: &str) -> Vec<String> {
    told(&case(&format!("{rules}\n{SP}")))
}

#[test]
fn a_deny_of_ssl_ends_the_session_before_the_shift() {
    for (rules, shadows) in [
        ("", vec![]),
        ("block deny ssl any>any any>any any", vec!["block Ssl Whole Deny"]),
        ("block drop any any>any any>any any", vec!["block Ssl Whole Deny"]),
        ("block deny web-browsing any>any any>any any", vec![]),
        // A foreign allow of ssl decides nothing, and keeps a deny of ssl below it from deciding.
        ("open allow ssl any>any any>any any", vec![]),
        ("open allow ssl any>any any>any any\nblock deny ssl any>any any>any any", vec![]),
        (
            "open allow ssl any>any any>any any\nblock deny any any>any any>any any",
            vec!["block AppId Whole Deny"],
        ),
        (
            "some allow ssl any>any 10.1.0.0/16>any any\nblock deny ssl any>any any>any any",
            vec!["block Ssl Part Deny"],
        ),
        // What rides on ssl lets it begin as well: our rules, and others' custom App-IDs.
        ("*sp0 allow sp-pay trust>dmz any>any 443\nblock deny ssl any>any any>any any", vec![]),
        (
            "*sp0 drop sp-pay trust>dmz any>any 443\nblock deny ssl any>any any>any any",
            vec!["block Ssl Whole Deny"],
        ),
        (
            "+ app theirs parent-app=ssl\nopen allow theirs any>any any>any any\nblock deny ssl any>any any>any any",
            vec![],
        ),
    ] {
        assert_eq!(above(rules), shadows, "{rules}");
    }
}

#[test]
fn a_rule_that_holds_our_app_id_decides_instead_of_ours() {
    let filter = "+ filter biz category=business-systems,media risk=1,2";
    for (rules, shadows) in [
        ("open allow any any>any any>any any".to_owned(), vec!["open AppId Whole Allow"]),
        ("theirs allow sp-web any>any any>any any".to_owned(), vec!["theirs AppId Whole Allow"]),
        ("theirs deny sp-web any>any any>any any".to_owned(), vec!["theirs AppId Whole Deny"]),
        ("theirs allow sp-pay any>any any>any any".to_owned(), vec![]),
        (format!("{filter}\nbiz-rule allow biz any>any any>any any"), vec!["biz-rule AppId Whole Allow"]),
        (format!("{filter} exclude=sp-web\nbiz-rule allow biz any>any any>any any"), vec![]),
        (format!("{filter} evasive=yes\nbiz-rule allow biz any>any any>any any"), vec![]),
        (format!("{filter} tagging=yes\nbiz-rule allow biz any>any any>any any"), vec![
            "biz-rule AppId May Allow",
        ]),
        (
            "+ app-group outer inner\n+ app-group inner outer,sp-web\nby-group deny outer any>any any>any any"
                .to_owned(),
            vec!["by-group AppId Whole Deny"],
        ),
        // Our App-ID names no ports of its own.
        ("open allow any any>any any>any application-default".to_owned(), vec!["open AppId May Allow"]),
    ] {
        assert_eq!(above(&rules), shadows, "{rules}");
    }
}

#[test]
fn what_holds_ssl_is_found_in_groups_filters_and_containers() {
    let block = "block deny them any>any any>any any";
    for (objects, shadows) in [
        ("+ app-group them web-browsing,ssl", vec!["block Ssl Whole Deny"]),
        ("+ app-group them web-browsing,them", vec![]),
        ("+ filter them subcategory=encrypted-tunnel", vec!["block Ssl Whole Deny"]),
        ("+ filter them subcategory=encrypted-tunnel exclude=ssl", vec![]),
        ("+ filter them subcategory=encrypted-tunnel risk=4,5", vec!["block Ssl May Deny"]),
        ("+ filter them evasive=yes", vec!["block Ssl May Deny"]),
        ("+ filter them category=media", vec![]),
        ("+ filter them category=networking\n+ app ssl category=media", vec![]),
        ("+ container them", vec!["block Ssl May Deny"]),
        ("+ container them\n+ app ssl category=networking", vec![]),
        ("+ container them\n+ app ssl application-container=them", vec!["block Ssl May Deny"]),
    ] {
        assert_eq!(above(&format!("{objects}\n{block}")), shadows, "{objects}");
    }
}

#[test]
fn zones_and_addresses_decide_how_much_is_met() {
    let objects = "+ address net ip-netmask 10.20.0.0/17\n+ address rest ip-range 10.20.128.0-10.20.255.255\n\
                   + address-group both net,rest,both\n+ address name fqdn web.example\n+ dynamic tagged 'web'";
    for (rule, shadows) in [
        ("trust>dmz any>10.20.0.0/16 any", Some("Whole")),
        ("trust,a>dmz,b any>10.0.0.0/8 any", Some("Whole")),
        ("dmz>trust any>any any", None),
        ("any>any any>10.21.0.0/16 any", None),
        ("any>any 10.0.0.0/8>any any", Some("Part")),
        ("any>any any>net any", Some("Part")),
        ("any>any any>net,rest any", Some("Whole")),
        ("any>any any>both any", Some("Whole")),
        ("any>any any>name any", Some("May")),
        ("any>any any>tagged any", Some("May")),
        ("any>any any>net,name any", Some("Part")),
        ("any>any any>nobody-has-it any", Some("May")),
        ("any>any any>::/0 any", None),
        ("any>any any>both any negate-destination", None),
        ("any>any any>10.21.0.0/16 any negate-destination", Some("Whole")),
        ("any>any any>net any negate-destination", Some("Part")),
        ("any>any any>net,name any negate-destination", Some("May")),
        ("any>any any>any any negate-destination", None),
        ("any>any any>any any rule-type=intrazone", None),
        ("any>any any>any any rule-type=interzone", Some("Whole")),
        ("any>any any>any any disabled", None),
        ("any>any any>any any schedule=work-hours", Some("May")),
        ("any>any any>any any source-user=any category=any", Some("Whole")),
        ("any>any any>any any source-user=known-user", Some("May")),
        ("any>any any>any any category=gambling", Some("May")),
        ("any>any any>any any source-hip=managed", Some("May")),
        ("any>any any>any any target=001122334455", Some("May")),
        ("any>any any>any any tag=audit", Some("Whole")),
    ] {
        let found = above(&format!("{objects}\nblock deny any {rule}"));
        let expected: Vec<String> = shadows.iter().map(|extent| format!("block Ssl {extent} Deny")).collect();
        assert_eq!(found, expected, "{rule}");
    }
}

#[test]
fn a_rule_type_decides_between_pairs_of_zones() {
    for (kind, zones, extent) in [
        ("intrazone", "trust>trust", Some("Whole")),
        ("intrazone", "trust,dmz>dmz", Some("Part")),
        ("intrazone", "any>trust", Some("Part")),
        ("interzone", "trust>trust", None),
        ("interzone", "trust,dmz>dmz", Some("Part")),
        ("universal", "trust,dmz>dmz", Some("Whole")),
    ] {
        let text = format!(
            "block deny ssl any>any any>any any rule-type={kind}\n*sp allow sp-web {zones} any>any 443"
        );
        let expected: Vec<String> = extent.iter().map(|extent| format!("block Ssl {extent} Deny")).collect();
        assert_eq!(told(&case(&text)), expected, "{kind} {zones}");
    }
}

#[test]
fn services_decide_how_much_is_met() {
    let objects = "+ service low tcp 1-442\n+ service high tcp 444-65535,443\n+ service-group both low,high\n\
                   + service quic udp 443\n+ service source tcp 443 1024-2048\n+ service odd tcp https";
    for (service, shadows) in [
        ("low", None),
        ("high", Some("Whole")),
        ("both", Some("Whole")),
        ("quic", None),
        ("source", Some("Part")),
        ("odd", Some("May")),
        ("nobody-has-it", Some("May")),
        ("service-https", Some("Whole")),
        ("service-http", None),
        ("application-default", Some("Whole")),
    ] {
        let found = above(&format!("{objects}\nblock deny ssl any>any any>any {service}"));
        let expected: Vec<String> = shadows.iter().map(|extent| format!("block Ssl {extent} Deny")).collect();
        assert_eq!(found, expected, "{service}");
    }
    let two =
        case("block deny ssl any>any any>any service-https\n*sp allow sp-web trust>dmz any>any 443,8443");
    assert_eq!(told(&two), ["block Ssl Part Deny"], "one of two ports");
}

#[test]
fn the_layers_are_looked_up_in_their_order() {
    let block = "block deny ssl any>any any>any any";
    for (text, shadowed) in [
        (format!("{block}\n{SP}"), true),
        (format!("{SP}\n{block}"), false),
        (format!("{SP}\n@shared-pre\n{block}"), true),
        (format!("{SP}\n@pre:edge\n{block}"), true),
        (format!("@post:edge\n{block}\n@local\n{SP}"), false),
        (format!("@shared-post\n{block}\n@local\n{SP}"), false),
    ] {
        assert_eq!(!told(&case(&text)).is_empty(), shadowed, "{text}");
    }
    let shared = judge(&case(&format!("{SP}\n@shared-pre\n{block}")).rulebase, &case(SP).ours);
    let why = &shared.shadows[0].why;
    assert!(why.starts_with("rule block (shared pre-rules) stands above sp and denies ssl"), "{why}");
    assert!(why.contains("put the rule below sp"), "{why}");
}

#[test]
fn a_rule_that_is_not_there_yet_is_judged_where_it_will_stand() {
    let mut case = case("top deny any a>b any>any any\nblock deny ssl any>any any>any any");
    case.ours = super::notation::case(SP).ours;
    for (place, shadowed) in [
        (Place::Bottom, true),
        (Place::Top, false),
        (Place::Before("block".to_owned()), false),
        (Place::After("block".to_owned()), true),
        (Place::Before("top".to_owned()), false),
        (Place::After("nobody-has-it".to_owned()), true),
    ] {
        case.ours.place = place.clone();
        assert_eq!(!told(&case).is_empty(), shadowed, "{place:?}");
    }
}

#[test]
fn a_shadow_says_whether_it_does_another_thing_than_ours() {
    let case = case(
        "block deny ssl any>any any>any any\n*sp-a allow sp-web trust>dmz any>any 443\n*sp-d drop sp-pay trust>dmz any>any 443",
    );
    let shadows = judge(&case.rulebase, &case.ours).shadows;
    let contrary: Vec<_> = shadows.iter().map(|found| (found.ours.as_str(), found.contrary)).collect();
    assert_eq!(contrary, [("sp-a", true), ("sp-d", false)]);
    assert!(shadows.iter().all(|found| found.what == What::Deny));
}

#[test]
fn words_name_what_is_met_and_what_only_the_firewall_knows() {
    let text = format!("block deny any trust>any 10.0.0.0/8>any any category=gambling schedule=night\n{SP}");
    let case = case(&text);
    let why = &judge(&case.rulebase, &case.ours).shadows[0].why;
    for part in [
        "perhaps some of its sessions",
        "zones trust to any",
        "source 10.0.0.0/8, part of ours",
        "category, schedule, which only the firewall can judge",
    ] {
        assert!(why.contains(part), "{part} in {why}");
    }
}
