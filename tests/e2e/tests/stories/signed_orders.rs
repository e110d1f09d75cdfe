//! Orders that one signs and another sends, and that the payer signs instead of approving.

use std::{fs, path::Path};

use alloy::{
    primitives::{Address, Bytes, U256, hex},
    providers::{Provider, ext::AnvilApi},
    sol,
};
use eyre::Result;
use scrip::{
    Error, Item, NoncesCancelled, Ordered, PERMIT2, PaymentStandard, PlanId, Refusal, RouterOrder, Scrip,
    SignedOrder, SignedPayment, Terms, Token,
    abi::{
        IERC20,
        IRouter::{IRouterErrors, IRouterErrors as R},
    },
};
use scrip_devnet::WalletProvider;
use scrip_e2e::env::TestEnv;

use crate::common::deploy;

async fn order(env: &TestEnv, plan: PlanId, nonce: u64) -> Result<RouterOrder> {
    let payer = env.subscriber.signer();
    let deadline = env.devnet.now().await? + 3_600;
    Ok(env.stranger.router_order(Item::new(plan, payer), payer, U256::from(nonce), deadline).await?)
}

async fn dollars(env: &TestEnv, account: Address) -> Result<U256> {
    Ok(IERC20::new(env.devnet.dollar().address, env.devnet.reader()).balanceOf(account).call().await?)
}

/// Puts Permit2 where it is on public chains, and has the subscriber approve it.
pub(crate) async fn with_permit2(env: &TestEnv) -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/artifacts/permit2.hex");
    // The domain that it has kept is that of another address on chain 31337. On every other chain it makes its own.
    let chain = |id: u64| hex::encode(U256::from(id).to_be_bytes::<32>());
    let code = hex::decode(fs::read_to_string(file)?.trim().replace(&chain(31_337), &chain(1)))?;
    env.devnet.reader().anvil_set_code(PERMIT2, code.into()).await?;
    let dollar = IERC20::new(env.devnet.dollar().address, env.subscriber.provider());
    dollar.approve(PERMIT2, U256::MAX).send().await?.get_receipt().await?;
    Ok(())
}

fn refused_by_router<T>(result: Result<T, Error>) -> IRouterErrors {
    let error = result.err().expect("it should be refused");
    let Some(Refusal::Router(refusal)) = error.refused_by() else { panic!("{error}") };
    (**refusal).clone()
}

#[tokio::test]
async fn a_payer_signs_and_anyone_sends() -> Result<()> {
    let env = TestEnv::start().await?;
    with_permit2(&env).await?;
    let key = &env.devnet.actor("subscriber")?.signer;
    let (payer, payee, router) = (key.address(), env.builder.signer(), env.builder.router());
    let plan = env.create(&env.premium()?).await?;
    let token = env.devnet.dollar().address;

    let standards = env.subscriber.payment_standards(token, payer, U256::from(20_000_000)).await?;
    assert_eq!(standards, [PaymentStandard::Eip3009, PaymentStandard::Eip2612, PaymentStandard::Permit2]);
    for (nonce, standard) in (0..).zip(standards) {
        let order = order(&env, plan, nonce).await?;
        assert_eq!(order.max_price, U256::from(20_000_000));
        let hash = env.agent.router_instance().hashOf(order.clone().into()).call().await?;
        assert_eq!(order.signing_hash(&env.agent.router_domain()), hash);

        let signed = env.subscriber.sign_order_by(standard, order, key).await?;
        // As it travels to whoever sends it.
        let signed: SignedOrder = serde_json::from_str(&serde_json::to_string(&signed)?)?;
        let (paid, received) = (dollars(&env, payer).await?, dollars(&env, payee).await?);
        let coin = env.devnet.reader().get_balance(payer).await?;
        let ordered = env.stranger.send_order(&signed).await?;
        let expected = Ordered {
            plan,
            payer,
            holder: payer,
            quantity: 1,
            token,
            paid: U256::from(20_000_000),
            fee: U256::ZERO,
            credits: 100,
            expiry: None,
        };
        assert_eq!(ordered.event, expected, "{standard:?}");
        assert_eq!(paid - dollars(&env, payer).await?, expected.paid, "{standard:?}");
        assert_eq!(dollars(&env, payee).await? - received, expected.paid, "{standard:?}");
        assert_eq!(dollars(&env, router).await?, U256::ZERO, "the router keeps nothing");
        assert_eq!(env.devnet.reader().get_balance(payer).await?, coin, "the payer pays no gas");
        assert!(env.agent.send_order(&signed).await.is_err(), "{standard:?}: once more");
    }
    assert_eq!(env.agent.balance(plan, payer).await?.balance, 300);
    for (nonce, used) in [(0, true), (1, true), (2, true), (3, false)] {
        assert_eq!(env.agent.is_order_nonce_used(payer, U256::from(nonce)).await?, used, "{nonce}");
    }
    Ok(())
}

