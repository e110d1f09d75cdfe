//! A write that is in no block yet is cancelled for certain, or was done, and never both.

use std::{sync::Arc, time::Duration};

use alloy::{
    consensus::{Transaction, TxEnvelope},
    eips::eip2718::Decodable2718,
    primitives::{Address, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::anvil::ReorgOptions,
};
use eyre::{OptionExt, Result};
use scrip::{Account, Cancelled, Entry, Error, FileJournal, Journal, MemoryJournal, PlanId, Scrip, Terms};
use scrip_devnet::WalletProvider;
use scrip_e2e::env::TestEnv;

type Client = Scrip<WalletProvider>;

/// The builder, who waits for half a second, with a journal; a plan, and who is given credits of it.
async fn builder(env: &TestEnv, journal: Arc<dyn Journal>) -> Result<(Client, PlanId, Address)> {
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    let builder = env.devnet.scrip("builder").await?.with_journal(journal);
    Ok((builder.with_patience(Duration::from_millis(500)), plan, env.subscriber.signer()))
}

async fn entry(client: &Client, journal: &dyn Journal, key: &str) -> Result<Entry> {
    let account = Account { chain_id: client.chain_id(), address: client.signer() };
    let found = journal.find(account, key).await.map_err(|error| eyre::eyre!(error))?;
    found.ok_or_eyre("nothing is journalled")
}

#[tokio::test]
async fn what_no_block_has_is_cancelled_for_certain_and_what_comes_after_it_goes_on() -> Result<()> {
    let env = TestEnv::start().await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal");
    let (client, plan, holder) = builder(&env, Arc::new(FileJournal::open(&path)?)).await?;
    let reader = env.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;
    let error = client.once("unwanted").mint(plan, holder, 7).await.unwrap_err();
    assert!(error.is_pending(), "{error}");
    assert!(client.once("next").mint(plan, holder, 1).await.unwrap_err().is_pending());

    // Which of the two is mined is not known before one is; the journal has both, for whoever asks next.
    let error = client.cancel("unwanted").await.unwrap_err();
    assert!(error.is_pending(), "{error}");
    drop(client);
    let journal = Arc::new(FileJournal::open(&path)?);
    let client = env.devnet.scrip("builder").await?.with_journal(journal.clone());
    let client = client.with_patience(Duration::from_secs(20));
    let signed: Vec<_> = entry(&client, &*journal, "unwanted").await?.transactions;
    let signed: Vec<_> = signed.iter().map(|bytes| TxEnvelope::decode_2718(&mut bytes.as_ref())).collect();
    let [Ok(write), Ok(nothing)] = &signed[..] else { panic!("{signed:?}") };
    assert_eq!((write.nonce(), write.to()), (nothing.nonce(), Some(client.address())));
    assert_eq!((nothing.to(), nothing.value()), (Some(client.signer()), U256::ZERO));
    assert!(nothing.input().is_empty());
    assert!(nothing.max_fee_per_gas() * 8 >= write.max_fee_per_gas() * 9, "it is taken for a replacement");
    reader.anvil_set_auto_mine(true).await?;
    reader.evm_mine(None).await?;

    let cancelled = client.cancel("unwanted").await?;
    let Cancelled::Certainly(receipt) = cancelled else { panic!("{cancelled:?}") };
    assert_eq!(entry(&client, &*journal, "unwanted").await?.transactions.len(), 2, "it is signed once");
    let error = client.once("unwanted").mint(plan, holder, 7).await.unwrap_err();
    assert!(matches!(&error, Error::Cancelled { transaction, .. } if *transaction == receipt.transaction));
    assert!(!error.is_pending() && error.hint().is_some());
    assert!(matches!(client.once("unwanted").mint(plan, holder, 8).await, Err(Error::KeyReused { .. })));
    assert_eq!(client.cancel("unwanted").await?, cancelled, "it stays so");

    client.once("next").mint(plan, holder, 1).await?;
    client.once("another").mint(plan, holder, 30).await?;
    assert_eq!(client.balance(plan, holder).await?.balance, 31, "the next and another, not the cancelled");

    // A reorganisation that takes it back does not bring the write.
    reader.anvil_reorg(ReorgOptions { depth: 3, tx_block_pairs: vec![] }).await?;
    assert!(matches!(client.cancel("unwanted").await?, Cancelled::Certainly(_)));
    client.once("another").mint(plan, holder, 30).await?;
    assert_eq!(client.balance(plan, holder).await?.balance, 31);
    Ok(())
}

#[tokio::test]
async fn what_is_done_cannot_be_cancelled() -> Result<()> {
    let env = TestEnv::start().await?;
    let journal = Arc::new(MemoryJournal::new());
    let (client, plan, holder) = builder(&env, journal.clone()).await?;
    let minted = client.once("mint").mint(plan, holder, 1).await?;
    assert_eq!(client.cancel("mint").await?, Cancelled::TooLate(minted.receipt));
    assert_eq!(entry(&client, &*journal, "mint").await?.transactions.len(), 1, "nothing was signed for it");

    // Mined while nobody looked.
    let reader = env.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;
    assert!(client.once("second").mint(plan, holder, 10).await.unwrap_err().is_pending());
    reader.evm_mine(None).await?;
    let cancelled = client.cancel("second").await?;
    let minted = client.once("second").mint(plan, holder, 10).await?;
    assert_eq!(cancelled, Cancelled::TooLate(minted.receipt));

    let error = client.cancel("third").await.unwrap_err();
    assert_eq!(error.to_string(), "nothing was signed under the key `third`");
    let error = env.devnet.scrip("agent").await?.with_journal(journal).cancel("mint").await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "another account's: {error}");
    Ok(())
}

