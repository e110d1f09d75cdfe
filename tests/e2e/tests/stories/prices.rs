//! Every kind of price, and the protocol's fee, on a chain.

use alloy::{
    primitives::{Address, U256, address, keccak256},
    providers::Provider,
    sol_types::SolValue,
};
use eyre::Result;
use scrip::{
    Event, Fee, FeeControlOffered, FeeControlTaken, FeeSet, FeeUndelivered, Hook, Item, Permissions, Price,
    Settled, Settlement, TakeBackReversed, TakenBack, Terms, Token, UsesPaid, Voucher,
    abi::{IERC20, IScrip::IScripErrors},
};
use scrip_devnet::{Config, Devnet};
use scrip_e2e::env::TestEnv;

use crate::common::deploy;

/// A devnet on which the builder controls the fee.
async fn with_fee() -> Result<TestEnv> {
    // Every devnet has the same accounts.
    let fee_controller = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
    let env = TestEnv::on(Devnet::start_with(Config { fee_controller, ..Config::default() }).await?).await?;
    assert_eq!(env.builder.signer(), fee_controller);
    Ok(env)
}

#[tokio::test]
async fn the_fee_is_set_and_paid_and_its_control_handed_on_and_given_up() -> Result<()> {
    let env = with_fee().await?;
    let (builder, agent, stranger) = (env.builder.signer(), env.agent.signer(), env.stranger.signer());
    let none = Fee { receiver: None, rate: 0, controller: Some(builder), pending_controller: None };
    assert_eq!(env.agent.fee().await?, none);

    let set = env.builder.set_fee(stranger, 50).await?;
    assert_eq!(set.event, FeeSet { receiver: Some(stranger), rate: 50 });
    let dollar = IERC20::new(env.devnet.dollar().address, env.devnet.reader());
    let before = dollar.balanceOf(stranger).call().await?;
    let plan = env.create(&env.premium()?).await?;
    let ordered = env.subscriber.order(plan).await?.ordered;
    let fee = env.agent.fee().await?.of(ordered.paid);
    assert_eq!((ordered.paid, ordered.fee, fee), (U256::from(20_000_000), fee, U256::from(100_000)));
    assert_eq!(dollar.balanceOf(stranger).call().await? - before, fee);

    // A contract that takes no coin goes without, and the payees have it.
    let receiver = env.devnet.dollar().address;
    env.builder.set_fee(receiver, 100).await?;
    let native = env.create(&env.premium()?.price(&Token::native("ETH"), "1")?.paid_to(agent)).await?;
    let before = env.devnet.reader().get_balance(agent).await?;
    let ordered = env.subscriber.order(native).await?.ordered;
    assert_eq!(env.devnet.reader().get_balance(agent).await? - before, ordered.paid);
    let undelivered =
        FeeUndelivered { plan: native, receiver, token: Address::ZERO, fee: ordered.paid / U256::from(100) };
    let events = env.agent.events(ordered.receipt.transaction).await?;
    assert!(events.contains(&Event::FeeUndelivered(undelivered)), "{events:?}");

    let offered = env.builder.offer_fee_control(agent).await?;
    assert_eq!(offered.event, FeeControlOffered { controller: builder, pending_controller: Some(agent) });
    assert_eq!(env.agent.fee().await?.pending_controller, Some(agent));
    let withdrawn = env.builder.cancel_fee_control_offer().await?;
    assert_eq!(withdrawn.pending_controller, None);
    assert!(env.agent.accept_fee_control().await.unwrap_err().is_not_allowed());
    env.builder.offer_fee_control(agent).await?;
    let taken = env.agent.accept_fee_control().await?;
    assert_eq!(taken.event, FeeControlTaken { former_controller: Some(builder), controller: Some(agent) });
    assert!(env.builder.renounce_fee_control().await.unwrap_err().is_not_allowed());
    let renounced = env.agent.renounce_fee_control().await?;
    assert_eq!(renounced.event, FeeControlTaken { former_controller: Some(agent), controller: None });
    let left = Fee { receiver: Some(receiver), rate: 100, controller: None, pending_controller: None };
    assert_eq!(env.agent.fee().await?, left, "receiver and rate stay");
    Ok(())
}