#[tokio::test]
async fn whoever_sends_it_can_change_nothing() -> Result<()> {
    let env = TestEnv::start().await?;
    let key = &env.devnet.actor("subscriber")?.signer;
    let plan = env.create(&env.premium()?).await?;
    let by_permit =
        env.subscriber.sign_order_by(PaymentStandard::Eip2612, order(&env, plan, 7).await?, key).await?;
    let by_authorization = env.subscriber.sign_order(order(&env, plan, 8).await?, key).await?;
    assert!(matches!(by_authorization.payment, SignedPayment::Eip3009 { .. }), "the best comes first");

    let other = env.agent.signer();
    for change in [
        |order: RouterOrder, other| RouterOrder { holder: other, ..order },
        |order, _| RouterOrder { quantity: 2, ..order },
        |order, _| RouterOrder { data: Bytes::from(vec![1]), ..order },
        |order, _| RouterOrder { deadline: order.deadline + 1, ..order },
        |order, _| RouterOrder { nonce: U256::from(9), ..order },
    ] as [fn(RouterOrder, Address) -> RouterOrder; 5]
    {
        let changed = SignedOrder { order: change(by_permit.order.clone(), other), ..by_permit.clone() };
        let refusal = refused_by_router(env.stranger.send_order(&changed).await);
        assert!(matches!(refusal, R::InvalidOrderSignature(_)), "{refusal:?}");
        let order = change(by_authorization.order.clone(), other);
        let changed = SignedOrder { order, ..by_authorization.clone() };
        let error = env.stranger.send_order(&changed).await.unwrap_err();
        assert!(matches!(error, Error::Reverted(_)), "in the token's words: {error}");
    }
    assert_eq!(env.agent.balance(plan, env.subscriber.signer()).await?.balance, 0);
    env.stranger.send_order(&by_permit).await?;
    env.stranger.send_order(&by_authorization).await?;
    assert_eq!(env.agent.balance(plan, env.subscriber.signer()).await?.balance, 200);
    Ok(())
}

