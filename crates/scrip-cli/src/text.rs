//! Times, durations and terms in words.

use jiff::Timestamp;
use scrip::{Hook, Redeemers};
use serde_json::{Value, json};

const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];

/// A time, in unix seconds, as people read it.
pub(crate) fn time(seconds: u64) -> String {
    let stamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    stamp.map_or_else(|| format!("{seconds} (unix seconds)"), |stamp| stamp.to_string())
}

/// The end of credits, or of access.
pub(crate) fn expiry(expiry: Option<u64>) -> String {
    expiry.map_or_else(|| "never".to_owned(), time)
}

/// A duration in its largest whole units.
pub(crate) fn duration(seconds: u32) -> String {
    let mut left = u64::from(seconds);
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        if left >= unit {
            parts.push(count(left / unit, name));
            left %= unit;
        }
    }
    parts.join(" ")
}

/// A number of things.
pub(crate) fn count(number: impl Into<u128>, thing: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A number that may be beyond what JSON's readers know of numbers, then a string.
pub(crate) fn number(number: u128) -> Value {
    u64::try_from(number).map_or_else(|_| json!(number.to_string()), |number| json!(number))
}

/// Those that are set.
fn set<const N: usize>(parts: [(bool, &'static str); N]) -> Vec<&'static str> {
    parts.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
}

/// Who may redeem.
pub(crate) fn redeemers(redeemers: Redeemers) -> Vec<&'static str> {
    let Redeemers { owner, holder, operators } = redeemers;
    set([(owner, "owner"), (holder, "holder"), (operators, "operators")])
}

/// When a hook is called.
pub(crate) fn hook_calls(hook: &Hook) -> Vec<&'static str> {
    set([
        (hook.before_order, "before-order"),
        (hook.after_order, "after-order"),
        (hook.before_redemption, "before-redemption"),
        (hook.after_redemption, "after-redemption"),
    ])
}

/// A part of 10,000 in percent.
pub(crate) fn percent(points: u16) -> String {
    let (whole, rest) = (points / 100, points % 100);
    if rest == 0 {
        format!("{whole}%")
    } else {
        format!("{whole}.{}%", format!("{rest:02}").trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_words() {
        assert_eq!(duration(30 * 86_400), "30 days");
        assert_eq!(duration(90), "1 minute 30 seconds");
        assert_eq!(duration(3_600), "1 hour");
    }

    #[test]
    fn shares_in_percent() {
        assert_eq!(
            (percent(10_000), percent(250), percent(1)),
            ("100%".into(), "2.5%".into(), "0.01%".into())
        );
    }

    #[test]
    fn times_in_words() {
        assert_eq!(time(1_893_456_000), "2030-01-01T00:00:00Z");
        assert_eq!(time(u64::MAX), "18446744073709551615 (unix seconds)");
        assert_eq!(expiry(None), "never");
    }
}
