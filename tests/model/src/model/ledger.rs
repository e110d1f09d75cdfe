//! What holders have: lots as a plain sorted list, or the end of access.

use alloy::{
    primitives::{Address, U256},
    sol_types::SolError,
};

use super::{Fault, Model, Part, Plan, demand, u40};
use crate::abi::IScrip;

/// The expiry of what never expires, so that it comes last.
pub(crate) const NEVER: u64 = u64::MAX;

/// With how many live lots a holder gets no further one from a mint.
const MAX_LOTS_FOR_MINT: usize = 96;

/// What a holder has of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// Expiry and amount, the earliest expiry first. What has expired stays until a call clears it.
    pub lots: Vec<(u64, u64)>,
    /// The end of access on a time plan, 0 if there was none.
    pub end: u64,
    /// The orders counted.
    pub orders: u32,
}

impl Holding {
    /// The lots that live.
    pub fn live(&self, now: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.lots.iter().copied().filter(move |(expiry, _)| *expiry > now)
    }

    /// Adds to the lot of an expiry, or a new one; its amount before.
    pub fn add(&mut self, expiry: u64, amount: u64) {
        match self.lots.iter_mut().find(|lot| lot.0 == expiry) {
            Some(lot) => lot.1 += amount,
            None => self.lots.push((expiry, amount)),
        }
        self.lots.sort_unstable();
    }

    /// Counts orders, where the terms limit them for each holder. The count stops where it ends.
    pub fn count(&mut self, limits: &IScrip::Limits, quantity: u32) {
        if limits.perHolder > 0 {
            self.orders = self.orders.saturating_add(quantity);
        }
    }

    /// Takes from the first lots.
    pub fn take(&mut self, mut amount: u64) {
        for lot in &mut self.lots {
            let part = amount.min(lot.1);
            lot.1 -= part;
            amount -= part;
        }
        self.lots.retain(|lot| lot.1 > 0);
    }

    /// Takes from the lot with an expiry; how much was taken.
    pub fn take_from(&mut self, expiry: u64, amount: u64) -> u64 {
        let Some(lot) = self.lots.iter_mut().find(|lot| lot.0 == expiry) else { return 0 };
        let taken = amount.min(lot.1);
        lot.1 -= taken;
        self.lots.retain(|lot| lot.1 > 0);
        taken
    }

    /// Takes periods off the end of access, never below now; how many there were. Access that was over stays as it was.
    pub fn cut(&mut self, now: u64, periods: u64, period: u64) -> u64 {
        let begun = self.end.saturating_sub(now).div_ceil(period);
        let cut = periods.min(begun);
        if cut > 0 {
            self.end = if cut == begun { 0 } else { self.end - cut * period };
        }
        cut
    }
}

impl Model {
    pub(crate) fn holding(&mut self, id: U256, holder: Address) -> &mut Holding {
        self.state.books.holdings.entry((id, holder)).or_default()
    }

    /// What a holder can spend now.
    pub(crate) fn balance(&self, id: U256, holder: Address) -> u128 {
        let is_time = self.state.books.plans.get(&id).is_some_and(Plan::is_time);
        let Some(holding) = self.state.books.holdings.get(&(id, holder)) else { return 0 };
        if is_time {
            return u128::from(holding.end > self.now);
        }
        let now = if self.has(Fault::ExpiryInclusive) { self.now - 1 } else { self.now };
        holding.live(now).map(|(_, amount)| u128::from(amount)).sum()
    }

    /// Clears what has expired, and says so.
    fn clear(&mut self, caller: Address, id: U256, holder: Address) {
        let now = if self.has(Fault::ExpiryInclusive) { self.now - 1 } else { self.now };
        let holding = self.holding(id, holder);
        let all: u128 = holding.lots.iter().map(|lot| u128::from(lot.1)).sum();
        holding.lots.retain(|lot| lot.0 > now);
        let live: u128 = holding.lots.iter().map(|lot| u128::from(lot.1)).sum();
        if all > live && !self.has(Fault::SilentExpiry) {
            self.tell_expired(caller, id, holder, U256::from(all - live));
        }
    }

    fn tell_expired(&mut self, caller: Address, planId: U256, holder: Address, amount: U256) {
        self.transfer(caller, holder, Address::ZERO, planId, amount);
        self.emit(&IScrip::CreditsExpired { planId, holder, amount });
    }

    fn transfer(&mut self, operator: Address, from: Address, to: Address, id: U256, value: U256) {
        self.emit(&IScrip::TransferSingle { operator, from, to, id, value });
    }

    /// Gives what a plan grants for some orders: the credits, their expiry or the end of access (0 for never), and by how much
    /// the balance grew.
    pub(crate) fn grant(
        &mut self,
        caller: Address,
        id: U256,
        plan: &Plan,
        holder: Address,
        quantity: u32,
    ) -> Part<(u64, u64, U256)> {
        if plan.is_time() {
            let (end, grown) = self.add_access(caller, id, plan, holder, quantity.into())?;
            return Ok((0, end, grown));
        }
        let credits = fit(u128::from(plan.terms.grant.credits) * u128::from(quantity))?;
        let lifetime = plan.period();
        let expiry = if lifetime == 0 {
            NEVER
        } else {
            let step = lifetime.div_ceil(64);
            (self.now + lifetime).div_ceil(step) * step
        };
        self.add_credits(caller, id, holder, credits, expiry, false)?;
        Ok((credits, if expiry == NEVER { 0 } else { expiry }, U256::from(credits)))
    }

