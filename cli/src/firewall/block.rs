//! The brake on one name: what `spec.blocked` is to list, and what is said about it.

use sallyport_contract::{DnsName, firewall_names, object::Firewall};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The name is denied.
    Block,
    /// Its workloads decide again.
    Unblock,
}

/// What the list is to be; nothing if it is so already.
pub(crate) fn list(blocked: &[String], name: &DnsName, wish: Wish) -> Option<Vec<String>> {
    let listed = blocked.iter().any(|entry| entry == name.as_str());
    match wish {
        Wish::Block if !listed => Some(blocked.iter().cloned().chain([name.to_string()]).collect()),
        Wish::Unblock if listed => {
            Some(blocked.iter().filter(|entry| *entry != name.as_str()).cloned().collect())
        }
        Wish::Block | Wish::Unblock => None,
    }
}

/// What was done, and how to watch it. `claimed`: some identity has the name.
pub(crate) fn words(firewall: &Firewall, name: &DnsName, wish: Wish, changed: bool, claimed: bool) -> String {
    let app = firewall_names::app_id(&firewall.spec.cluster_name, name);
    let firewall = firewall.metadata.name.as_deref().unwrap_or_default();
    let done = match (wish, changed) {
        (Wish::Block, true) => format!(
            "{name} is blocked on firewall {firewall}: its App-ID goes into a deny rule with the next commit, also outside the \
             change windows; gates that are shut stay shut, and pods that are Ready stay Ready. The firewall denies the name once \
             that is committed, which a lock or others' pending changes hold up"
        ),
        (Wish::Block, false) => {
            format!("{name} was blocked on firewall {firewall} already; nothing was changed")
        }
        (Wish::Unblock, true) => format!(
            "{name} is no longer blocked on firewall {firewall}: the next commit does what its workloads ask for"
        ),
        (Wish::Unblock, false) => {
            format!("{name} was not blocked on firewall {firewall}; nothing was changed")
        }
    };
    let nobody = match (wish, claimed) {
        (Wish::Block, false) => "no identity has this name today; it is denied from the moment one does\n",
        (Wish::Block, true) | (Wish::Unblock, _) => "",
    };
    let sessions = match (wish, changed) {
        (Wish::Block, true) => format!(
            "sessions that run may live on, unless the device rematches them; to end them there: clear session all filter \
             application {app}\n"
        ),
        (Wish::Block, false) | (Wish::Unblock, _) => String::new(),
    };
    format!("{done}\n{nobody}{sessions}watch it: sallyport firewall status {firewall}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_added_or_taken_out_and_the_others_stay() {
        let name: DnsName = "web.shop.corp.example".parse().unwrap();
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            list(&texts(&["a.example"]), &name, Wish::Block),
            Some(texts(&["a.example", "web.shop.corp.example"]))
        );
        assert_eq!(list(&texts(&["web.shop.corp.example"]), &name, Wish::Block), None);
        assert_eq!(
            list(&texts(&["web.shop.corp.example", "a.example"]), &name, Wish::Unblock),
            Some(texts(&["a.example"]))
        );
        assert_eq!(list(&[], &name, Wish::Unblock), None);
    }

    #[test]
    fn people_hear_what_was_done_and_how_to_watch_it() {
        let name: DnsName = "web.shop.corp.example".parse().unwrap();
        let example = include_str!("../../../manifests/examples/firewall.yaml");
        let edge: Firewall = serde_saphyr::from_str(example).unwrap();
        let told = words(&edge, &name, Wish::Block, true, false);
        for expected in [
            "is blocked on firewall edge",
            "no identity has this name",
            "pods that are Ready stay Ready",
            "once that is committed",
            "sallyport firewall status edge",
            "application sp-web-",
        ] {
            assert!(told.contains(expected), "{told}");
        }
        assert!(words(&edge, &name, Wish::Block, false, true).contains("nothing was changed"));
    }
}
