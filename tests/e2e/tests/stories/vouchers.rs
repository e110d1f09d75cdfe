//! Vouchers, sessions and many things at once, on a chain.

use alloy::{
    primitives::{Bytes, U256},
    sol_types::SolStruct,
};
use eyre::Result;
use scrip::{
    Batch, BatchRedeemed, Event, Redeemed, RequestId, Session, SessionRevoked, SessionSpent, SessionVoucher,
    Signable, Signed, Terms, Transferred, Use, Voucher, VoucherRedeemed, VouchersRevoked,
    abi::IScrip::{self, IScripErrors},
};
use scrip_e2e::{env::TestEnv, faults::FaultyNode};

#[tokio::test]
async fn what_is_signed_here_is_what_the_contract_hashes() -> Result<()> {
    let env = TestEnv::start().await?;
    assert_eq!(
        IScrip::Voucher::eip712_root_type(),
        "Voucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 nonce,uint40 deadline)"
    );
    assert_eq!(
        IScrip::SessionVoucher::eip712_root_type(),
        "SessionVoucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 session,uint40 deadline)"
    );
    let signer = &env.devnet.actor("subscriber")?.signer;
    let (holder, redeemer) = (env.subscriber.signer(), env.builder.signer());
    let plan = env.create(&Terms::credits("Vouchers", 100).with_vouchers()).await?;
    env.subscriber.order(plan).await?;

    let deadline = env.devnet.now().await? + 3_600;
    let voucher = Voucher { plan, holder, redeemer, maximum: 10, nonce: U256::MAX, deadline };
    let signed = env.subscriber.sign(voucher, signer).await?;
    let wire = serde_json::to_string(&signed)?;
    let signed: Signed<Voucher> = serde_json::from_str(&wire)?;
    let redeemed = env.builder.redeem_with_voucher(&signed, 4).await?;
    let expected = VoucherRedeemed { plan, holder, redeemer, amount: 4, nonce: U256::MAX };
    assert_eq!(redeemed.event, expected);
    assert!(env.agent.is_voucher_used(holder, U256::MAX).await?);
    let error = env.builder.redeem_with_voucher(&signed, 4).await.unwrap_err();
    assert!(matches!(error.refusal(), Some(IScripErrors::VoucherUsed(_))), "{error}");

    let domain = env.subscriber.instance().eip712Domain().call().await?;
    let ours = env.subscriber.domain();
    assert_eq!((Some(domain.name.into()), Some(domain.version.into())), (ours.name, ours.version));
    assert_eq!(
        (Some(domain.chainId), Some(domain.verifyingContract)),
        (ours.chain_id, ours.verifying_contract)
    );

    // A signature for another contract, or another chain, is none.
    let voucher = Voucher { nonce: U256::ZERO, ..voucher };
    let mut domain = env.subscriber.domain();
    domain.chain_id = Some(U256::ONE);
    assert_ne!(voucher.signing_hash(&domain)?, voucher.signing_hash(&env.builder.domain())?);
    let signature = alloy::signers::SignerSync::sign_hash_sync(signer, &voucher.signing_hash(&domain)?)?;
    let elsewhere = Signed { voucher, signature: signature.as_bytes().into() };
    let error = env.builder.redeem_with_voucher(&elsewhere, 1).await.unwrap_err();
    assert!(matches!(error.refusal(), Some(IScripErrors::InvalidSignature(_))), "{error}");

    let revoked = env.subscriber.revoke_voucher(U256::from(511)).await?;
    let expected = VouchersRevoked { holder, word: U256::from(1), mask: U256::ONE << 255 };
    assert_eq!(revoked.event, expected);
    assert!(env.agent.is_voucher_used(holder, U256::from(511)).await?);
    env.subscriber.revoke_vouchers(U256::ZERO, U256::from(0b101)).await?;
    for (nonce, used) in [(0, true), (1, false), (2, true), (510, false)] {
        assert_eq!(env.agent.is_voucher_used(holder, U256::from(nonce)).await?, used, "{nonce}");
    }
    Ok(())
}

#[tokio::test]
async fn a_session_goes_on_to_its_total_and_ends_when_revoked() -> Result<()> {
    let env = TestEnv::start().await?;
    let signer = &env.devnet.actor("subscriber")?.signer;
    let (holder, redeemer) = (env.subscriber.signer(), env.builder.signer());
    let plan = env.create(&Terms::credits("Sessions", 100).with_vouchers()).await?;
    env.subscriber.order(plan).await?;
    let session = U256::from(3);
    let deadline = env.devnet.now().await? + 3_600;
    let voucher = SessionVoucher { plan, holder, redeemer, maximum: 10, session, deadline };
    let first = env.subscriber.sign(voucher, signer).await?;

    let spent = env.builder.redeem_in_session(&first, 6, "a").await?;
    assert_eq!(spent.event, SessionSpent { plan, holder, redeemer, session, spent: 6 });
    let events = env.builder.events(spent.receipt.transaction).await?;
    let redeemed = Redeemed { plan, holder, redeemer, amount: 6, request: Some(RequestId::from("a")) };
    assert_eq!(events.last(), Some(&Event::Redeemed(redeemed)));
    assert!(env.builder.redeem_in_session(&first, 4, "a").await.unwrap_err().is_already_redeemed());
    assert!(env.builder.redeem_in_session(&first, 5, "b").await.is_err(), "beyond its total");
    let higher = env.subscriber.sign(SessionVoucher { maximum: 11, ..voucher }, signer).await?;
    assert_eq!(env.builder.redeem_in_session(&higher, 5, "b").await?.spent, 11);

    let now = || env.agent.session(plan, holder, redeemer, session);
    assert_eq!(now().await?, Session { spent: 11, revoked: false });
    let revoked = env.subscriber.revoke_session(plan, redeemer, session).await?;
    assert_eq!(revoked.event, SessionRevoked { plan, holder, redeemer, session });
    assert_eq!(now().await?, Session { spent: 11, revoked: true });
    Ok(())
}

