//! The vouchers that holders send along with their requests, where a plan requires them: read, checked, and the newest of each session
//! kept.
//!
//! A voucher is of a session, and its maximum of all that is taken in it. What requests hold, and what was served, is counted in the
//! session against that maximum (see [`journal`](super::journal)). For accounts that this server signs for it signs a voucher itself,
//! when it redeems, in a session of its own.

use alloy::primitives::{Address, Bytes, U64, U256};
use axum::http::HeaderMap;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use scrip::{PlanId, SessionVoucher, Signed, VoucherState};
use serde::Deserialize;
use sqlx::Row;

use super::{headers, journal::Holding, view::Seen};
use crate::{
    account::{as_i64, as_u64},
    holds::MINED_WITHIN,
    problem::{Problem, ProblemKind},
    state::State,
};

/// A session in which a redeemer takes a holder's credits of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SessionOf {
    pub(super) redeemer: Address,
    pub(super) number: U256,
}

/// The session in which this server signs for its accounts.
const OWN: U256 = U256::from_be_bytes(*b"the server signs for this holder");

impl SessionOf {
    /// The one in which this server signs itself.
    pub(super) const fn own(redeemer: Address) -> Self {
        Self { redeemer, number: OWN }
    }

    pub(super) fn is_own(&self) -> bool {
        self.number == OWN
    }
}

/// By which voucher a request is redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vouched {
    pub(super) session: SessionOf,
    /// The last second in which the voucher is valid, in unix seconds; none where this server signs.
    pub(super) deadline: Option<u64>,
}

/// What a request is to be redeemed for.
#[derive(Debug, Clone)]
pub(super) struct ToRedeem {
    pub(super) of: Holding,
    pub(super) redeemer: Address,
    /// The most that it takes.
    pub(super) amount: u64,
    /// Whether it is paid with the holder's money, for which this server never signs.
    pub(super) is_money: bool,
}

/// A voucher that is kept.
struct Kept {
    signed: Signed<SessionVoucher>,
    is_doubted: bool,
}

/// The longest that is read, in characters.
const LONGEST: usize = 16_384;

/// How much later than need be a voucher is to end that is asked for, in seconds: it is signed by someone, and sent.
const SIGNED_WITHIN: u64 = 600;

/// Any of the alphabets and paddings in which programs write base64.
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, INDIFFERENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, INDIFFERENT);
const INDIFFERENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// A voucher as it is sent: as the client has it, or as the tool prints it. Numbers may be texts, too.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sent {
    Nested {
        voucher: Fields,
        signature: Bytes,
    },
    Flat {
        #[serde(flatten)]
        voucher: Fields,
        signature: Bytes,
    },
}

#[derive(Deserialize)]
struct Fields {
    plan: U256,
    holder: Address,
    redeemer: Address,
    maximum: U64,
    session: U256,
    deadline: U64,
}

/// The voucher of a request, if it has one.
fn sent(headers: &HeaderMap) -> Result<Option<Signed<SessionVoucher>>, Problem> {
    let Some(text) = headers.get(headers::VOUCHER) else { return Ok(None) };
    let read = || {
        let text = text.to_str().ok()?.trim();
        let text = Some(text).filter(|text| text.len() <= LONGEST)?;
        let json = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?;
        serde_json::from_slice(&json).ok()
    };
    let sent = read().ok_or_else(|| {
        ProblemKind::INVALID_VOUCHER
            .problem("the header scrip-voucher is no voucher of a session")
            .hint("send what `scrip voucher sign --session NUMBER` prints, in base64")
    })?;
    let (fields, signature) = match sent {
        Sent::Nested { voucher, signature } | Sent::Flat { voucher, signature } => (voucher, signature),
    };
    let Fields { plan, holder, redeemer, maximum, session, deadline } = fields;
    let (maximum, deadline) = (maximum.to(), deadline.to());
    let voucher = SessionVoucher { plan: PlanId(plan), holder, redeemer, maximum, session, deadline };
    Ok(Some(Signed { voucher, signature }))
}

