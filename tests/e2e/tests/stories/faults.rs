//! The misbehaving node does what it says: what a client hears, and what has happened on the chain.

use std::time::{Duration, Instant};

use alloy::{
    eips::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, B256, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::{client::BatchRequest, types::TransactionRequest},
    transports::http::reqwest::{self, Client, header::RETRY_AFTER},
};
use eyre::{OptionExt, Result};
use scrip_devnet::Devnet;
use scrip_e2e::faults::{Chance, Fault, FaultyNode};
use serde_json::{Value, json};

const SEND: &str = "eth_sendRawTransaction";
const RECEIPT: &str = "eth_getTransactionReceipt";
const NONCE: &str = "eth_getTransactionCount";

/// A signed payment of 10 wei from the stranger, with its hash.
async fn payment(devnet: &Devnet, to: Address) -> Result<(Vec<u8>, B256)> {
    let payer = devnet.actor("stranger")?;
    let nonce = devnet.reader().get_transaction_count(payer.address()).await?;
    let request = TransactionRequest::default()
        .with_to(to)
        .with_value(U256::from(10))
        .with_nonce(nonce)
        .with_chain_id(31_337)
        .with_gas_limit(21_000)
        .with_max_fee_per_gas(10_u128.pow(10))
        .with_max_priority_fee_per_gas(1);
    let signed = request.build(&EthereumWallet::from(payer.signer.clone())).await?;
    Ok((signed.encoded_2718(), *signed.tx_hash()))
}

/// Posts JSON and gives what came back.
async fn post(node: &FaultyNode, message: &Value) -> reqwest::Result<reqwest::Response> {
    Client::new().post(node.url().clone()).body(message.to_string()).send().await
}

#[tokio::test]
async fn an_error_does_not_say_that_nothing_was_paid() -> Result<()> {
    let devnet = Devnet::start().await?;
    // One that does nothing stands behind, and counts what gets there.
    let behind = FaultyNode::before(devnet.url()).await?;
    let node = FaultyNode::before(behind.url().as_str()).await?;
    let reached = || behind.calls().get(SEND).copied().unwrap_or_default();
    let to = Address::repeat_byte(0x77);
    let mut told = Vec::new();
    for fault in Fault::ALL {
        let (before, calls) = (devnet.reader().get_balance(to).await?, reached());
        node.next(SEND, fault);
        let (raw, hash) = payment(&devnet, to).await?;
        let begun = Instant::now();
        let heard = node.reader().send_raw_transaction(&raw).await;
        assert!(fault != Fault::Delay || begun.elapsed() >= Duration::from_millis(300));
        // Anvil answers before it mines.
        devnet.reader().evm_mine(None).await?;
        let moved: u64 = (devnet.reader().get_balance(to).await? - before).to();
        assert_eq!(moved > 0, devnet.reader().get_transaction_receipt(hash).await?.is_some());
        told.push((fault, heard.is_ok(), moved, reached() - calls));
        assert_eq!(node.count(fault), u64::from(fault.can_meet(SEND)), "{fault:?}");
    }
    let expected = [
        (Fault::DropBefore, false, 0, 0),
        (Fault::DropAfter, false, 10, 1),
        (Fault::ErrorAfter, false, 10, 1),
        (Fault::Truncate, false, 10, 1),
        (Fault::Garbage, false, 0, 0),
        (Fault::TooManyRequests, false, 0, 0),
        (Fault::Unavailable, false, 0, 0),
        (Fault::Delay, true, 10, 1),
        (Fault::Twice, true, 10, 2),
        (Fault::Retried, false, 10, 2),
        (Fault::WrongId, true, 10, 1),
        // These are of other methods.
        (Fault::NoReceipt, true, 10, 1),
        (Fault::LimitExceeded, true, 10, 1),
        (Fault::Stale, true, 10, 1),
    ];
    assert_eq!(told, expected);
    Ok(())
}

#[tokio::test]
async fn what_a_client_hears() -> Result<()> {
    let devnet = Devnet::start().await?;
    let node = FaultyNode::before(devnet.url()).await?;
    let ask = json!({ "jsonrpc": "2.0", "id": 7, "method": "eth_chainId", "params": [] });
    let good = json!({ "jsonrpc": "2.0", "id": 7, "result": "0x7a69" });
    let heard = async |fault| {
        node.next("eth_chainId", fault);
        post(&node, &ask).await
    };
    assert_eq!(post(&node, &ask).await?.json::<Value>().await?, good);

    for fault in [Fault::DropBefore, Fault::DropAfter] {
        let error = heard(fault).await.unwrap_err();
        assert!(error.is_request() && !error.is_connect(), "{fault:?}: {error:?}");
    }
    let half = heard(Fault::Truncate).await?.text().await?;
    assert!(
        good.to_string().len() / 2 == half.len() && serde_json::from_str::<Value>(&half).is_err(),
        "{half}"
    );
    assert!(heard(Fault::Garbage).await?.json::<Value>().await.is_err());
    let busy = heard(Fault::TooManyRequests).await?;
    assert_eq!((busy.status().as_u16(), busy.headers()[RETRY_AFTER].to_str()?), (429, "1"));
    assert_eq!(heard(Fault::Unavailable).await?.status(), 503);
    assert_eq!(heard(Fault::WrongId).await?.json::<Value>().await?["id"], 1_000_007);
    let internal = json!({ "code": -32603, "message": "internal error" });
    assert_eq!(heard(Fault::ErrorAfter).await?.json::<Value>().await?["error"], internal);

    let counts = node.counts();
    assert!(counts.iter().all(|((_, method), &count)| method == "eth_chainId" && count == 1), "{counts:?}");
    assert_eq!((counts.len(), node.calls()["eth_chainId"], node.requests()), (8, 9, 9));

    node.always(Fault::Unavailable);
    assert!(node.reader().get_chain_id().await.is_err());
    assert!(node.reader().get_block_number().await.is_err());
    node.heal();
    assert_eq!(node.reader().get_chain_id().await?, 31_337);
    assert_eq!(node.count(Fault::Unavailable), 3);
    drop(devnet);
    assert_eq!(post(&node, &ask).await?.status(), 502, "no node at all");
    Ok(())
}