#[tokio::test]
async fn fiat_payments_are_settled_once_taken_back_and_won_back() -> Result<()> {
    let env = TestEnv::start().await?;
    let (holder, settler) = (env.subscriber.signer(), env.agent.signer());
    let plan = env.create(&Terms::credits("Card", 50).fiat_price("EUR", "19.99")?).await?;
    let Price::Fiat { currency, amount } = env.agent.plan(plan).await?.terms.price else { panic!() };
    assert_eq!((currency.to_string().as_str(), amount), ("EUR", 19_990_000));

    assert!(env.agent.settle(plan, holder, 2, "pi_1").await.unwrap_err().is_not_allowed());
    env.builder.set_operator(plan, settler, Permissions { settle: true, ..Permissions::NONE }).await?;
    assert_eq!(env.agent.settlement(plan, "pi_1").await?, None);
    let settled = env.agent.settle(plan, holder, 2, "pi_1").await?;
    let expected = Settled {
        plan,
        holder,
        payment_id: "pi_1".to_owned(),
        settler,
        quantity: 2,
        credits: 100,
        expiry: None,
    };
    assert_eq!(settled.event, expected);
    assert!(env.builder.settle(plan, holder, 2, "pi_1").await.unwrap_err().is_already_settled());

    env.builder.redeem(plan, holder, 30, 1).await?;
    let payment_key = keccak256("pi_1");
    let taken = env.agent.take_back(plan, "pi_1", 80).await?;
    assert_eq!(taken.event, TakenBack { plan, holder, payment_key, settler, amount: 80, burned: 70 });
    let settlement =
        Settlement { holder, expiry: None, reversed: false, granted: 100, taken_back: 80, burned: 70 };
    assert_eq!(env.agent.settlement(plan, "pi_1").await?, Some(settlement));
    let reversed = env.agent.reverse_take_back(plan, "pi_1").await?;
    let expected = TakeBackReversed { plan, holder, payment_key, settler, amount: 70, expiry: None };
    assert_eq!(reversed.event, expected);
    let settlement = Settlement { reversed: true, ..settlement };
    assert_eq!(env.agent.settlement(plan, "pi_1").await?, Some(settlement));
    assert_eq!(env.agent.balance(plan, holder).await?.balance, 70);
    Ok(())
}

