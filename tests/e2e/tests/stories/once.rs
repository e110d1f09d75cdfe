//! Writes that are done exactly once: repeated, at the same time, and when the chain loses, delays or takes them back.

use std::{sync::Arc, time::Duration};

use alloy::{
    consensus::{Transaction, TxEnvelope},
    eips::eip2718::Decodable2718,
    primitives::{Bytes, TxHash, U256, keccak256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::{TransactionRequest, anvil::ReorgOptions},
};
use eyre::{OptionExt, Result, ensure};
use futures_util::future::{join_all, try_join_all};
use scrip::{
    Account, Entry, Error, FileJournal, Item, Journal, MemoryJournal, Outcome, PlanId, Scrip, Terms, Waiting,
};
use scrip_devnet::WalletProvider;
use scrip_e2e::{
    env::TestEnv,
    faults::{Fault, FaultyNode},
};
use tokio::time::timeout;

type Client = Scrip<WalletProvider>;

/// The builder of an environment with a journal that the test reads, too.
async fn journalled(env: &TestEnv) -> Result<(Client, Arc<MemoryJournal>)> {
    let journal = Arc::new(MemoryJournal::new());
    Ok((env.devnet.scrip("builder").await?.with_journal(journal.clone()), journal))
}

/// All that a client has signed.
async fn entries(client: &Client, journal: &dyn Journal) -> Result<Vec<Entry>> {
    let account = Account { chain_id: client.chain_id(), address: client.signer() };
    journal.since(account, 0, usize::MAX).await.map_err(|error| eyre::eyre!(error))
}

async fn balance(env: &TestEnv, plan: PlanId) -> Result<u128> {
    Ok(env.stranger.balance(plan, env.subscriber.signer()).await?.balance)
}

/// Waits until the pool has a transaction of the entry with this many, and gives its hash.
async fn sent(env: &TestEnv, client: &Client, journal: &dyn Journal, transactions: usize) -> Result<TxHash> {
    for _ in 0..1_000 {
        if let Some(entry) = entries(client, journal).await?.last()
            && entry.transactions.len() == transactions
            && let hash = keccak256(&entry.transactions[transactions - 1])
            && env.devnet.reader().get_transaction_by_hash(hash).await?.is_some()
        {
            return Ok(hash);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    eyre::bail!("nothing was sent")
}

#[tokio::test]
async fn a_write_repeated_under_its_key_is_done_once() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, journal) = journalled(&env).await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());

    let first = builder.once("mint 1").mint(plan, holder, 7).await?;
    assert_eq!(builder.once("mint 1").mint(plan, holder, 7).await?, first);
    let at_once =
        join_all((0..8).map(|_| async { builder.once("mint 2").mint(plan, holder, 1).await })).await;
    let second = builder.once("mint 2").mint(plan, holder, 1).await?;
    for mint in at_once {
        assert_eq!(mint?, second);
    }
    assert_eq!(balance(&env, plan).await?, 8);

    // Not by somebody who asks for something else with it, nor does a refusal use one up.
    let error = builder.once("mint 1").mint(plan, holder, 8).await.unwrap_err();
    assert_eq!(error.to_string(), "the key `mint 1` stands for another write");
    assert!(!error.is_pending());
    assert!(builder.once("mint 3").mint(plan, holder, 0).await.unwrap_err().refusal().is_some());
    builder.once("mint 3").mint(plan, holder, 1).await?;
    assert_eq!(entries(&builder, &*journal).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn an_order_repeated_under_its_key_is_paid_once_however_it_is_paid() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    let signing = env.subscriber.clone().signing_with(env.devnet.actor("subscriber")?.signer.clone());

    let approved = env.subscriber.once("order").order(plan).await?;
    assert_eq!(approved.approvals.len(), 1);
    let again = env.subscriber.once("order").order(plan).await?;
    assert_eq!((again.ordered, again.approvals.len()), (approved.ordered, 0));

    let signed = signing.once("signed").order(plan).await?;
    assert_eq!(signing.once("signed").order(plan).await?, signed);
    assert_eq!(balance(&env, plan).await?, 200);

    let error = env.subscriber.once("order").order(plan).quantity(2).await.unwrap_err();
    assert!(matches!(error, Error::KeyReused { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn many_writes_at_once_take_nonces_one_after_another() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, journal) = journalled(&env).await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let untried = builder.clone().untried(200_000);
    // Tried and untried ones of one account, none of which waits for another.
    let tried = try_join_all((0..40).map(|_| async { builder.mint(plan, holder, 1).await }));
    let untried = try_join_all((0..40).map(|_| async { untried.mint(plan, holder, 1).await }));
    let (tried, untried) = tokio::join!(tried, untried);
    assert_eq!(tried?.len() + untried?.len(), 80);
    assert_eq!(balance(&env, plan).await?, 80);
    let entries = entries(&builder, &*journal).await?;
    let nonces: Vec<_> = entries.iter().map(|entry| entry.nonce).collect();
    assert_eq!(nonces, (nonces[0]..nonces[0] + 80).collect::<Vec<_>>());
    assert!(entries.iter().all(|entry| matches!(entry.outcome, Outcome::Mined { .. })));
    Ok(())
}

#[tokio::test]
async fn what_the_pool_drops_is_sent_again_and_so_is_what_comes_before_it() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, journal) = journalled(&env).await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let reader = env.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;

    // The first is given up by who made it, and then dropped: only the second can bring it back.
    let hasty = builder.clone().with_patience(Duration::from_millis(200));
    let error = hasty.once("first").mint(plan, holder, 1).await.unwrap_err();
    assert!(matches!(&error, Error::Pending { key: Some(key), .. } if key == "first"), "{error}");
    let second = tokio::spawn({
        let builder = builder.clone();
        async move { builder.once("second").mint(plan, holder, 10).await }
    });
    while entries(&builder, &*journal).await?.len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sent(&env, &builder, &*journal, 1).await?;
    reader.anvil_drop_all_transactions().await?;
    reader.anvil_set_auto_mine(true).await?;

    second.await??;
    assert_eq!(balance(&env, plan).await?, 11);
    builder.once("first").mint(plan, holder, 1).await?;
    assert_eq!(balance(&env, plan).await?, 11, "it was done by then");
    Ok(())
}

#[tokio::test]
async fn what_is_stuck_is_replaced_with_a_higher_fee_under_the_same_nonce() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, journal) = journalled(&env).await?;
    let builder = builder.replaced_after(Duration::from_millis(500));
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    env.devnet.reader().anvil_set_auto_mine(false).await?;
    let minting = tokio::spawn({
        let builder = builder.clone();
        async move { builder.mint(plan, holder, 1).await }
    });
    let last = sent(&env, &builder, &*journal, 3).await?;
    env.devnet.reader().evm_mine(None).await?;

    let minted = minting.await??;
    assert_eq!(minted.receipt.transaction, last);
    assert_eq!(balance(&env, plan).await?, 1);
    let entries = entries(&builder, &*journal).await?;
    ensure!(entries.len() == 1, "one nonce");
    let decode = |bytes: &Bytes| TxEnvelope::decode_2718(&mut bytes.as_ref());
    let signed = entries[0].transactions.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    for pair in signed.windows(2) {
        let raised = |fee: fn(&TxEnvelope) -> u128| fee(&pair[1]) * 8 >= fee(&pair[0]) * 9;
        assert!(raised(|one| one.max_fee_per_gas()), "the whole fee is raised by an eighth");
        assert!(raised(|one| one.max_priority_fee_per_gas().unwrap_or_default()), "and so is the tip");
        assert_eq!((pair[0].nonce(), pair[0].input()), (pair[1].nonce(), pair[1].input()));
    }

    // Not beyond what may be paid.
    let most = env.devnet.reader().estimate_eip1559_fees().await?.max_fee_per_gas / 2;
    let thrifty = builder.with_max_fee_per_gas(most).with_patience(Duration::from_secs(3));
    let error = thrifty.mint(plan, holder, 1).await.unwrap_err();
    assert!(error.is_pending(), "{error}");
    let entries = self::entries(&thrifty, &*journal).await?;
    assert_eq!(entries.last().ok_or_eyre("it was signed")?.transactions.len(), 1);
    Ok(())
}

