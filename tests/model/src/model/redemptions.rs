//! Redemptions: credits spent for served work, by whom the terms and the holder's vouchers let.

use alloy::{
    primitives::{Address, B256, U256, Uint},
    sol_types::SolStruct,
};

use super::{Answer, Fault, Model, Part, Plan, demand, money::Bill, plans::REDEEM};
use crate::{
    abi::IScrip::{self, SessionVoucher, Voucher},
    cast::Who,
    resolve::domain,
};

/// Who redeems, by the terms.
const OWNER: u8 = 1;
const HOLDER: u8 = 2;
const OPERATORS: u8 = 4;
/// The hook's calls.
const BEFORE_REDEMPTION: u8 = 4;
const AFTER_REDEMPTION: u8 = 8;

/// What is redeemed: whose, how much, and whether the holder has signed for it.
#[derive(Debug, Clone, Copy)]
struct Taking {
    holder: Address,
    amount: u64,
    is_vouched: bool,
}

impl Model {
    pub(super) fn redeem(&mut self, caller: Address, call: IScrip::redeemCall) -> Answer {
        let IScrip::redeemCall { planId, holder, amount, requestId } = call;
        self.use_request(caller, planId, requestId)?;
        self.use_credits(caller, planId, Taking { holder, amount, is_vouched: false })?;
        self.emit(&IScrip::CreditsRedeemed { planId, holder, redeemer: caller, amount, requestId });
        Ok(Vec::new())
    }

    pub(super) fn redeem_without_id(&mut self, caller: Address, call: IScrip::redeemWithoutIdCall) -> Answer {
        let IScrip::redeemWithoutIdCall { planId, holder, amount } = call;
        self.use_credits(caller, planId, Taking { holder, amount, is_vouched: false })?;
        self.emit(&IScrip::CreditsRedeemedWithoutId { planId, holder, redeemer: caller, amount });
        Ok(Vec::new())
    }

    pub(super) fn redeem_many(&mut self, caller: Address, call: IScrip::redeemManyCall) -> Answer {
        for IScrip::Batch { planId, uses } in call.batches {
            let plan = self.existing(planId)?;
            demand(!uses.is_empty(), || IScrip::ZeroAmount { planId })?;
            // Who calls is judged once: nothing that is called meanwhile changes it.
            let is_trusted = plan.trusts(caller);
            if plan.is_special() {
                for part in &uses {
                    self.use_request(caller, planId, part.requestId)?;
                    let part = Taking { holder: part.holder, amount: part.amount, is_vouched: false };
                    self.use_credits_of(caller, planId, &plan, is_trusted, part)?;
                }
            } else {
                self.take_many(caller, planId, &plan, &uses)?;
            }
            self.emit(&IScrip::CreditsRedeemedInBatch { planId, redeemer: caller, uses });
        }
        Ok(Vec::new())
    }

    pub(super) fn redeem_with_voucher(
        &mut self,
        caller: Address,
        call: IScrip::redeemWithVoucherCall,
    ) -> Answer {
        let IScrip::redeemWithVoucherCall { voucher, amount, signature } = call;
        let Voucher { planId, holder, redeemer, maximum, nonce, deadline } = voucher;
        self.check_voucher(caller, planId, holder, redeemer, deadline)?;
        let (planned, remaining) = (U256::from(amount), U256::from(maximum));
        demand(planned <= remaining, || IScrip::VoucherExceeded {
            planId,
            holder,
            amount: planned,
            remaining,
        })?;
        let (word, bit) = place_of(nonce);
        let used = self.state.books.nonces.get(&(holder, word)).copied().unwrap_or_default();
        demand(!used.bit(bit), || IScrip::VoucherUsed { holder, nonce })?;
        self.check_signature(holder, voucher.eip712_signing_hash(&self.domain()), &signature)?;
        if !self.has(Fault::NonceSurvives) {
            self.state.books.nonces.entry((holder, word)).or_default().set_bit(bit, true);
        }
        self.use_credits(caller, planId, Taking { holder, amount, is_vouched: true })?;
        self.emit(&IScrip::VoucherRedeemed { planId, holder, redeemer, amount, nonce });
        Ok(Vec::new())
    }

