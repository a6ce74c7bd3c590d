//! A pod, or the pods of a template, as the derivation sees them, in little room: there are as many as there are pods.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use sallyport_contract::{
    keys,
    workload::{PodNames, Subject},
};
use sallyport_process::copies::Copies;

use crate::text::Text;

/// What a [`Subject`] is made from again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    object: Box<str>,
    workload: Option<Text>,
    pods: PodNames,
    shape: Arc<Shape>,
}

/// What the pods of a workload have in common, and often those of others in their namespace too.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    metadata_path: &'static str,
    namespace: Text,
    service_account: Text,
    service: Option<Text>,
    containers: Box<[Text]>,
    init_containers: Box<[Text]>,
    labels: Pairs,
    annotations: Pairs,
}

type Pairs = Box<[(Text, Text)]>;

/// All shapes of the process.
static SHAPES: LazyLock<Copies<Shape>> = LazyLock::new(Copies::default);

impl Template {
    /// Keeps a subject; of its labels and annotations only those that a derivation looks at, for most carry many more.
    #[must_use]
    pub fn of(subject: Subject) -> Self {
        let all = |texts: &[String]| texts.iter().map(Text::from).collect();
        let ours = |(key, _): &(&String, &String)| key.contains(keys::GROUP) || *key == keys::MIRROR;
        let kept = |pairs: &BTreeMap<String, String>| -> Pairs {
            pairs.iter().filter(ours).map(|(key, value)| (key.into(), value.into())).collect()
        };
        let shape = Shape {
            metadata_path: subject.metadata_path,
            namespace: subject.namespace.into(),
            service_account: subject.service_account.into(),
            service: subject.service.map(Text::from),
            containers: all(&subject.containers),
            init_containers: all(&subject.init_containers),
            labels: kept(&subject.labels),
            annotations: kept(&subject.annotations),
        };
        Self {
            object: subject.object.into(),
            workload: subject.workload.map(Text::from),
            pods: subject.pods,
            shape: SHAPES.of(shape),
        }
    }

    /// The subject again.
    #[must_use]
    pub fn subject(&self) -> Subject {
        let all = |texts: &[Text]| texts.iter().map(String::from).collect();
        let pairs = |pairs: &Pairs| pairs.iter().map(|(key, value)| (key.into(), value.into())).collect();
        let shape = &*self.shape;
        Subject {
            object: self.object.to_string(),
            metadata_path: shape.metadata_path,
            namespace: String::from(&shape.namespace),
            workload: self.workload.as_ref().map(String::from),
            pods: self.pods.clone(),
            service_account: String::from(&shape.service_account),
            service: shape.service.as_ref().map(String::from),
            containers: all(&shape.containers),
            init_containers: all(&shape.init_containers),
            labels: pairs(&shape.labels),
            annotations: pairs(&shape.annotations),
        }
    }

    /// What `{workload}` stands for; none for a bare pod that has no name yet.
    #[must_use]
    pub fn workload(&self) -> Option<&Text> {
        self.workload.as_ref()
    }

    /// The service account of the pods.
    #[must_use]
    pub fn service_account(&self) -> &str {
        &self.shape.service_account
    }

    /// Whether the pod carries an annotation.
    #[must_use]
    pub fn is_annotated(&self, key: &str) -> bool {
        self.shape.annotations.iter().any(|(known, _)| known == key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_subject_comes_back_with_what_a_derivation_looks_at() {
        let pod = json!({"metadata": {"name": "db-0", "namespace": "shop", "labels": {"app": "db", keys::IDENTITY: "db-1"},
                "annotations": {keys::SAN: "db.shop.corp.example", "other/key": "x"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u", "controller": true}]},
            "spec": {"serviceAccountName": "reader", "subdomain": "db", "containers": [{"name": "a"}, {"name": "b"}],
                "initContainers": [{"name": "first"}]}});
        let subject = Subject::of_pod("shop", &serde_json::from_value(pod).unwrap());
        let template = Template::of(subject.clone());
        let mut lean = subject;
        lean.labels.remove("app");
        lean.annotations.remove("other/key");
        assert_eq!(template.subject(), lean);
        assert!(Arc::ptr_eq(&template.shape, &Template::of(lean).shape), "what is the same is one copy");
        assert!(template.is_annotated(keys::SAN) && !template.is_annotated("other/key"));
    }
}
