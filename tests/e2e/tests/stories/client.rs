//! Every call of the client, on a chain.

use std::{future::IntoFuture, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, ext::AnvilApi},
};
use eyre::{OptionExt, Result};
use scrip::{
    Burned, Created, Error, Event, Expired, Lot, Minted, OpenSet, OperatorSet, Ordered, OwnershipAccepted,
    OwnershipOffered, Permissions, PlanType, Price, Redeemed, RequestId, Terms, Token, Transferred,
    abi::{IERC20, IScrip::IScripErrors},
};
use scrip_devnet::{Config, Devnet};
use scrip_e2e::env::TestEnv;

use crate::common::deploy;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn plans_are_created_as_asked_and_read_back() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, agent) = (env.builder.signer(), env.agent.signer());
    let coin = env.builder.token(Address::ZERO).await?;
    let dollar = env.builder.token(env.devnet.dollar().address).await?;
    assert_eq!(&dollar, env.devnet.dollar());

    let all = [
        Terms::credits("Free", 1),
        env.premium()?.uri("data:application/json,{}").revocable().limit_per_holder(3).limit_in_all(5),
        Terms::credits("Split", u64::MAX)
            .lasting(HOUR)?
            .price(&coin, "1.5")?
            .split([(builder, 3_333), (agent, 6_667)]),
        Terms::access("Access", HOUR)?.price(&dollar, "0.000001")?.paid_to(agent).takes(7..=7),
    ];
    for terms in all {
        let created = env.builder.create_plan(&terms).await?;
        assert_eq!(created.event, Created { plan: created.plan, owner: builder });
        assert_eq!(created.plan, env.stranger.plan_id(builder, &terms, U256::ZERO).await?, "{}", terms.name);
        let plan = env.stranger.plan(created.plan).await?;
        assert_eq!(plan.terms, terms);
        assert_eq!((plan.id, plan.owner, plan.pending_owner), (created.plan, builder, None));
        assert!(plan.open);

        let other = env.builder.create_plan_with_salt(&terms, U256::from(1)).await?;
        assert_ne!(other.plan, created.plan, "another salt makes another plan");
    }
    Ok(())
}

