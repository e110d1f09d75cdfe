//! All that is owed, in one transaction.

use std::collections::{HashMap, HashSet};

use alloy::{
    primitives::{Address, Bytes},
    providers::{Provider, WalletProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use serde::{Deserialize, Serialize};

use super::{AnyVoucher, Name, VoucherBook};
use crate::{
    Done, Error, Receipt, Result, Scrip, SessionSpent, VoucherRedeemed, abi::IScrip, outbox::Intent,
};

/// What became of a book's vouchers.
#[derive(Debug)]
#[non_exhaustive]
pub struct BookRedeemed {
    /// What was redeemed.
    pub redeemed: Vec<Taken>,
    /// What was not, and why not.
    pub refused: Vec<RefusedVoucher>,
    /// The transaction; none when there was nothing to redeem.
    pub receipt: Option<Receipt>,
    /// How many credits, or uses, are still owed by the vouchers in the book.
    pub owed: u64,
}

/// What was taken with a voucher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Taken {
    /// The voucher.
    pub voucher: AnyVoucher,
    /// How many credits, or uses.
    pub amount: u64,
}

/// A voucher by which nothing was taken.
#[derive(Debug)]
#[non_exhaustive]
pub struct RefusedVoucher {
    /// The voucher.
    pub voucher: AnyVoucher,
    /// How many credits, or uses, were to be taken.
    pub amount: u64,
    /// Why not.
    pub error: Error,
    /// Whether it left the book, for it can never be redeemed. Others are tried again.
    pub dropped: bool,
}

/// A transaction that was sent, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub(super) calls: Vec<Bytes>,
    /// What each call takes.
    pub(super) taken: Vec<(Name, u64)>,
}

impl VoucherBook {
    /// Redeems what is owed, as the redeemer, in one transaction of at most 64 redemptions, and of as many fewer as its gas allows;
    /// [`BookRedeemed::owed`] says what is left. Each voucher is tried first, and what the contract refuses is left out of it. In a
    /// session no more is taken at once than the terms of its plan allow.
    ///
    /// It is done once: after [`Error::Pending`] it is the same transaction that is looked for, and what became of it is told,
    /// before there is another. So it is after a crash, of a program that calls [`VoucherBook::prepare`] first. The key of the
    /// client, of [`Scrip::once`], has no part in it.
    ///
    /// # Errors
    ///
    /// When the chain cannot be asked, or the transaction not sent. What a voucher is refused for is told in
    /// [`BookRedeemed::refused`].
    pub async fn redeem<P: Provider + WalletProvider>(&mut self, scrip: &Scrip<P>) -> Result<BookRedeemed> {
        let mut refused = Vec::new();
        if self.under_way.is_none() {
            refused = self.prepare(scrip).await?.refused;
        }
        let Some(under_way) = self.under_way.clone() else {
            return Ok(BookRedeemed { redeemed: Vec::new(), refused, receipt: None, owed: self.owed() });
        };
        let (intent, key, call) = self.transaction(scrip, &under_way);
        let receipt = match scrip.send_under(intent, &key, call).await {
            Ok(receipt) => receipt,
            Err(error) => {
                if !error.is_pending() {
                    self.under_way = None;
                    self.round += 1;
                }
                return Err(error);
            }
        };
        self.under_way = None;
        self.round += 1;
        let redeemed = self.settle(scrip.address(), &under_way.taken, &receipt)?;
        // What was skipped, for it has changed since it was tried: why. What is redeemed is told even if that cannot be asked.
        let done: HashSet<_> = redeemed.iter().map(|taken| taken.voucher.name()).collect();
        let names = under_way.taken.into_iter().map(|(name, _)| name);
        let skipped: Vec<_> = names.filter(|name| !done.contains(name)).collect();
        if !skipped.is_empty()
            && let Ok(skipped) = self.redemptions(scrip, skipped).await
        {
            let _ = self.choose_of(scrip, skipped, &mut refused).await;
        }
        Ok(BookRedeemed { redeemed, refused, receipt: Some((&receipt).try_into()?), owed: self.owed() })
    }

    /// The transaction of this round, and by what it is known.
    pub(super) fn transaction<P: Provider>(
        &self,
        scrip: &Scrip<P>,
        under_way: &UnderWay,
    ) -> (Intent, String, TransactionRequest) {
        let call = scrip.instance().multicall(under_way.calls.clone(), true).into_transaction_request();
        let intent = Intent::of_call(&call);
        (intent, intent.step_of(&format!("vouchers {}", self.round)), call)
    }

    /// Takes down what a transaction has redeemed.
    fn settle(
        &mut self,
        contract: Address,
        planned: &[(Name, u64)],
        receipt: &TransactionReceipt,
    ) -> Result<Vec<Taken>> {
        let singles = Done::<Vec<VoucherRedeemed>>::read_all::<IScrip::VoucherRedeemed>(contract, receipt)?;
        let sessions = Done::<Vec<SessionSpent>>::read_all::<IScrip::SessionSpent>(contract, receipt)?;
        let mut spent = HashMap::new();
        for &VoucherRedeemed { holder, nonce, amount, .. } in &singles.event {
            spent.insert(Name::Single { holder, nonce }, amount);
        }
        for &SessionSpent { plan, holder, session, spent: total, .. } in &sessions.event {
            spent.insert(Name::Session { plan, holder, session }, total);
        }
        let mut redeemed = Vec::new();
        for &(name, amount) in planned {
            let (Some(&spent), Some(owed)) = (spent.get(&name), self.owed.get_mut(&name)) else { continue };
            owed.spent = owed.spent.max(spent);
            redeemed.push(Taken { voucher: owed.voucher.clone(), amount });
            // A session may go on: by what is kept of it, an older voucher is known for one.
            if matches!(name, Name::Single { .. }) {
                self.owed.remove(&name);
            }
        }
        Ok(redeemed)
    }
}
