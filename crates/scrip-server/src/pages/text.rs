//! Numbers and times for people.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::account::as_i64;

/// A time, in UTC.
pub(super) fn time(seconds: u64) -> Markup {
    let time = Timestamp::from_second(as_i64(seconds)).unwrap_or_default();
    html! { time datetime=(time) { (time.strftime("%Y-%m-%d %H:%M UTC")) } }
}

/// A day, in UTC, by its number since 1970.
pub(super) fn day(number: u64) -> String {
    let time = Timestamp::from_second(as_i64(number.saturating_mul(86_400))).unwrap_or_default();
    time.strftime("%Y-%m-%d").to_string()
}

/// So many seconds, in the largest unit that divides them.
pub(super) fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (7 * 86_400, "week"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
    ];
    let fits = UNITS.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    let (unit, name) = fits.unwrap_or((1, "second"));
    match seconds / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_days_are_said_in_words() {
        for (seconds, said) in [
            (3_600, "1 hour"),
            (2 * 86_400, "2 days"),
            (7 * 86_400, "1 week"),
            (30 * 86_400, "1 month"),
            (365 * 86_400, "1 year"),
            (730 * 86_400, "2 years"),
            (90, "90 seconds"),
            (0, "0 seconds"),
        ] {
            assert_eq!(duration(seconds), said);
        }
        assert_eq!((day(0), day(20_454)), ("1970-01-01".to_owned(), "2026-01-01".to_owned()));
    }
}
