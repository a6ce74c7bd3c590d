//! What an enabled namespace is given: the object that tells its policy, and our right to write there.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::rbac::v1::{RoleBinding, RoleRef, Subject},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use sallyport_contract::{
    keys,
    object::{HeldAt, Mode, NamespaceBindingSpec, OptOut},
    policy::{Holder, PolicyBook},
};

/// The service account that the certificate writer's role is bound to.
const ACCOUNT: &str = "sallyport-cert-agent";

/// What `NamespaceBinding/sallyport` is to say.
#[must_use]
pub fn told(namespace: &str, labels: &BTreeMap<String, String>, book: &PolicyBook) -> NamespaceBindingSpec {
    match book.holder(namespace, labels) {
        Holder::Held { policy, also } => NamespaceBindingSpec {
            policy: Some(policy.name.clone()),
            mode: policy.mode,
            opt_out: policy.opt_out,
            hold: HeldAt::of(policy.hold.as_ref()),
            problem: (!also.is_empty()).then(|| {
                format!("also selected by IdentityPolicy {}; {} comes first", also.join(", "), policy.name)
            }),
        },
        Holder::Broken { name, mode, error } => NamespaceBindingSpec {
            policy: Some(name.to_owned()),
            mode,
            opt_out: OptOut::Forbid,
            hold: HeldAt::Gate,
            problem: Some(format!("IdentityPolicy {name} cannot be understood: {error}")),
        },
        Holder::Nobody => NamespaceBindingSpec {
            policy: None,
            mode: Mode::Enforce,
            opt_out: OptOut::Forbid,
            hold: HeldAt::Gate,
            problem: Some(format!(
                "no IdentityPolicy selects this namespace; create one with spec.namespaces: [{namespace}]"
            )),
        },
    }
}

/// Our right to write certificate Secrets in one namespace.
#[must_use]
pub fn role_binding(namespace: &str, system: &str) -> RoleBinding {
    let labels = [(keys::MANAGED_BY.to_owned(), keys::MANAGED_BY_SALLYPORT.to_owned())];
    RoleBinding {
        metadata: ObjectMeta {
            name: Some(keys::CERTIFICATE_WRITER_ROLE.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels.into()),
            ..ObjectMeta::default()
        },
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "ClusterRole".to_owned(),
            name: keys::CERTIFICATE_WRITER_ROLE.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: ACCOUNT.to_owned(),
            namespace: Some(system.to_owned()),
            ..Subject::default()
        }]),
    }
}

/// Whether a RoleBinding carries our label.
#[must_use]
pub fn is_ours(found: &RoleBinding) -> bool {
    let labels = found.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(keys::MANAGED_BY)).is_some_and(|by| by == keys::MANAGED_BY_SALLYPORT)
}

/// Whether a RoleBinding gives what it must.
#[must_use]
pub fn gives(found: &RoleBinding, wanted: &RoleBinding) -> bool {
    let bound = |binding: &RoleBinding| {
        binding
            .subjects
            .iter()
            .flatten()
            .map(|s| (s.kind.clone(), s.name.clone(), s.namespace.clone()))
            .collect::<Vec<_>>()
    };
    found.role_ref.name == wanted.role_ref.name
        && found.role_ref.kind == wanted.role_ref.kind
        && bound(found) == bound(wanted)
}
