//! The policies of the cluster, each read once and not once for every judgement.

use std::{collections::BTreeMap, sync::Arc};

use sallyport_contract::{object::IdentityPolicy, policy::PolicyBook};

type Objects = BTreeMap<String, Arc<IdentityPolicy>>;

/// The policies by name, and what they say. Clones share both.
#[derive(Clone, Default)]
pub struct Policies {
    objects: Arc<Objects>,
    book: Arc<PolicyBook>,
}

impl Policies {
    /// The policy called so, as it was written.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&IdentityPolicy> {
        self.objects.get(name).map(AsRef::as_ref)
    }

    /// Which policy holds which namespace.
    #[must_use]
    pub fn book(&self) -> &PolicyBook {
        &self.book
    }

    /// Takes over these policies; reads only those that differ from what is known.
    pub fn renew(&mut self, objects: &Arc<Objects>) {
        if Arc::ptr_eq(&self.objects, objects) {
            return;
        }
        let before = std::mem::replace(&mut self.objects, Arc::clone(objects));
        let book = Arc::make_mut(&mut self.book);
        before.keys().filter(|name| !objects.contains_key(*name)).for_each(|name| book.remove(name));
        let known = |name: &String, object| before.get(name).is_some_and(|known| Arc::ptr_eq(known, object));
        objects.iter().filter(|(name, object)| !known(name, object)).for_each(|(_, object)| book.put(object));
    }
}

impl From<Objects> for Policies {
    fn from(objects: Objects) -> Self {
        let mut policies = Self::default();
        policies.renew(&Arc::new(objects));
        policies
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sallyport_contract::policy::Holder;
    use serde_json::json;

    use super::*;

    fn policy(name: &str, namespace: &str, priority: i32) -> Arc<IdentityPolicy> {
        let traffic = json!({
            "actions": ["Allow"], "default": "Allow", "ports": [443],
            "from": {"zones": ["trust"], "addresses": ["any"]}, "to": {"zones": ["trust"], "addresses": ["any"]},
        });
        let policy = json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy", "metadata": {"name": name},
            "spec": {"namespaces": [namespace], "priority": priority,
                "dnsNames": {"default": "{workload}.shop.corp.example"},
                "traffic": traffic, "certificate": {"authority": "ca"}, "firewall": "edge"},
        });
        Arc::new(serde_json::from_value(policy).unwrap())
    }

    fn holder(policies: &Policies, namespace: &str) -> Option<String> {
        match policies.book().holder(namespace, &BTreeMap::new()) {
            Holder::Held { policy, .. } => Some(policy.name.clone()),
            Holder::Broken { .. } | Holder::Nobody => None,
        }
    }

    #[test]
    fn what_changed_is_read_anew_and_everything_else_is_as_it_was() {
        let (a, b) = (policy("a", "shop", 0), policy("b", "shop", 1));
        let mut objects: Objects = [("a".to_owned(), a), ("b".to_owned(), b)].into();
        let mut policies = Policies::from(objects.clone());
        assert_eq!(holder(&policies, "shop").as_deref(), Some("b"), "it has the higher priority");
        objects.insert("b".to_owned(), policy("b", "pay", 1));
        policies.renew(&Arc::new(objects.clone()));
        let held = ["shop", "pay"].map(|namespace| holder(&policies, namespace));
        assert_eq!(held, [Some("a".to_owned()), Some("b".to_owned())]);
        objects.remove("a");
        policies.renew(&Arc::new(objects.clone()));
        assert_eq!(holder(&policies, "shop"), None);
        let names: BTreeSet<&str> =
            ["a", "b"].into_iter().filter(|name| policies.get(name).is_some()).collect();
        assert_eq!(names, ["b"].into());
    }
}
