//! What an account with a wallet of its own asks for: the server never signs for it, and hands out what is to be signed.

use alloy::primitives::{Address, B256, keccak256};
use scrip::{Item, PlanId, Services, WalletCalls};

use crate::{
    extract::agent_number,
    problem::{Problem, ProblemKind},
    state::State,
    work::{NewPlan, Work},
};

/// What a wallet is to send, and what that makes, in words.
type Handed = (WalletCalls, String);

impl State {
    /// Whether this server signs for an account.
    pub(crate) async fn signs_for(&self, account: Address) -> Result<bool, Problem> {
        let row = sqlx::query("SELECT 1 FROM accounts WHERE address = $1 AND sealed_key IS NOT NULL")
            .bind(account.to_string())
            .fetch_optional(&self.db)
            .await?;
        Ok(row.is_some())
    }

    /// What the account's wallet is to send, as a problem that has it: it was not done. Under the same key it is the same.
    pub(crate) async fn hand_out(&self, account: Address, key: Option<&str>, work: Work) -> Problem {
        let detail = format!("{account} signs with a wallet of its own, and this server cannot");
        match self.calls(account, key, work).await {
            Ok(Some((calls, makes))) => ProblemKind::OWN_WALLET
                .problem(format!("{detail}{makes}"))
                .hint("have that wallet send `calls`, which are the parameter of wallet_sendCalls (EIP-5792)")
                .with_calls(calls),
            Ok(None) => ProblemKind::OWN_WALLET
                .problem(detail)
                .hint("let a managed account do it: make it an operator of the plan"),
            Err(problem) => problem,
        }
    }

    /// None of what goes on here when it was sent.
    async fn calls(
        &self,
        account: Address,
        key: Option<&str>,
        work: Work,
    ) -> Result<Option<Handed>, Problem> {
        let scrip = self.chain.scrip();
        let core = scrip.instance();
        let calls = match work {
            Work::CreatePlan(plan) => {
                let (_, handed) = self.plan_calls(account, plan).await?;
                return Ok(Some(handed));
            }
            Work::CreateAgent { plan, page, mut plans } => {
                let mut before = None;
                if let Some(new) = plan {
                    let (plan, handed) = self.plan_calls(account, new).await?;
                    plans.push(plan);
                    before = Some(handed);
                }
                let services = Services::connect(scrip).await?;
                let seed = key.map_or_else(|| B256::from(rand::random::<[u8; 32]>()), keccak256);
                let agent = services.did(account, seed);
                self.keep_agent_page(agent, account, &page).await?;
                let plans = plans.into_iter().map(|plan| plan.0).collect();
                let create = services.instance().create(seed, String::new(), plans);
                let mut calls = scrip.calls_of(account, create).await?;
                let mut makes = format!("; they make agent {}", agent_number(agent));
                if let Some((first, makes_first)) = before {
                    calls.calls.splice(0..0, first.calls);
                    makes = makes_first + &makes;
                }
                return Ok(Some((calls, makes)));
            }
            Work::Link { agent, plan } => {
                let services = Services::connect(scrip).await?;
                scrip.calls_of(account, services.instance().addPlan(agent.0, plan.0)).await?
            }
            Work::Unlink { agent, plan } => {
                let services = Services::connect(scrip).await?;
                scrip.calls_of(account, services.instance().removePlan(agent.0, plan.0)).await?
            }
            Work::Order { plan, quantity, .. } => {
                scrip.order_calls(Item { quantity, ..Item::new(plan, account) }, account).await?
            }
            Work::Mint { plan, holder, amount, lifetime: None } => {
                scrip.calls_of(account, core.mint(plan.0, holder, amount)).await?
            }
            Work::Mint { plan, holder, amount, lifetime: Some(seconds) } => {
                let seconds = u32::try_from(seconds).map_err(|_| {
                    ProblemKind::INVALID_AMOUNT.problem(format!("credits cannot last {seconds} seconds"))
                })?;
                scrip.calls_of(account, core.mintExpirable(plan.0, holder, amount, seconds)).await?
            }
            Work::Burn { plan, amount } => {
                scrip.calls_of(account, core.burn(plan.0, account, amount)).await?
            }
            Work::Redeem { plan, holder, amount, request } => {
                scrip.calls_of(account, core.redeem(plan.0, holder, amount, request)).await?
            }
            Work::Capture(_) | Work::TopUp(_) | Work::Card(_) | Work::SettleBatch(_) => return Ok(None),
        };
        Ok(Some((calls, String::new())))
    }

    async fn plan_calls(&self, account: Address, new: NewPlan) -> Result<(PlanId, Handed), Problem> {
        let scrip = self.chain.scrip();
        let salt = new.salt.unwrap_or_else(|| B256::from(rand::random::<[u8; 32]>()).into());
        let plan = scrip.plan_id(account, &new.terms, salt).await?;
        self.keep_plan_page(plan, account, &new.page).await?;
        let create = scrip.instance().createPlan((&*new.terms).try_into()?, salt.into());
        let calls = scrip.calls_of(account, create).await?;
        Ok((plan, (calls, format!("; they make plan {}", plan.0))))
    }
}
