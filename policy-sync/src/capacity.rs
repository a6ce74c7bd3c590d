//! How full a device is: App-IDs, signatures and rules against the least of its limits.
//!
//! The limits: <https://docs.paloaltonetworks.com/vm-series/activation-and-onboarding/software-ngfw/maximum-limits-based-on-memory/maximum-limits-based-on-memory-11-1>.

use sallyport_contract::object::{FirewallSpec, Style};

use crate::{actual::Configuration, xml::Element};

/// Most custom App-IDs of a virtual system, and so of a device group's firewalls.
const APP_IDS: usize = 6416;
/// Most custom App-ID signatures of a device; it binds before [`APP_IDS`].
const SIGNATURES: usize = 6000;
/// Most security rules by memory tier.
const RULES: [usize; 4] = [1_500, 10_000, 20_000, 65_000];
/// From here on it is told, in percent.
const NEARLY_FULL: usize = 80;

/// How full a device is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// How many names of ours fit beside what others keep there.
    pub names: usize,
    /// For people: every limit with what is used of it.
    pub words: String,
    /// Whether one of them is nearly reached.
    pub nearly_full: bool,
}

/// One limit and what is used of it.
struct Limit {
    what: &'static str,
    used: usize,
    most: usize,
}

impl Capacity {
    /// Counts what the candidate holds. `ours`: which App-IDs are ours.
    #[must_use]
    pub fn of(spec: &FirewallSpec, candidate: &Configuration, ours: &dyn Fn(&Element) -> bool) -> Self {
        let signatures =
            |entry: &Element| entry.child("signature").map_or(0, |signature| signature.entries().count());
        let others = || candidate.applications.values().map(AsRef::as_ref).filter(|entry| !ours(entry));
        let inherited: usize = candidate.other_applications.iter().map(signatures).sum();
        let own = candidate.applications.len() - others().count();
        let foreign_signatures: usize = others().map(signatures).sum::<usize>() + inherited;
        let mut limits = vec![
            Limit { what: "App-IDs", used: candidate.applications.len(), most: APP_IDS },
            Limit { what: "signatures", used: own + foreign_signatures, most: SIGNATURES },
            Limit { what: "names of spec.bounds.maxNames", used: own, most: spec.bounds.max_names.into() },
        ];
        let tier = spec.memory_tier.and_then(|tier| RULES.get(usize::from(tier).checked_sub(1)?));
        let mut names = APP_IDS
            .saturating_sub(others().count())
            .min(SIGNATURES.saturating_sub(foreign_signatures))
            .min(spec.bounds.max_names.into());
        let unknown = match tier {
            None => "; how many rules it holds is not known (spec.memoryTier)",
            Some(most) => {
                limits.push(Limit { what: "rules", used: candidate.rules.len(), most: *most });
                if spec.rules.style == Style::PerIdentity {
                    names = names.min(own + most.saturating_sub(candidate.rules.len()));
                }
                ""
            }
        };
        let told: Vec<String> =
            limits.iter().map(|l| format!("{} of {} {}", l.used, l.most, l.what)).collect();
        Self {
            names,
            words: format!("{}{unknown}", told.join(", ")),
            nearly_full: limits.iter().any(|limit| limit.used * 100 >= limit.most * NEARLY_FULL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn capacity(extra: Value, ours: usize, foreign: usize, rules: usize) -> Capacity {
        let mut spec = json!({
            "standalone": {"host": "fw-1"}, "clusterName": "c1", "credentials": {"secretName": "edge"}, "tls": {},
            "rules": {"at": "Top", "style": "PerIdentity"},
            "bounds": {"policies": ["shop"], "nameSuffixes": ["x"], "actions": ["Allow"], "zones": ["z"],
                "destinations": ["any"], "ports": [443], "maxNames": 6000},
        });
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let signature = || Element::new("signature").with(Element::entry("sni"));
        let named = |prefix: &str, n: usize| {
            let name = format!("{prefix}-{n}");
            (name.clone(), Element::entry(&name).with(signature()).into())
        };
        let candidate = Configuration {
            applications: (0..ours)
                .map(|n| named("sp", n))
                .chain((0..foreign).map(|n| named("old", n)))
                .collect(),
            rules: (0..rules).map(|n| Element::entry(&n.to_string())).collect(),
            ..Configuration::default()
        };
        let spec = serde_json::from_value(spec).unwrap();
        Capacity::of(&spec, &candidate, &|entry| entry.entry_name().starts_with("sp-"))
    }

    #[test]
    fn the_least_of_all_limits_is_what_fits() {
        assert_eq!(capacity(json!({}), 10, 0, 5).names, 6000);
        assert_eq!(capacity(json!({}), 10, 1000, 5).names, 5000, "others' signatures count");
        assert_eq!(capacity(json!({"memoryTier": 1}), 10, 0, 1490).names, 20, "each name needs a rule");
        let full = capacity(json!({"memoryTier": 1}), 10, 0, 1200);
        assert!(full.nearly_full && full.words.contains("1200 of 1500 rules"), "{}", full.words);
        let unknown = capacity(json!({}), 10, 0, 1200);
        assert!(!unknown.nearly_full && unknown.words.ends_with("(spec.memoryTier)"), "{}", unknown.words);
    }
}
