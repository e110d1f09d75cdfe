//! What every end-to-end test begins with: a devnet, and Scrip as each of its accounts uses it.

use std::fmt::Display;

use alloy::primitives::Address;
use eyre::Result;
use scrip::{PlanId, Scrip, Terms};
use scrip_devnet::{Devnet, WalletProvider};

/// A devnet and its parties.
#[derive(Debug)]
pub struct TestEnv {
    /// The devnet.
    pub devnet: Devnet,
    /// Who creates plans.
    pub builder: Scrip<WalletProvider>,
    /// Who orders them.
    pub subscriber: Scrip<WalletProvider>,
    /// Who redeems.
    pub agent: Scrip<WalletProvider>,
    /// Who has no part in it.
    pub stranger: Scrip<WalletProvider>,
}

impl TestEnv {
    /// Starts a devnet.
    pub async fn start() -> Result<Self> {
        Self::on(Devnet::start().await?).await
    }

    /// Uses a devnet.
    pub async fn on(devnet: Devnet) -> Result<Self> {
        Ok(Self {
            builder: devnet.scrip("builder").await?,
            subscriber: devnet.scrip("subscriber").await?,
            agent: devnet.scrip("agent").await?,
            stranger: devnet.scrip("stranger").await?,
            devnet,
        })
    }

    /// Terms of a plan of 100 credits for 20 tUSD, redeemed 1 to 100 at a time.
    pub fn premium(&self) -> Result<Terms> {
        let terms = Terms::credits("Premium Plan", 100).price(self.devnet.dollar(), "20")?;
        Ok(terms.paid_to(self.builder.signer()).takes(1..=100))
    }

    /// The builder creates a plan.
    pub async fn create(&self, terms: &Terms) -> Result<PlanId> {
        Ok(self.builder.create_plan(terms).await?.plan)
    }

    /// A message with names instead of the addresses of the parties, and `PLAN` instead of a plan's id.
    pub fn with_names(&self, message: impl Display, plan: PlanId) -> String {
        let mut message = message.to_string().replace(&plan.to_string(), "PLAN");
        let mut name = |address: Address, name: &str| message = message.replace(&address.to_string(), name);
        for actor in self.devnet.actors() {
            name(actor.address(), actor.name);
        }
        name(self.devnet.dollar().address, "tUSD");
        name(self.builder.address(), "Scrip");
        message
    }
}