#[tokio::test]
async fn a_gift_that_needs_consent_has_it_in_the_same_order() -> Result<()> {
    let env = TestEnv::start().await?;
    let (payer, holder) = (env.subscriber.signer(), env.agent.signer());
    let (payer_key, holder_key) =
        (&env.devnet.actor("subscriber")?.signer, &env.devnet.actor("agent")?.signer);
    let trial = env.premium()?.limit_per_holder(3);
    let plan = env.create(&trial).await?;
    let gift = |nonce| RouterOrder {
        plan,
        holder,
        quantity: 1,
        max_price: U256::from(20_000_000),
        data: Bytes::new(),
        payer,
        nonce: U256::from(nonce),
        deadline: u64::MAX,
    };

    let signed = env.subscriber.sign_order(gift(1), payer_key).await?;
    let error = env.stranger.send_order(&signed).await.unwrap_err();
    assert!(error.is_not_allowed(), "{error}");
    let consent = env.agent.sign_consent(&gift(1), holder_key).await?;
    let ordered = env.stranger.send_order(&signed.with_consent(consent)).await?;
    assert_eq!((ordered.payer, ordered.holder, ordered.credits), (payer, holder, 100));
    assert!(env.stranger.is_order_nonce_used(holder, U256::ONE).await?);

    // Paid by the payer's own transaction: in a token by its allowance for the router, in the native coin as sent along.
    let consent = env.agent.sign_consent(&gift(2), holder_key).await?;
    let purchase = env.subscriber.order_with_consent(&gift(2), consent.clone()).await?;
    assert_eq!((purchase.ordered.holder, purchase.approvals.len()), (holder, 1));
    let again = refused_by_router(env.subscriber.order_with_consent(&gift(2), consent).await);
    assert!(matches!(again, R::NonceUsed(_)), "{again:?}");

    let native = env.create(&trial.price(&Token::native("ETH"), "0.5")?).await?;
    let gift = RouterOrder { plan: native, max_price: U256::from(10_u64.pow(18)), ..gift(3) };
    let consent = env.agent.sign_consent(&gift, holder_key).await?;
    let purchase = env.subscriber.order_with_consent(&gift, consent.clone()).await?;
    assert_eq!(purchase.ordered.paid, U256::from(5 * 10_u64.pow(17)));
    let not_the_payer = refused_by_router(env.stranger.order_with_consent(&gift, consent).await);
    assert!(matches!(not_the_payer, R::NotPayer(_)), "{not_the_payer:?}");
    Ok(())
}

#[tokio::test]
async fn what_the_price_leaves_over_comes_back() -> Result<()> {
    let env = TestEnv::start().await?;
    let key = &env.devnet.actor("subscriber")?.signer;
    let plan = env.create(&env.premium()?).await?;
    let item = Item { max_price: Some(U256::from(90_000_000)), ..Item::new(plan, key.address()) };
    let order = env.agent.router_order(item, key.address(), U256::ZERO, u64::MAX).await?;
    let before = dollars(&env, key.address()).await?;
    let ordered = env.agent.send_order(&env.subscriber.sign_order(order, key).await?).await?;
    assert_eq!(ordered.paid, U256::from(20_000_000));
    assert_eq!(before - dollars(&env, key.address()).await?, ordered.paid);
    Ok(())
}

#[tokio::test]
async fn the_router_says_why_not() -> Result<()> {
    let env = TestEnv::start().await?;
    let key = &env.devnet.actor("subscriber")?.signer;
    let payer = key.address();
    let plan = env.create(&env.premium()?).await?;
    let sign = async |order| env.subscriber.sign_order_by(PaymentStandard::Eip2612, order, key).await;
    let say = |error: Error| {
        assert!(error.hint().is_some(), "{error}");
        env.with_names(&error, plan)
    };

    let cancelled = sign(order(&env, plan, 300).await?).await?;
    let done = env.subscriber.cancel_order(U256::from(300)).await?;
    let event = NoncesCancelled { signer: payer, word: U256::ONE, mask: U256::ONE << 44 };
    assert_eq!(done.event, event);
    let error = env.agent.send_order(&cancelled).await.unwrap_err();
    assert_eq!(say(error), "subscriber's order 300 was sent or cancelled already");

    let deadline = env.devnet.now().await? - 1;
    let late = sign(RouterOrder { deadline, ..order(&env, plan, 1).await? }).await?;
    let error = env.agent.send_order(&late).await.unwrap_err();
    assert_eq!(say(error), format!("the order was valid until {deadline} (unix time)"));

    let foreign = SignedOrder {
        order: RouterOrder { payer: env.builder.signer(), ..late.order.clone() },
        ..sign(order(&env, plan, 1).await?).await?
    };
    let foreign = SignedOrder { order: RouterOrder { deadline: u64::MAX, ..foreign.order }, ..foreign };
    let error = env.agent.send_order(&foreign).await.unwrap_err();
    assert_eq!(say(error), "the signature over the order is not builder's");

    // A permit that was used already, and whose allowance is gone.
    let signed = sign(order(&env, plan, 2).await?).await?;
    let SignedPayment::Eip2612 { signature, .. } = signed.payment else { panic!() };
    env.agent.send_order(&signed).await?;
    let mut order = order(&env, plan, 3).await?;
    order.deadline = signed.order.deadline;
    let order_signature = Some(env.subscriber.sign_consent(&order, key).await?);
    let payment = SignedPayment::Eip2612 { signature, order_signature };
    let error = env.agent.send_order(&SignedOrder { order, payment, ..signed }).await.unwrap_err();
    assert_eq!(say(error), "token tUSD did not move 20000000 base units from subscriber to the router");
    Ok(())
}