#[tokio::test]
async fn an_order_approves_what_is_missing_and_no_more() -> Result<()> {
    let env = TestEnv::start().await?;
    let (payer, payee) = (env.subscriber.signer(), env.builder.signer());
    let dollar = IERC20::new(env.devnet.dollar().address, env.subscriber.provider());
    let plan = env.create(&env.premium()?).await?;

    let first = env.subscriber.order(plan).await?;
    assert_eq!(first.approvals.len(), 1, "nothing was approved");
    let ordered = Ordered {
        plan,
        payer,
        holder: payer,
        quantity: 1,
        token: *dollar.address(),
        paid: U256::from(20_000_000),
        fee: U256::ZERO,
        credits: 100,
        expiry: None,
    };
    assert_eq!(first.ordered.event, ordered);
    let allowance = || async { dollar.allowance(payer, env.builder.address()).call().await };
    assert_eq!(allowance().await?, U256::ZERO, "the exact price was approved and is spent");

    dollar.approve(env.builder.address(), U256::from(70_000_000)).send().await?.get_receipt().await?;
    let before = dollar.balanceOf(payee).call().await?;
    let three = env.subscriber.order(plan).quantity(3).await?;
    assert!(three.approvals.is_empty(), "enough was approved");
    assert_eq!((three.ordered.quantity, three.ordered.credits), (3, 300));
    assert_eq!(dollar.balanceOf(payee).call().await? - before, U256::from(60_000_000));
    assert_eq!(allowance().await?, U256::from(10_000_000));

    let again = env.subscriber.order(plan).await?;
    assert_eq!(again.approvals.len(), 1, "too little was approved");
    assert_eq!(allowance().await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn a_token_that_wants_its_allowance_reset_is_served() -> Result<()> {
    let env = TestEnv::start().await?;
    let address = deploy(&env, "ResettingToken").await?;
    let provider = env.subscriber.provider();
    let token = env.subscriber.token(address).await?;
    assert_eq!(token, Token { address, symbol: "RST".to_owned(), decimals: 6 });

    let contract = IERC20::new(address, provider);
    contract.approve(env.builder.address(), U256::from(1)).send().await?.get_receipt().await?;
    let plan = env.create(&env.premium()?.price(&token, "20")?).await?;
    let purchase = env.subscriber.order(plan).await?;
    assert_eq!(purchase.approvals.len(), 2, "to 0, then to the price");
    assert_eq!(env.subscriber.balance(plan, env.subscriber.signer()).await?.balance, 100);
    Ok(())
}

#[tokio::test]
async fn a_token_cannot_speak_for_the_contract() -> Result<()> {
    let env = TestEnv::start().await?;
    let token = env.subscriber.token(deploy(&env, "ImpostorToken").await?).await?;
    let plan = env.create(&env.premium()?.price(&token, "20")?).await?;
    let error = env.subscriber.order(plan).await.unwrap_err();
    assert!(matches!(error, Error::Reverted(_)), "{error}");
    assert!(!error.is_already_redeemed() && error.refusal().is_none());
    Ok(())
}

#[tokio::test]
async fn native_free_and_gift_orders() -> Result<()> {
    let env = TestEnv::start().await?;
    let coin = Token::native("ETH");
    let holder = env.subscriber.signer();
    let reader = env.devnet.reader();

    let native = env.create(&env.premium()?.price(&coin, "0.25")?).await?;
    let before = reader.get_balance(env.builder.signer()).await?;
    let purchase = env.stranger.order(native).quantity(2).gift_to(holder).await?;
    assert_eq!(purchase.ordered.payer, env.stranger.signer());
    assert_eq!(purchase.ordered.holder, holder);
    let paid = reader.get_balance(env.builder.signer()).await? - before;
    assert_eq!(paid, coin.parse("0.5")?);
    assert_eq!(env.builder.balance(native, holder).await?.balance, 200);

    let free = env.create(&Terms::credits("Trial", 5).limit_per_holder(1)).await?;
    let purchase = env.subscriber.order(free).await?;
    assert_eq!((purchase.ordered.paid, purchase.ordered.credits), (U256::ZERO, 5));
    assert!(purchase.approvals.is_empty());
    assert_eq!(env.stranger.orders_of(free, holder).await?, 1);

    let poor = env.create(&env.premium()?.price(env.devnet.dollar(), "2000000")?).await?;
    let before = reader.get_transaction_count(holder).await?;
    let error = env.subscriber.order(poor).await.unwrap_err();
    assert_eq!(
        env.with_names(&error, poor),
        "subscriber has 1000000000000 base units of token tUSD, 2000000000000 are needed"
    );
    assert!(error.hint().is_some_and(|hint| hint.starts_with("send some to")));
    assert_eq!(reader.get_transaction_count(holder).await?, before, "a poor buyer pays no gas");
    Ok(())
}

#[tokio::test]
async fn credits_are_minted_redeemed_and_burned_by_lot() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, holder, agent) = (env.builder.signer(), env.subscriber.signer(), env.agent.signer());
    let plan = env.create(&env.premium()?.revocable()).await?;

    let minted = env.builder.mint(plan, holder, 50).await?;
    assert_eq!(minted.event, Minted { plan, holder, amount: 50, expiry: None });
    let minted = env.builder.mint_expirable(plan, holder, 20, HOUR).await?;
    let expiry = env.devnet.now().await? + HOUR.as_secs();
    assert_eq!(minted.event, Minted { plan, holder, amount: 20, expiry: Some(expiry) });
    let lots = [Lot { amount: 20, expiry: Some(expiry) }, Lot { amount: 50, expiry: None }];
    assert_eq!(env.stranger.lots(plan, holder).await?, lots);

    env.builder.set_operator(plan, agent, Permissions { redeem: true, ..Permissions::NONE }).await?;
    let redeemed = env.agent.redeem(plan, holder, 5, "request-123").await?;
    let request = Some(RequestId::from("request-123"));
    assert_eq!(redeemed.event, Redeemed { plan, holder, redeemer: agent, amount: 5, request });
    assert!(env.stranger.is_redeemed(plan, agent, "request-123").await?);
    assert!(!env.stranger.is_redeemed(plan, builder, "request-123").await?, "ids are each redeemer's own");
    let error = env.agent.redeem(plan, holder, 5, "request-123").await.unwrap_err();
    assert!(error.is_already_redeemed());
    env.builder.redeem(plan, holder, 5, "request-123").await?;
    let redeemed = env.agent.redeem_without_id(plan, holder, 1).await?;
    assert_eq!(redeemed.event, Redeemed { plan, holder, redeemer: agent, amount: 1, request: None });
    assert_eq!(env.stranger.lots(plan, holder).await?[0].amount, 9, "the earliest expiry is spent first");

    let burned = env.subscriber.burn(plan, 10).await?;
    assert_eq!(burned.event, Burned { plan, holder, burner: holder, amount: 10 });
    let burned = env.builder.burn_from(plan, holder, 9).await?;
    assert_eq!(burned.event, Burned { plan, holder, burner: builder, amount: 9 });
    assert_eq!(env.stranger.lots(plan, holder).await?, [Lot { amount: 40, expiry: None }]);
    Ok(())
}

