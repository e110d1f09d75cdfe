//! Payments as the database keeps them.

use alloy::primitives::Address;
use scrip::PlanId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::{Row, any::AnyRow};

use super::{
    aim::{Settled, Step},
    processor::{Opened, Opening},
    told::{Dispute, SessionState, Told},
};
use crate::{
    account::{as_i64, as_u64},
    extract::Repeat,
    paging::{Listed, Page},
    problem::{Problem, ProblemKind},
    state::State,
};

/// A payment by card.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    /// Ours; the session's client reference.
    pub(crate) id: String,
    /// Stripe's, and the payment's on the chain; none until Stripe's answer was kept.
    pub(crate) session: Option<String>,
    pub(crate) intent: Option<String>,
    pub(crate) plan: PlanId,
    pub(crate) buyer: Address,
    /// The plan's owner when it was ordered.
    pub(crate) seller: Address,
    pub(crate) opening: Opening,
    pub(crate) url: Option<String>,
    pub(crate) created_at: u64,
    pub(crate) expires_at: Option<u64>,
    pub(crate) told: Option<Told>,
    pub(crate) paid_at: Option<u64>,
    pub(crate) settled: Option<Settled>,
    pub(super) step: i64,
    pub(super) doing: Option<Doing>,
    pub(super) gives_back: bool,
    pub(crate) refund: Option<String>,
    pub(super) given_again: bool,
    pub(crate) trouble: Option<String>,
    pub(super) tries: u32,
    pub(super) news: i64,
    pub(crate) due_at: Option<u64>,
    pub(super) digest: String,
}

/// A step that was begun, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doing {
    pub(super) step: Step,
    pub(super) settler: Address,
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaymentStatus {
    /// The buyer has not paid yet.
    Open,
    /// Nobody has paid in time.
    Expired,
    /// The buyer has paid, and the money is on its way.
    Processing,
    /// The money is there, and the credits are not yet.
    Paid,
    /// The credits are there.
    Settled,
    /// The credits could not be given, and the money goes back.
    Refunding,
    /// All of the money was given back.
    Refunded,
    /// The buyer's bank has the money until a dispute is decided.
    Disputed,
    /// The seller has lost a dispute.
    ChargedBack,
}

/// A new payment.
#[derive(Debug)]
pub(crate) struct NewPayment {
    pub(crate) id: String,
    pub(crate) plan: PlanId,
    pub(crate) buyer: Address,
    pub(crate) seller: Address,
    pub(crate) opening: Opening,
}

const COLUMNS: &str = "id, session, intent, plan, buyer, seller, opening, url, created_at, expires_at, told, paid_at, settlement, \
     step, doing, gives_back, refund, given_again, trouble, tries, news, due_at, digest";

impl Payment {
    /// How far it is.
    pub(crate) fn status(&self) -> PaymentStatus {
        let told = self.told.clone().unwrap_or_default();
        match told.state {
            SessionState::Open => return PaymentStatus::Open,
            SessionState::Expired => return PaymentStatus::Expired,
            SessionState::Complete => (),
        }
        match told.dispute {
            _ if !told.paid => PaymentStatus::Processing,
            Dispute::Open => PaymentStatus::Disputed,
            Dispute::Lost => PaymentStatus::ChargedBack,
            _ if told.refunded >= self.opening.amount => PaymentStatus::Refunded,
            _ if self.settled.is_some() => PaymentStatus::Settled,
            _ if self.gives_back => PaymentStatus::Refunding,
            _ => PaymentStatus::Paid,
        }
    }

    fn read(row: &AnyRow) -> Result<Self, Problem> {
        let text = |column| -> Result<String, Problem> { Ok(row.try_get(column)?) };
        let some = |column| -> Result<Option<String>, Problem> { Ok(row.try_get(column)?) };
        let number = |column| -> Result<i64, Problem> { Ok(row.try_get(column)?) };
        let time = |column| -> Result<Option<u64>, Problem> {
            Ok(row.try_get::<Option<i64>, _>(column)?.map(as_u64))
        };
        Ok(Self {
            id: text(0)?,
            session: some(1)?,
            intent: some(2)?,
            plan: text(3)?.parse()?,
            buyer: address(&text(4)?)?,
            seller: address(&text(5)?)?,
            opening: json(&text(6)?)?,
            url: some(7)?,
            created_at: as_u64(number(8)?),
            expires_at: time(9)?,
            told: some(10)?.map(|told| json(&told)).transpose()?,
            paid_at: time(11)?,
            settled: some(12)?.map(|settled| json(&settled)).transpose()?,
            step: number(13)?,
            doing: some(14)?.map(|doing| json(&doing)).transpose()?,
            gives_back: number(15)? != 0,
            refund: some(16)?,
            given_again: number(17)? != 0,
            trouble: some(18)?,
            tries: number(19)?.try_into().unwrap_or_default(),
            news: number(20)?,
            due_at: time(21)?,
            digest: text(22)?,
        })
    }
}

fn address(text: &str) -> Result<Address, Problem> {
    text.parse().map_err(|error| Problem::internal(&error))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::internal(&error))
}

pub(super) fn text<T: Serialize>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::internal(&error))
}

