//! The device's wall clock, and the forms in which PAN-OS writes times (always UTC here).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment in whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Moment(pub(crate) u64);

/// The one place where this program asks for the time.
#[allow(
    clippy::disallowed_methods,
    reason = "a stand-in for a device keeps its own clock, at this one place"
)]
pub(crate) fn now() -> Moment {
    Moment(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs())
}

/// The same, for measuring how long something lives.
pub(crate) fn instant() -> Instant {
    Instant::now()
}

impl Moment {
    /// `2025/10/30 06:20:25`, as in a job's `tenq` and in the `time` attribute of a changed node.
    pub(crate) fn date_time(self) -> String {
        let (year, month, day) = civil_date(self.0 / 86_400);
        format!("{year:04}/{month:02}/{day:02} {}", self.time())
    }

    /// `Thu Oct 30 06:20:25 UTC 2025`, as `show clock` writes it.
    pub(crate) fn console(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let days = self.0 / 86_400;
        let (year, month, day) = civil_date(days);
        let named = |names: &[&'static str], at: u64| {
            usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
        };
        let (weekday, month) = (named(&DAYS, days % 7), named(&MONTHS, month - 1));
        format!("{weekday} {month} {day:2} {} UTC {year}", self.time())
    }

    /// `06:20:25`, as in a job's `tdeq`.
    pub(crate) fn time(self) -> String {
        let seconds = self.0 % 86_400;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// The Gregorian date of a day counted from 1970-01-01, by counting years that begin in March.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_device_writes_them() {
        for (seconds, expected) in [
            (0, "1970/01/01 00:00:00"),
            (951_782_399, "2000/02/28 23:59:59"),
            (951_782_400, "2000/02/29 00:00:00"),
            (1_761_805_225, "2025/10/30 06:20:25"),
        ] {
            assert_eq!(Moment(seconds).date_time(), expected);
        }
        assert_eq!(Moment(0).console(), "Thu Jan  1 00:00:00 UTC 1970");
        assert_eq!(Moment(1_761_805_225).console(), "Thu Oct 30 06:20:25 UTC 2025");
    }
}
