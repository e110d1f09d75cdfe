//! Where an example runs: on the chain that the environment names, or else on a devnet.
//!
//! `ETH_RPC_URL` is a node; `SCRIP_PRIVATE_KEY` pays for the gas and signs; `SCRIP_PLAN` is a plan.

use std::env::{self, VarError};

use eyre::{Result, WrapErr};
use scrip::{
    Deployment, Permissions, PlanId, Scrip, Terms,
    alloy::{providers::ProviderBuilder, signers::local::PrivateKeySigner},
};
use scrip_devnet::{Devnet, WalletProvider};

/// A chain with Scrip on it.
pub(crate) struct Chain {
    /// The devnet, when the environment names no chain.
    pub(crate) devnet: Option<Devnet>,
}

impl Chain {
    /// Starts a devnet unless the environment names a chain.
    pub(crate) async fn open() -> Result<Self> {
        let devnet = match env::var("ETH_RPC_URL") {
            Err(VarError::NotPresent) => Some(Devnet::start().await?),
            _ => None,
        };
        Ok(Self { devnet })
    }

    #[allow(dead_code, reason = "as the plan")]
    /// The key of who runs the example; on a devnet that of an account of this name.
    pub(crate) fn key(&self, name: &str) -> Result<PrivateKeySigner> {
        match &self.devnet {
            Some(devnet) => Ok(devnet.actor(name)?.signer.clone()),
            None => Ok(env::var("SCRIP_PRIVATE_KEY").wrap_err("SCRIP_PRIVATE_KEY signs")?.parse()?),
        }
    }

    /// Scrip, as who runs the example uses it; on a devnet as an account of this name.
    pub(crate) async fn scrip(&self, name: &str) -> Result<Scrip<WalletProvider>> {
        if let Some(devnet) = &self.devnet {
            return Ok(devnet.scrip(name).await?);
        }
        let provider =
            ProviderBuilder::new().wallet(self.key(name)?).connect_http(env::var("ETH_RPC_URL")?.parse()?);
        Ok(Scrip::connect(provider, Deployment::canonical()).await?)
    }

    /// The plan of the environment; on a devnet a new one, of 100 credits for 20 tUSD, which the agent may redeem.
    #[allow(dead_code, reason = "not every example needs a plan")]
    pub(crate) async fn plan(&self) -> Result<PlanId> {
        let Some(devnet) = &self.devnet else {
            return Ok(env::var("SCRIP_PLAN").wrap_err("SCRIP_PLAN names the plan")?.parse()?);
        };
        let builder = devnet.scrip("builder").await?;
        let terms =
            Terms::credits("Premium Plan", 100).price(devnet.dollar(), "20")?.paid_to(builder.signer());
        let plan = builder.create_plan(&terms).await?.plan;
        let agent = devnet.actor("agent")?.address();
        builder.set_operator(plan, agent, Permissions { redeem: true, ..Permissions::NONE }).await?;
        Ok(plan)
    }
}
