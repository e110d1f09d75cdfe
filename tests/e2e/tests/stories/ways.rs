//! How an order is paid: the best way by itself, or the one that is asked for.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::eip7702::Authorization,
    network::{TransactionBuilder, TransactionBuilder7702},
    primitives::{Address, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
    signers::SignerSync,
};
use eyre::Result;
use scrip::{Error, MemoryJournal, PaymentStandard, PlanId, Purchase, Scrip, Terms, Token, Way, abi::IERC20};
use scrip_devnet::WalletProvider;
use scrip_e2e::{
    env::TestEnv,
    faults::{Fault, FaultyNode},
};

use crate::common::deploy;

/// Gives the subscriber's account the code of a contract, by EIP-7702.
async fn delegate(env: &TestEnv, code: Address) -> Result<()> {
    let signer = &env.devnet.actor("subscriber")?.signer;
    let nonce = env.devnet.reader().get_transaction_count(signer.address()).await?;
    let authorization =
        Authorization { chain_id: U256::from(env.subscriber.chain_id()), address: code, nonce };
    let signature = signer.sign_hash_sync(&authorization.signature_hash())?;
    let carrier = TransactionRequest::default()
        .with_to(env.stranger.signer())
        .with_authorization_list(vec![authorization.into_signed(signature)]);
    env.stranger.provider().send_transaction(carrier).await?.get_receipt().await?;
    Ok(())
}

/// How many transactions the subscriber has sent.
async fn sent(env: &TestEnv) -> Result<u64> {
    Ok(env.devnet.reader().get_transaction_count(env.subscriber.signer()).await?)
}

/// Orders, and says in how many transactions.
async fn order(
    env: &TestEnv,
    client: &Scrip<WalletProvider>,
    plan: PlanId,
    way: Option<Way>,
) -> Result<(Purchase, u64)> {
    let before = sent(env).await?;
    let order = client.order(plan);
    let purchase = match way {
        Some(way) => order.by(way).await?,
        None => order.await?,
    };
    assert_eq!(purchase.ordered.payer, client.signer());
    Ok((purchase, sent(env).await? - before))
}

async fn plan_in(env: &TestEnv, token: &Token) -> Result<PlanId> {
    env.create(&Terms::credits("Plan", 5).price(token, "1")?.paid_to(env.builder.signer())).await
}

#[tokio::test]
async fn an_account_with_code_for_batches_approves_and_orders_at_once() -> Result<()> {
    let env = TestEnv::start().await?;
    let plain = env.subscriber.token(deploy(&env, "ResettingToken").await?).await?;
    let plan = plan_in(&env, &plain).await?;
    let client = &env.subscriber;

    let (purchase, transactions) = order(&env, client, plan, None).await?;
    assert_eq!((purchase.approvals.len(), transactions), (1, 2), "no code yet");
    delegate(&env, deploy(&env, "BatchAccount").await?).await?;
    let (purchase, transactions) = order(&env, client, plan, None).await?;
    assert_eq!((purchase.approvals.len(), transactions), (0, 1), "one batch");
    assert_eq!(purchase.ordered.credits, 5);
    let token = IERC20::new(plain.address, env.devnet.reader());
    assert_eq!(
        token.allowance(client.signer(), client.address()).call().await?,
        U256::ZERO,
        "exactly the price"
    );

    // An allowance in between makes this token want 0 first: three calls, and still one transaction.
    token.allowance(client.signer(), client.address()).call().await?;
    client.approve(plain.address, U256::ONE).await?;
    assert_eq!(order(&env, client, plan, None).await?.1, 1, "one batch");
    let (purchase, transactions) = order(&env, client, plan, Some(Way::Approval)).await?;
    assert_eq!((purchase.approvals.len(), transactions), (1, 2), "as it was asked for");
    Ok(())
}

