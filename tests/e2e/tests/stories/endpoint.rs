//! A chain reached by nodes that fail.

use std::time::Duration;

use alloy::providers::ProviderBuilder;
use eyre::Result;
use scrip::{Endpoint, Error, Scrip};
use scrip_e2e::{
    env::TestEnv,
    faults::{Chance, Fault, FaultyNode},
};

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
