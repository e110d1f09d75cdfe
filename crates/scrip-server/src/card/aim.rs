//! What is to be done next so that the chain has what Stripe tells: a function of both, so that it does not matter in which
//! order, how often or how late Stripe's events arrive.

use alloy::primitives::Address;
use scrip::PlanId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    amount::share,
    told::{Dispute, SessionState, Told},
};

/// For how long after it was paid the credits of a payment may still be given, in seconds: a day. Then the money goes back.
pub(super) const GIVES_UP_AFTER: u64 = 86_400;
/// How soon after it was opened a session is asked for of which nothing was heard, in seconds.
pub(crate) const FIRST_LOOK: u64 = 600;
/// How often after that.
const LOOK: u64 = 3_600;
/// Until when, in seconds: money that was promised comes within 30 days.
const LAST_LOOK: u64 = 30 * 86_400;

/// What was told and what is there.
#[derive(Debug, Clone)]
pub(super) struct Known<'a> {
    pub(super) told: &'a Told,
    /// The price, in minor units.
    pub(super) price: u64,
    /// Whether the plan grants time.
    pub(super) is_time: bool,
    /// What the chain has.
    pub(super) settled: Option<Settled>,
    pub(super) created_at: u64,
    pub(super) paid_at: Option<u64>,
    /// Whether it was decided that the money goes back.
    pub(super) gives_back: bool,
    /// Whether Stripe has said that it does.
    pub(super) refund: bool,
    pub(super) given_again: bool,
    pub(super) now: u64,
}

/// What the chain has of a payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    /// The credits granted; on a time plan the periods.
    pub(crate) granted: u64,
    pub(crate) taken_back: u64,
    /// What of that was still there.
    pub(crate) burned: u64,
    /// When what was granted ends, in unix seconds, if it does.
    pub(crate) expiry: Option<u64>,
    /// Whether all that was taken back was given again, after which nothing more is taken back.
    pub(crate) reversed: bool,
}

/// Something that is done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Give what was paid for.
    Settle,
    /// Take so many credits back.
    TakeBack(u64),
    /// Give all again that was taken back.
    Reverse,
    /// Give a part of it again, for so many seconds if it ends.
    GiveAgain { credits: u64, lifetime: Option<u64> },
    /// Give the money back.
    Refund,
}

impl Step {
    /// What the chain has after this step, by the contract's event: at least that is known from then on, whatever a node says
    /// that is behind.
    pub(super) fn made(self, before: Option<Settled>, event: &Value) -> Option<Settled> {
        let number = |name: &str| event[name].as_u64();
        match (self, before) {
            (Self::Settle, _) => {
                Some(Settled { granted: number("credits")?, expiry: number("expiry"), ..Settled::default() })
            }
            (Self::TakeBack(credits), Some(before)) => Some(Settled {
                taken_back: before.taken_back + credits,
                burned: before.burned + number("burned").unwrap_or_default(),
                ..before
            }),
            (Self::Reverse, Some(before)) => Some(Settled { reversed: true, ..before }),
            (_, before) => before,
        }
    }
}

/// A step on the chain, of a payment by card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardWork {
    pub(crate) plan: PlanId,
    pub(crate) holder: Address,
    /// The checkout session's id.
    pub(crate) payment: String,
    pub(crate) step: Step,
}

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Do(Step),
    /// Nothing until there is news; to be looked at again at some time, in unix seconds, if there is one.
    Rest(Option<u64>),
}

