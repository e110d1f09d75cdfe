//! Settling: redeeming what is reserved.

use std::sync::Arc;

use alloy::primitives::{Address, TxHash, keccak256};
use scrip::{Error, PlanId, RequestId, abi::IScrip::IScripErrors as Refused};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Ask, Hold, MINED_WITHIN, Reserved, Status, lock};
use crate::{
    account::as_i64,
    chain::Actor,
    extract::Repeat,
    operation::says_nothing,
    problem::{Problem, ProblemKind},
    routes::credits::request_id,
    state::State,
    work::{Failure, Outcome, Work},
};

/// A reservation that is to be settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capture {
    pub(crate) plan: PlanId,
    pub(crate) holder: Address,
    pub(crate) request: String,
    /// The credits to be taken; what else was reserved is let go of.
    pub(crate) amount: u64,
    /// Whether the plan grants time, of which nothing is taken.
    pub(crate) is_time: bool,
}

/// What was settled. It stays the same, however often it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    /// The redemption; none where nothing was to be taken, or it is not known.
    pub(crate) transaction: Option<TxHash>,
    /// The credits taken.
    pub(crate) credits: u64,
    /// What the holder had left, if that was known.
    pub(crate) remaining: Option<u128>,
}

/// Where a settlement goes on.
enum Begun {
    Now {
        attempts: u64,
    },
    Before(Settled),
    /// Its time was over before it was begun; none if it is forgotten.
    Late(Option<Hold>),
}

impl Hold {
    /// What was settled, if it was.
    pub(crate) fn settled(&self) -> Result<Option<Settled>, Problem> {
        let read = |text: &String| serde_json::from_str(text).map_err(|error| Problem::internal(&error));
        self.receipt.as_ref().map(read).transpose()
    }

    /// The same, if an account did it.
    pub(crate) fn settled_by(&self, redeemer: Address) -> Result<Option<Settled>, Problem> {
        if self.redeemer == Some(redeemer.to_string()) { self.settled() } else { Ok(None) }
    }
}

impl State {
    /// Settles a live reservation: its credits are redeemed by an account, which is to be a redeemer of the plan. Repeated it
    /// gives what it gave.
    pub(crate) async fn settle(
        self: &Arc<Self>,
        redeemer: Address,
        capture: Capture,
    ) -> Result<Settled, Problem> {
        let Capture { plan, holder, request, .. } = &capture;
        // No header can say this.
        let key = format!("§ capture {plan} {holder} {}", keccak256(request));
        let repeat = Repeat { digest: keccak256(&key), key: Some(key) };
        let outcome = self.operate(redeemer, repeat, Work::Capture(capture)).await?;
        serde_json::from_value(outcome.event).map_err(|error| Problem::internal(&error))
    }

