//! A redeemer keeps the vouchers of many holders, and redeems them together, each once.

use std::{sync::Arc, time::Duration};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    sol,
    sol_types::SolCall,
};
use eyre::{OptionExt, Result};
use scrip::{
    AnyVoucher, BookRedeemed, Collected, Journal, MemoryJournal, PlanId, Scrip, SessionVoucher, Signed,
    Terms, Voucher, VoucherBook, VoucherState, abi::IScrip::IScripErrors as R,
};
use scrip_devnet::{Config, Devnet, WalletProvider};
use scrip_e2e::env::TestEnv;

type Client = Scrip<WalletProvider>;

use crate::common::{deploy, deploy_with};

sol! {
    #[sol(rpc)]
    interface WalletFactory {
        function deploy(address key) external returns (address);
        function addressOf(address key) external view returns (address);
    }
}

/// A plan whose redemptions need vouchers, 1 to 50 credits each.
async fn plan(env: &TestEnv) -> Result<PlanId> {
    env.create(&Terms::credits("Requests", 100).takes(1..=50).with_vouchers()).await
}

/// The voucher of a session of the builder's, for an hour.
async fn session(env: &TestEnv, plan: PlanId, holder: Address, maximum: u64) -> Result<SessionVoucher> {
    let deadline = env.devnet.now().await? + 3_600;
    Ok(SessionVoucher {
        plan,
        holder,
        redeemer: env.builder.signer(),
        maximum,
        session: U256::ZERO,
        deadline,
    })
}

/// So much was taken of each holder.
fn amounts(done: &BookRedeemed) -> Vec<(Address, u64)> {
    done.redeemed.iter().map(|taken| (taken.voucher.holder(), taken.amount)).collect()
}

/// As the program that saved it loads it.
fn reloaded(book: &VoucherBook) -> Result<VoucherBook> {
    Ok(serde_json::from_str(&serde_json::to_string(book)?)?)
}

#[tokio::test]
async fn vouchers_of_many_holders_are_redeemed_in_one_transaction() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let mut book = VoucherBook::new(env.builder.signer());
    let mut expected = Vec::new();
    for amount in 1..=20 {
        let key = PrivateKeySigner::random();
        env.builder.mint(plan, key.address(), 100).await?;
        let voucher = session(&env, plan, key.address(), 50).await?;
        let signed = env.stranger.sign(voucher, &key).await?;
        let collected = book.collect(&env.stranger, signed, amount).await?;
        assert_eq!(collected, Collected::Kept { more: amount, remaining: 50 });
        expected.push((key.address(), amount));
    }
    // A contract wallet, for one redemption.
    let key = &env.devnet.actor("agent")?.signer;
    let wallet = deploy_with(&env, "OneKeyWallet", key.address()).await?;
    env.builder.mint(plan, wallet, 100).await?;
    let SessionVoucher { redeemer, deadline, .. } = session(&env, plan, wallet, 0).await?;
    let voucher = Voucher { plan, holder: wallet, redeemer, maximum: 9, nonce: U256::from(3), deadline };
    let signed = env.stranger.sign(voucher, key).await?;
    let again = signed.clone();
    assert_eq!(book.collect(&env.stranger, signed, 8).await?, Collected::Kept { more: 8, remaining: 9 });
    expected.push((wallet, 8));
    assert_eq!(book.owed(), (1..=20).sum::<u64>() + 8);

    let mut book = reloaded(&book)?;
    let done = book.redeem(&env.builder).await?;
    let mut taken = amounts(&done);
    taken.sort_unstable();
    expected.sort_unstable();
    assert_eq!(taken, expected);
    assert_eq!((done.refused.len(), done.owed, book.owed()), (0, 0, 0));
    for (holder, amount) in expected {
        assert_eq!(env.stranger.balance(plan, holder).await?.balance, u128::from(100 - amount));
    }
    let receipt = done.receipt.ok_or_eyre("a transaction")?;
    assert_eq!(env.stranger.events(receipt.transaction).await?.len(), 20 * 3 + 2, "all in one");
    assert!(receipt.gas_used < 21 * 80_000, "{}", receipt.gas_used);

    // Nothing is left, and what was redeemed is not taken in again.
    assert!(book.redeem(&env.builder).await?.receipt.is_none());
    let used = VoucherState::Used { nonce: U256::from(3) };
    assert_eq!(book.collect(&env.stranger, again, 8).await?, Collected::Refused(used));
    Ok(())
}

