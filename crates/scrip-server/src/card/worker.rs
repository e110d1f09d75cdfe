//! What brings the chain to what Stripe tells.
//!
//! A payment that is due is looked at by one process at a time: what was begun is brought to its end, Stripe and the chain are
//! asked how things are, and the next step is begun. Each step has a number, under which it is taken down before it is begun,
//! so that two who look at one payment all the same begin one step between them, and it is done once.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, keccak256};
use scrip::{Grant, Settlement};
use sqlx::Row;
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};

use super::{
    aim::{CardWork, GIVES_UP_AFTER, Known, Next, Settled, Step, next},
    payment::{Doing, Payment, text},
    processor::{CardError, Processor},
    told::Told,
};
use crate::{
    account::as_i64,
    extract::Repeat,
    problem::{Problem, ProblemKind},
    state::State,
    work::{Outcome, Work},
};

/// How often is looked whether a payment is due.
const LOOK: Duration = Duration::from_secs(1);
/// How many payments one process looks at at a time.
const AT_ONCE: usize = 16;
/// For how long one process looks at a payment alone, in seconds, unless it says that it is done.
const LEASE: u64 = 90;
/// The longest until what went wrong is tried again, in seconds.
const LONGEST: u64 = 900;

/// What became of a look at a payment.
enum Looked {
    /// Something was done; there may be more.
    On,
    /// Nothing is to be done until some time, if there is one, or until there is news.
    Rest(Option<u64>),
}

/// How a step has ended.
enum Ended<'a> {
    OnChain(&'a Outcome),
    Refunded(&'a str),
}

/// Why a look at a payment came to nothing.
#[derive(Debug)]
struct Trouble {
    /// For the buyer and the seller.
    said: String,
    /// Whether the look is worth repeating at once, for another was faster.
    is_race: bool,
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self { said: problem.detail.clone(), is_race: false }
    }
}

impl From<CardError> for Trouble {
    fn from(error: CardError) -> Self {
        // What Stripe says is the seller's to know.
        Self { said: error.to_string(), is_race: false }
    }
}

