//! Gas of the operations, from the receipts of whole transactions, beside the figures that we hold ourselves to.

use std::time::Duration;

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    providers::{Provider, WalletProvider as _},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use eyre::{Result, ensure};
use scrip::{Permissions, PlanId, Redeemers, Scrip, Terms, abi};
use scrip_devnet::{Devnet, WalletProvider};
use serde::Serialize;

/// What one operation costs.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The operation.
    pub operation: &'static str,
    /// The gas of its transaction; of a view, without what every transaction costs.
    pub gas: u64,
    /// The most that it may be, where there is a figure.
    pub at_most: Option<u64>,
}

impl Row {
    /// Whether it is within its figure.
    pub fn is_within(&self) -> bool {
        self.at_most.is_none_or(|most| self.gas <= most)
    }
}

const DAY: u64 = 86_400;
/// More than a 64th of a day, so that the next order makes a lot of its own.
const GRID: u64 = DAY / 64 + 1;

/// Measures everything on a new devnet.
pub async fn measure() -> Result<Vec<Row>> {
    let devnet = Devnet::start().await?;
    let mut bench = Bench {
        builder: devnet.scrip("builder").await?,
        subscriber: devnet.scrip("subscriber").await?,
        agent: devnet.scrip("agent").await?,
        rows: Vec::new(),
        salt: 0,
        devnet: &devnet,
    };
    bench.orders().await?;
    bench.mints_and_burns().await?;
    bench.redemptions().await?;
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
    async fn orders(&mut self) -> Result<()> {
        let premium = self.premium()?;
        let created = self.builder.create_plan_with_salt(&premium, U256::MAX).await?;
        self.row("create plan (48-byte URI)", created.receipt.gas_used, Some(180_000));

        let plan = created.plan;
        let first = self.order(plan).await?;
        self.row("order ERC-20, exact allowance, first", first, Some(85_000));
        let repeat = self.order(plan).await?;
        self.row("order ERC-20, exact allowance, repeat", repeat, Some(68_000));

        let plan = self.create(&premium.clone().lasting(Duration::from_secs(DAY))?).await?;
        let first = self.order(plan).await?;
        self.row("order with a lifetime, first", first, Some(88_000));
        let mut most = 0;
        for _ in 0..3 {
            self.pass(GRID).await?;
            most = most.max(self.order(plan).await?);
        }
        self.row("order with a lifetime, repeat (dearest of lots 2 to 4)", most, Some(90_000));
        let balance = self.balance_gas(plan, self.subscriber.signer()).await?;
        self.row("balanceOf, 4 live lots (view)", balance, Some(15_000));

        let access = Terms::access("A month", Duration::from_secs(30 * DAY))?;
        let plan =
            self.create(&access.price(self.devnet.dollar(), "20")?.paid_to(self.builder.signer())).await?;
        let first = self.order(plan).await?;
        self.row("order access, first", first, None);
        let repeat = self.order(plan).await?;
        self.row("order access, repeat", repeat, None);

        self.approve_all().await?;
        let plan = self.create(&premium).await?;
        let first = self.order(plan).await?;
        self.row("order ERC-20, unlimited allowance, first", first, Some(85_000));
        let repeat = self.order(plan).await?;
        self.row("order ERC-20, unlimited allowance, repeat", repeat, Some(68_000));

        let coin = self.builder.token(Address::ZERO).await?;
        let plan = self.create(&premium.price(&coin, "0.01")?).await?;
        let first = self.order(plan).await?;
        self.row("order native, first", first, Some(78_000));
        let repeat = self.order(plan).await?;
        self.row("order native, repeat", repeat, Some(61_000));
        Ok(())
    }

    async fn mints_and_burns(&mut self) -> Result<()> {
        let holder = self.subscriber.signer();
        let plan = self.create(&self.premium()?).await?;
        let new = self.builder.mint(plan, holder, 100).await?.receipt.gas_used;
        self.row("mint, new holder", new, Some(55_000));
        let known = self.builder.mint(plan, holder, 100).await?.receipt.gas_used;
        self.row("mint, known holder", known, Some(38_000));
        let burn = self.subscriber.burn(plan, 1).await?.receipt.gas_used;
        self.row("burn", burn, None);

        let plan = self.create(&self.premium()?).await?;
        let new = self.mint_expirable(plan, DAY).await?;
        self.row("mint expirable, new holder", new, Some(60_000));
        self.pass(1).await?;
        let known = self.mint_expirable(plan, DAY).await?;
        self.row("mint expirable, known holder", known, Some(62_000));
        Ok(())
    }

    async fn redemptions(&mut self) -> Result<()> {
        let holder = self.subscriber.signer();
        let terms = self.premium()?.redeemed_by(Redeemers { owner: true, holder: false, operators: true });
        let plan = self.create(&terms).await?;
        self.builder.mint(plan, holder, 10_000).await?;
        let without_id = self.builder.redeem_without_id(plan, holder, 5).await?.receipt.gas_used;
        self.row("redeem without an id", without_id, Some(37_000));
        let fresh = self.builder.redeem(plan, holder, 5, "request-123").await?.receipt.gas_used;
        self.row("redeem, string id (fresh word)", fresh, Some(60_000));
        self.builder.redeem(plan, holder, 5, 1).await?;
        let used = self.builder.redeem(plan, holder, 5, 2).await?.receipt.gas_used;
        self.row("redeem, id in a used word", used, Some(43_000));

        let operator = self.agent.signer();
        self.builder.set_operator(plan, operator, Permissions { redeem: true, ..Permissions::NONE }).await?;
        let operator = self.agent.redeem_without_id(plan, holder, 5).await?.receipt.gas_used;
        self.row("redeem without an id, by an operator", operator, Some(37_000 + 2_500));
        Ok(())
    }

    /// A balance and a redemption, after one of each and after a long history.
    async fn history(&mut self) -> Result<()> {
        let holder = self.subscriber.signer();
        let plan = self.create(&self.premium()?).await?;
        self.builder.mint(plan, holder, 10_000).await?;
        self.mint_expirable(plan, 1).await?;
        self.pass(2).await?;
        // Ids of two bytes throughout, since the bytes of a call cost gas too.
        self.builder.redeem(plan, holder, 1, 300).await?;
        let balance_young = self.balance_gas(plan, holder).await?;
        let redeem_young = self.builder.redeem(plan, holder, 1, 301).await?.receipt.gas_used;
        self.row("balanceOf, after 1 redemption and 1 expired lot (view)", balance_young, Some(15_000));

        for request in 302..1_300 {
            self.builder.redeem(plan, holder, 1, request).await?;
        }
        for _ in 0..4 {
            for lot in 0..50 {
                self.mint_expirable(plan, 1_000 + lot).await?;
            }
            self.pass(2_000).await?;
        }
        let uncleared = self.balance_gas(plan, holder).await?;
        let clearing = self.builder.redeem(plan, holder, 1, 1_301).await?.receipt.gas_used;
        let balance = self.balance_gas(plan, holder).await?;
        let redeem = self.builder.redeem(plan, holder, 1, 1_302).await?.receipt.gas_used;
        self.row(
            "balanceOf, after 1,000 redemptions and 200 expired lots (view)",
            balance,
            Some(balance_young),
        );
        self.row("balanceOf, while expired lots wait to be cleared (view)", uncleared, Some(15_000));
        self.row("redeem, id in a used word, after the same history", redeem, Some(redeem_young));
        self.row("redeem, id in a used word, clearing 50 expired lots", clearing, None);
        Ok(())
    }

    /// The dearest that histories can make a call.
    async fn worst_cases(&mut self) -> Result<()> {
        let holder = self.subscriber.signer();
        let plan = self.full_account().await?;
        let lots = self.subscriber.lots(plan, holder).await?;
        self.row("lots in that account", lots.len() as u64, None);
        let order = self.order(plan).await?;
        self.row("order into it, before 96 later lots", order, None);
        let total = self.subscriber.balance(plan, holder).await?.balance;
        let most = u64::try_from(total)?.min(u32::MAX.into());
        let redeem = self.builder.redeem_without_id(plan, holder, most).await?.receipt.gas_used;
        self.row("redeem all of it", redeem, None);
        ensure!(self.subscriber.balance(plan, holder).await?.balance == 0, "all of it should be redeemed");

        let plan = self.full_account().await?;
        self.builder.mint(plan, holder, 1).await?;
        self.pass(4 * DAY).await?;
        let redeem = self.builder.redeem_without_id(plan, holder, 1).await?.receipt.gas_used;
        self.row("redeem behind it, once all of it has expired", redeem, None);
        Ok(())
    }

    /// A plan of which the subscriber has as many lots as can be: 96 of mints, with later expiries, and those of orders.
    async fn full_account(&mut self) -> Result<PlanId> {
        let plan = self.create(&self.premium()?.lasting(Duration::from_secs(DAY))?).await?;
        for lot in 0..96 {
            self.mint_expirable(plan, 3 * DAY + lot).await?;
        }
        for _ in 0..65 {
            self.order(plan).await?;
            self.pass(DAY / 64).await?;
        }
        Ok(plan)
    }

    // ── Helpers ──

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

    async fn approve_all(&self) -> Result<()> {
        let dollar = abi::IERC20::new(self.devnet.dollar().address, self.subscriber.provider());
        dollar.approve(self.subscriber.address(), U256::MAX).send().await?.get_receipt().await?;
        Ok(())
    }

    async fn pass(&self, seconds: u64) -> Result<()> {
        Ok(self.devnet.warp(Duration::from_secs(seconds)).await?)
    }

    /// The gas of `balanceOf`: of a transaction that calls it, less what any transaction with that data costs.
    async fn balance_gas(&self, plan: PlanId, holder: Address) -> Result<u64> {
        let data = Bytes::from(abi::IScrip::balanceOfCall { account: holder, id: plan.0 }.abi_encode());
        let bytes: u64 = data.iter().map(|&byte| if byte == 0 { 4 } else { 16 }).sum();
        let provider = self.agent.provider();
        let call = TransactionRequest::default()
            .with_from(provider.default_signer_address())
            .with_to(self.agent.address())
            .with_input(data);
        let receipt = provider.send_transaction(call).await?.get_receipt().await?;
        Ok(receipt.gas_used - 21_000 - bytes)
    }

    fn row(&mut self, operation: &'static str, gas: u64, at_most: Option<u64>) {
        self.rows.push(Row { operation, gas, at_most });
    }
}
