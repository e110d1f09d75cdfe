//! What a write may take of gas, and pay for it, has bounds.

use std::{sync::Arc, time::Duration};

use alloy::{
    consensus::{Transaction, TxEnvelope},
    eips::eip2718::Decodable2718,
    providers::{Provider, ext::AnvilApi},
};
use eyre::{OptionExt, Result, bail, eyre};
use scrip::{Account, Cancelled, Error, Journal, MemoryJournal, Scrip, Waiting};
use scrip_devnet::WalletProvider;
use scrip_e2e::env::TestEnv;

type Client = Scrip<WalletProvider>;

/// A builder of its own, with a journal that the test reads, too.
async fn journalled(env: &TestEnv) -> Result<(Client, Arc<MemoryJournal>)> {
    let journal = Arc::new(MemoryJournal::new());
    Ok((env.devnet.scrip("builder").await?.with_journal(journal.clone()), journal))
}

/// How many writes were signed.
async fn signed(client: &Client, journal: &dyn Journal) -> Result<usize> {
    let account = Account { chain_id: client.chain_id(), address: client.signer() };
    Ok(journal.since(account, 0, usize::MAX).await.map_err(|error| eyre!(error))?.len())
}

/// Gives blocks this much gas.
async fn give_blocks(env: &TestEnv, gas: u64) -> Result<()> {
    env.devnet.reader().raw_request::<_, bool>("evm_setBlockGasLimit".into(), [format!("{gas:#x}")]).await?;
    env.devnet.reader().evm_mine(None).await?;
    Ok(())
}

#[tokio::test]
async fn what_no_block_has_room_for_is_not_signed() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let (builder, journal) = journalled(&env).await?;

    let error = builder.clone().untried((1 << 24) + 1).mint(plan, holder, 1).await.unwrap_err();
    assert!(!error.is_pending());
    let expected = "the transaction takes 16777217 gas, and no block has more than 16777216 for one";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.hint().as_deref(), Some("do less at once, in several transactions"));
    assert_eq!(signed(&builder, &*journal).await?, 0);
    builder.clone().untried(1 << 24).mint(plan, holder, 1).await?;

    // With room for a mint, but not for all that one might need more than was estimated.
    give_blocks(&env, 300_000).await?;
    let (builder, journal) = journalled(&env).await?;
    builder.clone().with_patience(Duration::from_secs(5)).mint(plan, holder, 1).await?;
    assert_eq!(env.builder.balance(plan, holder).await?.balance, 2);
    let error = builder.clone().untried(300_001).mint(plan, holder, 1).await.unwrap_err();
    assert!(matches!(error, Error::TooMuchGas { needed: 300_001, most: 300_000 }), "{error}");
    assert_eq!(signed(&builder, &*journal).await?, 1);

    // Without room for any.
    give_blocks(&env, 30_000).await?;
    let (builder, journal) = journalled(&env).await?;
    let error = builder.mint(plan, holder, 1).await.unwrap_err();
    assert!(!error.is_pending(), "{error}");
    assert_eq!(signed(&builder, &*journal).await?, 0);
    Ok(())
}

#[tokio::test]
async fn fees_are_raised_no_further_than_is_allowed() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let (builder, journal) = journalled(&env).await?;
    let builder = builder.replaced_after(Duration::from_millis(500)).with_patience(Duration::from_secs(8));
    env.devnet.reader().anvil_set_auto_mine(false).await?;

    let twice = builder.clone().with_max_raise(2);
    let Err(Error::Pending { waiting, .. }) = twice.once("mint").mint(plan, holder, 1).await else {
        bail!("it is not pending");
    };
    let Waiting::Fee { needed, most } = *waiting else { bail!("{waiting}") };
    let account = Account { chain_id: builder.chain_id(), address: builder.signer() };
    let entry = journal.find(account, "mint").await.map_err(|error| eyre!(error))?;
    let offers = entry.ok_or_eyre("nothing was signed")?.transactions;
    let offers = offers.iter().map(|bytes| TxEnvelope::decode_2718(&mut bytes.as_ref()));
    let offers: Vec<_> = offers.map(|one| Ok(one?.max_fee_per_gas())).collect::<Result<_>>()?;
    assert_eq!(offers.len(), 6, "five times an eighth more is less than twice as much: {offers:?}");
    assert_eq!(most, 2 * offers[0]);
    assert!(offers[5] <= most && needed > most, "{offers:?} and {needed}");

    // Nor to cancel it.
    let error = twice.cancel("mint").await.unwrap_err();
    assert!(matches!(error, Error::CancelTooDear { needed: told, most: 0.. } if told == needed), "{error}");
    env.devnet.reader().anvil_drop_all_transactions().await?;
    env.devnet.reader().anvil_set_auto_mine(true).await?;
    assert!(matches!(builder.cancel("mint").await?, Cancelled::Certainly(_)), "with more it is");
    assert_eq!(builder.balance(plan, holder).await?.balance, 0);
    Ok(())
}
