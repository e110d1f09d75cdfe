//! An owner's gifts of credits, and burns.

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};

use super::{
    Answer, Model, Part, Plan, demand,
    ledger::{NEVER, told},
    plans::MINT,
    u40,
};
use crate::abi::IScrip::{self, PriceKind};

impl Model {
    pub(super) fn mint(&mut self, caller: Address, call: IScrip::mintCall) -> Answer {
        let IScrip::mintCall { planId: id, holder, amount } = call;
        let plan = self.check_mint(caller, id, holder, amount)?;
        let expiry = if plan.is_time() {
            self.add_access(caller, id, &plan, holder, amount)?.0
        } else {
            self.add_credits(caller, id, holder, amount, NEVER, false)?;
            NEVER
        };
        self.emit(&IScrip::CreditsMinted { planId: id, holder, amount, expiry: told(expiry) });
        self.ask_holder(id, holder)?;
        Ok(Vec::new())
    }

    pub(super) fn mint_expirable(&mut self, caller: Address, call: IScrip::mintExpirableCall) -> Answer {
        let IScrip::mintExpirableCall { planId: id, holder, amount, duration } = call;
        let plan = self.check_mint(caller, id, holder, amount)?;
        demand(duration > 0, || IScrip::ZeroDuration { planId: id })?;
        demand(!plan.is_time(), || IScrip::NoLotsOnTimePlan { planId: id })?;
        let expiry = self.now + u64::from(duration);
        self.add_credits(caller, id, holder, amount, expiry, true)?;
        self.emit(&IScrip::CreditsMinted { planId: id, holder, amount, expiry: u40(expiry) });
        self.ask_holder(id, holder)?;
        Ok(IScrip::mintExpirableCall::abi_encode_returns(&u40(expiry)))
    }

    fn check_mint(&self, caller: Address, id: U256, holder: Address, amount: u64) -> Part<Plan> {
        let plan = self.existing(id)?;
        self.check_prepaid(id, &plan)?;
        demand(plan.lets(caller, MINT), || IScrip::NotMinter { planId: id, caller })?;
        demand(!holder.is_zero(), || IScrip::ZeroHolder { planId: id })?;
        demand(amount > 0, || IScrip::ZeroAmount { planId: id })?;
        Ok(plan)
    }

    fn check_prepaid(&self, id: U256, plan: &Plan) -> Part<()> {
        demand(!plan.is_per_use(), || IScrip::WrongPriceKind { planId: id, kind: PriceKind::PerUse })
    }

    pub(super) fn burn(&mut self, caller: Address, call: IScrip::burnCall) -> Answer {
        let IScrip::burnCall { planId: id, holder, amount } = call;
        let plan = self.existing(id)?;
        self.check_prepaid(id, &plan)?;
        let may_burn = caller == holder || (plan.terms.revocable && caller == plan.owner);
        demand(may_burn, || IScrip::NotBurner { planId: id, caller, holder })?;
        demand(amount > 0, || IScrip::ZeroAmount { planId: id })?;
        if plan.is_time() {
            let cut = self.cut_access(caller, id, &plan, holder, amount);
            demand(cut == amount, || IScrip::InsufficientCredits {
                planId: id,
                holder,
                needed: U256::from(amount),
                available: U256::from(cut),
            })?;
        } else {
            self.take(caller, id, holder, amount)?;
        }
        self.emit(&IScrip::CreditsBurned { planId: id, holder, burner: caller, amount });
        Ok(Vec::new())
    }
}
