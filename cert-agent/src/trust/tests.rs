//! The roots of an authority through its changes: which are trusted, who waits, what lies where.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};
use sallyport_contract::keys;
use serde_json::json;

use super::{
    book::Book,
    bundle::{Found, LEAVES_AFTER, Step, step},
    overlap::{Holds, SETTLES, Wait, wait},
    root::{Anchor, Root},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

const DAY: i64 = 86_400;
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// A root of that name and key, DER.
fn root(name: &str, key: &KeyPair, ca: bool) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = time::OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
    params.not_after = time::OffsetDateTime::from_unix_timestamp(1_900_000_000).unwrap();
    params.self_signed(key).unwrap().der().to_vec()
}

fn new(name: &str) -> Vec<u8> {
    root(name, &KeyPair::generate().unwrap(), true)
}

fn hashes(book: &Book) -> Vec<&str> {
    book.roots().iter().map(|root| root.sha256.as_str()).collect()
}

fn hash(der: &[u8]) -> String {
    Root::new(der, at(0)).unwrap().sha256
}

#[test]
fn a_root_stays_until_the_last_certificate_under_it_has_ended() {
    let (old, new) = (new("old"), new("new"));
    let book = Book::default().seen(&old, at(0)).asked_until(Some(at(DAY))).asked_until(Some(at(60)));
    let book = book.seen(&new, at(100)).tidied(at(100));
    assert_eq!(hashes(&book), [hash(&new), hash(&old)], "the one that signs now first");
    let again = Book::read(&book.to_store());
    assert_eq!(again, book, "what is stored is read back");
    assert_eq!(hashes(&book.clone().tidied(at(DAY - 1))).len(), 2);
    assert_eq!(hashes(&book.clone().tidied(at(DAY))), [hash(&new)], "the last one has ended");
    let back = book.published(&again, at(200)).seen(&old, at(300));
    assert_eq!(hashes(&back), [hash(&old), hash(&new)], "back to the one before");
    assert_eq!(back.roots()[0].published, Some(at(200)), "which everybody knows already");
    assert_eq!(hashes(&back.tidied(at(300))), [hash(&old)], "nothing was ever asked for under the other");
}

#[test]
fn what_is_no_root_is_not_published() {
    let key = KeyPair::generate().unwrap();
    let book = Book::default().seen(&new("root"), at(0));
    for (what, der) in [("a leaf", root("leaf", &key, false)), ("rubbish", b"rubbish".to_vec())] {
        assert_eq!(book.clone().seen(&der, at(1)), book, "{what}");
    }
}

#[test]
fn not_more_roots_are_kept_than_anybody_needs() {
    let book = (0..12).fold(Book::default(), |book, n| {
        book.seen(&new(&format!("root {n}")), at(n)).asked_until(Some(at(DAY + n))).tidied(at(n))
    });
    assert_eq!(book.roots().len(), 8);
    assert!(book.roots().iter().all(|root| root.since >= at(4)), "the oldest go");
}

/// Who waits for the first certificate under a new root, and until when.
#[test]
fn the_first_certificate_under_a_new_root_comes_when_everybody_can_know_it() {
    let key = KeyPair::generate().unwrap();
    let (old, next) = (new("old"), root("next", &key, true));
    let renewed = root("next", &key, true);
    let first = Book::default().seen(&next, at(0));
    let seen = Book::default().seen(&old, at(0)).asked_until(Some(at(30 * DAY))).seen(&next, at(100));
    let published = seen.clone().published(&seen, at(200));
    let renewal = published.clone().seen(&renewed, at(10 * DAY));
    let holds = |expiring: i64, moving: Option<i64>| {
        Some(Holds {
            anchor: Anchor::of(&old).unwrap(),
            expiring_from: at(expiring),
            moving_since: moving.map(at),
        })
    };
    let same = Some(Holds { anchor: Anchor::of(&next).unwrap(), ..holds(30 * DAY, None).unwrap() });
    let far = 30 * DAY;
    let settles = SETTLES.as_secs();
    for (what, overlap, book, holds, now, until) in [
        ("nobody is told", None, &seen, holds(far, None), 150, None),
        ("the first root of all", Some(OVERLAP), &first, None, 150, None),
        ("an authority that was never seen", Some(OVERLAP), &Book::default(), None, 150, None),
        ("a new identity, unpublished", Some(OVERLAP), &seen, None, 150, Some(155)),
        ("a new identity, published", Some(OVERLAP), &published, None, 250, Some(200 + settles)),
        ("a new identity, later", Some(OVERLAP), &published, None, 200 + settles, None),
        (
            "a new identity, a short overlap",
            Some(SignedDuration::from_secs(60)),
            &published,
            None,
            250,
            Some(260),
        ),
        ("in use, unpublished", Some(OVERLAP), &seen, holds(far, None), 150, Some(far)),
        ("in use, published", Some(OVERLAP), &published, holds(far, None), 300, Some(200 + DAY)),
        ("in use, overlap over", Some(OVERLAP), &published, holds(far, None), 200 + DAY, None),
        ("about to expire before that", Some(OVERLAP), &published, holds(5000, None), 300, Some(5000)),
        ("about to expire", Some(OVERLAP), &published, holds(5000, None), 5000, None),
        ("about to expire, unpublished", Some(OVERLAP), &seen, holds(5000, None), 5000, None),
        ("under it already", Some(OVERLAP), &seen, same, 150, None),
        (
            "another authority, just named",
            Some(OVERLAP),
            &published,
            holds(far, Some(3 * DAY)),
            3 * DAY,
            Some(4 * DAY),
        ),
        (
            "another authority, named before it was published",
            Some(OVERLAP),
            &published,
            holds(far, Some(50)),
            300,
            Some(200 + DAY),
        ),
        ("renewed with its key", Some(OVERLAP), &renewal, holds(far, None), 10 * DAY, None),
    ] {
        let next = if book == &renewal { &renewed } else { &next };
        let said = wait(overlap, book, Anchor::of(next).unwrap(), holds.as_ref(), at(now));
        assert_eq!(said.map(|Wait { until, .. }| until), until.map(at), "{what}");
    }
}

