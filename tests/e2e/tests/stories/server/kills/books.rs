//! The books, and whether they agree.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    time::Duration,
};

use alloy::{
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEvent,
};
use eyre::{Result, ensure};
use scrip::{
    PlanId,
    abi::IScrip::{CreditsBurned, CreditsMinted, CreditsRedeemed, PlanOrdered},
};
use sqlx::{AnyPool, Row};
use tokio::time::{Instant, sleep};

use super::place::Place;

/// How long what nobody asks for any more may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(90);

/// What a client knows to be done for its holder.
#[derive(Debug)]
pub(super) struct Book {
    holder: Address,
    pub(super) accounts: Vec<Account>,
}

/// The same of one plan.
#[derive(Debug)]
pub(super) struct Account {
    plan: PlanId,
    pub(super) orders: u64,
    /// How many more orders there can be at most: of what was asked without a key, an answer that counted as heard, and was lost
    /// on the wire, was asked for anew.
    pub(super) perhaps: u64,
    pub(super) mints: u64,
    pub(super) minted: u64,
    pub(super) burns: u64,
    pub(super) burned: u64,
    pub(super) redemptions: u64,
    pub(super) settlements: u64,
    /// Credits, by redemptions and settlements.
    pub(super) redeemed: u64,
    /// Credits that may be reserved for nobody.
    pub(super) reserved: u64,
}

impl Book {
    pub(super) fn new(holder: Address, plans: &[PlanId]) -> Self {
        let account = |&plan| Account {
            plan,
            orders: 0,
            perhaps: 0,
            mints: 0,
            minted: 0,
            burns: 0,
            burned: 0,
            redemptions: 0,
            settlements: 0,
            redeemed: 0,
            reserved: 0,
        };
        Self { holder, accounts: plans.iter().map(account).collect() }
    }
}

impl Account {
    /// Credits, if nothing was ordered more often than is known.
    fn balance(&self) -> u64 {
        100 * self.orders + self.minted - self.burned - self.redeemed
    }

    /// Credits that can be spent for certain.
    pub(super) fn sure(&self) -> u64 {
        self.balance().saturating_sub(self.reserved)
    }
}

/// What was found to agree.
#[derive(Debug)]
pub(super) struct Found {
    orders: u64,
    again: u64,
    writes: u64,
    failed: u64,
}

impl Display for Found {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { orders, again, writes, failed } = self;
        write!(
            f,
            "the books agree on {writes} writes, {orders} of them orders ({again} again, without a key, after an answer that \
             was heard and lost); {failed} refused or given up"
        )
    }
}

