//! What a wallet elsewhere, such as one in a browser, is asked to send.

use std::collections::BTreeMap;

use alloy::{
    contract::{CallBuilder, CallDecoder},
    network::TransactionBuilder,
    primitives::{Address, Bytes, ChainId, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use serde::{Deserialize, Serialize};

use crate::{Item, Result, Scrip};

/// The version of `wallet_sendCalls` that this is.
const VERSION: &str = "2.0.0";

/// Calls for a wallet to make, one after another: as JSON the parameter of `wallet_sendCalls` (EIP-5792).
///
/// Alloy has no such type: what it has by the name is of a draft, and wallets refuse it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WalletCalls {
    /// The version of the standard, 2.0.0.
    pub version: String,
    /// By what the wallet knows the batch, which it makes once; none for one that it makes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who makes the calls.
    pub from: Address,
    /// The chain.
    #[serde(with = "alloy::serde::quantity")]
    pub chain_id: ChainId,
    /// Whether a wallet that cannot make all of them or none is to refuse.
    pub atomic_required: bool,
    /// The calls.
    pub calls: Vec<WalletCall>,
}

/// A call for a wallet to make.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WalletCall {
    /// The contract.
    pub to: Address,
    /// The coin that is sent along, in wei.
    pub value: U256,
    /// The call, ABI-encoded.
    pub data: Bytes,
}

impl WalletCalls {
    /// To be made all or none: a wallet that cannot do that refuses. Without it the calls of an order may be made one by one, as the
    /// client itself makes them, and an approval may be left over of an order that failed.
    pub fn atomic(self) -> Self {
        Self { atomic_required: true, ..self }
    }

    /// Known by this id, so that the wallet makes them once.
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// The calls one by one, for wallets that know only `eth_sendTransaction`: each once the one before it is mined.
    pub fn transactions(&self) -> impl Iterator<Item = TransactionRequest> {
        self.calls.iter().map(|WalletCall { to, value, data }| {
            let call = TransactionRequest::default().with_from(self.from).with_to(*to).with_value(*value);
            call.with_input(data.clone()).with_chain_id(self.chain_id)
        })
    }
}

impl<P: Provider> Scrip<P> {
    /// What a payer's wallet is to send for an order: the approval of exactly the price, where that is missing, and the order. For
    /// this the client needs no signer.
    ///
    /// ```
    /// # use scrip::{Item, Terms};
    /// # #[tokio::main]
    /// # async fn main() -> eyre::Result<()> {
    /// # let devnet = scrip_devnet::Devnet::start().await?;
    /// # let (scrip, payer) = (devnet.scrip("builder").await?, devnet.actor("subscriber")?.address());
    /// # let plan = scrip.create_plan(&Terms::credits("Plan", 1).price(devnet.dollar(), "1")?.paid_to(scrip.signer())).await?.plan;
    /// let calls = scrip.order_calls(Item::new(plan, payer), payer).await?;
    /// // In the browser: `ethereum.request({ method: "wallet_sendCalls", params: [calls] })`.
    /// println!("{}", serde_json::to_string_pretty(&calls)?);
    /// # assert_eq!(calls.calls.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientFunds`](crate::Error::InsufficientFunds), or the contract's refusal, as [`Scrip::order`] has them before
    /// it sends anything.
    pub async fn order_calls(&self, item: Item, payer: Address) -> Result<WalletCalls> {
        let bill = self.bill(&item).await?;
        let needed = BTreeMap::from([(bill.token, bill.needed)]);
        let order = self.order_request(&item, &bill).with_from(payer);
        self.check_payment(&order, &needed).await?;
        let mut calls = self.approvals_of(payer, &needed).await?;
        if calls.is_empty() {
            // Nothing is missing: it has to pass as it is.
            self.provider().call(order.clone()).await?;
        }
        calls.push(order);
        Ok(self.wallet_calls(payer, calls))
    }

    /// What a wallet is to send for any other write: the call as [`Scrip::instance`], [`Scrip::router_instance`] or another contract
    /// of alloy's has it, which is tried first.
    ///
    /// ```
    /// # use scrip::Terms;
    /// # #[tokio::main]
    /// # async fn main() -> eyre::Result<()> {
    /// # let devnet = scrip_devnet::Devnet::start().await?;
    /// # let (scrip, owner) = (devnet.scrip("agent").await?, devnet.actor("builder")?.address());
    /// let terms = Terms::credits("Plan", 100);
    /// let create = scrip.instance().createPlan((&terms).try_into()?, Default::default());
    /// let calls = scrip.calls_of(owner, create).await?;
    /// # assert_eq!((calls.from, calls.calls.len()), (owner, 1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The contract's refusal.
    pub async fn calls_of<Q, D>(&self, from: Address, call: CallBuilder<Q, D>) -> Result<WalletCalls>
    where
        Q: Provider,
        D: CallDecoder + Unpin,
    {
        let call = call.from(from).into_transaction_request();
        self.provider().call(call.clone()).await?;
        Ok(self.wallet_calls(from, vec![call]))
    }

    fn wallet_calls(&self, from: Address, calls: Vec<TransactionRequest>) -> WalletCalls {
        WalletCalls {
            version: VERSION.to_owned(),
            id: None,
            from,
            chain_id: self.chain_id(),
            atomic_required: false,
            calls: calls.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<TransactionRequest> for WalletCall {
    fn from(call: TransactionRequest) -> Self {
        Self {
            to: call.to.and_then(|to| to.to().copied()).unwrap_or_default(),
            value: call.value.unwrap_or_default(),
            data: call.input.into_input().unwrap_or_default(),
        }
    }
}