#[tokio::test]
async fn batches_are_redeemed_whole_and_multicalls_one_by_one() -> Result<()> {
    let env = TestEnv::start().await?;
    let (one, other, redeemer) = (env.subscriber.signer(), env.stranger.signer(), env.builder.signer());
    let plans = [env.create(&Terms::credits("A", 10)).await?, env.create(&Terms::credits("B", 10)).await?];
    for plan in plans {
        env.subscriber.order(plan).await?;
    }
    env.stranger.order(plans[0]).await?;

    let a_use = |holder, amount, request: u64| Use { holder, amount, request: request.into() };
    let batches = [
        Batch { plan: plans[0], uses: vec![a_use(one, 1, 0), a_use(other, 2, 1)] },
        Batch { plan: plans[1], uses: vec![a_use(one, 3, 0)] },
    ];
    let redeemed = env.builder.redeem_many(&batches).await?;
    let expected: Vec<_> = batches
        .iter()
        .map(|batch| BatchRedeemed { plan: batch.plan, redeemer, uses: batch.uses.clone() })
        .collect();
    assert_eq!(redeemed.event, expected);
    let late = [Batch { plan: plans[0], uses: vec![a_use(one, 1, 2), a_use(one, 1, 1)] }];
    assert!(env.builder.redeem_many(&late).await.unwrap_err().is_already_redeemed());
    assert!(!env.agent.is_redeemed(plans[0], redeemer, 2).await?, "all or nothing");

    let call = |amount, request: u64| -> Bytes {
        let call = env.builder.instance().redeem(plans[0].0, one, amount, U256::from(request));
        call.calldata().clone()
    };
    let calls = vec![call(1, 2), call(1, 1), call(99, 3), call(2, 4)];
    let outcomes = env.builder.try_multicall(calls.clone()).await?;
    let done: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, false, false, true]);
    assert!(outcomes[1].as_ref().unwrap_err().is_already_redeemed());
    assert!(outcomes[2].as_ref().unwrap_err().is_insufficient_credits());
    assert!(env.builder.multicall(calls.clone(), false).await.is_err(), "one fails all");

    let done = env.builder.multicall(calls, true).await?;
    let request = |request: u64, amount| Redeemed {
        plan: plans[0],
        holder: one,
        redeemer,
        amount,
        request: Some(request.into()),
    };
    let transfer = |value: u64| Transferred {
        operator: redeemer,
        from: Some(one),
        to: None,
        plan: plans[0],
        value: U256::from(value),
    };
    let expected = [
        Event::Transferred(transfer(1)),
        Event::Redeemed(request(2, 1)),
        Event::Transferred(transfer(2)),
        Event::Redeemed(request(4, 2)),
    ];
    assert_eq!(done.event, expected);
    Ok(())
}

/// A node tries a call over and over for an estimate: a batch of the usual kind is tried once.
#[tokio::test]
async fn a_usual_batch_is_tried_once_and_any_other_estimated() -> Result<()> {
    let env = TestEnv::start().await?;
    let (one, other) = (env.subscriber.signer(), env.stranger.signer());
    let plan = env.create(&Terms::credits("A", 1_000)).await?;
    env.subscriber.order(plan).await?;
    env.stranger.order(plan).await?;
    let node = FaultyNode::before(env.devnet.url()).await?;
    let builder = node.scrip(&env.devnet, "builder").await?;
    let estimates = || node.calls().get("eth_estimateGas").copied().unwrap_or_default();
    // By turns, which takes the most, and all of the ids in one word.
    let a_use = |number: u64, request: U256| {
        let holder = if number.is_multiple_of(2) { one } else { other };
        Use { holder, amount: 1, request: RequestId(request) }
    };
    for count in [1, 2, 20, 100] {
        let first = 1_000 * count;
        let uses = (0..count).map(|number| a_use(number, U256::from(first + number))).collect();
        builder.redeem_many(&[Batch { plan, uses }]).await?;
    }
    assert_eq!(estimates(), 0);
    // Each id in a word of its own takes several times as much.
    let uses = (0..60).map(|number| a_use(2 * number, U256::from(1_000 * number + 7) << 128)).collect();
    let redeemed = builder.redeem_many(&[Batch { plan, uses }]).await?;
    assert_eq!((redeemed.event[0].uses.len(), estimates()), (60, 1));
    // What is refused is refused as before.
    let late = Batch { plan, uses: vec![a_use(0, U256::from(7) << 128)] };
    assert!(builder.redeem_many(&[late]).await.unwrap_err().is_already_redeemed());
    assert_eq!(estimates(), 2);
    Ok(())
}
