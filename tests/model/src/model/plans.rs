//! Plans: their terms, owners and operators.

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::{SolCall, SolError, SolValue},
};

use super::{Answer, Model, Part, Plan, demand};
use crate::{
    abi::IScrip::{self, GrantKind, PriceKind, Terms},
    cast::{CHAIN_ID, Who},
};

/// Permission to mint.
pub(crate) const MINT: u8 = 1;
/// Permission to redeem.
pub(crate) const REDEEM: u8 = 2;
/// Permission to settle fiat payments.
pub(crate) const SETTLE: u8 = 4;

/// The id of a plan: a hash that commits to its creator and terms.
pub(crate) fn plan_id(core: Address, creator: Address, terms: &Terms, salt: B256) -> U256 {
    let preimage = (U256::from(CHAIN_ID), core, creator, salt, terms.clone()).abi_encode_params();
    U256::from_be_bytes(keccak256(preimage).0)
}

impl Plan {
    /// Whether an account may do, as an owner or an operator, what needs a permission.
    pub(crate) fn lets(&self, account: Address, permission: u8) -> bool {
        account == self.owner || self.permissions(account) & permission != 0
    }

    pub(crate) fn permissions(&self, account: Address) -> u8 {
        self.operators.get(&account).copied().unwrap_or(0)
    }

    pub(crate) fn is_time(&self) -> bool {
        self.terms.grant.kind == GrantKind::Time
    }

    pub(crate) fn is_per_use(&self) -> bool {
        self.terms.price.kind == PriceKind::PerUse
    }

    /// Counts orders, where the terms limit them in all. The count stops where it ends.
    pub(crate) fn count(&mut self, quantity: u32) {
        if self.terms.limits.inAll > 0 {
            self.ordered = self.ordered.saturating_add(quantity);
        }
    }

    pub(crate) fn period(&self) -> u64 {
        self.terms.grant.duration.into()
    }
}

impl Model {
    pub(super) fn create_plan(&mut self, caller: Address, call: IScrip::createPlanCall) -> Answer {
        let id = plan_id(self.cast.at(Who::Core), caller, &call.terms, call.salt);
        demand(!self.state.books.plans.contains_key(&id), || IScrip::PlanExists { planId: id })?;
        self.check_terms(&call.terms)?;
        let plan = Plan {
            owner: caller,
            pending: Address::ZERO,
            open: true,
            ordered: 0,
            terms: call.terms.clone(),
            operators: Default::default(),
        };
        self.state.books.plans.insert(id, plan);
        self.emit(&IScrip::PlanCreated { planId: id, owner: caller, salt: call.salt, terms: call.terms });
        Ok(IScrip::createPlanCall::abi_encode_returns(&id))
    }

    fn check_terms(&self, terms: &Terms) -> Part<()> {
        let length = terms.name.len();
        demand(length <= 31, || IScrip::NameTooLong { length: U256::from(length), maximum: U256::from(31) })?;
        self.check_price(terms)?;
        self.check_payees(terms)?;

        let (grant, limits, redemption) = (&terms.grant, &terms.limits, &terms.redemption);
        if terms.price.kind == PriceKind::PerUse {
            let is_plain = grant.kind == GrantKind::Credits && grant.credits == 0 && grant.duration == 0;
            let is_limited = limits.perHolder != 0 || limits.inAll != 0;
            demand(redemption.voucherRequired && is_plain && !is_limited, || IScrip::InvalidPerUse {
                voucherRequired: redemption.voucherRequired,
                credits: grant.credits,
                duration: grant.duration,
                perHolder: limits.perHolder,
                inAll: limits.inAll,
            })?;
        } else {
            let is_valid = match grant.kind {
                GrantKind::Credits => grant.credits > 0,
                _ => grant.credits == 0 && grant.duration > 0,
            };
            demand(is_valid, || IScrip::InvalidGrant {
                kind: grant.kind,
                credits: grant.credits,
                duration: grant.duration,
            })?;
        }

        demand(1 <= redemption.minimum && redemption.minimum <= redemption.maximum, || {
            IScrip::InvalidRedemptionRange { minimum: redemption.minimum, maximum: redemption.maximum }
        })?;
        demand((1..=7).contains(&redemption.redeemers), || IScrip::InvalidRedeemers {
            redeemers: redemption.redeemers,
            known: 7,
        })?;
        let hook = &terms.hook;
        let is_hook = (1..=15).contains(&hook.calls) && !hook.account.is_zero();
        demand(is_hook || (hook.calls == 0 && hook.account.is_zero()), || IScrip::InvalidHook {
            account: hook.account,
            calls: hook.calls,
            known: 15,
        })?;
        self.check_code(hook.account)
    }

