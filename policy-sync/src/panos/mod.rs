//! The firewall port over the PAN-OS XML API:
//! <https://docs.paloaltonetworks.com/ngfw/api/getting-started/structure-of-a-pan-os-xml-api-request>.
//!
//! [`envelope`] what every answer looks like · [`fate`] what follows from one that is not success · [`tls`]
//! how we know that it is the firewall · `session` calls and keys · `echo` answers that repeat them · `peers` which
//! of a pair is active · `read` the configuration, each entry of it once · `write` a batch · `group` Panorama's device groups and firewalls ·
//! `replies` what single answers say.

mod echo;
pub mod envelope;
pub mod fate;
mod group;
mod peers;
mod read;
mod replies;
mod session;
pub mod tls;
mod write;

use std::sync::{Arc, atomic::AtomicBool};

use peers::Peers;
use sallyport_contract::Reason;
use sallyport_process::copies::Copies;

use crate::{
    actual::Configuration,
    firewall::{
        BadSignatures, Enforcers, Extent, Facts, Fate, Fault, Firewall, JobLine, JobState, Lock, MayWrite,
        PatternVerdict, Pending, Probe, View,
    },
    member::{Access, Site},
    metrics::Metrics,
    operation::{Batch, Node},
    rulebase::Rulebase,
    world::Login,
    xml::{Element, NotALiteral, attribute, text},
};

/// The entries that somebody holds: what is edited, what is in force, what each firewall of a group runs, and what the rules in
/// force name, are read one after the other, differ in little, and may hold thousands.
pub type Pool = Copies<Element>;

/// One login to one PAN-OS device, or to a pair.
pub struct Panos {
    peers: Peers,
    user: String,
    site: Site,
    pool: Pool,
    /// The device has refused multi-config as such: from then on this login makes single calls.
    single_calls: AtomicBool,
}

impl Panos {
    /// Prepares a login. Nothing is sent yet.
    ///
    /// # Errors
    /// What the `Firewall` object says about TLS cannot be used.
    pub fn new(access: &Access, login: Arc<Login>, metrics: &Metrics) -> Result<Self, Fault> {
        Ok(Self {
            peers: Peers::new(&access.hosts, &access.tls, &login, metrics)?,
            user: login.user.clone(),
            site: access.site.clone(),
            pool: Pool::default(),
            single_calls: AtomicBool::new(false),
        })
    }

    /// A command of the operational tree; to a managed firewall, if there is a serial number.
    async fn operate(
        &self,
        doing: &str,
        serial: Option<&str>,
        command: &str,
    ) -> Result<envelope::Reply, Fault> {
        self.peers.call(doing, &self.operational(serial, command)).await
    }

    fn operational<'a>(&'a self, serial: Option<&'a str>, command: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut parameters = vec![("type", "op"), ("cmd", command)];
        match (&self.site, serial) {
            (Site::Vsys(vsys), _) => parameters.push(("vsys", vsys)),
            (Site::DeviceGroup { .. }, None) => {}
            (Site::DeviceGroup { vsys, .. }, Some(serial)) => {
                parameters.extend([("vsys", vsys.as_str()), ("target", serial)]);
            }
        }
        parameters
    }
}

/// A name that cannot stand in a path.
fn malformed(error: NotALiteral) -> Fault {
    Fault { fate: Fate::Stop(Reason::Malformed), message: error.to_string() }
}

impl Firewall for Panos {
    async fn facts(&self) -> Result<Facts, Fault> {
        let doing = "asking who the firewall is";
        let reply = self.operate(doing, None, "<show><system><info/></system></show>").await?;
        Ok(Facts { active: self.peers.active_host().await?, ..replies::facts(&reply) })
    }

    async fn configuration(&self, view: View) -> Result<Configuration, Fault> {
        self.read_site(view).await
    }

    async fn write(&self, batch: &Batch, may: &MayWrite<'_>) -> Result<(), Fault> {
        self.write_batch(batch, may).await
    }

    async fn audit_comment(&self, rule: &str, comment: &str) -> Result<(), Fault> {
        // At most 256 characters; an operational command, which cannot ride in a batch:
        // https://github.com/PaloAltoNetworks/pango/blob/main/audit/audit.go
        let xpath = Node::Rule(rule.to_owned()).xpath(&self.site).map_err(malformed)?;
        let comment: String = comment.chars().take(256).collect();
        let command = format!(
            "<set><audit-comment><xpath>{}</xpath><comment>{}</comment></audit-comment></set>",
            text(&xpath),
            text(&comment),
        );
        self.operate("saying why a rule changes", None, &command).await.map(|_| ())
    }

