//! The roots of one authority: the one that signs now first, and those before it until the last certificate under
//! them has ended.

use jiff::Timestamp;
use sallyport_contract::object::TrustRoot;

use super::root::{Anchor, Root};

/// The roots of one authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    roots: Vec<Root>,
}

/// More roots of one authority are not kept: that many changes within the life of a certificate are a mistake.
const MOST: usize = 8;

impl Book {
    /// The roots as they were stored.
    #[must_use]
    pub fn read(stored: &[TrustRoot]) -> Self {
        Self { roots: stored.iter().filter_map(Root::read).take(MOST).collect() }
    }

    /// As they are stored.
    #[must_use]
    pub fn to_store(&self) -> Vec<TrustRoot> {
        self.roots.iter().map(Root::to_store).collect()
    }

    /// The roots, the one that signs now first.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// Whether the authority has ever been seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The authority was asked, and this root (DER) stands above it now. What is no root changes nothing.
    #[must_use]
    pub fn seen(mut self, der: &[u8], now: Timestamp) -> Self {
        let Some(new) = Root::new(der, now) else { return self };
        let known = self.roots.iter().position(|root| root.sha256 == new.sha256);
        let first = known.map_or(new, |at| self.roots.remove(at));
        self.roots.insert(0, first);
        self
    }

    /// Without the roots that nobody needs any more, and without more than are kept.
    #[must_use]
    pub fn tidied(mut self, now: Timestamp) -> Self {
        let mut first = true;
        self.roots.retain(|root| {
            let needed = root.last_leaf_ends.is_some_and(|ends| now < ends) && now < root.not_after;
            std::mem::take(&mut first) || needed
        });
        while self.roots.len() > MOST {
            let older = self.roots.iter().enumerate().skip(1);
            let Some((at, _)) = older.min_by_key(|(_, root)| root.last_leaf_ends) else { break };
            self.roots.remove(at);
        }
        self
    }

    /// Certificates that end so late at most were asked for under the root that signs now.
    #[must_use]
    pub fn asked_until(mut self, ends: Option<Timestamp>) -> Self {
        if let Some(root) = self.roots.first_mut() {
            root.last_leaf_ends = root.last_leaf_ends.max(ends);
        }
        self
    }

    /// All of these roots had been written to everybody by now. Those that `written` did not have wait for the next time.
    #[must_use]
    pub fn published(mut self, written: &Self, now: Timestamp) -> Self {
        for root in self.roots.iter_mut().filter(|root| root.published.is_none()) {
            if written.roots.iter().any(|was| was.sha256 == root.sha256) {
                root.published = Some(now);
            }
        }
        self
    }

    /// Since when everybody knows this anchor; none if it is not published, or not known at all.
    #[must_use]
    pub fn known_since(&self, anchor: Anchor) -> Option<Timestamp> {
        self.roots.iter().filter(|root| root.anchor == anchor).filter_map(|root| root.published).min()
    }

    /// Whether there is another anchor than this one.
    #[must_use]
    pub fn has_another_than(&self, anchor: Anchor) -> bool {
        self.roots.iter().any(|root| root.anchor != anchor)
    }

    /// All roots, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.roots.iter().map(|root| root.pem.as_str()).collect()
    }
}
