//! A write whose nonce another uses has failed for certain: on chains of other kinds, by whatever used it, with a node that has
//! forgotten much, and until a reorganisation says otherwise.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::eip7702::Authorization,
    network::TransactionBuilder7702,
    primitives::{Address, TxHash, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::{TransactionRequest, anvil::ReorgOptions},
    signers::SignerSync,
};
use eyre::{OptionExt, Result, bail, eyre};
use scrip::{Account, Cancelled, Error, Journal, MemoryJournal, PlanId, Scrip, Waiting};
use scrip_devnet::WalletProvider;
use scrip_e2e::{
    env::TestEnv,
    faults::{Chance, Fault, FaultyNode},
};

type Client = Scrip<WalletProvider>;

/// A builder behind a node, and a mint that it has signed and nobody has any more.
struct Lost {
    env: TestEnv,
    node: FaultyNode,
    builder: Client,
    plan: PlanId,
    holder: Address,
    nonce: u64,
}

impl Lost {
    async fn mint() -> Result<Self> {
        let env = TestEnv::start().await?;
        let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
        let node = FaultyNode::before(env.devnet.url()).await?;
        let journal = Arc::new(MemoryJournal::new());
        let builder = node.scrip(&env.devnet, "builder").await?.with_journal(journal.clone());
        let builder = builder.with_patience(Duration::from_secs(5)).replaced_after(Duration::from_secs(1));
        env.devnet.reader().anvil_set_auto_mine(false).await?;
        let hasty = builder.clone().with_patience(Duration::from_millis(100));
        let Err(Error::Pending { transaction, .. }) = hasty.once("mint").mint(plan, holder, 1).await else {
            bail!("it is not pending");
        };
        env.devnet.reader().anvil_drop_transaction(transaction).await?;
        let account = Account { chain_id: builder.chain_id(), address: builder.signer() };
        let nonce = journal.last_nonce(account).await.map_err(|error| eyre!(error))?;
        Ok(Self { env, node, builder, plan, holder, nonce: nonce.ok_or_eyre("nothing was signed")? })
    }

    async fn again(&self) -> Result<(), Error> {
        self.builder.once("mint").mint(self.plan, self.holder, 1).await.map(drop)
    }

    /// Mints again, to be told by which transaction it was superseded.
    async fn superseded(&self) -> Result<TxHash> {
        match self.again().await {
            Err(Error::Superseded { by, nonce, .. }) if nonce == self.nonce => Ok(by),
            other => bail!("it is not superseded: {other:?}"),
        }
    }

    /// Another transaction of the builder takes the nonce.
    async fn take(&self) -> Result<TxHash> {
        let (reader, builder) = (self.env.devnet.reader(), self.builder.signer());
        reader.anvil_impersonate_account(builder).await?;
        let other = TransactionRequest::default().from(builder).to(self.holder).nonce(self.nonce);
        let other = other.value(U256::ONE).max_fee_per_gas(1 << 40).max_priority_fee_per_gas(1 << 30);
        let sent = *reader.send_transaction(other).await?.tx_hash();
        reader.evm_mine(None).await?;
        Ok(sent)
    }

    /// The agent sends authorisations of the builder, of these chains, and of nonces so much above that of the mint.
    async fn authorise<const N: usize>(&self, authorisations: [(u64, u64); N]) -> Result<TxHash> {
        let (devnet, address) = (&self.env.devnet, self.builder.address());
        let signer = &devnet.actor("builder")?.signer;
        let mut signed = Vec::new();
        for (chain_id, above) in authorisations {
            let nonce = self.nonce + above;
            let authorization = Authorization { chain_id: U256::from(chain_id), address, nonce };
            let signature = signer.sign_hash_sync(&authorization.signature_hash())?;
            signed.push(authorization.into_signed(signature));
        }
        let carrier = TransactionRequest::default().to(self.holder).with_authorization_list(signed);
        let carrier = carrier.max_fee_per_gas(1 << 40).max_priority_fee_per_gas(1 << 38);
        let agent = devnet.provider(devnet.actor("agent")?);
        Ok(*agent.send_transaction(carrier).await?.tx_hash())
    }

    /// A reorganisation takes the last block away, and what was in it.
    async fn take_back(&self) -> Result<()> {
        self.env.devnet.reader().anvil_reorg(ReorgOptions { depth: 1, tx_block_pairs: vec![] }).await?;
        Ok(())
    }

    async fn balance(&self) -> Result<u128> {
        Ok(self.env.stranger.balance(self.plan, self.holder).await?.balance)
    }
}

#[tokio::test]
async fn in_a_block_with_transactions_that_only_its_chain_has() -> Result<()> {
    let lost = Lost::mint().await?;
    lost.node.at_random(Chance::per_mille(1_000, 1).of([Fault::Deposit]).on(["eth_getBlockByNumber"]));
    let other = lost.take().await?;
    assert_eq!(lost.superseded().await?, other);
    assert!(lost.node.count(Fault::Deposit) > 0);
    Ok(())
}

