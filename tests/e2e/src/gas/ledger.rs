//! Minting, burning, redeeming, and what histories do to their cost.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use eyre::{Result, ensure};
use scrip::{Batch, Permissions, PlanId, Redeemers, Use, Voucher};

use super::{
    Bench, DAY, DEADLINE,
    Section::{History, Mints, Redemptions, WorstCases},
    incumbent as theirs,
};

/// The items of the greatest batch.
const BATCH: u64 = 100;

impl Bench<'_> {
    pub(super) async fn mints_and_burns(&mut self) -> Result<()> {
        let holder = self.subscriber.signer();
        let plan = self.create(&self.premium()?).await?;
        let gas = self.builder.mint(plan, holder, 100).await?.receipt.gas_used;
        self.bounded(Mints, "mint, new holder", gas, 55_000).beside(theirs::MINT_NEW);
        let gas = self.builder.mint(plan, holder, 100).await?.receipt.gas_used;
        self.bounded(Mints, "mint, known holder", gas, 38_000).beside(theirs::MINT_KNOWN);
        let gas = self.subscriber.burn(plan, 1).await?.receipt.gas_used;
        self.row(Mints, "burn one's own", gas);

        let plan = self.create(&self.premium()?).await?;
        let gas = self.mint_expirable(plan, DAY).await?;
        self.bounded(Mints, "mint expirable, new holder", gas, 60_000).beside(theirs::MINT_EXPIRABLE_NEW);
        self.pass(1).await?;
        let gas = self.mint_expirable(plan, DAY).await?;
        self.bounded(Mints, "mint expirable, known holder", gas, 62_000).beside(theirs::MINT_EXPIRABLE_KNOWN);
        Ok(())
    }

    pub(super) async fn redemptions(&mut self) -> Result<()> {
        let holder = self.subscriber.signer();
        let terms = self.premium()?.redeemed_by(Redeemers { owner: true, holder: false, operators: true });
        let plan = self.create(&terms).await?;
        self.builder.mint(plan, holder, 10_000).await?;
        let gas = self.builder.redeem_without_id(plan, holder, 5).await?.receipt.gas_used;
        self.bounded(Redemptions, "redeem without an id", gas, 37_000).beside(theirs::BURN_BY_OWNER);
        self.builder.redeem(plan, holder, 5, 1).await?;
        let gas = self.builder.redeem(plan, holder, 5, 2).await?.receipt.gas_used;
        self.bounded(Redemptions, "redeem, id in a used word", gas, 43_000).beside(theirs::BURN_BY_OWNER);
        let gas = self.builder.redeem(plan, holder, 5, "request-123").await?.receipt.gas_used;
        self.bounded(Redemptions, "redeem, string id (fresh word)", gas, 60_000)
            .beside(theirs::BURN_BY_OWNER);

        let operator = self.agent.signer();
        self.builder.set_operator(plan, operator, Permissions { redeem: true, ..Permissions::NONE }).await?;
        let gas = self.agent.redeem_without_id(plan, holder, 5).await?.receipt.gas_used;
        self.bounded(Redemptions, "redeem without an id, by an operator", gas, 37_000 + 2_500)
            .beside(theirs::BURN);

        let plan = self.create(&self.premium()?).await?;
        for _ in 0..2 {
            self.mint_expirable(plan, DAY).await?;
            self.pass(60).await?;
        }
        let gas = self.builder.redeem_without_id(plan, holder, 5).await?.receipt.gas_used;
        self.row(Redemptions, "redeem credits that expire, without an id", gas)
            .beside(theirs::BURN_EXPIRABLE);
        Ok(())
    }

    pub(super) async fn vouchers(&mut self) -> Result<()> {
        let (holder, redeemer) = (self.subscriber.signer(), self.builder.signer());
        let plan = self.create(&self.premium()?.with_vouchers()).await?;
        self.builder.mint(plan, holder, 10_000).await?;
        let key = &self.devnet.actor("subscriber")?.signer;
        let mut gas = [0; 2];
        for (nonce, gas) in (0..).zip(&mut gas) {
            let nonce = U256::from(nonce);
            let voucher = Voucher { plan, holder, redeemer, maximum: 10, nonce, deadline: DEADLINE };
            let signed = self.subscriber.sign(voucher, key).await?;
            *gas = self.builder.redeem_with_voucher(&signed, 5).await?.receipt.gas_used;
        }
        self.row(Redemptions, "redeem with a voucher, nonce in a fresh word, no id", gas[0])
            .beside(theirs::BURN_PROOF_FIRST);
        self.bounded(Redemptions, "redeem with a voucher, nonce in a used word, no id", gas[1], 49_000)
            .beside(theirs::BURN_PROOF_REPEAT);
        Ok(())
    }

    pub(super) async fn batches(&mut self) -> Result<()> {
        let plan = self.create(&self.premium()?).await?;
        let holders: Vec<_> =
            (1..=BATCH).map(|place| Address::left_padding_from(&[0x5c, place as u8])).collect();
        let mut calls = Vec::new();
        for &holder in &holders {
            calls.push(self.builder.instance().mint(plan.0, holder, 1_000).calldata().clone());
        }
        self.builder.multicall(calls, false).await?;
        for id in [0, 256] {
            self.builder.redeem(plan, holders[0], 1, id).await?;
        }

        // What each costs beyond what a batch costs by itself, all ids in one word that is used.
        let (half, whole) = (&holders[..holders.len() / 2], &holders[..]);
        let gas = self.batch(plan, whole, 1).await? - self.batch(plan, half, 101).await?;
        self.bounded(Redemptions, "redeem in a batch, each further item, distinct holders", gas / 50, 10_400).note(
            "above the 9,500 that were aimed at, since the log of each use says its holder, its amount and its id in full; \
             from batches of 100 and 50",
        );
        let one = vec![holders[0]; holders.len()];
        let gas = self.batch(plan, &one, 151).await? - self.batch(plan, &one[..50], 257).await?;
        self.bounded(Redemptions, "redeem in a batch, each further item, one holder", gas / 50, 4_800)
            .note("from batches of 100 and 50");
        let gas = self.batch(plan, &holders[..10], 307).await?;
        self.row(Redemptions, "redeem a batch of 10 of distinct holders", gas);
        let gas = self.batch(plan, &one[..10], 317).await?;
        self.row(Redemptions, "redeem a batch of 10 of one holder", gas).beside(theirs::BATCH);
        Ok(())
    }

    async fn batch(&self, plan: PlanId, holders: &[Address], first: u64) -> Result<u64> {
        let uses = (first..).zip(holders);
        let uses = uses.map(|(id, &holder)| Use { holder, amount: 5, request: id.into() }).collect();
        Ok(self.builder.redeem_many(&[Batch { plan, uses }]).await?.receipt.gas_used)
    }

    /// A balance and a redemption, after one of each and after a long history.
    pub(super) async fn history(&mut self) -> Result<()> {
        let holder = self.subscriber.signer();
        let plan = self.create(&self.premium()?).await?;
        self.builder.mint(plan, holder, 10_000).await?;
        self.mint_expirable(plan, 1).await?;
        self.pass(2).await?;
        // Ids of two bytes throughout, neither zero, since the bytes of a call cost gas too.
        self.builder.redeem(plan, holder, 1, 257).await?;
        let (young, young_view) = self.balance_gas(plan, holder).await?;
        let redeem_young = self.builder.redeem(plan, holder, 1, 258).await?.receipt.gas_used;
        self.row(History, "balanceOf, after 1 redemption, as a transaction", young)
            .beside(theirs::BALANCE_YOUNG);
        self.bounded(History, "balanceOf, after 1 redemption (the view alone)", young_view, 15_000);

        for request in 300..1_298 {
            self.builder.redeem(plan, holder, 1, request).await?;
        }
        for _ in 0..4 {
            for lot in 0..50 {
                self.mint_expirable(plan, 1_000 + lot).await?;
            }
            self.pass(2_000).await?;
        }
        let (_, uncleared) = self.balance_gas(plan, holder).await?;
        let clearing = self.builder.redeem(plan, holder, 1, 1_298).await?.receipt.gas_used;
        let (old, old_view) = self.balance_gas(plan, holder).await?;
        let redeem = self.builder.redeem(plan, holder, 1, 1_299).await?.receipt.gas_used;
        self.row(History, "balanceOf, after 1,000 redemptions and 200 expired lots, as a transaction", old)
            .beside(theirs::BALANCE_OLD);
        self.bounded(History, "balanceOf, after the same history (the view alone)", old_view, young_view);
        self.bounded(
            History,
            "balanceOf, while 50 expired lots wait to be cleared (the view alone)",
            uncleared,
            15_000,
        );
        self.row(History, "redeem, id in a used word, after 1 redemption", redeem_young);
        self.bounded(History, "redeem, id in a used word, after the same history", redeem, redeem_young)
            .beside(theirs::BURN_AFTER_HISTORY);
        self.row(WorstCases, "redeem, clearing 50 expired lots", clearing);
        self.row(WorstCases, "the same, for each lot that it clears", (clearing - redeem) / 50);
        Ok(())
    }

    /// The dearest that histories can make a call.
    pub(super) async fn worst_cases(&mut self) -> Result<()> {
        let holder = self.subscriber.signer();
        let plan = self.create(&self.premium()?).await?;
        for lot in 0..42 {
            self.mint_expirable(plan, DAY + lot).await?;
        }
        let few = self.builder.redeem_without_id(plan, holder, 20).await?.receipt.gas_used;
        let many = self.builder.redeem_without_id(plan, holder, 400).await?.receipt.gas_used;
        self.row(WorstCases, "redeem across lots, for each lot beyond the first", (many - few) / 38);

        let plan = self.full_account().await?;
        let lots = self.subscriber.lots(plan, holder).await?.len();
        ensure!(lots >= 160, "the account should be full, it has {lots} lots");
        let gas = self.order(plan).await?;
        self.row(WorstCases, "order into a full account, before 96 later lots", gas);
        let total = self.subscriber.balance(plan, holder).await?.balance;
        let most = u64::try_from(total)?.min(u32::MAX.into());
        let gas = self.builder.redeem_without_id(plan, holder, most).await?.receipt.gas_used;
        self.row(WorstCases, "redeem all of a full account, across 160 lots", gas)
            .beside(theirs::BURN_ACROSS);
        ensure!(self.subscriber.balance(plan, holder).await?.balance == 0, "all of it should be redeemed");

        let plan = self.full_account().await?;
        self.builder.mint(plan, holder, 1).await?;
        self.pass(4 * DAY).await?;
        let gas = self.builder.redeem_without_id(plan, holder, 1).await?.receipt.gas_used;
        self.row(WorstCases, "redeem behind a full account, once all of it has expired", gas)
            .beside(theirs::BURN_BEHIND);
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
}