    async fn commit(&self, description: &str, extent: Extent) -> Result<Option<String>, Fault> {
        // Only our own administrator's changes:
        // https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit
        // and `force` around it, as https://github.com/kevinsteves/pan-python/blob/master/lib/pan/commit.py does.
        let ours = format!("<partial><admin><member>{}</member></admin></partial>", text(&self.user));
        let extent = match extent {
            Extent::Changes => ours,
            Extent::Forced => format!("<force>{ours}</force>"),
        };
        let command = format!("<commit>{extent}<description>{}</description></commit>", text(description));
        let reply = self.peers.call("committing", &[("type", "commit"), ("cmd", &command)]).await?;
        Ok(replies::job_id(&reply))
    }

    async fn jobs(&self, serial: Option<&str>) -> Result<Vec<JobLine>, Fault> {
        // With this question every look at the device begins, and every commit.
        if serial.is_none() {
            self.peers.look_again().await;
        }
        let reply = self.operate("asking which jobs run", serial, "<show><jobs><all/></jobs></show>").await?;
        Ok(replies::jobs(&reply))
    }

    async fn job(&self, id: &str) -> Result<JobState, Fault> {
        let doing = "asking about the job";
        let command = format!("<show><jobs><id>{}</id></jobs></show>", text(id));
        let reply = self.peers.ask(doing, &[("type", "op"), ("cmd", &command)]).await?;
        replies::job(&reply, doing)
    }

    async fn pending(&self) -> Result<Vec<Pending>, Fault> {
        let command = "<show><config><list><changes/></list></config></show>";
        let reply = self.operate("asking for uncommitted changes", None, command).await?;
        Ok(replies::pending(&reply))
    }

    async fn locks(&self) -> Result<Vec<Lock>, Fault> {
        let mut locks = Vec::new();
        for kind in ["config", "commit"] {
            let command = format!("<show><{kind}-locks/></show>");
            let reply = self.operate("asking for locks", None, &command).await?;
            locks.extend(replies::locks(&reply, kind));
        }
        Ok(locks)
    }

    async fn test_pattern(&self, serial: Option<&str>, pattern: &str) -> Result<PatternVerdict, Fault> {
        // https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures/testing-pattern-performance-impact
        let doing = "testing a pattern";
        let pattern = text(pattern);
        let command = format!(
            "<test><custom-signature-type><pattern>{pattern}</pattern></custom-signature-type></test>"
        );
        replies::pattern_verdict(&self.peers.ask(doing, &self.operational(serial, &command)).await?, doing)
    }

    async fn rematches(&self, serial: Option<&str>) -> Result<Option<bool>, Fault> {
        self.read_rematch(serial).await
    }

    async fn enforcers(&self) -> Result<Enforcers, Fault> {
        match &self.site {
            Site::Vsys(_) => Ok(Enforcers::Itself),
            Site::DeviceGroup { group, vsys, .. } => self.managed(group, vsys).await.map(Enforcers::Managed),
        }
    }

    async fn push(
        &self,
        group: &str,
        serials: &[String],
        description: &str,
    ) -> Result<Option<String>, Fault> {
        // Only the group's policy, never a firewall's own pending changes:
        // https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit-all
        let devices: String =
            serials.iter().map(|serial| format!("<entry name=\"{}\"/>", attribute(serial))).collect();
        let command = format!(
            "<commit-all><shared-policy><device-group><entry name=\"{}\"><devices>{devices}</devices></entry></device-group>\
             <include-template>no</include-template><force-template-values>no</force-template-values>\
             <merge-with-candidate-cfg>no</merge-with-candidate-cfg><description>{}</description>\
             </shared-policy></commit-all>",
            attribute(group),
            text(description),
        );
        let parameters = [("type", "commit"), ("action", "all"), ("cmd", &command)];
        let reply = self.peers.call("pushing to the firewalls", &parameters).await?;
        Ok(replies::job_id(&reply))
    }

    async fn in_force(&self, serial: &str) -> Result<Configuration, Fault> {
        self.read_managed(serial).await
    }

    async fn rulebase(&self, serial: Option<&str>) -> Result<Rulebase, Fault> {
        self.read_rulebase(serial).await
    }

    async fn bad_signatures(&self, serial: Option<&str>) -> Result<BadSignatures, Fault> {
        let command = "<show><bad-custom-signature/></show>";
        let reply = self.operate("asking for signatures that did not compile", serial, command).await?;
        Ok(replies::bad_signatures(&reply))
    }

    async fn policy_test(&self, serial: Option<&str>, probe: &Probe) -> Result<Option<String>, Fault> {
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
        let reply = self.operate("testing the policy", serial, &command).await?;
        Ok(replies::deciding_rule(&reply))
    }
}