#[tokio::test]
async fn whoever_has_less_patience_than_it_takes_to_replace_it_repeats_it_until_it_is_replaced() -> Result<()>
{
    let env = TestEnv::start().await?;
    let (builder, journal) = journalled(&env).await?;
    let hasty = builder.replaced_after(Duration::from_secs(3)).with_patience(Duration::from_millis(500));
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    env.devnet.reader().anvil_set_auto_mine(false).await?;
    let repeated = async {
        while entries(&hasty, &*journal).await?.last().is_none_or(|entry| entry.transactions.len() < 2) {
            let error = hasty.once("mint").mint(plan, holder, 1).await.unwrap_err();
            ensure!(error.is_pending(), "{error}");
        }
        Ok(())
    };
    timeout(Duration::from_secs(60), repeated).await??;
    env.devnet.reader().evm_mine(None).await?;
    hasty.once("mint").mint(plan, holder, 1).await?;
    assert_eq!(balance(&env, plan).await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_a_reorganisation_takes_back_is_sent_again() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, _) = journalled(&env).await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let reader = env.devnet.reader();
    let back = |depth| reader.anvil_reorg(ReorgOptions { depth, tx_block_pairs: vec![] });

    // Before it is as deep as was asked for: the write itself sends it again.
    let careful = builder.clone().with_confirmations(3);
    let minting = tokio::spawn(async move { careful.mint(plan, holder, 1).await });
    while balance(&env, plan).await? == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    reader.anvil_mine(Some(1), None).await?;
    back(2).await?;
    assert_eq!(balance(&env, plan).await?, 0, "taken back");
    while balance(&env, plan).await? == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!minting.is_finished(), "it is one block deep");
    reader.anvil_mine(Some(2), None).await?;
    let minted = minting.await??;
    assert_eq!(
        reader.get_transaction_count(builder.signer()).await?,
        2,
        "one for the plan, one for the mint"
    );

    // After it was told to be done: whoever repeats it.
    let second = builder.once("second").mint(plan, holder, 10).await?;
    back(1).await?;
    assert_eq!(balance(&env, plan).await?, 1, "taken back");
    let again = builder.once("second").mint(plan, holder, 10).await?;
    assert_eq!(again.receipt.transaction, second.receipt.transaction, "the same bytes");
    assert_ne!(minted.receipt.transaction, second.receipt.transaction);

    // Or the next write of the account, which has to come after it.
    builder.once("third").mint(plan, holder, 100).await?;
    back(1).await?;
    builder.once("fourth").mint(plan, holder, 1_000).await?;
    assert_eq!(balance(&env, plan).await?, 1_111);
    Ok(())
}

