//! The native coin itself.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256},
    providers::{Provider, WalletProvider},
    rpc::types::TransactionRequest,
};

use crate::{Receipt, Result, Scrip, outbox::Intent};

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Sends an amount of the native coin, in wei, such as for another account's gas, in the way of every write: once under a
    /// key.
    pub async fn send_coin(&self, to: Address, amount: U256) -> Result<Receipt> {
        let call = TransactionRequest::default().with_to(to).with_value(amount);
        let intent = Intent::of_call(&call);
        let receipt = match self.done_before(intent).await? {
            Some(receipt) => receipt,
            None => self.send_as(intent, self.key(), call).await?,
        };
        (&receipt).try_into()
    }
}
