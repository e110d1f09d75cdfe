//! The reference's complete example: three parties, two kinds of plan and a passing day, each step checked.

use std::{
    io::{self, Write},
    time::Duration,
};

use alloy::primitives::Address;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use eyre::{OptionExt, Result, ensure};
use scrip::{Balance, PlanId, Receipt, Scrip, Terms, Token};
use scrip_devnet::{Devnet, WalletProvider};

const DAY: Duration = Duration::from_secs(86_400);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Plays the story on a new devnet and tells it. Fails at the first step that is not as it should be.
pub async fn play(out: &mut impl Write) -> Result<()> {
    let devnet = Devnet::start().await?;
    let mut story = Story::begin(&devnet, out).await?;
    let plan = story.premium_plan().await?;
    story.order_in_one_call(plan).await?;
    story.gifts_from_the_builder(plan).await?;
    story.redeem_exactly_once(plan).await?;
    story.burn_only_your_own(plan).await?;
    story.a_day_passes(plan).await?;
    let native = story.pay_with_the_native_coin().await?;
    let month = story.two_months_of_access().await?;
    story.end(&[plan, native, month]).await
}

struct Story<'a, W> {
    devnet: &'a Devnet,
    builder: Scrip<WalletProvider>,
    subscriber: Scrip<WalletProvider>,
    agent: Scrip<WalletProvider>,
    coin: Token,
    out: &'a mut W,
    step: u32,
    gas: Vec<(&'static str, u64)>,
}

impl<'a, W: Write> Story<'a, W> {
    async fn begin(devnet: &'a Devnet, out: &'a mut W) -> Result<Self> {
        let builder = devnet.scrip("builder").await?;
        writeln!(out, "Scrip on a local chain")?;
        writeln!(out, "  chain       {} at {}", builder.chain_id(), devnet.url())?;
        writeln!(out, "  contract    {}", builder.address())?;
        writeln!(out, "  test dollar {}", devnet.dollar().address)?;
        let subscriber = devnet.scrip("subscriber").await?;
        let agent = devnet.scrip("agent").await?;
        for (name, scrip) in [("builder", &builder), ("subscriber", &subscriber), ("agent", &agent)] {
            writeln!(out, "  {name:<11} {}", scrip.signer())?;
        }
        let coin = builder.token(Address::ZERO).await?;
        Ok(Self { devnet, builder, subscriber, agent, coin, out, step: 0, gas: Vec::new() })
    }

    async fn premium_plan(&mut self) -> Result<PlanId> {
        let terms = Terms::credits("Premium Plan", 100)
            .price(self.devnet.dollar(), "20")?
            .paid_to(self.builder.signer())
            .takes(1..=100);
        let created = self.builder.create_plan(&terms).await?;
        let plan = created.plan;
        self.tell(
            "The builder creates \"Premium Plan\": 20 tUSD for 100 credits, redeemed 1 to 100 at a time.",
        )?;
        self.say(&format!("plan {plan}"))?;
        self.spent("create a plan", &created.receipt)?;
        ensure!(
            self.builder.plan(plan).await?.terms == terms,
            "the chain holds other terms than were asked for"
        );

        let agent = self.agent.signer();
        let set = self
            .builder
            .set_operator(plan, agent, scrip::Permissions { redeem: true, ..scrip::Permissions::NONE })
            .await?;
        self.tell("The builder lets the agent redeem.")?;
        self.spent("set an operator", &set.receipt)?;

        self.tell("The subscriber looks at its balance.")?;
        self.expect(plan, 0).await?;
        Ok(plan)
    }