#[tokio::test]
async fn a_balance_has_the_fields_of_the_reference() -> Result<()> {
    let env = TestEnv::start().await?;
    let holder = env.subscriber.signer();
    let plan = env.create(&env.premium()?).await?;
    env.subscriber.order(plan).await?;
    let balance = env.stranger.balance(plan, holder).await?;
    assert_eq!(balance.plan_type, PlanType::Credits);
    let expected = serde_json::json!({
        "plan_id": plan,
        "plan_name": "Premium Plan",
        "plan_type": "credits",
        "balance": 100,
        "is_subscriber": true,
        "holder_address": holder,
        "price_per_credit": 200_000.0,
    });
    assert_eq!(serde_json::to_value(&balance)?, expected);

    let access =
        Terms::access("Access", HOUR)?.price(env.devnet.dollar(), "3")?.paid_to(env.builder.signer());
    let access = env.create(&access).await?;
    let balance = env.stranger.balance(access, holder).await?;
    assert_eq!((balance.plan_type, balance.balance, balance.is_subscriber), (PlanType::Time, 0, false));
    assert_eq!(balance.price_per_credit, Some(3_000_000.0), "of one period");
    assert_eq!(env.stranger.access_end(access, holder).await?, None);
    env.subscriber.order(access).quantity(2).await?;
    let end = env.stranger.access_end(access, holder).await?;
    assert_eq!(end, Some(env.devnet.now().await? + 2 * HOUR.as_secs()));
    env.builder.mint(access, holder, 1).await?;
    let longer = env.stranger.access_end(access, holder).await?;
    assert_eq!(longer, end.map(|end| end + HOUR.as_secs()), "a mint gives periods");
    Ok(())
}

#[tokio::test]
async fn the_ledger_is_an_erc1155_whose_logs_add_up() -> Result<()> {
    let env = TestEnv::start().await?;
    let holder = env.subscriber.signer();
    let plan = env.create(&Terms::credits("Ledger", 5).uri("data:,ledger").lasting(HOUR)?).await?;
    let contract = env.stranger.instance();
    assert_eq!(contract.uri(plan.0).call().await?, "data:,ledger");
    assert!(contract.supportsInterface([0xd9, 0xb6, 0x7a, 0x26].into()).call().await?, "ERC-1155");
    assert!(!contract.isApprovedForAll(holder, holder).call().await?);
    let (none, bytes) = (U256::ZERO, alloy::primitives::Bytes::new());
    let transfer = contract.safeTransferFrom(holder, holder, plan.0, none, bytes.clone());
    let transfers = contract.safeBatchTransferFrom(holder, holder, vec![], vec![], bytes);
    for refused in [transfer.call().await.err(), transfers.call().await.err()] {
        let error = Error::from(refused.unwrap());
        assert!(matches!(error.refusal(), Some(IScripErrors::Soulbound(_))), "{error}");
    }

    env.subscriber.order(plan).await?;
    env.devnet.warp(HOUR * 2).await?;
    let again = env.subscriber.order(plan).await?.ordered;
    let five = U256::from(5);
    let transferred =
        |from, to, value| Event::Transferred(Transferred { operator: holder, from, to, plan, value });
    let mut events = env.stranger.events(again.receipt.transaction).await?;
    let expired = Event::Expired(Expired { plan, holder, amount: five });
    for expected in [
        transferred(Some(holder), None, five),
        expired,
        transferred(None, Some(holder), five),
        Event::Ordered(again.event),
    ] {
        let place = events.iter().position(|event| *event == expected);
        events.remove(place.ok_or_eyre(format!("{expected:?} is not in {events:?}"))?);
    }
    assert!(events.is_empty(), "{events:?}");
    let balances = contract.balanceOfBatch(vec![holder, env.agent.signer()], vec![plan.0; 2]).call().await?;
    assert_eq!(balances, [five, none]);
    assert!(env.stranger.events(Default::default()).await?.is_empty(), "of a transaction that is not known");
    Ok(())
}