impl State {
    /// The voucher of a request: the one that it is sent with, or the newest that is kept. Accounts of this server need none.
    pub(super) async fn vouched(&self, redeem: &ToRedeem, headers: &HeaderMap) -> Result<Vouched, Problem> {
        let of = &redeem.of;
        if let Some(signed) = sent(headers)? {
            return self.collect(redeem, signed).await;
        }
        if !redeem.is_money && self.signs_for(of.holder).await? {
            return Ok(Vouched { session: SessionOf::own(redeem.redeemer), deadline: None });
        }
        match self.newest_session(redeem).await? {
            Some((voucher, _)) => Ok(Vouched::by(&voucher)),
            None => {
                let needed = self.needed(redeem, 0).await?;
                let detail =
                    format!("plan {} requires a voucher of {}, and there is none", of.plan.0, of.holder);
                Err(self.to_sign(redeem, self.fresh_session(), needed, &detail))
            }
        }
    }

    /// Checks a voucher that was sent, and keeps it if it is newer than what is kept of its session.
    pub(super) async fn collect(
        &self,
        redeem: &ToRedeem,
        signed: Signed<SessionVoucher>,
    ) -> Result<Vouched, Problem> {
        let voucher = signed.voucher;
        if signed.signature.len() > LONGEST / 2 {
            return Err(ProblemKind::INVALID_VOUCHER
                .problem(format!("a signature of {} bytes", signed.signature.len()))
                .hint(format!("send one of at most {}", LONGEST / 2)));
        }
        self.check_parties(redeem, &voucher)?;
        let number = voucher.session;
        let kept = self.kept(&redeem.of, SessionOf { redeemer: redeem.redeemer, number }).await?;
        if let Some(Kept { signed: kept, is_doubted: false }) = &kept
            && *kept == signed
        {
            return Ok(Vouched::by(&voucher));
        }
        let remaining = match self.chain.scrip().check_session(&signed, redeem.redeemer).await? {
            VoucherState::Good { remaining, .. } => remaining,
            ref state @ VoucherState::Spent { spent, .. } => {
                let needed = self.needed(redeem, spent).await?;
                return Err(self.to_sign(redeem, number, needed, &state.to_string()));
            }
            state @ VoucherState::Expired { .. } => {
                let needed = self.needed(redeem, 0).await?.max(voucher.maximum);
                return Err(self.to_sign(redeem, number, needed, &state.to_string()));
            }
            state @ VoucherState::SessionEnded { .. } => {
                let needed = self.needed(redeem, 0).await?;
                return Err(self.to_sign(redeem, self.fresh_session(), needed, &state.to_string()));
            }
            state => return Err(ProblemKind::INVALID_VOUCHER.problem(state.to_string())),
        };
        if let Some(Kept { signed: Signed { voucher: newest, .. }, is_doubted: false }) = &kept {
            if newest.maximum >= voucher.maximum && newest.deadline >= voucher.deadline {
                return Ok(Vouched::by(newest));
            }
            if newest.maximum > voucher.maximum || newest.deadline > voucher.deadline {
                let detail = format!(
                    "a voucher of session {number} is kept with a maximum of {} until {}, and this is for {} until {}",
                    newest.maximum, newest.deadline, voucher.maximum, voucher.deadline
                );
                return Err(self.to_sign(redeem, number, newest.maximum, &detail));
            }
        }
        // A session is counted from what was taken in it when it was first seen.
        self.keep(&redeem.of, &signed, voucher.maximum - remaining).await?;
        Ok(Vouched::by(&voucher))
    }

    /// Makes sure that a voucher is the holder's, for this plan and the service's owner.
    fn check_parties(&self, redeem: &ToRedeem, voucher: &SessionVoucher) -> Result<(), Problem> {
        let ToRedeem { of: Holding { plan, holder }, redeemer, .. } = redeem;
        let other = |detail: String| Err(ProblemKind::INVALID_VOUCHER.problem(detail));
        if voucher.plan != *plan {
            return other(format!(
                "the voucher is for plan {}, and the access token for {}",
                voucher.plan.0, plan.0
            ));
        }
        if voucher.holder != *holder {
            return other(format!("the voucher is {}'s, and the access token {holder}'s", voucher.holder));
        }
        if voucher.redeemer != *redeemer {
            return other(format!(
                "the voucher is for {}, and {redeemer} owns the service",
                voucher.redeemer
            ));
        }
        if voucher.session == OWN {
            return other(format!("session {OWN} is the one in which this server signs for its accounts"));
        }
        Ok(())
    }

