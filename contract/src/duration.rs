//! Lengths of time as people write them in objects: `144h`, `1h30m`, `2s`.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time in whole seconds, written in hours, minutes and seconds (`144h`, `1h30m`, `2s`).
/// Ten years at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(u32);

/// Why a text is not a [`Duration`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a length of time: write it like 144h, 1h30m or 2s (ten years at most)")]
pub struct NotADuration {
    text: String,
}

const TEN_YEARS: u32 = 10 * 366 * 24 * 3600;
/// Also the schema's pattern, so that the API server refuses what the parser would.
const PATTERN: &str = "^([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$";

impl Duration {
    /// A length of `seconds`, cut to ten years.
    #[must_use]
    pub const fn from_secs(seconds: u32) -> Self {
        Self(if seconds > TEN_YEARS { TEN_YEARS } else { seconds })
    }

    /// The length in seconds.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// The same length for the standard library's clocks.
    #[must_use]
    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0 as u64)
    }

    /// The same length for arithmetic on timestamps.
    #[must_use]
    pub const fn as_signed(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_secs(self.0 as i64)
    }
}

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        parse(text).map(Self).ok_or_else(|| NotADuration { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<u32> {
    let mut rest = text;
    let mut total: u64 = 0;
    for (unit, seconds) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((number, tail)) = rest.split_once(unit) {
            if number.is_empty() || number.len() > 9 || !number.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            total += number.parse::<u64>().ok()? * seconds;
            rest = tail;
        }
    }
    let total = u32::try_from(total).ok().filter(|total| *total <= TEN_YEARS)?;
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        match (hours, minutes, seconds) {
            (0, 0, s) => write!(f, "{s}s"),
            (0, m, 0) => write!(f, "{m}m"),
            (0, m, s) => write!(f, "{m}m{s}s"),
            (h, 0, 0) => write!(f, "{h}h"),
            (h, m, 0) => write!(f, "{h}h{m}m"),
            (h, m, s) => write!(f, "{h}h{m}m{s}s"),
        }
    }
}

impl TryFrom<String> for Duration {
    type Error = NotADuration;

    fn try_from(text: String) -> Result<Self, NotADuration> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "minLength": 2, "maxLength": 30})
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn reads_and_writes_what_people_write() {
        for (text, seconds, normal) in [
            ("144h", 518_400, "144h"),
            ("1h30m", 5400, "1h30m"),
            ("2s", 2, "2s"),
            ("90m", 5400, "1h30m"),
            ("0s", 0, "0s"),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!((duration.as_secs(), duration.to_string().as_str()), (seconds, normal), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", "h", "5", "5d", "-1h", "1h 2m", "1m1h", "1.5h", "99999999999h", "100000h", "１h"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
