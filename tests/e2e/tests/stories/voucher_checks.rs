//! What the check of a voucher says is what a redemption then meets: for keys, wallets, delegated accounts, and wallets that are
//! yet to be deployed.

use std::time::Duration;

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
    signers::SignerSync,
    sol,
    sol_types::SolCall,
};
use eyre::Result;
use scrip::{
    PlanId, SessionVoucher, Signable, Signed, Terms, Voucher, VoucherState, abi::IScrip::IScripErrors as R,
};
use scrip_e2e::env::TestEnv;

use crate::common::{deploy, deploy_with};

sol! {
    #[sol(rpc)]
    interface WalletFactory {
        function deploy(address key) external returns (address);
        function addressOf(address key) external view returns (address);
    }
}

/// A plan whose redemptions need vouchers, and a voucher of a holder that has 100 credits of it.
async fn voucher(env: &TestEnv, holder: Address) -> Result<Voucher> {
    let terms = Terms::credits(&format!("Of {holder}")[..20], 100).with_vouchers();
    let plan: PlanId = env.create(&terms).await?;
    env.builder.mint(plan, holder, 100).await?;
    let deadline = env.devnet.now().await? + 3_600;
    Ok(Voucher { plan, holder, redeemer: env.builder.signer(), maximum: 10, nonce: U256::ZERO, deadline })
}

/// The check, and whether the redemption of 1 then does what it says.
async fn check(env: &TestEnv, signed: &Signed<Voucher>) -> Result<VoucherState> {
    let redeemer = env.builder.signer();
    let state = env.stranger.check_voucher(signed, redeemer).await?;
    let redeemed = env.builder.redeem_with_voucher(signed, 1).await;
    assert_eq!(state.is_good(), redeemed.is_ok(), "{state}, but {redeemed:?}");
    let error = redeemed.err();
    let refusal = error.as_ref().and_then(scrip::Error::refusal);
    let agrees = match &state {
        VoucherState::Good { .. } => refusal.is_none(),
        VoucherState::NotDeployed { .. } | VoucherState::BadSignature { .. } => {
            matches!(refusal, Some(R::InvalidSignature(_)))
        }
        VoucherState::Used { .. } => matches!(refusal, Some(R::VoucherUsed(_))),
        VoucherState::Expired { .. } => matches!(refusal, Some(R::VoucherExpired(_))),
        VoucherState::OtherRedeemer { .. } => matches!(refusal, Some(R::WrongRedeemer(_))),
        _ => false,
    };
    assert!(agrees, "{state}, but {refusal:?}");
    Ok(state)
}

#[tokio::test]
async fn by_a_key() -> Result<()> {
    let env = TestEnv::start().await?;
    let key = &env.devnet.actor("subscriber")?.signer;
    let voucher = voucher(&env, key.address()).await?;
    let signed = env.subscriber.sign(voucher, key).await?;
    let good = VoucherState::Good { remaining: 10, deadline: voucher.deadline };

    // The same signature in other forms, of which the contract takes none.
    let mut other_v = signed.signature.to_vec();
    other_v[64] -= 27;
    let signature = alloy::primitives::Signature::from_raw(&signed.signature)?;
    let high_s = {
        let order = "115792089237316195423570985008687907852837564279074904382605163141518161494337"
            .parse::<U256>()?;
        alloy::primitives::Signature::new(signature.r(), order - signature.s(), !signature.v()).as_bytes()
    };
    for form in [&other_v[..], &high_s[..], &signed.signature[..64], &[]] {
        let form = Signed { voucher, signature: Bytes::copy_from_slice(form) };
        assert_eq!(check(&env, &form).await?, VoucherState::BadSignature { holder: voucher.holder });
    }
    let raised = Signed { voucher: Voucher { maximum: 11, ..voucher }, ..signed.clone() };
    let state = check(&env, &raised).await?;
    assert_eq!(env.with_names(&state, voucher.plan), "the signature over the voucher is not subscriber's");

    assert_eq!(env.stranger.check_voucher(&signed, voucher.redeemer).await?, good);
    let other = env.stranger.check_voucher(&signed, env.agent.signer()).await?;
    assert_eq!(env.with_names(&other, voucher.plan), "the voucher is for builder");
    assert_eq!((other.remaining(), other.is_good()), (0, false));
    assert_eq!(check(&env, &signed).await?, good);
    assert_eq!(check(&env, &signed).await?.to_string(), "voucher 0 was redeemed or revoked");

    let revoked = env.subscriber.sign(Voucher { nonce: U256::from(1), ..voucher }, key).await?;
    env.subscriber.revoke_voucher(U256::from(1)).await?;
    assert_eq!(check(&env, &revoked).await?, VoucherState::Used { nonce: U256::from(1) });

    // To the second: valid in the last one, and not in the next.
    let late = env.subscriber.sign(Voucher { nonce: U256::from(2), ..voucher }, key).await?;
    let left = voucher.deadline - env.devnet.now().await?;
    env.devnet.warp(Duration::from_secs(left)).await?;
    let (scrip, again) = (env.stranger.clone(), late.clone());
    let elsewhere = tokio::spawn(async move { scrip.check_voucher(&again, voucher.redeemer).await });
    assert!(elsewhere.await??.is_good());
    env.devnet.warp(Duration::from_secs(1)).await?;
    let deadline = voucher.deadline;
    assert_eq!(check(&env, &late).await?, VoucherState::Expired { deadline, now: deadline + 1 });
    let wire = serde_json::to_value(check(&env, &late).await?)?;
    assert_eq!(wire["state"], "expired");
    Ok(())
}

