//! Rate quotas, one bucket for each operation, off unless asked for.
//!
//! AWS counts per account and Region: 25 issues, 75 gets, 20 of each other call in a second
//! (<https://docs.aws.amazon.com/general/latest/gr/pca.html>). The size of its bursts is not published: here a bucket
//! holds one second's worth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    error::{AwsError, Code},
    fault::Operation,
};

/// Calls in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Quotas {
    /// IssueCertificate.
    pub issue_per_second: u32,
    /// GetCertificate.
    pub get_per_second: u32,
    /// Each of the others.
    pub others_per_second: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { issue_per_second: 25, get_per_second: 75, others_per_second: 20 }
    }
}

impl Quotas {
    fn of(self, operation: Operation) -> f64 {
        f64::from(match operation {
            Operation::IssueCertificate => self.issue_per_second,
            Operation::GetCertificate => self.get_per_second,
            Operation::DescribeCertificateAuthority
            | Operation::GetCertificateAuthorityCertificate
            | Operation::RevokeCertificate => self.others_per_second,
        })
    }
}

/// The buckets: tokens left, and when they were counted.
#[derive(Default, Debug)]
pub struct Buckets {
    quotas: Option<Quotas>,
    levels: BTreeMap<Operation, (f64, OffsetDateTime)>,
}

impl Buckets {
    /// Full buckets; `None` lets everything pass.
    pub fn new(quotas: Option<Quotas>) -> Self {
        Self { quotas, levels: BTreeMap::new() }
    }

    /// Takes a token for one call.
    ///
    /// # Errors
    /// `ThrottlingException: Rate exceeded` when none is left.
    pub fn take(&mut self, operation: Operation, now: OffsetDateTime) -> Result<(), AwsError> {
        let Some(quotas) = self.quotas else { return Ok(()) };
        let rate = quotas.of(operation);
        let (level, since) = self.levels.entry(operation).or_insert((rate, now));
        *level = (*level + (now - *since).as_seconds_f64().max(0.0) * rate).min(rate);
        *since = now;
        if *level < 1.0 {
            return Err(AwsError::new(Code::Throttling, "Rate exceeded"));
        }
        *level -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn a_second_holds_the_quota_and_no_more() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let mut buckets = Buckets::new(Some(Quotas::default()));
        let mut pass = |operation, at| (0..200).filter(|_| buckets.take(operation, at).is_ok()).count();
        assert_eq!(pass(Operation::IssueCertificate, start), 25);
        assert_eq!(pass(Operation::GetCertificate, start), 75);
        assert_eq!(pass(Operation::IssueCertificate, start + Duration::milliseconds(400)), 10);
        assert_eq!(pass(Operation::IssueCertificate, start + Duration::hours(1)), 25);
        assert_eq!(pass(Operation::RevokeCertificate, start), 20);
    }

    #[test]
    fn without_quotas_everything_passes() {
        let mut buckets = Buckets::new(None);
        assert!(
            (0..999).all(|_| buckets.take(Operation::IssueCertificate, OffsetDateTime::UNIX_EPOCH).is_ok())
        );
    }
}
