//! What a write must not break: exclusive words of a list, and names that others rely on.

use super::{
    store::{Model, Store, Writer, is_security_rules},
    target::label_of,
    validate::scopes,
};
use crate::{
    panorama::related,
    quirks::{Quirks, RuleNeeds},
    refusal::{Code, Refusal},
    schema::{self, Checker, Kind, each_reference, locate, removed_objects, resolves},
    scope::Scope,
    tree::{Element, NodePath, Segment, find},
};

pub(super) fn checker<'a>(store: &'a Store, target: &NodePath, writer: Writer<'a>) -> Checker<'a> {
    let scope = Scope::of(target).unwrap_or(Scope::Shared);
    Checker { config: &store.candidate, scope, quirks: writer.quirks, complete: false }
}

pub(super) fn check_lonely_lists(store: &Store, changed: &NodePath) -> Result<(), Refusal> {
    let Some(list) = changed.parent().filter(|_| changed.last().is_some_and(|s| s.name == "member")) else {
        return Ok(());
    };
    match (locate(&list).map(|place| place.kind), find(&store.candidate, &list)) {
        (Some(Kind::Members(members)), Some(node)) => schema::check_lonely(members, node, &label_of(&list)),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Does the rule that a change is about, or is in, have what the administrators of this device demand of rules?
/// The device's words for this are not public.
pub(super) fn check_rule_needs(store: &Store, quirks: &Quirks, changed: &NodePath) -> Result<(), Refusal> {
    let mut above =
        (1..=changed.0.len()).map(|length| NodePath(changed.0.iter().take(length).cloned().collect()));
    let Some(path) = above.find(|path| path.parent().is_some_and(|list| is_security_rules(&list))) else {
        return Ok(());
    };
    let Some(rule) = find(&store.candidate, &path) else { return Ok(()) };
    let missing = match quirks.rule_needs {
        RuleNeeds::Nothing => None,
        RuleNeeds::TagAndDescription if rule.members_of("tag").next().is_none() => Some("tag"),
        RuleNeeds::TagAndDescription => rule.text_of("description").is_none().then_some("description"),
        RuleNeeds::AuditComment => (!store.audit_comments.contains_key(&path)).then_some("audit comment"),
    };
    match missing {
        Some(what) => {
            let name = rule.attr("name").unwrap_or_default();
            Err(Refusal::new(Code::InvalidObject, format!(" {name} is missing '{what}'")))
        }
        None => Ok(()),
    }
}

/// Is a new rule's name free? It is unique on a firewall, and on a Panorama over a group, all above and all below it
/// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/policies/policies-security/building-blocks-in-a-security-policy-rule>).
/// The device's words for this are not public.
pub(super) fn check_rule_name(store: &Store, path: &NodePath) -> Result<(), Refusal> {
    let (Some(list), Some(name)) = (path.parent(), path.last().and_then(|segment| segment.key.clone()))
    else {
        return Ok(());
    };
    let Some(scope) = Scope::of(path).filter(|_| is_security_rules(&list)) else { return Ok(()) };
    let taken = security_rules(&store.candidate, &name).into_iter().any(|other| {
        let near = Scope::of(&other).is_some_and(|at| match store.model {
            Model::Firewall => true,
            Model::Panorama => related(&store.candidate, &scope, &at),
        });
        near && other != *path
    });
    if taken {
        return Err(Refusal::new(Code::InvalidObject, format!(" {name} is already in use")));
    }
    Ok(())
}

/// Where a configuration has security rules of a name.
pub(super) fn security_rules(config: &Element, name: &str) -> Vec<NodePath> {
    let places = scopes(config).into_iter().flat_map(|scope| {
        let base = scope.base();
        scope.rulebases().iter().map(move |rulebase| {
            let list = base.join(Segment::named(rulebase)).join(Segment::named("security"));
            list.join(Segment::named("rules")).join(Segment::entry(name))
        })
    });
    places.filter(|path| find(config, path).is_some()).collect()
}

/// Was something taken away that others name? Judged on the candidate as it is now.
pub(super) fn check_still_referenced(
    store: &Store,
    before: Option<&Element>,
    path: &NodePath,
) -> Result<(), Refusal> {
    let objects = before.map(|node| removed_objects(node, path)).unwrap_or_default();
    if objects.is_empty() {
        return Ok(());
    }
    let mut named: Vec<(String, String)> = Vec::new();
    each_reference(&store.candidate, &mut |found| {
        if !objects.iter().any(|object| object.is_named_by(&found)) {
            return;
        }
        let reference = found.reference();
        if !resolves(&store.candidate, &reference.scope, reference.refers, &reference.value) {
            named.push((reference.value.clone(), reference.chain()));
        }
    });
    let Some((name, _)) = named.first().cloned() else { return Ok(()) };
    let mut lines = vec![format!(" {name} cannot be deleted because of references from:")];
    lines.extend(named.iter().filter(|(n, _)| *n == name).map(|(_, chain)| format!(" {chain}")));
    Err(Refusal { code: Code::StillReferenced, lines })
}