#[tokio::test]
async fn by_an_authorisation_that_somebody_else_sends() -> Result<()> {
    let lost = Lost::mint().await?;
    let chain_id = lost.builder.chain_id();
    // Beside such as count for nothing: of another chain, and of another nonce.
    let carrier = lost.authorise([(chain_id + 1, 0), (chain_id, 7), (0, 0)]).await?;
    let reader = lost.env.devnet.reader();
    reader.evm_mine(None).await?;
    assert_eq!(reader.get_transaction_count(lost.builder.signer()).await?, lost.nonce + 1);
    assert_eq!(lost.superseded().await?, carrier);
    Ok(())
}

#[tokio::test]
async fn but_not_by_an_authorisation_that_came_too_early() -> Result<()> {
    let lost = Lost::mint().await?;
    let hasty = lost.builder.clone().with_patience(Duration::from_millis(100));
    for (key, amount) in [("mint", 1), ("second", 10)] {
        let error = hasty.once(key).mint(lost.plan, lost.holder, amount).await.unwrap_err();
        assert!(error.is_pending(), "{error}");
    }
    // Of the second's nonce, in the block of both, but before either: it did nothing.
    let carrier = lost.authorise([(0, 1)]).await?;
    let reader = lost.env.devnet.reader();
    reader.evm_mine(None).await?;
    let carried = reader.get_transaction_receipt(carrier).await?.ok_or_eyre("it is not mined")?;
    assert_eq!(carried.transaction_index, Some(0));
    assert_eq!(reader.get_transaction_count(lost.builder.signer()).await?, lost.nonce + 2);

    // While there is no receipt, the block is looked at.
    let looked = || lost.node.calls().get("eth_getBlockByNumber").copied().unwrap_or_default();
    let before = looked();
    lost.node.at_random(Chance::per_mille(1_000, 1).of([Fault::NoReceipt]).on(["eth_getTransactionReceipt"]));
    let heal = async {
        while looked() < before + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        lost.node.heal();
        std::future::pending::<()>().await;
    };
    let second = lost.builder.once("second");
    tokio::select! {
        minted = second.mint(lost.plan, lost.holder, 10) => minted.map(drop)?,
        () = heal => {}
    }
    assert_eq!(lost.balance().await?, 11);
    Ok(())
}

#[tokio::test]
async fn known_by_a_node_that_has_the_state_of_that_time() -> Result<()> {
    let lost = Lost::mint().await?;
    let pruned = || Chance::per_mille(1_000, 1).of([Fault::Pruned]).on(["eth_getTransactionCount"]);
    let other = lost.take().await?;
    let reader = lost.env.devnet.reader();
    let block = reader.get_block_number().await?;

    // Long before all that it has.
    reader.anvil_mine(Some(20), None).await?;
    lost.node.at_random(pruned());
    let Err(Error::Pending { waiting, .. }) = lost.again().await else { bail!("it is known") };
    assert!(matches!(*waiting, Waiting::OldState { block: first } if first == block + 18), "{waiting}");
    lost.node.heal();
    assert_eq!(lost.superseded().await?, other);

    // Just within: what is older need not be known.
    let lost = Lost::mint().await?;
    let other = lost.take().await?;
    lost.env.devnet.reader().anvil_mine(Some(1), None).await?;
    lost.node.at_random(pruned());
    assert_eq!(lost.superseded().await?, other);
    assert!(lost.node.count(Fault::Pruned) > 0);
    Ok(())
}

#[tokio::test]
async fn until_a_reorganisation_takes_the_other_away_and_it_is_asked_for_again() -> Result<()> {
    let lost = Lost::mint().await?;
    let other = lost.take().await?;
    assert_eq!(lost.superseded().await?, other);
    assert_eq!(lost.superseded().await?, other, "it stays so while the other is there");

    lost.take_back().await?;
    lost.env.devnet.reader().anvil_set_auto_mine(true).await?;
    lost.again().await?;
    assert_eq!(lost.balance().await?, 1);
    lost.again().await?;
    assert_eq!(lost.balance().await?, 1, "once");
    Ok(())
}

#[tokio::test]
async fn and_is_not_done_after_all_by_who_writes_next() -> Result<()> {
    let lost = Lost::mint().await?;
    lost.take().await?;
    lost.superseded().await?;

    // The next write needs its nonce to be used again, but not by what was told to be undone.
    lost.take_back().await?;
    lost.env.devnet.reader().anvil_set_auto_mine(true).await?;
    let patient = lost.builder.clone().with_patience(Duration::from_secs(30));
    patient.once("next").mint(lost.plan, lost.holder, 10).await?;
    assert_eq!(lost.balance().await?, 10);
    let error = lost.again().await.unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");

    // Nor by who cancels it.
    let lost = Lost::mint().await?;
    lost.take().await?;
    lost.superseded().await?;
    assert!(matches!(lost.builder.cancel("mint").await, Err(Error::Superseded { .. })));
    lost.take_back().await?;
    lost.env.devnet.reader().anvil_set_auto_mine(true).await?;
    assert!(matches!(lost.builder.cancel("mint").await?, Cancelled::Certainly(_)));
    assert_eq!(lost.balance().await?, 0);
    Ok(())
}