/// Compares the clients' books with the chain and the database.
pub(super) async fn check(place: &Place, books: &[Book]) -> Result<Found> {
    sqlx::any::install_default_drivers();
    let db = AnyPool::connect(&place.database).await?;
    ended(&db).await?;
    let total = |of: fn(&Account) -> u64| books.iter().flat_map(|book| &book.accounts).map(of).sum::<u64>();
    let number = async |query: &str| -> Result<u64> {
        let row = sqlx::query(sqlx::AssertSqlSafe(query.to_owned())).fetch_one(&db).await?;
        Ok(row.try_get::<i64, _>(0)?.try_into()?)
    };
    let chain = Chain::read(place).await?;
    let mut again = 0;
    for Book { holder, accounts } in books {
        for account in accounts {
            let plan = account.plan;
            let balance = place.chain.stranger.balance(plan, *holder).await?.balance;
            let ordered = chain.of::<PlanOrdered>(plan, *holder);
            let more = ordered.checked_sub(account.orders);
            let more = more.filter(|more| *more <= account.perhaps);
            let more = more.ok_or_else(|| eyre::eyre!("{ordered} orders on the chain: {account:?}"))?;
            ensure!(
                balance == u128::from(account.balance() + 100 * more),
                "a balance of {balance}, with {more} orders again: {account:?}"
            );
            for (name, found, known) in [
                ("mints", chain.of::<CreditsMinted>(plan, *holder), account.mints),
                ("burns", chain.of::<CreditsBurned>(plan, *holder), account.burns),
                (
                    "redemptions",
                    chain.of::<CreditsRedeemed>(plan, *holder),
                    account.redemptions + account.settlements,
                ),
            ] {
                ensure!(found == known, "{found} {name} on the chain: {account:?}");
            }
            again += more;
        }
    }

    let done = async |work: &str| {
        let done = "SELECT COUNT(*) FROM operations WHERE status = 'done' AND work LIKE";
        number(&format!("{done} '{{\"{work}\"%'")).await
    };
    let orders = total(|account| account.orders) + again;
    let settlements = total(|account| account.settlements);
    for (work, known) in [
        ("order", orders),
        ("mint", total(|account| account.mints)),
        ("burn", total(|account| account.burns)),
        // One that was done before it was refused is one that is not known to be done: see below.
        ("redeem", total(|account| account.redemptions)),
        ("capture", settlements),
    ] {
        let found = done(work).await?;
        ensure!(found == known, "{found} operations of `{work}`, and {known} are known to be done");
    }
    // Nobody who has not heard of an order is left with it: what was asked again without a key was found, unless it was heard.
    let unheard =
        "SELECT COUNT(*) FROM operations WHERE status = 'done' AND heard = 0 AND request_key IS NULL";
    ensure!(number(unheard).await? == 0, "operations without a key that nobody has heard of");
    let settled = number("SELECT COUNT(*) FROM holds WHERE status = 'settled'").await?;
    ensure!(settled == settlements, "{settled} reservations are settled, and {settlements} known to be");
    ensure!(
        number("SELECT COUNT(*) FROM holds WHERE status = 'capturing'").await? == 0,
        "settlements under way"
    );
    transactions_differ(&db).await?;
    Ok(Found {
        orders,
        again,
        writes: chain.0.values().sum(),
        failed: number("SELECT COUNT(*) FROM operations WHERE status = 'failed'").await?,
    })
}

/// Waits until no operation is under way.
async fn ended(db: &AnyPool) -> Result<()> {
    let began = Instant::now();
    loop {
        let open = sqlx::query("SELECT work FROM operations WHERE status = 'open'").fetch_all(db).await?;
        let Some(first) = open.first() else { return Ok(()) };
        let work: String = first.try_get(0)?;
        ensure!(
            began.elapsed() < ENDED_WITHIN,
            "{} operations do not end, of which one is {work}",
            open.len()
        );
        sleep(Duration::from_millis(200)).await;
    }
}

/// No two operations are of one transaction.
async fn transactions_differ(db: &AnyPool) -> Result<()> {
    let mut found = BTreeMap::new();
    let rows = sqlx::query("SELECT id, outcome FROM operations WHERE status = 'done'").fetch_all(db).await?;
    for row in rows {
        let (id, outcome): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let outcome: serde_json::Value = serde_json::from_str(&outcome)?;
        let Some(transaction) = outcome["transaction"].as_str() else { continue };
        let other = found.insert(transaction.to_owned(), id.clone());
        ensure!(other.is_none(), "{id} and {other:?} are of one transaction");
    }
    Ok(())
}

/// How many events of each kind, plan and holder there are.
struct Chain(BTreeMap<(B256, PlanId, Address), u64>);

impl Chain {
    async fn read(place: &Place) -> Result<Self> {
        let provider = place.chain.devnet.reader();
        let mut counts = BTreeMap::new();
        for (event, holder) in [
            // The holder is the third of its topics, behind the payer.
            (PlanOrdered::SIGNATURE_HASH, 3),
            (CreditsMinted::SIGNATURE_HASH, 2),
            (CreditsBurned::SIGNATURE_HASH, 2),
            (CreditsRedeemed::SIGNATURE_HASH, 2),
        ] {
            let filter = Filter::new().address(place.scrip()).event_signature(event).from_block(0);
            for log in provider.get_logs(&filter).await? {
                let topics = log.topics();
                let key = (event, PlanId(topics[1].into()), Address::from_word(topics[holder]));
                *counts.entry(key).or_default() += 1;
            }
        }
        Ok(Self(counts))
    }

    fn of<E: SolEvent>(&self, plan: PlanId, holder: Address) -> u64 {
        self.0.get(&(E::SIGNATURE_HASH, plan, holder)).copied().unwrap_or_default()
    }
}
