//! Putting Scrip on a chain, and verifying that it is there: `scripts/deploy`.

use std::{fs, path::PathBuf};

use alloy::{
    primitives::Address,
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
    transports::http::reqwest::Url,
};
use eyre::{OptionExt, Result, WrapErr, bail};
use scrip::DeploymentRecord;

/// Where the deployer's key is, so that it stands in no list of processes and in no history.
pub const KEY: &str = "SCRIP_PRIVATE_KEY";

const USAGE: &str = "usage:
  scripts/deploy deploy --rpc-url URL [--fee-controller ADDRESS] [--record FILE]
  scripts/deploy verify --rpc-url URL --record FILE

`deploy` puts this version of Scrip, its lens and its registry of services on the chain, each unless it is there, and writes a
record of them, to deployments/CHAIN.json by default. The private key of the account that pays the gas is in SCRIP_PRIVATE_KEY; which account it is changes nothing.
`verify` makes sure that what a record says is on the chain: contracts by the hashes of their code and by their addresses, which
follow from bytecode and constructor arguments; and that this version was compiled with the recorded settings.";

#[derive(Default)]
struct Arguments {
    rpc_url: Option<Url>,
    fee_controller: Address,
    record: Option<PathBuf>,
}

/// Does what the arguments say, with the key of the account that pays; returns what to print.
pub async fn run(arguments: impl IntoIterator<Item = String>, key: Option<String>) -> Result<String> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().unwrap_or_default();
    let Arguments { rpc_url, fee_controller, record } = match command.as_str() {
        "deploy" | "verify" => parse(arguments)?,
        "help" | "--help" | "-h" => return Ok(USAGE.to_owned()),
        _ => bail!("`{command}` is neither deploy nor verify\n\n{USAGE}"),
    };
    let rpc_url = rpc_url.ok_or_eyre("--rpc-url is missing")?;
    if command == "deploy" {
        deploy(rpc_url, fee_controller, record, key).await
    } else {
        verify(rpc_url, record.ok_or_eyre("--record is missing")?).await
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut parsed = Arguments::default();
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| eyre::eyre!("{name} needs a value"));
        match name.as_str() {
            "--rpc-url" => parsed.rpc_url = Some(value()?.parse().wrap_err("--rpc-url is no URL")?),
            "--fee-controller" => {
                parsed.fee_controller = value()?.parse().wrap_err("--fee-controller is no address")?;
            }
            "--record" => parsed.record = Some(value()?.into()),
            _ => bail!("`{name}` is not known\n\n{USAGE}"),
        }
    }
    Ok(parsed)
}

async fn deploy(
    rpc_url: Url,
    fee_controller: Address,
    file: Option<PathBuf>,
    key: Option<String>,
) -> Result<String> {
    let key = key.ok_or_else(|| eyre::eyre!("there is no private key in {KEY}"))?;
    // The parser's own error may tell of the key.
    let Ok(signer) = key.trim().parse::<PrivateKeySigner>() else { bail!("{KEY} holds no private key") };
    let provider = ProviderBuilder::new().wallet(signer).connect_http(rpc_url);
    let file = match file {
        Some(file) => file,
        None => PathBuf::from(format!("deployments/{}.json", provider.get_chain_id().await?)),
    };
    let record = DeploymentRecord::deploy(&provider, fee_controller).await?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, serde_json::to_string_pretty(&record)? + "\n")
        .wrap_err_with(|| format!("{} cannot be written", file.display()))?;
    Ok(format!("Scrip is at {} on chain {}: {}", record.address, record.chain_id, file.display()))
}

async fn verify(rpc_url: Url, file: PathBuf) -> Result<String> {
    let text = fs::read_to_string(&file).wrap_err_with(|| format!("{} cannot be read", file.display()))?;
    let record: DeploymentRecord =
        serde_json::from_str(&text).wrap_err_with(|| format!("{} is no record", file.display()))?;
    let provider = ProviderBuilder::new().connect_http(rpc_url);
    let deployment = record.verify(&provider).await?;
    Ok(format!("Scrip is at {} on chain {}, as recorded", deployment.address(), record.chain_id))
}