    pub(super) fn redeem_in_session(&mut self, caller: Address, call: IScrip::redeemInSessionCall) -> Answer {
        let IScrip::redeemInSessionCall { voucher, amount, requestId, signature } = call;
        let SessionVoucher { planId, holder, redeemer, maximum, session, deadline } = voucher;
        self.use_request(caller, planId, requestId)?;
        self.check_voucher(caller, planId, holder, redeemer, deadline)?;
        let key = (planId, holder, redeemer, session);
        let (spent, revoked) = self.state.books.sessions.get(&key).copied().unwrap_or_default();
        demand(!revoked, || IScrip::SessionEnded { planId, holder, redeemer, session })?;
        let left = maximum.saturating_sub(spent);
        demand(amount <= left, || IScrip::VoucherExceeded {
            planId,
            holder,
            amount: U256::from(amount),
            remaining: U256::from(left),
        })?;
        self.check_signature(holder, voucher.eip712_signing_hash(&self.domain()), &signature)?;
        let spent = spent + amount;
        self.state.books.sessions.insert(key, (spent, false));
        self.emit(&IScrip::SessionSpent { planId, holder, redeemer, session, spent });
        self.use_credits(caller, planId, Taking { holder, amount, is_vouched: true })?;
        self.emit(&IScrip::CreditsRedeemed { planId, holder, redeemer, amount, requestId });
        Ok(Vec::new())
    }

    pub(super) fn revoke_vouchers(&mut self, caller: Address, call: IScrip::revokeVouchersCall) -> Answer {
        let IScrip::revokeVouchersCall { word, mask } = call;
        *self.state.books.nonces.entry((caller, word)).or_default() |= mask;
        self.emit(&IScrip::VouchersRevoked { holder: caller, word, mask });
        Ok(Vec::new())
    }

    pub(super) fn revoke_session(&mut self, caller: Address, call: IScrip::revokeSessionCall) -> Answer {
        let IScrip::revokeSessionCall { planId, redeemer, session } = call;
        self.state.books.sessions.entry((planId, caller, redeemer, session)).or_default().1 = true;
        self.emit(&IScrip::SessionRevoked { planId, holder: caller, redeemer, session });
        Ok(Vec::new())
    }

    fn use_request(&mut self, redeemer: Address, planId: U256, requestId: U256) -> Part<()> {
        let is_new = self.state.books.requests.insert((planId, redeemer, requestId));
        demand(is_new, || IScrip::RequestAlreadyRedeemed { planId, redeemer, requestId })
    }

    /// Spends credits where nobody else is called: all requests first, and uses of one holder in a row at once.
    fn take_many(&mut self, caller: Address, id: U256, plan: &Plan, uses: &[IScrip::Use]) -> Part<()> {
        for part in uses {
            self.use_request(caller, id, part.requestId)?;
        }
        for row in uses.chunk_by(|one, next| one.holder == next.holder) {
            let holder = row[0].holder;
            plan.check_redeemer(caller, id, plan.trusts(caller), holder)?;
            for part in row {
                plan.check_range(id, part.amount)?;
            }
            // Each is at most 2^32 - 1.
            self.take(caller, id, holder, row.iter().map(|part| part.amount).sum())?;
        }
        Ok(())
    }

    fn use_credits(&mut self, caller: Address, id: U256, taking: Taking) -> Part<()> {
        let plan = self.existing(id)?;
        self.use_credits_of(caller, id, &plan, plan.trusts(caller), taking)
    }