/// What is next.
pub(super) fn next(known: &Known<'_>) -> Next {
    let Known { told, price, settled, paid_at, gives_back, refund, now, .. } = *known;
    if let Some(settled) = settled {
        return next_of_settled(known, settled);
    }
    if !told.paid {
        let (first, last) = (known.created_at + FIRST_LOOK, known.created_at + LAST_LOOK);
        return Next::Rest(match told.state {
            SessionState::Expired => None,
            _ if now < first => Some(first),
            _ => Some(now + LOOK).filter(|&at| at < last),
        });
    }
    if told.refunded >= price {
        return Next::Rest(None);
    }
    match told.dispute {
        // The bank has the money, or gives it back.
        Dispute::Open | Dispute::Lost => return Next::Rest(None),
        Dispute::None | Dispute::Won => (),
    }
    let is_over = now >= paid_at.unwrap_or(now) + GIVES_UP_AFTER;
    match (gives_back, refund) {
        (true, true) => Next::Rest(Some(now + LOOK)),
        (true, false) => Next::Do(Step::Refund),
        (false, _) if is_over => Next::Do(Step::Refund),
        (false, _) => Next::Do(Step::Settle),
    }
}

fn next_of_settled(known: &Known<'_>, settled: Settled) -> Next {
    let Known { told, price, is_time, given_again, now, .. } = *known;
    let Settled { granted, taken_back, burned, expiry, reversed } = settled;
    if reversed {
        return Next::Rest(None);
    }
    let is_away = matches!(told.dispute, Dispute::Open | Dispute::Lost);
    let due = if is_away { granted } else { share(granted, told.refunded, price) };
    if due > taken_back {
        return Next::Do(Step::TakeBack(due - taken_back));
    }
    if due == taken_back || told.dispute != Dispute::Won || given_again {
        return Next::Rest(None);
    }
    // The dispute was won, and what it took is given again: all, or all but what was refunded, which was taken first.
    if due == 0 {
        return Next::Do(Step::Reverse);
    }
    // It ends when it would have ended; time is given as time.
    let lifetime = expiry.filter(|_| !is_time).map(|end| end.saturating_sub(now));
    match burned.saturating_sub(due) {
        0 => Next::Rest(None),
        _ if lifetime == Some(0) => Next::Rest(None),
        credits => Next::Do(Step::GiveAgain { credits, lifetime }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn paid() -> Told {
        Told { state: SessionState::Complete, paid: true, intent: Some("pi".to_owned()), ..Told::default() }
    }

    fn known(told: &Told, settled: Option<Settled>) -> Known<'_> {
        Known {
            told,
            price: 1_000,
            is_time: false,
            settled,
            created_at: NOW - 100,
            paid_at: told.paid.then_some(NOW - 10),
            gives_back: false,
            refund: false,
            given_again: false,
            now: NOW,
        }
    }

    fn granted(taken_back: u64, burned: u64) -> Option<Settled> {
        Some(Settled { granted: 100, taken_back, burned, expiry: None, reversed: false })
    }

    #[test]
    fn what_is_not_paid_is_looked_at_now_and_then_until_it_expires() {
        let open = Told::default();
        assert_eq!(next(&known(&open, None)), Next::Rest(Some(NOW + 500)));
        let late = Known { now: NOW + 500, ..known(&open, None) };
        assert_eq!(next(&late), Next::Rest(Some(NOW + 4_100)));
        let on_its_way = Told { paid: false, ..paid() };
        assert!(matches!(next(&known(&on_its_way, None)), Next::Rest(Some(_))));
        let never = Known { now: NOW + 30 * 86_400, ..known(&on_its_way, None) };
        assert_eq!(next(&never), Next::Rest(None));
        let expired = Told { state: SessionState::Expired, ..open };
        assert_eq!(next(&known(&expired, None)), Next::Rest(None));
    }

    #[test]
    fn what_is_paid_is_settled_for_a_day_and_refunded_after_it() {
        let paid = paid();
        assert_eq!(next(&known(&paid, None)), Next::Do(Step::Settle));
        let last = Known { now: NOW - 10 + 86_399, ..known(&paid, None) };
        assert_eq!(next(&last), Next::Do(Step::Settle));
        let over = Known { now: NOW - 10 + 86_400, ..known(&paid, None) };
        assert_eq!(next(&over), Next::Do(Step::Refund));
        // What was decided stays.
        let decided = Known { gives_back: true, ..known(&paid, None) };
        assert_eq!(next(&decided), Next::Do(Step::Refund));
        let told = Known { refund: true, ..decided };
        assert_eq!(next(&told), Next::Rest(Some(NOW + 3_600)));
        assert_eq!(next(&known(&paid, granted(0, 0))), Next::Rest(None));
    }

    #[test]
    fn what_went_back_before_it_was_settled_is_not_settled() {
        let refunded = Told { refunded: 1_000, ..paid() };
        assert_eq!(next(&known(&refunded, None)), Next::Rest(None));
        let half = Told { refunded: 500, ..paid() };
        assert_eq!(next(&known(&half, None)), Next::Do(Step::Settle));
        for (dispute, expected) in [
            (Dispute::Open, Next::Rest(None)),
            (Dispute::Lost, Next::Rest(None)),
            (Dispute::Won, Next::Do(Step::Settle)),
        ] {
            assert_eq!(next(&known(&Told { dispute, ..paid() }, None)), expected);
        }
    }

    #[test]
    fn refunds_take_back_in_proportion_and_add_up() {
        let refunded = |refunded| Told { refunded, ..paid() };
        let of = |told: &Told, taken| next(&known(told, granted(taken, taken)));
        assert_eq!(of(&refunded(255), 0), Next::Do(Step::TakeBack(25)));
        assert_eq!(of(&refunded(255), 25), Next::Rest(None));
        assert_eq!(of(&refunded(600), 25), Next::Do(Step::TakeBack(35)));
        assert_eq!(of(&refunded(1_000), 60), Next::Do(Step::TakeBack(40)));
        // A refund that failed gives nothing again: the seller still owes it.
        assert_eq!(of(&refunded(0), 60), Next::Rest(None));
    }

    #[test]
    fn a_dispute_takes_what_is_left_and_gives_it_again_when_it_is_won() {
        let dispute = |refunded, dispute| Told { refunded, dispute, ..paid() };
        let open = dispute(0, Dispute::Open);
        assert_eq!(next(&known(&open, granted(0, 0))), Next::Do(Step::TakeBack(100)));
        assert_eq!(next(&known(&open, granted(100, 70))), Next::Rest(None));
        assert_eq!(next(&known(&dispute(0, Dispute::Lost), granted(100, 70))), Next::Rest(None));
        let won = dispute(0, Dispute::Won);
        assert_eq!(next(&known(&won, granted(100, 70))), Next::Do(Step::Reverse));
        assert_eq!(next(&known(&won, granted(0, 0))), Next::Rest(None), "nothing was taken");
        let reversed = Settled { reversed: true, ..granted(100, 70).unwrap_or_default() };
        assert_eq!(next(&known(&won, Some(reversed))), Next::Rest(None));
        // Half was refunded before, and 30 were spent: 50 and 20 were burned.
        let half = dispute(500, Dispute::Won);
        let again = Step::GiveAgain { credits: 20, lifetime: None };
        assert_eq!(next(&known(&half, granted(100, 70))), Next::Do(again));
        assert_eq!(next(&Known { given_again: true, ..known(&half, granted(100, 70)) }), Next::Rest(None));
        let ends = Settled { expiry: Some(NOW + 7), ..granted(100, 70).unwrap_or_default() };
        let again = Step::GiveAgain { credits: 20, lifetime: Some(7) };
        assert_eq!(next(&known(&half, Some(ends))), Next::Do(again));
        assert_eq!(next(&Known { now: NOW + 7, ..known(&half, Some(ends)) }), Next::Rest(None));
        let again = Step::GiveAgain { credits: 20, lifetime: None };
        assert_eq!(next(&Known { is_time: true, ..known(&half, Some(ends)) }), Next::Do(again));
        // 80 were spent: 20 and none.
        assert_eq!(next(&known(&half, granted(100, 20))), Next::Rest(None));
    }
}