    /// Makes sure that a request can still be redeemed by its voucher when it has ended, by what was seen last.
    pub(super) async fn check_vouched(
        &self,
        redeem: &ToRedeem,
        vouched: &Vouched,
        seen: &Seen,
    ) -> Result<(), Problem> {
        let number = vouched.session.number;
        if seen.session.is_some_and(|session| session.revoked) {
            let detail = VoucherState::SessionEnded { session: number }.to_string();
            return Err(self.to_sign(redeem, self.fresh_session(), self.needed(redeem, 0).await?, &detail));
        }
        // The chain's clock may be ahead of ours.
        let until = self.now().max(seen.view.time) + self.vouched_for();
        let Some(deadline) = vouched.deadline.filter(|deadline| *deadline < until) else { return Ok(()) };
        let spent = seen.session.map_or(0, |session| session.spent);
        let detail = format!(
            "the voucher of session {number} ends at {deadline}, and what is served now may be redeemed until {until}, in unix seconds"
        );
        Err(self.to_sign(redeem, number, self.needed(redeem, spent).await?, &detail))
    }

    /// For how long a voucher has to be valid, in seconds: until a request has ended, is redeemed, and mined.
    pub(super) fn vouched_for(&self) -> u64 {
        let settings = &self.gate.settings;
        settings.longest.as_secs() + settings.settle_after.as_secs() + 2 * MINED_WITHIN
    }

    /// What a holder is to sign, so that it is served.
    pub(super) fn to_sign(&self, redeem: &ToRedeem, session: U256, maximum: u64, detail: &str) -> Problem {
        let ToRedeem { of: Holding { plan, holder }, redeemer, .. } = *redeem;
        let deadline = self.now() + self.vouched_for() + SIGNED_WITHIN;
        let voucher = SessionVoucher { plan, holder, redeemer, maximum, session, deadline };
        ProblemKind::NO_VOUCHER
            .problem(format!(
                "{detail}: sign one of session {session} for {redeemer}, with a maximum of {maximum} and a deadline of {deadline} at \
                 least"
            ))
            .with_voucher(voucher)
    }

    /// A session that nobody has used: numbered by the time.
    pub(super) fn fresh_session(&self) -> U256 {
        U256::from(self.now())
    }

    /// What a voucher has to cover in all: what was taken in its session, what is asked for, and what was served to the holder before
    /// and could not be redeemed, for that is owed again with it.
    pub(super) async fn needed(&self, redeem: &ToRedeem, spent: u64) -> Result<u64, Problem> {
        let row = sqlx::query(
            "SELECT CAST(COALESCE(SUM(credits), 0) AS BIGINT) FROM gateway_unpaid \
             WHERE plan = $1 AND holder = $2 AND redeemer = $3 AND session IS NOT NULL",
        )
        .bind(redeem.of.plan.to_string())
        .bind(redeem.of.holder.to_string())
        .bind(redeem.redeemer.to_string())
        .fetch_one(&self.db)
        .await?;
        let unpaid = as_u64(row.try_get(0)?);
        Ok(spent.saturating_add(redeem.amount).saturating_add(unpaid))
    }