#[tokio::test]
async fn the_newest_of_a_session_is_kept_and_nothing_goes_backwards() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, key) = (plan(&env).await?, &env.devnet.actor("subscriber")?.signer);
    env.subscriber.order(plan).await?;
    let first = session(&env, plan, key.address(), 10).await?;
    let sign = async |voucher| env.stranger.sign::<SessionVoucher>(voucher, key).await;
    let mut book = VoucherBook::new(env.builder.signer());

    assert_eq!(
        book.collect(&env.agent, sign(first).await?, 10).await?,
        Collected::Kept { more: 10, remaining: 10 }
    );
    let higher = SessionVoucher { maximum: 90, ..first };
    assert_eq!(
        book.collect(&env.agent, sign(higher).await?, 25).await?,
        Collected::Kept { more: 15, remaining: 90 }
    );
    let newest = Collected::Older { maximum: 90, deadline: first.deadline };
    assert_eq!(book.collect(&env.agent, sign(first).await?, 10).await?, newest, "replayed");
    let sooner = SessionVoucher { maximum: 95, deadline: first.deadline - 1, ..first };
    assert_eq!(
        book.collect(&env.agent, sign(sooner).await?, 25).await?,
        newest,
        "it would be worth less sooner"
    );
    let too_little = Collected::TooLittle { maximum: 90, owed: 91 };
    assert_eq!(book.collect(&env.agent, sign(higher).await?, 91).await?, too_little);
    let forged =
        env.stranger.sign(SessionVoucher { maximum: 99, ..first }, &env.devnet.actor("stranger")?.signer);
    let refused = VoucherState::BadSignature { holder: key.address() };
    assert_eq!(book.collect(&env.agent, forged.await?, 99).await?, Collected::Refused(refused));
    let other = sign(SessionVoucher { redeemer: env.agent.signer(), ..first }).await?;
    assert!(matches!(book.collect(&env.agent, other, 1).await?, Collected::Refused(_)), "another's");
    assert_eq!(
        book.collect(&env.agent, sign(higher).await?, 24).await?,
        Collected::Kept { more: 0, remaining: 90 }
    );
    assert_eq!((book.owed(), book.vouchers().count()), (25, 1));

    assert_eq!(amounts(&book.redeem(&env.builder).await?), [(key.address(), 25)]);
    // The session goes on from there, and what is more than the terms allow at once takes two.
    assert_eq!(
        book.collect(&env.agent, sign(higher).await?, 25).await?,
        Collected::Kept { more: 0, remaining: 65 }
    );
    assert_eq!(
        book.collect(&env.agent, sign(higher).await?, 85).await?,
        Collected::Kept { more: 60, remaining: 65 }
    );
    let done = book.redeem(&env.builder).await?;
    assert_eq!((amounts(&done), done.owed), (vec![(key.address(), 50)], 10));
    let done = book.redeem(&env.builder).await?;
    assert_eq!((amounts(&done), done.owed), (vec![(key.address(), 10)], 0));
    assert_eq!(env.agent.balance(plan, key.address()).await?.balance, 15);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_redeemed_is_told_and_spoils_nothing() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let mut book = VoucherBook::new(env.builder.signer());
    let actor = |name: &str| -> Result<PrivateKeySigner> { Ok(env.devnet.actor(name)?.signer.clone()) };
    let (good, poor, brief, gone) =
        (actor("subscriber")?, actor("agent")?, actor("stranger")?, PrivateKeySigner::random());
    for (key, credits) in [(&good, 100), (&poor, 12), (&brief, 100), (&gone, 100)] {
        env.builder.mint(plan, key.address(), credits).await?;
    }
    let now = env.devnet.now().await?;
    let single = |key: &PrivateKeySigner, nonce: u64, deadline| Voucher {
        plan,
        holder: key.address(),
        redeemer: env.builder.signer(),
        maximum: 10,
        nonce: U256::from(nonce),
        deadline,
    };
    // Two of one holder that has credits for one.
    for (key, nonce, deadline) in
        [(&good, 0, now + 9_000), (&poor, 0, now + 9_000), (&poor, 1, now + 9_000), (&brief, 0, now + 100)]
    {
        let signed = env.stranger.sign(single(key, nonce, deadline), key).await?;
        assert!(matches!(book.collect(&env.stranger, signed, 10).await?, Collected::Kept { .. }));
    }
    // Of a wallet that is not there yet.
    let factory = WalletFactory::new(deploy(&env, "WalletFactory").await?, env.stranger.provider().clone());
    let wallet = factory.addressOf(gone.address()).call().await?;
    env.builder.mint(plan, wallet, 100).await?;
    let data: Bytes = WalletFactory::deployCall { key: gone.address() }.abi_encode().into();
    let voucher = Voucher { holder: wallet, ..single(&gone, 0, now + 9_000) };
    let wrapped = env.stranger.sign(voucher, &gone).await?.by_wallet_of(*factory.address(), data.clone());
    assert_eq!(book.collect(&env.stranger, wrapped, 10).await?, Collected::Kept { more: 10, remaining: 10 });

    env.devnet.warp(Duration::from_secs(200)).await?;
    let mut book = reloaded(&book)?;
    let done = book.redeem(&env.builder).await?;
    let mut taken = amounts(&done);
    taken.sort_unstable();
    let mut expected = vec![(good.address(), 10), (poor.address(), 10)];
    expected.sort_unstable();
    assert_eq!(taken, expected);
    let why = |holder: Address| done.refused.iter().find(|refused| refused.voucher.holder() == holder);
    for (holder, dropped) in [(poor.address(), false), (brief.address(), true), (wallet, false)] {
        let refused = why(holder).ok_or_eyre("it is told")?;
        let fits = match refused.error.refusal() {
            Some(R::InsufficientCredits(error)) => {
                holder == poor.address() && error.available == U256::from(2)
            }
            Some(R::VoucherExpired(_)) => holder == brief.address(),
            Some(R::InvalidSignature(_)) => holder == wallet,
            _ => false,
        };
        assert!(fits, "{holder}: {}", refused.error);
        assert_eq!((refused.amount, refused.dropped), (10, dropped), "{holder}");
    }
    assert_eq!((done.refused.len(), done.owed), (3, 20));

    // Those that may still come right are tried again.
    let deployment = TransactionRequest::default().with_to(*factory.address()).with_input(data);
    env.stranger.provider().send_transaction(deployment).await?.get_receipt().await?;
    env.builder.mint(plan, poor.address(), 8).await?;
    let done = book.redeem(&env.builder).await?;
    assert_eq!((done.redeemed.len(), done.refused.len(), done.owed), (2, 0, 0));
    assert_eq!(book.vouchers().count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_redemption_of_which_nothing_is_known_yet_is_not_done_twice() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, key) = (plan(&env).await?, &env.devnet.actor("subscriber")?.signer);
    env.subscriber.order(plan).await?;
    let voucher = session(&env, plan, key.address(), 90).await?;
    let signed: Signed<_> = env.stranger.sign(voucher, key).await?;
    let journal = Arc::new(MemoryJournal::new());
    let builder = env.devnet.scrip("builder").await?.with_journal(journal);
    let mut book = VoucherBook::new(builder.signer());
    assert_eq!(
        book.collect(&builder, signed.clone(), 10).await?,
        Collected::Kept { more: 10, remaining: 90 }
    );
    let older = reloaded(&book)?;

    let reader = env.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;
    let hasty = builder.clone().with_patience(Duration::from_millis(300));
    assert!(book.redeem(&hasty).await.unwrap_err().is_pending());
    // More is served meanwhile. It waits for the next.
    assert_eq!(
        book.collect(&builder, signed.clone(), 30).await?,
        Collected::Kept { more: 20, remaining: 90 }
    );
    // A copy of the book from before, by a client that knows nothing of what was sent: it goes on from the same total.
    let mut older = older;
    let forgetful = env.devnet.scrip("builder").await?.with_patience(Duration::from_millis(300));
    assert_eq!(older.collect(&forgetful, signed, 40).await?, Collected::Kept { more: 30, remaining: 90 });
    assert!(older.redeem(&forgetful).await.unwrap_err().is_pending());
    reader.evm_mine(None).await?;
    reader.anvil_set_auto_mine(true).await?;

    let mut book = reloaded(&book)?;
    let done = book.redeem(&builder).await?;
    assert_eq!((amounts(&done), done.owed), (vec![(key.address(), 10)], 20));
    let done = older.redeem(&forgetful).await?;
    assert!(done.redeemed.is_empty(), "another has taken from that total on");
    let spent = builder.session(plan, key.address(), builder.signer(), U256::ZERO).await?.spent;
    assert_eq!(spent, 10, "once");
    let done = book.redeem(&builder).await?;
    assert_eq!((amounts(&done), done.owed), (vec![(key.address(), 20)], 0));
    let kinds: Vec<_> = book.vouchers().map(|voucher| matches!(voucher, AnyVoucher::Session(_))).collect();
    assert_eq!(kinds, [true], "it is known for the newest");
    Ok(())
}

