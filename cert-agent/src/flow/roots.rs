//! What is known of an authority's roots: read once, kept with its status, and asked before a first certificate under a new one.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{Reason, object::CertificateAuthority};

use super::{
    agent::{Agent, Next, lock},
    certificate::Case,
    memo::Memo,
    queue::Work,
};
use crate::{
    cluster::{Cluster, ClusterError},
    issuer::{Class, Described},
    report::Report,
    state::Moving,
    trust::{
        book::Book,
        overlap::{self, Holds},
        root::{Anchor, Root},
    },
};

/// The roots of one authority, by the UID of its object.
pub(super) struct Kept {
    uid: Option<String>,
    book: Arc<Book>,
}

impl<C: Cluster> Agent<C> {
    /// The roots of an authority: as we know them, or once as they are stored. Not from the watch, which keeps no
    /// status: another replica may have seen another root since.
    pub(super) async fn book(&self, name: &str) -> Result<Arc<Book>, ClusterError> {
        let Some(authority) = self.authority_object(name) else {
            lock(&self.books).remove(name);
            return Ok(Arc::default());
        };
        let uid = authority.metadata.uid.clone();
        if let Some(kept) = lock(&self.books).get(name).filter(|kept| kept.uid == uid) {
            return Ok(Arc::clone(&kept.book));
        }
        let found = self.cluster.get::<CertificateAuthority>("", name).await?;
        let found = found.filter(|found| found.metadata.uid == uid);
        let stored = found.and_then(|found| found.status).map(|status| status.roots).unwrap_or_default();
        let fresh = Kept { uid: uid.clone(), book: Arc::new(Book::read(&stored)) };
        let mut books = lock(&self.books);
        let kept = books.entry(name.to_owned()).or_insert_with(|| Kept { uid: None, book: Arc::default() });
        if kept.uid != uid {
            *kept = fresh;
        }
        Ok(Arc::clone(&kept.book))
    }

    /// Changes what is known; tells whether that is something new.
    pub(super) async fn rewrite_book(
        &self,
        name: &str,
        change: impl FnOnce(Book) -> Book,
    ) -> Result<bool, ClusterError> {
        self.book(name).await?;
        let mut books = lock(&self.books);
        let Some(kept) = books.get_mut(name) else { return Ok(false) };
        let after = change((*kept.book).clone());
        let news = after != *kept.book;
        kept.book = Arc::new(after);
        Ok(news)
    }

    /// The authority was asked about itself: who stands above it now, and who still has to. Whoever is told of roots is told,
    /// and whoever has a certificate of it gets the new ones beside.
    pub(super) async fn roots_seen(
        &self,
        name: &str,
        described: Option<&Described>,
    ) -> Result<(), ClusterError> {
        let (now, root) = (self.clock.now(), described.and_then(|described| described.path.last()));
        let ends = self.last_certificate_of(name);
        let before = self.book(name).await?;
        self.rewrite_book(name, |book| {
            // What is known of certificates belongs to the root that stood before this one.
            let book = book.asked_until(ends);
            let book = match root {
                Some(root) => book.seen(root, now),
                None => book,
            };
            book.tidied(now)
        })
        .await?;
        let after = self.book(name).await?;
        self.metrics.trust_roots(name, after.roots().len());
        let which = |book: &Book| book.roots().iter().map(|root| root.sha256.clone()).collect::<Vec<_>>();
        if which(&before) != which(&after) {
            tracing::info!(authority = name, roots = ?which(&after), "the roots of an authority are other ones");
            self.due(Work::Trust, false);
            self.wake_all_of(name);
        }
        Ok(())
    }

    /// When the last certificate ends that identities of this authority have, as far as they tell.
    fn last_certificate_of(&self, authority: &str) -> Option<Timestamp> {
        let shelves = self.world.lock();
        let all = shelves.identities.all().map(|(_, _, identity)| identity);
        all.filter(|one| one.terms.certificate.authority == authority).filter_map(|one| one.not_after()).max()
    }

    /// A certificate that ends so late at most is about to be asked for.
    pub(super) async fn asked_until(&self, authority: &str, ends: Timestamp) -> Result<(), ClusterError> {
        self.rewrite_book(authority, |book| book.asked_until(Some(ends))).await.map(drop)
    }

