//! Vouchers that are no good open nothing.

use alloy::primitives::{Address, U256};
use eyre::Result;
use scrip::{SessionVoucher, Terms, Voucher};
use scrip_e2e::server::{Answer, ServerEnv};
use serde_json::json;

use super::{
    read,
    vouched::{TO_SIGN, Vouched, in_base64},
};
use crate::server::{on_each_database, refused};

on_each_database!(a_voucher_that_is_no_good_opens_nothing);

const NO_GOOD: (u16, &str) = (402, "SCRIP.GATEWAY.VOUCHER_REFUSED");

async fn a_voucher_that_is_no_good_opens_nothing(env: &mut ServerEnv) -> Result<()> {
    let other_plan = env.chain.create(&Terms::credits("Other", 100).with_vouchers()).await?;
    let vouched = Vouched::open(env, 1, 20).await?;
    let good = vouched.voucher(env, 1, 10);
    let is = |answer: &Answer, (status, code): (u16, &str), what: &str| {
        refused(answer, status, code).map_err(|error| error.wrap_err(what.to_owned()))
    };

    // Of another plan, holder, redeemer; signed by another, or for another maximum than is said.
    let own = U256::from_be_bytes(*b"the server signs for this holder");
    for (what, voucher) in [
        ("another plan's", SessionVoucher { plan: other_plan, ..good }),
        ("another holder's", SessionVoucher { holder: env.subscriber.address, ..good }),
        ("another redeemer's", SessionVoucher { redeemer: env.stranger.address, ..good }),
        ("nobody's", SessionVoucher { redeemer: Address::ZERO, ..good }),
        ("of the server's own session", SessionVoucher { session: own, ..good }),
    ] {
        is(&vouched.ask_signing(env, voucher).await?, NO_GOOD, what)?;
    }
    let forged = env.chain.stranger.sign(good, &env.chain.devnet.actor("stranger")?.signer).await?;
    is(&vouched.ask_with(env, &forged).await?, NO_GOOD, "forged")?;
    let mut raised = env.chain.stranger.sign(good, &vouched.wallet.signer).await?;
    raised.voucher.maximum = 1_000;
    is(&vouched.ask_with(env, &raised).await?, NO_GOOD, "raised")?;

    // Of another kind, and no voucher at all.
    let SessionVoucher { plan, holder, redeemer, maximum, deadline, .. } = good;
    let single = Voucher { plan, holder, redeemer, maximum, nonce: U256::ONE, deadline };
    let single = json!(env.chain.stranger.sign(single, &vouched.wallet.signer).await?);
    for (what, voucher) in [
        ("for one use", in_base64(&single)),
        ("no base64", "garbage".to_owned()),
        ("empty", in_base64(&json!({}))),
        ("too long", "A".repeat(20_000)),
    ] {
        is(&read(vouched.bare(env).header("scrip-voucher", &voucher)).await?, NO_GOOD, what)?;
    }

    // That has ended, or ends before what is served would be redeemed.
    let now = env.chain.devnet.now().await?;
    for deadline in [0, now - 10, now + 30] {
        let answer = vouched.ask_signing(env, SessionVoucher { deadline, ..good }).await?;
        is(&answer, TO_SIGN, &format!("until {deadline}, at {now}"))?;
    }
    // Of a session that its holder has ended.
    env.chain.agent.revoke_session(vouched.plan, env.builder.address, U256::from(7)).await?;
    let ended = vouched.ask_signing(env, vouched.voucher(env, 7, 10)).await?;
    is(&ended, TO_SIGN, "ended")?;
    assert_ne!(ended.body["voucher"]["session"], "0x7", "another one is asked for");
    // Too little.
    is(&vouched.ask_signing(env, SessionVoucher { maximum: 0, ..good }).await?, TO_SIGN, "nothing")?;
    assert_eq!(vouched.service.upstream.requests(), 0);

    // Who has a good one is served; a forged one beside it opens nothing, and changes nothing.
    assert_eq!(vouched.ask_signing(env, good).await?.status, 200);
    is(&vouched.ask_with(env, &raised).await?, NO_GOOD, "raised, beside a good one")?;
    assert_eq!(vouched.service.upstream.requests(), 1);
    assert_eq!(vouched.ask(env).await?.status, 200);
    // Nor does another holder's voucher serve whoever shows it.
    let signed = env.chain.stranger.sign(good, &vouched.wallet.signer).await?;
    let theirs = vouched.service.request(env, reqwest::Method::POST, "/ask");
    let theirs = theirs.header("scrip-voucher", in_base64(&json!(signed)));
    is(&read(theirs).await?, NO_GOOD, "shown by another")?;
    assert_eq!(vouched.service.upstream.requests(), 2);
    Ok(())
}
