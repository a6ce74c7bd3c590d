//! Answers that a CA must never give, so that a client's checks can be tested.

use rcgen::{DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PublicKeyData, SubjectPublicKeyInfo};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    authority::{Authority, AuthorityOptions},
    leaf::{IsCa, Leaf},
    rules::{constraints::Constraints, san::San},
};

/// What is wrong with an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongLeaf {
    /// The certificate is for a key that nobody has.
    OtherKey,
    /// The first subject alternative name is missing.
    MissingSan,
    /// There are no subject alternative names at all.
    NoSan,
    /// A name nobody asked for is added: `not-asked-for.invalid`.
    ExtraSan,
    /// A name nobody asked for stands in the place of the first.
    OtherSan,
    /// The subject has a common name that nobody asked for.
    Subject,
    /// The extended key usage is code signing.
    WrongEku,
    /// The key usage allows to sign certificates.
    WrongKeyUsage,
    /// The basic constraints say `CA:TRUE`, for any number of CAs below it.
    CaTrue,
    /// The name constraints are missing.
    NoConstraints,
    /// The name constraints are not critical.
    ConstraintsNotCritical,
    /// The name constraints permit other names.
    OtherConstraints,
    /// The certificate ended an hour ago.
    Expired,
    /// The certificate begins in an hour.
    NotYetValid,
    /// The certificate ends a day after what was asked.
    TooLong,
    /// The certificate ends in ten minutes.
    TooShort,
    /// Another CA of the same name signed the certificate; the chain is the right one.
    OtherIssuer,
    /// The chain belongs to another CA of the same name.
    WrongChain,
    /// The chain is the other way round: root first.
    ReversedChain,
    /// The chain has a gap: the issuer is missing, and where that was all of it, the chain is empty.
    BrokenChain,
    /// There is no chain.
    NoChain,
    /// The second half of the certificate's text is missing.
    Truncated,
    /// The certificate's PEM holds something that is no certificate.
    Garbage,
    /// There are two leaves instead of one.
    TwoLeaves,
    /// Four megabytes of blanks follow the certificate.
    Huge,
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
        let twin = || twin(ca, now);
        match self {
            Self::WrongChain => Ok(right.with_chain(Some(twin()?.chain()))),
            Self::ReversedChain => {
                let parts = ca.parent.as_deref().into_iter().chain([ca.certificate.as_str()]);
                Ok(right.with_chain(Some(parts.collect::<Vec<_>>().join("\n"))))
            }
            Self::BrokenChain => Ok(right.with_chain(Some(ca.parent.clone().unwrap_or_default()))),
            Self::NoChain => Ok(right.with_chain(None)),
            Self::OtherIssuer => right.with_certificate(|_| leaf.sign(&twin()?)),
            Self::Truncated => right.with_certificate(|pem| Ok(pem.chars().take(pem.len() / 2).collect())),
            Self::Garbage => right.with_certificate(|_| Ok(GARBAGE.to_owned())),
            Self::TwoLeaves => right.with_certificate(|pem| Ok(format!("{pem}\n{}", leaf.sign(ca)?))),
            Self::Huge => right.with_certificate(|pem| Ok(format!("{pem}{}", " ".repeat(HUGE)))),
            Self::Empty => Ok(Answer { certificate: None, chain: None }),
            Self::OtherKey
            | Self::MissingSan
            | Self::NoSan
            | Self::ExtraSan
            | Self::OtherSan
            | Self::Subject
            | Self::WrongEku
            | Self::WrongKeyUsage
            | Self::CaTrue
            | Self::NoConstraints
            | Self::ConstraintsNotCritical
            | Self::OtherConstraints
            | Self::Expired
            | Self::NotYetValid
            | Self::TooLong
            | Self::TooShort => Answer::right(&self.leaf(leaf, now)?, ca),
        }
    }

    /// What the CA signs instead of `right`; the same where the wrong is not in what is signed.
    fn leaf(self, right: &Leaf, now: OffsetDateTime) -> Result<Leaf, rcgen::Error> {
        let mut wrong = right.clone();
        let san = &mut wrong.csr.san;
        match self {
            Self::OtherKey => {
                let spki = KeyPair::generate()?.subject_public_key_info();
                wrong.csr.public_key = SubjectPublicKeyInfo::from_der(&spki)?;
            }
            Self::MissingSan => *san = san.as_ref().and_then(San::without_first),
            Self::NoSan => *san = None,
            Self::ExtraSan => *san = san.as_ref().map(|san| san.with_dns(NOT_ASKED_FOR)),
            Self::OtherSan => *san = san.as_ref().map(|san| san.with_first_as(NOT_ASKED_FOR)),
            Self::Subject => wrong.csr.subject.push(DnType::CommonName, NOT_ASKED_FOR),
            Self::WrongEku => wrong.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning],
            Self::WrongKeyUsage => wrong.key_usages.push(KeyUsagePurpose::KeyCertSign),
            Self::CaTrue => wrong.is_ca = IsCa::Unbounded,
            Self::NoConstraints => wrong.constraints = None,
            Self::ConstraintsNotCritical => {
                wrong.constraints = wrong.constraints.as_ref().map(Constraints::not_critical);
            }
            Self::OtherConstraints => {
                wrong.constraints = wrong.constraints.as_ref().map(Constraints::for_others);
            }
            Self::Expired => {
                wrong.window.not_before = now - Duration::days(2);
                wrong.window.not_after = now - Duration::hours(1);
            }
            Self::NotYetValid => wrong.window.not_before = now + Duration::hours(1),
            Self::TooLong => wrong.window.not_after += Duration::days(1),
            Self::TooShort => wrong.window.not_after = now + Duration::minutes(10),
            Self::OtherIssuer
            | Self::WrongChain
            | Self::ReversedChain
            | Self::BrokenChain
            | Self::NoChain
            | Self::Truncated
            | Self::Garbage
            | Self::TwoLeaves
            | Self::Huge
            | Self::Empty => {}
        }
        Ok(wrong)
    }
}

const NOT_ASKED_FOR: &str = "not-asked-for.invalid";
const GARBAGE: &str = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----";
const HUGE: usize = 4 << 20;

impl Answer {
    fn with_chain(&self, chain: Option<String>) -> Self {
        Self { certificate: self.certificate.clone(), chain }
    }

    fn with_certificate(
        &self,
        change: impl FnOnce(&str) -> Result<String, rcgen::Error>,
    ) -> Result<Self, rcgen::Error> {
        let certificate = self.certificate.as_deref().map(change).transpose()?;
        Ok(Self { certificate, chain: self.chain.clone() })
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
