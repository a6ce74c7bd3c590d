//! What of the candidate becomes running, and what is taken back.

use super::{APP, RULE, RULES, VSYS, delete, done, edit, entry, names, set, store, write};
use crate::{
    config::{Place, Range, Selection, Store, Write, plan_commit, revert, validate},
    quirks::Quirks,
    tree::{parse_xpath, print, select},
};

fn us() -> Selection {
    Selection::Admins(["us".to_owned()].into())
}

fn committed(store: &Store, quirks: &Quirks) -> Result<Vec<String>, String> {
    let plan = plan_commit(store, &us(), &Range::default(), quirks)?;
    validate(&plan.running, quirks).map_err(|refusal| refusal.text())?;
    let mut after = store.clone();
    after.candidate = plan.running;
    Ok([names(&after, "/address/entry"), names(&after, &format!("{RULES}/entry"))].concat())
}

#[test]
fn a_partial_commit_carries_one_administrators_work() {
    let quirks = Quirks::default();
    let mut store = store();
    done(&mut store, "them", &set("/address/entry[@name='theirs']", "<fqdn>t.example</fqdn>"));
    done(&mut store, "us", &set("/address/entry[@name='ours']", "<fqdn>o.example</fqdn>"));
    done(&mut store, "us", &set(&entry(RULES, "r"), RULE));
    let place = Place::Before("deny-east-west".to_owned());
    done(&mut store, "us", &Write::Move { xpath: format!("{VSYS}{}", entry(RULES, "r")), place });
    assert_eq!(
        committed(&store, &quirks).unwrap(),
        ["legacy-net", "ours", "allow-legacy", "r", "deny-east-west"]
    );

    // A change of another rule by somebody else is no obstacle, a moved rule is.
    done(&mut store, "them", &set(&entry(RULES, "allow-legacy"), "<description>x</description>"));
    committed(&store, &quirks).unwrap();
    let strict = Quirks { member_edit_is_rule_change: true, ..Quirks::default() };
    assert!(committed(&store, &strict).unwrap_err().contains("them"));
    let place = Place::Bottom;
    done(
        &mut store,
        "them",
        &Write::Move { xpath: format!("{VSYS}{}", entry(RULES, "allow-legacy")), place },
    );
    assert!(committed(&store, &quirks).unwrap_err().contains("also added, deleted or moved by them"));
    assert_eq!(
        plan_commit(&store, &Selection::Everybody, &Range::default(), &quirks).unwrap().running,
        store.candidate
    );
}

#[test]
fn dependent_changes_must_go_together() {
    let quirks = Quirks::default();
    let mut store = store();
    done(&mut store, "them", &set("/address/entry[@name='x']", "<fqdn>t.example</fqdn>"));
    done(&mut store, "us", &set("/address/entry[@name='x']", "<description>ours</description>"));
    assert!(committed(&store, &quirks).unwrap_err().contains("depend on changes of them"));

    let mut store = super::store();
    done(&mut store, "them", &set(&entry("/application", "theirs"), APP));
    done(&mut store, "us", &set(&entry(RULES, "r"), &RULE.replace("ssl", "theirs")));
    assert!(committed(&store, &quirks).unwrap_err().contains("'theirs' is not a valid reference"));
}

#[test]
fn an_edit_takes_over_what_lies_below_it() {
    let quirks = Quirks::default();
    let mut store = store();
    let rule = entry(RULES, "allow-legacy");
    done(&mut store, "them", &set(&rule, "<description>theirs</description>"));
    assert!(plan_commit(&store, &us(), &Range::default(), &quirks).unwrap().settled.is_empty());
    let xpath = parse_xpath(&format!("{VSYS}{rule}")).unwrap();
    let element = print(select(&store.candidate, &xpath)[0].1);
    done(&mut store, "us", &edit(&rule, &element));
    let plan = plan_commit(&store, &us(), &Range::default(), &quirks).unwrap();
    assert_eq!(plan.settled.len(), 1);
    assert!(print(&plan.running).contains("theirs"));
}

#[test]
fn reverting_takes_back_only_the_selected_work() {
    let mut store = store();
    let before = store.candidate.clone();
    done(&mut store, "us", &delete(&entry(RULES, "deny-east-west")));
    done(&mut store, "us", &set(&entry(RULES, "allow-legacy"), "<description>x</description>"));
    done(&mut store, "them", &set("/address/entry[@name='theirs']", "<fqdn>t.example</fqdn>"));
    revert(&mut store, &us()).unwrap();
    assert_eq!(names(&store, &format!("{RULES}/entry")), ["allow-legacy", "deny-east-west"]);
    assert_eq!(names(&store, "/address/entry"), ["legacy-net", "theirs"]);
    revert(&mut store, &Selection::Everybody).unwrap();
    assert_eq!(store.candidate, before);
    assert!(store.units.is_empty());
}

#[test]
fn a_change_during_a_commit_stays_pending() {
    let quirks = Quirks::default();
    let mut store = store();
    done(&mut store, "us", &set(&entry(RULES, "r"), RULE));
    let plan = plan_commit(&store, &us(), &Range::default(), &quirks).unwrap();
    done(&mut store, "us", &set(&entry(RULES, "r"), "<application><member>dns</member></application>"));
    store.running = plan.running;
    store.units.settle(&plan.settled);
    assert!(!store.units.is_empty());
    let plan = plan_commit(&store, &us(), &Range::default(), &quirks).unwrap();
    store.units.settle(&plan.settled);
    assert!(store.units.is_empty());
    assert_eq!(plan.running, store.candidate);
}

#[test]
fn an_owner_can_get_lost_at_the_parent_list() {
    let quirks = Quirks { parent_set_loses_owner: true, ..Quirks::default() };
    let mut store = store();
    write(&mut store, "us", &quirks, &set("/address", "<entry name='x'><fqdn>x.example</fqdn></entry>"))
        .unwrap();
    write(&mut store, "us", &quirks, &set("/address/entry[@name='y']", "<fqdn>y.example</fqdn>")).unwrap();
    assert_eq!(committed(&store, &quirks).unwrap()[..2], ["legacy-net", "y"]);
}
