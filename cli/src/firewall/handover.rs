//! A name that goes from one cluster to another on the same firewall: what the spec of each is to say.
//!
//! The one that lets go lists the other in `sharedWith`, so that it goes on with what the other holds. The one that takes
//! over lists the name in `adopted`: its next commit brings its own App-ID and takes the former one away.

use sallyport_contract::{DnsName, object::Firewall};
use serde_json::json;

use super::cluster::Edit;

/// Takes names over from the clusters of `sharedWith`.
///
/// # Errors
/// The firewall is shared with nobody.
pub(crate) fn adopt(firewall: &Firewall, names: &[DnsName]) -> Result<Edit, String> {
    let on = firewall.metadata.name.as_deref().unwrap_or_default();
    let spec = &firewall.spec;
    if spec.shared_with.is_empty() {
        return Err(format!(
            "spec.sharedWith of Firewall {on} lists no cluster: names are taken over only from one that it lists, and that \
             holds them with the same action; nothing was changed"
        ));
    }
    let new: Vec<String> =
        names.iter().map(ToString::to_string).filter(|name| !spec.adopted.contains(name)).collect();
    let from = spec.shared_with.join(", ");
    if new.is_empty() {
        let words = format!("already in spec.adopted of Firewall {on}; nothing was changed\n");
        return Ok(Edit { change: None, words });
    }
    let words = format!(
        "{} from {from} on firewall {on}: one commit brings the App-ID of {} and takes theirs away; no session is left \
         without a rule. What they do not hold, or hold with another action, stays as it is.\n\
         on their side, while they still run: sallyport firewall handover --on FIREWALL --to {}\n\
         what will be written: sallyport firewall diff {on}\n\
         watch it: sallyport firewall status {on}\n",
        taken(&new),
        spec.cluster_name,
        spec.cluster_name,
    );
    let all: Vec<&String> = spec.adopted.iter().chain(&new).collect();
    Ok(Edit { change: Some(json!({ "adopted": all })), words })
}

/// Lets another cluster take names over.
///
/// # Errors
/// The other one is this one.
pub(crate) fn hand_over(firewall: &Firewall, to: &str) -> Result<Edit, String> {
    let on = firewall.metadata.name.as_deref().unwrap_or_default();
    let spec = &firewall.spec;
    if to == spec.cluster_name {
        return Err(format!(
            "Firewall {on} is of cluster {to} itself (spec.clusterName); name the other one"
        ));
    }
    if spec.shared_with.iter().any(|cluster| cluster == to) {
        let words = format!("spec.sharedWith of Firewall {on} lists {to} already; nothing was changed\n");
        return Ok(Edit { change: None, words });
    }
    let words = format!(
        "cluster {to} may take over names of {} on firewall {on}: from then on its App-ID and rule serve them here, with the \
         same action; pods that are Ready stay Ready.\n\
         on their side: sallyport firewall adopt NAME… --on FIREWALL (with {} in spec.sharedWith)\n",
        spec.cluster_name, spec.cluster_name,
    );
    let all: Vec<&str> = spec.shared_with.iter().map(String::as_str).chain([to]).collect();
    Ok(Edit { change: Some(json!({ "sharedWith": all })), words })
}

fn taken(names: &[String]) -> String {
    match names {
        [one] => format!("{one} is taken over"),
        many => format!("{} names are taken over", many.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(change: impl FnOnce(&mut Firewall)) -> Firewall {
        let example = include_str!("../../../manifests/examples/firewall.yaml");
        let mut edge: Firewall = serde_saphyr::from_str(example).unwrap();
        change(&mut edge);
        edge
    }

    fn names(texts: &[&str]) -> Vec<DnsName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn names_are_added_to_those_that_are_adopted() {
        let shared = edge(|edge| {
            edge.spec.shared_with = vec!["prod-eu-0".to_owned()];
            edge.spec.adopted = vec!["a.example".to_owned()];
        });
        let edit = adopt(&shared, &names(&["a.example", "web.shop.corp.example"])).unwrap();
        assert_eq!(edit.change, Some(json!({"adopted": ["a.example", "web.shop.corp.example"]})));
        assert!(
            edit.words.starts_with("web.shop.corp.example is taken over from prod-eu-0"),
            "{}",
            edit.words
        );
        assert_eq!(adopt(&shared, &names(&["a.example"])).unwrap().change, None);
    }

    #[test]
    fn nothing_is_taken_from_a_cluster_that_is_not_listed() {
        let refused = adopt(&edge(|edge| edge.spec.shared_with.clear()), &names(&["a.example"]));
        assert!(refused.err().unwrap().contains("lists no cluster"));
    }

    #[test]
    fn the_other_cluster_is_let_in_once() {
        let alone = edge(|edge| edge.spec.shared_with.clear());
        let edit = hand_over(&alone, "prod-eu-9").unwrap();
        assert_eq!(edit.change, Some(json!({"sharedWith": ["prod-eu-9"]})));
        let shared = edge(|edge| edge.spec.shared_with = vec!["prod-eu-9".to_owned()]);
        assert_eq!(hand_over(&shared, "prod-eu-9").unwrap().change, None);
        assert!(hand_over(&shared, &shared.spec.cluster_name).is_err());
    }
}