    async fn order_in_one_call(&mut self, plan: PlanId) -> Result<()> {
        let before = self.dollars(self.builder.signer()).await?;
        let purchase = self.subscriber.order(plan).await?;
        self.tell("The subscriber orders the plan, in one call of the client: it approves the exact price, then orders.")?;
        let [approval] = purchase.approvals[..] else { eyre::bail!("one approval was needed") };
        self.spent("approve the exact price", &approval)?;
        self.spent("order for an ERC-20, first", &purchase.ordered.receipt)?;
        let paid = self.devnet.dollar().format(purchase.ordered.paid);
        self.say(&format!("paid {paid}, got {} credits", purchase.ordered.credits))?;
        ensure!(paid == "20 tUSD" && purchase.ordered.credits == 100, "20 tUSD should buy 100 credits");
        let received = self.dollars(self.builder.signer()).await? - before;
        ensure!(received == purchase.ordered.paid, "the builder should receive what was paid");
        self.expect(plan, 100).await
    }

    async fn gifts_from_the_builder(&mut self, plan: PlanId) -> Result<()> {
        let holder = self.subscriber.signer();
        let minted = self.builder.mint(plan, holder, 50).await?;
        self.tell("The builder mints 50 more for the subscriber.")?;
        self.spent("mint", &minted.receipt)?;
        self.expect(plan, 150).await?;

        let minted = self.builder.mint_expirable(plan, holder, 100, DAY).await?;
        self.tell("The builder mints 100 that last a day.")?;
        self.spent("mint credits that expire", &minted.receipt)?;
        self.expect(plan, 250).await
    }

    async fn redeem_exactly_once(&mut self, plan: PlanId) -> Result<()> {
        let holder = self.subscriber.signer();
        let redeemed = self.agent.redeem(plan, holder, 5, "request-123").await?;
        self.tell("The agent redeems 5 for request-123. What expires first is spent first.")?;
        self.spent("redeem for a string id", &redeemed.receipt)?;
        self.expect(plan, 245).await?;

        let again = self.agent.redeem(plan, holder, 5, "request-123").await.err();
        let again = again.ok_or_eyre("the same request should be refused")?;
        self.tell("The agent redeems request-123 again.")?;
        self.say(&again.to_string())?;
        ensure!(again.is_already_redeemed(), "the refusal should say that it was already redeemed");
        self.expect(plan, 245).await
    }

    async fn burn_only_your_own(&mut self, plan: PlanId) -> Result<()> {
        let (builder, holder) = (self.builder.signer(), self.subscriber.signer());
        self.builder.mint(plan, builder, 10).await?;
        let burned = self.builder.burn(plan, 10).await?;
        self.tell("The builder mints itself 10 credits and burns them.")?;
        self.spent("burn", &burned.receipt)?;
        let left = self.builder.balance(plan, builder).await?.balance;
        ensure!(left == 0, "the builder should have none left, not {left}");

        let refused = self.builder.burn_from(plan, holder, 10).await.err();
        let refused = refused.ok_or_eyre("the builder should not burn the subscriber's credits")?;
        self.tell("The builder tries to burn 10 of the subscriber's.")?;
        self.say(&refused.to_string())?;
        ensure!(refused.is_not_allowed(), "the refusal should say that it is not allowed");
        self.expect(plan, 245).await
    }

    async fn a_day_passes(&mut self, plan: PlanId) -> Result<()> {
        self.devnet.warp(DAY).await?;
        self.tell("A day passes. The 95 that were left of the day's lot are gone, and nothing else.")?;
        self.expect(plan, 150).await
    }

    async fn pay_with_the_native_coin(&mut self) -> Result<PlanId> {
        let terms =
            Terms::credits("Native Plan", 100).price(&self.coin, "0.01")?.paid_to(self.builder.signer());
        let plan = self.builder.create_plan(&terms).await?.plan;
        let purchase = self.subscriber.order(plan).await?;
        self.tell("The subscriber orders \"Native Plan\" for 0.01 ETH.")?;
        self.spent("order for the native coin, first", &purchase.ordered.receipt)?;
        ensure!(purchase.approvals.is_empty(), "the native coin needs no approval");
        self.expect(plan, 100).await?;
        Ok(plan)
    }