#[tokio::test]
async fn what_a_node_will_never_take_is_cancelled_and_no_dearer_than_is_allowed() -> Result<()> {
    let env = TestEnv::start().await?;
    let (client, plan, holder) = builder(&env, Arc::new(MemoryJournal::new())).await?;
    let reader = env.devnet.reader();

    // More gas than a block has by now: refused by every node, and its nonce keeps all others waiting.
    client.once("first").mint(plan, holder, 1).await?;
    reader.raw_request::<_, bool>("evm_setBlockGasLimit".into(), ["0xf4240"]).await?;
    reader.evm_mine(None).await?;
    let error = client.once("dear").untried(2_000_000).mint(plan, holder, 1).await.unwrap_err();
    assert!(error.is_pending(), "{error}");
    assert!(client.once("next").mint(plan, holder, 1).await.unwrap_err().is_pending(), "it waits");
    let most = reader.estimate_eip1559_fees().await?.max_fee_per_gas / 2;
    let error = client.clone().with_max_fee_per_gas(most).cancel("dear").await.unwrap_err();
    assert!(matches!(error, Error::CancelTooDear { most: told, .. } if told == most), "{error}");
    assert!(matches!(client.cancel("dear").await?, Cancelled::Certainly(_)));
    client.once("next").mint(plan, holder, 1).await?;
    assert_eq!(client.balance(plan, holder).await?.balance, 2);

    // Below what a block asks for.
    reader.anvil_set_next_block_base_fee_per_gas(1_000_000_000_000).await?;
    reader.evm_mine(None).await?;
    let thrifty = client.clone().with_max_fee_per_gas(1_000_000);
    assert!(thrifty.once("cheap").untried(300_000).mint(plan, holder, 1).await.unwrap_err().is_pending());
    assert!(matches!(client.cancel("cheap").await?, Cancelled::Certainly(_)));
    assert_eq!(client.balance(plan, holder).await?.balance, 2);
    Ok(())
}

#[tokio::test]
async fn who_waits_for_a_write_that_another_cancels_is_told_so() -> Result<()> {
    let env = TestEnv::start().await?;
    let (client, plan, holder) = builder(&env, Arc::new(MemoryJournal::new())).await?;
    let reader = env.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;
    let patient = client.clone().with_patience(Duration::from_secs(30));
    let waiting = tokio::spawn(async move { patient.once("mint").mint(plan, holder, 1).await });
    // Once it is signed.
    let mut cancelled = client.cancel("mint").await;
    while matches!(cancelled, Err(Error::UnknownKey { .. })) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        cancelled = client.cancel("mint").await;
    }
    assert!(cancelled.is_err_and(|error| error.is_pending()));
    reader.evm_mine(None).await?;
    let error = waiting.await?.unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert!(matches!(client.cancel("mint").await?, Cancelled::Certainly(_)));
    assert_eq!(client.balance(plan, holder).await?.balance, 0);
    Ok(())
}