/// Its receipt is from the account to itself, as that of a cancelled write is; which it was is known without the node.
#[tokio::test]
async fn a_batch_that_was_mined_is_never_told_as_not_done() -> Result<()> {
    let env = TestEnv::start().await?;
    let plain = env.subscriber.token(deploy(&env, "ResettingToken").await?).await?;
    let plan = plan_in(&env, &plain).await?;
    delegate(&env, deploy(&env, "BatchAccount").await?).await?;
    let node = FaultyNode::before(env.devnet.url()).await?;
    let client = node.scrip(&env.devnet, "subscriber").await?;
    node.next_times("eth_getTransactionByHash", Fault::Unavailable, 20);
    let (purchase, transactions) = order(&env, &client, plan, None).await?;
    assert_eq!((purchase.ordered.credits, transactions), (5, 1), "one batch");
    assert_eq!(node.count(Fault::Unavailable), 0, "the node was asked what was signed");
    Ok(())
}

#[tokio::test]
async fn a_way_is_chosen_by_what_is_there() -> Result<()> {
    let env = TestEnv::start().await?;
    let dollar = env.devnet.dollar().clone();
    let plan = plan_in(&env, &dollar).await?;
    let signing = env.subscriber.clone().signing_with(env.devnet.actor("subscriber")?.signer.clone());
    let allowance = async || {
        let token = IERC20::new(dollar.address, env.devnet.reader());
        token.allowance(env.subscriber.signer(), env.subscriber.address()).call().await
    };

    for way in [
        None,
        Some(Way::Signature(PaymentStandard::Eip3009)),
        Some(Way::Signature(PaymentStandard::Eip2612)),
        Some(Way::Approval),
    ] {
        let (purchase, transactions) = order(&env, &signing, plan, way).await?;
        let approvals = usize::from(way == Some(Way::Approval));
        assert_eq!((purchase.approvals.len(), transactions), (approvals, 1 + approvals as u64), "{way:?}");
    }
    assert_eq!(allowance().await?, U256::ZERO, "nothing stays approved");

    // What is approved is used before anything is signed.
    env.subscriber.approve(dollar.address, U256::from(1_000_000)).await?;
    order(&env, &signing, plan, None).await?;
    assert_eq!(allowance().await?, U256::ZERO);

    let error = env.subscriber.order(plan).by(Way::Allowance).await.unwrap_err();
    assert!(error.refusal().is_some(), "nothing is approved: {error}");
    let error = env.subscriber.order(plan).by(Way::Signature(PaymentStandard::Eip3009)).await.unwrap_err();
    assert!(matches!(error, Error::NoSigningKey { .. }), "{error}");
    assert!(error.hint().is_some());
    let error = env.subscriber.order(plan).by(Way::Batch).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} has no code that makes several calls in one", env.subscriber.signer())
    );
    Ok(())
}

#[tokio::test]
async fn a_poor_or_late_buyer_is_told_before_anything_is_sent() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?.limit_per_holder(1)).await?;
    let signing = env.subscriber.clone().signing_with(env.devnet.actor("subscriber")?.signer.clone());
    order(&env, &signing, plan, None).await?;
    let before = sent(&env).await?;
    let told = async |client: &Scrip<WalletProvider>| -> Result<String> {
        let error = client.order(plan).await.unwrap_err();
        assert!(!error.is_pending(), "{error}");
        Ok(env.with_names(error, plan))
    };
    for client in [&signing, &env.subscriber] {
        assert_eq!(told(client).await?, "subscriber can order plan PLAN 0 more times, not 1");
    }
    env.builder.set_open(plan, false).await?;
    for client in [&signing, &env.subscriber] {
        assert_eq!(told(client).await?, "orders of plan PLAN are stopped");
    }
    env.builder.set_open(plan, true).await?;
    let all = IERC20::new(env.devnet.dollar().address, env.devnet.reader())
        .balanceOf(env.subscriber.signer())
        .call()
        .await?;
    assert_eq!(sent(&env).await?, before, "nothing was sent");
    let dear = env
        .create(
            &Terms::credits("Dear", 1).price(env.devnet.dollar(), "2000000")?.paid_to(env.builder.signer()),
        )
        .await?;
    for client in [&signing, &env.subscriber] {
        let error = client.order(dear).await.unwrap_err();
        assert!(matches!(error, Error::InsufficientFunds { available, .. } if available == all), "{error}");
    }
    assert_eq!(sent(&env).await?, before, "nothing was sent");
    Ok(())
}