    /// Whether a certificate under this root (DER) has to wait, and what to tell meanwhile.
    pub(super) async fn too_new(
        &self,
        memo: &mut Memo,
        case: &Case<'_>,
        root: Option<&Vec<u8>>,
    ) -> Result<Option<(Next, Report)>, ClusterError> {
        let authority = &case.terms.authority;
        if self.overlap(authority).is_none() {
            return Ok(None);
        }
        let holds = self.holds(memo, case).await?;
        let root = root.map(Vec::as_slice);
        let wait = self.too_new_for_anybody(authority, root, holds.as_ref()).await?;
        Ok(wait.map(|(left, report)| (self.next_look(case, left), report)))
    }

    /// The same for whoever holds this, or nothing.
    pub(super) async fn too_new_for_anybody(
        &self,
        authority: &str,
        root: Option<&[u8]>,
        holds: Option<&Holds>,
    ) -> Result<Option<(Duration, Report)>, ClusterError> {
        let (overlap, now) = (self.overlap(authority), self.clock.now());
        let Some(anchor) = root.filter(|_| overlap.is_some()).and_then(Anchor::of) else { return Ok(None) };
        let book = self.book(authority).await?;
        let Some(wait) = overlap::wait(overlap, &book, anchor, holds, now) else { return Ok(None) };
        if !book.roots().iter().any(|root| root.anchor == anchor) {
            self.due(Work::Authority(authority.to_owned()), true);
        }
        let left = Duration::try_from(wait.until.duration_since(now)).unwrap_or_default();
        let state = if wait.published { "is published" } else { "is being published" };
        let report = Report::waiting(
            Reason::AwaitingTrust,
            format!(
                "a new root of CertificateAuthority {authority} {state}; the first certificate under it comes at {} at the \
                 latest. Whose rule: spec.trust.overlap there",
                wait.until.round(jiff::Unit::Second).unwrap_or(wait.until)
            ),
        );
        Ok(Some((left, report)))
    }

    /// How long a new root is published before it is used; none where nobody is told of roots.
    fn overlap(&self, authority: &str) -> Option<SignedDuration> {
        let object = self.authority_object(authority)?;
        object.spec.trust.as_ref().map(|trust| trust.overlap.as_signed())
    }

    /// The certificate in use. One that somebody asked another for is none that has to be waited beside.
    async fn holds(&self, memo: &mut Memo, case: &Case<'_>) -> Result<Option<Holds>, ClusterError> {
        let now = self.clock.now();
        let Some(anchor) = memo.verified.as_ref().and_then(|verified| Anchor::of_pem(verified.root())) else {
            return Ok(None);
        };
        let Some(state) = &mut memo.state else { return Ok(None) };
        let Some(current) = state.current.as_ref().filter(|current| !current.superseded) else {
            return Ok(None);
        };
        let expiring_from = Class::expiring_from(current.received_at, current.not_after);
        let to = &case.terms.authority;
        if current.terms.authority == *to {
            return Ok(Some(Holds { anchor, expiring_from, moving_since: None }));
        }
        if state.moving.as_ref().is_none_or(|moving| moving.to != *to) {
            state.moving = Some(Moving { to: to.clone(), since: super::asking::whole_seconds(now) });
            self.store(memo, case).await?;
        }
        let moving = memo.state.as_ref().and_then(|state| state.moving.as_ref());
        Ok(Some(Holds { anchor, expiring_from, moving_since: moving.map(|moving| moving.since) }))
    }

    /// The roots that stand in `ca.crt` beside the certificate's own, PEM: the others of the authority that signed it, those of
    /// the one that signs the next one, and those of the one before until nobody has a certificate of it.
    pub(super) async fn roots_beside(&self, memo: &Memo, case: &Case<'_>) -> Result<String, ClusterError> {
        let Some(state) = &memo.state else { return Ok(String::new()) };
        let (Some(current), Some(verified)) = (&state.current, &memo.verified) else {
            return Ok(String::new());
        };
        let now = self.clock.now();
        let former = state.former.as_deref();
        let mut seen = vec![verified.root().to_owned()];
        for authority in [Some(current.terms.authority.as_str()), Some(case.terms.authority.as_str()), former]
        {
            let Some(authority) = authority else { continue };
            let over = |root: &Root| root.last_leaf_ends.is_none_or(|ends| ends <= now);
            for root in self.book(authority).await?.roots() {
                let done_with = Some(authority) == former && over(root);
                if !done_with && !seen.contains(&root.pem) {
                    seen.push(root.pem.clone());
                }
            }
        }
        Ok(seen.split_off(1).concat())
    }
}
