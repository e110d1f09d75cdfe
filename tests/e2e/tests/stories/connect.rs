//! Connecting: only to Scrip, and only on the chain that was asked for.

use alloy::{
    primitives::{Address, Bytes, hex},
    providers::{ProviderBuilder, ext::AnvilApi},
};
use eyre::Result;
use scrip::{Deployment, Error, PlanId, Scrip, abi::IScrip};
use scrip_devnet::{ACTORS, Devnet};

#[tokio::test]
async fn only_where_scrip_is() -> Result<()> {
    let devnet = Devnet::start().await?;
    let reader = || devnet.reader();
    let canonical = Deployment::canonical();
    let scrip = Scrip::connect(reader(), canonical.on_chain(31_337)).await?;
    assert_eq!((scrip.address(), scrip.chain_id()), (canonical.address(), 31_337));

    let error = Scrip::connect(reader(), canonical.on_chain(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "this is chain 31337, not chain 1");
    assert_eq!(error.hint().as_deref(), Some("use an endpoint of chain 1"));

    let nowhere = Address::repeat_byte(0x11);
    let error = Scrip::connect(reader(), Deployment::at(nowhere)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no contract at {nowhere} on chain 31337"));
    assert_eq!(error.hint().as_deref(), Some("deploy Scrip there first, or name the address where it is"));

    let dollar = devnet.dollar().address;
    let error = Scrip::connect(reader(), Deployment::at(dollar)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is another contract at {dollar} on chain 31337"));

    // The same code elsewhere is Scrip too, if its annex and its router are the same; code that begins like it is not.
    let code = async |address| alloy::providers::Provider::get_code_at(&reader(), address).await;
    let elsewhere = Deployment::at(nowhere);
    let router = hex::encode(code(canonical.router()).await?);
    let router = router.replace(&hex::encode(canonical.address()), &hex::encode(nowhere)).parse::<Bytes>()?;
    let parts = [
        (elsewhere.address(), code(canonical.address()).await?),
        (elsewhere.annex(), code(canonical.annex()).await?),
        (elsewhere.router(), router),
    ];
    for (address, code) in &parts {
        let error = Scrip::connect(reader(), elsewhere).await.unwrap_err();
        assert!(error.to_string().ends_with(&format!("{address} on chain 31337")), "{error}");
        reader().anvil_set_code(*address, code.clone()).await?;
    }
    Scrip::connect(reader(), elsewhere).await?;
    for (part, code) in &parts {
        reader().anvil_set_code(*part, code.slice(..code.len() - 1)).await?;
        let error = Scrip::connect(reader(), elsewhere).await.unwrap_err();
        let Error::NotScrip { address, empty: false, .. } = error else { panic!("{error}") };
        assert_eq!(address, *part);
        reader().anvil_set_code(*part, code.clone()).await?;
    }
    // A router of another core is not this one's.
    reader().anvil_set_code(elsewhere.router(), code(canonical.router()).await?).await?;
    assert!(matches!(Scrip::connect(reader(), elsewhere).await, Err(Error::NotScrip { .. })));
    Ok(())
}

#[tokio::test]
async fn errors_of_the_way_there() -> Result<()> {
    let devnet = Devnet::start().await?;
    let scrip = Scrip::connect(devnet.reader(), devnet.deployment()).await?;

    let error = scrip.token(Address::repeat_byte(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no ERC-20 token with a symbol and decimals at 0x0101010101010101010101010101010101010101 on chain 31337"
    );
    assert!(
        matches!(scrip.token(scrip.address()).await, Err(Error::NotAToken { .. })),
        "Scrip has no decimals"
    );

    let nobody = IScrip::new(Address::repeat_byte(2), devnet.reader());
    let error =
        Error::from(nobody.plan(PlanId::from(alloy::primitives::U256::ONE).0).call().await.unwrap_err());
    assert!(matches!(error, Error::Contract(_)), "{error}");

    let gone = devnet.url().to_owned();
    drop(devnet);
    let provider = ProviderBuilder::new().connect_http(gone.parse()?);
    let error = Scrip::connect(provider, Deployment::canonical()).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(matches!(scrip.token(Address::repeat_byte(1)).await, Err(Error::Transport(_))));
    Ok(())
}

#[tokio::test]
async fn unknown_accounts_are_named_with_the_known() -> Result<()> {
    let devnet = Devnet::start().await?;
    let error = devnet.scrip("nobody").await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no account `nobody`; there are {}", ACTORS.join(", ")));
    Ok(())
}
