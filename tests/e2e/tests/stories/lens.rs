//! What the lens says beforehand is what happens.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256, address},
    providers::ext::AnvilApi,
    sol_types::SolValue,
};
use eyre::Result;
use scrip::{
    Error, Forecast, Hook, Item, Lens, Means, Payment, Periphery, Permissions, PlanId, Quote, Refusal,
    RemainingOrders, RequestId, SessionVoucher, Terms, Token, Voucher, Warnings, abi::IERC20,
};
use scrip_devnet::{Config, Devnet, WalletProvider};
use scrip_e2e::env::TestEnv;

use crate::common::deploy;

const HOUR: Duration = Duration::from_secs(3_600);

/// What was forecast of a call is what became of it, to the last value of its error.
fn agree<T>(what: &str, forecast: Forecast, happened: Result<T, Error>) {
    match (forecast.refusal, happened) {
        (None, Ok(_)) => {}
        (Some(forecast), Err(happened)) => assert_eq!(forecast.to_string(), happened.to_string(), "{what}"),
        (forecast, happened) => panic!("{what}: {forecast:?}, but {:?}", happened.err()),
    }
}

#[tokio::test]
async fn a_quote_is_what_an_order_then_costs_and_gives() -> Result<()> {
    // Every devnet has the same accounts.
    let fee_controller = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
    let env = TestEnv::on(Devnet::start_with(Config { fee_controller, ..Config::default() }).await?).await?;
    let (payer, builder, agent) = (env.subscriber.signer(), env.builder.signer(), env.agent.signer());
    let receiver = env.stranger.signer();
    env.builder.set_fee(receiver, 50).await?;
    let lens = Lens::connect(&env.stranger).await?;
    let dollar = IERC20::new(env.devnet.dollar().address, env.devnet.reader());

    let terms = env.premium()?.revocable().lasting(HOUR)?.split([(builder, 3_333), (agent, 6_667)]);
    let plan = env.create(&terms).await?;
    let item = Item { quantity: 3, ..Item::new(plan, payer) };
    let quote = lens.quote(&item, payer).await?;
    let units = |units: u64| U256::from(units);
    let expected = Quote {
        owner: builder,
        means: Means::Token(*dollar.address()),
        price: units(60_000_000),
        fee: units(300_000),
        fee_receiver: Some(receiver),
        payments: vec![
            Payment { account: builder, amount: units(19_898_010) },
            Payment { account: agent, amount: units(39_801_990) },
        ],
        credits: units(300),
        expiry: quote.expiry,
        payer_balance: dollar.balanceOf(payer).call().await?,
        payer_allowance: U256::ZERO,
        warnings: Warnings {
            redeemers_trusted: true,
            revocable: true,
            hook_on_order: false,
            hook_on_redemption: false,
            settled_off_chain: false,
        },
    };
    assert_eq!(quote, expected);

    let accounts = [receiver, builder, agent];
    let mut before = Vec::new();
    for account in accounts {
        before.push(dollar.balanceOf(account).call().await?);
    }
    let ordered = env.subscriber.order(plan).quantity(3).await?.ordered;
    assert_eq!((ordered.paid, ordered.fee), (quote.price, quote.fee));
    assert_eq!((units(ordered.credits), ordered.expiry.map(units)), (quote.credits, quote.expiry));
    for ((account, before), paid) in
        accounts.into_iter().zip(before).zip([quote.fee, quote.payments[0].amount, quote.payments[1].amount])
    {
        assert_eq!(dollar.balanceOf(account).call().await? - before, paid);
    }
    Ok(())
}

#[tokio::test]
async fn quotes_of_other_prices() -> Result<()> {
    let env = TestEnv::start().await?;
    let (payer, builder) = (env.subscriber.signer(), env.builder.signer());
    let lens = Lens::connect(&env.subscriber).await?;
    let clerk = deploy(&env, "Clerk").await?;
    let (dollar, coin) = (env.devnet.dollar(), Token::native("ETH"));
    let hook = Hook { before_order: true, after_redemption: true, ..Hook::new(clerk) };
    let data = U256::from(7_000).abi_encode();
    let quoted = Terms::credits("Quoted", 1).quoted_by(clerk, &coin).paid_to(builder).hooked_by(hook);
    let per_use = Terms::per_use("Per use", dollar, "0.5")?.paid_to(builder);
    let fiat = Terms::credits("Fiat", 1).fiat_price("EUR", "19.99")?;
    for (terms, means, price) in [
        (Terms::credits("Free", 1), Means::Free, 0),
        (quoted, Means::Token(Address::ZERO), 14_000),
        (per_use, Means::PerUse(dollar.address), 1_000_000),
        (fiat, Means::Fiat("EUR".parse()?), 39_980_000),
    ] {
        let plan = env.create(&terms).await?;
        let item = Item { quantity: 2, data: data.clone().into(), ..Item::new(plan, payer) };
        let quote = lens.quote(&item, payer).await?;
        assert_eq!((quote.means, quote.price), (means, U256::from(price)), "{}", terms.name);
        let Warnings { hook_on_order, hook_on_redemption, settled_off_chain, redeemers_trusted, .. } =
            quote.warnings;
        assert_eq!(hook_on_order && hook_on_redemption, terms.hook.is_some());
        assert_eq!(settled_off_chain, matches!(means, Means::Fiat(_)));
        assert_eq!(redeemers_trusted, !terms.voucher_required);
        let forecast = lens.forecast_order(&item, payer).await?;
        assert_eq!(forecast.asks_hook, terms.hook.is_some());
        let happened = env.subscriber.order(plan).quantity(2).data(data.clone()).await;
        agree(&terms.name, forecast, happened);
    }
    let nothing = Item::new(PlanId(U256::from(5)), payer);
    assert!(lens.quote(&nothing, payer).await.unwrap_err().is_plan_not_found());
    Ok(())
}