#[tokio::test]
async fn receipts_come_late_and_answers_are_old() -> Result<()> {
    let devnet = Devnet::start().await?;
    let node = FaultyNode::before(devnet.url()).await?;
    let (chain, payer) = (devnet.reader(), devnet.actor("stranger")?);
    let hashes: Vec<B256> = {
        let mut hashes = Vec::new();
        for _ in 0..2 {
            let (raw, hash) = payment(&devnet, Address::repeat_byte(1)).await?;
            chain.send_raw_transaction(&raw).await?.watch().await?;
            hashes.push(hash);
        }
        hashes
    };

    // The first has no receipt three times, the second has one at once.
    node.next(RECEIPT, Fault::NoReceipt);
    let mut seen = Vec::new();
    for _ in 0..4 {
        for hash in &hashes {
            seen.push(node.reader().get_transaction_receipt(*hash).await?.is_some());
        }
    }
    assert_eq!(seen, [false, true, false, true, false, true, true, true]);
    assert_eq!(node.count(Fault::NoReceipt), 3);

    let (block, nonce) =
        (chain.get_block_number().await?, chain.get_transaction_count(payer.address()).await?);
    node.next("eth_blockNumber", Fault::Stale);
    assert_eq!(node.reader().get_block_number().await?, block - 1);
    for at in ["latest", "pending"] {
        node.next(NONCE, Fault::Stale);
        let asked = node.reader().raw_request::<_, U256>(NONCE.into(), (payer.address(), at)).await?;
        assert_eq!(asked, U256::from(nonce - 1), "{at}");
    }
    node.next(NONCE, Fault::Stale);
    let asked = node.reader().raw_request::<_, U256>(NONCE.into(), (payer.address(), "earliest")).await?;
    assert_eq!(asked, U256::ZERO, "which is old already");
    assert_eq!(node.reader().get_transaction_count(payer.address()).await?, nonce);
    node.next_times("eth_estimateGas", Fault::LimitExceeded, 2);
    for _ in 0..2 {
        let error = node.reader().estimate_gas(TransactionRequest::default().with_to(Address::ZERO)).await;
        assert_eq!(error.unwrap_err().as_error_resp().map(|error| error.code), Some(-32005));
    }
    node.reader().estimate_gas(TransactionRequest::default().with_to(Address::ZERO)).await?;
    Ok(())
}

#[tokio::test]
async fn a_batch_fares_as_a_whole_or_call_by_call() -> Result<()> {
    let devnet = Devnet::start().await?;
    let node = FaultyNode::before(devnet.url()).await?;
    devnet.reader().evm_mine(None).await?;
    let block = devnet.reader().get_block_number().await?;
    let ask = |id: u64, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [] });
    let batch = json!([ask(1, "eth_chainId"), ask(2, "eth_blockNumber"), ask(3, "eth_gasPrice")]);

    node.next("eth_blockNumber", Fault::Stale);
    node.next("eth_gasPrice", Fault::WrongId);
    let answers: Value = post(&node, &batch).await?.json().await?;
    let answers = answers.as_array().ok_or_eyre("an array")?;
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 1, "result": "0x7a69" }));
    assert_eq!(answers[1]["result"], format!("{:#x}", block - 1));
    assert_eq!(answers[2]["id"], 1_000_003);

    node.next("eth_blockNumber", Fault::Unavailable);
    node.next("eth_gasPrice", Fault::ErrorAfter);
    assert_eq!(post(&node, &batch).await?.status(), 503);
    assert_eq!(node.count(Fault::ErrorAfter), 0, "it did not come to that");
    assert_eq!((node.requests(), node.calls().values().sum::<u64>()), (2, 6));

    let reader = node.reader();
    node.next("eth_chainId", Fault::DropAfter);
    let mut batch = BatchRequest::new(reader.client());
    let chain = batch.add_call::<_, U256>("eth_chainId", &())?;
    let number = batch.add_call::<_, U256>("eth_blockNumber", &())?;
    assert!(batch.send().await.is_err());
    assert!(chain.await.is_err() && number.await.is_err());
    Ok(())
}

#[tokio::test]
async fn at_random_everything_happens_and_again_the_same() -> Result<()> {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let devnet = Devnet::start().await?;
        let node = FaultyNode::before(devnet.url()).await?;
        let faults = Fault::ALL.into_iter().filter(|fault| *fault != Fault::Delay);
        node.at_random(Chance::per_mille(500, 42).of(faults));
        let mut heard = Vec::new();
        for number in 0..80_u8 {
            let (raw, hash) = payment(&devnet, Address::repeat_byte(2)).await?;
            let reader = node.reader();
            heard.push(reader.send_raw_transaction(&raw).await.is_ok());
            devnet.reader().evm_mine(None).await?;
            heard.push(reader.get_transaction_receipt(hash).await.is_ok());
            heard.push(reader.get_block_number().await.is_ok());
            let request = TransactionRequest::default().with_to(Address::with_last_byte(number));
            heard.push(reader.estimate_gas(request).await.is_ok());
        }
        for fault in Fault::ALL {
            assert_eq!(node.count(fault) > 0, fault != Fault::Delay, "{fault:?} in {:?}", node.counts());
        }
        runs.push((heard, node.counts()));
    }
    assert_eq!(runs[0], runs[1]);
    Ok(())
}
