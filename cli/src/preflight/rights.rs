//! What must be allowed, and to whom, told from the manifests of the install: there is no second list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Every file of `manifests/install`.
macro_rules! install {
    ($($file:literal),+ $(,)?) => {
        const INSTALL: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../../manifests/install/", $file)))),+];
    };
}

install!(
    "10-namespaces.yaml",
    "20-webhook-rights.yaml",
    "21-cert-agent-rights.yaml",
    "22-policy-sync-rights.yaml",
    "30-programs.yaml",
    "35-networks.yaml",
    "40-webhook.yaml",
    "50-guard-own-objects.yaml",
    "51-guard-gate.yaml",
    "52-guard-answers.yaml",
    "53-guard-secrets.yaml",
    "53-guard-trust.yaml",
    "54-guard-namespaces.yaml",
    "55-guard-pod-certificates.yaml",
    "56-guard-overrides.yaml",
    "57-guard-end-state.yaml",
    "58-guard-restarts.yaml",
    "59-guard-hold.yaml",
    "60-roles.yaml",
);

/// One question to the API server's authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ask {
    pub(super) verb: String,
    pub(super) group: String,
    /// With its subresource: `pods/status`.
    pub(super) resource: String,
    /// One object; all of them if empty.
    pub(super) name: String,
    /// All of them if empty.
    pub(super) namespace: String,
}

impl Ask {
    /// As `kubectl auth can-i` writes it.
    pub(super) fn words(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let name = if self.name.is_empty() { String::new() } else { format!(" {}", self.name) };
        let within =
            if self.namespace.is_empty() { String::new() } else { format!(" in {}", self.namespace) };
        format!("{} {}{group}{name}{within}", self.verb, self.resource)
    }
}

/// What whoever installs must be allowed to make.
///
/// # Errors
/// A manifest of this program cannot be read.
pub(super) fn to_install() -> Result<BTreeSet<Ask>, String> {
    let made = objects()?.into_iter().map(|object| {
        let (group, _) = text(&object["apiVersion"]).rsplit_once('/').unwrap_or_default();
        Ask {
            verb: "create".to_owned(),
            group: group.to_owned(),
            resource: plural(text(&object["kind"])),
            namespace: text(&object["metadata"]["namespace"]).to_owned(),
            ..Ask::default()
        }
    });
    let definitions = Ask {
        verb: "create".to_owned(),
        group: "apiextensions.k8s.io".to_owned(),
        resource: "customresourcedefinitions".to_owned(),
        ..Ask::default()
    };
    Ok(made.chain([definitions]).collect())
}

/// What each account of ours must be allowed: the rules of all roles that the install binds it to.
///
/// # Errors
/// A manifest of this program cannot be read.
pub(super) fn of_accounts() -> Result<BTreeMap<String, BTreeSet<Ask>>, String> {
    let objects = objects()?;
    let mut accounts: BTreeMap<String, BTreeSet<Ask>> = BTreeMap::new();
    let bindings = objects.iter().filter(|object| text(&object["kind"]).ends_with("RoleBinding"));
    for binding in bindings {
        let (kind, name) = (&binding["roleRef"]["kind"], &binding["roleRef"]["name"]);
        let namespace = &binding["metadata"]["namespace"];
        let role = objects.iter().find(|object| {
            object["kind"] == *kind
                && object["metadata"]["name"] == *name
                && (kind == "ClusterRole" || object["metadata"]["namespace"] == *namespace)
        });
        let rules: BTreeSet<Ask> =
            role.map(|role| asks(&role["rules"], text(namespace))).into_iter().flatten().collect();
        for subject in binding["subjects"].as_array().into_iter().flatten() {
            accounts.entry(text(&subject["name"]).to_owned()).or_default().extend(rules.clone());
        }
    }
    Ok(accounts)
}

fn asks(rules: &Value, namespace: &str) -> Vec<Ask> {
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|item| text(item).to_owned()).collect()
    };
    let mut asks = Vec::new();
    for rule in rules.as_array().into_iter().flatten() {
        let mut names = list(&rule["resourceNames"]);
        if names.is_empty() {
            names.push(String::new());
        }
        for group in list(&rule["apiGroups"]) {
            for resource in list(&rule["resources"]) {
                for verb in list(&rule["verbs"]) {
                    asks.extend(names.iter().map(|name| Ask {
                        verb: verb.clone(),
                        group: group.clone(),
                        resource: resource.clone(),
                        name: name.clone(),
                        namespace: namespace.to_owned(),
                    }));
                }
            }
        }
    }
    asks
}

fn objects() -> Result<Vec<Value>, String> {
    let mut objects = Vec::new();
    for (file, text) in INSTALL {
        let read: Vec<Value> =
            serde_saphyr::from_multiple(text).map_err(|error| format!("{file} cannot be read: {error}"))?;
        objects.extend(read);
    }
    Ok(objects)
}

/// The resource of a kind; the install has none that is called otherwise.
fn plural(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_the_install_is_left_out() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/install");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, INSTALL.iter().map(|(file, _)| *file).collect::<Vec<_>>());
    }

    #[test]
    fn rights_follow_from_the_manifests() {
        let accounts = of_accounts().unwrap();
        let names: Vec<&str> = accounts.keys().map(String::as_str).collect();
        assert_eq!(names, ["sallyport-cert-agent", "sallyport-policy-sync", "sallyport-webhook"]);
        let may = |account: &str| accounts[account].iter().map(Ask::words).collect::<Vec<_>>();
        let syncer = may("sallyport-policy-sync");
        for right in
            ["patch pods/status", "watch secrets in sallyport-firewall", "list pathreports.sallyport.dev"]
        {
            assert!(syncer.iter().any(|words| words == right), "{right} is not in {syncer:?}");
        }
        let webhook = may("sallyport-webhook");
        assert!(
            webhook.contains(&"get secrets sallyport-webhook-tls in sallyport-system".to_owned()),
            "{webhook:?}"
        );
        let install: Vec<String> = to_install().unwrap().iter().map(Ask::words).collect();
        for right in [
            "create namespaces",
            "create deployments.apps in sallyport-system",
            "create validatingadmissionpolicies.admissionregistration.k8s.io",
            "create customresourcedefinitions.apiextensions.k8s.io",
            "create roles.rbac.authorization.k8s.io in sallyport-firewall",
        ] {
            assert!(install.iter().any(|words| words == right), "{right} is not in {install:?}");
        }
    }
}
