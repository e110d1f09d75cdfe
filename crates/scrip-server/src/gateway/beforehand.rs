//! Vouchers that holders sign before they ask: in the widget's window, where a wallet has bought a moment ago.

use alloy::primitives::Address;
use scrip::{Grant, Plan, SessionVoucher, Signed};

use super::{journal::Holding, voucher::ToRedeem};
use crate::{
    problem::{Problem, ProblemKind},
    state::State,
};

/// For how long such a voucher is signed, in seconds: 30 days. Who uses a service for longer is asked again.
const SIGNED_FOR: u64 = 30 * 86_400;

impl State {
    /// What a holder is to sign, so that a redeemer can take all that is left of a plan as it is served. Nothing where the plan
    /// requires no vouchers, for accounts that this server signs for, and while what was signed is enough for a request.
    pub(crate) async fn voucher_beforehand(
        &self,
        redeemer: Address,
        plan: &Plan,
        holder: Address,
        left: u64,
    ) -> Result<Option<SessionVoucher>, Problem> {
        let terms = &plan.terms;
        if left == 0 || !terms.voucher_required || !matches!(terms.grant, Grant::Credits { .. }) {
            return Ok(None);
        }
        if self.signs_for(holder).await? {
            return Ok(None);
        }
        let redeem =
            ToRedeem { of: Holding { plan: plan.id, holder }, redeemer, amount: left, is_money: false };
        let until = self.now() + SIGNED_FOR;
        let fresh = SessionVoucher {
            plan: plan.id,
            holder,
            redeemer,
            maximum: self.needed(&redeem, 0).await?,
            session: self.fresh_session(),
            deadline: until,
        };
        let Some((kept, counted)) = self.newest_session(&redeem).await? else { return Ok(Some(fresh)) };
        let session = self.chain.scrip().session(plan.id, holder, redeemer, kept.session).await?;
        if session.revoked {
            return Ok(Some(fresh));
        }
        let spent = counted.max(session.spent);
        // Before there is too little for the cheapest request nobody is asked again.
        let each = u64::from(*terms.redemption.start()).clamp(1, left);
        let is_long_enough = kept.deadline >= self.now() + self.vouched_for();
        let of = redeem.of.clone();
        let least = self.needed(&ToRedeem { of, amount: each, ..redeem }, spent).await?;
        if is_long_enough && kept.maximum >= least {
            return Ok(None);
        }
        let maximum = self.needed(&redeem, spent).await?;
        // What was signed elsewhere for more, or for longer, is not signed again unawares.
        if kept.maximum > maximum || kept.deadline > until {
            return Ok(Some(fresh));
        }
        Ok(Some(SessionVoucher { maximum, session: kept.session, ..fresh }))
    }

    /// Checks and keeps what a holder has signed.
    pub(crate) async fn take_voucher(
        &self,
        redeemer: Address,
        plan: &Plan,
        holder: Address,
        signed: Signed<SessionVoucher>,
    ) -> Result<(), Problem> {
        let left = self.spendable(plan.id, holder).await?;
        let asked = self.voucher_beforehand(redeemer, plan, holder, left).await?;
        if asked.is_none() {
            return Err(ProblemKind::INVALID_VOUCHER
                .problem(format!("nothing of plan {} waits for a signature of {holder}", plan.id.0))
                .hint("go on to the app"));
        }
        let of = Holding { plan: plan.id, holder };
        self.collect(&ToRedeem { of, redeemer, amount: 0, is_money: false }, signed).await?;
        Ok(())
    }
}
