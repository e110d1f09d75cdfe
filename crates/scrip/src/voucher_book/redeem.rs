//! All that is owed, in one transaction.

use std::collections::{HashMap, HashSet};

use alloy::{
    primitives::{Address, Bytes, U256, keccak256},
    providers::{Provider, WalletProvider},
    rpc::types::TransactionReceipt,
    sol_types::{SolCall, SolValue},
};
use serde::{Deserialize, Serialize};

use super::{AnyVoucher, Name, VoucherBook};
use crate::{
    Done, Error, Moment, PlanId, Receipt, Result, Scrip, SessionSpent, VoucherRedeemed,
    abi::IScrip::{self, IScripErrors as R},
    outbox::Intent,
};

/// How many redemptions go into one transaction: with transfers of tokens and wallets that check signatures less than 200,000 gas
/// each, so that all are below the 16.7 million that a transaction may have (EIP-7825).
const AT_ONCE: usize = 64;

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
    calls: Vec<Bytes>,
    /// What each call takes.
    taken: Vec<(Name, u64)>,
}

/// One redemption.
struct Redemption {
    name: Name,
    amount: u64,
    call: Bytes,
}

impl VoucherBook {
    /// Redeems what is owed, as the redeemer, in one transaction of at most 64 redemptions; [`BookRedeemed::owed`] says what is
    /// left. Each voucher is tried first, and what the contract refuses is left out of it. In a session no more is taken at once
    /// than the terms of its plan allow.
    ///
    /// It is done once: after [`Error::Pending`] it is the same transaction that is looked for, and what became of it is told,
    /// before there is another. The key of the client, of [`Scrip::once`], has no part in it.
    ///
    /// # Errors
    ///
    /// When the chain cannot be asked, or the transaction not sent. What a voucher is refused for is told in
    /// [`BookRedeemed::refused`].
    pub async fn redeem<P: Provider + WalletProvider>(&mut self, scrip: &Scrip<P>) -> Result<BookRedeemed> {
        let mut refused = Vec::new();
        let under_way = if let Some(under_way) = self.under_way.clone() {
            under_way
        } else {
            self.look(scrip).await?;
            let ready = self.choose(scrip, &mut refused).await?;
            if ready.is_empty() {
                return Ok(BookRedeemed { redeemed: Vec::new(), refused, receipt: None, owed: self.owed() });
            }
            let taken = ready.iter().map(|ready| (ready.name, ready.amount)).collect();
            let calls = ready.into_iter().map(|ready| ready.call).collect();
            self.under_way.insert(UnderWay { calls, taken }).clone()
        };
        let receipt = match self.send(scrip, &under_way).await {
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
        // What was skipped, for it has changed since it was tried: why.
        let done: HashSet<_> = redeemed.iter().map(|taken| taken.voucher.name()).collect();
        let names = under_way.taken.into_iter().map(|(name, _)| name);
        let skipped: Vec<_> = names.filter(|name| !done.contains(name)).collect();
        if !skipped.is_empty() {
            let skipped = self.redemptions(scrip, skipped).await?;
            self.try_all(scrip, skipped, &mut refused).await?;
        }
        Ok(BookRedeemed { redeemed, refused, receipt: Some((&receipt).try_into()?), owed: self.owed() })
    }

    async fn send<P: Provider + WalletProvider>(
        &self,
        scrip: &Scrip<P>,
        under_way: &UnderWay,
    ) -> Result<TransactionReceipt> {
        let call = scrip.instance().multicall(under_way.calls.clone(), true).into_transaction_request();
        let intent = Intent::of_call(&call);
        let key = intent.step_of(&format!("vouchers {}", self.round));
        scrip.send_under(intent, &key, call).await
    }

    /// What was taken in the sessions, and which vouchers are of no use any more.
    async fn look<P: Provider + WalletProvider>(&mut self, scrip: &Scrip<P>) -> Result<()> {
        let sessions: Vec<_> = self.due().filter(|name| matches!(name, Name::Session { .. })).collect();
        for part in sessions.chunks(AT_ONCE) {
            let calls = part.iter().filter_map(|name| match *name {
                Name::Session { plan, holder, session } => {
                    let call = scrip.instance().sessionOf(plan.0, holder, self.redeemer, session);
                    Some(call.calldata().clone())
                }
                Name::Single { .. } => None,
            });
            for (name, answer) in part.iter().zip(scrip.try_multicall(calls.collect()).await?) {
                let session = IScrip::sessionOfCall::abi_decode_returns(&answer?)
                    .map_err(|_| Error::UnexpectedAnswer("something else than a session"))?;
                if let Some(owed) = self.owed.get_mut(name) {
                    owed.spent = session.spent;
                }
            }
        }
        let now = Moment::latest(scrip.provider()).await?.time;
        self.owed.retain(|_, owed| owed.due() > 0 || owed.voucher.deadline() >= now);
        Ok(())
    }

    fn due(&self) -> impl Iterator<Item = Name> {
        self.owed.iter().filter(|(_, owed)| owed.due() > 0).map(|(name, _)| *name)
    }

    /// The redemptions that go into one transaction: those that the contract would not refuse.
    async fn choose<P: Provider + WalletProvider>(
        &mut self,
        scrip: &Scrip<P>,
        refused: &mut Vec<RefusedVoucher>,
    ) -> Result<Vec<Redemption>> {
        let due: Vec<_> = self.due().collect();
        let due = self.redemptions(scrip, due).await?;
        let (mut ready, mut left) = (Vec::new(), due.into_iter().peekable());
        while left.peek().is_some() && ready.len() < AT_ONCE {
            // With those that come before: one holder's vouchers may be more than its credits.
            let mut part: Vec<_> = std::mem::take(&mut ready);
            part.extend(left.by_ref().take(AT_ONCE - part.len()));
            ready = self.try_all(scrip, part, refused).await?;
        }
        Ok(ready)
    }

    /// Tries redemptions one after another, and gives back those that would be done.
    async fn try_all<P: Provider + WalletProvider>(
        &mut self,
        scrip: &Scrip<P>,
        redemptions: Vec<Redemption>,
        refused: &mut Vec<RefusedVoucher>,
    ) -> Result<Vec<Redemption>> {
        let calls = redemptions.iter().map(|redemption| redemption.call.clone()).collect();
        let outcomes = scrip.try_multicall(calls).await?;
        let mut done = Vec::new();
        for (redemption, outcome) in redemptions.into_iter().zip(outcomes) {
            let Err(error) = outcome else {
                done.push(redemption);
                continue;
            };
            let Redemption { name, amount, .. } = redemption;
            let dropped = is_final(&error);
            let voucher = self.owed.get(&name).map(|owed| owed.voucher.clone());
            refused.extend(voucher.map(|voucher| RefusedVoucher { voucher, amount, error, dropped }));
            if dropped {
                self.owed.remove(&name);
            }
        }
        Ok(done)
    }

    /// The calls that redeem.
    async fn redemptions<P: Provider>(
        &self,
        scrip: &Scrip<P>,
        names: impl IntoIterator<Item = Name>,
    ) -> Result<Vec<Redemption>> {
        let mut most = HashMap::new();
        let mut redemptions = Vec::new();
        for name in names {
            let Some(owed) = self.owed.get(&name) else { continue };
            let (amount, call) = match &owed.voucher {
                AnyVoucher::Single(signed) => {
                    let voucher = signed.voucher.try_into()?;
                    let call =
                        scrip.instance().redeemWithVoucher(voucher, owed.due(), signed.bare_signature());
                    (owed.due(), call.calldata().clone())
                }
                AnyVoucher::Session(signed) => {
                    let plan = signed.voucher.plan;
                    let most = match most.get(&plan) {
                        Some(&most) => most,
                        None => *most.entry(plan).or_insert(most_of(scrip, plan).await?),
                    };
                    let amount = owed.due().min(most);
                    let request = request_of(signed.voucher.holder, signed.voucher.session, owed.spent);
                    let voucher = signed.voucher.try_into()?;
                    let signature = signed.bare_signature();
                    let call = scrip.instance().redeemInSession(voucher, amount, request, signature);
                    (amount, call.calldata().clone())
                }
            };
            redemptions.push(Redemption { name, amount, call });
        }
        Ok(redemptions)
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

/// The most that the terms of a plan let be taken at once.
async fn most_of<P: Provider>(scrip: &Scrip<P>, plan: PlanId) -> Result<u64> {
    match scrip.plan(plan).await {
        Ok(plan) => Ok((*plan.terms.redemption.end()).into()),
        // The contract says so itself.
        Err(error) if error.is_plan_not_found() => Ok(u64::MAX),
        Err(error) => Err(error),
    }
}

/// The request of what is taken in a session from a total on: of all that would take it, one is redeemed.
fn request_of(holder: Address, session: U256, spent: u64) -> U256 {
    keccak256((holder, session, spent).abi_encode()).into()
}

/// Whether a voucher can never be redeemed.
fn is_final(error: &Error) -> bool {
    matches!(
        error.refusal(),
        Some(R::VoucherExpired(_) | R::VoucherUsed(_) | R::WrongRedeemer(_) | R::SessionEnded(_))
    )
}
