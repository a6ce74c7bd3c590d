//! From when until when a certificate is valid.
//!
//! Rules: `Validity` and `ValidityNotBefore` in
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>, the kinds of value in
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/API_Validity.html>, the seven days in
//! <https://docs.aws.amazon.com/privateca/latest/userguide/short-lived-certificates.html>, and `ValidationException`
//! for a duration beyond the CA's in <https://docs.aws.amazon.com/acm/latest/userguide/exceptions.html>
//! (`PCA_INVALID_DURATION`). AWS does not publish the texts of these refusals: the messages here are our own.

use serde::{Deserialize, Serialize};
use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::error::{AwsError, Code};

/// What a CA may issue; fixed when the CA is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UsageMode {
    /// Any length.
    #[value(name = "GENERAL_PURPOSE")]
    GeneralPurpose,
    /// At most seven days.
    #[value(name = "SHORT_LIVED_CERTIFICATE")]
    ShortLivedCertificate,
}

/// A moment or a span, as the API carries it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Validity {
    value: i64,
    r#type: String,
}

/// What bounds a certificate: the moment of issuance and the CA.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The moment of issuance.
    pub now: OffsetDateTime,
    /// The end of the CA's own certificate.
    pub ca_not_after: OffsetDateTime,
    /// The CA's mode.
    pub usage_mode: UsageMode,
}

/// The validity of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// First valid second.
    pub not_before: OffsetDateTime,
    /// Last valid second.
    pub not_after: OffsetDateTime,
}

const CLOCK_SKEW_ALLOWANCE: Duration = Duration::minutes(60);
const SHORT_LIVED: Duration = Duration::days(7);

/// Turns the two parameters into a window.
///
/// # Errors
/// `ValidationException` for an unknown type, a value that is no date, an end in the past, beyond the CA's end or
/// beyond seven days at a short-lived CA, and for a beginning that is not absolute or not before the end.
pub fn window(end: &Validity, start: Option<&Validity>, bounds: &Bounds) -> Result<Window, AwsError> {
    let now = bounds.now.replace_nanosecond(0).unwrap_or(bounds.now);
    let not_after = end.resolve(now)?;
    if not_after <= now {
        return Err(refuse("The certificate must expire at least one second from now."));
    }
    if bounds.usage_mode == UsageMode::ShortLivedCertificate && not_after > now + SHORT_LIVED {
        return Err(refuse(
            "A CA in short-lived certificate mode issues certificates of at most seven days.",
        ));
    }
    if not_after > bounds.ca_not_after {
        return Err(refuse("The certificate validity exceeds the certificate authority validity."));
    }
    let not_before = match start {
        None => now - CLOCK_SKEW_ALLOWANCE,
        Some(start) if start.r#type == "ABSOLUTE" => start.resolve(now)?,
        Some(_) => return Err(refuse("ValidityNotBefore must be of type ABSOLUTE.")),
    };
    if not_before >= not_after {
        return Err(refuse("ValidityNotBefore must be before the end of the validity."));
    }
    Ok(Window { not_before, not_after })
}

