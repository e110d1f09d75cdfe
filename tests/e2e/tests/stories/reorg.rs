//! What becomes of orders and redemptions when the chain takes back the blocks that they were in.

use alloy::{
    primitives::{Bytes, TxHash, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::{
        TransactionRequest,
        anvil::{ReorgOptions, TransactionData},
    },
};
use eyre::{OptionExt, Result};
use scrip::{
    Balance, PlanId, Redeemed, RequestId,
    abi::{IERC20, IScrip::IScripErrors},
};
use scrip_devnet::Devnet;
use scrip_e2e::env::TestEnv;

const PRICE: u64 = 20_000_000;
const CREDITS: u128 = 100;

/// Takes back this many blocks, and mines as many: each transaction in the block of its number, counted from the first.
pub(crate) async fn reorganise(
    devnet: &Devnet,
    depth: u64,
    transactions: Vec<(TransactionData, u64)>,
) -> Result<()> {
    devnet.reader().anvil_reorg(ReorgOptions { depth, tx_block_pairs: transactions }).await?;
    Ok(())
}

pub(crate) async fn raw(devnet: &Devnet, transaction: TxHash) -> Result<Bytes> {
    devnet.reader().get_raw_transaction_by_hash(transaction).await?.ok_or_eyre("no such transaction")
}

/// The subscriber's credits, and what the builder was paid.
async fn books(env: &TestEnv, plan: PlanId) -> Result<(Balance, U256)> {
    let dollar = IERC20::new(env.devnet.dollar().address, env.devnet.reader());
    let paid = dollar.balanceOf(env.builder.signer()).call().await?;
    Ok((env.stranger.balance(plan, env.subscriber.signer()).await?, paid))
}

/// A plan with the allowance to order it many times, so that an order is one transaction.
async fn plan(env: &TestEnv) -> Result<PlanId> {
    let plan = env.create(&env.premium()?).await?;
    env.subscriber.approve(env.devnet.dollar().address, U256::MAX).await?;
    Ok(plan)
}

#[tokio::test]
async fn an_order_that_the_chain_takes_back_has_neither_cost_nor_given_anything() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    for depth in [1, 3, 12] {
        let before = books(&env, plan).await?;
        // Anew: a provider goes on counting nonces from what the chain has taken back.
        let subscriber = env.devnet.scrip("subscriber").await?;
        let ordered = subscriber.order(plan).await?.ordered;
        env.devnet.reader().anvil_mine(Some(depth - 1), None).await?;
        assert_eq!(books(&env, plan).await?.1 - before.1, U256::from(PRICE), "paid, {depth} blocks deep");

        reorganise(&env.devnet, depth, vec![]).await?;

        let (balance, paid) = books(&env, plan).await?;
        assert_eq!((balance.balance, paid), (before.0.balance, before.1), "{depth} blocks deep");
        let receipt = env.devnet.reader().get_transaction_receipt(ordered.receipt.transaction).await?;
        assert!(receipt.is_none(), "a receipt of what was taken back, {depth} blocks deep");
    }
    Ok(())
}

#[tokio::test]
async fn an_order_that_comes_again_in_another_block_is_paid_and_granted_once() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let (_, before) = books(&env, plan).await?;
    let ordered = env.subscriber.order(plan).await?.ordered;
    let transaction = raw(&env.devnet, ordered.receipt.transaction).await?;
    env.devnet.reader().anvil_mine(Some(2), None).await?;

    reorganise(&env.devnet, 3, vec![(TransactionData::Raw(transaction.clone()), 2)]).await?;

    let (balance, paid) = books(&env, plan).await?;
    assert_eq!((balance.balance, paid - before), (CREDITS, U256::from(PRICE)), "once");
    let error = env.devnet.reader().send_raw_transaction(&transaction).await.unwrap_err();
    assert!(error.to_string().contains("nonce too low"), "{error}");
    let again = env.stranger.events(ordered.receipt.transaction).await?;
    assert!(!again.is_empty(), "the order's logs are read in its new block");
    Ok(())
}

#[tokio::test]
async fn an_order_whose_place_another_transaction_takes_is_no_order() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let (_, before) = books(&env, plan).await?;
    let holder = env.subscriber.signer();
    let ordered = env.subscriber.order(plan).await?.ordered;
    let transaction = raw(&env.devnet, ordered.receipt.transaction).await?;
    let nonce = env.devnet.reader().get_transaction_count(holder).await? - 1;

    let other = TransactionRequest::default().from(holder).to(holder).nonce(nonce);
    reorganise(&env.devnet, 1, vec![(TransactionData::JSON(other), 0)]).await?;

    let (balance, paid) = books(&env, plan).await?;
    assert_eq!((balance.balance, paid), (0, before), "nothing for nothing");
    let error = env.devnet.reader().send_raw_transaction(&transaction).await.unwrap_err();
    assert!(error.to_string().contains("nonce too low"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_request_that_the_chain_takes_back_can_be_redeemed_again_and_only_then() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let holder = env.subscriber.signer();
    env.subscriber.order(plan).await?;
    let request = RequestId::from("request-123");
    let redeemed = env.builder.redeem(plan, holder, 5, request).await?;
    let transaction = raw(&env.devnet, redeemed.receipt.transaction).await?;
    assert_eq!(books(&env, plan).await?.0.balance, 95, "redeemed");

    reorganise(&env.devnet, 1, vec![]).await?;
    assert_eq!(books(&env, plan).await?.0.balance, 100, "taken back");
    assert!(!env.stranger.is_redeemed(plan, env.builder.signer(), request).await?, "and so is its id");

    env.devnet.reader().send_raw_transaction(&transaction).await?.get_receipt().await?;
    assert_eq!(books(&env, plan).await?.0.balance, 95, "redeemed in another block");
    let builder = env.devnet.scrip("builder").await?;
    let error = builder.redeem(plan, holder, 5, request).await.unwrap_err();
    assert!(matches!(error.refusal(), Some(IScripErrors::RequestAlreadyRedeemed(_))), "{error}");
    let expected =
        Redeemed { plan, holder, redeemer: env.builder.signer(), amount: 5, request: Some(request) };
    assert_eq!(redeemed.event, expected);
    Ok(())
}