impl State {
    /// Looks after payments for as long as the process lives.
    pub(crate) async fn look_after_payments(self: Arc<Self>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            match self.due_payments(places.available_permits()).await {
                Ok(due) => {
                    for id in due {
                        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                        let state = Arc::clone(&self);
                        tokio::spawn(async move {
                            if let Err(problem) = state.look_after(&id).await {
                                tracing::warn!(
                                    payment = id,
                                    problem.detail,
                                    "a payment could not be looked at"
                                );
                            }
                            drop(place);
                        });
                    }
                }
                Err(problem) => tracing::warn!(problem.detail, "payments could not be looked for"),
            }
            // Told or not, it is looked.
            let _ = timeout(LOOK, self.card_news.notified()).await;
        }
    }

    async fn due_payments(&self, most: usize) -> Result<Vec<String>, Problem> {
        let rows = sqlx::query(
            "SELECT id FROM card_payments WHERE due_at <= $1 AND leased <= $1 ORDER BY due_at LIMIT $2",
        )
        .bind(self.now_i64())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.db)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Looks at a payment until nothing is to be done for now.
    async fn look_after(self: &Arc<Self>, id: &str) -> Result<(), Problem> {
        let Some(processor) = &self.processor else { return Ok(()) };
        while self.lease(id).await? {
            let Some(payment) = self.payment_by_id(id).await? else { return Ok(()) };
            let now = self.now();
            let (tries, trouble, due) = match self.look(processor, &payment).await {
                Ok(Looked::On) => (0, None, Some(now)),
                Ok(Looked::Rest(at)) => (0, None, at),
                Err(Trouble { is_race: true, .. }) => (payment.tries, payment.trouble.clone(), Some(now)),
                Err(Trouble { said, .. }) => {
                    tracing::warn!(payment = id, said, "a payment does not go on");
                    let wait = LONGEST.min(1 << payment.tries.min(20));
                    // When it is given up is no later for having been tried often.
                    let gives_up = payment.paid_at.map(|paid| paid + GIVES_UP_AFTER).filter(|&at| at > now);
                    let due = gives_up.map_or(now + wait, |at| at.min(now + wait));
                    (payment.tries.saturating_add(1), Some(said), Some(due))
                }
            };
            // Of news that came meanwhile nothing is lost, nor of what another process has begun.
            sqlx::query(
                "UPDATE card_payments SET tries = $1, trouble = $2, leased = 0, \
                   due_at = CASE WHEN news <> $3 THEN $5 WHEN doing IS NULL THEN $4 ELSE COALESCE($4, $5) END \
                 WHERE id = $6",
            )
            .bind(i64::from(tries))
            .bind(trouble)
            .bind(payment.news)
            .bind(due.map(as_i64))
            .bind(as_i64(now))
            .bind(id)
            .execute(&mut *self.in_turn().await?)
            .await?;
            if due.is_none_or(|due| due > now) {
                // Other news is found by whoever looks next.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether a payment is due, and this process is the one that looks at it.
    async fn lease(&self, id: &str) -> Result<bool, Problem> {
        let now = self.now();
        let leased = sqlx::query(
            "UPDATE card_payments SET leased = $1 WHERE id = $2 AND leased <= $3 AND due_at <= $3",
        )
        .bind(as_i64(now + LEASE))
        .bind(id)
        .bind(as_i64(now))
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(leased.rows_affected() == 1)
    }

    async fn look(self: &Arc<Self>, processor: &Processor, payment: &Payment) -> Result<Looked, Trouble> {
        // Nothing is known of what Stripe made of it, and nobody can have paid.
        let Some(session) = &payment.session else { return Ok(Looked::Rest(None)) };
        if let Some(doing) = payment.doing {
            self.carry_on(processor, payment, session, doing, payment.step).await?;
            return Ok(Looked::On);
        }
        let told = self.ask_stripe(processor, payment, session).await?;
        let paid_at = payment.paid_at.or(told.paid.then(|| self.now()));
        self.keep_told(payment, &told, paid_at).await?;
        let is_over = paid_at.is_some_and(|paid| self.now() >= paid + GIVES_UP_AFTER);
        let settled = match self.ask_chain(payment, session, &told).await {
            Ok(settled) => settled,
            // After a day it goes back without the chain, which had nothing of it, and was sent nothing that may still come.
            Err(_) if payment.settled.is_none() && is_over => None,
            Err(error) => return Err(Problem::from(error).into()),
        };
        self.keep_settled(payment, settled).await?;
        let known = Known {
            told: &told,
            price: payment.opening.amount,
            is_time: settled.is_some() && self.grants_time(payment).await?,
            settled,
            created_at: payment.created_at,
            paid_at,
            gives_back: payment.gives_back,
            refund: payment.refund.is_some(),
            given_again: payment.given_again,
            now: self.now(),
        };
        match next(&known) {
            Next::Rest(at) => Ok(Looked::Rest(at)),
            Next::Do(step) => {
                let doing = Doing { step, settler: self.settler(payment).await? };
                let number = payment.step + 1;
                self.begin_step(payment, doing).await?;
                let payment = Payment { intent: told.intent, settled, ..payment.clone() };
                self.carry_on(processor, &payment, session, doing, number).await?;
                Ok(Looked::On)
            }
        }
    }

    /// What Stripe tells. What happens to a payment after its intent is known here is told by events about that intent; so
    /// once it is, Stripe is asked again for what happened before.
    async fn ask_stripe(
        &self,
        processor: &Processor,
        payment: &Payment,
        session: &str,
    ) -> Result<Told, Trouble> {
        let told = processor.told(&payment.id, session, &payment.opening).await?;
        if told.intent.is_none() || told.intent == payment.intent {
            return Ok(told);
        }
        sqlx::query("UPDATE card_payments SET intent = $1 WHERE id = $2")
            .bind(&told.intent)
            .bind(&payment.id)
            .execute(&mut *self.in_turn().await.map_err(Problem::from)?)
            .await
            .map_err(Problem::from)?;
        Ok(processor.told(&payment.id, session, &payment.opening).await?)
    }

    /// What the chain has.
    async fn ask_chain(
        &self,
        payment: &Payment,
        session: &str,
        told: &Told,
    ) -> Result<Option<Settled>, scrip::Error> {
        if !told.paid {
            return Ok(None);
        }
        let found = self.chain.scrip().settlement(payment.plan, session).await?;
        Ok(found.map(|Settlement { granted, taken_back, burned, expiry, reversed, .. }| Settled {
            granted,
            taken_back,
            burned,
            expiry,
            reversed,
        }))
    }

    async fn keep_told(&self, payment: &Payment, told: &Told, paid_at: Option<u64>) -> Result<(), Problem> {
        sqlx::query("UPDATE card_payments SET told = $1, paid_at = COALESCE(paid_at, $2) WHERE id = $3")
            .bind(text(told)?)
            .bind(paid_at.map(as_i64))
            .bind(&payment.id)
            .execute(&mut *self.in_turn().await?)
            .await?;
        Ok(())
    }

    async fn keep_settled(&self, payment: &Payment, settled: Option<Settled>) -> Result<(), Problem> {
        let (before, now) = (payment.settled.unwrap_or_default(), settled.unwrap_or_default());
        let is_behind = before.taken_back > now.taken_back
            || before.granted > now.granted
            || before.reversed && !now.reversed;
        if is_behind {
            // What was done would be done again.
            return Err(ProblemKind::NODE.problem("the chain's node is behind what it has told before"));
        }
        sqlx::query("UPDATE card_payments SET settlement = $1 WHERE id = $2")
            .bind(settled.as_ref().map(text).transpose()?)
            .bind(&payment.id)
            .execute(&mut *self.in_turn().await?)
            .await?;
        Ok(())
    }

    async fn grants_time(&self, payment: &Payment) -> Result<bool, Problem> {
        Ok(matches!(self.chain.terms(payment.plan).await?.grant, Grant::Time { .. }))
    }

    /// Who settles: the plan's owner, if this server signs for it; otherwise who owned it when it was ordered, and may have
    /// stayed its operator.
    async fn settler(&self, payment: &Payment) -> Result<Address, Problem> {
        let Ok(plan) = self.chain.scrip().plan(payment.plan).await else { return Ok(payment.seller) };
        let is_managed = self.signer(plan.owner).await.is_ok();
        Ok(if is_managed { plan.owner } else { payment.seller })
    }

    /// Takes a step down, unless another process was faster.
    async fn begin_step(&self, payment: &Payment, doing: Doing) -> Result<(), Trouble> {
        let begun = sqlx::query(
            "UPDATE card_payments SET step = step + 1, doing = $1, gives_back = $2 \
             WHERE id = $3 AND step = $4 AND doing IS NULL",
        )
        .bind(text(&doing)?)
        .bind(i64::from(payment.gives_back || doing.step == Step::Refund))
        .bind(&payment.id)
        .bind(payment.step)
        .execute(&mut *self.in_turn().await.map_err(Problem::from)?)
        .await
        .map_err(Problem::from)?;
        if begun.rows_affected() == 1 {
            return Ok(());
        }
        Err(Trouble { said: "another process was faster".to_owned(), is_race: true })
    }

    /// Brings a step that was begun to its end. Until it is known how it ended, no other is begun.
    async fn carry_on(
        self: &Arc<Self>,
        processor: &Processor,
        payment: &Payment,
        session: &str,
        Doing { step, settler }: Doing,
        number: i64,
    ) -> Result<(), Trouble> {
        if step == Step::Refund {
            let intent = payment.intent.as_deref().unwrap_or_default();
            return match processor.refund(&format!("{} {number}", payment.id), intent, &payment.opening).await
            {
                Ok(refund) => Ok(self.end_step(payment, number, step, Ended::Refunded(&refund)).await?),
                // It may have been given back already: Stripe is asked, and then for another refund, for it repeats what it
                // has answered.
                Err(error @ CardError::Refused(_)) => {
                    self.abandon_step(payment, number).await?;
                    Err(error.into())
                }
                Err(error) => Err(error.into()),
            };
        }
        // No header can say this.
        let key = format!("§ card {} {number}", payment.id);
        let repeat = Repeat { digest: keccak256(&key), key: Some(key.clone()) };
        let work = CardWork { plan: payment.plan, holder: payment.buyer, payment: session.to_owned(), step };
        let problem = match self.operate(settler, repeat, Work::Card(work)).await {
            Ok(outcome) => return Ok(self.end_step(payment, number, step, Ended::OnChain(&outcome)).await?),
            Err(problem) => problem,
        };
        let failed = sqlx::query("SELECT status FROM operations WHERE account = $1 AND request_key = $2")
            .bind(settler.to_string())
            .bind(&key)
            .fetch_optional(&self.db)
            .await
            .map_err(Problem::from)?;
        let status: Option<String> = failed.map(|row| row.try_get(0)).transpose().map_err(Problem::from)?;
        // What failed for certain is tried anew, as another step, once things are looked at again.
        if status.as_deref() == Some("failed") {
            self.abandon_step(payment, number).await?;
        }
        Err(problem.into())
    }

    async fn end_step(
        &self,
        payment: &Payment,
        number: i64,
        step: Step,
        ended: Ended<'_>,
    ) -> Result<(), Problem> {
        let (settled, refund) = match ended {
            Ended::OnChain(outcome) => (step.made(payment.settled, &outcome.event), None),
            Ended::Refunded(refund) => (payment.settled, Some(refund)),
        };
        let given_again = matches!(step, Step::GiveAgain { .. });
        sqlx::query(
            "UPDATE card_payments SET doing = NULL, settlement = COALESCE($1, settlement), \
               refund = COALESCE($2, refund), given_again = CASE WHEN $3 = 1 THEN 1 ELSE given_again END \
             WHERE id = $4 AND step = $5 AND doing IS NOT NULL",
        )
        .bind(settled.as_ref().map(text).transpose()?)
        .bind(refund)
        .bind(i64::from(given_again))
        .bind(&payment.id)
        .bind(number)
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(())
    }

    async fn abandon_step(&self, payment: &Payment, number: i64) -> Result<(), Problem> {
        sqlx::query("UPDATE card_payments SET doing = NULL WHERE id = $1 AND step = $2")
            .bind(&payment.id)
            .bind(number)
            .execute(&mut *self.in_turn().await?)
            .await?;
        Ok(())
    }
}

/// Looks after payments in the background; after none where Stripe cannot be asked.
pub(crate) fn worker(state: &Arc<State>) -> JoinHandle<()> {
    let state = Arc::clone(state);
    tokio::spawn(async move {
        if state.processor.is_some() {
            state.look_after_payments().await;
        }
    })
}