#[tokio::test]
async fn plans_change_hands_and_stop() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, stranger, agent) = (env.builder.signer(), env.stranger.signer(), env.agent.signer());
    let plan = env.create(&env.premium()?).await?;

    let set = env.builder.set_open(plan, false).await?;
    assert_eq!(set.event, OpenSet { plan, open: false });
    assert!(!env.builder.plan(plan).await?.open);
    let sent = env.devnet.reader().get_transaction_count(env.subscriber.signer());
    assert!(env.subscriber.order(plan).await.is_err());
    assert_eq!(sent.await?, 0, "nothing is approved for an order that is refused");
    env.builder.set_open(plan, true).await?;
    env.subscriber.order(plan).await?;

    let permissions = Permissions { mint: true, redeem: true, settle: true };
    let set = env.builder.set_operator(plan, agent, permissions).await?;
    assert_eq!(set.event, OperatorSet { plan, operator: agent, permissions });
    assert_eq!(env.builder.permissions(plan, agent).await?, permissions);

    let offered = env.builder.transfer_ownership(plan, stranger).await?;
    assert_eq!(offered.event, OwnershipOffered { plan, owner: builder, pending_owner: Some(stranger) });
    let withdrawn = env.builder.cancel_ownership_transfer(plan).await?;
    assert_eq!(withdrawn.event, OwnershipOffered { plan, owner: builder, pending_owner: None });
    assert!(env.stranger.accept_ownership(plan).await.unwrap_err().is_not_allowed());

    env.builder.transfer_ownership(plan, stranger).await?;
    assert_eq!(env.builder.plan(plan).await?.pending_owner, Some(stranger));
    let accepted = env.stranger.accept_ownership(plan).await?;
    assert_eq!(accepted.event, OwnershipAccepted { plan, former_owner: builder, owner: stranger });
    assert_eq!(env.builder.permissions(plan, agent).await?, Permissions::NONE, "operators are cleared");
    assert!(env.builder.set_open(plan, false).await.unwrap_err().is_not_allowed());
    env.stranger.mint(plan, agent, 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_leaves_the_account_ready_for_the_next_write() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    for _ in 0..3 {
        assert!(env.builder.mint(plan, Address::ZERO, 1).await.is_err());
    }
    env.builder.mint(plan, env.subscriber.signer(), 1).await?;
    Ok(())
}

