//! Every error of the contract is reached, decoded from the revert, and says its sentence.

use std::{collections::BTreeSet, time::Duration};

use alloy::{
    primitives::{Address, U256, aliases::U96, keccak256},
    providers::{Provider, ext::AnvilApi},
    sol_types::{SolInterface, SolValue},
};
use eyre::Result;
use scrip::{
    Error, Grant, Limits, PlanId, Price, Redeemers, Terms, Token,
    abi::{
        IERC20,
        IScrip::{self, IScripErrors},
    },
};
use scrip_e2e::env::TestEnv;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn every_refusal_is_reached_and_has_its_sentence() -> Result<()> {
    let env = TestEnv::start().await?;
    let mut refusals = Refusals { reached: BTreeSet::new(), env: &env };
    refusals.terms().await?;
    refusals.ownership().await?;
    refusals.orders().await?;
    refusals.ledger().await?;
    refusals.access().await?;
    refusals.redemption().await?;
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
            (token(Address::ZERO, 0), "a price of 0"),
            (token(builder, 1), "there is no token contract at builder"),
            (payees(vec![]), "0 payees, the price needs 1 to 8"),
            (payees(vec![(builder, 1); 9]), "9 payees, the price needs 1 to 8"),
            (wrong(|terms| Terms { price: Price::Free, ..terms }), "1 payees, the price needs 0 to 0"),
            (payees(vec![(builder, 5_000), (scrip, 5_000)]), "payee 1 cannot be Scrip"),
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

        let mut free = IScrip::Terms::try_from(&Terms::credits("Free", 1))?;
        free.price.amount = U96::from(5);
        let result = env.builder.instance().createPlan(free, Default::default()).call().await;
        let sentence = format!("a free plan cannot cost 5 of token {}", Address::ZERO);
        self.expect(plan, result.map_err(Error::from), &sentence);

        let nothing = PlanId(U256::from(5));
        let result = env.builder.plan(nothing).await;
        self.expect(nothing, result, "there is no plan PLAN");
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
        let result = env.builder.instance().setOperator(plan.0, env.agent.signer(), 4).call().await;
        self.expect(plan, result.map_err(Error::from), "permissions 4 have bits beyond the known 3");

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
        let order = |holder, quantity, most: u64, value: u64| {
            let call = env.subscriber.instance().order(plan.0, holder, quantity, U256::from(most));
            async move { Ok(call.value(U256::from(value)).from(env.subscriber.signer()).call().await?) }
        };

        let result = env.subscriber.order(plan).quantity(0).await;
        self.expect(plan, result, "an order of 0 of plan PLAN");
        let result = order(Address::ZERO, 1, 20_000_000, 0).await;
        self.expect(plan, result, "the zero address cannot hold credits of plan PLAN");
        let result = order(holder, 1, 19_999_999, 0).await;
        self.expect(plan, result, "plan PLAN costs 20000000 base units, more than the allowed 19999999");
        let result = order(holder, 1, 20_000_000, 7).await;
        self.expect(plan, result, "7 wei sent with an order of plan PLAN, which needs 0");
        let result = order(env.agent.signer(), 1, 20_000_000, 0).await;
        self.expect(plan, result, "subscriber cannot order plan PLAN for agent");
        let result = order(holder, 1, 20_000_000, 0).await;
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
