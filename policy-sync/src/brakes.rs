//! Whether changes may be written now: the change windows and freezes of `Firewall.spec.commit`.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use sallyport_contract::object::{Commit, DayOfWeek, Window as Hours};

/// What is said while `spec.suspend` is set.
pub const SUSPENDED: &str = "spec.suspend is set: nothing is written until it is not";

/// Whether changes may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// They may.
    Open,
    /// They may not.
    Closed {
        /// Why, for people.
        words: String,
        /// When that may be otherwise; `None` if nothing tells.
        until: Option<Timestamp>,
    },
}

/// Judges the moment. A freeze wins over a window.
#[must_use]
pub fn window(commit: &Commit, now: Timestamp) -> Window {
    let frozen = commit.freezes.iter().find(|freeze| freeze.from <= now && now < freeze.until);
    if let Some(freeze) = frozen {
        return Window::Closed {
            words: format!("changes are frozen until {:.0}: {}", freeze.until, freeze.reason),
            until: Some(freeze.until),
        };
    }
    if commit.change_windows.is_empty() {
        return Window::Open;
    }
    // Yesterday's may reach into today; a week from now at the latest the next one begins.
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = (-1..=7).filter_map(|day| today.checked_add(SignedDuration::from_hours(24 * day)).ok());
    let spans: Vec<(Timestamp, Timestamp)> =
        days.flat_map(|day| commit.change_windows.iter().filter_map(move |hours| span(hours, day))).collect();
    if spans.iter().any(|(start, end)| *start <= now && now < *end) {
        return Window::Open;
    }
    let until = spans.iter().map(|(start, _)| *start).filter(|start| *start > now).min();
    let next = until.map(|start| format!(" until {start:.0}")).unwrap_or_default();
    Window::Closed {
        words: format!("the change windows (spec.commit.changeWindows) are closed{next}"),
        until,
    }
}

/// When a window is open that begins on this day.
fn span(hours: &Hours, day: Date) -> Option<(Timestamp, Timestamp)> {
    if !hours.days.iter().any(|name| weekday(*name) == day.weekday()) {
        return None;
    }
    let at = |time: &str, day: Date| {
        let (hour, minute) = time.split_once(':')?;
        let time = Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
        day.to_datetime(time).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    let start = at(&hours.start, day)?;
    let end = if hours.end > hours.start { day } else { day.tomorrow().ok()? };
    Some((start, at(&hours.end, end)?))
}

const fn weekday(day: DayOfWeek) -> Weekday {
    match day {
        DayOfWeek::Monday => Weekday::Monday,
        DayOfWeek::Tuesday => Weekday::Tuesday,
        DayOfWeek::Wednesday => Weekday::Wednesday,
        DayOfWeek::Thursday => Weekday::Thursday,
        DayOfWeek::Friday => Weekday::Friday,
        DayOfWeek::Saturday => Weekday::Saturday,
        DayOfWeek::Sunday => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(commit: serde_json::Value, now: &str) -> Result<(), Option<String>> {
        match window(&serde_json::from_value(commit).unwrap(), now.parse().unwrap()) {
            Window::Open => Ok(()),
            Window::Closed { until, .. } => Err(until.map(|until| until.to_string())),
        }
    }

    #[test]
    fn windows_open_and_close_in_utc_and_may_reach_over_midnight() {
        // 2026-11-21 is a Saturday.
        let nights =
            json!({"changeWindows": [{"days": ["Friday", "Saturday"], "start": "22:00", "end": "05:30"}]});
        for (now, open) in [
            ("2026-11-21T21:59:59Z", Err(Some("2026-11-21T22:00:00Z".to_owned()))),
            ("2026-11-21T22:00:00Z", Ok(())),
            ("2026-11-22T05:29:59Z", Ok(())),
            ("2026-11-22T05:30:00Z", Err(Some("2026-11-27T22:00:00Z".to_owned()))),
            ("2026-11-21T03:00:00Z", Ok(())),
        ] {
            assert_eq!(judge(nights.clone(), now), open, "{now}");
        }
        let day = json!({"changeWindows": [{"days": ["Saturday"], "start": "00:00", "end": "00:00"}]});
        assert_eq!(judge(day.clone(), "2026-11-21T23:59:59Z"), Ok(()), "a whole day");
        assert_eq!(judge(day, "2026-11-22T00:00:00Z"), Err(Some("2026-11-28T00:00:00Z".to_owned())));
        assert_eq!(judge(json!({}), "2026-11-22T00:00:00Z"), Ok(()), "no windows");
    }

    #[test]
    fn a_freeze_wins() {
        let freeze = json!({
            "freezes": [{"from": "2026-12-20T00:00:00Z", "until": "2027-01-04T00:00:00Z", "reason": "year end"}],
            "changeWindows": [{"days": ["Monday", "Friday"], "start": "00:00", "end": "00:00"}],
        });
        assert_eq!(
            judge(freeze.clone(), "2026-12-21T12:00:00Z"),
            Err(Some("2027-01-04T00:00:00Z".to_owned()))
        );
        assert_eq!(judge(freeze, "2027-01-04T00:00:00Z"), Ok(()));
    }
}
