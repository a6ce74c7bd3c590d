//! Each wrong answer of a CA, as a client reads it: wrong in its own way, and right in every other.
#![cfg(test)]

mod common;

use aws_sdk_acmpca::{Client, operation::get_certificate::GetCertificateOutput};
use common::{Facts, client, csr, facts, issue, length, start, verify};
use pca_sim::{Action, Clock as _, Fault, Operation, Running, SystemClock, WrongLeaf};
use x509_parser::pem::Pem;

const NAMES: [&str; 2] = ["a.shop.corp.example", "b.shop.corp.example"];
const DAY: i64 = 86_400;

/// Plants a wrongness, asks for a certificate for a day, and gets it twice.
struct Asked {
    spki: Vec<u8>,
    first: GetCertificateOutput,
    second: GetCertificateOutput,
}

impl Asked {
    async fn under(pca: &Client, sim: &Running, operation: Operation, kind: WrongLeaf) -> Self {
        let (pem, spki) = csr(&NAMES);
        sim.plant(Fault::new(operation, Action::WrongLeaf { kind }, 1)).unwrap();
        let arn = issue(pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
        let get =
            || pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(&arn).send();
        let (first, second) = (get().await.unwrap(), get().await.unwrap());
        assert_eq!(sim.issued().last().unwrap().arn, arn);
        Self { spki, first, second }
    }

    fn leaf(&self) -> &str {
        self.first.certificate.as_deref().unwrap()
    }

    fn chain(&self) -> &str {
        self.first.certificate_chain.as_deref().unwrap()
    }

    fn facts(&self) -> Facts {
        facts(self.leaf())
    }

    /// What openssl says; `None` when it has nothing against it.
    fn objection(&self, root: &str) -> Option<String> {
        verify(self.leaf(), self.chain(), root).err()
    }
}

/// What a certificate is when nothing is wrong with it, as far as one can tell without its chain.
fn sound(facts: &Facts, spki: &[u8]) -> bool {
    let now = SystemClock.now().unix_timestamp();
    facts.spki == spki
        && facts.subject.is_empty()
        && facts.names == ["DNSName(a.shop.corp.example)", "DNSName(b.shop.corp.example)"]
        && (facts.server, facts.client, facts.is_ca, facts.signs) == (true, false, false, false)
        && facts.not_before < now
        && (now + DAY - 300..=now + DAY).contains(&facts.not_after)
}

/// A leaf with one thing changed: `expected` holds, and what stands in `facts` apart from that is sound.
fn wrong_in(kind: WrongLeaf, facts: &mut Facts, spki: &[u8], now: i64) -> Option<bool> {
    let right = || vec!["DNSName(a.shop.corp.example)".to_owned(), "DNSName(b.shop.corp.example)".to_owned()];
    let mut names = |expected: &[&str]| {
        let so = facts.names == expected;
        facts.names = right();
        so
    };
    let so = match kind {
        WrongLeaf::OtherKey => std::mem::replace(&mut facts.spki, spki.to_vec()) != spki,
        WrongLeaf::MissingSan => names(&["DNSName(b.shop.corp.example)"]),
        WrongLeaf::NoSan => names(&[]),
        WrongLeaf::ExtraSan => names(&[
            "DNSName(a.shop.corp.example)",
            "DNSName(b.shop.corp.example)",
            "DNSName(not-asked-for.invalid)",
        ]),
        WrongLeaf::OtherSan => names(&["DNSName(not-asked-for.invalid)", "DNSName(b.shop.corp.example)"]),
        WrongLeaf::Subject => std::mem::take(&mut facts.subject) == "CN=not-asked-for.invalid",
        WrongLeaf::WrongEku => !std::mem::replace(&mut facts.server, true),
        WrongLeaf::WrongKeyUsage => std::mem::take(&mut facts.signs),
        WrongLeaf::CaTrue => std::mem::take(&mut facts.is_ca),
        WrongLeaf::Expired => std::mem::replace(&mut facts.not_after, now + DAY) < now,
        WrongLeaf::NotYetValid => std::mem::replace(&mut facts.not_before, now - 3600) > now,
        WrongLeaf::TooLong => std::mem::replace(&mut facts.not_after, now + DAY) > now + DAY + 3600,
        WrongLeaf::TooShort => std::mem::replace(&mut facts.not_after, now + DAY) < now + 3600,
        WrongLeaf::OtherIssuer
        | WrongLeaf::NoConstraints
        | WrongLeaf::ConstraintsNotCritical
        | WrongLeaf::OtherConstraints
        | WrongLeaf::WrongChain
        | WrongLeaf::ReversedChain
        | WrongLeaf::BrokenChain
        | WrongLeaf::NoChain
        | WrongLeaf::Truncated
        | WrongLeaf::Garbage
        | WrongLeaf::TwoLeaves
        | WrongLeaf::Huge
        | WrongLeaf::Empty => return None,
    };
    Some(so)
}

/// For the first answer the fault, for the second the fault or the right answer, by where it was planted.
fn lasts(asked: &Asked, operation: Operation, kind: WrongLeaf, root: &str) {
    let (first, second) = (&asked.first, &asked.second);
    let same =
        (&first.certificate, &first.certificate_chain) == (&second.certificate, &second.certificate_chain);
    assert_eq!(same, operation == Operation::IssueCertificate, "{kind:?}: issued for good, answered once");
    if !same {
        let (leaf, chain) = (second.certificate.as_deref(), second.certificate_chain.as_deref());
        verify(leaf.unwrap(), chain.unwrap(), root).unwrap();
        assert!(sound(&facts(leaf.unwrap()), &asked.spki), "{kind:?}");
    }
}

#[tokio::test]
async fn every_wrong_leaf_is_wrong_in_its_own_way_and_in_no_other() {
    let sim = start(|options| options.authorities[0].intermediate = true).await;
    let pca = client(&sim);
    for (kind, objection) in [
        (WrongLeaf::OtherKey, None),
        (WrongLeaf::MissingSan, None),
        (WrongLeaf::NoSan, None),
        (WrongLeaf::ExtraSan, None),
        (WrongLeaf::OtherSan, None),
        (WrongLeaf::Subject, None),
        (WrongLeaf::WrongEku, Some("unsuitable certificate purpose")),
        (WrongLeaf::WrongKeyUsage, None),
        (WrongLeaf::CaTrue, None),
        (WrongLeaf::Expired, Some("certificate has expired")),
        (WrongLeaf::NotYetValid, Some("certificate is not yet valid")),
        (WrongLeaf::TooLong, None),
        (WrongLeaf::TooShort, None),
    ] {
        for operation in [Operation::IssueCertificate, Operation::GetCertificate] {
            let asked = Asked::under(&pca, &sim, operation, kind).await;
            let mut facts = asked.facts();
            let now = SystemClock.now().unix_timestamp();
            assert!(!sound(&facts, &asked.spki), "{kind:?} {operation:?}");
            assert_eq!(
                wrong_in(kind, &mut facts, &asked.spki, now),
                Some(true),
                "{kind:?} {operation:?}: {facts:?}"
            );
            assert!(sound(&facts, &asked.spki), "{kind:?} {operation:?}: {facts:?}");
            let told = asked.objection(&sim.root_pem);
            match objection {
                Some(part) => {
                    assert!(told.as_ref().is_some_and(|told| told.contains(part)), "{kind:?}: {told:?}")
                }
                None if matches!(kind, WrongLeaf::NoSan | WrongLeaf::WrongKeyUsage | WrongLeaf::CaTrue) => {}
                None => assert_eq!(told, None, "{kind:?}"),
            }
            lasts(&asked, operation, kind, &sim.root_pem);
        }
    }
    sim.stop().await;
}

/// Whether the answer, whose leaf is sound unless said, shows what its kind promises.
fn misleads(kind: WrongLeaf, asked: &Asked, right_chain: &str, root: &str) -> bool {
    let chain = || asked.chain();
    let sound = || sound(&asked.facts(), &asked.spki);
    match kind {
        WrongLeaf::OtherIssuer => {
            let told = asked.objection(root);
            sound() && chain() == right_chain && told.is_some_and(|told| told.contains("issuer certificate"))
        }
        WrongLeaf::WrongChain => {
            let own_root = format!("-----BEGIN{}", chain().rsplit_once("-----BEGIN").unwrap().1);
            let told = verify(asked.leaf(), chain(), &own_root).unwrap_err();
            sound() && length(chain()) == 2 && own_root != root.trim_end() && told.contains("error")
        }
        WrongLeaf::ReversedChain => {
            sound() && length(chain()) == 2 && chain() != right_chain && chain().starts_with(root.trim_end())
        }
        WrongLeaf::BrokenChain => {
            let told = asked.objection(root);
            sound()
                && chain() == root.trim_end()
                && told.is_some_and(|told| told.contains("issuer certificate"))
        }
        WrongLeaf::NoChain => sound() && asked.first.certificate_chain.is_none(),
        WrongLeaf::Truncated => {
            let pem = asked.leaf();
            pem.starts_with("-----BEGIN CERTIFICATE-----\n") && !pem.contains("-----END") && pem.len() > 100
        }
        WrongLeaf::Garbage => {
            let blocks =
                Pem::iter_from_buffer(asked.leaf().as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
            blocks.len() == 1 && blocks[0].label == "CERTIFICATE" && blocks[0].parse_x509().is_err()
        }
        WrongLeaf::TwoLeaves => sound() && length(asked.leaf()) == 2,
        WrongLeaf::Huge => sound() && asked.leaf().len() > 4_000_000 && asked.objection(root).is_none(),
        WrongLeaf::OtherKey
        | WrongLeaf::MissingSan
        | WrongLeaf::NoSan
        | WrongLeaf::ExtraSan
        | WrongLeaf::OtherSan
        | WrongLeaf::Subject
        | WrongLeaf::WrongEku
        | WrongLeaf::WrongKeyUsage
        | WrongLeaf::CaTrue
        | WrongLeaf::NoConstraints
        | WrongLeaf::ConstraintsNotCritical
        | WrongLeaf::OtherConstraints
        | WrongLeaf::Expired
        | WrongLeaf::NotYetValid
        | WrongLeaf::TooLong
        | WrongLeaf::TooShort
        | WrongLeaf::Empty => false,
    }
}

#[tokio::test]
async fn every_misleading_answer_misleads_in_its_own_way() {
    let sim = start(|options| options.authorities[0].intermediate = true).await;
    let pca = client(&sim);
    for kind in [
        WrongLeaf::OtherIssuer,
        WrongLeaf::WrongChain,
        WrongLeaf::ReversedChain,
        WrongLeaf::BrokenChain,
        WrongLeaf::NoChain,
        WrongLeaf::Truncated,
        WrongLeaf::Garbage,
        WrongLeaf::TwoLeaves,
        WrongLeaf::Huge,
    ] {
        for operation in [Operation::IssueCertificate, Operation::GetCertificate] {
            let asked = Asked::under(&pca, &sim, operation, kind).await;
            let so = misleads(kind, &asked, sim.chain_pem.trim_end(), &sim.root_pem);
            assert!(so, "{kind:?} {operation:?}: {:?}", asked.first.certificate_chain);
            lasts(&asked, operation, kind, &sim.root_pem);
        }
    }
    sim.stop().await;
}

#[tokio::test]
async fn an_answer_may_be_empty() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let asked = Asked::under(&pca, &sim, Operation::GetCertificate, WrongLeaf::Empty).await;
    assert_eq!((&asked.first.certificate, &asked.first.certificate_chain), (&None, &None));
    lasts(&asked, Operation::GetCertificate, WrongLeaf::Empty, &sim.root_pem);
    let asked = Asked::under(&pca, &sim, Operation::GetCertificate, WrongLeaf::BrokenChain).await;
    assert_eq!(asked.chain(), "", "a root's chain has nothing but the issuer");
    sim.stop().await;
}