#[tokio::test]
async fn a_forecast_order_goes_as_forecast() -> Result<()> {
    let env = TestEnv::start().await?;
    let payer = env.subscriber.signer();
    let lens = Lens::connect(&env.subscriber).await?;
    let plan = env.create(&env.premium()?.limit_per_holder(2).limit_in_all(3)).await?;
    let item = |quantity| Item { quantity, ..Item::new(plan, payer) };
    let forecast = async |item: Item| lens.forecast_order(&item, payer).await;

    let left = async |holder| lens.remaining_orders(plan, holder).await;
    assert_eq!(left(payer).await?, RemainingOrders { for_holder: Some(2), in_all: Some(3) });
    let unlimited = env.create(&env.premium()?).await?;
    let no_limits = RemainingOrders { for_holder: None, in_all: None };
    assert_eq!(lens.remaining_orders(unlimited, payer).await?, no_limits);

    // What is missing is an allowance, which the client then approves.
    let missing = forecast(item(1)).await?.refusal.unwrap();
    assert!(missing.to_string().contains("did not move 20000000 base units"), "{missing}");
    env.subscriber.approve(env.devnet.dollar().address, U256::from(100_000_000)).await?;
    agree("too many", forecast(item(3)).await?, env.subscriber.order(plan).quantity(3).await);
    agree("none", forecast(item(0)).await?, env.subscriber.order(plan).quantity(0).await);
    let low = Item { max_price: Some(U256::from(1)), ..item(1) };
    agree("too dear", forecast(low).await?, env.subscriber.order(plan).at_most(U256::from(1)).await);
    agree("two", forecast(item(2)).await?, env.subscriber.order(plan).quantity(2).await);
    agree("one more", forecast(item(1)).await?, env.subscriber.order(plan).await);
    assert_eq!(left(payer).await?, RemainingOrders { for_holder: Some(0), in_all: Some(1) });
    env.builder.set_open(plan, false).await?;
    agree("stopped", forecast(item(1)).await?, env.subscriber.order(plan).await);
    Ok(())
}

#[tokio::test]
async fn a_forecast_redemption_goes_as_forecast() -> Result<()> {
    let env = TestEnv::start().await?;
    let (holder, owner, operator) = (env.subscriber.signer(), env.builder.signer(), env.agent.signer());
    let lens = Lens::connect(&env.stranger).await?;
    let plan = env.create(&Terms::credits("Plan", 20).takes(1..=15)).await?;
    env.subscriber.order(plan).await?;
    let ids = ["a", "b"].map(RequestId::from);
    for (redeemer, amount, request) in [
        (owner, 15, ids[0]),
        (owner, 1, ids[0]),
        (owner, 16, ids[1]),
        (owner, 6, ids[1]),
        (operator, 1, ids[1]),
    ] {
        let what = format!("{redeemer} takes {amount} for {request}");
        let forecast = lens.forecast_redemption(plan, redeemer, holder, amount, request).await?;
        let scrip = if redeemer == owner { &env.builder } else { &env.agent };
        agree(&what, forecast, scrip.redeem(plan, holder, amount, request).await);
    }
    assert_eq!(lens.are_redeemed(plan, owner, ids).await?, [true, false]);

    env.builder.set_operator(plan, operator, Permissions { redeem: true, ..Permissions::NONE }).await?;
    for amount in [6, 5, 1] {
        let forecast = lens.forecast_redemption_without_id(plan, operator, holder, amount).await?;
        agree("without an id", forecast, env.agent.redeem_without_id(plan, holder, amount).await);
    }

    let access = env.create(&Terms::access("Access", HOUR)?).await?;
    let forecast = lens.forecast_redemption(access, owner, holder, 1, 1).await?;
    agree("no access yet", forecast, env.builder.redeem(access, holder, 1, 1).await);
    env.subscriber.order(access).await?;
    let forecast = lens.forecast_redemption(access, owner, holder, 1, 1).await?;
    agree("access", forecast, env.builder.redeem(access, holder, 1, 1).await);
    Ok(())
}