    /// The voucher that was collected last and is not doubted, and what is counted in its session.
    pub(super) async fn newest_session(
        &self,
        redeem: &ToRedeem,
    ) -> Result<Option<(SessionVoucher, u64)>, Problem> {
        let row = sqlx::query(
            "SELECT voucher, counted FROM gateway_sessions \
             WHERE plan = $1 AND holder = $2 AND redeemer = $3 AND doubted = 0 ORDER BY collected_at DESC, deadline DESC LIMIT 1",
        )
        .bind(redeem.of.plan.to_string())
        .bind(redeem.of.holder.to_string())
        .bind(redeem.redeemer.to_string())
        .fetch_optional(&self.db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let voucher: String = row.try_get(0)?;
        let signed: Signed<SessionVoucher> =
            serde_json::from_str(&voucher).map_err(|error| Problem::internal(&error))?;
        Ok(Some((signed.voucher, as_u64(row.try_get(1)?))))
    }

    async fn kept(&self, of: &Holding, session: SessionOf) -> Result<Option<Kept>, Problem> {
        let row = sqlx::query(
            "SELECT voucher, doubted FROM gateway_sessions \
             WHERE plan = $1 AND holder = $2 AND redeemer = $3 AND session = $4",
        )
        .bind(of.plan.to_string())
        .bind(of.holder.to_string())
        .bind(session.redeemer.to_string())
        .bind(session.number.to_string())
        .fetch_optional(&self.db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let voucher: String = row.try_get(0)?;
        let signed = serde_json::from_str(&voucher).map_err(|error| Problem::internal(&error))?;
        Ok(Some(Kept { signed, is_doubted: row.try_get::<i64, _>(1)? != 0 }))
    }

    /// The newest voucher of a session.
    pub(super) async fn newest_voucher(
        &self,
        of: &Holding,
        session: SessionOf,
    ) -> Result<Option<Signed<SessionVoucher>>, Problem> {
        Ok(self.kept(of, session).await?.map(|kept| kept.signed))
    }

    /// Keeps a voucher, unless a newer one has come meanwhile.
    async fn keep(&self, of: &Holding, signed: &Signed<SessionVoucher>, spent: u64) -> Result<(), Problem> {
        let voucher = serde_json::to_string(signed).map_err(|error| Problem::internal(&error))?;
        let SessionVoucher { redeemer, maximum, session, deadline, .. } = signed.voucher;
        let mut db = self.write().await?;
        sqlx::query(
            "INSERT INTO gateway_sessions \
               (plan, holder, redeemer, session, voucher, maximum, deadline, counted, doubted, collected_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9) ON CONFLICT (plan, holder, redeemer, session) DO UPDATE SET \
               voucher = excluded.voucher, maximum = excluded.maximum, deadline = excluded.deadline, doubted = 0, \
               collected_at = excluded.collected_at \
             WHERE gateway_sessions.doubted = 1 \
               OR (gateway_sessions.maximum <= excluded.maximum AND gateway_sessions.deadline <= excluded.deadline)",
        )
        .bind(of.plan.to_string())
        .bind(of.holder.to_string())
        .bind(redeemer.to_string())
        .bind(session.to_string())
        .bind(voucher)
        .bind(as_i64(maximum))
        .bind(as_i64(deadline))
        .bind(as_i64(spent))
        .bind(self.now_i64())
        .execute(&mut *db)
        .await?;
        Ok(db.commit().await?)
    }
}

impl Vouched {
    const fn by(voucher: &SessionVoucher) -> Self {
        let SessionVoucher { redeemer, session, deadline, .. } = *voucher;
        Self { session: SessionOf { redeemer, number: session }, deadline: Some(deadline) }
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;

    fn read_sent(json: &Value, engine: &GeneralPurpose) -> Option<Signed<SessionVoucher>> {
        let mut headers = HeaderMap::new();
        headers.insert(headers::VOUCHER, engine.encode(json.to_string()).parse().unwrap());
        sent(&headers).ok().flatten()
    }

    #[test]
    fn a_voucher_is_read_as_the_client_has_it_and_as_the_tool_prints_it() {
        let voucher = SessionVoucher {
            plan: PlanId(U256::from(11)),
            holder: Address::repeat_byte(1),
            redeemer: Address::repeat_byte(2),
            maximum: u64::MAX,
            session: U256::from(7),
            deadline: 9,
        };
        let signed = Signed { voucher, signature: Bytes::from_static(&[0xfb; 65]) };
        let nested = serde_json::to_value(&signed).unwrap();
        let mut flat = json!({
            "kind": "session", "plan": "11", "holder": voucher.holder, "redeemer": voucher.redeemer,
            "maximum": u64::MAX, "session": "7", "deadline": 9, "signature": signed.signature,
        });
        for engine in [&BASE64_STANDARD, &BASE64_URL_SAFE_NO_PAD] {
            assert_eq!(read_sent(&nested, engine).as_ref(), Some(&signed));
            assert_eq!(read_sent(&flat, engine).as_ref(), Some(&signed));
        }
        flat["maximum"] = json!(u64::MAX.to_string());
        assert_eq!(read_sent(&flat, &BASE64_STANDARD), Some(signed));
        for wrong in [json!("-1"), json!("18446744073709551616"), json!(null), json!(1.5)] {
            flat["maximum"] = wrong.clone();
            assert_eq!(read_sent(&flat, &BASE64_STANDARD), None, "{wrong}");
        }
        assert_eq!(read_sent(&json!({ "kind": "voucher", "nonce": "7" }), &BASE64_STANDARD), None);
        assert_eq!(sent(&HeaderMap::new()).ok(), Some(None));
    }
}
