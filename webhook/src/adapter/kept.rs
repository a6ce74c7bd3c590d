//! What the webhook keeps of namespaces and of policies. Copies share what they hold, so a copy may be handed out while
//! the next event is taken in.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use sallyport_contract::{object::IdentityPolicy, policy::PolicyBook};
use sallyport_process::guarded::Guarded;

use super::mirror::Kept;
use crate::facts::Labels;

/// The labels of the namespaces that are turned on; no other is asked for.
#[derive(Clone, Default)]
pub(super) struct Namespaces(pub(super) Arc<HashMap<String, Arc<Labels>>>);

impl Kept for Namespaces {
    type Object = PartialObjectMeta<Namespace>;

    fn put(&mut self, name: String, namespace: Self::Object) {
        let labels = namespace.metadata.labels.unwrap_or_default();
        Arc::make_mut(&mut self.0).insert(name, Arc::new(labels));
    }

    fn remove(&mut self, name: &str) {
        Arc::make_mut(&mut self.0).remove(name);
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// All policies. One that cannot be read holds nothing and is reported.
#[derive(Clone, Default)]
pub(super) struct Policies {
    pub(super) book: Arc<PolicyBook>,
    /// The names of those that cannot be read.
    pub(super) unreadable: BTreeSet<String>,
}

impl Kept for Policies {
    type Object = Guarded<IdentityPolicy>;

    fn put(&mut self, name: String, policy: Self::Object) {
        match policy.0 {
            Ok(policy) => {
                self.unreadable.remove(&name);
                Arc::make_mut(&mut self.book).put(&policy);
            }
            Err(error) => {
                let error = error.error;
                tracing::error!(policy = name, error, "policy cannot be read and holds nothing");
                Arc::make_mut(&mut self.book).remove(&name);
                self.unreadable.insert(name);
            }
        }
    }

    fn remove(&mut self, name: &str) {
        self.unreadable.remove(name);
        Arc::make_mut(&mut self.book).remove(name);
    }

    fn len(&self) -> usize {
        self.book.len() + self.unreadable.len()
    }
}

#[cfg(test)]
mod tests {
    use sallyport_contract::policy::Holder;
    use serde_json::{Value, json};

    use super::*;

    fn policy(spec: Value) -> Guarded<IdentityPolicy> {
        serde_json::from_value(json!({"metadata": {"name": "shop"}, "spec": spec})).unwrap()
    }

    fn readable() -> Value {
        let side = json!({"zones": ["trust"], "addresses": ["any"]});
        json!({"namespaces": ["shop"], "dnsNames": {"default": "{workload}.shop.corp.example"},
            "traffic": {"actions": ["Allow"], "default": "Allow", "from": side, "to": side, "ports": [443]},
            "certificate": {"authority": "corp-pca"}, "firewall": "edge"})
    }

    fn holds(policies: &Policies) -> bool {
        !matches!(policies.book.holder("shop", &Labels::new()), Holder::Nobody)
    }

    #[test]
    fn a_policy_that_can_no_longer_be_read_holds_nothing_and_what_was_handed_out_stays() {
        let mut policies = Policies::default();
        policies.put("shop".to_owned(), policy(readable()));
        let handed_out = policies.clone();
        policies.put("shop".to_owned(), policy(json!({"namespaces": 5})));
        assert!(!holds(&policies) && holds(&handed_out));
        assert_eq!((policies.len(), policies.unreadable.len()), (1, 1));

        policies.put("shop".to_owned(), policy(readable()));
        assert!(holds(&policies) && policies.unreadable.is_empty());
        policies.remove("shop");
        assert_eq!((policies.len(), handed_out.len()), (0, 1));
    }
}
