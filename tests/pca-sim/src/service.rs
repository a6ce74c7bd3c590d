//! The service behind the protocol: all that the stand-in remembers, and the five operations on it.

mod authorities;
mod issue;
mod retrieve;
mod revoke;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::{
    authority::{Authority, Renewal, Status},
    clock::Clock,
    counters::{Counters, Outcome},
    error::{AwsError, Code},
    fault::{Faults, Operation},
    ledger::Ledger,
    quota::{Buckets, Quotas},
    rules::{arn::CaArn, token::Tokens},
    sessions::{self, Sessions},
    wrong_leaf::WrongLeaf,
};

/// How long GetCertificate says "in progress" after an issue: `base`, and up to `jitter` more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IssueDelay {
    /// At least so long.
    pub base: Duration,
    /// At most so much longer.
    pub jitter: Duration,
}

/// What a planted fault does to the result of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tampering {
    /// The certificate is not ready.
    InProgress,
    /// The certificate comes to nothing.
    LateFailure,
    /// The certificate or its chain is wrong.
    Wrong(WrongLeaf),
}

/// The stand-in: one account in one Region.
pub struct Service {
    /// The Region that the endpoint stands for.
    pub region: String,
    /// The account that owns the CAs.
    pub account: String,
    /// Whether the AWS endpoint can be reached.
    pub reachable: watch::Sender<bool>,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
}

/// What changes.
pub struct Memory {
    /// The CAs.
    pub authorities: BTreeMap<CaArn, Authority>,
    /// The certificates.
    pub ledger: Ledger,
    /// The idempotency tokens.
    pub tokens: Tokens,
    /// The credentials handed out.
    pub sessions: Sessions,
    /// The planted faults.
    pub faults: Faults,
    /// The rate quotas.
    pub buckets: Buckets,
    /// What happened so far.
    pub counters: Counters,
    /// The delay of the next issues.
    pub issue_delay: IssueDelay,
}

impl Service {
    /// A service for `account` in `region`.
    pub fn new(region: &str, account: &str, clock: Arc<dyn Clock>, memory: Memory) -> Self {
        Self {
            region: region.to_owned(),
            reachable: watch::Sender::new(true),
            account: account.to_owned(),
            clock,
            memory: Mutex::new(memory),
        }
    }

    /// The time in the stand-in.
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// The memory; never held across an await.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a caller in: one of this account, for no CA has a policy that would share it with another
    /// (<https://docs.aws.amazon.com/privateca/latest/userguide/pca-rbp.html>).
    ///
    /// # Errors
    /// `ExpiredTokenException`, `UnrecognizedClientException` or `AccessDeniedException`.
    pub fn admit(&self, operation: Operation, key: &str, token: &str) -> Result<(), AwsError> {
        let now = self.now();
        let mut memory = self.memory();
        let admitted = memory.sessions.caller(key, token, now).and_then(|caller| {
            if sessions::account(&caller).is_none_or(|account| account == self.account) {
                return Ok(caller);
            }
            let text = format!(
                "User: {caller} is not authorized to perform: acm-pca:{} because no resource-based policy allows the action",
                operation.as_str()
            );
            Err(AwsError::new(Code::AccessDenied, text))
        });
        match admitted {
            Ok(caller) => {
                memory.counters.caller(&caller);
                Ok(())
            }
            Err(refusal) => {
                memory.counters.call(operation, &Outcome::Refused(refusal.kind().to_owned()));
                Err(refusal)
            }
        }
    }

    /// Carries out one call.
    ///
    /// # Errors
    /// The refusals of the operation, as the API reference lists them.
    pub fn perform(
        &self,
        operation: Operation,
        body: &[u8],
        tampering: Option<Tampering>,
    ) -> Result<Value, AwsError> {
        let now = self.now();
        let mut memory = self.memory();
        memory.buckets.take(operation, now)?;
        match operation {
            Operation::IssueCertificate => issue::issue(self, &mut memory, &read(body)?, now, tampering),
            Operation::GetCertificate => retrieve::retrieve(self, &memory, &read(body)?, now, tampering),
            Operation::DescribeCertificateAuthority => {
                authorities::describe(self, &memory, &read(body)?, now)
            }
            Operation::GetCertificateAuthorityCertificate => {
                authorities::certificate(self, &memory, &read(body)?, now)
            }
            Operation::RevokeCertificate => revoke::revoke(self, &mut memory, &read(body)?, now),
        }
    }

    /// Changes the state of a CA.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is no such CA.
    pub fn set_status(&self, arn: &CaArn, status: Status) -> Result<(), AwsError> {
        let now = self.now();
        let mut memory = self.memory();
        let ca = memory.authorities.get_mut(arn).ok_or_else(|| unknown_ca(arn))?;
        ca.status = status;
        ca.status_changed_at = now;
        Ok(())
    }

    /// Makes the root of a CA anew; tells it.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is no such CA.
    pub fn renew(&self, arn: &CaArn, how: Renewal) -> Result<String, AwsError> {
        let now = self.now();
        let mut memory = self.memory();
        let ca = memory.authorities.get_mut(arn).ok_or_else(|| unknown_ca(arn))?;
        ca.renew(how, now).map_err(|error| signer_failed(&error))?;
        Ok(ca.root().to_owned())
    }

    /// Reads a CA's ARN: one of this Region and account.
    fn ca_arn(&self, text: &str) -> Result<CaArn, AwsError> {
        let arn = CaArn::parse(text)?;
        if arn.region() == self.region && arn.account() == self.account {
            Ok(arn)
        } else {
            Err(AwsError::new(Code::InvalidArn, "Not a valid arn."))
        }
    }
}

impl Memory {
    /// The memory of a stand-in that has not been asked anything.
    pub fn new(
        authorities: BTreeMap<CaArn, Authority>,
        quotas: Option<Quotas>,
        issue_delay: IssueDelay,
    ) -> Self {
        Self {
            authorities,
            ledger: Ledger::default(),
            tokens: Tokens::default(),
            sessions: Sessions::default(),
            faults: Faults::default(),
            buckets: Buckets::new(quotas),
            counters: Counters::default(),
            issue_delay,
        }
    }

    /// The CA with this ARN.
    fn authority(&self, arn: &CaArn) -> Result<&Authority, AwsError> {
        self.authorities.get(arn).ok_or_else(|| unknown_ca(arn))
    }
}

fn unknown_ca(arn: &CaArn) -> AwsError {
    AwsError::new(Code::ResourceNotFound, format!("Could not find resource {arn}."))
}

/// Reads the parameters of a call.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() { Code::Validation } else { Code::Serialization };
        AwsError::new(code, error.to_string())
    })
}

/// The signer failed, which only a defect of the stand-in can cause.
fn signer_failed(error: &rcgen::Error) -> AwsError {
    AwsError::new(Code::NotSimulated, format!("The stand-in could not sign: {error}."))
}