#[tokio::test]
async fn an_account_without_gas_money_is_told_and_can_go_on_once_it_has_some() -> Result<()> {
    let env = TestEnv::start().await?;
    let (reader, builder) = (env.devnet.reader(), env.builder.signer());
    let plan = env.create(&env.premium()?).await?;
    let balance = reader.get_balance(builder).await?;
    // Nothing; enough for the smallest transaction; enough for the call as estimated, without the margin.
    for wei in [0_u64, 50_000_000_000_000, 200_000_000_000_000] {
        reader.anvil_set_balance(builder, U256::from(wei)).await?;
        let error = env.builder.mint(plan, env.agent.signer(), 1).await.unwrap_err();
        let Error::InsufficientFunds { available, .. } = error else { panic!("{wei}: {error}") };
        assert_eq!(available, U256::from(wei));
        assert!(error.hint().is_some_and(|hint| hint.starts_with("send some to")));
    }
    reader.anvil_set_balance(builder, balance).await?;
    env.builder.mint(plan, env.agent.signer(), 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_write_has_gas_for_what_changes_before_it_is_mined() -> Result<()> {
    let env = TestEnv::start().await?;
    let (reader, holder) = (env.devnet.reader(), env.subscriber.signer());
    // Credits of 64 hours: their expiries lie on whole hours, and orders within one hour join one lot.
    let plan = env.create(&Terms::credits("Hours", 10).lasting(HOUR * 64)?).await?;
    let past_the_hour = env.devnet.now().await? % HOUR.as_secs();
    env.devnet.warp(HOUR - Duration::from_secs(past_the_hour) + Duration::from_secs(60)).await?;
    env.subscriber.order(plan).await?;
    for lot in 0..40 {
        env.builder.mint_expirable(plan, holder, 1, Duration::from_secs(300 + 2 * lot)).await?;
    }

    // When it is estimated the order joins a lot; when it is mined it makes its own, and clears 40 that have expired.
    reader.anvil_set_auto_mine(false).await?;
    let then = env.devnet.now().await? + HOUR.as_secs();
    let mine = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        reader.anvil_set_next_block_timestamp(then).await?;
        reader.evm_mine(None).await
    };
    let (ordered, mined) = tokio::join!(env.subscriber.order(plan).into_future(), mine);
    mined?;
    ordered?;
    assert_eq!(env.builder.lots(plan, holder).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_write_that_reverts_when_mined_is_an_error_that_says_why() -> Result<()> {
    let env = TestEnv::start().await?;
    let holder = env.subscriber.signer();
    let plan = env.create(&env.premium()?).await?;
    env.builder.mint(plan, holder, 50).await?;

    let reader = env.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;
    let sent = async || reader.get_transaction_count(env.builder.signer()).pending().await;
    let before = sent().await?;
    let mine = async {
        while sent().await? < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        reader.evm_mine(None).await
    };
    // Tried first, the later one would be refused by what waits to be mined.
    let builder = env.builder.clone().untried(300_000);
    let (one, other, mined) =
        tokio::join!(builder.redeem(plan, holder, 5, 1), builder.redeem(plan, holder, 5, 1), mine);
    mined?;
    let refused = if one.is_err() { one } else { other }.unwrap_err();
    assert!(matches!(refused, Error::MinedRevert { .. }), "{refused}");
    assert!(refused.is_already_redeemed(), "{refused}");
    assert_eq!(env.builder.balance(plan, holder).await?.balance, 45, "spent once");
    Ok(())
}

#[tokio::test]
async fn what_became_of_a_write_may_be_unknown() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    env.devnet.reader().anvil_set_auto_mine(false).await?;
    let builder = env.builder.clone().with_patience(Duration::from_millis(300));
    let error = builder.mint(plan, env.agent.signer(), 1).await.unwrap_err();
    let Error::Pending { transaction, .. } = error else { panic!("{error}") };
    let expected =
        format!("what became of transaction {transaction} is not known yet: it is in no block yet");
    assert_eq!(error.to_string(), expected);
    assert!(error.is_pending());
    assert_eq!(error.hint(), Some(format!("look {transaction} up before you try again")));
    Ok(())
}

#[tokio::test]
async fn everything_runs_under_the_rules_of_osaka() -> Result<()> {
    let config = Config { hardfork: "osaka".to_owned(), ..Config::default() };
    let env = TestEnv::on(Devnet::start_with(config).await?).await?;
    let holder = env.subscriber.signer();
    let plan = env.create(&env.premium()?.lasting(HOUR)?).await?;
    env.subscriber.order(plan).await?;
    env.builder.redeem(plan, holder, 5, 1).await?;
    assert_eq!(env.subscriber.balance(plan, holder).await?.balance, 95);
    Ok(())
}

#[tokio::test]
async fn prices_that_do_not_fit_are_refused_before_they_are_sent() -> Result<()> {
    let env = TestEnv::start().await?;
    let terms = Terms { price: Price::Fixed { token: Address::ZERO, amount: 1 << 96 }, ..env.premium()? };
    let error = env.builder.create_plan(&terms).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a price of 79228162514264337593543950336 base units is more than a plan can hold, 79228162514264337593543950335"
    );
    let error = Terms::credits("Dear", 1).price(&Token::native("ETH"), "79228162515").unwrap_err();
    assert!(error.to_string().contains("a price is less than 79228162514.2643"), "{error}");

    let error = env.builder.redeem(env.create(&env.premium()?).await?, env.agent.signer(), 101, 1).await;
    assert!(matches!(error.unwrap_err().refusal(), Some(IScripErrors::AmountOutOfRange(_))));
    Ok(())
}