#[tokio::test]
async fn a_forecast_voucher_goes_as_forecast() -> Result<()> {
    let env = TestEnv::start().await?;
    let key = &env.devnet.actor("subscriber")?.signer;
    let (holder, redeemer) = (key.address(), env.builder.signer());
    let lens: Lens<WalletProvider> = Lens::connect(&env.stranger).await?;
    let plan = env.create(&Terms::credits("Vouchers", 100).with_vouchers()).await?;
    env.subscriber.order(plan).await?;
    let deadline = env.devnet.now().await? + 60;
    let voucher =
        |nonce: u64| Voucher { plan, holder, redeemer, maximum: 10, nonce: U256::from(nonce), deadline };
    let signed = env.subscriber.sign(voucher(1), key).await?;
    let forged = env.stranger.sign(voucher(2), &env.devnet.actor("stranger")?.signer).await?;
    for (what, voucher, amount) in
        [("too much", &signed, 11), ("forged", &forged, 1), ("good", &signed, 10), ("again", &signed, 1)]
    {
        let forecast = lens.forecast_voucher(voucher, redeemer, amount).await?;
        agree(what, forecast, env.builder.redeem_with_voucher(voucher, amount).await);
    }
    assert_eq!(lens.are_vouchers_used(holder, [U256::from(1), U256::from(2)]).await?, [true, false]);

    let session = SessionVoucher { plan, holder, redeemer, maximum: 10, session: U256::ZERO, deadline };
    let session = env.subscriber.sign(session, key).await?;
    for (what, amount, request) in [("six", 6, 1), ("same request", 1, 1), ("too much", 5, 2), ("four", 4, 2)]
    {
        let forecast = lens.forecast_session(&session, redeemer, amount, request).await?;
        agree(what, forecast, env.builder.redeem_in_session(&session, amount, request).await);
    }
    env.devnet.warp(Duration::from_secs(61)).await?;
    let late = env.subscriber.sign(voucher(3), key).await?;
    let forecast = lens.forecast_voucher(&late, redeemer, 1).await?;
    agree("late", forecast, env.builder.redeem_with_voucher(&late, 1).await);
    Ok(())
}

#[tokio::test]
async fn holdings_now_and_to_come() -> Result<()> {
    let env = TestEnv::start().await?;
    let (holder, other) = (env.subscriber.signer(), env.agent.signer());
    let lens = Lens::connect(&env.subscriber).await?;
    let credits = env.create(&Terms::credits("Credits", 20)).await?;
    let access = env.create(&Terms::access("Access", HOUR)?).await?;
    env.subscriber.order(credits).await?;
    env.builder.mint_expirable(credits, holder, 5, HOUR).await?;
    env.subscriber.order(access).await?;
    let end = env.subscriber.access_end(access, holder).await?;

    let nothing = PlanId(U256::from(5));
    let pairs = [(credits, holder), (access, holder), (credits, other), (nothing, holder)];
    let holdings = lens.holdings(&pairs).await?.holdings;
    let told: Vec<_> = holdings
        .into_iter()
        .map(|holding| holding.map(|held| (held.is_subscriber, held.balance, held.access_end)))
        .collect();
    assert_eq!(told, [Some((true, 25, None)), Some((true, 1, end)), Some((false, 0, None)), None]);

    let now = env.devnet.now().await?;
    let hour = HOUR.as_secs();
    for (plan, time, balance) in [
        (credits, now, 25),
        (credits, now + hour - 60, 25),
        (credits, now + hour, 20),
        (access, end.unwrap() - 1, 1),
        (access, end.unwrap(), 0),
    ] {
        assert_eq!(lens.balance_at(plan, holder, time).await?, balance, "at {time}");
    }
    env.devnet.warp(HOUR).await?;
    assert_eq!(env.agent.balance(credits, holder).await?.balance, 20, "and so it is");
    let past = lens.balance_at(credits, holder, now).await.unwrap_err();
    assert!(matches!(past.refused_by(), Some(Refusal::Lens(_))), "{past}");
    assert!(past.to_string().starts_with(&format!("{now} has passed, it is ")), "{past}");
    Ok(())
}

#[tokio::test]
async fn only_where_the_lens_is() -> Result<()> {
    let env = TestEnv::start().await?;
    let address = Periphery::Lens.address();
    env.devnet.reader().anvil_set_code(address, Default::default()).await?;
    let error = Lens::connect(&env.agent).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no contract at {address} on chain 31337"));
    env.devnet.reader().anvil_set_code(address, vec![0].into()).await?;
    assert!(matches!(Lens::connect(&env.agent).await, Err(Error::NotScrip { empty: false, .. })));
    Ok(())
}
