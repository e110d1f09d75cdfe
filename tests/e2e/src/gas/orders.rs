//! Creating and ordering plans.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use eyre::Result;
use scrip::{Item, PaymentStandard, PlanId, Terms};

use super::{Bench, DAY, DEADLINE, GRID, Section::Orders, incumbent as theirs};

impl Bench<'_> {
    pub(super) async fn orders(&mut self) -> Result<()> {
        let premium = self.premium()?;
        let created = self.builder.create_plan_with_salt(&premium, U256::MAX).await?;
        let gas = created.receipt.gas_used;
        self.bounded(Orders, "create plan (48-byte URI)", gas, 180_000).beside(theirs::CREATE_PLAN);

        let plan = created.plan;
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order ERC-20, exact allowance, first", gas, 85_000).beside(theirs::ORDER_FIRST);
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order ERC-20, exact allowance, repeat", gas, 68_000)
            .beside(theirs::ORDER_REPEAT);

        self.approve(U256::MAX).await?;
        let plan = self.create(&premium).await?;
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order ERC-20, unlimited allowance, first", gas, 85_000)
            .beside(theirs::ORDER_FIRST);
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order ERC-20, unlimited allowance, repeat", gas, 68_000)
            .beside(theirs::ORDER_REPEAT);
        self.approve(U256::ZERO).await?;

        let coin = self.builder.token(Address::ZERO).await?;
        let plan = self.create(&premium.clone().price(&coin, "0.01")?).await?;
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order native, first", gas, 78_000).beside(theirs::ORDER_NATIVE_FIRST);
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order native, repeat", gas, 61_000).beside(theirs::ORDER_NATIVE_REPEAT);

        let plan = self.create(&premium.clone().lasting(Duration::from_secs(DAY))?).await?;
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order with a lifetime, first", gas, 88_000)
            .beside(theirs::ORDER_LIFETIME_FIRST);
        let mut most = 0;
        for _ in 0..3 {
            self.pass(GRID).await?;
            most = most.max(self.order(plan).await?);
        }
        self.bounded(Orders, "order with a lifetime, repeat", most, 90_000)
            .beside(theirs::ORDER_LIFETIME_REPEAT)
            .note("the dearest of those that begin the lots 2 to 4");
        let (_, view) = self.balance_gas(plan, self.subscriber.signer()).await?;
        self.bounded(super::Section::History, "balanceOf, 4 live lots (the view alone)", view, 15_000);

        let access = Terms::access("A month", Duration::from_secs(30 * DAY))?;
        let plan =
            self.create(&access.price(self.devnet.dollar(), "20")?.paid_to(self.builder.signer())).await?;
        let gas = self.order(plan).await?;
        self.row(Orders, "order access for a time, first", gas);
        let gas = self.order(plan).await?;
        self.row(Orders, "order access for a time, repeat", gas);
        Ok(())
    }

    /// Orders that the subscriber signs and the agent sends.
    pub(super) async fn signed_orders(&mut self) -> Result<()> {
        let plan = self.create(&self.premium()?).await?;
        let by_permit = self.signed_order(plan, PaymentStandard::Eip2612, 0).await?;
        self.row(Orders, "order by an EIP-2612 signature, first", by_permit)
            .note("the first by signature of this payer, and the router's first of this token");
        let by_permit = self.signed_order(plan, PaymentStandard::Eip2612, 1).await?;
        self.bounded(Orders, "order by an EIP-2612 signature, repeat", by_permit, 130_000)
            .beside(theirs::APPROVE_AND_ORDER)
            .note("sent by another, so with a second signature; approval and order in one transaction");
        let by_authorization = self.signed_order(plan, PaymentStandard::Eip3009, 2).await?;
        self.bounded(Orders, "order by an EIP-3009 signature, repeat", by_authorization, 130_000)
            .beside(theirs::APPROVE_AND_ORDER)
            .note("sent by another; payment and order in one transaction");
        Ok(())
    }

    async fn signed_order(&self, plan: PlanId, standard: PaymentStandard, nonce: u64) -> Result<u64> {
        let key = &self.devnet.actor("subscriber")?.signer;
        let item = Item::new(plan, key.address());
        let order = self.agent.router_order(item, key.address(), U256::from(nonce), DEADLINE).await?;
        let signed = self.subscriber.sign_order_by(standard, order, key).await?;
        Ok(self.agent.send_order(&signed).await?.receipt.gas_used)
    }

    pub(super) async fn orders_with_fee(&mut self) -> Result<()> {
        self.builder.set_fee(self.devnet.actor("stranger")?.address(), 100).await?;
        let premium = self.premium()?;
        let plan = self.create(&premium).await?;
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order ERC-20 with a protocol fee, first", gas, 95_000)
            .beside(theirs::ORDER_FEE_FIRST);
        let gas = self.order(plan).await?;
        self.bounded(Orders, "order ERC-20 with a protocol fee, repeat", gas, 78_000)
            .beside(theirs::ORDER_FEE_REPEAT);

        let coin = self.builder.token(Address::ZERO).await?;
        let plan = self.create(&premium.clone().price(&coin, "0.01")?).await?;
        let gas = self.order(plan).await?;
        self.row(Orders, "order native with a protocol fee, first", gas).beside(theirs::ORDER_NATIVE_FIRST);
        let gas = self.order(plan).await?;
        self.row(Orders, "order native with a protocol fee, repeat", gas).beside(theirs::ORDER_NATIVE_REPEAT);

        let plan = self.create(&premium.lasting(Duration::from_secs(DAY))?).await?;
        let gas = self.order(plan).await?;
        self.row(Orders, "order with a lifetime and a protocol fee, first", gas)
            .beside(theirs::ORDER_LIFETIME_FIRST);
        self.pass(GRID).await?;
        let gas = self.order(plan).await?;
        self.row(Orders, "order with a lifetime and a protocol fee, repeat", gas)
            .beside(theirs::ORDER_LIFETIME_REPEAT);
        self.builder.set_fee(Address::ZERO, 0).await?;
        Ok(())
    }
}
