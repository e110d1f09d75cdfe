//! A random walk through all that changes balances, with time warps and reorgs, beside which the books are kept from events.

use std::{collections::BTreeMap, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::RootProvider,
};
use eyre::Result;
use futures_util::StreamExt;
use scrip::{
    Batch, Change, Kind, Ledger, Lens, Permissions, PlanId, Price, RequestId, Scrip, SessionVoucher, Terms,
    Use, Voucher,
};
use scrip_devnet::WalletProvider;
use scrip_e2e::env::TestEnv;

use crate::history::{history, newest, reorganise};

const STEPS: u64 = 440;
const HOUR: Duration = Duration::from_secs(3_600);

/// Who walks, and what it has done.
struct Walk {
    env: TestEnv,
    plans: Vec<PlanId>,
    seed: u64,
    /// The next request, nonce or payment.
    number: u64,
    payments: Vec<(PlanId, String)>,
}

impl Walk {
    async fn start() -> Result<Self> {
        let env = TestEnv::start().await?;
        let fiat = Price::Fiat { currency: "USD".parse()?, amount: 1_000_000 };
        let terms = [
            env.premium()?.revocable(),
            Terms::credits("Ten minutes", 10).lasting(Duration::from_secs(640))?.revocable(),
            Terms::access("An hour", HOUR)?.revocable(),
            Terms { price: fiat, ..Terms::credits("Paid by card", 20).lasting(HOUR)? },
            Terms { price: fiat, ..Terms::access("Access by card", HOUR)? },
            Terms::credits("Trial", 3).limit_per_holder(3).limit_in_all(5),
        ];
        let mut plans = Vec::new();
        for terms in &terms {
            plans.push(env.create(terms).await?);
        }
        Ok(Self { env, plans, seed: 11, number: 0, payments: Vec::new() })
    }

    fn dice(&mut self, sides: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % sides
    }

    fn plan(&mut self, from: usize, to: usize) -> PlanId {
        let place = usize::try_from(self.dice((to - from) as u64)).unwrap_or_default();
        self.plans[from + place]
    }

    fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// A holder by name, as it uses Scrip now: anew, since reorgs set nonces back.
    async fn holder(&mut self) -> Result<(&'static str, Scrip<WalletProvider>)> {
        let name = ["subscriber", "agent", "stranger"][usize::try_from(self.dice(3))?];
        Ok((name, self.env.devnet.scrip(name).await?))
    }

    /// One step, whichever; whether it was done and not refused.
    async fn step(&mut self) -> Result<bool> {
        let (name, holder) = self.holder().await?;
        let builder = self.env.devnet.scrip("builder").await?;
        let (account, amount, number) = (holder.signer(), 1 + self.dice(6), self.number());
        let any = self.plan(0, 6);
        Ok(match self.dice(22) {
            0..=2 => {
                let plan = [0, 1, 1, 2, 5][usize::try_from(self.dice(5))?];
                holder.order(self.plans[plan]).await.is_ok()
            }
            3 => builder.mint(any, account, amount).await.is_ok(),
            4 | 5 => {
                let time = Duration::from_secs(60 * amount);
                builder.mint_expirable(self.plan(0, 2), account, amount, time).await.is_ok()
            }
            6 => holder.burn(any, amount).await.is_ok(),
            7 => builder.burn_from(self.plan(0, 3), account, amount).await.is_ok(),
            8 | 9 => builder.redeem(any, account, amount, number).await.is_ok(),
            10 => {
                let accounts = [account, account, self.env.agent.signer()];
                let uses = (0..).zip(accounts).map(|(place, holder)| Use {
                    holder,
                    amount,
                    request: RequestId::from(1_000 * (number + 1) + place),
                });
                let plan = self.plan(0, 2);
                builder.redeem_many(&[Batch { plan, uses: uses.collect() }]).await.is_ok()
            }
            11 => builder.redeem_without_id(any, account, amount).await.is_ok(),
            12 | 13 => {
                let (plan, payment) = (self.plan(3, 5), format!("payment-{number}"));
                self.payments.push((plan, payment.clone()));
                builder.settle(plan, account, 1 + u32::try_from(self.dice(3))?, &payment).await.is_ok()
            }
            14 => match self.payment() {
                Some((plan, payment)) => builder.take_back(plan, &payment, amount).await.is_ok(),
                None => false,
            },
            15 => match self.payment() {
                Some((plan, payment)) => builder.reverse_take_back(plan, &payment).await.is_ok(),
                None => false,
            },
            16..=19 => self.vouch(name, &builder, any, amount).await?,
            20 => {
                let seconds = 1 + self.dice(1_500);
                self.env.devnet.warp(Duration::from_secs(seconds)).await?;
                true
            }
            _ => self.rule(&builder, any, account).await?,
        })
    }

    fn payment(&mut self) -> Option<(PlanId, String)> {
        let place = self.dice(self.payments.len() as u64 + 1);
        self.payments.get(usize::try_from(place).ok()?).cloned()
    }

