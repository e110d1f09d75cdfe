//! With which vouchers a batch is redeemed.
//!
//! They are in the database before anything is signed, and stay the same for an attempt: who goes on with it after a crash does what was
//! begun, and not something else under the same key.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, U256},
    providers::Provider,
};
use scrip::{Error, PlanId, SessionVoucher, Signed};
use sqlx::{AnyConnection, Row};

use super::item::{Item, Open, read};
use crate::{
    chain::Actor,
    gateway::{journal::Holding, voucher::SessionOf},
    problem::{Problem, ProblemKind},
    sql::change_rows,
    state::State,
};

/// For how long a voucher is valid that this server signs, in seconds.
const VALID: u64 = 3_600;

/// The vouchers of a batch.
#[derive(Debug)]
pub(super) struct Vouchers(BTreeMap<(Holding, SessionOf), Signed<SessionVoucher>>);

impl Vouchers {
    fn read(text: &str) -> Result<Self, Problem> {
        let vouchers: Vec<Signed<SessionVoucher>> =
            serde_json::from_str(text).map_err(|error| Problem::internal(&error))?;
        Ok(Self(vouchers.into_iter().map(|signed| (named(&signed.voucher), signed)).collect()))
    }

    fn write(&self) -> Result<String, Problem> {
        serde_json::to_string(&self.0.values().collect::<Vec<_>>()).map_err(|error| Problem::internal(&error))
    }

    /// What redeems a request.
    pub(super) fn call(&self, actor: &Actor, open: &Open, item: &Item) -> Result<Bytes, Problem> {
        let (core, one) = (actor.instance(), open.on_chain(item));
        let Some(session) = open.session(item) else {
            let call = core.redeem(open.plan.0, one.holder, one.amount, one.request.0);
            return Ok(call.calldata().clone());
        };
        let signed = self.0.get(&(open.holding(item), session)).ok_or_else(|| lost(session))?;
        let voucher = signed.voucher.try_into().map_err(|error: Error| Problem::internal(&error))?;
        let call = core.redeemInSession(voucher, one.amount, one.request.0, signed.bare_signature());
        Ok(call.calldata().clone())
    }
}

fn named(voucher: &SessionVoucher) -> (Holding, SessionOf) {
    let SessionVoucher { plan, holder, redeemer, session, .. } = *voucher;
    (Holding { plan, holder }, SessionOf { redeemer, number: session })
}

fn lost(session: SessionOf) -> Problem {
    ProblemKind::INTERNAL.problem(format!("the voucher of session {} is lost", session.number))
}

impl State {
    /// The vouchers of an attempt, which are chosen once.
    pub(super) async fn vouchers_of(&self, open: &Open) -> Result<Vouchers, Problem> {
        let row = sqlx::query("SELECT vouchers FROM gateway_batches WHERE id = $1").bind(&open.id);
        let chosen: Option<String> = row.fetch_one(&self.db).await?.try_get(0)?;
        if let Some(chosen) = chosen {
            return Vouchers::read(&chosen);
        }
        let chosen = self.choose_vouchers(open, open.owed()).await?.write()?;
        let row = sqlx::query(
            "UPDATE gateway_batches SET vouchers = COALESCE(vouchers, $1) WHERE id = $2 AND attempts = $3 \
             RETURNING vouchers",
        )
        .bind(chosen)
        .bind(&open.id)
        .bind(open.attempt)
        .fetch_optional(&mut *self.in_turn().await?)
        .await?;
        // Somebody else has gone further.
        let row = row.ok_or_else(|| ProblemKind::BUSY.problem("another attempt is under way"))?;
        Vouchers::read(&row.try_get::<String, _>(0)?)
    }

