//! Reading the configuration: of the place where we write, and of a managed firewall.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};

use super::{
    Panos, malformed,
    replies::{self, List},
};
use crate::{
    actual::{Configuration, by_name, in_order},
    firewall::{Fault, View},
    member::{Site, group_path, vsys_path},
    rulebase::{Kind, Layer, Rulebase, Scope},
    xml::{Element, literal},
};

/// Reads that are asked for at once; the session lets through what the vendor advises.
const READS_AT_ONCE: usize = 2;
const SHARED_APPLICATIONS: &str = "/config/shared/application";

impl Panos {
    /// A list of the configuration; empty where the device has none.
    async fn list(&self, view: View, serial: Option<&str>, xpath: &str) -> Result<List, Fault> {
        let (action, doing) = match view {
            View::Candidate => ("get", "reading the candidate configuration"),
            View::Running => ("show", "reading the running configuration"),
        };
        let mut parameters = vec![("type", "config"), ("action", action), ("xpath", xpath)];
        parameters.extend(serial.map(|serial| ("target", serial)));
        let node = xpath.rsplit('/').next().unwrap_or_default();
        replies::list(self.peers.ask_list(doing, &parameters, &self.pool).await?, doing, node)
    }

    /// The entries of several lists, in the order asked for.
    async fn lists(
        &self,
        view: View,
        serial: Option<&str>,
        paths: Vec<String>,
    ) -> Result<Vec<Vec<Arc<Element>>>, Fault> {
        let reads = futures::stream::iter(paths)
            .map(|xpath| async move { Ok(self.list(view, serial, &xpath).await?.entries) });
        reads.buffered(READS_AT_ONCE).try_collect().await
    }

    /// "Rematch Sessions" of a device
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/device/device-setup-session/session-settings>); the path as in
    /// the vendor's public templates (`PaloAltoNetworks/iron-skillet`).
    pub(super) async fn read_rematch(&self, serial: Option<&str>) -> Result<Option<bool>, Fault> {
        let xpath =
            "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/setting/config/rematch";
        let setting = self.list(View::Running, serial, xpath).await?.node;
        Ok((!setting.name.is_empty()).then(|| setting.text.trim() == "yes"))
    }

    /// What the place where we write holds, and what of its surroundings concerns us.
    pub(super) async fn read_site(&self, view: View) -> Result<Configuration, Fault> {
        let base = self.site.base().map_err(malformed)?;
        let mut paths = vec![format!("{base}/application"), format!("{base}/{}", self.site.rules())];
        if view == View::Candidate {
            paths.extend(["service", "tag"].map(|node| format!("{base}/{node}")));
        }
        let mut lists = self.lists(view, None, paths).await?.into_iter();
        let mut next = || lists.next().unwrap_or_default();
        let mut configuration = Configuration {
            applications: by_name(next()),
            rules: in_order(next()),
            services: by_name(next()),
            tags: by_name(next()),
            ..Configuration::default()
        };
        configuration.other_applications =
            in_order(self.list(view, None, SHARED_APPLICATIONS).await?.entries);
        if let (Site::DeviceGroup { group, .. }, View::Candidate) = (&self.site, view) {
            self.read_relatives(group, &mut configuration).await?;
        }
        Ok(configuration)
    }

    /// App-IDs and rule names of the groups above and below, with which ours meet on the firewalls: rule names are
    /// unique over all of them
    /// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/policies/policies-security/building-blocks-in-a-security-policy-rule>).
    async fn read_relatives(&self, group: &str, configuration: &mut Configuration) -> Result<(), Fault> {
        let mut places = vec![("shared".to_owned(), "/config/shared".to_owned())];
        for relative in self.hierarchy().await?.relatives(group) {
            let path = group_path(&relative).map_err(malformed)?;
            let applications = self.list(View::Candidate, None, &format!("{path}/application")).await?;
            configuration.other_applications.extend(in_order(applications.entries));
            places.push((format!("device group {relative}"), path));
        }
        places.push((format!("device group {group}"), self.site.base().map_err(malformed)?));
        for (place, path) in places {
            for rulebase in ["pre-rulebase/security/rules", "post-rulebase/security/rules"] {
                if place == format!("device group {group}") && rulebase == self.site.rules() {
                    continue;
                }
                let rules = self.list(View::Candidate, None, &format!("{path}/{rulebase}")).await?;
                let named = rules.entries.iter().map(|rule| {
                    (
                        rule.entry_name().to_owned(),
                        format!("{place}, {}", rulebase.split('/').next().unwrap_or_default()),
                    )
                });
                configuration.other_rules.extend(named);
            }
        }
        Ok(())
    }

    /// What a managed firewall runs: what was pushed to it
    /// (<https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/configuration-api>), and its own.
    pub(super) async fn read_managed(&self, serial: &str) -> Result<Configuration, Fault> {
        let own = vsys_path(self.site.vsys()).map_err(malformed)?;
        let vsys = literal(self.site.vsys()).map_err(malformed)?;
        let pushed = format!("/config/panorama/vsys/entry[@name={vsys}]");
        let paths = vec![
            format!("{pushed}/application"),
            format!("{pushed}/pre-rulebase/security/rules"),
            format!("{own}/rulebase/security/rules"),
            format!("{pushed}/post-rulebase/security/rules"),
            format!("{own}/application"),
            SHARED_APPLICATIONS.to_owned(),
        ];
        let mut lists = self.lists(View::Running, Some(serial), paths).await?.into_iter();
        let mut next = || lists.next().unwrap_or_default();
        let applications = by_name(next());
        let rules = (0..3).flat_map(|_| in_order(next())).collect();
        let other_applications = (0..2).flat_map(|_| in_order(next())).collect();
        Ok(Configuration { applications, other_applications, rules, ..Configuration::default() })
    }

    /// The rules in force and all that they name: what is pushed to a device, and its own.
    pub(super) async fn read_rulebase(&self, serial: Option<&str>) -> Result<Rulebase, Fault> {
        let own = vsys_path(self.site.vsys()).map_err(malformed)?;
        let vsys = literal(self.site.vsys()).map_err(malformed)?;
        let pushed = format!("/config/panorama/vsys/entry[@name={vsys}]");
        let layers = [
            (Layer::SharedPre, format!("{pushed}/pre-rulebase/security/rules")),
            (Layer::Local, format!("{own}/rulebase/security/rules")),
            (Layer::SharedPost, format!("{pushed}/post-rulebase/security/rules")),
        ];
        let overrides = [
            format!("{own}/rulebase/default-security-rules/rules"),
            format!("{pushed}/post-rulebase/default-security-rules/rules"),
        ];
        let scopes =
            [(self.site.vsys(), own.as_str()), ("Panorama", pushed.as_str()), ("shared", "/config/shared")];
        let mut paths: Vec<String> = layers.iter().map(|(_, path)| path.clone()).collect();
        paths.extend(overrides);
        for (_, path) in scopes {
            paths.extend(Kind::ALL.map(|kind| format!("{path}/{}", kind.node())));
        }
        let mut lists = self.lists(View::Running, serial, paths).await?.into_iter();
        let mut next = || lists.next().unwrap_or_default();
        let mut rulebase = Rulebase::default();
        for (layer, _) in layers {
            rulebase = rulebase.with_rules(layer, in_order(next()));
        }
        rulebase = rulebase.with_overrides(in_order(next())).with_overrides(in_order(next()));
        for (name, _) in scopes {
            let scope = Kind::ALL.into_iter().fold(Scope::new(name), |scope, kind| scope.with(kind, next()));
            rulebase = rulebase.with_scope(scope);
        }
        Ok(rulebase)
    }
}
