//! The certificates that were issued, and what has become of them.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::{leaf::Leaf, rules::arn::CaArn, wrong_leaf::Answer};

/// One issued certificate.
pub struct Record {
    /// The CA that issued it.
    pub ca: CaArn,
    /// What it was made of, to make a wrong one like it.
    pub leaf: Leaf,
    /// What GetCertificate answers.
    pub answer: Answer,
    /// From when on GetCertificate answers so; `None`: never.
    pub ready_at: Option<OffsetDateTime>,
    /// Whether it came to nothing.
    pub failed: bool,
    /// Whether it was revoked.
    pub revoked: bool,
    /// The idempotency token of its request.
    pub token: Option<String>,
}

/// A certificate as `GET /issued` shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    /// Its ARN.
    pub arn: String,
    /// Its serial number in hex.
    pub serial: String,
    /// Its subject alternative names.
    pub names: Vec<String>,
    /// The idempotency token of its request.
    pub token: Option<String>,
    /// First valid second, RFC 3339.
    pub not_before: String,
    /// Last valid second, RFC 3339.
    pub not_after: String,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// All issued certificates by ARN, in the order of issuance.
#[derive(Default)]
pub struct Ledger {
    records: BTreeMap<String, Record>,
    order: Vec<String>,
}

impl Ledger {
    /// Adds a certificate.
    pub fn add(&mut self, arn: &str, record: Record) {
        self.order.push(arn.to_owned());
        self.records.insert(arn.to_owned(), record);
    }

    /// The certificate with this ARN.
    pub fn get(&self, arn: &str) -> Option<&Record> {
        self.records.get(arn)
    }

    /// The certificate with this ARN, to change it.
    pub fn get_mut(&mut self, arn: &str) -> Option<&mut Record> {
        self.records.get_mut(arn)
    }

    /// How many certificates a CA has issued.
    pub fn issued_by(&self, ca: &CaArn) -> usize {
        self.records.values().filter(|record| record.ca == *ca).count()
    }

    /// All, oldest first.
    pub fn list(&self) -> Vec<Issued> {
        self.order.iter().filter_map(|arn| self.records.get(arn).map(|record| issued(arn, record))).collect()
    }
}

fn issued(arn: &str, record: &Record) -> Issued {
    Issued {
        arn: arn.to_owned(),
        serial: record.leaf.serial_hex(),
        names: record.leaf.names(),
        token: record.token.clone(),
        not_before: rfc3339(record.leaf.window.not_before),
        not_after: rfc3339(record.leaf.window.not_after),
        revoked: record.revoked,
    }
}

/// A moment as AWS writes it.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_rfc_3339() {
        assert_eq!(
            rfc3339(OffsetDateTime::from_unix_timestamp(2_524_607_999).unwrap()),
            "2049-12-31T23:59:59Z"
        );
    }
}