#[tokio::test]
async fn a_write_whose_nonce_another_takes_has_failed_for_certain() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, journal) = journalled(&env).await?;
    let builder = builder.with_confirmations(2);
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let reader = env.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;
    let minting = tokio::spawn({
        let builder = builder.clone();
        async move { builder.once("mint").mint(plan, holder, 1).await }
    });
    let ours = sent(&env, &builder, &*journal, 1).await?;
    reader.anvil_drop_transaction(ours).await?;
    let nonce = entries(&builder, &*journal).await?[0].nonce;
    let other = TransactionRequest::default().from(builder.signer()).to(holder).nonce(nonce).value(U256::ONE);
    reader.anvil_impersonate_account(builder.signer()).await?;
    let other = *reader
        .send_transaction(other.max_fee_per_gas(1 << 40).max_priority_fee_per_gas(1 << 30))
        .await?
        .tx_hash();
    reader.evm_mine(None).await?;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!minting.is_finished(), "the other is not deep enough to be certain");
    reader.evm_mine(None).await?;

    let error = minting.await?.unwrap_err();
    let expected =
        format!("transaction {ours} cannot be done: {other} has taken nonce {nonce} of the account");
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_pending());
    let again = builder.once("mint").mint(plan, holder, 1).await.unwrap_err();
    assert_eq!(again.to_string(), expected, "the key stands for that nonce");
    reader.anvil_set_auto_mine(true).await?;
    builder.with_confirmations(1).once("another").mint(plan, holder, 1).await?;
    assert_eq!(balance(&env, plan).await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_a_write_waits_for_is_said() -> Result<()> {
    let env = TestEnv::start().await?;
    let (builder, _) = journalled(&env).await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let waiting = |error: Error| match error {
        Error::Pending { waiting, .. } => Ok(waiting.to_string()),
        other => Err(other),
    };
    let hasty = builder.clone().with_patience(Duration::from_millis(1_500));
    let error = hasty.clone().with_confirmations(3).mint(plan, holder, 1).await.unwrap_err();
    assert_eq!(waiting(error)?, "it is 1 deep, of 3 blocks");

    // A node that refuses it, and which nobody gave it to: it is not waited for in vain.
    env.devnet.reader().anvil_set_balance(builder.signer(), U256::ZERO).await?;
    let error = builder.once("dear").untried(200_000).mint(plan, holder, 1).await.unwrap_err();
    assert!(
        matches!(&error, Error::Pending { waiting, .. } if matches!(**waiting, Waiting::Node(_))),
        "{error}"
    );
    assert_eq!(error.hint().as_deref(), Some("repeat it under its key, `dear`"));
    Ok(())
}

#[tokio::test]
async fn a_node_that_never_answers_holds_a_write_no_longer_than_its_patience() -> Result<()> {
    let env = TestEnv::start().await?;
    let node = FaultyNode::before(env.devnet.url()).await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let builder = node.scrip(&env.devnet, "builder").await?.with_patience(Duration::from_secs(2));
    node.next("eth_sendRawTransaction", Fault::Silence);
    let minting = builder.once("k");
    let minted = tokio::time::timeout(Duration::from_secs(30), minting.mint(plan, holder, 5)).await?;
    let error = minted.unwrap_err();
    assert!(error.is_pending(), "{error}");
    assert_eq!((node.count(Fault::Silence), balance(&env, plan).await?), (1, 0));
    // What was signed is sent when it is asked for again, and done once.
    builder.once("k").mint(plan, holder, 5).await?;
    builder.once("k").mint(plan, holder, 5).await?;
    assert_eq!(balance(&env, plan).await?, 5);
    Ok(())
}

#[tokio::test]
async fn orders_of_several_plans_at_the_same_time_under_one_key_are_paid_once() -> Result<()> {
    let env = TestEnv::start().await?;
    // It costs all that there is: there is money for one.
    let terms = Terms::credits("Dear", 100).price(env.devnet.dollar(), "1000000")?;
    let plan = env.create(&terms.paid_to(env.builder.signer())).await?;
    let subscriber = env.devnet.scrip("subscriber").await?;
    let subscriber = subscriber.with_journal(Arc::new(MemoryJournal::new()));
    let item = Item::new(plan, subscriber.signer());
    let orders = (0..4).map(|_| {
        let subscriber = subscriber.once("two");
        let item = item.clone();
        async move { subscriber.order_many([item]).await }
    });
    let paid = try_join_all(orders).await?;
    let first = paid[0].ordered.receipt;
    assert!(paid.iter().all(|paid| paid.ordered.receipt == first), "one transaction for all");
    assert_eq!(balance(&env, plan).await?, 100);
    Ok(())
}

#[tokio::test]
async fn a_journal_in_a_file_is_read_by_the_next_process() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal");
    let client =
        async |journal| -> Result<Client> { Ok(env.devnet.scrip("builder").await?.with_journal(journal)) };

    let journal = Arc::new(FileJournal::open(&path)?);
    let builder = client(journal.clone()).await?;
    let minted = builder.once("first").mint(plan, holder, 1).await?;
    env.devnet.reader().anvil_set_auto_mine(false).await?;
    let hasty = builder.clone().with_patience(Duration::from_millis(100));
    let error = hasty.once("second").mint(plan, holder, 10).await.unwrap_err();
    assert!(error.is_pending(), "{error}");
    let before = entries(&builder, &*journal).await?;
    let in_use = FileJournal::open(&path).unwrap_err().to_string();
    assert_eq!(in_use, format!("the journal {} is in use by another process", path.display()));
    drop((builder, hasty, journal));

    // The process ended while it wrote a line, and the node lost all that it had.
    let whole = std::fs::read(&path)?;
    // It was cut off within a letter of a key.
    std::fs::write(
        &path,
        [&whole[..], br#"{"line":"inserted","entry":{"key":""#, &"ä".as_bytes()[..1]].concat(),
    )?;
    env.devnet.reader().anvil_drop_all_transactions().await?;
    env.devnet.reader().anvil_set_auto_mine(true).await?;
    let journal = Arc::new(FileJournal::open(&path)?);
    let builder = client(journal.clone()).await?;
    assert_eq!(entries(&builder, &*journal).await?, before);
    // The next write takes the nonce after the one that nobody waits for now, and sends it, too.
    builder.once("third").mint(plan, holder, 100).await?;
    assert_eq!(balance(&env, plan).await?, 111);
    assert_eq!(builder.once("first").mint(plan, holder, 1).await?, minted);
    builder.once("second").mint(plan, holder, 10).await?;
    assert_eq!(balance(&env, plan).await?, 111);
    drop((builder, journal));

    std::fs::write(&path, [b"nonsense\n", &whole[..]].concat())?;
    let error = FileJournal::open(&path).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("line 1 of the journal {} cannot be read: ", path.display())),
        "{error}"
    );
    Ok(())
}
