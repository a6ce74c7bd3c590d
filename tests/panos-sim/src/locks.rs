//! Configuration and commit locks.
//!
//! <https://docs.paloaltonetworks.com/ngfw/administration/firewall-administration/launch-the-web-interface/manage-locks-for-restricting-configuration-changes>;
//! texts as `PaloAltoNetworks/pan-os-python:panos/base.py` and `PaloAltoNetworks/pango:util/lock.go` look for them.

use crate::{
    clock::Moment,
    refusal::{Code, Refusal},
    scope::Scope,
    tree::Element,
};

/// What a lock holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockKind {
    /// Others' edits.
    Config,
    /// Others' commits.
    Commit,
}

#[derive(Debug, Clone)]
struct Lock {
    kind: LockKind,
    scope: Scope,
    owner: String,
    comment: String,
    since: Moment,
}

/// The locks that are held.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    held: Vec<Lock>,
}

impl Locks {
    pub(crate) fn add(
        &mut self,
        kind: LockKind,
        scope: Scope,
        owner: &str,
        comment: &str,
        now: Moment,
    ) -> Result<(), Refusal> {
        let held = self.held.iter().find(|lock| lock.kind == kind && lock.scope == scope);
        if let Some(lock) = held {
            let text = match kind {
                LockKind::Commit => "Commit lock is already held".to_owned(),
                LockKind::Config if lock.owner == owner => {
                    format!("You already own a config lock for scope {scope}")
                }
                LockKind::Config => format!("Config for scope {scope} is currently locked by {}", lock.owner),
            };
            return Err(Refusal::new(Code::NotFound, text));
        }
        let (owner, comment) = (owner.to_owned(), comment.to_owned());
        self.held.push(Lock { kind, scope, owner, comment, since: now });
        Ok(())
    }

    /// Takes away a lock of one administrator: their own, or as a superuser one that they name.
    pub(crate) fn remove(&mut self, kind: LockKind, scope: &Scope, owner: &str) -> Result<(), Refusal> {
        let before = self.held.len();
        self.held.retain(|lock| !(lock.kind == kind && lock.scope == *scope && lock.owner == owner));
        if self.held.len() < before {
            return Ok(());
        }
        let text = match kind {
            LockKind::Commit => "Commit lock is not currently held".to_owned(),
            LockKind::Config => format!("Config is not currently locked for scope {scope}"),
        };
        Err(Refusal::new(Code::NotFound, text))
    }

    pub(crate) fn release_all(&mut self, owner: &str) {
        self.held.retain(|lock| lock.owner != owner);
    }

    /// May this administrator write in this scope? A lock of `shared` holds back everything.
    pub(crate) fn check_write(&self, admin: &str, scope: Option<&Scope>) -> Result<(), Refusal> {
        let blocking = self.held.iter().find(|lock| {
            lock.kind == LockKind::Config
                && lock.owner != admin
                && (lock.scope == Scope::Shared || Some(&lock.scope) == scope)
        });
        match blocking {
            Some(lock) => {
                let text = format!("Configuration is locked by administrator {}", lock.owner);
                Err(Refusal::new(Code::NotFound, text))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn check_commit(&self, admin: &str) -> Result<(), Refusal> {
        match self.held.iter().any(|lock| lock.kind == LockKind::Commit && lock.owner != admin) {
            true => Err(Refusal::new(Code::NotFound, "Other administrators are holding commit locks.")),
            false => Ok(()),
        }
    }

    /// `<entry name="owner"><type/><name/>…</entry>` for each lock of a kind.
    pub(crate) fn to_xml(&self, kind: LockKind) -> Vec<Element> {
        let of_kind = self.held.iter().filter(|lock| lock.kind == kind);
        of_kind
            .map(|lock| {
                let scope = lock.scope.to_string();
                let scope_type = match lock.scope {
                    Scope::Shared => "shared",
                    Scope::Vsys(_) | Scope::Pushed(_) => "vsys",
                    Scope::DeviceGroup(_) => "device-group",
                };
                Element::entry(&lock.owner)
                    .with(Element::leaf("type", scope_type))
                    .with(Element::leaf("name", scope))
                    .with(Element::leaf("created", lock.since.date_time()))
                    .with(Element::leaf("last-activity", lock.since.date_time()))
                    .with(Element::leaf("loggedin", "yes"))
                    .with(Element::leaf(
                        "comment",
                        if lock.comment.is_empty() { "(null)" } else { &lock.comment },
                    ))
            })
            .collect()
    }
}
