//! What goes into one transaction.

use std::collections::{HashMap, VecDeque};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, Bytes, U256, keccak256},
    providers::{Provider, WalletProvider},
    sol_types::{SolCall, SolValue},
};

use super::{
    AnyVoucher, Name, VoucherBook,
    redeem::{RefusedVoucher, UnderWay},
};
use crate::{
    Error, PlanId, Result, Scrip,
    abi::IScrip::{self, IScripErrors as R},
    many::may_be_too_much,
};

/// How many redemptions go into one transaction at most. Vouchers by key, with transfers of tokens, take less than 200,000 gas each;
/// the signature of a wallet may take 500,000 more, and then fewer fit.
const AT_ONCE: usize = 64;

/// The most gas that a transaction may have (EIP-7825).
const MOST_GAS: u64 = 1 << 24;

/// What is left free of that, and of a block: more than a write is given beyond what is estimated.
const SPARE_GAS: u64 = 700_000;

/// What the next transaction of a book will do.
#[derive(Debug)]
#[non_exhaustive]
pub struct BookPrepared {
    /// How many vouchers it redeems; 0 when there is nothing to redeem.
    pub redemptions: usize,
    /// What it leaves out, and why.
    pub refused: Vec<RefusedVoucher>,
}

/// One redemption.
pub(super) struct Redemption {
    name: Name,
    amount: u64,
    call: Bytes,
}

impl VoucherBook {
    /// Chooses what the next transaction redeems, and sends nothing. A program that saves the book now, and again after
    /// [`VoucherBook::redeem`], and keeps a [`Journal`](crate::Journal) that outlives it, can end at any moment: what was sent is
    /// found again by the book as it was saved, and told.
    ///
    /// What was chosen before and was sent, by this client or another with its journal, stays chosen until it is known what became
    /// of it.
    ///
    /// # Errors
    ///
    /// When the chain, or the journal, cannot be asked.
    pub async fn prepare<P: Provider + WalletProvider>(&mut self, scrip: &Scrip<P>) -> Result<BookPrepared> {
        let mut refused = Vec::new();
        if let Some(under_way) = &self.under_way {
            let (intent, key, _) = self.transaction(scrip, under_way);
            if scrip.begun(intent, Some(&key)).await?.is_some() {
                return Ok(BookPrepared { redemptions: under_way.taken.len(), refused });
            }
            self.under_way = None;
        }
        let most_gas = self.look(scrip).await?;
        let ready = self.choose(scrip, most_gas, &mut refused).await?;
        let redemptions = ready.len();
        if redemptions > 0 {
            let taken = ready.iter().map(|ready| (ready.name, ready.amount)).collect();
            let calls = ready.into_iter().map(|ready| ready.call).collect();
            self.under_way = Some(UnderWay { calls, taken });
        }
        Ok(BookPrepared { redemptions, refused })
    }

    /// What was taken in the sessions, and which vouchers are of no use any more. Gives how much gas a transaction may have.
    async fn look<P: Provider + WalletProvider>(&mut self, scrip: &Scrip<P>) -> Result<u64> {
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
        let latest = scrip.provider().get_block_by_number(BlockNumberOrTag::Latest).await?;
        let latest = latest.ok_or(Error::UnexpectedAnswer("that there is no latest block"))?.header;
        self.owed.retain(|_, owed| owed.due() > 0 || owed.voucher.deadline() >= latest.timestamp);
        let most = MOST_GAS.min(latest.gas_limit) - SPARE_GAS.min(latest.gas_limit / 2);
        Ok(scrip.manner().untried.map_or(most, |gas| most.min(gas)))
    }

    fn due(&self) -> impl Iterator<Item = Name> {
        self.owed.iter().filter(|(_, owed)| owed.due() > 0).map(|(name, _)| *name)
    }

    /// The redemptions that go into one transaction: those that the contract would not refuse, as many as fit.
    async fn choose<P: Provider + WalletProvider>(
        &mut self,
        scrip: &Scrip<P>,
        most_gas: u64,
        refused: &mut Vec<RefusedVoucher>,
    ) -> Result<Vec<Redemption>> {
        let due: Vec<_> = self.due().collect();
        let due = self.redemptions(scrip, due).await?;
        let mut ready = self.choose_of(scrip, due, refused).await?;
        while ready.len() > 1 && !fits(scrip, &ready, most_gas).await? {
            ready.truncate(ready.len() / 2);
        }
        Ok(ready)
    }

    /// Tries redemptions one after another, as many as may go into one transaction, and gives back those that would be done.
    pub(super) async fn choose_of<P: Provider + WalletProvider>(
        &mut self,
        scrip: &Scrip<P>,
        redemptions: Vec<Redemption>,
        refused: &mut Vec<RefusedVoucher>,
    ) -> Result<Vec<Redemption>> {
        let (mut ready, mut left, mut at_once) = (Vec::new(), VecDeque::from(redemptions), AT_ONCE);
        while !left.is_empty() && ready.len() < at_once {
            // With those that come before: one holder's vouchers may be more than its credits.
            let mut part: Vec<Redemption> = std::mem::take(&mut ready);
            part.extend(left.drain(..left.len().min(at_once - part.len())));
            let calls = part.iter().map(|redemption| redemption.call.clone()).collect();
            match scrip.try_multicall(calls).await {
                Ok(outcomes) => ready = self.sort_out(part, outcomes, refused),
                Err(error) if part.len() > 1 && is_too_much(&error) => {
                    at_once = part.len() / 2;
                    part.into_iter().rev().for_each(|redemption| left.push_front(redemption));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(ready)
    }

    /// Gives back the redemptions that would be done, and tells of the others.
    fn sort_out(
        &mut self,
        redemptions: Vec<Redemption>,
        outcomes: Vec<Result<Bytes>>,
        refused: &mut Vec<RefusedVoucher>,
    ) -> Vec<Redemption> {
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
        done
    }

    /// The calls that redeem.
    pub(super) async fn redemptions<P: Provider>(
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
}

/// Whether redemptions that would be done have gas enough in one transaction.
async fn fits<P: Provider + WalletProvider>(
    scrip: &Scrip<P>,
    redemptions: &[Redemption],
    most_gas: u64,
) -> Result<bool> {
    let calls = redemptions.iter().map(|redemption| redemption.call.clone()).collect();
    let call = scrip.instance().multicall(calls, true).from(scrip.signer());
    match call.estimate_gas().await.map_err(Error::from) {
        Ok(gas) => Ok(gas <= most_gas),
        Err(error) if is_too_much(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether several calls, of which each that is refused is skipped, may have been too much gas: they fail together for nothing else.
fn is_too_much(error: &Error) -> bool {
    match error {
        Error::Refused(_) | Error::Reverted(_) => true,
        Error::Transport(error) => may_be_too_much(error),
        _ => false,
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