    fn check_price(&self, terms: &Terms) -> Part<()> {
        let price = &terms.price;
        let (token, source) = (!price.token.is_zero(), !price.source.is_zero());
        let (amount, currency) = (!price.amount.is_zero(), !price.currency.is_zero());
        let is_valid = match price.kind {
            PriceKind::Free => !token && !source && !amount && !currency,
            PriceKind::Fixed => !source && amount && !currency,
            PriceKind::Fiat => !token && !source && amount && currency,
            PriceKind::Quoted => source && !amount && !currency,
            _ => token && !source && amount && !currency,
        };
        demand(is_valid, || IScrip::InvalidPrice { price: price.clone() })?;
        self.check_code(price.token)?;
        self.check_code(price.source)
    }

    fn check_payees(&self, terms: &Terms) -> Part<()> {
        let on_chain = !matches!(terms.price.kind, PriceKind::Free | PriceKind::Fiat);
        let (minimum, maximum) = if on_chain { (1, 8) } else { (0, 0) };
        let count = terms.payees.len();
        demand(minimum <= count && count <= maximum, || IScrip::InvalidPayeeCount {
            count: U256::from(count),
            minimum: U256::from(minimum),
            maximum: U256::from(maximum),
        })?;
        for (index, payee) in terms.payees.iter().enumerate() {
            // The last takes what rounding leaves, so it has a share.
            let has_share = payee.share > 0 || index + 1 < count;
            demand(
                has_share && !payee.account.is_zero() && payee.account != self.cast.at(Who::Core),
                || IScrip::InvalidPayee { index: U256::from(index), account: payee.account },
            )?;
        }
        let sum: u32 = terms.payees.iter().map(|payee| u32::from(payee.share)).sum();
        demand(!on_chain || sum == 10_000, || IScrip::InvalidShares {
            sum: U256::from(sum),
            needed: U256::from(10_000),
        })
    }

    fn check_code(&self, account: Address) -> Part<()> {
        demand(account.is_zero() || self.has_code(account), || IScrip::AccountWithoutCode { account })
    }

    pub(super) fn set_open(&mut self, caller: Address, call: IScrip::setOpenCall) -> Answer {
        self.own_plan(caller, call.planId)?.open = call.open;
        self.emit(&IScrip::OpenSet { planId: call.planId, open: call.open });
        Ok(Vec::new())
    }

    pub(super) fn transfer_ownership(
        &mut self,
        caller: Address,
        call: IScrip::transferOwnershipCall,
    ) -> Answer {
        self.own_plan(caller, call.planId)?.pending = call.newOwner;
        self.emit(&IScrip::OwnershipOffered {
            planId: call.planId,
            owner: caller,
            pendingOwner: call.newOwner,
        });
        Ok(Vec::new())
    }

    pub(super) fn accept_ownership(&mut self, caller: Address, call: IScrip::acceptOwnershipCall) -> Answer {
        let id = call.planId;
        let mut plan = self.existing(id)?;
        let (formerOwner, pendingOwner) = (plan.owner, plan.pending);
        demand(caller == pendingOwner, || IScrip::NotPendingOwner { planId: id, caller, pendingOwner })?;
        plan.owner = caller;
        plan.pending = Address::ZERO;
        plan.operators.clear();
        self.state.books.plans.insert(id, plan);
        self.emit(&IScrip::OwnershipAccepted { planId: id, formerOwner, owner: caller });
        Ok(Vec::new())
    }

    pub(super) fn set_operator(&mut self, caller: Address, call: IScrip::setOperatorCall) -> Answer {
        let IScrip::setOperatorCall { planId, operator, permissions } = call;
        let plan = self.own_plan(caller, planId)?;
        demand(permissions <= 7, || IScrip::UnknownPermissions { permissions, known: 7 })?;
        plan.operators.insert(operator, permissions);
        self.emit(&IScrip::OperatorSet { planId, operator, permissions });
        Ok(Vec::new())
    }

    /// The plan, if the caller owns it.
    fn own_plan(&mut self, caller: Address, id: U256) -> Part<&mut Plan> {
        let Some(plan) = self.state.books.plans.get_mut(&id) else {
            return Err(IScrip::PlanNotFound { planId: id }.abi_encode());
        };
        let owner = plan.owner;
        demand(caller == owner, || IScrip::NotPlanOwner { planId: id, caller, owner })?;
        Ok(plan)
    }
}
