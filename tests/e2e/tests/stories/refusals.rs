//! Every error of the contract is reached, decoded from the revert, and says its sentence.

use std::{collections::BTreeSet, time::Duration};

use alloy::{
    primitives::{Address, FixedBytes, U256, aliases::U96, keccak256},
    providers::{Provider, ext::AnvilApi},
    sol_types::{SolInterface, SolValue},
};
use eyre::Result;
use scrip::{
    Deployment, Error, Grant, Hook, Limits, PlanId, Price, Redeemers, Scrip, SessionVoucher, Terms, Token,
    Voucher,
    abi::{
        IERC20,
        IScrip::{self, IScripErrors, PriceKind},
    },
};
use scrip_e2e::env::TestEnv;

use crate::common::deploy;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn every_refusal_is_reached_and_has_its_sentence() -> Result<()> {
    let env = TestEnv::start().await?;
    let mut refusals = Refusals { reached: BTreeSet::new(), env: &env };
    refusals.terms().await?;
    refusals.prices().await?;
    refusals.fees().await?;
    refusals.ownership().await?;
    refusals.orders().await?;
    refusals.others().await?;
    refusals.fiat().await?;
    refusals.ledger().await?;
    refusals.access().await?;
    refusals.redemption().await?;
    refusals.vouchers().await?;
    refusals.sessions().await?;
    refusals.erc1155().await?;

    let all: BTreeSet<_> = IScripErrors::SELECTORS.iter().copied().collect();
    let missed: Vec<_> =
        all.difference(&refusals.reached).map(|&one| IScripErrors::name_by_selector(one)).collect();
    assert!(missed.is_empty(), "not reached: {missed:?}");
    Ok(())
}

struct Refusals<'a> {
    env: &'a TestEnv,
    reached: BTreeSet<[u8; 4]>,
}