impl State {
    /// The payment that a buyer's idempotency key stands for, if it does, and for the same request.
    pub(crate) async fn payment_asked_before(
        &self,
        buyer: Address,
        repeat: &Repeat,
    ) -> Result<Option<Payment>, Problem> {
        let Some(key) = &repeat.key else { return Ok(None) };
        let found = self.payment_where("buyer = $1 AND request_key = $2", &[&buyer.to_string(), key]).await?;
        if found.as_ref().is_some_and(|found| found.digest != repeat.digest.to_string()) {
            return Err(ProblemKind::KEY_REUSED
                .problem(format!("the idempotency key `{key}` stands for another request")));
        }
        Ok(found)
    }

    /// Takes a payment down before Stripe hears of it.
    pub(crate) async fn take_down_payment(
        &self,
        new: &NewPayment,
        repeat: &Repeat,
    ) -> Result<Payment, Problem> {
        sqlx::query(
            "INSERT INTO card_payments (id, plan, buyer, seller, opening, request_key, digest, created_at, step, \
               gives_back, given_again, tries, news, leased) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, 0, 0, 0) ON CONFLICT (buyer, request_key) DO NOTHING",
        )
        .bind(&new.id)
        .bind(new.plan.to_string())
        .bind(new.buyer.to_string())
        .bind(new.seller.to_string())
        .bind(text(&new.opening)?)
        .bind(&repeat.key)
        .bind(repeat.digest.to_string())
        .bind(self.now_i64())
        .execute(&mut *self.in_turn().await?)
        .await?;
        let found = match self.payment_by_id(&new.id).await? {
            // The same was asked at the same time.
            None => self.payment_asked_before(new.buyer, repeat).await?,
            found => found,
        };
        found.ok_or_else(|| ProblemKind::INTERNAL.problem("a payment that was taken down is gone"))
    }

    /// Keeps the session that was opened for a payment, which is looked at in a while if nothing is heard of it.
    pub(crate) async fn keep_session(
        &self,
        payment: &str,
        opened: &Opened,
        look_at: u64,
    ) -> Result<(), Problem> {
        let kept = sqlx::query(
            "UPDATE card_payments SET session = $1, url = $2, expires_at = $3, due_at = COALESCE(due_at, $4) WHERE id = $5",
        )
        .bind(&opened.session)
        .bind(&opened.url)
        .bind(as_i64(opened.expires_at))
        .bind(as_i64(look_at))
        .bind(payment)
        .execute(&mut *self.in_turn().await?)
        .await?;
        if kept.rows_affected() == 0 {
            // What was paid there would be nobody's.
            return Err(ProblemKind::CARD_UNREACHABLE.problem("the payment was given up meanwhile"));
        }
        Ok(())
    }

    /// Forgets a payment for which no session was opened.
    pub(crate) async fn forget_payment(&self, id: &str) -> Result<(), Problem> {
        sqlx::query("DELETE FROM card_payments WHERE id = $1 AND session IS NULL")
            .bind(id)
            .execute(&mut *self.in_turn().await?)
            .await?;
        Ok(())
    }

    /// A payment, for its buyer and its seller.
    pub(crate) async fn payment(&self, account: Address, session: &str) -> Result<Payment, Problem> {
        let account = account.to_string();
        // What is no id of Stripe's, a NUL for example, the database may not even look for.
        let session = if session.bytes().all(|byte| byte.is_ascii_graphic()) { session } else { "" };
        let of = "session = $1 AND (buyer = $2 OR seller = $2)";
        self.payment_where(of, &[session, &account]).await?.ok_or_else(|| {
            ProblemKind::PAYMENT_NOT_FOUND.problem(format!("there is no payment `{session}` of this account"))
        })
    }

    /// A page of an account's payments, as a buyer or as a seller, and how many there are in all.
    pub(crate) async fn list_payments(
        &self,
        account: Address,
        page: Page<100>,
    ) -> Result<(u64, Vec<Payment>), Problem> {
        let listed = Listed {
            columns: COLUMNS,
            from: "card_payments WHERE (buyer = $1 OR seller = $1) AND session IS NOT NULL",
            order: &format!("created_at {}, id", page.order),
            binds: &[account.to_string()],
        };
        let (total, rows) = self.page(page, listed).await?;
        Ok((total, rows.iter().map(Payment::read).collect::<Result<_, _>>()?))
    }

    pub(super) async fn payment_by_id(&self, id: &str) -> Result<Option<Payment>, Problem> {
        self.payment_where("id = $1", &[id]).await
    }

    async fn payment_where(&self, condition: &str, values: &[&str]) -> Result<Option<Payment>, Problem> {
        let query = format!("SELECT {COLUMNS} FROM card_payments WHERE {condition}");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(query));
        for value in values {
            query = query.bind(*value);
        }
        let row = query.fetch_optional(&self.db).await?;
        row.as_ref().map(Payment::read).transpose()
    }

    /// The account of a seller at Stripe, if there is one.
    pub(crate) async fn card_account(&self, account: Address) -> Result<Option<String>, Problem> {
        let row = sqlx::query("SELECT stripe_account FROM card_accounts WHERE account = $1")
            .bind(account.to_string())
            .fetch_optional(&self.db)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Keeps the account of a seller at Stripe; the first that was kept stays, and is given.
    pub(crate) async fn keep_card_account(
        &self,
        account: Address,
        at_stripe: &str,
    ) -> Result<String, Problem> {
        sqlx::query(
            "INSERT INTO card_accounts (account, stripe_account, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (account) DO NOTHING",
        )
        .bind(account.to_string())
        .bind(at_stripe)
        .bind(self.now_i64())
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(self.card_account(account).await?.unwrap_or_else(|| at_stripe.to_owned()))
    }
}
