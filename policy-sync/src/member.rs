//! What is programmed by itself: a `Firewall` object, or one of several independent hosts behind it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use sallyport_contract::object::{Firewall, FirewallSpec, FirewallTls, Rulebase, Target};

use crate::xml::{NotALiteral, literal};

/// One firewall that is programmed and proven by itself. It reads `edge`, or `edge/fw-2` for a host of several; so
/// stands in the claims' status what each of them holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    firewall: String,
    host: Option<String>,
}

impl Member {
    /// All members of one `Firewall`.
    #[must_use]
    pub fn of(name: &str, spec: &FirewallSpec) -> Vec<Self> {
        let one = |host| Self { firewall: name.to_owned(), host };
        match spec.target() {
            Some(Target::Independent(independent)) => {
                independent.hosts.iter().map(|host| one(Some(host.clone()))).collect()
            }
            Some(Target::Standalone(_) | Target::HaPair(_) | Target::Panorama(_)) | None => vec![one(None)],
        }
    }

    /// All members of all firewalls.
    #[must_use]
    pub fn of_all(firewalls: &BTreeMap<String, Arc<Firewall>>) -> Vec<Self> {
        firewalls.iter().flat_map(|(name, firewall)| Self::of(name, &firewall.spec)).collect()
    }

    /// The name of the `Firewall`.
    #[must_use]
    pub fn firewall(&self) -> &str {
        &self.firewall
    }

    /// The host, where there are several.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// How it is reached; `None` if the object does not say.
    #[must_use]
    pub fn access(&self, spec: &FirewallSpec) -> Option<Access> {
        let vsys = |vsys: &String| Site::Vsys(vsys.clone());
        let (hosts, site) = match spec.target()? {
            Target::Standalone(one) => (vec![one.host.clone()], vsys(&one.vsys)),
            Target::HaPair(pair) => (pair.hosts.clone(), vsys(&pair.vsys)),
            Target::Independent(several) => (vec![self.host.clone()?], vsys(&several.vsys)),
            Target::Panorama(panorama) => {
                let site = Site::DeviceGroup {
                    group: panorama.device_group.clone(),
                    rulebase: spec.rules.rulebase,
                    vsys: panorama.vsys.clone(),
                };
                (panorama.hosts.clone(), site)
            }
        };
        Some(Access { hosts, site, tls: spec.tls.clone() })
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            None => f.write_str(&self.firewall),
            Some(host) => write!(f, "{}/{host}", self.firewall),
        }
    }
}

/// How a member is reached, and where on it we write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Its management interface, or those of a pair.
    pub hosts: Vec<String>,
    /// Where we write.
    pub site: Site,
    /// How we know that it is the firewall.
    pub tls: FirewallTls,
}

/// Where on a device our objects and rules stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// A virtual system of a firewall.
    Vsys(String),
    /// A device group of Panorama.
    DeviceGroup {
        /// Its name.
        group: String,
        /// Which of its rulebases.
        rulebase: Rulebase,
        /// The virtual system of its firewalls.
        vsys: String,
    },
}

impl Site {
    /// Path of the node under which objects stand:
    /// <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/configuration-api>.
    ///
    /// # Errors
    /// The name cannot stand in a path.
    pub fn base(&self) -> Result<String, NotALiteral> {
        match self {
            Self::Vsys(vsys) => vsys_path(vsys),
            Self::DeviceGroup { group, .. } => group_path(group),
        }
    }

    /// Path of the security rules under [`Site::base`].
    #[must_use]
    pub const fn rules(&self) -> &'static str {
        match self {
            Self::Vsys(_) => "rulebase/security/rules",
            Self::DeviceGroup { rulebase: Rulebase::Pre, .. } => "pre-rulebase/security/rules",
            Self::DeviceGroup { rulebase: Rulebase::Post, .. } => "post-rulebase/security/rules",
        }
    }

    /// The virtual system of the firewall, or of the firewalls of the group.
    #[must_use]
    pub fn vsys(&self) -> &str {
        match self {
            Self::Vsys(vsys) | Self::DeviceGroup { vsys, .. } => vsys,
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vsys(vsys) => write!(f, "vsys {vsys}"),
            Self::DeviceGroup { group, .. } => write!(f, "device group {group}"),
        }
    }
}

/// Path of a virtual system.
///
/// # Errors
/// The name cannot stand in a path.
pub fn vsys_path(vsys: &str) -> Result<String, NotALiteral> {
    Ok(format!("/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name={}]", literal(vsys)?))
}

/// Path of a device group.
///
/// # Errors
/// The name cannot stand in a path.
pub fn group_path(group: &str) -> Result<String, NotALiteral> {
    let group = literal(group)?;
    Ok(format!("/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name={group}]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(target: serde_json::Value) -> FirewallSpec {
        let mut spec = json!({
            "clusterName": "c1", "credentials": {"secretName": "edge"}, "tls": {}, "rules": {"at": "Top", "rulebase": "Post"},
            "bounds": {"policies": ["shop"], "nameSuffixes": ["x"], "actions": ["Allow"], "zones": ["z"], "destinations": ["any"], "ports": [443]},
        });
        spec.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn only_independent_hosts_are_members_of_their_own() {
        for (target, members, hosts, base) in [
            (json!({"standalone": {"host": "a"}}), vec!["edge"], vec!["a"], "vsys/entry[@name='vsys1']"),
            (
                json!({"haPair": {"hosts": ["a", "b"], "vsys": "vsys2"}}),
                vec!["edge"],
                vec!["a", "b"],
                "vsys/entry[@name='vsys2']",
            ),
            (
                json!({"independent": {"hosts": ["a", "b"]}}),
                vec!["edge/a", "edge/b"],
                vec!["a"],
                "vsys/entry[@name='vsys1']",
            ),
            (
                json!({"panorama": {"hosts": ["p"], "deviceGroup": "eks"}}),
                vec!["edge"],
                vec!["p"],
                "device-group/entry[@name='eks']",
            ),
        ] {
            let spec = spec(target);
            let found = Member::of("edge", &spec);
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), members);
            let access = found[0].access(&spec).unwrap();
            assert_eq!(access.hosts, hosts);
            assert!(access.site.base().unwrap().ends_with(base));
        }
        assert!(Member::of("edge", &spec(json!({})))[0].access(&spec(json!({}))).is_none());
    }
}