#[tokio::test]
async fn by_a_wallet_and_by_an_account_with_delegated_code() -> Result<()> {
    let env = TestEnv::start().await?;
    let (key, other) = (&env.devnet.actor("agent")?.signer, &env.devnet.actor("stranger")?.signer);
    let wallet = deploy_with(&env, "OneKeyWallet", key.address()).await?;
    let voucher_of_wallet = voucher(&env, wallet).await?;
    let forged = env.agent.sign(voucher_of_wallet, other).await?;
    assert_eq!(check(&env, &forged).await?, VoucherState::BadSignature { holder: wallet });
    let signed = env.agent.sign(voucher_of_wallet, key).await?;
    assert!(check(&env, &signed).await?.is_good());

    // An account whose code is a wallet's (EIP-7702): its own key signs, and whoever the code says.
    let account = &env.devnet.actor("subscriber")?.signer;
    let code = [&[0xef, 0x01, 0x00][..], wallet.as_slice()].concat();
    env.devnet.reader().anvil_set_code(account.address(), code.into()).await?;
    let by_account = voucher(&env, account.address()).await?;
    for (nonce, signer) in [(0, account), (1, key)] {
        let signed = env.agent.sign(Voucher { nonce: U256::from(nonce), ..by_account }, signer).await?;
        assert!(check(&env, &signed).await?.is_good(), "{nonce}");
    }
    let forged = env.agent.sign(Voucher { nonce: U256::from(2), ..by_account }, other).await?;
    assert!(matches!(check(&env, &forged).await?, VoucherState::BadSignature { .. }));
    Ok(())
}

#[tokio::test]
async fn a_wallet_that_does_more_than_answer_is_refused() -> Result<()> {
    let env = TestEnv::start().await?;
    // It writes when it is asked, which a static call does not let it.
    let compile =
        || scrip_artifacts::compile_contracts(&[("tests/contracts/mocks/Wallets.sol", "WritingWallet")]);
    let compiled = tokio::task::spawn_blocking(compile).await??;
    let code = alloy::primitives::hex::decode(compiled[0].creation.trim())?;
    let create = TransactionRequest::default().with_deploy_code(code);
    let receipt = env.subscriber.provider().send_transaction(create).await?.get_receipt().await?;
    let wallet = receipt.contract_address.expect("a contract");
    let voucher = voucher(&env, wallet).await?;
    let signed = Signed { voucher, signature: Bytes::new() };
    assert_eq!(check(&env, &signed).await?, VoucherState::BadSignature { holder: wallet });
    Ok(())
}