    async fn two_months_of_access(&mut self) -> Result<PlanId> {
        let holder = self.subscriber.signer();
        let terms = Terms::access("A month", MONTH)?
            .price(self.devnet.dollar(), "30")?
            .paid_to(self.builder.signer());
        let plan = self.builder.create_plan(&terms).await?.plan;
        let first = self.subscriber.order(plan).await?.ordered;
        let begin = self.devnet.now().await?;
        let second = self.subscriber.order(plan).await?.ordered;
        self.tell("The subscriber orders \"A month\" twice: access lasts two months.")?;
        self.spent("order access, first", &first.receipt)?;
        self.spent("order access, again", &second.receipt)?;
        let end = self.subscriber.access_end(plan, holder).await?.ok_or_eyre("access should have an end")?;
        self.say(&format!("access ends in {} days", (end - begin) / DAY.as_secs()))?;
        ensure!(end - begin == 2 * MONTH.as_secs(), "access should last exactly two months");
        self.expect(plan, 1).await?;

        self.devnet.warp(MONTH + MONTH / 2).await?;
        self.tell("A month and a half passes.")?;
        self.expect(plan, 1).await?;
        self.devnet.warp(MONTH / 2).await?;
        self.tell("The two months are over.")?;
        self.expect(plan, 0).await?;
        Ok(plan)
    }

    async fn end(self, plans: &[PlanId]) -> Result<()> {
        let mut table = new_table(["plan", "type", "price per credit", "subscriber", "builder", "agent"]);
        for &plan in plans {
            let Balance { plan_name, plan_type, price_per_credit, .. } =
                self.subscriber.balance(plan, self.subscriber.signer()).await?;
            let mut row = vec![
                plan_name,
                format!("{plan_type:?}").to_lowercase(),
                price_per_credit.map_or_else(|| "quoted".to_owned(), |price| price.to_string()),
            ];
            for holder in [&self.subscriber, &self.builder, &self.agent] {
                row.push(holder.balance(plan, holder.signer()).await?.balance.to_string());
            }
            table.add_row(row);
        }
        right_align(&mut table, &[2, 3, 4, 5]);
        writeln!(self.out, "\nBalances at the end (prices in base units)\n{table}")?;

        let mut table = new_table(["operation", "gas"]);
        for (operation, gas) in &self.gas {
            table.add_row([(*operation).to_owned(), thousands(*gas)]);
        }
        right_align(&mut table, &[1]);
        writeln!(self.out, "\nGas\n{table}")?;
        Ok(())
    }

    /// Begins a step.
    fn tell(&mut self, text: &str) -> io::Result<()> {
        self.step += 1;
        writeln!(self.out, "\n{:>2}. {text}", self.step)
    }

    /// Adds a line to a step.
    fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "    {text}")
    }

    /// Notes what an operation cost.
    fn spent(&mut self, operation: &'static str, receipt: &Receipt) -> io::Result<()> {
        self.gas.push((operation, receipt.gas_used));
        self.say(&format!("{operation}: {} gas", thousands(receipt.gas_used)))
    }

    /// Checks and tells the subscriber's balance.
    async fn expect(&mut self, plan: PlanId, expected: u128) -> Result<()> {
        let Balance { balance, is_subscriber, .. } =
            self.subscriber.balance(plan, self.subscriber.signer()).await?;
        let subscriber = if is_subscriber { "a subscriber" } else { "no subscriber" };
        self.say(&format!("balance {balance}, {subscriber}"))?;
        ensure!(balance == expected, "the balance should be {expected}, not {balance}");
        ensure!(is_subscriber == (expected > 0), "who has credits is a subscriber");
        Ok(())
    }

    async fn dollars(&self, account: Address) -> Result<alloy::primitives::U256> {
        let dollar = scrip::abi::IERC20::new(self.devnet.dollar().address, self.devnet.reader());
        Ok(dollar.balanceOf(account).call().await?)
    }
}

/// A table with a head.
pub fn new_table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(head);
    table
}

/// Sets columns of numbers flush right.
pub fn right_align(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A number with its thousands set apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
