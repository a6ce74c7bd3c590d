//! What is stored is read back.

use sallyport_contract::{
    DnsNames,
    object::{KeyKind, Usage},
};

use super::*;
use crate::request::Limits;

#[test]
fn law_8_what_is_stored_is_read_back_byte_by_byte() {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let terms = Terms {
        authority: "ca".to_owned(),
        issuer: "arn".to_owned(),
        dns_names: DnsNames::new(["a.x.example".parse().unwrap()]).unwrap(),
        usages: vec![Usage::ServerAuth],
        lifetime: 86_400,
        key: KeyKind::P256,
    };
    let key = PrivateKey::generate().unwrap();
    let limits = Limits { authority_ends: Timestamp::MAX, longest: None };
    let request = Request::new(&key, &terms, limits, 1, now).unwrap();
    let attempt = Attempt {
        key: key.clone(),
        request: request.clone(),
        terms: terms.clone(),
        requested_at: now,
        ticket: Some("arn:1".to_owned()),
        anchors: String::new(),
    };
    let state = State { attempt: Some(attempt), generation: 1, ..State::new("ns-uid") };
    let secret = state.to_secret("sallyport-system", "shop", "web-1", Some("7".to_owned()));
    assert_eq!(secret.metadata.name.as_deref(), Some("state.shop.web-1"));
    let read = State::read(&secret).unwrap();
    let attempt = read.attempt.unwrap();
    assert_eq!((attempt.request, attempt.terms, attempt.key.pem()), (request, terms, key.pem()));
    assert_eq!((read.namespace_uid.as_str(), attempt.ticket.as_deref()), ("ns-uid", Some("arn:1")));
    assert!(State::read(&Secret::default()).is_none());
}