    /// Adds credits. Only those that expire clear what has expired.
    pub(crate) fn add_credits(
        &mut self,
        caller: Address,
        id: U256,
        holder: Address,
        amount: u64,
        expiry: u64,
        is_capped: bool,
    ) -> Part<()> {
        if expiry != NEVER {
            self.clear(caller, id, holder);
        }
        let lots = &self.holding(id, holder).lots;
        let former = lots.iter().find(|lot| lot.0 == expiry);
        fit(former.map_or(0, |lot| u128::from(lot.1)) + u128::from(amount))?;
        let count = lots.iter().filter(|lot| lot.0 != NEVER).count();
        demand(!is_capped || former.is_some() || count < MAX_LOTS_FOR_MINT, || IScrip::TooManyLots {
            planId: id,
            holder,
            lots: U256::from(count),
            maximum: U256::from(MAX_LOTS_FOR_MINT),
        })?;
        self.holding(id, holder).add(expiry, amount);
        self.transfer(caller, Address::ZERO, holder, id, U256::from(amount));
        Ok(())
    }

    /// Spends credits, the earliest expiry first.
    pub(crate) fn take(&mut self, caller: Address, id: U256, holder: Address, amount: u64) -> Part<()> {
        let available = self.balance(id, holder);
        demand(available >= u128::from(amount), || IScrip::InsufficientCredits {
            planId: id,
            holder,
            needed: U256::from(amount),
            available: U256::from(available),
        })?;
        self.clear(caller, id, holder);
        let is_wrong = self.has(Fault::LastingFirst);
        let holding = self.holding(id, holder);
        let wrong = if is_wrong { holding.take_from(NEVER, amount) } else { 0 };
        holding.take(amount - wrong);
        self.transfer(caller, holder, Address::ZERO, id, U256::from(amount));
        Ok(())
    }

    /// Takes what is left of the credits with an expiry; how much that was.
    pub(crate) fn take_from(
        &mut self,
        caller: Address,
        id: U256,
        holder: Address,
        amount: u64,
        expiry: u64,
    ) -> u64 {
        self.clear(caller, id, holder);
        let taken = self.holding(id, holder).take_from(expiry, amount);
        if taken > 0 {
            self.transfer(caller, holder, Address::ZERO, id, U256::from(taken));
        }
        taken
    }

    /// Adds periods of access: the new end, and by how much the balance grew.
    pub(crate) fn add_access(
        &mut self,
        caller: Address,
        id: U256,
        plan: &Plan,
        holder: Address,
        periods: u64,
    ) -> Part<(u64, U256)> {
        let former = self.holding(id, holder).end;
        let begins = former <= self.now;
        if begins && former != 0 {
            self.tell_expired(caller, id, holder, U256::from(1));
        }
        let end = u128::from(former.max(self.now)) + u128::from(periods) * u128::from(plan.period());
        let maximum = (1_u64 << 40) - 1;
        demand(end <= u128::from(maximum), || IScrip::AccessOverflow {
            planId: id,
            holder,
            end: U256::from(end),
            maximum: U256::from(maximum),
        })?;
        self.holding(id, holder).end = u64::try_from(end).map_err(|_| Vec::new())?;
        let grown = U256::from(u8::from(begins));
        self.transfer(caller, Address::ZERO, holder, id, grown);
        Ok((self.holding(id, holder).end, grown))
    }

    /// Takes periods of access off its end; how many there were.
    pub(crate) fn cut_access(
        &mut self,
        caller: Address,
        id: U256,
        plan: &Plan,
        holder: Address,
        periods: u64,
    ) -> u64 {
        let now = self.now;
        let holding = self.holding(id, holder);
        let cut = holding.cut(now, periods, plan.period());
        let is_over = U256::from(u8::from(holding.end == 0));
        if cut > 0 {
            self.transfer(caller, holder, Address::ZERO, id, is_over);
        }
        cut
    }

    /// Asks a holder with code whether it accepts.
    pub(crate) fn ask_holder(&mut self, id: U256, holder: Address) -> Part<()> {
        let accepts = !self.has_code(holder) || self.accepts_credits(holder);
        demand(accepts, || IScrip::HolderRefused { planId: id, holder })
    }
}

/// Credits as an account can hold them.
fn fit(credits: u128) -> Part<u64> {
    u64::try_from(credits).map_err(|_| {
        IScrip::CreditsOverflow { credits: U256::from(credits), maximum: U256::from(u64::MAX) }.abi_encode()
    })
}

/// An expiry as the interface has it.
pub(crate) fn told(expiry: u64) -> alloy::primitives::Uint<40, 1> {
    u40(if expiry == NEVER { 0 } else { expiry })
}