/// The approval is the order's own, but the order is not the only one that may spend it.
#[tokio::test]
async fn an_approval_that_another_order_has_spent_is_given_again() -> Result<()> {
    let env = TestEnv::start().await?;
    let resetting = env.subscriber.token(deploy(&env, "ResettingToken").await?).await?;
    let reader = env.devnet.reader();
    for token in [env.devnet.dollar().clone(), resetting] {
        let plan = plan_in(&env, &token).await?;
        let client = &env.devnet.scrip("subscriber").await?;
        let price = U256::from(1_000_000);
        let contract = IERC20::new(token.address, env.devnet.reader());
        let allowance = async || contract.allowance(client.signer(), client.address()).call().await;
        let hasty = client.clone().with_patience(Duration::from_millis(300)).once("K");

        // Twice it gives up once its approval is sent, and each time another order spends that.
        for time in 0..2 {
            reader.anvil_set_auto_mine(false).await?;
            let error = hasty.order(plan).await.unwrap_err();
            assert!(matches!(&error, Error::Pending { key: Some(key), .. } if key == "K"), "{error}");
            reader.evm_mine(None).await?;
            reader.anvil_set_auto_mine(true).await?;
            assert_eq!(allowance().await?, price, "{time}");
            let (other, transactions) = order(&env, client, plan, None).await?;
            assert_eq!((other.approvals.len(), transactions), (0, 1), "with what is approved");
            // What is left of something else has some tokens want 0 in between.
            if time == 1 {
                client.approve(token.address, U256::ONE).await?;
            }
        }
        let before = sent(&env).await?;
        let purchase = client.once("K").order(plan).await?;
        let resets = usize::from(token.address != env.devnet.dollar().address);
        assert_eq!(purchase.approvals.len(), 2 + resets, "the last of those, and what it takes now");
        assert_eq!(sent(&env).await? - before, 2 + resets as u64);
        assert_eq!(allowance().await?, U256::ZERO, "exactly the price");

        // Done once, and nothing more is approved for it.
        let again = client.once("K").order(plan).await?;
        assert_eq!((again.ordered, sent(&env).await? - before), (purchase.ordered, 2 + resets as u64));
        assert_eq!(env.subscriber.balance(plan, client.signer()).await?.balance, 15);

        // An approval that is asked for by itself, under a key, is given once.
        client.once("A").approve(token.address, price).await?;
        order(&env, client, plan, None).await?;
        client.once("A").approve(token.address, price).await?;
        assert_eq!(allowance().await?, U256::ZERO);
    }
    Ok(())
}

/// It sees an allowance that is spent already, by the very order that it was for.
#[tokio::test]
async fn who_comes_late_to_the_same_order_approves_nothing_more_for_it() -> Result<()> {
    let env = TestEnv::start().await?;
    let (dollar, reader) = (env.devnet.dollar().clone(), env.devnet.reader());
    let plan = plan_in(&env, &dollar).await?;
    let journal = Arc::new(MemoryJournal::new());
    let node = FaultyNode::before(env.devnet.url()).await?;
    let first = env.devnet.scrip("subscriber").await?.with_journal(journal.clone()).once("K");
    let late = node.scrip(&env.devnet, "subscriber").await?.with_journal(journal).once("K");
    let before = sent(&env).await?;

    // Both wait for one approval, and one of them hears late that it is mined.
    reader.anvil_set_auto_mine(false).await?;
    let first = tokio::spawn(async move { first.order(plan).await });
    while reader.get_transaction_count(env.subscriber.signer()).pending().await? == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    node.next_times("eth_getTransactionReceipt", Fault::Delay, 100);
    let late = tokio::spawn(async move { late.order(plan).await });
    while node.count(Fault::Delay) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    reader.evm_mine(None).await?;
    reader.anvil_set_auto_mine(true).await?;
    let (first, late) = (first.await??, late.await??);
    assert_eq!(first.ordered, late.ordered);
    assert_eq!(sent(&env).await? - before, 2, "an approval and an order");
    let token = IERC20::new(dollar.address, reader);
    let left = token.allowance(env.subscriber.signer(), env.subscriber.address()).call().await?;
    assert_eq!(left, U256::ZERO, "exactly the price");
    Ok(())
}
