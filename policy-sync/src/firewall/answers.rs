//! What the device says about its jobs and about itself.

use std::fmt;

use sallyport_contract::refusal::quoted;

/// Who a device is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The model: `PA-VM`.
    pub model: String,
    /// The software version.
    pub version: String,
    /// The serial number.
    pub serial: String,
    /// The host that answers, where there are two.
    pub active: Option<String>,
    /// The version of its Applications and Threats content; empty where it does not tell.
    pub content: String,
    /// Its clock when it was asked, in its own words and time zone.
    pub time: String,
}

/// One job, as the list of all jobs tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLine {
    /// Its number.
    pub id: String,
    /// What it does: `Commit`, `CommitAll`, `HA-Sync`…
    pub kind: String,
    /// The administrator; empty for what the device does by itself.
    pub user: String,
    /// Whether it has ended.
    pub ended: bool,
    /// Whether it ended well.
    pub ok: bool,
    /// When it ended, in the device's words.
    pub at: String,
}

impl JobLine {
    /// Its number, for order.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id.parse().unwrap_or_default()
    }

    /// Whether it changes what runs: a commit, by whomever.
    #[must_use]
    pub fn is_commit(&self) -> bool {
        self.kind.eq_ignore_ascii_case("commit")
    }

    /// Whether it brings Panorama's configuration to firewalls.
    #[must_use]
    pub fn is_push(&self) -> bool {
        self.kind.eq_ignore_ascii_case("commitall")
    }
}

/// A change that is not committed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Where.
    pub xpath: String,
    /// The administrator.
    pub owner: String,
    /// What was done, in the device's words: `SET`, `EDIT`, `DELETE`, `MOVE`…
    pub action: String,
}

/// A lock on the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// What it holds back: `config` or `commit`.
    pub kind: &'static str,
    /// The administrator.
    pub owner: String,
    /// The virtual system or device group, or `shared`.
    pub scope: String,
    /// What the administrator says about it; empty if nothing.
    pub comment: String,
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, owner, scope, comment } = self;
        write!(f, "{owner} holds a {kind} lock on {scope}")?;
        if comment.is_empty() { Ok(()) } else { write!(f, " ({comment})") }
    }
}

/// What a pattern engine says about a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternVerdict {
    /// It takes it.
    Valid(String),
    /// It does not.
    Invalid(String),
    /// It cannot be asked, or its answer cannot be read.
    Unknown(String),
}

/// Who enforces the running configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Enforcers {
    /// The device that we write to.
    Itself,
    /// The firewalls of the device group and of the groups below it.
    Managed(Vec<Managed>),
}

/// A firewall that Panorama manages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Managed {
    /// Its serial number.
    pub serial: String,
    /// Its name.
    pub hostname: String,
    /// The device group that it is in.
    pub group: String,
    /// Whether Panorama reaches it.
    pub connected: bool,
    /// Whether it runs what Panorama runs for its group; `None` where Panorama does not say.
    pub in_sync: Option<bool>,
}

/// How a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits or runs.
    Running {
        /// Percent, where the device says so.
        progress: Option<u8>,
    },
    /// It ended well.
    Done {
        /// The device's words.
        words: String,
    },
    /// It ended badly.
    Failed {
        /// The device's words.
        words: String,
    },
    /// The device knows no such job; after a restart it forgets them.
    Unknown,
}

/// The device's list of signatures that did not compile. Its form is not public, so any App-ID whose name
/// stands in it as a word counts as bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadSignatures(pub String);

impl BadSignatures {
    /// The words about an App-ID, if it is listed.
    #[must_use]
    pub fn about(&self, app: &str) -> Option<String> {
        let line = self.0.lines().find(|line| {
            line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
                .any(|word| word == app)
        })?;
        Some(quoted(line.trim()))
    }
}

/// A question to the running policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Source zone.
    pub from: String,
    /// Destination zone.
    pub to: String,
    /// Source address.
    pub source: String,
    /// Destination address.
    pub destination: String,
    /// Destination port.
    pub port: u16,
    /// The App-ID.
    pub application: String,
}

#[cfg(test)]
mod tests {
    use super::BadSignatures;

    #[test]
    fn a_bad_signature_is_named_as_a_word() {
        let bad = BadSignatures("vsys1 sp-web-3f9a2c1b sni cannot compile\nother".to_owned());
        assert!(bad.about("sp-web-3f9a2c1b").is_some_and(|words| words.contains("cannot compile")));
        assert_eq!(bad.about("sp-web-3f9a2c1"), None);
        assert_eq!(bad.about("web"), None);
    }
}