    /// Takes what a redemption takes: credits, money for uses, or nothing where there is access.
    fn use_credits_of(
        &mut self,
        caller: Address,
        id: U256,
        plan: &Plan,
        is_trusted: bool,
        taking: Taking,
    ) -> Part<()> {
        let Taking { holder, amount, is_vouched } = taking;
        plan.check_redeemer(caller, id, is_trusted, holder)?;
        plan.check_range(id, amount)?;
        let needs_voucher = plan.terms.redemption.voucherRequired && caller != holder;
        demand(is_vouched || !needs_voucher, || IScrip::VoucherRequired { planId: id, caller, holder })?;
        self.ask_hook(id, plan, BEFORE_REDEMPTION)?;
        if plan.is_time() {
            let (end, now) = (self.holding(id, holder).end, self.now);
            demand(end > now, || IScrip::NoAccess { planId: id, holder, end: U256::from(end) })?;
        } else if plan.is_per_use() {
            self.pay_for_uses(id, plan, holder, amount)?;
        } else {
            self.take(caller, id, holder, amount)?;
        }
        self.ask_hook(id, plan, AFTER_REDEMPTION)
    }

    fn pay_for_uses(&mut self, id: U256, plan: &Plan, holder: Address, uses: u64) -> Part<()> {
        let terms = &plan.terms.price;
        let price = U256::from(terms.amount) * U256::from(uses);
        let bill = Bill { is_bounded: true, ..self.bill(terms.token, holder, price)? };
        self.emit(&IScrip::UsesPaid {
            planId: id,
            holder,
            uses,
            token: bill.token,
            paid: bill.price,
            fee: bill.fee,
        });
        self.pay(id, plan, bill)
    }

    fn check_voucher(
        &self,
        caller: Address,
        planId: U256,
        holder: Address,
        redeemer: Address,
        deadline: Uint<40, 1>,
    ) -> Part<()> {
        demand(caller == redeemer, || IScrip::WrongRedeemer { planId, caller, redeemer })?;
        demand(self.now <= deadline.to::<u64>(), || IScrip::VoucherExpired {
            planId,
            holder,
            deadline: U256::from(deadline),
        })
    }

    fn check_signature(&mut self, signer: Address, digest: B256, signature: &[u8]) -> Part<()> {
        demand(self.is_signed(signer, digest, signature), || IScrip::InvalidSignature { signer })
    }

    fn domain(&self) -> alloy::sol_types::Eip712Domain {
        domain(self.cast.at(Who::Core))
    }
}

impl Plan {
    /// Whether an account may redeem every holder's credits.
    fn trusts(&self, caller: Address) -> bool {
        let redeemers = self.terms.redemption.redeemers;
        (redeemers & OWNER != 0 && caller == self.owner)
            || (redeemers & OPERATORS != 0 && self.permissions(caller) & REDEEM != 0)
    }

    fn check_redeemer(&self, caller: Address, planId: U256, is_trusted: bool, holder: Address) -> Part<()> {
        let is_holder = self.terms.redemption.redeemers & HOLDER != 0 && caller == holder;
        demand(is_trusted || is_holder, || IScrip::NotRedeemer { planId, caller, holder })
    }

    fn check_range(&self, planId: U256, amount: u64) -> Part<()> {
        let range = &self.terms.redemption;
        let (minimum, maximum) = (range.minimum.into(), range.maximum.into());
        demand((minimum..=maximum).contains(&amount), || IScrip::AmountOutOfRange {
            planId,
            amount: U256::from(amount),
            minimum: U256::from(minimum),
            maximum: U256::from(maximum),
        })
    }

    /// Whether a redemption is more than a spending of credits.
    fn is_special(&self) -> bool {
        let has_hook = self.terms.hook.calls & (BEFORE_REDEMPTION | AFTER_REDEMPTION) != 0;
        has_hook || self.is_time() || self.is_per_use() || self.terms.redemption.voucherRequired
    }
}

/// The word and the bit of a nonce.
pub(crate) fn place_of(nonce: U256) -> (U256, usize) {
    (nonce >> 8, usize::from(nonce.to_be_bytes::<32>()[31]))
}