/// Single vouchers of one holder's, a credit each, in the builder's book.
async fn book_of(
    env: &TestEnv,
    plan: PlanId,
    holder: Address,
    key: &PrivateKeySigner,
    count: u64,
) -> Result<VoucherBook> {
    let mut book = VoucherBook::new(env.builder.signer());
    let SessionVoucher { redeemer, deadline, .. } = session(env, plan, holder, 0).await?;
    for nonce in 0..count {
        let voucher = Voucher { plan, holder, redeemer, maximum: 1, nonce: U256::from(nonce), deadline };
        let signed = env.stranger.sign(voucher, key).await?;
        assert_eq!(book.collect(&env.stranger, signed, 1).await?, Collected::Kept { more: 1, remaining: 1 });
    }
    Ok(book)
}

/// Redeems until nothing is left, and says how many at a time, and with how much gas.
async fn redeem_all(book: &mut VoucherBook, client: &Client) -> Result<Vec<(usize, u64)>> {
    let mut rounds = Vec::new();
    while book.owed() > 0 {
        let done = book.redeem(client).await?;
        assert_eq!(done.refused.len(), 0, "{:?}", done.refused);
        rounds.push((done.redeemed.len(), done.receipt.ok_or_eyre("a transaction")?.gas_used));
    }
    Ok(rounds)
}