    /// Makes sure that the plan lets an account redeem so much at all. Whether there is as much is not looked at.
    pub(crate) async fn check_redeemer(
        &self,
        redeemer: Address,
        (plan, holder): (PlanId, Address),
        amount: u64,
    ) -> Result<(), Problem> {
        let ask = async {
            let lens = self.chain.lens().await?;
            let forecast = lens.forecast_redemption_without_id(plan, redeemer, holder, amount).await?;
            let Some(refusal) = forecast.refusal else { return Ok(None) };
            let has_no_access = matches!(refusal.refusal(), Some(Refused::NoAccess(_)));
            let is_short = refusal.is_insufficient_credits() || has_no_access;
            Ok::<_, Problem>((!is_short).then(|| refusal.into()))
        };
        let ask = async {
            match ask.await? {
                Some(refused) => Ok(Some(refused)),
                None => self.why_no_gas(redeemer).await,
            }
        };
        match self.turns.redeemers.get((plan, redeemer, holder, amount), ask).await? {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// The same, of a plan that requires vouchers: whether the account may redeem so much with one.
    pub(crate) async fn check_vouched_redeemer(
        &self,
        redeemer: Address,
        (plan, holder): (PlanId, Address),
        amount: u64,
    ) -> Result<(), Problem> {
        let lens = self.chain.lens().await?;
        let forecast = lens.forecast_redemption_without_id(plan, redeemer, holder, amount).await?;
        // What else it may be refused for is the holder's: its voucher, and what it has.
        let is_redeemers = |error: &Error| {
            matches!(error.refusal(), Some(Refused::NotRedeemer(_) | Refused::AmountOutOfRange(_)))
        };
        if let Some(refusal) = forecast.refusal.filter(is_redeemers) {
            return Err(refusal.into());
        }
        self.why_no_gas(redeemer).await?.map_or(Ok(()), Err)
    }

    /// Why an account could not pay for a redemption's gas; none if it can.
    pub(crate) async fn why_no_gas(&self, redeemer: Address) -> Result<Option<Problem>, Problem> {
        let lacks = self.chain.lacks_gas(redeemer).await?;
        Ok(lacks.map(|(has, needs)| {
            ProblemKind::NO_GAS
                .problem(format!("{redeemer} has {has} wei, and {needs} may be needed to redeem"))
                .hint(format!("send {redeemer} some of the chain's coin"))
        }))
    }

    /// Makes sure that a reservation lasts until it is settled, which begins now. Whether it is live.
    pub(crate) async fn prolong(
        &self,
        plan: PlanId,
        holder: Address,
        request: &str,
        amount: u64,
    ) -> Result<bool, Problem> {
        let mut db = self.write().await?;
        lock(&mut db, plan, holder).await?;
        let now = self.now_i64();
        let prolonged = sqlx::query(
            "UPDATE holds SET expires_at = CASE WHEN expires_at < $1 THEN $1 ELSE expires_at END \
             WHERE plan = $2 AND holder = $3 AND request = $4 AND amount >= $5 \
             AND (status <> 'held' OR expires_at > $6)",
        )
        .bind(now + 30)
        .bind(plan.to_string())
        .bind(holder.to_string())
        .bind(request)
        .bind(as_i64(amount))
        .bind(now)
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        Ok(prolonged.rows_affected() == 1)
    }

    /// Does it: see [`Work::Capture`].
    pub(crate) async fn capture(
        &self,
        actor: &Actor,
        id: &str,
        capture: Capture,
    ) -> Result<Outcome, Failure> {
        let redeemer = actor.signer();
        let mut begun = self.begin_capture(redeemer, &capture).await?;
        if let Begun::Late(hold) = begun {
            self.reserve_anew(redeemer, &capture, hold.and_then(|hold| hold.token)).await?;
            begun = self.begin_capture(redeemer, &capture).await?;
        }
        let settled = match begun {
            Begun::Before(settled) => settled,
            Begun::Late(_) => return Err(ended(&capture.request).into()),
            Begun::Now { .. } if capture.amount == 0 => {
                let settled = Settled { transaction: None, credits: 0, remaining: None };
                self.end_capture(&capture, &settled, 0).await?;
                settled
            }
            Begun::Now { attempts } => self.redeem_held(actor, id, &capture, attempts).await?,
        };
        let transaction = settled.transaction;
        Ok(Outcome { transaction, event: json!(settled), block: None })
    }

    /// What is gone on with by another process comes late: it is done all the same if there are credits.
    async fn reserve_anew(
        &self,
        redeemer: Address,
        capture: &Capture,
        token: Option<String>,
    ) -> Result<(), Problem> {
        let ask = Ask {
            plan: capture.plan,
            holder: capture.holder,
            reserver: redeemer,
            request: capture.request.clone(),
            is_new: false,
            amount: capture.amount,
            is_time: capture.is_time,
            lasts: MINED_WITHIN,
            token,
            is_single_use: false,
        };
        match self.reserve(&ask).await? {
            Reserved::Held(_) => Ok(()),
            Reserved::Short { .. } | Reserved::Used => Err(ended(&capture.request)),
        }
    }

    async fn redeem_held(
        &self,
        actor: &Actor,
        id: &str,
        capture: &Capture,
        attempts: u64,
    ) -> Result<Settled, Failure> {
        let Capture { plan, holder, request, amount, .. } = capture;
        let on_chain = RequestId(request_id(*holder, request));
        // Each attempt is another write; that it is done once at most is the contract's promise, by the request's id.
        let (key, redeemer) = (format!("{id} {attempts}"), actor.signer());
        let once = actor.once(&key);
        let (transaction, block) = match once.redeem(*plan, *holder, *amount, on_chain).await {
            Ok(done) => (Some(done.receipt.transaction), done.receipt.block),
            Err(error) if error.is_already_redeemed() => {
                let block = self.chain.block().await?;
                (None, block)
            }
            Err(error @ Error::Pending { .. }) => return Err(error.into()),
            Err(error) if says_nothing(&error) && self.may_be_signed(redeemer, &key).await => {
                return Err(Failure::Begun(error.to_string()));
            }
            Err(error) => {
                self.fail_capture(capture).await?;
                return Err(error.into());
            }
        };
        self.chain.tell(block);
        let balance = self.chain.scrip().instance().balanceOf(*holder, plan.0).call().await;
        let remaining = balance.ok().and_then(|balance| balance.try_into().ok());
        let credits = if capture.is_time { 0 } else { *amount };
        let settled = Settled { transaction, credits, remaining };
        // It is redeemed, whatever the database says.
        let kept = self.end_capture(capture, &settled, block).await;
        kept.map_err(|problem| Failure::Begun(problem.detail.clone()))?;
        Ok(settled)
    }

    async fn begin_capture(&self, redeemer: Address, capture: &Capture) -> Result<Begun, Problem> {
        let Capture { plan, holder, request, amount, is_time } = capture;
        let mut db = self.write().await?;
        lock(&mut db, *plan, *holder).await?;
        let Some(hold) = Hold::find(&mut db, *plan, *holder, request).await? else {
            return Ok(Begun::Late(None));
        };
        if let Some(settled) = hold.settled()? {
            return Ok(Begun::Before(settled));
        }
        let me = redeemer.to_string();
        // Whoever may redeem what it holds itself would settle it for less, or for nothing.
        if redeemer == *holder && hold.reserver.as_ref() != Some(&me) {
            return Err(ProblemKind::NOT_PLAN_OWNER
                .problem(format!("request `{request}` is reserved for who serves it, not for its holder"))
                .hint("who has verified it settles it"));
        }
        if hold.status == Status::Capturing {
            if hold.redeemer.as_ref() == Some(&me) {
                return Ok(Begun::Now { attempts: hold.attempts });
            }
            return Err(ProblemKind::REFUSED
                .problem(format!("request `{request}` is being settled by another redeemer of the plan"))
                .hint("ask again with that redeemer's key"));
        }
        let reserves = if *is_time { 0 } else { *amount };
        if !hold.is_live(self.now()) || hold.amount < reserves {
            return Ok(Begun::Late(Some(hold)));
        }
        sqlx::query(
            "UPDATE holds SET status = 'capturing', amount = $1, redeemer = $2 \
             WHERE plan = $3 AND holder = $4 AND request = $5",
        )
        .bind(as_i64(reserves))
        .bind(me)
        .bind(plan.to_string())
        .bind(holder.to_string())
        .bind(request)
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        Ok(Begun::Now { attempts: hold.attempts })
    }

    async fn end_capture(&self, capture: &Capture, settled: &Settled, block: u64) -> Result<(), Problem> {
        let receipt = serde_json::to_string(settled).map_err(|error| Problem::internal(&error))?;
        // Locked, so that who counts meanwhile finds it as the one or as the other.
        let mut db = self.write().await?;
        lock(&mut db, capture.plan, capture.holder).await?;
        sqlx::query(
            "UPDATE holds SET status = 'settled', block = $1, receipt = $2 \
             WHERE plan = $3 AND holder = $4 AND request = $5",
        )
        .bind(as_i64(block))
        .bind(receipt)
        .bind(capture.plan.to_string())
        .bind(capture.holder.to_string())
        .bind(&capture.request)
        .execute(&mut *db)
        .await?;
        Ok(db.commit().await?)
    }

    /// What was refused is reserved as it was, until its time is over.
    async fn fail_capture(&self, capture: &Capture) -> Result<(), Problem> {
        let mut db = self.write().await?;
        lock(&mut db, capture.plan, capture.holder).await?;
        sqlx::query(
            "UPDATE holds SET status = 'held', attempts = attempts + 1 \
             WHERE plan = $1 AND holder = $2 AND request = $3 AND status = 'capturing'",
        )
        .bind(capture.plan.to_string())
        .bind(capture.holder.to_string())
        .bind(&capture.request)
        .execute(&mut *db)
        .await?;
        Ok(db.commit().await?)
    }
}

fn ended(request: &str) -> Problem {
    ProblemKind::INSUFFICIENT_CREDITS
        .problem(format!(
            "nothing is reserved for request `{request}` any more, and there are too few credits"
        ))
        .hint("order the plan, and settle it again")
}
