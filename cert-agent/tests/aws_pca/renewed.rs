//! The authority's own certificate changes in the middle: with its key, and under another root.

use pca_sim::{AuthorityOptions, Options, Renewal};
use sallyport_cert_agent::{
    issuer::{Fetched, Issuer as _},
    trust::root::Anchor,
};
use sallyport_contract::object::Usage;

use crate::desk::{Desk, somebody};

#[tokio::test]
async fn a_renewed_authority_is_described_anew_and_its_leaves_verify_by_its_new_root() {
    for (intermediate, how, same_anchor) in
        [(false, Renewal::SameKey, true), (true, Renewal::SameKey, true), (true, Renewal::NewKey, false)]
    {
        let authority = AuthorityOptions { intermediate, ..AuthorityOptions::default() };
        let desk = Desk::start(Options { authorities: vec![authority], ..Options::default() }).await;
        let early = desk.request(&[Usage::ServerAuth]).await;
        let described = desk.described().await;
        let before = &described.path;
        let ticket = desk.issuer.issue(&somebody(), &early, &described).await.unwrap();
        let root = desk.running.renew(&desk.running.ca_arn, how).unwrap();
        let after = desk.described().await.path;
        assert_ne!(before.last(), after.last(), "{how:?}");
        let anchor = |path: &[Vec<u8>]| Anchor::of(path.last().unwrap()).unwrap();
        assert_eq!(anchor(before) == anchor(&after), same_anchor, "{how:?}");
        let late = desk.request(&[Usage::ServerAuth]).await;
        let verified = desk.follow(&late).await.verified();
        assert_eq!(Anchor::of_pem(verified.root()), Some(anchor(&after)));
        assert_eq!(verified.root().trim(), root.trim());
        // What was asked before comes with the chain of then.
        let (leaf, chain) = loop {
            match desk.issuer.fetch(&somebody(), &early, &ticket).await.unwrap() {
                Fetched::Ready { leaf, chain } => break (leaf, chain),
                Fetched::Pending => tokio::time::sleep(desk.issuer.first_wait()).await,
            }
        };
        let verified = desk.judge(&early, &described, &leaf, chain.as_deref()).unwrap();
        assert_eq!(Anchor::of_pem(verified.root()), Some(anchor(before)), "{how:?}");
    }
}