#[tokio::test]
async fn as_many_are_redeemed_at_once_as_the_gas_of_a_transaction_allows() -> Result<()> {
    // Whose rules have that limit.
    let osaka = Config { hardfork: "osaka".to_owned(), ..Config::default() };
    let env = TestEnv::on(Devnet::start_with(osaka).await?).await?;
    let plan = plan(&env).await?;
    let key = &env.devnet.actor("agent")?.signer;
    let wallet = deploy_with(&env, "DearWallet", key.address()).await?;
    env.builder.mint(plan, wallet, 100).await?;
    env.builder.mint(plan, key.address(), 200).await?;

    // By key they all fit.
    let mut book = book_of(&env, plan, key.address(), key, 64).await?;
    let rounds = redeem_all(&mut book, &env.builder).await?;
    assert!(matches!(rounds[..], [(64, _)]), "{rounds:?}");

    // The wallet's 64 signatures alone take 25.6 million, and a transaction may have 16.8; a client, or a chain, less yet.
    let (book, reader) = (book_of(&env, plan, wallet, key, 64).await?, env.devnet.reader());
    for (untried, limit, most, least_at_once) in [
        (None, None, 16_777_216, 16),
        (Some(6_000_000), None, 6_000_000, 6),
        (None, Some(5_000_000), 5_000_000, 5),
    ] {
        let before = reader.anvil_snapshot().await?;
        if let Some(limit) = limit {
            reader.anvil_set_block_gas_limit(limit).await?;
        }
        let client = env.devnet.scrip("builder").await?;
        let client = untried.map_or_else(|| client.clone(), |gas| client.clone().untried(gas));
        let rounds = redeem_all(&mut reloaded(&book)?, &client).await?;
        assert_eq!(rounds.iter().map(|(count, _)| count).sum::<usize>(), 64, "{rounds:?}");
        let fits = |&(count, gas): &(usize, u64)| count >= least_at_once && gas < most;
        assert!(rounds.iter().all(fits), "{rounds:?}");
        assert_eq!(env.stranger.balance(plan, wallet).await?.balance, 36);
        reader.anvil_revert(before).await?;
    }
    Ok(())
}

