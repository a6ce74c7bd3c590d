//! The kinds of objects that an install consists of, in the order in which they are taken away.

use kube::core::{ApiResource, GroupVersionKind};
use sallyport_contract::keys;

/// What every object of `manifests/install` is labelled with.
pub(super) const PART: &str = "app.kubernetes.io/part-of=sallyport";
/// What our programs make beside the install is labelled with.
const MADE: &str = "app.kubernetes.io/managed-by=sallyport";

/// Where objects of a kind are looked for.
#[derive(Clone, Copy)]
pub(super) enum Where {
    /// In the whole cluster, all namespaces included.
    Cluster,
    /// In our own namespaces.
    Ours,
}

/// One kind, and which of its objects are ours.
pub(super) struct Kind {
    group: &'static str,
    kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) place: Where,
    pub(super) selector: &'static str,
    /// What it does as long as it is left.
    pub(super) does: &'static str,
    /// Whether people's own objects or Secrets go with it.
    pub(super) purges: bool,
}

/// Our namespaces.
pub(super) const NAMESPACES: [&str; 2] = [keys::SYSTEM_NAMESPACE, keys::FIREWALL_NAMESPACE];
/// What the names of our definitions end with.
pub(super) const DEFINITIONS: &str = ".sallyport.dev";

const ADMISSION: &str = "admissionregistration.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const GUARD: &str = "holds what Sallyport promised";
const RIGHT: &str = "is a right of our programs, or of people on our objects";

/// What refuses requests goes first, what programs need last.
pub(super) const KINDS: [Kind; 14] = [
    Kind {
        does: "refuses pods of enabled namespaces while no webhook answers",
        ..cluster(ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations")
    },
    Kind {
        does: "puts a guard in force",
        ..cluster(ADMISSION, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings")
    },
    Kind { does: GUARD, ..cluster(ADMISSION, "ValidatingAdmissionPolicy", "validatingadmissionpolicies") },
    Kind { does: "runs a program", ..ours("apps", "Deployment", "deployments") },
    Kind { does: "belongs to a program", ..ours("policy", "PodDisruptionBudget", "poddisruptionbudgets") },
    Kind { does: "belongs to a program", ..ours("", "Service", "services") },
    Kind { does: "belongs to a program", ..ours("networking.k8s.io", "NetworkPolicy", "networkpolicies") },
    Kind { does: RIGHT, ..cluster(RBAC, "ClusterRoleBinding", "clusterrolebindings") },
    Kind { does: RIGHT, ..cluster(RBAC, "ClusterRole", "clusterroles") },
    Kind { does: RIGHT, ..ours(RBAC, "RoleBinding", "rolebindings") },
    Kind { does: RIGHT, ..ours(RBAC, "Role", "roles") },
    Kind { does: RIGHT, selector: MADE, ..cluster(RBAC, "RoleBinding", "rolebindings") },
    Kind {
        does: "goes with every object of its kind",
        selector: "",
        purges: true,
        ..cluster("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions")
    },
    // Who makes a namespace for Helm may not label it.
    Kind {
        does: "goes with every Secret in it",
        selector: "",
        purges: true,
        ..cluster("", "Namespace", "namespaces")
    },
];

const fn cluster(group: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind { group, kind, plural, place: Where::Cluster, selector: PART, does: "", purges: false }
}

const fn ours(group: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind { place: Where::Ours, ..cluster(group, kind, plural) }
}

impl Kind {
    /// How the API server is asked for it. All of them are `v1`.
    pub(super) fn resource(&self) -> ApiResource {
        let kind = GroupVersionKind::gvk(self.group, "v1", self.kind);
        ApiResource::from_gvk_with_plural(&kind, self.plural)
    }

    /// Whether an object that the selector finds is ours.
    pub(super) fn takes(&self, name: &str) -> bool {
        !self.selector.is_empty() || name.ends_with(DEFINITIONS) || NAMESPACES.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_install_holds_is_found_again() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/install");
        let mut seen = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for object in serde_saphyr::from_multiple::<serde_json::Value>(&text).unwrap() {
                let (kind, metadata) = (object["kind"].as_str().unwrap(), &object["metadata"]);
                // With its namespace.
                if kind == "ServiceAccount" {
                    continue;
                }
                let (key, value) = PART.split_once('=').unwrap();
                let found = KINDS.iter().any(|known| {
                    let place = metadata["namespace"].as_str();
                    let here = match known.place {
                        Where::Ours => place.is_some_and(|place| NAMESPACES.contains(&place)),
                        Where::Cluster => place.is_none(),
                    };
                    let name = metadata["name"].as_str().unwrap_or_default();
                    known.kind == kind && here && known.selector != MADE && known.takes(name)
                });
                assert!(found && metadata["labels"][key] == value, "{kind} {}", metadata["name"]);
                seen += 1;
            }
        }
        assert!(seen > 30, "only {seen} objects");
    }
}
