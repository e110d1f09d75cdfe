//! Holding the credits of a request, if need be by buying more first.

use std::{sync::Arc, time::Instant};

use alloy::primitives::Address;
use scrip::PlanId;

use super::{
    delivered::Ticket,
    journal::{Held, Holding, NewHold},
    view::Look,
    voucher::{ToRedeem, Vouched},
};
use crate::{
    database::fresh_id,
    holds::{Ask, PerUse},
    problem::{Problem, ProblemKind},
    state::State,
};

/// A request that wants to be let in.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) redeemer: Address,
    pub(super) plan: PlanId,
    pub(super) holder: Address,
    pub(super) token: String,
    pub(super) is_single_use: bool,
    pub(super) delegation: Option<String>,
    pub(super) amount: u64,
    pub(super) is_time: bool,
    /// What a use costs, of a plan that is paid per use.
    pub(super) per_use: Option<PerUse>,
    /// By which voucher it is redeemed, where the plan requires one.
    pub(super) vouched: Option<Vouched>,
    pub(super) key: Option<(String, String)>,
    pub(super) came: Instant,
}

/// A request that was let in.
#[derive(Debug)]
pub(super) struct LetIn {
    pub(super) id: String,
    /// What is held.
    pub(super) held: u64,
    /// What the holder has left besides.
    pub(super) left: u64,
}

/// What has become of a request that wants to be let in.
#[derive(Debug)]
pub(super) enum Entrance {
    In(Box<(LetIn, Ticket)>),
    /// It was asked before.
    Repeated,
}

/// How often is looked and bought for one request: others may take what was bought meanwhile.
const ROUNDS: usize = 16;

impl State {
    /// Holds what a request takes at most.
    pub(super) async fn let_in(self: &Arc<Self>, asking: &Asking) -> Result<Entrance, Problem> {
        let Asking { plan, holder, amount, is_time, per_use, vouched, .. } = *asking;
        let look = Look { plan, holder, is_time, per_use, session: vouched.map(|vouched| vouched.session) };
        let (mut since, mut looked) = (None, None);
        for _ in 0..ROUNDS {
            let seen = self.seen(look, since).await?;
            if let Some(vouched) = &vouched {
                Box::pin(self.check_vouched(&asking.to_redeem(), vouched, &seen)).await?;
            }
            let id = self.request_id();
            let hold = NewHold {
                id: id.clone(),
                of: Holding { plan, holder },
                redeemer: asking.redeemer,
                token: asking.token.clone(),
                is_single_use: asking.is_single_use,
                amount,
                is_time,
                session: look.session,
                key: asking.key.clone(),
                seen,
            };
            let held = hold.credits();
            let mut ticket = Ticket::new(self.gate.journal.clone(), &hold);
            let outcome = self.gate.journal.hold(hold).await?;
            if !matches!(outcome, Held::In { .. }) {
                ticket.forget();
            }
            match outcome {
                Held::In { left } => return Ok(Entrance::In(Box::new((LetIn { id, held, left }, ticket)))),
                Held::Repeated => return Ok(Entrance::Repeated),
                Held::Unvouched { needed } => {
                    let session = look.session.map(|session| session.number).unwrap_or_default();
                    let detail =
                        format!("the voucher of session {session} lets less be taken than is needed");
                    return Err(self.to_sign(&asking.to_redeem(), session, needed, &detail));
                }
                Held::Revoked => {
                    return Err(ProblemKind::TOKEN_REVOKED
                        .problem("this access token was revoked")
                        .hint("ask the subscriber for a new one"));
                }
                Held::Used => {
                    return Err(ProblemKind::TOKEN_SPENT
                        .problem("this access token is for one use, and is used")
                        .hint("ask the subscriber for a new one"));
                }
                Held::UnderWay => {
                    return Err(ProblemKind::UNDER_WAY
                        .problem("this access token is for one use, and a request with it is under way")
                        .hint("see what becomes of that, and try again if it was not served"));
                }
                Held::AtRisk => {
                    self.gate.hurry(plan);
                    return Err(ProblemKind::BUSY
                        .problem("more of this holder's credits is used, and not redeemed yet, than is to be at risk")
                        .hint("try again when some of it is redeemed"));
                }
                // A node that has not seen what was bought last is waited for.
                Held::Short { bought_in: Some(block), .. } => {
                    self.chain.tell(block);
                    since = Some(Instant::now());
                }
                // Who has just bought is not told to buy by what was seen before.
                Held::Short { .. } if since.is_none() => since = Some(asking.came),
                Held::Short { available, is_doubtful: true, owes, .. } => {
                    if owes {
                        self.gate.hurry(plan);
                    }
                    return Err(ProblemKind::BUSY
                        .problem(format!(
                            "{amount} credits are needed, and {available} are free until it is known what requests under way take"
                        ))
                        .hint("try again when those are answered"));
                }
                Held::Short { available, purchases, .. } => {
                    // There are no orders of what is paid per use.
                    let Some(delegation) = asking.delegation.as_ref().filter(|_| per_use.is_none()) else {
                        return Err(self.short(asking, available));
                    };
                    // What was bought last may be in a block that was not looked at.
                    if looked != Some(purchases) {
                        looked = Some(purchases);
                        since = Some(Instant::now());
                        continue;
                    }
                    Box::pin(self.buy(&asking.ask(self), delegation, available, purchases)).await?;
                    since = Some(Instant::now());
                }
            }
        }
        Err(ProblemKind::BUSY
            .problem(format!("{amount} credits are needed, and what was bought was used by other requests"))
            .hint("try again"))
    }

    fn short(&self, asking: &Asking, available: u64) -> Problem {
        let Asking { plan, holder, amount, is_time, .. } = asking;
        let plan = plan.0;
        if let Some(PerUse { token, price }) = asking.per_use {
            let core = self.chain.scrip().address();
            return ProblemKind::POOR
                .problem(format!(
                    "{amount} uses of plan {plan} are needed, and {holder} can pay for {available}: each takes {price} base units of \
                     {token}, of what {holder} has and lets {core} take"
                ))
                .hint(format!("send {holder} more of {token}, and approve {core} for it"));
        }
        let detail = match is_time {
            true => format!("{holder} has no access by plan {plan} for as long as a request may take"),
            false => {
                format!("{amount} credits of plan {plan} are needed, and {holder} has {available} to spend")
            }
        };
        ProblemKind::INSUFFICIENT_CREDITS
            .problem(detail)
            .hint(format!("order the plan: POST /api/v1/protocol/plans/{plan}/order"))
    }

    /// A new request's id, which begins with the time.
    fn request_id(&self) -> String {
        let fresh = fresh_id();
        format!("{:010x}{}", self.now(), &fresh[..22])
    }
}

impl Asking {
    pub(super) fn to_redeem(&self) -> ToRedeem {
        ToRedeem {
            of: Holding { plan: self.plan, holder: self.holder },
            redeemer: self.redeemer,
            amount: self.amount,
            is_money: self.per_use.is_some(),
        }
    }

    fn ask(&self, state: &State) -> Ask {
        Ask {
            plan: self.plan,
            holder: self.holder,
            reserver: self.redeemer,
            request: String::new(),
            is_new: true,
            amount: self.amount,
            is_time: self.is_time,
            lasts: state.gate.settings.longest.as_secs(),
            token: Some(self.token.clone()),
            is_single_use: self.is_single_use,
        }
    }
}
