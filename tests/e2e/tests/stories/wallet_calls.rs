//! What a wallet elsewhere is asked to send does what the client itself would have done.

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::Provider,
};
use eyre::Result;
use scrip::{Deployment, Error, Item, PlanId, Scrip, Terms, Token, WalletCalls, abi::IERC20};
use scrip_e2e::env::TestEnv;
use serde_json::json;

/// As the subscriber's wallet, which knows nothing of Scrip.
async fn send(env: &TestEnv, calls: &WalletCalls) -> Result<()> {
    // Over the wire, as a browser is handed them.
    let calls: WalletCalls = serde_json::from_str(&serde_json::to_string(calls)?)?;
    let wallet = env.devnet.provider(env.devnet.actor("subscriber")?);
    for call in calls.transactions() {
        assert!(wallet.send_transaction(call).await?.get_receipt().await?.status());
    }
    Ok(())
}

async fn balance(env: &TestEnv, plan: PlanId) -> Result<u128> {
    Ok(env.stranger.balance(plan, env.subscriber.signer()).await?.balance)
}

#[tokio::test]
async fn an_order_is_handed_out_to_be_sent_by_the_payers_own_wallet() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    let payer = env.subscriber.signer();
    // A client that signs nothing.
    let deployment = Deployment::at(env.builder.address());
    let reader = Scrip::connect(env.devnet.reader(), deployment).await?;
    let dollar = env.devnet.dollar();

    let calls = reader.order_calls(Item::new(plan, payer), payer).await?;
    let price = U256::from(20_000_000);
    let approve: Bytes =
        IERC20::new(dollar.address, env.devnet.reader()).approve(reader.address(), price).calldata().clone();
    let order = reader.instance().order(plan.0, payer, 1, price).calldata().clone();
    let expected = json!({
        "version": "2.0.0", "from": payer, "chainId": "0x7a69", "atomicRequired": false, "calls": [
            { "to": dollar.address, "value": "0x0", "data": approve },
            { "to": reader.address(), "value": "0x0", "data": order },
        ],
    });
    assert_eq!(serde_json::to_value(&calls)?, expected);
    let named = serde_json::to_value(calls.clone().atomic().with_id("order 7"))?;
    assert_eq!((&named["atomicRequired"], &named["id"]), (&json!(true), &json!("order 7")));
    send(&env, &calls).await?;
    assert_eq!(balance(&env, plan).await?, 100);
    let token = IERC20::new(dollar.address, env.devnet.reader());
    assert_eq!(token.allowance(payer, reader.address()).call().await?, U256::ZERO, "exactly the price");

    // With an allowance, or in the native coin, the order alone; with data by the other call.
    let wallet = env.devnet.provider(env.devnet.actor("subscriber")?);
    let token = IERC20::new(dollar.address, &wallet);
    token.approve(reader.address(), price).send().await?.get_receipt().await?;
    let item = Item { data: vec![1].into(), ..Item::new(plan, payer) };
    let calls = reader.order_calls(item, payer).await?;
    assert_eq!(calls.calls.len(), 1);
    send(&env, &calls).await?;
    assert_eq!(balance(&env, plan).await?, 200);
    let terms = Terms::credits("Coin", 3).price(&Token::native("ETH"), "0.5")?.paid_to(env.builder.signer());
    let coin = env.create(&terms).await?;
    let calls = reader.order_calls(Item { quantity: 2, ..Item::new(coin, payer) }, payer).await?;
    assert_eq!(calls.calls[0].value, U256::from(10_u64.pow(18)));
    send(&env, &calls).await?;
    assert_eq!(balance(&env, coin).await?, 6);
    Ok(())
}

#[tokio::test]
async fn what_would_be_refused_is_not_handed_out() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, payer) = (env.create(&env.premium()?.limit_per_holder(1)).await?, env.subscriber.signer());
    let told = async |item: Item, payer: Address| -> Result<String> {
        Ok(env.with_names(env.stranger.order_calls(item, payer).await.unwrap_err(), plan))
    };
    let twice = Item { quantity: 2, ..Item::new(plan, payer) };
    assert_eq!(told(twice, payer).await?, "subscriber can order plan PLAN 1 more times, not 2");
    env.builder.set_open(plan, false).await?;
    assert_eq!(told(Item::new(plan, payer), payer).await?, "orders of plan PLAN are stopped");
    env.builder.set_open(plan, true).await?;
    let poor = Address::repeat_byte(7);
    let error = env.stranger.order_calls(Item::new(plan, poor), poor).await.unwrap_err();
    assert!(matches!(error, Error::InsufficientFunds { payer, .. } if payer == poor), "{error}");
    Ok(())
}

#[tokio::test]
async fn every_other_write_can_be_handed_out_too() -> Result<()> {
    let env = TestEnv::start().await?;
    let (owner, core) = (env.subscriber.signer(), env.stranger.instance());
    let terms = Terms::credits("By a wallet", 5);
    let create = core.createPlan((&terms).try_into()?, U256::ZERO.into());
    send(&env, &env.stranger.calls_of(owner, create).await?).await?;
    let plan = env.stranger.plan_id(owner, &terms, U256::ZERO).await?;
    assert_eq!(env.stranger.plan(plan).await?.owner, owner);

    send(&env, &env.stranger.calls_of(owner, core.mint(plan.0, owner, 5)).await?).await?;
    send(&env, &env.stranger.calls_of(owner, core.redeem(plan.0, owner, 2, U256::ZERO)).await?).await?;
    send(&env, &env.stranger.calls_of(owner, core.burn(plan.0, owner, 1)).await?).await?;
    assert_eq!(balance(&env, plan).await?, 2);
    let error = env.stranger.calls_of(owner, core.burn(plan.0, owner, 3)).await.unwrap_err();
    assert!(error.is_insufficient_credits(), "{error}");
    let error = env.stranger.calls_of(env.agent.signer(), core.mint(plan.0, owner, 5)).await.unwrap_err();
    assert!(error.is_not_allowed(), "{error}");
    Ok(())
}
