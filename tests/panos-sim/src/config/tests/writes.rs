//! What each write action does to the candidate.

use super::{RULE, RULES, VSYS, delete, done, edit, entry, names, refused, set, store};
use crate::{
    clock::Moment,
    config::{Place, Write, Writer, run_multi},
    quirks::Quirks,
    tree::{parse_one, parse_xpath, select},
};

#[test]
fn set_merges_edit_replaces_delete_removes() {
    let mut store = store();
    let rule = entry(RULES, "r");
    let apps = format!("{rule}/application/member");
    done(&mut store, "us", &set(&rule, RULE));
    assert_eq!(
        names(&store, &format!("{RULES}/entry")),
        ["allow-legacy", "deny-east-west", "r"],
        "added last"
    );
    done(&mut store, "us", &set(&rule, "<application><member>dns</member></application>"));
    done(&mut store, "us", &set(&format!("{rule}/application"), "<member>dns</member><member>ssh</member>"));
    assert_eq!(names(&store, &apps), ["ssl", "dns", "ssh"], "members are added, never twice, never removed");
    done(
        &mut store,
        "us",
        &edit(&format!("{rule}/application"), "<application><member>ssh</member></application>"),
    );
    assert_eq!(names(&store, &apps), ["ssh"]);
    done(&mut store, "us", &delete(&format!("{rule}/application/member[text()='ssh']")));
    assert_eq!(names(&store, &apps), Vec::<String>::new());
    done(&mut store, "us", &delete(&rule));
    done(&mut store, "us", &delete(&rule));
    assert!(store.units.is_empty(), "made and removed again: nothing is pending");

    let address = entry("/address", "x");
    done(&mut store, "us", &set(&address, "<ip-netmask>10.0.0.1</ip-netmask>"));
    done(&mut store, "us", &set(&address, "<fqdn>x.example</fqdn>"));
    assert_eq!(names(&store, &format!("{address}/ip-netmask")), Vec::<String>::new(), "an exclusive choice");
    done(&mut store, "us", &set("/address", "<entry name='y'><fqdn>y.example</fqdn></entry>"));
    done(&mut store, "us", &delete("/address/entry[@name='x' or @name='y']"));
    assert_eq!(names(&store, "/address/entry"), ["legacy-net"]);
}

#[test]
fn moves_renames_and_clones() {
    let mut store = store();
    let rule = entry(RULES, "r");
    done(&mut store, "us", &set(&rule, RULE));
    for (place, expected) in [
        (Place::Before("deny-east-west".to_owned()), "allow-legacy r deny-east-west"),
        (Place::Top, "r allow-legacy deny-east-west"),
        (Place::After("allow-legacy".to_owned()), "allow-legacy r deny-east-west"),
        (Place::Bottom, "allow-legacy deny-east-west r"),
    ] {
        done(&mut store, "us", &Write::Move { xpath: format!("{VSYS}{rule}"), place });
        assert_eq!(names(&store, &format!("{RULES}/entry")).join(" "), expected);
    }
    let nowhere = Write::Move { xpath: format!("{VSYS}{rule}"), place: Place::Before("none".to_owned()) };
    assert_eq!(refused(&mut store, &nowhere).0, 7);
    let xpath = format!("{VSYS}{}", entry("/application", "legacy-corp"));
    done(&mut store, "us", &Write::Rename { xpath: xpath.clone(), newname: "legacy-2".to_owned() });
    assert_eq!(names(&store, &format!("{}/application/member", entry(RULES, "allow-legacy"))), ["legacy-2"]);
    assert_eq!(
        refused(&mut store, &Write::Rename { xpath, newname: "x".to_owned() }).0,
        7,
        "it has another name now"
    );
    let copy = Write::Clone {
        xpath: format!("{VSYS}{RULES}"),
        from: format!("{VSYS}{rule}"),
        newname: "copy".to_owned(),
    };
    done(&mut store, "us", &copy);
    assert_eq!(refused(&mut store, &copy).0, 8);
    let uuids: std::collections::BTreeSet<_> =
        select(&store.candidate, &parse_xpath(&format!("{VSYS}{RULES}/entry")).unwrap())
            .into_iter()
            .map(|(_, rule)| rule.attr("uuid").unwrap().to_owned())
            .collect();
    assert_eq!(uuids.len(), 4, "every rule has a uuid of its own");
    assert!(uuids.iter().all(|uuid| uuid.len() == 36));
}

#[test]
fn multi_config_is_all_or_nothing_and_strict_takes_back_first() {
    let quirks = Quirks::default();
    let writer = Writer { admin: "us", now: Moment(0), quirks: &quirks };
    let batch = |second: &str| {
        parse_one(&format!(
            "<multi-config><set xpath=\"{VSYS}/address/entry[@name='b']\" id='1'><fqdn>b.example</fqdn></set>{second}</multi-config>"
        ))
        .unwrap()
    };
    let bad = format!(
        "<set xpath=\"{VSYS}/address/entry[@name='c']\" id='BAD'><fqdn>-</fqdn></set><delete xpath='/config'/>"
    );
    for (strict, left) in [(false, vec!["legacy-net", "a", "theirs"]), (true, vec!["legacy-net", "theirs"])] {
        let mut store = store();
        done(&mut store, "us", &set("/address/entry[@name='a']", "<fqdn>a.example</fqdn>"));
        done(&mut store, "them", &set("/address/entry[@name='theirs']", "<fqdn>t.example</fqdn>"));
        let reply = run_multi(&mut store, writer, &batch(&bad), strict).unwrap();
        let ids: Vec<_> = reply.replies.iter().map(|r| (r.id.as_deref(), r.result.is_ok())).collect();
        assert_eq!(
            ids,
            [(Some("1"), true), (Some("BAD"), false)],
            "operations after the failed one are not tried"
        );
        assert_eq!(names(&store, "/address/entry"), left, "strict: {strict}");
        assert!(!run_multi(&mut store, writer, &batch(""), strict).unwrap().failed());
        assert!(names(&store, "/address/entry").contains(&"b".to_owned()));
    }
}