/// A bundle as the API server has it after a step.
fn written(step: &Step, version: &str) -> ConfigMap {
    let Step::Write { bundle, unwanted_since, .. } = step else { panic!("{step:?}") };
    let mut object = bundle.config_map("shop", *unwanted_since, None);
    object.metadata.resource_version = Some(version.to_owned());
    object
}

#[test]
fn a_bundle_holds_all_roots_and_those_of_each_authority() {
    let (a, b) = (Book::default().seen(&new("a"), at(0)), Book::default().seen(&new("b"), at(0)));
    let both = BTreeMap::from([("a", &a), ("b", &b)]);
    let made = step(None, &both, &both, false, at(0));
    let object = written(&made, "1");
    let data = object.data.clone().unwrap();
    assert_eq!(data[keys::TRUST_ALL], format!("{}{}", a.pem(), b.pem()));
    assert_eq!((&data["a.pem"], &data["b.pem"]), (&a.pem(), &b.pem()));
    let found = Found::config_map(&object);
    assert_eq!(step(Some(&found), &both, &both, false, at(1)), Step::Nothing, "it stands");
    for (what, edit) in [
        ("another root", json!({"data": {"ca.crt": "theirs"}})),
        ("another file", json!({"data": {"extra.crt": "theirs"}})),
        ("another kind of file", json!({"binaryData": {"extra": "dGhlaXJz"}})),
    ] {
        let mut edited = serde_json::to_value(&object).unwrap();
        json_patch::merge(&mut edited, &edit);
        let found = Found::config_map(&serde_json::from_value(edited).unwrap());
        let put_back = step(Some(&found), &both, &both, false, at(1));
        assert!(matches!(&put_back, Step::Write { edited: true, .. }), "{what}: {put_back:?}");
        assert_eq!(written(&put_back, "1"), object, "{what}");
    }
    let more = b.seen(&new("next"), at(5)).asked_until(Some(at(DAY)));
    let both = BTreeMap::from([("a", &a), ("b", &more)]);
    let ours = step(Some(&found), &both, &both, false, at(5));
    assert!(matches!(ours, Step::Write { edited: false, .. }), "a change of ours is no edit: {ours:?}");
}

#[test]
fn law_4_a_config_map_of_somebody_else_is_left_alone() {
    let a = Book::default().seen(&new("a"), at(0));
    let wanted = BTreeMap::from([("a", &a)]);
    let theirs =
        Found::config_map(&serde_json::from_value(json!({"metadata": {"name": "sallyport-trust"}})).unwrap());
    assert_eq!(step(Some(&theirs), &wanted, &wanted, false, at(0)), Step::Foreign);
    assert_eq!(step(Some(&theirs), &BTreeMap::new(), &wanted, false, at(0)), Step::Nothing);
}

#[test]
fn law_10_what_nobody_wants_any_more_goes_slowly() {
    let (a, b) = (Book::default().seen(&new("a"), at(0)), Book::default().seen(&new("b"), at(0)));
    let (both, only_a, none) =
        (BTreeMap::from([("a", &a), ("b", &b)]), BTreeMap::from([("a", &a)]), BTreeMap::new());
    let later = LEAVES_AFTER.as_secs();
    let object = written(&step(None, &both, &both, false, at(0)), "1");
    let leaving = written(&step(Some(&Found::config_map(&object)), &only_a, &both, false, at(10)), "2");
    assert_eq!(leaving.data, object.data, "the roots of b stay");
    let found = Found::config_map(&leaving);
    assert_eq!(found.unwanted_since, Some(at(10)));
    assert_eq!(step(Some(&found), &only_a, &both, false, at(9 + later)), Step::Nothing);
    let gone = written(&step(Some(&found), &only_a, &both, false, at(10 + later)), "3");
    assert_eq!(gone.data.unwrap().keys().collect::<Vec<_>>(), ["a.pem", "ca.crt"]);
    assert!(
        matches!(step(Some(&found), &both, &both, false, at(20)), Step::Write { unwanted_since: None, .. }),
        "wanted again"
    );
    let alone = Found::config_map(&written(&step(None, &only_a, &both, false, at(0)), "1"));
    assert_eq!(step(Some(&alone), &none, &none, false, at(10)), Step::Mark(at(10)), "its authority is gone");
    let marked = Found { unwanted_since: Some(at(10)), ..alone };
    assert_eq!(step(Some(&marked), &none, &none, false, at(9 + later)), Step::Nothing);
    assert_eq!(step(Some(&marked), &none, &none, false, at(10 + later)), Step::Delete);
}
