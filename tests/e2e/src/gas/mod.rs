//! Gas of the operations, from the receipts of whole transactions, beside the figures that we hold ourselves to.

mod incumbent;
mod ledger;
mod orders;
mod page;

use std::time::Duration;

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    providers::{Provider, WalletProvider as _, ext::AnvilApi},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use eyre::Result;
use scrip::{PlanId, Scrip, Terms, abi};
use scrip_devnet::{Config, Devnet, WalletProvider};
use serde::Serialize;

pub use incumbent::Incumbent;
pub use page::page;

/// What one operation costs.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Where it stands.
    pub section: Section,
    /// The operation.
    pub operation: &'static str,
    /// Its gas.
    pub gas: u64,
    /// The most that it may be, where there is a figure.
    pub at_most: Option<u64>,
    /// What the incumbent's contracts need for the same.
    pub incumbent: Option<Incumbent>,
    /// What should be known of it.
    pub note: Option<&'static str>,
}

/// What the operations are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each has its title")]
pub enum Section {
    Orders,
    Mints,
    Redemptions,
    History,
    WorstCases,
}

impl Section {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::Orders, Self::Mints, Self::Redemptions, Self::History, Self::WorstCases];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Orders => "Plans and orders",
            Self::Mints => "Mint and burn",
            Self::Redemptions => "Redemption",
            Self::History => "With a history",
            Self::WorstCases => "More lots, and the worst cases",
        }
    }
}

impl Row {
    /// Whether it is within its figure.
    pub fn is_within(&self) -> bool {
        self.at_most.is_none_or(|most| self.gas <= most)
    }

    /// How many times as much the incumbent's needs.
    pub fn ratio(&self) -> Option<f64> {
        self.incumbent.map(|theirs| theirs.gas as f64 / self.gas as f64)
    }

    fn beside(&mut self, incumbent: Option<Incumbent>) -> &mut Self {
        self.incumbent = incumbent;
        self
    }

    fn note(&mut self, note: &'static str) {
        self.note = Some(note);
    }
}

const DAY: u64 = 86_400;
/// More than a 64th of a day, so that the next order makes a lot of its own.
const GRID: u64 = DAY / 64 + 1;
/// When it all begins, so that it is the same whenever it is measured: a day of 2033, in unix seconds.
const BEGIN: u64 = 2_000_000_000;
/// What is signed is valid until then.
const DEADLINE: u64 = 3_000_000_000;

/// Measures everything on a new devnet.
pub async fn measure() -> Result<Vec<Row>> {
    // The builder, who sets the fee: every devnet has the same accounts.
    let fee_controller = alloy::primitives::address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
    let devnet = Devnet::start_with(Config { fee_controller, ..Config::default() }).await?;
    devnet.reader().anvil_set_next_block_timestamp(BEGIN).await?;
    devnet.reader().evm_mine(None).await?;
    let mut bench = Bench {
        builder: devnet.scrip("builder").await?,
        subscriber: devnet.scrip("subscriber").await?,
        agent: devnet.scrip("agent").await?,
        rows: Vec::new(),
        salt: 0,
        devnet: &devnet,
    };
    bench.orders().await?;
    bench.signed_orders().await?;
    bench.orders_with_fee().await?;
    bench.mints_and_burns().await?;
    bench.redemptions().await?;
    bench.vouchers().await?;
    bench.batches().await?;
    bench.history().await?;
    bench.worst_cases().await?;
    Ok(bench.rows)
}

struct Bench<'a> {
    devnet: &'a Devnet,
    builder: Scrip<WalletProvider>,
    subscriber: Scrip<WalletProvider>,
    agent: Scrip<WalletProvider>,
    rows: Vec<Row>,
    salt: u64,
}

impl Bench<'_> {
    fn premium(&self) -> Result<Terms> {
        Ok(Terms::credits("Premium Plan", 100)
            .uri("https://example.com/plans/premium-plan-meta.json")
            .price(self.devnet.dollar(), "20")?
            .paid_to(self.builder.signer()))
    }

    async fn create(&mut self, terms: &Terms) -> Result<PlanId> {
        self.salt += 1;
        Ok(self.builder.create_plan_with_salt(terms, U256::from(self.salt)).await?.plan)
    }

    async fn order(&self, plan: PlanId) -> Result<u64> {
        Ok(self.subscriber.order(plan).await?.ordered.receipt.gas_used)
    }

    async fn mint_expirable(&self, plan: PlanId, lifetime: u64) -> Result<u64> {
        let lifetime = Duration::from_secs(lifetime);
        Ok(self.builder.mint_expirable(plan, self.subscriber.signer(), 10, lifetime).await?.receipt.gas_used)
    }

    async fn approve(&self, amount: U256) -> Result<()> {
        // A provider of its own, which has not counted nonces before the client took some.
        let provider = self.devnet.provider(self.devnet.actor("subscriber")?);
        let dollar = abi::IERC20::new(self.devnet.dollar().address, provider);
        dollar.approve(self.subscriber.address(), amount).send().await?.get_receipt().await?;
        Ok(())
    }

    async fn pass(&self, seconds: u64) -> Result<()> {
        Ok(self.devnet.warp(Duration::from_secs(seconds)).await?)
    }

    /// The gas of a transaction that calls `balanceOf`, and that without what any transaction with that data costs.
    async fn balance_gas(&self, plan: PlanId, holder: Address) -> Result<(u64, u64)> {
        let data = Bytes::from(abi::IScrip::balanceOfCall { account: holder, id: plan.0 }.abi_encode());
        let bytes: u64 = data.iter().map(|&byte| if byte == 0 { 4 } else { 16 }).sum();
        let provider = self.devnet.provider(self.devnet.actor("agent")?);
        let call = TransactionRequest::default()
            .with_from(provider.default_signer_address())
            .with_to(self.agent.address())
            .with_input(data);
        let gas = provider.send_transaction(call).await?.get_receipt().await?.gas_used;
        Ok((gas, gas - 21_000 - bytes))
    }

    fn row(&mut self, section: Section, operation: &'static str, gas: u64) -> &mut Row {
        let row = Row { section, operation, gas, at_most: None, incumbent: None, note: None };
        self.rows.push(row);
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    fn bounded(&mut self, section: Section, operation: &'static str, gas: u64, at_most: u64) -> &mut Row {
        let row = self.row(section, operation, gas);
        row.at_most = Some(at_most);
        row
    }
}
