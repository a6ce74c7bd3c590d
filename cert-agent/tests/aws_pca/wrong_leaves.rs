//! Every wrong certificate that an authority could give: refused, with both sides' values, and never asked for twice.

use pca_sim::{Action, Operation, Options, WrongLeaf};
use sallyport_contract::object::Usage;

use crate::{
    authority,
    desk::{Desk, End},
};

/// Each kind, and what the refusal tells.
const REFUSED: [(WrongLeaf, &str); 21] = [
    (WrongLeaf::OtherKey, "another key"),
    (WrongLeaf::MissingSan, "api.shop.corp.example,web.shop.corp.example were asked for"),
    (WrongLeaf::NoSan, "no subject alternative name"),
    (WrongLeaf::ExtraSan, "not-asked-for.invalid"),
    (WrongLeaf::OtherSan, "not-asked-for.invalid"),
    (WrongLeaf::Subject, "the subject CN=not-asked-for.invalid"),
    (WrongLeaf::WrongEku, "is for something else, and ServerAuth was asked for"),
    (WrongLeaf::WrongKeyUsage, "key usage is"),
    (WrongLeaf::CaTrue, "one of a certificate authority"),
    (WrongLeaf::Expired, "is valid from"),
    (WrongLeaf::NotYetValid, "is valid from"),
    (WrongLeaf::TooLong, "ends at"),
    (WrongLeaf::TooShort, "ends at"),
    (WrongLeaf::OtherIssuer, "is not signed by the certificate above it"),
    (WrongLeaf::WrongChain, "does not begin with the authority's own"),
    (WrongLeaf::ReversedChain, "does not begin with the authority's own"),
    (WrongLeaf::BrokenChain, "does not begin with the authority's own"),
    (WrongLeaf::Truncated, "the leaf is not a certificate in PEM"),
    (WrongLeaf::Garbage, "the leaf is not a certificate in PEM"),
    (WrongLeaf::TwoLeaves, "the leaf is not a certificate in PEM"),
    (WrongLeaf::Huge, "larger than"),
];

async fn under_an_intermediate() -> Desk {
    Desk::start(authority(pca_sim::KeyAlgorithm::EcPrime256v1, pca_sim::UsageMode::GeneralPurpose, true))
        .await
}

#[tokio::test]
async fn law_8_every_wrong_answer_is_refused_and_costs_what_it_cost() {
    let desk = under_an_intermediate().await;
    for (kind, told) in REFUSED {
        for operation in [Operation::IssueCertificate, Operation::GetCertificate] {
            let request = desk.request(&[Usage::ServerAuth]).await;
            let before = desk.billed();
            desk.plant(operation, &Action::WrongLeaf { kind }, 1);
            let journey = desk.follow(&request).await;
            let End::Wrong(wrong) = &journey.end else {
                panic!("{kind:?} {operation:?}: {:?}", journey.end);
            };
            assert!(wrong.to_string().contains(told), "{kind:?}: {wrong}");
            assert_eq!((journey.fates.len(), desk.billed() - before), (0, 1), "{kind:?} {operation:?}");
        }
    }
    let request = desk.request(&[Usage::ServerAuth]).await;
    desk.follow(&request).await.verified();
}

#[tokio::test]
async fn a_chain_that_is_not_given_is_the_authoritys_own() {
    let desk = under_an_intermediate().await;
    let request = desk.request(&[Usage::ServerAuth]).await;
    desk.plant(Operation::IssueCertificate, &Action::WrongLeaf { kind: WrongLeaf::NoChain }, 1);
    assert!(!desk.follow(&request).await.verified().intermediates().is_empty());

    let desk = Desk::start(Options::default()).await;
    let request = desk.request(&[Usage::ServerAuth]).await;
    desk.plant(Operation::IssueCertificate, &Action::WrongLeaf { kind: WrongLeaf::BrokenChain }, 1);
    let verified = desk.follow(&request).await.verified();
    assert_eq!((verified.intermediates(), verified.root()), ("", desk.running.root_pem.as_str()));
}