    /// The newest voucher of each session, or one that this server signs.
    pub(super) async fn choose_vouchers(
        &self,
        open: &Open,
        items: impl Iterator<Item = &Item>,
    ) -> Result<Vouchers, Problem> {
        let plan = open.plan;
        let sessions = items.filter_map(|item| Some((item.holder, open.session(item)?)));
        let sessions: BTreeSet<_> = sessions.collect();
        // Before it is asked what was taken: what is redeemed meanwhile counts twice rather than not at all.
        let owed = match sessions.iter().find(|(_, session)| session.is_own()) {
            Some(_) => self.owed_in_batches(plan, open.redeemer).await?,
            None => BTreeMap::new(),
        };
        let mut chosen = BTreeMap::new();
        for (holder, session) in sessions {
            let of = Holding { plan, holder };
            let signed = match session.is_own() {
                true => {
                    let owed = owed.get(&(holder, session.number)).copied().unwrap_or_default();
                    self.sign_voucher(&of, session, owed).await?
                }
                false => self.newest_voucher(&of, session).await?.ok_or_else(|| lost(session))?,
            };
            chosen.insert((of, session), signed);
        }
        Ok(Vouchers(chosen))
    }

    /// What is in batches of a plan that are not redeemed, by holder and session.
    async fn owed_in_batches(
        &self,
        plan: PlanId,
        redeemer: Address,
    ) -> Result<BTreeMap<(Address, U256), u64>, Problem> {
        let rows = sqlx::query(
            "SELECT items FROM gateway_batches WHERE status = 'open' AND plan = $1 AND redeemer = $2",
        )
        .bind(plan.to_string())
        .bind(redeemer.to_string())
        .fetch_all(&self.db)
        .await?;
        let mut owed = BTreeMap::<_, u64>::new();
        for row in rows {
            let items = read(&row.try_get::<String, _>(0)?)?;
            for item in items.into_iter().filter(|item| item.became.is_none()) {
                let Some(session) = item.session else { continue };
                let credits = owed.entry((item.holder, session)).or_default();
                *credits = credits.saturating_add(item.credits);
            }
        }
        Ok(owed)
    }

    /// Signs for an account of this server what it was served, and no more.
    async fn sign_voucher(
        &self,
        of: &Holding,
        session: SessionOf,
        owed: u64,
    ) -> Result<Signed<SessionVoucher>, Problem> {
        let Holding { plan, holder } = *of;
        let SessionOf { redeemer, number } = session;
        let scrip = self.chain.scrip();
        let spent = scrip.session(plan, holder, redeemer, number).await?.spent;
        let latest = scrip.provider().get_block(BlockId::latest()).await.map_err(Error::from)?;
        let latest = latest.ok_or(Error::UnexpectedAnswer("that there is no latest block"))?.header;
        let maximum = spent.saturating_add(owed);
        let deadline = self.now().max(latest.timestamp) + VALID;
        let voucher = SessionVoucher { plan, holder, redeemer, maximum, session: number, deadline };
        Ok(scrip.sign(voucher, &self.signer(holder).await?).await?)
    }
}

/// What could not be redeemed with a voucher makes it doubtful: it is looked at again before it counts.
pub(super) async fn doubt(
    db: &mut AnyConnection,
    unpaid: &[(Holding, SessionOf, u64)],
) -> Result<(), Problem> {
    let sessions: BTreeSet<_> = unpaid.iter().map(|(of, session, _)| (of, session)).collect();
    let row = |(of, session): (&Holding, &SessionOf)| {
        let [plan, holder] = of.binds();
        vec![plan, holder, session.redeemer.to_string().into(), session.number.to_string().into()]
    };
    let rows = sessions.into_iter().map(row).collect();
    change_rows(
        db,
        "UPDATE gateway_sessions SET doubted = 1 FROM (VALUES ROWS) AS v \
         WHERE gateway_sessions.plan = v.column1 AND gateway_sessions.holder = v.column2 \
           AND gateway_sessions.redeemer = v.column3 AND gateway_sessions.session = v.column4",
        rows,
    )
    .await?;
    Ok(())
}
