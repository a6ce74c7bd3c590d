//! `GateOverride`: break-glass, by which a person lets pods in without proof for a while.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::LabelSelector;

/// Opens the gates of some pods of its namespace without proof, until it ends. Creating one is a right of its
/// own; who did, and why, stands on every pod that it opens.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "GateOverride",
    doc = "Break-glass: opens the gates of some pods of its namespace without proof, for 24 hours at most. Written by people.",
    plural = "gateoverrides",
    namespaced,
    shortname = "gor",
    category = "sallyport",
    printcolumn = r#"{"name":"Requested by","type":"string","jsonPath":".spec.requestedBy"}"#,
    printcolumn = r#"{"name":"Until","type":"string","jsonPath":".spec.expiresAt"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".spec.reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self == oldSelf").message("an override stays as it was granted: delete it to end it early, or make another one"),
)]
pub struct GateOverrideSpec {
    /// Whose gates: pods of this namespace with these labels.
    #[x_kube(validation = Rule::new("size(self.?matchLabels.orValue({})) + size(self.?matchExpressions.orValue([])) > 0")
        .message("an empty selector would take every pod: name at least one label"))]
    pub selector: LabelSelector,
    /// Why, for who reads it later: an incident, a change.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new("self.trim() != ''").message("say why: an incident, a change"))]
    pub reason: String,
    /// When it ends, 24 hours after it was made at most.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires_at: Timestamp,
    /// Who asks; must be the one who creates it, as the API server knows them.
    #[schemars(length(min = 1, max = 253))]
    pub requested_by: String,
}

impl GateOverride {
    /// The longest time from the creation of an override to its end.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

    /// When it ends, whatever an API server without our admission policy let it say; `None` before it was created.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        let created = self.metadata.creation_timestamp.as_ref()?.0;
        Some(self.spec.expires_at.min(created.saturating_add(Self::LONGEST).ok()?))
    }

    /// Whether it opens the gate of a pod of its namespace with these labels now.
    #[must_use]
    pub fn covers(&self, labels: &BTreeMap<String, String>, now: Timestamp) -> bool {
        let LabelSelector { match_labels, match_expressions } = &self.spec.selector;
        let selects = !match_labels.is_empty() || !match_expressions.is_empty();
        let running = self.metadata.deletion_timestamp.is_none() && self.end().is_some_and(|end| now < end);
        selects && running && self.spec.selector.matches(labels)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn granted(created: Value, selector: Value, until: &str) -> GateOverride {
        serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "GateOverride",
            "metadata": {"name": "incident-4242", "namespace": "shop", "creationTimestamp": created},
            "spec": {"selector": selector, "reason": "CHG-4242", "expiresAt": until, "requestedBy": "jane"}}))
        .unwrap()
    }

    #[test]
    fn law_2_an_override_covers_what_it_selects_until_it_ends_a_day_after_its_creation_at_most() {
        let (eight, web) = (json!("2027-01-09T08:00:00Z"), json!({"matchLabels": {"app": "web"}}));
        let (ten, long) = ("2027-01-09T10:00:00Z", "2027-02-01T00:00:00Z");
        for (what, created, selector, until, at, covers) in [
            ("while it runs", &eight, &web, ten, "2027-01-09T09:59:59Z", true),
            ("at its end", &eight, &web, ten, ten, false),
            ("longer than a day, within the day", &eight, &web, long, "2027-01-10T07:59:59Z", true),
            ("longer than a day, after the day", &eight, &web, long, "2027-01-10T08:00:00Z", false),
            ("never created", &Value::Null, &web, ten, "2027-01-09T09:00:00Z", false),
            (
                "another label",
                &eight,
                &json!({"matchLabels": {"app": "pay"}}),
                ten,
                "2027-01-09T09:00:00Z",
                false,
            ),
            ("an empty selector", &eight, &json!({}), ten, "2027-01-09T09:00:00Z", false),
            (
                "an expression",
                &eight,
                &json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}),
                ten,
                "2027-01-09T09:00:00Z",
                true,
            ),
        ] {
            let labels = [("app".to_owned(), "web".to_owned())].into();
            let given = granted(created.clone(), selector.clone(), until);
            assert_eq!(given.covers(&labels, at.parse().unwrap()), covers, "{what}");
        }
    }
}
