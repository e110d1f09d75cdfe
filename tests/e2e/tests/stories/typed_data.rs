//! What is signed is typed data, which is all that a hardware wallet signs, and what a wallet in a browser is shown.

use alloy::{
    dyn_abi::TypedData,
    primitives::{Address, B256, ChainId, Signature, U256},
    signers::{
        Error as SignerError, Result as SignerResult, Signer, UnsupportedSignerOperation,
        local::PrivateKeySigner,
    },
};
use async_trait::async_trait;
use eyre::Result;
use scrip::{Item, PaymentStandard, SessionVoucher, Signable, Terms, Voucher};
use scrip_e2e::env::TestEnv;

use crate::signed_orders::with_permit2;

/// Signs as a Ledger does: typed data, and no hashes.
struct NoHashes(PrivateKeySigner);

#[async_trait]
impl Signer for NoHashes {
    async fn sign_hash(&self, _: &B256) -> SignerResult<Signature> {
        Err(SignerError::UnsupportedOperation(UnsupportedSignerOperation::SignHash))
    }

    async fn sign_dynamic_typed_data(&self, payload: &TypedData) -> SignerResult<Signature> {
        self.0.sign_dynamic_typed_data(payload).await
    }

    fn address(&self) -> Address {
        self.0.address()
    }

    fn chain_id(&self) -> Option<ChainId> {
        None
    }

    fn set_chain_id(&mut self, _: Option<ChainId>) {}
}

#[tokio::test]
async fn a_signer_that_signs_no_hashes_signs_all_that_a_holder_and_a_payer_sign() -> Result<()> {
    let env = TestEnv::start().await?;
    with_permit2(&env).await?;
    let key = NoHashes(env.devnet.actor("subscriber")?.signer.clone());
    let (holder, redeemer) = (key.address(), env.builder.signer());
    let deadline = env.devnet.now().await? + 3_600;

    let plan = env.create(&Terms::credits("Vouchers", 100).with_vouchers()).await?;
    env.subscriber.order(plan).await?;
    let voucher = Voucher { plan, holder, redeemer, maximum: u64::MAX, nonce: U256::MAX, deadline };
    env.builder.redeem_with_voucher(&env.subscriber.sign(voucher, &key).await?, 1).await?;
    let session = SessionVoucher { plan, holder, redeemer, maximum: 9, session: U256::ZERO, deadline };
    // In a box, too, where alloy's static way would ask for a hash.
    let boxed: Box<dyn Signer + Send + Sync> = Box::new(NoHashes(key.0.clone()));
    env.builder.redeem_in_session(&env.subscriber.sign(session, &boxed).await?, 2, 0).await?;

    let plan = env.create(&env.premium()?).await?;
    for (nonce, standard) in
        (0..).zip([PaymentStandard::Eip3009, PaymentStandard::Eip2612, PaymentStandard::Permit2])
    {
        let item = Item::new(plan, holder);
        let order = env.stranger.router_order(item, holder, U256::from(nonce), deadline).await?;
        let signed = env.subscriber.sign_order_by(standard, order, &key).await?;
        assert_eq!(env.stranger.send_order(&signed).await?.payer, holder, "{standard:?}");
    }
    let gift =
        env.stranger.router_order(Item::new(plan, holder), env.agent.signer(), U256::from(9), deadline);
    let gift = gift.await?;
    let consent = env.subscriber.sign_consent(&gift, &key).await?;
    assert_eq!(env.agent.order_with_consent(&gift, consent).await?.ordered.holder, holder);
    let purchase = env.subscriber.clone().signing_with(key).order(plan).await?;
    assert!(purchase.approvals.is_empty(), "paid by a signature");
    Ok(())
}

#[tokio::test]
async fn what_a_wallet_elsewhere_is_shown_is_what_the_contracts_check() -> Result<()> {
    let env = TestEnv::start().await?;
    let (holder, redeemer) = (env.subscriber.signer(), env.builder.signer());
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    let deadline = (1 << 40) - 1;
    let domain = env.subscriber.domain();

    // As JSON, which goes through a browser, whose numbers end at 2^53.
    let voucher = Voucher { plan, holder, redeemer, maximum: u64::MAX, nonce: U256::MAX, deadline };
    let shown = serde_json::to_value(voucher.typed_data(&domain)?)?;
    assert_eq!(shown["primaryType"], "Voucher");
    assert_eq!(shown["domain"]["verifyingContract"], serde_json::json!(env.subscriber.address()));
    assert_eq!(shown["message"]["maximum"], u64::MAX.to_string());
    assert_eq!(shown["types"]["Voucher"].as_array().map(Vec::len), Some(6));
    assert!(shown["types"]["EIP712Domain"].is_array());
    let read: TypedData = serde_json::from_value(shown)?;
    assert_eq!(read.eip712_signing_hash()?, voucher.signing_hash(&domain)?);

    let session = SessionVoucher { plan, holder, redeemer, maximum: 1, session: U256::ONE, deadline };
    assert_eq!(session.typed_data(&domain)?.eip712_signing_hash()?, session.signing_hash(&domain)?);
    let item = Item { data: vec![1, 2, 3].into(), ..Item::new(plan, holder) };
    let order = env.subscriber.router_order(item, holder, U256::ONE, deadline).await?;
    let domain = env.subscriber.router_domain();
    assert_eq!(order.typed_data(&domain).eip712_signing_hash()?, order.signing_hash(&domain));
    Ok(())
}
