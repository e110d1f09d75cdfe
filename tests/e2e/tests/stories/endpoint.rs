//! A chain reached by nodes that fail.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use alloy::providers::{Provider, ProviderBuilder, RootProvider};
use eyre::Result;
use futures_util::future::try_join_all;
use scrip::{Endpoint, Error, Scrip};
use scrip_e2e::{
    env::TestEnv,
    faults::{Chance, Fault, FaultyNode},
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How long it takes until a call of the chain's id has failed, and why.
async fn fails(endpoint: &Endpoint) -> (Duration, String) {
    let began = Instant::now();
    let error = RootProvider::<alloy::network::Ethereum>::new(endpoint.client()).get_chain_id().await;
    (began.elapsed(), error.expect_err("nobody answers").to_string())
}

#[tokio::test]
async fn what_fails_is_asked_again_and_of_another_node() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    env.builder.mint(plan, env.subscriber.signer(), 7).await?;
    let (first, second) =
        (FaultyNode::before(env.devnet.url()).await?, FaultyNode::before(env.devnet.url()).await?);
    let endpoint = Endpoint::new(first.url().as_str())?.or(second.url().as_str())?;
    let endpoint = endpoint.retrying(5, Duration::from_millis(5));
    let reader = ProviderBuilder::new().connect_client(endpoint.client());
    let scrip = Scrip::connect(reader, env.devnet.deployment()).await?;
    let balance = async || scrip.balance(plan, env.subscriber.signer()).await;

    // Both stumble, now and then.
    for (node, seed) in [(&first, 1), (&second, 2)] {
        let faults = [Fault::DropBefore, Fault::DropAfter, Fault::TooManyRequests, Fault::Unavailable];
        node.at_random(Chance::per_mille(300, seed).of(faults));
    }
    for _ in 0..50 {
        assert_eq!(balance().await?.balance, 7);
    }
    let stumbled = |node: &FaultyNode| node.counts().values().sum::<u64>();
    assert!(stumbled(&first) + stumbled(&second) > 20, "nothing was asked again");

    // One is gone.
    second.heal();
    first.always(Fault::DropBefore);
    let before = second.requests();
    for _ in 0..10 {
        assert_eq!(balance().await?.balance, 7);
    }
    assert!(second.requests() - before >= 20, "two calls each");

    // Both are.
    second.always(Fault::DropBefore);
    let error = balance().await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    first.heal();
    second.heal();
    assert_eq!(balance().await?.balance, 7, "and there again");
    Ok(())
}

#[test]
fn what_is_no_endpoint_is_said_without_the_key_in_it() {
    let said = |url| Endpoint::new(url).unwrap_err().to_string();
    assert_eq!(said("node.example/secret"), "the node's URL is no good: relative URL without a base");
    assert_eq!(
        said("wss://node.example/secret"),
        "the node's URL is no good: it is reached by wss, not by http or https"
    );
}

#[tokio::test]
async fn a_node_that_never_answers_holds_a_call_no_longer_than_was_said() -> Result<()> {
    let env = TestEnv::start().await?;
    // The system takes the connections, and nobody reads what comes.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let silent = format!("http://{}/key", listener.local_addr()?);
    // On a machine that is busy everything comes late: what tells the limits apart is far from them.
    let within = |took: Duration, from: f64, to: f64| {
        assert!((from..to).contains(&took.as_secs_f64()), "{took:?} is not {from} to {to} s");
    };

    let by_default = Endpoint::new(&silent)?.retrying(0, Duration::ZERO);
    let waiting = tokio::spawn(async move { fails(&by_default).await });
    let quick = |endpoint: Endpoint| {
        endpoint
            .retrying(1, Duration::from_millis(100))
            .timing_out(Duration::from_millis(500), Duration::from_secs(1))
    };
    let (took, error) = fails(&quick(Endpoint::new(&silent)?)?).await;
    within(took, 2.0, 20.0);
    assert_eq!(error, "Max retries exceeded error sending request: operation timed out", "and not its URL");

    // Nor one that does not even take connections: its queue of them is full.
    let full = TcpSocket::new_v4()?;
    full.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let full = full.listen(1)?;
    let address = full.local_addr()?;
    let mut queue = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        queue.push(stream?);
    }
    let (took, error) = fails(&quick(Endpoint::new(&format!("http://{address}"))?)?).await;
    within(took, 1.0, 20.0);
    assert!(error.ends_with("deadline has elapsed") && !error.contains("http"), "{error}");

    // Another node is asked instead, and the silent one no more than now and then.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let silent = format!("http://{}", listener.local_addr()?);
    let endpoint = quick(Endpoint::new(&silent)?.or(env.devnet.url())?)?;
    let reader = ProviderBuilder::new().connect_client(endpoint.client());
    let scrip = Scrip::connect(reader, env.devnet.deployment()).await?;
    for _ in 0..20 {
        scrip.fee().await?;
    }
    // Who gives up waiting leaves its connection; each call that was made is still in the queue.
    let mut asked = 0;
    while let Ok(taken) = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await {
        taken?;
        asked += 1;
    }
    assert!((1..8).contains(&asked), "the silent node was asked {asked} times");

    let (took, _) = waiting.await?;
    within(took, 29.0, 60.0);
    Ok(())
}

#[tokio::test]
async fn a_node_is_asked_at_most_as_often_as_was_said() -> Result<()> {
    let env = TestEnv::start().await?;
    let node = FaultyNode::before(env.devnet.url()).await?;
    let endpoint = Endpoint::new(node.url().as_str())?.retrying(12, Duration::from_millis(10));
    let ask = async |endpoint: &Endpoint, times: usize| -> Result<Duration> {
        // Two clients of one endpoint.
        let (one, other) = (endpoint.client(), endpoint.client());
        let began = Instant::now();
        let asked = (0..times).map(|number| if number % 2 == 0 { &one } else { &other });
        try_join_all(asked.map(async |client| client.request_noparams::<String>("eth_chainId").await))
            .await?;
        Ok(began.elapsed())
    };
    let unlimited = ask(&endpoint, 60).await?;
    assert!(unlimited < Duration::from_millis(2_900), "{unlimited:?}");

    // A quarter is asked again, and that counts, too; all of these may be tries of one.
    let limited = endpoint.at_most(20);
    node.next_times("eth_chainId", Fault::Unavailable, 12);
    let before = node.requests();
    let asking = ask(&limited, 48);
    let watching = async {
        let mut seen = vec![(Instant::now(), node.requests())];
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            seen.push((Instant::now(), node.requests()));
            if seen.last().is_some_and(|&(_, asked)| asked >= before + 60) {
                return Ok(seen);
            }
        }
    };
    let (took, seen) = tokio::try_join!(asking, watching)?;
    assert_eq!(node.requests() - before, 60);
    assert!((2.9..20.0).contains(&took.as_secs_f64()), "60 requests, 20 a second, in {took:?}");
    for pair in seen.windows(2) {
        let (passed, asked) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        assert!(asked as f64 <= 20.0 * passed.as_secs_f64() + 3.0, "evenly: {seen:?}");
    }
    // 0 is 1, rather than never.
    let slow = ask(&limited.at_most(0), 3).await?;
    assert!((1.9..20.0).contains(&slow.as_secs_f64()), "{slow:?}");
    Ok(())
}
