//! One object that cannot be read stops no list and no watch.
//!
//! As kube's `DeserializeGuard`, but each object is read from its own text: a tree of values between the two, and a copy of
//! it, cost more than the reading, and a second reader of every kind weighs megabytes in the program.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::PartialObjectMeta};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::value::RawValue;

/// An object of the API server, or why it cannot be read. It takes serde_json's own reader, and in an event of a watch the
/// `type` before the `object`, as the API server writes it
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>).
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<K, Unreadable>);

/// An object that cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unreadable {
    /// Why.
    pub error: String,
    /// Which one it is.
    pub metadata: ObjectMeta,
}

impl<'de, K: Resource + DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let error = match serde_json::from_str::<K>(text.get()) {
            Ok(object) => return Ok(Self(Ok(object))),
            Err(error) => error.to_string(),
        };
        let partial: PartialObjectMeta<K> = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        Ok(Self(Err(Unreadable { error, metadata: partial.metadata })))
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::{ObjectList, WatchEvent};
    use serde_json::json;

    use super::*;

    fn found(object: &Guarded<ConfigMap>) -> (Option<&str>, bool) {
        (object.meta().name.as_deref(), object.0.is_ok())
    }

    #[test]
    fn what_cannot_be_read_is_known_by_name_and_the_rest_of_the_list_is_read() {
        let list = json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": [
            {"metadata": {"name": "a"}, "data": {"k": "v"}},
            {"metadata": {"name": "b"}, "data": "not a map"}]});
        let list: ObjectList<Guarded<ConfigMap>> = serde_json::from_str(&list.to_string()).unwrap();
        assert_eq!(list.items.iter().map(found).collect::<Vec<_>>(), [(Some("a"), true), (Some("b"), false)]);
        let unreadable = list.items[1].0.as_ref().unwrap_err();
        assert!(unreadable.to_string().contains("invalid type: string \"not a map\""), "{unreadable}");
    }

    #[test]
    fn an_event_of_a_watch_is_read_as_the_api_server_writes_it() {
        for (data, readable) in [(json!({"k": "v"}), true), (json!(5), false)] {
            let object =
                json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}, "data": data});
            let line = format!(r#"{{"type":"MODIFIED","object":{object}}}"#);
            let WatchEvent::Modified(object) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
            assert_eq!(found(&object), (Some("a"), readable));
        }
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        assert!(serde_json::from_str::<Guarded<ConfigMap>>("5").is_err());
    }
}
