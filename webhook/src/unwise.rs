//! What is allowed but unwise in a pod that is granted: people hear of it, and nothing is refused for it.

use std::net::IpAddr;

use sallyport_contract::{
    DnsName,
    derive::Grant,
    firewall_names::{PATTERN_LIMIT, sni_pattern},
};
use serde_json::Value;

use crate::{decide::Case, patch::Misshapen};

/// So many tenths of a limit are near it.
const NEAR: usize = 9;
/// Of a StatefulSet's names, which may be thousands, so many are told.
const MOST_NAMES: usize = 3;
const PROBES: [&str; 3] = ["startupProbe", "readinessProbe", "livenessProbe"];

/// What the owner of the pod, or of a template of pods, should think over. The API server cuts warnings of more than 256
/// characters: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response>.
///
/// # Errors
/// The object does not have the shape of a pod.
pub(crate) fn warnings(object: &Value, case: &Case, grant: &Grant) -> Result<Vec<String>, Misshapen> {
    let names = grant.identities().flat_map(|identity| identity.dns_names.iter());
    let mut found: Vec<String> = names.filter_map(name).take(MOST_NAMES).collect();
    for kind in ["containers", "initContainers"] {
        found.extend(case.of_pod(&["spec", kind]).list(object)?.iter().filter_map(probes));
    }
    Ok(found)
}

fn name(name: &DnsName) -> Option<String> {
    if name.is_wildcard() {
        return Some(format!(
            "{name}: who holds this key is every name under it; where you know the names, ask for those"
        ));
    }
    let used = sni_pattern(name).chars().count();
    (used * 10 > PATTERN_LIMIT * NEAR).then(|| {
        format!(
            "{name}: its pattern takes {used} of the {PATTERN_LIMIT} characters that a firewall has for it"
        )
    })
}

/// A kubelet asks by the pod's address, and TLS sends no SNI for an address: <https://www.rfc-editor.org/rfc/rfc6066#section-3>.
fn probes(container: &Value) -> Option<String> {
    let without_sni = |probe: &&&str| {
        let asks = container.get(**probe).and_then(|probe| probe.get("httpGet"));
        let host = asks.and_then(|asks| asks.get("host")).and_then(Value::as_str).unwrap_or_default();
        let https = asks.and_then(|asks| asks.get("scheme")).is_some_and(|scheme| scheme == "HTTPS");
        https && (host.is_empty() || host.parse::<IpAddr>().is_ok())
    };
    let found: Vec<&str> = PROBES.iter().filter(without_sni).copied().collect();
    let container = container.get("name").and_then(Value::as_str).unwrap_or_default();
    (!found.is_empty()).then(|| {
        format!(
            "container {container}: HTTPS without SNI in {}; a kubelet that reaches the pod across the firewall gets through by \
             no rule of a name",
            found.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wildcards_and_names_near_the_limit_are_told() {
        let told = |text: &str| name(&text.parse().unwrap());
        assert_eq!(told("web.shop.corp.example"), None);
        assert!(told("*.shop.corp.example").unwrap().starts_with("*.shop.corp.example: who holds"));
        let long = |length: usize| format!("{}.{}.example", "a".repeat(50), "b".repeat(length));
        assert_eq!(told(&long(30)), None);
        assert!(told(&long(55)).unwrap().contains(" of the 127 characters"), "{:?}", told(&long(55)));
    }

    #[test]
    fn probes_that_send_no_sni_are_told() {
        let told = |probe: Value| probes(&json!({"name": "web", "readinessProbe": probe}));
        for probe in [
            json!({"httpGet": {"scheme": "HTTP", "port": 80}}),
            json!({"httpGet": {"port": 80}}),
            json!({"tcpSocket": {"port": 443}}),
            json!({"httpGet": {"scheme": "HTTPS", "port": 443, "host": "web.shop.corp.example"}}),
            json!("odd"),
        ] {
            assert_eq!(told(probe.clone()), None, "{probe}");
        }
        for host in [Value::Null, json!("10.0.0.1"), json!("fd00::1")] {
            let words = told(json!({"httpGet": {"scheme": "HTTPS", "port": 443, "host": host}})).unwrap();
            assert!(words.starts_with("container web: HTTPS without SNI in readinessProbe;"), "{words}");
            assert!(words.len() <= 256, "{words}");
        }
    }
}