    /// A holder signs, and the builder redeems; or the holder revokes.
    async fn vouch(
        &mut self,
        name: &str,
        by: &Scrip<WalletProvider>,
        plan: PlanId,
        amount: u64,
    ) -> Result<bool> {
        let actor = self.env.devnet.actor(name)?.clone();
        let (holder, redeemer, deadline) = (actor.address(), by.signer(), (1 << 40) - 1);
        let (number, session) = (self.number(), U256::from(self.dice(3)));
        Ok(match self.dice(5) {
            0 | 1 => {
                let nonce = U256::from(number);
                let voucher = Voucher { plan, holder, redeemer, maximum: 100, nonce, deadline };
                let signed = by.sign(voucher, &actor.signer).await?;
                by.redeem_with_voucher(&signed, amount).await.is_ok()
            }
            2 | 3 => {
                let voucher = SessionVoucher { plan, holder, redeemer, maximum: 1_000, session, deadline };
                let signed = by.sign(voucher, &actor.signer).await?;
                by.redeem_in_session(&signed, amount, number).await.is_ok()
            }
            _ => {
                let holder = self.env.devnet.scrip(name).await?;
                let revoked = holder.revoke_voucher(U256::from(number)).await.is_ok();
                revoked && holder.revoke_session(plan, redeemer, session).await.is_ok()
            }
        })
    }

    /// What changes no balance.
    async fn rule(
        &mut self,
        builder: &Scrip<WalletProvider>,
        plan: PlanId,
        account: Address,
    ) -> Result<bool> {
        Ok(match self.dice(3) {
            0 => builder.set_open(plan, true).await.is_ok(),
            1 => {
                let permissions = Permissions { redeem: self.dice(2) == 0, ..Permissions::NONE };
                builder.set_operator(plan, account, permissions).await.is_ok()
            }
            _ => {
                let offered = builder.transfer_ownership(plan, builder.signer()).await.is_ok();
                offered && builder.accept_ownership(plan).await.is_ok()
            }
        })
    }
}

/// Every balance, every lot, and all else that both know.
async fn assert_equal(
    walk: &Walk,
    ledger: &Ledger,
    lens: &Lens<RootProvider>,
    at: scrip::BlockRef,
) -> Result<()> {
    assert_eq!(ledger.compare(lens, at).await?, [], "at {at}");
    let (scrip, now) = (&walk.env.stranger, walk.env.devnet.now().await?);
    for (plan, holder) in ledger.holders() {
        assert_eq!(ledger.lots_at(plan, holder, now), scrip.lots(plan, holder).await?, "{holder} at {at}");
        assert_eq!(ledger.orders_of(plan, holder), scrip.orders_of(plan, holder).await?);
        let (later, redeemer) = (now + 300, walk.env.builder.signer());
        assert_eq!(ledger.balance_at(plan, holder, later), lens.balance_at(plan, holder, later).await?);
        for session in (0..3).map(U256::from) {
            let there = scrip.session(plan, holder, redeemer, session).await?;
            assert_eq!(ledger.session(plan, holder, redeemer, session), there);
        }
        assert_eq!(ledger.permissions(plan, holder), scrip.permissions(plan, holder).await?);
    }
    for plan in &walk.plans {
        assert_eq!(ledger.plan(*plan), Some(&scrip.plan(*plan).await?));
    }
    for (plan, payment) in &walk.payments {
        assert_eq!(ledger.settlement(*plan, payment), scrip.settlement(*plan, payment).await?, "{payment}");
    }
    Ok(())
}

#[tokio::test]
async fn the_books_are_equal_to_the_chain_all_along_a_random_walk() -> Result<()> {
    let mut walk = Walk::start().await?;
    let reader = Scrip::connect(walk.env.devnet.reader(), walk.env.devnet.deployment()).await?;
    let lens = Lens::connect(&reader).await?;
    let mut updates = history(&reader).updates();
    let (mut ledger, mut kinds, mut removed) = (Ledger::default(), BTreeMap::new(), 0);
    for step in 0..STEPS {
        walk.step().await?;
        if step % 40 == 20 {
            let depth = 1 + walk.dice(3);
            reorganise(&walk.env.devnet, depth, vec![]).await?;
        }
        if step % 20 != 0 && step + 1 != STEPS && step % 40 != 19 {
            continue;
        }
        let end = newest(&walk.env.devnet).await?;
        let at = loop {
            let update = updates.next().await.ok_or_else(|| eyre::eyre!("it has ended"))??;
            ledger.follow(&update.change)?;
            match update.change {
                Change::Happened(record) => *kinds.entry(record.event.kind()).or_insert(0) += 1,
                Change::Removed(_) => removed += 1,
                Change::Reached(block) if block.number == end => break block,
                _ => {}
            }
        };
        assert_equal(&walk, &ledger, &lens, at).await?;
        // As it would be stored and loaded again.
        ledger = serde_json::from_str(&serde_json::to_string(&ledger)?)?;
    }

    use Kind as K;
    let must = [K::Ordered, K::Minted, K::Burned, K::Redeemed, K::BatchRedeemed, K::Expired, K::Transferred];
    let must = must.into_iter().chain([K::Settled, K::TakenBack, K::TakeBackReversed, K::VoucherRedeemed]);
    for kind in must.chain([K::SessionSpent, K::SessionRevoked, K::VouchersRevoked, K::OperatorSet]) {
        assert!(kinds.get(&kind).is_some_and(|count| *count >= 2), "too few {kind:?}: {kinds:?}");
    }
    assert!(removed > 10, "{removed} removals");

    let replay = reader.history().replay().await?;
    assert_equal(&walk, &replay.ledger, &lens, replay.block).await?;
    assert_eq!(replay.block.number, newest(&walk.env.devnet).await?);
    assert!(walk.plans.iter().all(|plan| replay.ledger.plan(*plan).is_some()));
    Ok(())
}
