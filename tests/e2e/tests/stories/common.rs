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
    let source = format!("tests/contracts/mocks/{name}.sol");
    let compile = move || scrip_artifacts::compile_contracts(&[(&source, name)]);
    let compiled = tokio::task::spawn_blocking(compile).await??;
    let deploy = TransactionRequest::default().with_deploy_code(hex::decode(compiled[0].creation.trim())?);
    // A provider of its own: one that has counted nonces before does not know of those that the client took since.
    let provider = env.devnet.provider(env.devnet.actor("subscriber")?);
    let receipt = provider.send_transaction(deploy).await?.get_receipt().await?;
    receipt.contract_address.ok_or_eyre("nothing was deployed")
}
