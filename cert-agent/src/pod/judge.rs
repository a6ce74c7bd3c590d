//! Whose request it is, and whether its pod may have a certificate: by the pod's own UID and account, its
//! workload and the policy, as for every identity. What the pod's author wrote into the request
//! (`unverifiedUserAnnotations`) is never looked at.

use std::collections::BTreeMap;

use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::{
    Reason,
    object::Delivery,
    policy::{Holder, PolicyBook},
    refusal::quoted,
};

use super::stub::{Stub, StubError};
use crate::{
    observe::{
        carried::{Carried, identity_of},
        owners::Owners,
        wanted::{Scene, WantedIdentity},
    },
    text::Text,
    uid::Uid,
};

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Its pod is this identity, and gets a certificate for its names.
    Granted(String),
    /// A rule forbids it, for good.
    Denied {
        /// The code for the condition.
        reason: &'static str,
        /// What, whose rule and what to do.
        message: String,
    },
    /// It cannot be told yet.
    Waiting,
}

/// The word that Kubernetes has for a kind of key that a signer does not take.
const UNSUPPORTED_KEY_TYPE: &str = "UnsupportedKeyType";

fn denied(reason: Reason, message: impl Into<String>) -> Judgement {
    Judgement::Denied { reason: reason.code(), message: message.into() }
}

/// Judges a request that is not answered yet.
#[must_use]
pub fn judge(
    request: &PodCertificateRequest,
    scene: &Scene,
    book: &PolicyBook,
    owners: &Owners<'_>,
    identities: &BTreeMap<Text, WantedIdentity>,
) -> Judgement {
    let (spec, uid) = (&request.spec, Uid::from(&request.spec.pod_uid));
    // By UID: a pod that is made again under the same name is another one. One that is not seen yet will be.
    let Some(pod) = scene.pods.iter().find(|pod| pod.name == spec.pod_name && pod.uid == uid) else {
        return Judgement::Waiting;
    };
    if pod.template.service_account() != spec.service_account_name {
        return denied(
            Reason::Tampered,
            format!(
                "pod {} runs as the service account {}, and the request says {}. Whose rule: Sallyport's own. Do: \
                 find out who made this request; a kubelet does not",
                pod.name,
                pod.template.service_account(),
                quoted(&spec.service_account_name)
            ),
        );
    }
    match Stub::read(&spec.stub_pkc_s10_request.0) {
        Ok(_) => {}
        Err(error @ StubError::KeyType) => {
            return Judgement::Denied { reason: UNSUPPORTED_KEY_TYPE, message: error.to_string() };
        }
        Err(error @ (StubError::NotEmpty | StubError::Unreadable)) => {
            return denied(Reason::Malformed, error.to_string());
        }
    }
    // A denial is for good, and neither a policy that is just being made again nor one with a typing error is.
    if pod.identity.is_some() && !matches!(book.holder(&scene.namespace, &scene.labels), Holder::Held { .. })
    {
        return Judgement::Waiting;
    }
    let Some(label) = &pod.identity else { return denied(Reason::NameRefused, stranger(&pod.name)) };
    let (identity, held) = match identity_of(scene, book, &owners.of(pod), pod, label) {
        Carried::Identity(identity, held) => (identity, held),
        Carried::Tampered => {
            return denied(
                Reason::Tampered,
                format!(
                    "pod {} says that it is identity {}, which is neither what Sallyport derives for its workload nor \
                     what it ever made for it. Whose rule: Sallyport's own. Do: delete the pod, or restart its workload",
                    pod.name,
                    quoted(label)
                ),
            );
        }
        Carried::Unknown => return Judgement::Waiting,
    };
    if let Some(why) = held {
        return denied(Reason::NameRefused, why);
    }
    match identity.delivery {
        // Its workload may be one of two that differ; that is told elsewhere, and may be settled.
        Delivery::Pod if identities.contains_key(identity.name.as_str()) => {
            Judgement::Granted(identity.name.to_string())
        }
        Delivery::Pod => Judgement::Waiting,
        Delivery::Secret => denied(
            Reason::NameRefused,
            format!(
                "the certificate of pod {} lies in Secret {}. Whose rule: IdentityPolicy {} delivers by Secret. Do: take \
                 the podCertificate volume away, or have the policy's owner set spec.certificate.delivery: Pod",
                pod.name,
                identity.name.secret(),
                identity.policy
            ),
        ),
    }
}

fn stranger(pod: &str) -> String {
    format!(
        "pod {pod} was given no identity. Whose rule: Sallyport signs for pods of namespaces that are turned on and that \
         an IdentityPolicy holds. Do: have the platform team turn the namespace on, then delete the pod to have it \
         made anew, or take the podCertificate volume away"
    )
}

#[cfg(test)]
mod tests;