#[tokio::test]
async fn a_quoted_price_is_asked_for_and_bounded() -> Result<()> {
    let env = TestEnv::start().await?;
    let (holder, builder) = (env.subscriber.signer(), env.builder.signer());
    let clerk = deploy(&env, "Clerk").await?;
    let price = |units: u64| U256::from(units).abi_encode();

    let hook = Hook {
        before_order: true,
        after_order: true,
        before_redemption: true,
        after_redemption: true,
        ..Hook::new(clerk)
    };
    let terms =
        Terms::credits("Quoted", 5).quoted_by(clerk, env.devnet.dollar()).paid_to(builder).hooked_by(hook);
    let plan = env.create(&terms).await?;
    assert_eq!(env.agent.balance(plan, holder).await?.price_per_credit, None);
    let purchase = env.subscriber.order(plan).quantity(2).data(price(1_000)).await?;
    assert_eq!((purchase.ordered.paid, purchase.approvals.len()), (U256::from(2_000), 1));
    let error = env.subscriber.order(plan).at_most(U256::from(999)).data(price(1_000)).await.unwrap_err();
    assert!(matches!(error.refusal(), Some(IScripErrors::PriceAboveMaximum(_))), "{error}");
    env.builder.redeem(plan, holder, 5, 1).await?;

    // What is sent beyond the price of the native coin comes back.
    let coin = Token::native("ETH");
    let native = env.create(&Terms::credits("Native", 5).quoted_by(clerk, &coin).paid_to(builder)).await?;
    let before = env.devnet.reader().get_balance(builder).await?;
    let purchase = env.subscriber.order(native).at_most(U256::from(5_000)).data(price(3_000)).await?;
    assert_eq!(purchase.ordered.paid, U256::from(3_000));
    assert_eq!(env.devnet.reader().get_balance(builder).await? - before, U256::from(3_000));
    assert_eq!(env.devnet.reader().get_balance(env.builder.address()).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn many_orders_in_one_transaction() -> Result<()> {
    let env = TestEnv::start().await?;
    let (holder, friend) = (env.subscriber.signer(), env.agent.signer());
    let coin = Token::native("ETH");
    let clerk = deploy(&env, "Clerk").await?;
    let dollars = env.create(&env.premium()?).await?;
    let native = env.create(&env.premium()?.price(&coin, "0.5")?).await?;
    let quoted = env.create(&Terms::credits("Quoted", 5).quoted_by(clerk, &coin).paid_to(friend)).await?;
    let free = env.create(&Terms::credits("Free", 5)).await?;

    let items = [
        Item { quantity: 2, ..Item::new(dollars, holder) },
        Item::new(native, friend),
        Item { data: U256::from(7).abi_encode().into(), ..Item::new(quoted, holder) },
        Item::new(free, holder),
        Item::new(dollars, friend),
    ];
    let purchases = env.subscriber.order_many(items.clone()).await?;
    assert_eq!(purchases.approvals.len(), 1, "one approval for both orders in dollars");
    let paid: Vec<_> = purchases.ordered.iter().map(|ordered| (ordered.plan, ordered.paid)).collect();
    let dollar = |dollars: u64| U256::from(dollars * 1_000_000);
    let expected = [
        (dollars, dollar(40)),
        (native, coin.parse("0.5")?),
        (quoted, U256::from(7)),
        (free, U256::ZERO),
        (dollars, dollar(20)),
    ];
    assert_eq!(paid, expected);
    assert_eq!(env.stranger.balance(dollars, friend).await?.balance, 100);

    env.builder.set_open(free, false).await?;
    let error = env.subscriber.order_many(items).await.unwrap_err();
    assert!(matches!(error.refusal(), Some(IScripErrors::OrdersStopped(_))), "all or none: {error}");
    Ok(())
}

#[tokio::test]
async fn uses_are_paid_as_they_are_redeemed() -> Result<()> {
    let env = TestEnv::start().await?;
    let (holder, redeemer) = (env.subscriber.signer(), env.builder.signer());
    let dollar = env.devnet.dollar();
    let plan = env.create(&Terms::per_use("Per use", dollar, "0.01")?.paid_to(redeemer)).await?;
    assert_eq!(env.agent.balance(plan, holder).await?.price_per_credit, Some(10_000.0));

    let deadline = env.devnet.now().await? + 60;
    let voucher = Voucher { plan, holder, redeemer, maximum: 10, nonce: U256::ZERO, deadline };
    let signed = env.agent.sign(voucher, &env.devnet.actor("subscriber")?.signer).await?;
    let error = env.builder.redeem_with_voucher(&signed, 3).await.unwrap_err();
    assert!(matches!(error.refusal(), Some(IScripErrors::PaymentFailed(_))), "{error}");

    assert_eq!(env.subscriber.approve(dollar.address, U256::from(30_000)).await?.len(), 1);
    assert!(env.subscriber.approve(dollar.address, U256::from(30_000)).await?.is_empty());
    let redeemed = env.builder.redeem_with_voucher(&signed, 3).await?;
    let (paid, token) = (U256::from(30_000), dollar.address);
    let uses = UsesPaid { plan, holder, uses: 3, token, paid, fee: U256::ZERO };
    let events = env.agent.events(redeemed.receipt.transaction).await?;
    assert_eq!(events, [Event::UsesPaid(uses), Event::VoucherRedeemed(redeemed.event)]);
    Ok(())
}