sol! {
    #[sol(rpc)]
    interface IBorrowedDomain {
        function borrow(address lender) external;
    }
}

#[tokio::test]
async fn nothing_is_signed_that_another_contract_would_take() -> Result<()> {
    let env = TestEnv::start().await?;
    let token = deploy(&env, "BorrowedDomain").await?;
    let payer = env.subscriber.signer();
    let standards = async || env.subscriber.payment_standards(token, payer, U256::ONE).await;
    assert_eq!(standards().await?, [PaymentStandard::Eip3009], "of its own domain");
    let borrower = IBorrowedDomain::new(token, env.subscriber.provider());
    borrower.borrow(env.devnet.dollar().address).send().await?.get_receipt().await?;
    assert_eq!(standards().await?, [], "of the dollar's");
    Ok(())
}

/// The subscriber, with the key to sign.
fn signing(env: &TestEnv) -> Result<Scrip<WalletProvider>> {
    Ok(env.subscriber.clone().signing_with(env.devnet.actor("subscriber")?.signer.clone()))
}

/// The subscriber, on a plan in a token.
async fn buy(env: &TestEnv, token: &Token, with_key: bool) -> Result<scrip::Purchase> {
    let terms = Terms::credits("Plan", 5).price(token, "1")?.paid_to(env.builder.signer());
    let salt = env.devnet.reader().get_transaction_count(env.builder.signer()).await?;
    let plan = env.builder.create_plan_with_salt(&terms, U256::from(salt)).await?.plan;
    let subscriber = if with_key { signing(env)? } else { env.subscriber.clone() };
    Ok(subscriber.order(plan).await?)
}

#[tokio::test]
async fn the_payer_signs_instead_of_approving_where_the_token_allows_that() -> Result<()> {
    let env = TestEnv::start().await?;
    let dollar = env.devnet.dollar().clone();
    assert_eq!(buy(&env, &dollar, false).await?.approvals.len(), 1);
    let sent = |scrip: &Scrip<WalletProvider>| {
        let (provider, account) = (scrip.provider().clone(), scrip.signer());
        async move { provider.get_transaction_count(account).await }
    };
    let before = sent(&env.subscriber).await?;
    for _ in 0..2 {
        let purchase = buy(&env, &dollar, true).await?;
        assert!(purchase.approvals.is_empty(), "nothing is approved");
        assert_eq!((purchase.ordered.payer, purchase.ordered.credits), (env.subscriber.signer(), 5));
    }
    assert_eq!(sent(&env.subscriber).await? - before, 2, "one transaction each");
    let purchase = buy(&env, &Token::native("ETH"), true).await?;
    assert_eq!(purchase.ordered.payer, env.subscriber.signer(), "the native coin needs no signature");

    // A token that knows no signature is approved, and an order to be sent by another cannot be signed.
    let plain = env.subscriber.token(deploy(&env, "ResettingToken").await?).await?;
    assert_eq!(buy(&env, &plain, true).await?.approvals.len(), 1);
    let terms = Terms::credits("Plain", 5).price(&plain, "1")?.paid_to(env.builder.signer());
    let plan = env.create(&terms).await?;
    let key = &env.devnet.actor("subscriber")?.signer;
    let error = env.subscriber.sign_order(order(&env, plan, 1).await?, key).await.unwrap_err();
    assert!(matches!(error, Error::CannotSign { token, .. } if token == plain.address), "{error}");
    assert!(error.hint().is_some());
    Ok(())
}
