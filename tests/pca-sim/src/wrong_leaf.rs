//! Answers that a CA must never give, so that a client's checks can be tested.

use rcgen::{ExtendedKeyUsagePurpose, KeyPair, PublicKeyData, SubjectPublicKeyInfo};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    authority::{Authority, AuthorityOptions},
    leaf::Leaf,
    rules::san::San,
};

/// What is wrong with an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongLeaf {
    /// The certificate is for a key that nobody has.
    OtherKey,
    /// The first subject alternative name is missing.
    MissingSan,
    /// A name nobody asked for is added: `not-asked-for.invalid`.
    ExtraSan,
    /// The extended key usage is code signing.
    WrongEku,
    /// The certificate ended an hour ago.
    Expired,
    /// The chain belongs to another CA of the same name.
    WrongChain,
    /// The chain is the other way round: root first.
    ReversedChain,
    /// There is no chain.
    NoChain,
    /// There is neither certificate nor chain.
    Empty,
}

/// A certificate and its chain, as GetCertificate answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The leaf, PEM.
    pub certificate: Option<String>,
    /// The chain, PEM, issuer first.
    pub chain: Option<String>,
}

impl Answer {
    /// What the CA should answer for `leaf`.
    ///
    /// # Errors
    /// When the CA cannot sign.
    pub fn right(leaf: &Leaf, ca: &Authority) -> Result<Self, rcgen::Error> {
        Ok(Self { certificate: Some(leaf.sign(ca)?), chain: Some(ca.chain()) })
    }
}

impl WrongLeaf {
    /// What the CA answers instead of `right`, its answer for `leaf`.
    ///
    /// # Errors
    /// When a key cannot be made, or the CA cannot sign.
    pub fn answer(
        self,
        leaf: &Leaf,
        right: &Answer,
        ca: &Authority,
        now: OffsetDateTime,
    ) -> Result<Answer, rcgen::Error> {
        let mut wrong = leaf.clone();
        let san = &mut wrong.csr.san;
        match self {
            Self::OtherKey => {
                let spki = KeyPair::generate()?.subject_public_key_info();
                wrong.csr.public_key = SubjectPublicKeyInfo::from_der(&spki)?;
            }
            Self::MissingSan => *san = san.as_ref().and_then(San::without_first),
            Self::ExtraSan => *san = san.as_ref().map(|san| san.with_dns("not-asked-for.invalid")),
            Self::WrongEku => wrong.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning],
            Self::Expired => {
                wrong.window.not_before = now - Duration::days(2);
                wrong.window.not_after = now - Duration::hours(1);
            }
            Self::WrongChain => return Ok(right.with_chain(Some(twin(ca, now)?.chain()))),
            Self::ReversedChain => {
                let parts = ca.parent.as_deref().into_iter().chain([ca.certificate.as_str()]);
                return Ok(right.with_chain(Some(parts.collect::<Vec<_>>().join("\n"))));
            }
            Self::NoChain => return Ok(right.with_chain(None)),
            Self::Empty => return Ok(Answer { certificate: None, chain: None }),
        }
        Answer::right(&wrong, ca)
    }
}

impl Answer {
    fn with_chain(&self, chain: Option<String>) -> Self {
        Self { certificate: self.certificate.clone(), chain }
    }
}

/// Another CA with the same names, whose keys nobody should trust.
fn twin(ca: &Authority, now: OffsetDateTime) -> Result<Authority, rcgen::Error> {
    let options = AuthorityOptions {
        key_algorithm: ca.key_algorithm,
        intermediate: ca.parent.is_some(),
        ..AuthorityOptions::default()
    };
    Authority::create(ca.arn.clone(), &options, now)
}
