//! Putting Scrip on a chain: the program, its records, and forge's script, which all come to one address.

use std::{fs, path::Path, process::Command};

use alloy::{
    primitives::{Address, B256, hex},
    providers::{Provider, ext::AnvilApi},
};
use eyre::{Result, eyre};
use scrip::{CREATE2_DEPLOYER, CodeHashes, Deployment, DeploymentRecord, Error, Periphery, Scrip};
use scrip_devnet::Devnet;

/// Runs the program with its key in the environment.
fn deploy(devnet: &Devnet, arguments: &[&str]) -> Result<String> {
    let key = hex::encode(devnet.actor("stranger")?.signer.to_bytes());
    let output = Command::new(env!("CARGO_BIN_EXE_deploy"))
        .args(arguments)
        .args(["--rpc-url", devnet.url()])
        .env("SCRIP_PRIVATE_KEY", key)
        .output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(eyre!(String::from_utf8(output.stderr)?))
    }
}

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
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("new/record.json");
    let path = file.to_str().unwrap();
    let controlled = ["deploy", "--fee-controller", &controller.to_string(), "--record", path];

    let deployment = Deployment::with_fee_controller(controller);
    let message = deploy(&devnet, &controlled)?;
    assert_eq!(message, format!("Scrip is at {} on chain 31337: {path}\n", deployment.address()));
    let scrip = Scrip::connect(devnet.reader(), deployment).await?;
    assert_eq!(scrip.fee().await?.controller, Some(controller));
    assert_eq!(scrip.instance().router().call().await?, deployment.router());

    let record: DeploymentRecord = serde_json::from_str(&fs::read_to_string(&file)?)?;
    assert_eq!(record, DeploymentRecord::of(&devnet.reader(), controller).await?);
    assert_eq!(record.verify(&devnet.reader()).await?, deployment.on_chain(31_337));
    let verify = ["verify", "--record", path];
    let verified = format!("Scrip is at {} on chain 31337, as recorded\n", deployment.address());
    assert_eq!(deploy(&devnet, &verify)?, verified);
    assert_eq!(deploy(&devnet, &controlled)?, message, "once more changes nothing");

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

    // The program says so, too.
    fs::write(&file, serde_json::to_string(&change(&|record| record.annex = nobody))?)?;
    let error = deploy(&devnet, &verify).unwrap_err().to_string();
    let sentence =
        format!("the record's annex is {nobody}, but it is {}\n\nhint: verify a record", deployment.annex());
    assert!(error.starts_with(&sentence), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_the_program_needs_is_named() -> Result<()> {
    let devnet = Devnet::start().await?;
    for (arguments, message) in [
        (vec![], "`--rpc-url` is neither deploy nor verify"),
        (vec!["verify"], "--record is missing"),
        (vec!["verify", "--record", "/nowhere"], "/nowhere cannot be read"),
        (vec!["deploy", "--fee-controller", "me"], "--fee-controller is no address"),
        (vec!["deploy", "--private-key", "0x1"], "`--private-key` is not known"),
    ] {
        let error = deploy(&devnet, &arguments).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }

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