impl Validity {
    fn resolve(&self, now: OffsetDateTime) -> Result<OffsetDateTime, AwsError> {
        let value = self.value;
        if value < 1 {
            let rule = "Member must have value greater than or equal to 1";
            return Err(AwsError::constraint("validity.value", &value.to_string(), rule));
        }
        let moment = match self.r#type.as_str() {
            "DAYS" => value.checked_mul(86_400).and_then(|s| now.checked_add(Duration::seconds(s))),
            "MONTHS" => add_months(now, value),
            "YEARS" => value.checked_mul(12).and_then(|months| add_months(now, months)),
            "ABSOLUTE" => OffsetDateTime::from_unix_timestamp(value).ok(),
            "END_DATE" => end_date(value),
            other => {
                let rule = "Member must satisfy enum value set: [YEARS, MONTHS, END_DATE, DAYS, ABSOLUTE]";
                return Err(AwsError::constraint("validity.type", other, rule));
            }
        };
        moment.ok_or_else(|| refuse(&format!("{value} is not a date of type {}.", self.r#type)))
    }
}

/// The same day and time `months` later, or the month's last day where it has no such day.
fn add_months(from: OffsetDateTime, months: i64) -> Option<OffsetDateTime> {
    let index = i64::from(from.year()) * 12 + i64::from(u8::from(from.month())) - 1 + months;
    let year = i32::try_from(index.div_euclid(12)).ok()?;
    let month = Month::try_from(u8::try_from(index.rem_euclid(12) + 1).ok()?).ok()?;
    let date =
        (0..4).find_map(|less| Date::from_calendar_date(year, month, from.day().checked_sub(less)?).ok())?;
    Some(from.replace_date(date))
}

/// `YYMMDDHHMMSS` (years below 50 are 20YY, the others 19YY; a number has lost its leading zeros) or
/// `YYYYMMDDHHMMSS`.
fn end_date(value: i64) -> Option<OffsetDateTime> {
    let digits = value.to_string();
    let (year, rest) = match digits.len() {
        14 => (value / 10_000_000_000, value % 10_000_000_000),
        1..=12 => {
            let two_digits = value / 10_000_000_000;
            (two_digits + if two_digits < 50 { 2000 } else { 1900 }, value % 10_000_000_000)
        }
        _ => return None,
    };
    let pair = |position: u32| u8::try_from(rest / 100_i64.pow(position) % 100).ok();
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, Month::try_from(pair(4)?).ok()?, pair(3)?);
    let time = Time::from_hms(pair(2)?, pair(1)?, pair(0)?);
    Some(PrimitiveDateTime::new(date.ok()?, time.ok()?).assume_utc())
}

fn refuse(text: &str) -> AwsError {
    AwsError::new(Code::Validation, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-31 12:00:00 UTC.
    const NOW: i64 = 1_769_860_800;
    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn of(kind: &str, value: i64) -> Validity {
        Validity { value, r#type: kind.to_owned() }
    }

    fn bounds(usage_mode: UsageMode) -> Bounds {
        Bounds { now: at(NOW), ca_not_after: at(NOW + 3650 * DAY), usage_mode }
    }

    #[test]
    fn every_kind_of_end() {
        for (kind, value, not_after) in [
            ("DAYS", 1, Some(NOW + DAY)),
            ("DAYS", 90, Some(NOW + 90 * DAY)),
            ("DAYS", 0, None),
            ("DAYS", -1, None),
            ("DAYS", 3651, None),
            ("DAYS", i64::MAX, None),
            ("MONTHS", 1, Some(NOW + 28 * DAY)),
            ("MONTHS", 2, Some(NOW + 59 * DAY)),
            ("YEARS", 1, Some(NOW + 365 * DAY)),
            ("YEARS", 30, None),
            ("YEARS", i64::MAX, None),
            ("ABSOLUTE", NOW + 1, Some(NOW + 1)),
            ("ABSOLUTE", NOW, None),
            ("ABSOLUTE", NOW - 1, None),
            ("ABSOLUTE", NOW + 3650 * DAY, Some(NOW + 3650 * DAY)),
            ("ABSOLUTE", NOW + 3650 * DAY + 1, None),
            ("END_DATE", 260_301_120_000, Some(NOW + 29 * DAY)),
            ("END_DATE", 20_260_301_120_000, Some(NOW + 29 * DAY)),
            ("END_DATE", 20_260_230_120_000, None),
            ("END_DATE", 500_101_000_000, None),
            ("END_DATE", 2_026, None),
            ("HOURS", 6, None),
        ] {
            let answer = window(&of(kind, value), None, &bounds(UsageMode::GeneralPurpose));
            assert_eq!(answer.as_ref().ok().map(|w| w.not_after), not_after.map(at), "{kind} {value}");
            if let Err(refusal) = answer {
                assert_eq!(refusal.kind(), "ValidationException", "{kind} {value}");
            }
        }
    }

    #[test]
    fn two_digit_years_turn_at_fifty() {
        assert_eq!(end_date(491_231_235_959), Some(at(2_524_607_999)));
        assert_eq!(end_date(500_101_000_000), Some(at(-631_152_000)));
        assert_eq!(end_date(50_101_000_000), Some(at(1_104_537_600)));
    }

    #[test]
    fn not_before_is_an_hour_ago_or_as_asked() {
        let end = of("ABSOLUTE", NOW + DAY);
        for (start, not_before) in [
            (None, Some(NOW - 3600)),
            (Some(of("ABSOLUTE", NOW - DAY)), Some(NOW - DAY)),
            (Some(of("ABSOLUTE", NOW + 60)), Some(NOW + 60)),
            (Some(of("ABSOLUTE", NOW + DAY)), None),
            (Some(of("DAYS", 1)), None),
            (Some(of("ABSOLUTE", 0)), None),
        ] {
            let answer = window(&end, start.as_ref(), &bounds(UsageMode::GeneralPurpose));
            assert_eq!(answer.ok().map(|w| w.not_before), not_before.map(at), "{start:?}");
        }
    }

    #[test]
    fn short_lived_means_seven_days_from_now() {
        for (value, good) in [(7 * DAY - 1, true), (7 * DAY, true), (7 * DAY + 1, false)] {
            let end = of("ABSOLUTE", NOW + value);
            assert_eq!(
                window(&end, None, &bounds(UsageMode::ShortLivedCertificate)).is_ok(),
                good,
                "{value}"
            );
            assert!(window(&end, None, &bounds(UsageMode::GeneralPurpose)).is_ok());
        }
    }
}