impl Refusals<'_> {
    /// The result must be a refusal with this sentence.
    fn expect<T>(&mut self, plan: PlanId, result: Result<T, Error>, sentence: &str) {
        let error = result.err().expect(sentence);
        let refusal =
            error.refusal().unwrap_or_else(|| panic!("no refusal, but {error:?}; expected: {sentence}"));
        self.reached.insert(refusal.selector());
        assert_eq!(self.env.with_names(&error, plan), sentence);
    }

    async fn terms(&mut self) -> Result<()> {
        let env = self.env;
        let premium = env.premium()?;
        let plan = env.create(&premium).await?;
        let wrong = |change: fn(Terms) -> Terms| change(premium.clone());
        let (builder, scrip) = (env.builder.signer(), env.builder.address());
        let token = |token, amount| Terms { price: Price::Fixed { token, amount }, ..premium.clone() };
        let payees = |payees: Vec<(Address, u16)>| premium.clone().split(payees);
        for (terms, sentence) in [
            (premium.clone(), "plan PLAN exists already"),
            (wrong(|terms| Terms { name: "n".repeat(32), ..terms }), "the name has 32 bytes, 31 at most fit"),
            (token(builder, 1), "there is no contract at builder"),
            (
                wrong(|terms| terms.hooked_by(Hook::new(Address::repeat_byte(1)))),
                "calls 0 of hook 0x0101010101010101010101010101010101010101 are none of 1 to 15",
            ),
            (payees(vec![]), "0 payees, the price needs 1 to 8"),
            (payees(vec![(builder, 1); 9]), "9 payees, the price needs 1 to 8"),
            (wrong(|terms| Terms { price: Price::Free, ..terms }), "1 payees, the price needs 0 to 0"),
            (
                payees(vec![(builder, 5_000), (scrip, 5_000)]),
                "payee 1 cannot be Scrip: zero, the contract itself, or the last without a share",
            ),
            (payees(vec![(builder, 9_999)]), "the payees' shares sum to 9999, not 10000"),
            (
                wrong(|terms| Terms { grant: Grant::Credits { amount: 0, lifetime: None }, ..terms }),
                "a credits plan must grant at least 1 credit",
            ),
            (
                wrong(|terms| Terms { grant: Grant::Time { duration: 0 }, ..terms }),
                "a time plan must grant at least 1 second and no credits, not 0 seconds and 0 credits",
            ),
            (wrong(|terms| terms.takes(0..=1)), "a redemption cannot take 0 to 1 credits"),
            (
                wrong(|terms| terms.redeemed_by(Redeemers { owner: false, holder: false, operators: false })),
                "redeemers 0 is none of 1 to 7",
            ),
        ] {
            let result = env.builder.create_plan(&terms).await;
            self.expect(plan, result, sentence);
        }

        let mut unhooked = IScrip::Terms::try_from(&premium)?;
        unhooked.hook.calls = 3;
        let result = env.builder.instance().createPlan(unhooked, Default::default()).call().await;
        self.expect(plan, result.map_err(Error::from), "calls 3 of a hook, but no hook");

        let limits = Limits { per_holder: Some(2), in_all: Some(3) };
        let per_use = Terms { voucher_required: false, limits, ..self.per_use()?.lasting(HOUR)? };
        let result = env.builder.create_plan(&per_use).await;
        let sentence = "a plan paid per use requires vouchers, grants nothing and limits no orders; this one does not \
             require vouchers, grants 0 credits or 3600 seconds, and limits orders to 2 for each holder and 3 in all";
        self.expect(plan, result, sentence);

        let nothing = PlanId(U256::from(5));
        let result = env.builder.plan(nothing).await;
        self.expect(nothing, result, "there is no plan PLAN");
        Ok(())
    }

    fn per_use(&self) -> Result<Terms> {
        Ok(Terms::per_use("Per use", self.env.devnet.dollar(), "0.01")?.paid_to(self.env.builder.signer()))
    }

    /// A price of each kind that names what it should not, or not what it should.
    async fn prices(&mut self) -> Result<()> {
        let env = self.env;
        let dollar = env.devnet.dollar().address;
        let nothing = IScrip::Price::try_from(Price::Free)?;
        let of = |kind| IScrip::Price { kind, ..nothing.clone() };
        for (price, sentence) in [
            (
                IScrip::Price { amount: U96::from(5), ..of(PriceKind::Free) },
                "a free price names nothing, but here it names amount 5",
            ),
            (
                IScrip::Price { token: dollar, ..of(PriceKind::Fixed) },
                "a fixed price names an amount, and a token unless it is in the native coin, but \
                 here it names token tUSD",
            ),
            (
                IScrip::Price { currency: FixedBytes(*b"USD"), ..of(PriceKind::Fiat) },
                "a fiat price names a currency and an amount, but here it names currency USD",
            ),
            (
                of(PriceKind::Quoted),
                "a quoted price names a source, and a token unless it is in the native coin, but \
                 here it names nothing",
            ),
            (
                IScrip::Price { source: dollar, ..of(PriceKind::PerUse) },
                "a per-use price names a token and an amount, but here it names source tUSD",
            ),
        ] {
            let terms = IScrip::Terms { price, ..(&Terms::credits("Price", 1)).try_into()? };
            let result = env.builder.instance().createPlan(terms, Default::default()).call().await;
            self.expect(PlanId(U256::ZERO), result.map_err(Error::from), sentence);
        }
        Ok(())
    }

    async fn fees(&mut self) -> Result<()> {
        let env = self.env;
        let plan = PlanId(U256::ZERO);
        let receiver = env.agent.signer();
        let result = env.stranger.set_fee(receiver, 1).await;
        self.expect(plan, result, "nobody sets the fee, ever, so stranger does not");
        let result = env.stranger.accept_fee_control().await;
        self.expect(plan, result, "the control of the fee was offered to nobody, so not to stranger");

        let deployment = env.devnet.deploy_scrip(env.builder.signer()).await?;
        assert_ne!(deployment.address(), Deployment::canonical().address());
        // With the providers that are there, since each counts nonces for itself.
        let builder = Scrip::connect(env.builder.provider().clone(), deployment).await?;
        let stranger = Scrip::connect(env.stranger.provider().clone(), deployment).await?;
        let result = stranger.set_fee(receiver, 1).await;
        self.expect(plan, result, "stranger does not control the fee, builder does");
        let result = builder.set_fee(receiver, 101).await;
        self.expect(plan, result, "a fee of 101 basis points, 100 at most are possible");
        let result = builder.set_fee(Address::ZERO, 1).await;
        self.expect(plan, result, "a fee of 1 basis points for nobody");
        builder.offer_fee_control(receiver).await?;
        let result = stranger.accept_fee_control().await;
        self.expect(plan, result, "the control of the fee was not offered to stranger, but to agent");
        Ok(())
    }

    async fn ownership(&mut self) -> Result<()> {
        let env = self.env;
        let plan = env.create(&Terms::credits("Ownership", 1)).await?;
        let result = env.stranger.set_open(plan, false).await;
        self.expect(plan, result, "stranger does not own plan PLAN, builder does");
        env.builder.transfer_ownership(plan, env.agent.signer()).await?;
        let result = env.stranger.accept_ownership(plan).await;
        self.expect(plan, result, "plan PLAN was not offered to stranger, but to agent");
        let result = env.builder.instance().setOperator(plan.0, env.agent.signer(), 8).call().await;
        self.expect(plan, result.map_err(Error::from), "permissions 8 have bits beyond the known 7");

        // As if 65,535 owners had come and gone: they are counted in bits 176 to 191 of the plan's first word.
        let slot = U256::from_be_bytes(keccak256((plan.0, U256::ZERO).abi_encode()).0);
        let reader = env.devnet.reader();
        let word = reader.get_storage_at(env.builder.address(), slot).await?;
        let worn: U256 = word | (U256::from(u16::MAX) << 176);
        reader.anvil_set_storage_at(env.builder.address(), slot, worn.into()).await?;
        let result = env.agent.accept_ownership(plan).await;
        self.expect(plan, result, "plan PLAN has had 65535 owners, as many as there can be");
        Ok(())
    }

    async fn orders(&mut self) -> Result<()> {
        let env = self.env;
        let holder = env.subscriber.signer();
        let terms = Terms { limits: Limits { per_holder: Some(2), in_all: Some(3) }, ..env.premium()? };
        let plan = env.create(&terms).await?;
        let order = |plan: PlanId, holder, quantity, most: u64, value: u64| {
            let call = env.subscriber.instance().order(plan.0, holder, quantity, U256::from(most));
            async move { Ok(call.value(U256::from(value)).from(env.subscriber.signer()).call().await?) }
        };

        let result = env.subscriber.order(plan).quantity(0).await;
        self.expect(plan, result, "an order of 0 of plan PLAN");
        let result = order(plan, Address::ZERO, 1, 20_000_000, 0).await;
        self.expect(plan, result, "the zero address cannot hold credits of plan PLAN");
        let result = order(plan, holder, 1, 19_999_999, 0).await;
        self.expect(plan, result, "plan PLAN costs 20000000 base units, more than the allowed 19999999");
        let free = env.create(&Terms::credits("Free", 1)).await?;
        let result = order(free, holder, 1, 0, 7).await;
        self.expect(free, result, "7 wei sent with an order of plan PLAN, which needs 0");
        let result = order(plan, env.agent.signer(), 1, 20_000_000, 0).await;
        self.expect(plan, result, "subscriber cannot order plan PLAN for agent");
        let result = order(plan, holder, 1, 20_000_000, 0).await;
        let sentence = "token tUSD did not move 20000000 base units from subscriber to builder for plan PLAN";
        self.expect(plan, result, sentence);

        let result = env.subscriber.order(plan).quantity(3).await;
        self.expect(plan, result, "subscriber can order plan PLAN 2 more times, not 3");
        env.subscriber.order(plan).quantity(2).await?;
        let result = env.stranger.order(plan).quantity(2).await;
        self.expect(plan, result, "plan PLAN can be ordered 1 more times, not 2");
        env.builder.set_open(plan, false).await?;
        let result = env.subscriber.order(plan).await;
        self.expect(plan, result, "orders of plan PLAN are stopped");

        let no_coins = env.premium()?.price(&Token::native("ETH"), "1")?.paid_to(env.devnet.dollar().address);
        let plan = env.create(&no_coins).await?;
        let result = env.subscriber.order(plan).await;
        self.expect(plan, result, "payee tUSD refused 1000000000000000000 wei for plan PLAN");
        Ok(())
    }

    /// What price sources, hooks, the gas for them, refunds and the router refuse.
    async fn others(&mut self) -> Result<()> {
        let env = self.env;
        let (holder, builder) = (env.subscriber.signer(), env.builder.signer());
        let clerk = deploy(env, "Clerk").await?;
        let named = |error: &str| error.replace("CLERK", &clerk.to_string());

        let coin = Token::native("ETH");
        let quoted =
            env.create(&Terms::credits("Quoted", 1).quoted_by(clerk, &coin).paid_to(builder)).await?;
        let result = env.subscriber.order(quoted).await;
        let sentence = named("price source CLERK of plan PLAN gave no price: name your price");
        self.expect(quoted, result, &sentence);

        // A contract that takes no coin pays ten wei too much.
        let dollar = env.devnet.dollar().address;
        env.devnet.reader().anvil_set_balance(dollar, U256::MAX >> 8).await?;
        let purchase = IScrip::Purchase {
            planId: quoted.0,
            holder,
            quantity: 1,
            maxPrice: U256::from(30),
            data: U256::from(20).abi_encode().into(),
        };
        let call = env.subscriber.instance().orderMany(vec![purchase.clone()]).value(U256::from(30));
        let result = call.from(dollar).call().await;
        self.expect(quoted, result.map_err(Error::from), "tUSD did not take 10 wei back");

        let order_for = |token| env.subscriber.instance().orderFor(purchase.clone(), holder, token, true);
        let result = order_for(Address::ZERO).from(holder).call().await;
        let sentence =
            format!("subscriber cannot order in another's name, only router {} can", env.subscriber.router());
        self.expect(quoted, result.map_err(Error::from), &sentence);
        let result = order_for(dollar).from(env.subscriber.router()).call().await;
        let sentence = format!("plan PLAN is not paid with token tUSD, but with {}", Address::ZERO);
        self.expect(quoted, result.map_err(Error::from), &sentence);

        let hook = Hook { before_order: true, before_redemption: true, ..Hook::new(clerk) };
        let hooked = env.create(&Terms::credits("Hooked", 10).hooked_by(hook)).await?;
        let result = env.subscriber.order(hooked).await;
        self.expect(hooked, result, &named("hook CLERK of plan PLAN refused: say something"));
        let result = env.builder.redeem(hooked, holder, 6, 1).await;
        self.expect(hooked, result, &named("hook CLERK of plan PLAN refused: five at most"));

        let call = env.builder.instance().redeem(hooked.0, holder, 5, U256::ONE).from(builder).gas(150_000);
        let result = call.call().await.map(drop).map_err(Error::from);
        let message = env.with_names(result.as_ref().expect_err("too little gas"), hooked);
        assert!(message.ends_with(" gas is left for a call that needs 213174"), "{message}");
        self.expect(hooked, result, &message);
        Ok(())
    }

    async fn fiat(&mut self) -> Result<()> {
        let env = self.env;
        let holder = env.subscriber.signer();
        let plan = env.create(&Terms::credits("Fiat", 10).fiat_price("USD", "20")?).await?;
        let named = |error: &str| error.replace("KEY", &keccak256("pi_1").to_string());

        let result = env.subscriber.order(plan).await;
        self.expect(plan, result, "plan PLAN is paid off chain, not ordered");
        let free = env.create(&Terms::credits("Not fiat", 1)).await?;
        let result = env.builder.settle(free, holder, 1, "pi_1").await;
        self.expect(free, result, "plan PLAN has a free price, and no payments to settle or take back");
        let per_use = env.create(&self.per_use()?).await?;
        for result in [
            env.builder.mint(per_use, holder, 1).await.map(drop),
            env.subscriber.order(per_use).await.map(drop),
            env.subscriber.burn(per_use, 1).await.map(drop),
        ] {
            let sentence = "plan PLAN is paid per use, it has nothing to order, mint or burn";
            self.expect(per_use, result, sentence);
        }

        let result = env.stranger.settle(plan, holder, 1, "pi_1").await;
        self.expect(plan, result, "stranger may not settle payments of plan PLAN");
        let result = env.builder.take_back(plan, "pi_1", 1).await;
        self.expect(plan, result, &named("payment KEY of plan PLAN was never settled"));
        env.builder.settle(plan, holder, 1, "pi_1").await?;
        let result = env.builder.settle(plan, holder, 1, "pi_1").await;
        assert!(result.as_ref().is_err_and(Error::is_already_settled));
        self.expect(plan, result, &named("payment KEY of plan PLAN was already settled"));
        let result = env.builder.take_back(plan, "pi_1", 11).await;
        self.expect(plan, result, &named("10 of payment KEY of plan PLAN can still be taken back, not 11"));
        let result = env.builder.reverse_take_back(plan, "pi_1").await;
        let sentence = "nothing of payment KEY of plan PLAN was taken back, or that was reversed already";
        self.expect(plan, result, &named(sentence));
        Ok(())
    }

    async fn ledger(&mut self) -> Result<()> {
        let env = self.env;
        let holder = env.subscriber.signer();
        let plan = env.create(&Terms::credits("Ledger", 1)).await?;

        let result = env.stranger.mint(plan, holder, 1).await;
        self.expect(plan, result, "stranger may not mint credits of plan PLAN");
        let result = env.builder.mint(plan, holder, 0).await;
        self.expect(plan, result, "an amount of 0 of plan PLAN");
        let result = env
            .builder
            .instance()
            .mintExpirable(plan.0, holder, 1, 0)
            .from(env.builder.signer())
            .call()
            .await;
        self.expect(plan, result.map_err(Error::from), "credits of plan PLAN that would expire at once");
        let result = env.builder.mint(plan, env.devnet.dollar().address, 1).await;
        self.expect(plan, result, "tUSD is a contract that did not accept credits of plan PLAN");
        let result = env.builder.burn_from(plan, holder, 1).await;
        self.expect(plan, result, "builder may not burn subscriber's credits of plan PLAN");
        env.builder.mint(plan, holder, 5).await?;
        let result = env.subscriber.burn(plan, 6).await;
        self.expect(plan, result, "subscriber has 5 of plan PLAN, 6 are needed");
        let result = env.builder.mint(plan, holder, u64::MAX).await;
        self.expect(plan, result, "18446744073709551620 credits are more than fit, 18446744073709551615");

        for lot in 0..96 {
            env.builder.mint_expirable(plan, holder, 1, HOUR + Duration::from_secs(lot * 2)).await?;
        }
        let result = env.builder.mint_expirable(plan, holder, 1, HOUR * 2).await;
        let sentence = "subscriber has 96 lots of plan PLAN; mints add no lot of a new expiry from 96 on";
        self.expect(plan, result, sentence);
        Ok(())
    }

    async fn access(&mut self) -> Result<()> {
        let env = self.env;
        let holder = env.subscriber.signer();
        let plan = env.create(&Terms::access("Access", HOUR)?).await?;
        let result = env.builder.mint_expirable(plan, holder, 1, HOUR).await;
        self.expect(plan, result, "plan PLAN gives access, which has no lots");
        let result = env.builder.redeem(plan, holder, 1, 1).await;
        self.expect(plan, result, "subscriber has had no access to plan PLAN");
        env.subscriber.order(plan).await?;
        let end = env.builder.access_end(plan, holder).await?.unwrap_or_default();
        env.devnet.warp(HOUR * 2).await?;
        let result = env.builder.redeem(plan, holder, 1, 1).await;
        let sentence = format!("subscriber's access to plan PLAN ended at {end} (unix time)");
        self.expect(plan, result, &sentence);

        let result = env.builder.mint(plan, holder, u64::MAX).await;
        let message = self.env.with_names(result.as_ref().expect_err("an overflow"), plan);
        assert!(message.starts_with("subscriber's access to plan PLAN would end at 66408278"), "{message}");
        self.expect(plan, result, &message);
        Ok(())
    }

    async fn redemption(&mut self) -> Result<()> {
        let env = self.env;
        let holder = env.subscriber.signer();
        let plan = env.create(&Terms::credits("Redemption", 10).takes(2..=5)).await?;
        env.subscriber.order(plan).await?;
        let result = env.stranger.redeem(plan, holder, 2, 1).await;
        self.expect(plan, result, "stranger may not redeem subscriber's credits of plan PLAN");
        let result = env.builder.redeem(plan, holder, 6, 1).await;
        self.expect(plan, result, "6 credits cannot be redeemed at a time, plan PLAN takes 2 to 5");
        env.builder.redeem(plan, holder, 2, 7).await?;
        let result = env.builder.redeem(plan, holder, 2, 7).await;
        self.expect(plan, result, "request 7 of plan PLAN was already redeemed by builder");
        Ok(())
    }

    async fn vouchers(&mut self) -> Result<()> {
        let env = self.env;
        let signer = &env.devnet.actor("subscriber")?.signer;
        let (holder, redeemer) = (env.subscriber.signer(), env.builder.signer());
        let plan = env.create(&Terms::credits("Vouchers", 10).with_vouchers()).await?;
        env.subscriber.order(plan).await?;
        let result = env.builder.redeem(plan, holder, 1, 1).await;
        self.expect(plan, result, "builder needs subscriber's voucher to redeem its credits of plan PLAN");

        let deadline = env.devnet.now().await? + HOUR.as_secs();
        let voucher = Voucher { plan, holder, redeemer, maximum: 5, nonce: U256::from(300), deadline };
        let signed = env.stranger.sign(voucher, signer).await?;
        let result = env.agent.redeem_with_voucher(&signed, 1).await;
        self.expect(plan, result, "the voucher for plan PLAN lets builder redeem, not agent");
        let result = env.builder.redeem_with_voucher(&signed, 6).await;
        self.expect(plan, result, "subscriber's voucher for plan PLAN lets 5 more be taken, not 6");
        let forged = env.stranger.sign(voucher, &env.devnet.actor("stranger")?.signer).await?;
        let result = env.builder.redeem_with_voucher(&forged, 1).await;
        self.expect(plan, result, "the signature is not subscriber's");
        let late = env.stranger.sign(Voucher { deadline: 1, ..voucher }, signer).await?;
        let result = env.builder.redeem_with_voucher(&late, 1).await;
        self.expect(plan, result, "subscriber's voucher for plan PLAN was valid until 1 (unix time)");
        env.subscriber.revoke_voucher(voucher.nonce).await?;
        let result = env.builder.redeem_with_voucher(&signed, 1).await;
        self.expect(plan, result, "subscriber's voucher 300 was redeemed or revoked already");
        Ok(())
    }

    async fn sessions(&mut self) -> Result<()> {
        let env = self.env;
        let (holder, redeemer) = (env.subscriber.signer(), env.builder.signer());
        let plan = env.create(&Terms::credits("Sessions", 10).with_vouchers()).await?;
        let session = U256::from(7);
        let deadline = env.devnet.now().await? + HOUR.as_secs();
        let voucher = SessionVoucher { plan, holder, redeemer, maximum: 5, session, deadline };
        let signed = env.stranger.sign(voucher, &env.devnet.actor("subscriber")?.signer).await?;
        let result = env.builder.redeem_in_session(&signed, 6, 1).await;
        self.expect(plan, result, "subscriber's voucher for plan PLAN lets 5 more be taken, not 6");
        env.subscriber.revoke_session(plan, redeemer, session).await?;
        let result = env.builder.redeem_in_session(&signed, 1, 1).await;
        self.expect(plan, result, "subscriber has ended session 7 of builder on plan PLAN");
        Ok(())
    }

    async fn erc1155(&mut self) -> Result<()> {
        let env = self.env;
        let plan = PlanId(U256::ZERO);
        let scrip = env.subscriber.instance();
        let result = scrip.setApprovalForAll(env.agent.signer(), true).call().await;
        self.expect(
            plan,
            result.map_err(Error::from),
            "credits stay with their holder, they cannot be transferred or approved",
        );
        let result = scrip.balanceOfBatch(vec![], vec![U256::ZERO]).call().await;
        self.expect(plan, result.map_err(Error::from), "1 ids for 0 accounts");
        Ok(())
    }
}

#[tokio::test]
async fn what_a_token_says_is_passed_on() -> Result<()> {
    let env = TestEnv::start().await?;
    let dollar = IERC20::new(env.devnet.dollar().address, env.devnet.reader());
    let error = Error::from(dollar.approve(Address::ZERO, U256::ONE).call().await.err().unwrap());
    assert!(matches!(error, Error::Reverted(_)), "{error}");
    assert!(error.to_string().starts_with("the call was reverted: "), "{error}");
    Ok(())
}
