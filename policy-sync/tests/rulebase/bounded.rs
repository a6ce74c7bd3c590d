//! As many rules as the largest VM-Series takes are judged in a moment.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use sallyport_policy_sync::rulebase::{Extent, Findings, judge};

use super::notation::case;

/// Rules that all overlap with ours in part, over nested groups, and rules of ours at the end.
fn judged(foreign: usize, ours: usize) -> (Findings, Duration) {
    let mut text = String::from("+ address-group all g0,g1\n+ app-group apps ssl,apps\n");
    for group in 0..50 {
        let members: Vec<String> = (0..40).map(|host| format!("10.20.{group}.{}", host * 2)).collect();
        writeln!(text, "+ address-group g{group} {},all", members.join(",")).unwrap();
    }
    for rule in 0..foreign {
        let group = rule % 50;
        writeln!(text, "r{rule} deny apps trust,dmz>any any>g{group},10.20.{group}.0/28 any").unwrap();
    }
    for rule in 0..ours {
        writeln!(text, "*sp{rule} allow sp-{rule} trust>dmz any>10.20.0.0/16 443").unwrap();
    }
    let case = case(&text);
    let begun = Instant::now();
    (judge(&case.rulebase, &case.ours), begun.elapsed())
}

#[test]
fn twenty_thousand_rules_are_judged_in_time() {
    let (found, took) = judged(20_000, 1);
    assert_eq!(found.shadows.len(), 20, "the first twenty are told");
    assert!(found.shadows.iter().all(|shadow| shadow.extent == Extent::Part));
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn a_thousand_rules_of_ours_are_judged_in_time() {
    let (found, took) = judged(2_000, 1_000);
    assert_eq!(found.shadows.len(), 20_000);
    assert!(took < Duration::from_secs(60), "{took:?}");
}
