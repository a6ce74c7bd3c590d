//! What to run, and what to run when it is over.

use sallyport_contract::keys::WEBHOOK_CONFIGURATION;

use super::found::{Entry, Found};
use crate::terminal::printable;

/// The webhook's entry for pods, as manifests/install/40-webhook.yaml names it.
pub(super) const PODS_ENTRY: &str = "pods.sallyport.dev";
/// The admission policy that holds the end state, and its binding.
pub(super) const END_STATE: &str = "sallyport-end-state";

/// The change and its undoing.
pub(super) fn of(found: &Found) -> String {
    let mut text = String::from(
        "break glass: let pods start without Sallyport's webhook, in every enabled namespace, until it is undone.\n\
         Such pods have no certificate and no readiness gate. Running pods, scaling down and deletion need none of this.\n\n",
    );
    text.push_str(&standing(found));
    let place = match found.entry {
        Some(Entry::At(place, _)) => place,
        Some(Entry::Absent) | None => 0,
    };
    let asks = !matches!(found.entry, Some(Entry::Absent));
    text.push_str("to open:\n");
    if asks {
        text.push_str(&format!("  {}\n", policy(place, "Ignore")));
    }
    text.push_str(&format!("  {}\n", actions("[\"Warn\",\"Audit\"]")));
    text.push_str("\nto undo, once the webhook answers again:\n");
    if asks {
        text.push_str(&format!("  {}\n", policy(place, "Fail")));
    } else {
        text.push_str("  kubectl apply -f manifests/install/40-webhook.yaml\n");
    }
    text.push_str(&format!("  {}\n", actions("[\"Deny\"]")));
    text.push_str(
        "\nthen find what came in meanwhile, and make it anew by the command that stands there:\n  \
         kubectl get nsb -A\n  kubectl get events -A --field-selector reason=NotInjected\n\n\
         If pods start and wait at their gates instead (firewall or CA away), the webhook is not what keeps them: see\n\
         docs/BREAK-GLASS.md for a GateOverride.\n",
    );
    printable(&text)
}

/// What was found, and what follows from it.
fn standing(found: &Found) -> String {
    let mut text = String::new();
    let mut told = |words: String| text.push_str(&format!("  {words}\n"));
    match &found.entry {
        Some(Entry::Absent) => told(format!(
            "there is no webhook entry {PODS_ENTRY}: the API server does not ask for it, only the admission policy stands"
        )),
        Some(Entry::At(_, policy)) if policy == "Ignore" => {
            told(format!("{PODS_ENTRY} fails open already (failurePolicy: Ignore)"));
        }
        Some(Entry::At(_, policy)) => told(format!("{PODS_ENTRY} fails closed (failurePolicy: {policy})")),
        None => {}
    }
    match found.actions.as_deref() {
        Some([]) => {
            told(format!("there is no binding {END_STATE}: nothing else refuses pods without an identity"))
        }
        Some(actions) if actions.iter().any(|action| action == "Deny") => {
            told(format!("{END_STATE} refuses pods that did not pass through the webhook"));
        }
        Some(_) => told(format!("{END_STATE} only warns already")),
        None => {}
    }
    match found.ready {
        Some(0) => told(
            "no endpoint of the webhook is ready: kubectl -n sallyport-system get pods,endpointslices"
                .to_owned(),
        ),
        Some(ready) => told(format!(
            "{ready} endpoints of the webhook are ready: is it really the webhook? Read the refusal once more before you open"
        )),
        None => {}
    }
    if let Some(enabled) = found.enabled {
        told(format!("{enabled} namespaces are enabled, and are opened together"));
    }
    for why in &found.unread {
        told(format!("not known here: {why}"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Names the entry that it means, so that it changes that one or nothing.
fn policy(place: usize, policy: &str) -> String {
    format!(
        "kubectl patch mutatingwebhookconfiguration {WEBHOOK_CONFIGURATION} --type=json -p \
         '[{{\"op\":\"test\",\"path\":\"/webhooks/{place}/name\",\"value\":\"{PODS_ENTRY}\"}},\
         {{\"op\":\"replace\",\"path\":\"/webhooks/{place}/failurePolicy\",\"value\":\"{policy}\"}}]'"
    )
}

fn actions(list: &str) -> String {
    format!(
        "kubectl patch validatingadmissionpolicybinding {END_STATE} --type=merge -p \
         '{{\"spec\":{{\"validationActions\":{list}}}}}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_and_its_undoing_stand_side_by_side() {
        let entry = Some(Entry::At(1, "Fail".to_owned()));
        let actions = Some(vec!["Deny".to_owned()]);
        let text = of(&Found { entry, actions, ready: Some(0), enabled: Some(3), unread: Vec::new() });
        let (open, undo) = text.split_once("to undo").unwrap();
        assert!(
            open.contains("fails closed (failurePolicy: Fail)") && open.contains("no endpoint"),
            "{open}"
        );
        assert!(open.contains("\"/webhooks/1/name\",\"value\":\"pods.sallyport.dev\""), "{open}");
        assert!(open.contains("\"value\":\"Ignore\"") && open.contains("[\"Warn\",\"Audit\"]"), "{open}");
        assert!(undo.contains("\"value\":\"Fail\"") && undo.contains("[\"Deny\"]"), "{undo}");
    }

    #[test]
    fn without_a_cluster_the_install_is_taken_as_it_stands_and_what_is_not_known_is_told() {
        let text = of(&Found { unread: vec!["connection refused\u{1b}".to_owned()], ..Found::default() });
        assert!(text.contains("not known here: connection refused") && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("/webhooks/0/failurePolicy"), "{text}");
    }

    #[test]
    fn what_is_open_already_and_what_is_not_there_is_told() {
        let open = Found {
            entry: Some(Entry::At(0, "Ignore".to_owned())),
            actions: Some(vec!["Warn".to_owned()]),
            ready: Some(2),
            ..Found::default()
        };
        let text = of(&open);
        for words in ["fails open already", "only warns already", "is it really the webhook?"] {
            assert!(text.contains(words), "{text}");
        }
        let absent = Found { entry: Some(Entry::Absent), actions: Some(Vec::new()), ..Found::default() };
        let text = of(&absent);
        assert!(
            text.contains("there is no webhook entry") && !text.contains("mutatingwebhookconfiguration"),
            "{text}"
        );
        assert!(text.contains("kubectl apply -f manifests/install/40-webhook.yaml"), "{text}");
    }

    #[test]
    fn the_names_are_those_of_the_install() {
        let webhook = include_str!("../../../manifests/install/40-webhook.yaml");
        let guard = include_str!("../../../manifests/install/57-guard-end-state.yaml");
        assert!(webhook.contains(&format!("- name: {PODS_ENTRY}\n")));
        assert_eq!(guard.matches(&format!("  name: {END_STATE}\n")).count(), 2);
    }
}
