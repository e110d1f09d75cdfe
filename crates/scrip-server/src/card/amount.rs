//! Prices of plans as a card processor counts them.

use scrip::Currency;

use crate::problem::{Problem, ProblemKind};

/// The lowest price, in millionths of the currency.
const LEAST: u128 = 1_000_000;
/// The highest.
const MOST: u128 = 999_999_990_000;

/// Currencies that are counted in whole units.
const WHOLE: [&str; 14] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF"];
/// Currencies that have whole units alone, and are counted in hundredths all the same.
const WHOLE_IN_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];
/// Currencies that are counted in thousandths, of which there are only tens.
const THOUSANDTHS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// A price in the minor units that Stripe counts, cents mostly. `amount` is in millionths of the currency.
pub(crate) fn minor_units(currency: Currency, amount: u128) -> Result<u64, Problem> {
    let shown = || format!("{}.{:06} {currency}", amount / 1_000_000, amount % 1_000_000);
    if amount < LEAST {
        return Err(ProblemKind::PRICE_TOO_LOW.problem(format!("{} is below 1.00 {currency}", shown())));
    }
    if amount > MOST {
        return Err(
            ProblemKind::PRICE_TOO_HIGH.problem(format!("{} is above 999,999.99 {currency}", shown()))
        );
    }
    let code = currency.to_string();
    let (unit, least) = match code.as_str() {
        code if WHOLE.contains(&code) => (1_000_000, 1_000_000),
        code if WHOLE_IN_HUNDREDTHS.contains(&code) => (10_000, 1_000_000),
        code if THOUSANDTHS.contains(&code) => (1_000, 10_000),
        _ => (10_000, 10_000),
    };
    if !amount.is_multiple_of(least) {
        return Err(ProblemKind::INVALID_TERMS
            .problem(format!("{} cannot be paid by card", shown()))
            .hint(format!("give a price that is a multiple of {least} millionths")));
    }
    // At most 999,999,990 thousandths.
    Ok(u64::try_from(amount / unit).unwrap_or(u64::MAX))
}

/// What of a grant is to be taken back when so much of a price was given back: rounded down, in the holder's favour, and all of
/// it for all of the price.
pub(super) fn share(granted: u64, refunded: u64, price: u64) -> u64 {
    if refunded >= price {
        return granted;
    }
    let share = u128::from(granted) * u128::from(refunded) / u128::from(price.max(1));
    u64::try_from(share).unwrap_or(granted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(code: &str, amount: u128) -> Result<u64, Problem> {
        minor_units(code.parse().unwrap(), amount)
    }

    #[test]
    fn prices_are_counted_as_stripe_counts_them() {
        assert_eq!(minor("USD", 9_990_000).unwrap(), 999);
        assert_eq!(minor("USD", 1_000_000).unwrap(), 100);
        assert_eq!(minor("USD", 999_999_990_000).unwrap(), 99_999_999);
        assert_eq!(minor("JPY", 500_000_000).unwrap(), 500);
        assert_eq!(minor("UGX", 500_000_000).unwrap(), 50_000);
        assert_eq!(minor("KWD", 5_120_000).unwrap(), 5_120);
    }

    #[test]
    fn what_cannot_be_paid_is_refused() {
        for (code, amount, problem, detail) in [
            ("USD", 999_999, "BCK.PROTOCOL.0047", "0.999999 USD is below 1.00 USD"),
            ("USD", 999_999_990_001, "BCK.PROTOCOL.0046", "999999.990001 USD is above 999,999.99 USD"),
            ("USD", 9_990_001, "SCRIP.PLAN.TERMS", "9.990001 USD cannot be paid by card"),
            ("JPY", 500_500_000, "SCRIP.PLAN.TERMS", "500.500000 JPY cannot be paid by card"),
            ("UGX", 500_500_000, "SCRIP.PLAN.TERMS", "500.500000 UGX cannot be paid by card"),
            ("KWD", 5_125_000, "SCRIP.PLAN.TERMS", "5.125000 KWD cannot be paid by card"),
        ] {
            let refused = minor(code, amount).unwrap_err();
            assert_eq!((refused.status, &*refused.code, &*refused.detail), (400, problem, detail));
        }
    }

    #[test]
    fn what_is_taken_back_is_rounded_down() {
        assert_eq!(share(100, 0, 999), 0);
        assert_eq!(share(100, 500, 999), 50);
        assert_eq!(share(1, 998, 999), 0);
        assert_eq!(share(1, 999, 999), 1);
        assert_eq!(share(u64::MAX, 1, 2), u64::MAX / 2);
        assert_eq!(share(7, 2_000, 999), 7);
    }
}
