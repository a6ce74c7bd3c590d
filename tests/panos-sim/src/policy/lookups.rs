//! The policy of a configuration, asked without a device: what would happen to a session.

use super::{Action, Endpoints, Policy, Verdict, judge_handshake, judge_identified};
use crate::{
    config::InitialError,
    engine::{AppIds, Fields, compile_apps},
    quirks::Quirks,
    scope::Scope,
    tree::parse_one,
};
use std::net::IpAddr;

/// Where a session goes.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its source zone.
    pub from: String,
    /// Its destination zone.
    pub to: String,
    /// Its source address.
    pub source: IpAddr,
    /// Its destination address.
    pub destination: IpAddr,
    /// Its destination port; the protocol is TCP.
    pub port: u16,
}

/// What the policy says about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The application that the session is in the end.
    pub app: String,
    /// The rule that decides.
    pub rule: String,
    /// Whether it passes.
    pub allowed: bool,
}

/// The policy of one configuration.
#[derive(Debug)]
pub struct Lookups {
    policy: Policy,
    apps: AppIds,
    quirks: Quirks,
}

impl Lookups {
    /// The policy of `vsys1` in a configuration, as if it had been committed.
    ///
    /// # Errors
    /// The text is not XML.
    pub fn new(config: &str) -> Result<Self, InitialError> {
        let (scope, quirks) = (Scope::Vsys("vsys1".to_owned()), Quirks::default());
        let config = parse_one(config)?;
        let (apps, _) = compile_apps(&config, &scope, &quirks, &|_| false);
        Ok(Self { policy: Policy::new(&config, &scope, &quirks), apps, quirks })
    }

    /// A TLS session, by both lookups.
    #[must_use]
    pub fn tls(&self, session: &Session, sni: Option<&str>) -> Decision {
        let fields = Fields { sni: sni.map(str::as_bytes), client_hello: &[] };
        decision(judge_handshake(&self.policy, &self.apps, &self.quirks, &endpoints(session), fields))
    }

    /// A session that has been identified.
    #[must_use]
    pub fn identified(&self, session: &Session, app: &str) -> Decision {
        decision(judge_identified(&self.policy, &endpoints(session), app))
    }
}

fn endpoints(session: &Session) -> Endpoints {
    let Session { from, to, source, destination, port } = session.clone();
    Endpoints { from, to, source, destination, port }
}

fn decision(verdict: Verdict) -> Decision {
    Decision { app: verdict.app, rule: verdict.rule, allowed: verdict.action == Action::Allow }
}
