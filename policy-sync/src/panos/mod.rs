//! The firewall port over the PAN-OS XML API:
//! <https://docs.paloaltonetworks.com/ngfw/api/getting-started/structure-of-a-pan-os-xml-api-request>.
//!
//! [`envelope`] what every answer looks like · [`fate`] what follows from one that is not success · [`tls`]
//! how we know that it is the firewall · `session` calls and keys · `replies` what single answers say.

pub mod envelope;
pub mod fate;
mod replies;
mod session;
pub mod tls;

use std::{collections::BTreeMap, sync::Arc};

use sallyport_contract::{Reason, object::FirewallSpec};
use session::Session;

use crate::{
    actual::{Configuration, by_name, in_order},
    firewall::{BadSignatures, Extent, Facts, Fate, Fault, Firewall, JobState, Probe, View},
    operation::{Batch, RULES, scope},
    world::Login,
    xml::{Element, text},
};

/// One login to one PAN-OS device.
pub struct Panos {
    session: Session,
    scope: String,
    vsys: String,
}

impl Panos {
    /// Prepares a login. Nothing is sent yet.
    ///
    /// # Errors
    /// What the `Firewall` object says about TLS cannot be used.
    pub fn new(spec: &FirewallSpec, login: Arc<Login>) -> Result<Self, Fault> {
        let vsys = spec.standalone.vsys.clone();
        let malformed = |error: crate::xml::NotALiteral| Fault {
            fate: Fate::Stop(Reason::Malformed),
            message: error.to_string(),
        };
        Ok(Self { session: Session::new(spec, login)?, scope: scope(&vsys).map_err(malformed)?, vsys })
    }

    /// A list of the configuration; empty where the device has none.
    async fn list(&self, view: View, xpath: &str) -> Result<Element, Fault> {
        let (action, doing) = match view {
            View::Candidate => ("get", "reading the candidate configuration"),
            View::Running => ("show", "reading the running configuration"),
        };
        let parameters = [("type", "config"), ("action", action), ("xpath", xpath)];
        replies::list(self.session.ask(doing, &parameters).await?, doing)
    }

    async fn operate(&self, doing: &str, command: &str) -> Result<envelope::Reply, Fault> {
        self.session.call(doing, &[("type", "op"), ("cmd", command), ("vsys", &self.vsys)]).await
    }
}

impl Firewall for Panos {
    async fn facts(&self) -> Result<Facts, Fault> {
        let doing = "asking who the firewall is";
        let reply = self.operate(doing, "<show><system><info/></system></show>").await?;
        Ok(replies::facts(&reply))
    }

    async fn configuration(&self, view: View) -> Result<Configuration, Fault> {
        let own = |node: &str| format!("{}/{node}", self.scope);
        let (applications, rules) = (own("application"), own(RULES));
        // Two at once, which is all that the session lets through.
        let (applications, rules) =
            futures::try_join!(self.list(view, &applications), self.list(view, &rules))?;
        let mut configuration = Configuration {
            applications: by_name(applications),
            shared_applications: BTreeMap::new(),
            services: BTreeMap::new(),
            tags: BTreeMap::new(),
            rules: in_order(rules),
        };
        if view == View::Candidate {
            let (services, tags) = (own("service"), own("tag"));
            let (services, tags) = futures::try_join!(self.list(view, &services), self.list(view, &tags))?;
            configuration.services = by_name(services);
            configuration.tags = by_name(tags);
        }
        configuration.shared_applications = by_name(self.list(view, "/config/shared/application").await?);
        Ok(configuration)
    }

    async fn write(&self, batch: &Batch) -> Result<(), Fault> {
        let doing = "writing a batch";
        let parameters = [("type", "config"), ("action", "multi-config"), ("element", batch.body.as_str())];
        self.session.call(doing, &parameters).await.map(|_| ())
    }

    async fn commit(&self, description: &str, extent: Extent) -> Result<Option<String>, Fault> {
        // Only our own administrator's changes:
        // https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit
        // and `force` around it, as https://github.com/kevinsteves/pan-python/blob/master/lib/pan/commit.py does.
        let ours =
            format!("<partial><admin><member>{}</member></admin></partial>", text(self.session.user()));
        let extent = match extent {
            Extent::Changes => ours,
            Extent::Forced => format!("<force>{ours}</force>"),
        };
        let command = format!("<commit>{extent}<description>{}</description></commit>", text(description));
        let reply = self.session.call("committing", &[("type", "commit"), ("cmd", &command)]).await?;
        Ok(replies::job_id(&reply))
    }

    async fn running_commit(&self) -> Result<Option<String>, Fault> {
        let reply = self.operate("asking which jobs run", "<show><jobs><all/></jobs></show>").await?;
        Ok(replies::running_commit(&reply, self.session.user()))
    }

    async fn job(&self, id: &str) -> Result<JobState, Fault> {
        let doing = "asking about the commit job";
        let command = format!("<show><jobs><id>{}</id></jobs></show>", text(id));
        let reply = self.session.ask(doing, &[("type", "op"), ("cmd", &command)]).await?;
        replies::job(&reply, doing)
    }

    async fn bad_signatures(&self) -> Result<BadSignatures, Fault> {
        let command = "<show><bad-custom-signature/></show>";
        let reply = self.operate("asking for signatures that did not compile", command).await?;
        Ok(replies::bad_signatures(&reply))
    }

    async fn policy_test(&self, probe: &Probe) -> Result<Option<String>, Fault> {
        let Probe { from, to, source, destination, port, application } = probe;
        let command = format!(
            "<test><security-policy-match><from>{}</from><to>{}</to><source>{}</source><destination>{}</destination>\
             <destination-port>{port}</destination-port><protocol>6</protocol><application>{}</application>\
             </security-policy-match></test>",
            text(from),
            text(to),
            text(source),
            text(destination),
            text(application),
        );
        let reply = self.operate("testing the policy", &command).await?;
        Ok(replies::deciding_rule(&reply))
    }
}
