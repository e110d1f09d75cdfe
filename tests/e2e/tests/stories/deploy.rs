//! Putting Scrip on a chain: the client, its records, and forge's script, which all come to one address.

use std::{path::Path, process::Command};

use alloy::{
    primitives::{Address, B256},
    providers::{Provider, ext::AnvilApi},
};
use eyre::Result;
use scrip::{CREATE2_DEPLOYER, CodeHashes, Deployment, DeploymentRecord, Error, Periphery, Scrip};
use scrip_devnet::Devnet;

/// Takes lens and registry off the chain, as if they had never been deployed.
async fn without_periphery(devnet: &Devnet) -> Result<()> {
    for contract in Periphery::ALL {
        devnet.reader().anvil_set_code(contract.address(), Default::default()).await?;
        devnet.reader().anvil_set_nonce(contract.address(), 0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_deployed_is_recorded_and_the_record_verified() -> Result<()> {
    let devnet = Devnet::start().await?;
    without_periphery(&devnet).await?;
    let controller = devnet.actor("builder")?.address();
    let deployment = Deployment::with_fee_controller(controller);
    let provider = devnet.provider(devnet.actor("stranger")?);
    let record = DeploymentRecord::deploy(&provider, controller).await?;
    assert_eq!((record.address, record.chain_id), (deployment.address(), 31_337));
    let scrip = Scrip::connect(devnet.reader(), deployment).await?;
    assert_eq!(scrip.fee().await?.controller, Some(controller));
    assert_eq!(scrip.instance().router().call().await?, deployment.router());

    let text = serde_json::to_string(&record)?;
    assert_eq!(
        serde_json::from_str::<DeploymentRecord>(&text)?,
        record,
        "a record is read as it was written"
    );
    assert_eq!(record, DeploymentRecord::of(&devnet.reader(), controller).await?);
    assert_eq!(record.verify(&devnet.reader()).await?, deployment.on_chain(31_337));
    assert_eq!(DeploymentRecord::deploy(&provider, controller).await?, record, "once more changes nothing");

    // Whatever is otherwise is named.
    let nobody = Address::repeat_byte(1);
    let change = |change: &dyn Fn(&mut DeploymentRecord)| {
        let mut record = record.clone();
        change(&mut record);
        record
    };
    for (record, field) in [
        (change(&|record| record.address = nobody), "address"),
        (change(&|record| record.router = nobody), "router"),
        (change(&|record| record.annex = nobody), "annex"),
        (change(&|record| record.constructor_arguments.fee_controller = nobody), "address"),
        (change(&|record| record.lens.address = nobody), "lens"),
        (change(&|record| record.services.code_hash = B256::ZERO), "services"),
        (change(&|record| record.salt = B256::repeat_byte(1)), "salt"),
        (change(&|record| record.deployer = nobody), "deployer"),
        (change(&|record| record.compiler.optimizer_runs += 1), "compiler"),
        (
            change(&|record| {
                record.code_hashes = CodeHashes { annex: B256::ZERO, ..record.code_hashes };
            }),
            "code hashes",
        ),
    ] {
        let error = record.verify(&devnet.reader()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("the record's {field} is ")), "{error}");
        assert!(error.hint().is_some());
    }
    let lens = Periphery::Lens.address();
    let code = devnet.reader().get_code_at(lens).await?;
    devnet.reader().anvil_set_code(lens, code.slice(1..)).await?;
    let error = record.verify(&devnet.reader()).await.unwrap_err();
    assert!(matches!(error, Error::NotScrip { address, empty: false, .. } if address == lens), "{error}");
    devnet.reader().anvil_set_code(lens, code).await?;
    record.verify(&devnet.reader()).await?;
    let elsewhere = change(&|record| record.chain_id = 1);
    assert!(matches!(elsewhere.verify(&devnet.reader()).await, Err(Error::WrongChain { asked: 1, .. })));
    Ok(())
}

#[tokio::test]
async fn a_chain_without_the_create2_deployer_is_named() -> Result<()> {
    let devnet = Devnet::start().await?;
    let deployer = devnet.provider(devnet.actor("deployer")?);
    devnet.reader().anvil_set_code(CREATE2_DEPLOYER, Default::default()).await?;
    let error = Deployment::deploy(&deployer, Address::repeat_byte(9)).await.unwrap_err();
    assert!(matches!(error, Error::NoCreate2Deployer { chain_id: 31_337 }), "{error}");
    Ok(())
}

#[tokio::test]
async fn forge_deploys_to_the_same_address() -> Result<()> {
    let devnet = Devnet::start().await?;
    without_periphery(&devnet).await?;
    let controller = devnet.actor("agent")?.address();
    let deployment = Deployment::with_fee_controller(controller);
    assert!(devnet.reader().get_code_at(deployment.address()).await?.is_empty());

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packaged = root.join("node_modules/@foundry-rs/forge-linux-amd64/bin/forge");
    let forge = if packaged.exists() { packaged } else { "forge".into() };
    let out = tempfile::tempdir()?;
    let sender = devnet.actor("stranger")?.address().to_string();
    let output = Command::new(forge)
        // Slowly: one transaction after another, since Anvil keeps one that overtakes another waiting for ever.
        .args(["script", "scripts/Deploy.s.sol", "--broadcast", "--slow", "--timeout", "120"])
        .args(["--unlocked", "--sender", &sender])
        .args(["--rpc-url", devnet.url(), "--sig", "run(address)", &controller.to_string()])
        .env("FOUNDRY_OUT", out.path())
        .env("FOUNDRY_CACHE_PATH", out.path().join("cache"))
        .env("FOUNDRY_BROADCAST", out.path().join("broadcast"))
        .current_dir(root)
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));

    deployment.check(&devnet.reader()).await?;
    DeploymentRecord::of(&devnet.reader(), controller).await?.verify(&devnet.reader()).await?;
    Ok(())
}
