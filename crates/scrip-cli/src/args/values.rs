//! Values as people write them.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use alloy::primitives::{Address, B256, U256, keccak256};
use jiff::{Span, Timestamp};
use scrip::{Hook, Redeemers, RequestId};

const DAY: u64 = 86_400;

/// An account: its address, or the name of one of a devnet.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    Address(Address),
    Name(String),
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic());
        let name = || Self::Name(text.to_owned());
        is_name.then(name).ok_or_else(|| "an account is 0x and 40 hex digits".to_owned())
    }
}

/// A payee and its share in basis points; none takes what the others leave.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    pub(crate) who: Who,
    pub(crate) points: Option<u16>,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((who, share)) = text.split_once('=') else {
            return Ok(Self { who: text.parse()?, points: None });
        };
        let invalid = || format!("`{share}` is no share: write it in percent, such as 70% or 2.5%");
        let percent = share.strip_suffix('%').ok_or_else(invalid)?;
        let (whole, decimals) = percent.split_once('.').unwrap_or((percent, ""));
        let digits = format!("{whole}{decimals:0<2}");
        let is_number =
            !whole.is_empty() && decimals.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let points = if is_number { digits.parse().ok() } else { None };
        let points = points.filter(|points| *points <= 10_000).ok_or_else(invalid)?;
        Ok(Self { who: who.parse()?, points: Some(points) })
    }
}

/// The id of a request, and how it was written.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) text: String,
}

/// A number as it is, `0x` and 64 hex digits as they are, and all else hashed.
pub(crate) fn request(text: &str) -> Result<Request, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_hash = text.len() == 66 && text.starts_with("0x");
    let id = match text.parse::<U256>() {
        Ok(number) if is_number || is_hash => RequestId(number),
        _ => RequestId::from(text),
    };
    Ok(Request { id, text: text.to_owned() })
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whole seconds: a month has 30 days, a year 365.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = |reason: String| format!("{reason}: write it as 90s, 10m, 1h, 30d, 2w, 6mo or 1y");
    let span: Span = text.parse().map_err(|_| invalid(format!("`{text}` is no duration")))?;
    let parts = [
        (i64::from(span.get_years()), 365 * DAY),
        (i64::from(span.get_months()), 30 * DAY),
        (i64::from(span.get_weeks()), 7 * DAY),
        (i64::from(span.get_days()), DAY),
        (i64::from(span.get_hours()), 3_600),
        (span.get_minutes(), 60),
        (span.get_seconds(), 1),
    ];
    let fraction = span.get_milliseconds() + span.get_microseconds() + span.get_nanoseconds();
    let sum = parts
        .into_iter()
        .try_fold(0_u64, |sum, (count, unit)| sum.checked_add(u64::try_from(count).ok()?.checked_mul(unit)?));
    match sum {
        Some(seconds) if seconds > 0 && fraction == 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(invalid(format!("`{text}` is not whole seconds, at least 1"))),
    }
}

/// A time in unix seconds, or by RFC 3339.
pub(crate) fn time(text: &str) -> Result<u64, String> {
    let stamp = || text.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_second()).ok());
    text.parse()
        .ok()
        .or_else(stamp)
        .ok_or_else(|| format!("`{text}` is no time: write it in unix seconds, or as 2030-12-31T23:59:59Z"))
}

/// `1..100`, or one number.
pub(crate) fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let invalid = || format!("`{text}` is no range: write it as 1..100, or as one number");
    let number = |text: &str| text.parse::<u32>().map_err(|_| invalid());
    Ok(number(least)?..=number(most.trim_start_matches('='))?)
}

/// 0x and 64 hex digits as they are, and all else hashed.
pub(crate) fn seed(text: &str) -> Result<B256, String> {
    Ok(text.parse().unwrap_or_else(|_| keccak256(text)))
}

/// Some of owner, holder and operators.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RedeemersText(pub(crate) Redeemers);

impl FromStr for RedeemersText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut redeemers = Redeemers { owner: false, holder: false, operators: false };
        for one in text.split(',') {
            match one {
                "owner" => redeemers.owner = true,
                "holder" => redeemers.holder = true,
                "operators" => redeemers.operators = true,
                _ => return Err(format!("`{one}` is none of owner, holder and operators")),
            }
        }
        Ok(Self(redeemers))
    }
}

/// A hook and its calls: `0x…=before-order,after-order`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HookText(pub(crate) Hook);

impl FromStr for HookText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (account, calls) =
            text.split_once('=').ok_or("write it as ADDRESS=CALL,…, such as 0x…=before-order")?;
        let mut hook = Hook::new(account.parse().map_err(|_| format!("`{account}` is no address"))?);
        for call in calls.split(',') {
            match call {
                "before-order" => hook.before_order = true,
                "after-order" => hook.after_order = true,
                "before-redemption" => hook.before_redemption = true,
                "after-redemption" => hook.after_redemption = true,
                _ => {
                    return Err(format!(
                        "`{call}` is none of before-order, after-order, before-redemption and after-redemption"
                    ));
                }
            }
        }
        Ok(Self(hook))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_seconds() {
        for (text, days) in [("30d", 30), ("1mo", 30), ("1 month", 30), ("1y", 365), ("2w", 14), ("24h", 1)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(days * DAY)), "{text}");
        }
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        for text in ["", "30", "0d", "-1d", "1d ago", "1.5s", "100ms", "month", "99999999999y"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn requests_are_numbers_hashes_or_hashed() {
        assert_eq!(request("7").unwrap().id, RequestId::from(7));
        assert_eq!(request("request-7").unwrap().id, RequestId::from("request-7"));
        let hash = RequestId::from("request-7").to_string();
        assert_eq!(request(&hash).unwrap().id, RequestId::from("request-7"));
        assert_eq!(request("0x7").unwrap().id, RequestId::from("0x7"));
        assert_eq!(request("").unwrap().id, RequestId::from(""));
    }

    #[test]
    fn shares_are_percents() {
        let points = |text: &str| text.parse::<Share>().map(|share| share.points);
        assert_eq!(points("builder=70%"), Ok(Some(7_000)));
        assert_eq!(points("builder=2.5%"), Ok(Some(250)));
        assert_eq!(points("builder=0.01%"), Ok(Some(1)));
        assert_eq!(points("builder"), Ok(None));
        for text in ["builder=70", "builder=%", "builder=101%", "builder=1.234%", "builder=-1%", "=1%"] {
            assert!(points(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_seconds_or_dates() {
        assert_eq!(time("1893456000"), Ok(1_893_456_000));
        assert_eq!(time("2030-01-01T00:00:00Z"), Ok(1_893_456_000));
        assert!(time("tomorrow").is_err() && time("-1").is_err() && time("1960-01-01T00:00:00Z").is_err());
    }

    #[test]
    fn ranges_are_two_numbers_or_one() {
        assert_eq!(range("1..100"), Ok(1..=100));
        assert_eq!(range("5"), Ok(5..=5));
        assert!(range("1-100").is_err() && range("..5").is_err() && range("a..b").is_err());
    }
}