#[tokio::test]
async fn by_a_wallet_that_is_yet_to_be_deployed() -> Result<()> {
    let env = TestEnv::start().await?;
    let (key, other) = (&env.devnet.actor("agent")?.signer, &env.devnet.actor("stranger")?.signer);
    let factory = WalletFactory::new(deploy(&env, "WalletFactory").await?, env.stranger.provider().clone());
    let wallet = factory.addressOf(key.address()).call().await?;
    let voucher = voucher(&env, wallet).await?;
    let data: Bytes = WalletFactory::deployCall { key: key.address() }.abi_encode().into();
    let bare = env.agent.sign(voucher, key).await?;
    let signed = bare.clone().by_wallet_of(*factory.address(), data.clone());

    // Without the factory it is nobody's, and with another one, or another key's signature, neither.
    let nobody = VoucherState::BadSignature { holder: wallet };
    assert_eq!(check(&env, &bare).await?, nobody);
    assert_eq!(check(&env, &bare.clone().by_wallet_of(Address::repeat_byte(1), data.clone())).await?, nobody);
    let forged = env.agent.sign(voucher, other).await?.by_wallet_of(*factory.address(), data.clone());
    assert_eq!(check(&env, &forged).await?, nobody);

    let state = check(&env, &signed).await?;
    let (deadline, factory_address) = (voucher.deadline, *factory.address());
    let expected = VoucherState::NotDeployed { factory: factory_address, data, remaining: 10, deadline };
    assert_eq!((&state, state.remaining(), state.is_good()), (&expected, 0, false));
    assert_eq!(
        state.to_string(),
        format!(
            "10 can be taken until {deadline} (unix time), once {factory_address} has deployed the holder's wallet"
        )
    );
    assert!(env.devnet.reader().get_code_at(wallet).await?.is_empty(), "the check deploys nothing");

    // Who serves can deploy it, and then redeem with what was handed in.
    let VoucherState::NotDeployed { factory, data, .. } = state else { unreachable!() };
    let deployment = TransactionRequest::default().with_to(factory).with_input(data);
    env.builder.provider().send_transaction(deployment).await?.get_receipt().await?;
    assert_eq!(check(&env, &signed).await?, VoucherState::Good { remaining: 10, deadline });
    assert_eq!(check(&env, &bare).await?, VoucherState::Used { nonce: U256::ZERO });
    Ok(())
}

#[tokio::test]
async fn of_a_session() -> Result<()> {
    let env = TestEnv::start().await?;
    let key = &env.devnet.actor("subscriber")?.signer;
    let Voucher { plan, holder, redeemer, deadline, .. } = voucher(&env, key.address()).await?;
    let session = U256::from(5);
    let voucher = SessionVoucher { plan, holder, redeemer, maximum: 10, session, deadline };
    let signed = env.subscriber.sign(voucher, key).await?;
    let check = async |signed: &Signed<SessionVoucher>| env.agent.check_session(signed, redeemer).await;
    assert_eq!(check(&signed).await?, VoucherState::Good { remaining: 10, deadline });
    env.builder.redeem_in_session(&signed, 7, 1).await?;
    assert_eq!(check(&signed).await?.remaining(), 3);
    env.builder.redeem_in_session(&signed, 3, 2).await?;
    assert_eq!(check(&signed).await?.to_string(), "the voucher lets 10 be taken in all, and 10 were");
    let lower = env.subscriber.sign(SessionVoucher { maximum: 9, ..voucher }, key).await?;
    assert_eq!(check(&lower).await?, VoucherState::Spent { maximum: 9, spent: 10 });
    let higher = env.subscriber.sign(SessionVoucher { maximum: 11, ..voucher }, key).await?;
    assert_eq!(check(&higher).await?.remaining(), 1);

    // Of another contract's domain it is no signature.
    let mut domain = env.subscriber.domain();
    domain.verifying_contract = Some(Address::repeat_byte(9));
    let signature = key.sign_hash_sync(&higher.voucher.signing_hash(&domain)?)?.as_bytes().into();
    let elsewhere = Signed { signature, ..higher.clone() };
    assert_eq!(check(&elsewhere).await?, VoucherState::BadSignature { holder });

    env.subscriber.revoke_session(plan, redeemer, session).await?;
    assert_eq!(check(&higher).await?.to_string(), "the holder has ended session 5");
    Ok(())
}