/// It ends when its future is dropped, as a process does that is killed: what it knows is the book as it was saved, and the journal.
#[tokio::test]
async fn what_a_process_redeemed_that_ended_is_told_by_the_next() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, key) = (plan(&env).await?, &env.devnet.actor("subscriber")?.signer);
    env.subscriber.order(plan).await?;
    let journal = Arc::new(MemoryJournal::new());
    let process = async || -> Result<Client> {
        Ok(env.devnet.scrip("builder").await?.with_journal(Arc::clone(&journal) as Arc<dyn Journal>))
    };
    let reader = env.devnet.reader();
    let sent = async || reader.get_transaction_count(env.builder.signer()).pending().await;
    let mut saved = book_of(&env, plan, key.address(), key, 3).await?;

    // Before it sent anything: what was chosen is chosen again, with what has changed.
    let before = sent().await?;
    let prepared = saved.prepare(&process().await?).await?;
    assert_eq!((prepared.redemptions, prepared.refused.len(), sent().await?), (3, 0, before));
    env.subscriber.revoke_voucher(U256::ZERO).await?;
    let mut saved = reloaded(&saved)?;
    let prepared = saved.prepare(&process().await?).await?;
    assert_eq!((prepared.redemptions, prepared.refused.len()), (2, 1));
    assert!(prepared.refused[0].dropped && saved.owed() == 2);

    // After it sent it, and nobody heard whether it was mined.
    let saved = reloaded(&saved)?;
    reader.anvil_set_auto_mine(false).await?;
    let (mut book, client) = (reloaded(&saved)?, process().await?);
    tokio::select! {
        done = book.redeem(&client) => panic!("{done:?}"),
        () = async { while sent().await.unwrap() == before { tokio::time::sleep(Duration::from_millis(10)).await } } => {}
    }
    reader.evm_mine(None).await?;
    reader.anvil_set_auto_mine(true).await?;
    for _ in 0..2 {
        let (mut book, client) = (reloaded(&saved)?, process().await?);
        assert_eq!(book.prepare(&client).await?.redemptions, 2, "it goes on with what it was");
        let done = book.redeem(&client).await?;
        assert_eq!((done.redeemed.len(), done.refused.len(), done.owed), (2, 0, 0));
        assert_eq!(sent().await?, before + 1, "one transaction");
    }
    assert_eq!(env.stranger.balance(plan, key.address()).await?.balance, 98);
    Ok(())
}
