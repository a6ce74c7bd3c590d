//! What is left, what it does, and what would be done about it.

use super::{
    kinds::KINDS,
    left::Left,
    undo::{chosen, name, released},
};
use crate::terminal::printable;

/// Tells it all. `purge` says whether what people's own objects hang on is to go too.
pub(super) fn of(left: &Left, purge: bool) -> String {
    let mut text = String::new();
    let mut told = |line: String| text.push_str(&format!("{line}\n"));
    if left.objects.is_empty() && left.unread.is_empty() {
        told("nothing of Sallyport is left in this cluster".to_owned());
    }
    for (place, kind) in KINDS.iter().enumerate() {
        let of_kind: Vec<String> = left
            .objects
            .iter()
            .filter(|object| object.kind == place)
            .map(|object| {
                format!(
                    "{}{}",
                    object.name,
                    if object.going { " (deleted, and something keeps it)" } else { "" }
                )
            })
            .collect();
        if !of_kind.is_empty() {
            let stays = if kind.purges && !purge { "; stays without --purge" } else { "" };
            told(format!(
                "{}: {}\n  {} {}{stays}",
                kind.plural,
                of_kind.join(", "),
                if of_kind.len() == 1 { "it" } else { "each" },
                kind.does
            ));
        }
    }
    for held in &left.held {
        let state = if held.going { "its deletion waits" } else { "its deletion will wait" };
        told(format!(
            "firewall {}: {state} until policy-sync has removed our entries from the device (deletionPolicy: Remove)",
            held.name
        ));
    }
    for (firewall, count) in &left.names {
        told(format!(
            "firewall {firewall} holds {count} names. They stay on the device; to have them removed, keep policy-sync running, set \
             deletionPolicy: Remove, and delete the Firewall first"
        ));
    }
    if !left.enabled.is_empty() {
        told(format!(
            "namespaces with sallyport.dev/inject: enabled: {}. The label does nothing without Sallyport; to take it off:\n  \
             kubectl label namespaces -l sallyport.dev/inject=enabled sallyport.dev/inject-",
            left.enabled.join(", ")
        ));
    }
    for why in &left.unread {
        told(format!("not known here: {why}"));
    }
    printable(&text)
}

/// What `--yes` would do; empty if nothing.
pub(super) fn offer(left: &Left, purge: bool) -> String {
    let (objects, held) = (chosen(left, purge), released(left, purge));
    let mut text = String::new();
    if !objects.is_empty() || !held.is_empty() {
        let going: Vec<String> = objects.iter().map(name).collect();
        text.push_str(&format!(
            "\nsallyport uninstall{} --yes would take away, in this order: {}",
            if purge { " --purge" } else { "" },
            going.join(", ")
        ));
        for held in held {
            text.push_str(&format!(", our finalizer on firewall {}", held.name));
        }
        text.push('\n');
    }
    if !purge && chosen(left, true).len() > objects.len() {
        text.push_str("with --purge also the definitions with every object of theirs, and our namespaces with every Secret in them\n");
    }
    printable(&text)
}

#[cfg(test)]
mod tests {
    use super::{
        super::left::{Held, Object},
        *,
    };

    fn object(plural: &str, name: &str) -> Object {
        let kind = KINDS.iter().position(|kind| kind.plural == plural).unwrap();
        Object { kind, namespace: None, name: name.to_owned(), going: false }
    }

    fn left() -> Left {
        Left {
            objects: vec![
                object("mutatingwebhookconfigurations", "sallyport"),
                object("customresourcedefinitions", "firewalls.sallyport.dev"),
                object("namespaces", "sallyport-system"),
            ],
            held: vec![Held { name: "edge".to_owned(), going: false }],
            names: vec![("edge".to_owned(), 12)],
            enabled: vec!["shop\u{1b}".to_owned()],
            unread: Vec::new(),
        }
    }

    #[test]
    fn what_is_left_says_what_it_does_and_what_stays_on_a_firewall() {
        let text = of(&left(), false);
        for words in [
            "mutatingwebhookconfigurations: sallyport\n  it refuses pods of enabled namespaces",
            "customresourcedefinitions: firewalls.sallyport.dev\n  it goes with every object of its kind; stays without --purge",
            "firewall edge: its deletion will wait",
            "firewall edge holds 12 names",
            "kubectl label namespaces",
        ] {
            assert!(text.contains(words), "no {words:?} in {text}");
        }
        assert!(!text.contains('\u{1b}'));
        assert_eq!(of(&Left::default(), false), "nothing of Sallyport is left in this cluster\n");
    }

    #[test]
    fn what_people_own_goes_only_when_told_so() {
        let careful = offer(&left(), false);
        assert!(
            careful.contains("mutatingwebhookconfigurations/sallyport") && !careful.contains("firewalls."),
            "{careful}"
        );
        assert!(careful.contains("with --purge also") && !careful.contains("finalizer"), "{careful}");
        let whole = offer(&left(), true);
        for words in [
            "--purge --yes",
            "customresourcedefinitions/firewalls.sallyport.dev",
            "namespaces/sallyport-system",
            "finalizer on firewall edge",
        ] {
            assert!(whole.contains(words), "no {words:?} in {whole}");
        }
        assert_eq!(offer(&Left::default(), true), "");
    }

    #[test]
    fn a_firewall_that_waits_already_is_let_go_without_more_asking() {
        let mut left = left();
        left.held[0].going = true;
        assert!(offer(&left, false).contains("our finalizer on firewall edge"));
    }
}
