//! What the candidate takes, refuses and remembers: the tools of these tests.

mod commits;
mod refusals;
mod writes;

use super::{Model, Store, Write, Writer, apply_write, load_initial};
use crate::{
    clock::Moment,
    quirks::Quirks,
    refusal::Refusal,
    scope::Scope,
    tree::{parse_fragment, parse_one, parse_xpath, select},
};

const VSYS: &str = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']";
const RULES: &str = "/rulebase/security/rules";
const APP: &str = "<category>business-systems</category><subcategory>general-business</subcategory>\
    <technology>client-server</technology><risk>1</risk><parent-app>ssl</parent-app>";
const RULE: &str = "<from><member>trust</member></from><to><member>trust</member></to><source><member>any</member></source>\
    <destination><member>10.20.0.0/16</member></destination><application><member>ssl</member></application>\
    <service><member>service-https</member></service><action>allow</action>";

fn store() -> Store {
    let config = load_initial(None, &Scope::Vsys("vsys1".to_owned()), &Quirks::default()).unwrap();
    Store::new(config, Model::Firewall)
}

fn write(store: &mut Store, admin: &str, quirks: &Quirks, write: &Write) -> Result<(), Refusal> {
    let mut draft = store.clone();
    apply_write(&mut draft, Writer { admin, now: Moment(0), quirks }, write)?;
    *store = draft;
    Ok(())
}

fn set(below: &str, elements: &str) -> Write {
    Write::Set { xpath: format!("{VSYS}{below}"), elements: parse_fragment(elements).unwrap() }
}

fn edit(below: &str, element: &str) -> Write {
    Write::Edit { xpath: format!("{VSYS}{below}"), element: parse_one(element).unwrap() }
}

fn delete(below: &str) -> Write {
    Write::Delete { xpath: format!("{VSYS}{below}") }
}

fn entry(list: &str, name: &str) -> String {
    format!("{list}/entry[@name='{name}']")
}

fn done(store: &mut Store, admin: &str, what: &Write) {
    write(store, admin, &Quirks::default(), what).unwrap_or_else(|e| panic!("{what:?}: {e:?}"));
}

fn refused(store: &mut Store, what: &Write) -> (u16, Vec<String>) {
    let before = store.clone();
    let refusal = write(store, "us", &Quirks::default(), what).expect_err(&format!("{what:?} is refused"));
    assert_eq!((&store.candidate, &store.units), (&before.candidate, &before.units), "nothing is half done");
    (refusal.code.number(), refusal.lines)
}

fn names(store: &Store, below: &str) -> Vec<String> {
    let xpath = parse_xpath(&format!("{VSYS}{below}")).unwrap();
    select(&store.candidate, &xpath)
        .into_iter()
        .map(|(_, node)| node.attr("name").map_or_else(|| node.text.clone(), str::to_owned))
        .collect()
}
