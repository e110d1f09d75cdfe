//! What several tests need.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, hex},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use eyre::{OptionExt, Result};
use scrip_e2e::env::TestEnv;

/// Deploys a mock, as the subscriber.
pub(crate) async fn deploy(env: &TestEnv, name: &'static str) -> Result<Address> {
    create(env, name, &[]).await
}

/// Deploys a mock that is constructed with an address, as the subscriber.
pub(crate) async fn deploy_with(env: &TestEnv, name: &'static str, address: Address) -> Result<Address> {
    create(env, name, address.into_word().as_slice()).await
}

async fn create(env: &TestEnv, name: &'static str, arguments: &[u8]) -> Result<Address> {
    let source = format!("tests/contracts/mocks/{name}.sol");
    let compile = move || scrip_artifacts::compile_contracts(&[(&source, name)]);
    let compiled = tokio::task::spawn_blocking(compile).await??;
    let code = [&hex::decode(compiled[0].creation.trim())?, arguments].concat();
    let deploy = TransactionRequest::default().with_deploy_code(code);
    // A provider of its own: one that has counted nonces before does not know of those that the client took since.
    let provider = env.devnet.provider(env.devnet.actor("subscriber")?);
    let receipt = provider.send_transaction(deploy).await?.get_receipt().await?;
    receipt.contract_address.ok_or_eyre("nothing was deployed")
}
