//! What tests on the ground with proxies share: which proxy a call passes, and whose turn it is.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ground::{
    Ground, Team,
    interposer::{
        Interposer,
        rules::{Armed, Rule},
    },
    team::{Authority, TeamOptions},
};
use serde_json::json;
use tokio::sync::RwLock;

/// Readers leave the programs alive; a writer kills one.
pub(crate) static PROGRAMS: RwLock<()> = RwLock::const_new(());
/// Readers rely on the authority; a writer disturbs it, for most calls to it do not say whose they are.
pub(crate) static AUTHORITY: RwLock<()> = RwLock::const_new(());

/// Longest wait for a call that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A program and what it calls, or for the webhook what calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// cert-agent and the API server.
    Agent,
    /// cert-agent and AWS Private CA.
    Authority,
    /// policy-sync and the API server.
    Syncer,
    /// policy-sync and the firewall.
    Firewall,
    /// The API server and the webhook.
    Webhook,
}

impl Side {
    pub(crate) const ALL: [Self; 5] =
        [Self::Agent, Self::Authority, Self::Syncer, Self::Firewall, Self::Webhook];

    /// How a test's name says it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "cert_agent_to_api_server",
            Self::Authority => "cert_agent_to_authority",
            Self::Syncer => "policy_sync_to_api_server",
            Self::Firewall => "policy_sync_to_firewall",
            Self::Webhook => "api_server_to_webhook",
        }
    }

    pub(crate) fn proxy<'a>(self, ground: &'a Ground, team: &'a Team<'_>) -> Result<&'a Interposer> {
        let all = ground.interposers.as_ref().context("this ground has no proxies")?;
        match self {
            Self::Agent => Ok(&all.cert_agent),
            Self::Authority => Ok(&all.authority),
            Self::Syncer => Ok(&all.policy_sync),
            Self::Firewall => team.before_firewall.as_ref().context("the team has no proxy"),
            Self::Webhook => ground.before_webhook.as_ref().context("this ground has no proxies"),
        }
    }

    /// What tells a team's own calls from others'.
    pub(crate) fn about<'t>(self, team: &'t Team<'_>, call: &str) -> &'t str {
        match self {
            Self::Authority if call == "IssueCertificate" => &team.name,
            Self::Firewall | Self::Authority => "",
            Self::Agent | Self::Syncer | Self::Webhook => &team.name,
        }
    }

    pub(crate) fn arm(self, ground: &Ground, team: &Team<'_>, rule: Rule) -> Result<Armed> {
        let about = self.about(team, &rule.call).to_owned();
        Ok(self.proxy(ground, team)?.arm(Rule { about, ..rule }))
    }
}

/// A team behind a proxy whose commits take no time.
pub(crate) fn options(authority: Authority) -> TeamOptions {
    TeamOptions {
        authority,
        commit_time: Duration::from_millis(50),
        interposed: true,
        ..TeamOptions::default()
    }
}

/// Applies the team's objects, and then its workload `web`.
pub(crate) async fn travel(ground: &Ground, team: &Team<'_>, options: &TeamOptions) -> Result<()> {
    team.arrive(options).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    Ok(())
}

/// A call as part of a test's or a team's name.
pub(crate) fn joined(call: &str, by: &str) -> String {
    call.to_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).collect::<Vec<_>>().join(by)
}
