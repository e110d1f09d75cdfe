//! What a call would cost, give or be refused for.

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::Provider,
};
use serde::{Deserialize, Serialize};

use crate::{
    Currency, Error, Item, Periphery, PlanId, RequestId, Result, Scrip, SessionVoucher, Signed, Voucher,
    abi::ILens::{self, ILensInstance},
    fee::some_account,
};

/// The lens on one chain: what calls would cost, give or be refused for, asked of a contract that reads the core.
///
/// What it says holds for the block in which it was asked. It cannot know whether a hook refuses, or a payee the native coin, or a
/// holder with code its credits; nor whether a token moves.
#[derive(Debug, Clone)]
pub struct Lens<P> {
    instance: ILensInstance<P>,
    core: Address,
}

/// What would become of a call.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Forecast {
    /// Why it would be refused; none when it would pass, unless a hook refuses.
    pub refusal: Option<Error>,
    /// Whether a hook is asked, too.
    pub asks_hook: bool,
}

/// What an order costs and gives, and what should be known beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Who owns the plan.
    pub owner: Address,
    /// How it is paid.
    pub means: Means,
    /// The price in all, fee included, in base units of the token or in millionths of the currency; of a plan paid per use the
    /// price of as many uses.
    pub price: U256,
    /// What of that is the protocol's fee.
    pub fee: U256,
    /// Who is paid the fee, if anybody.
    pub fee_receiver: Option<Address>,
    /// What each payee is paid.
    pub payments: Vec<Payment>,
    /// The credits granted; 0 on a time plan, and when paid per use.
    pub credits: U256,
    /// When they would expire, if they do; on a time plan the new end of access. In unix seconds.
    pub expiry: Option<U256>,
    /// How much of the token the payer has, in base units.
    pub payer_balance: U256,
    /// How much of it the core may pull from the payer; nothing of the native coin, which needs no allowance.
    pub payer_allowance: U256,
    /// Whom one has to trust.
    pub warnings: Warnings,
}

/// How a plan is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    /// Not at all.
    Free,
    /// By this token, the zero address for the native coin.
    Token(Address),
    /// By this token, for each use.
    PerUse(Address),
    /// Off chain, in this currency.
    Fiat(Currency),
}

/// What a payee is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payment {
    /// The payee.
    pub account: Address,
    /// How much, in base units of the token.
    pub amount: U256,
}

/// Whom one has to trust with a plan. A new one breaks the build of who shows them, so that none is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Warnings {
    /// Redeemers may take a holder's whole balance without its voucher.
    pub redeemers_trusted: bool,
    /// The plan's owner may burn a holder's credits.
    pub revocable: bool,
    /// A hook can refuse orders.
    pub hook_on_order: bool,
    /// A hook can refuse redemptions.
    pub hook_on_redemption: bool,
    /// The plan's owner and its settle operators say what was paid, and take grants back.
    pub settled_off_chain: bool,
}

/// How many orders the limits of a plan still allow; none where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RemainingOrders {
    /// For the holder.
    pub for_holder: Option<u32>,
    /// For all holders together.
    pub in_all: Option<u32>,
}

impl Forecast {
    /// Whether nothing is known that would refuse it.
    pub const fn passes(&self) -> bool {
        self.refusal.is_none()
    }

    fn new(refusal: Bytes, asks_hook: bool) -> Self {
        Self { refusal: (!refusal.is_empty()).then(|| Error::from_revert(refusal)), asks_hook }
    }
}

impl<P: Provider + Clone> Lens<P> {
    /// Connects to the lens, as it looks at this core, and makes sure that it is there.
    ///
    /// # Errors
    ///
    /// [`Error::NotScrip`] when it is not on the chain; [`Periphery::deploy`] puts it there.
    pub async fn connect(scrip: &Scrip<P>) -> Result<Self> {
        let provider = scrip.provider().clone();
        let address = Periphery::Lens.check(&provider).await?;
        Ok(Self { instance: ILens::new(address, provider), core: scrip.address() })
    }
}

impl<P: Provider> Lens<P> {
    /// The contract itself.
    pub const fn instance(&self) -> &ILensInstance<P> {
        &self.instance
    }

    /// The core that it looks at.
    pub const fn core(&self) -> Address {
        self.core
    }

    /// What an order would cost and give.
    ///
    /// # Errors
    ///
    /// Refusals `PlanNotFound`, and `QuoteFailed` when the price source does not answer. For all else see
    /// [`Lens::forecast_order`].
    pub async fn quote(&self, item: &Item, payer: Address) -> Result<Quote> {
        let Item { plan, holder, quantity, data, .. } = item;
        let quote =
            self.instance.quote(self.core, plan.0, payer, *holder, *quantity, data.clone()).call().await?;
        quote.try_into()
    }

    /// What would become of an order, if the payer called and sent as much coin as it needs. Without a maximum any price will
    /// do.
    pub async fn forecast_order(&self, item: &Item, payer: Address) -> Result<Forecast> {
        let Item { plan, holder, quantity, max_price, data } = item;
        let most = max_price.unwrap_or(U256::MAX);
        let call =
            self.instance.refusalOfOrder(self.core, plan.0, payer, *holder, *quantity, most, data.clone());
        let answer = call.call().await?;
        Ok(Forecast::new(answer.refusal, answer.asksHook))
    }

    /// How many orders the limits of a plan still allow.
    pub async fn remaining_orders(&self, plan: PlanId, holder: Address) -> Result<RemainingOrders> {
        let left = self.instance.remainingOrders(self.core, plan.0, holder).call().await?;
        // Limits are 32 bits; no limit is more than that.
        let some = |left: U256| u32::try_from(left).ok();
        Ok(RemainingOrders { for_holder: some(left.forHolder), in_all: some(left.inAll) })
    }

    /// What a holder can spend at a time to come, in unix seconds, if nothing is added or taken until then.
    pub async fn balance_at(&self, plan: PlanId, holder: Address, time: u64) -> Result<u128> {
        let call = self.instance.balanceAt(self.core, plan.0, holder, U256::from(time));
        balance(call.call().await?)
    }

    /// What would become of [`Scrip::redeem`] by a redeemer.
    pub async fn forecast_redemption(
        &self,
        plan: PlanId,
        redeemer: Address,
        holder: Address,
        amount: u64,
        request: impl Into<RequestId>,
    ) -> Result<Forecast> {
        let request = request.into().0;
        let call = self.instance.refusalOfRedemption(self.core, plan.0, redeemer, holder, amount, request);
        let answer = call.call().await?;
        Ok(Forecast::new(answer.refusal, answer.asksHook))
    }

    /// What would become of [`Scrip::redeem_without_id`] by a redeemer.
    pub async fn forecast_redemption_without_id(
        &self,
        plan: PlanId,
        redeemer: Address,
        holder: Address,
        amount: u64,
    ) -> Result<Forecast> {
        let call = self.instance.refusalOfRedemptionWithoutId(self.core, plan.0, redeemer, holder, amount);
        let answer = call.call().await?;
        Ok(Forecast::new(answer.refusal, answer.asksHook))
    }

    /// What would become of [`Scrip::redeem_with_voucher`] by a redeemer.
    pub async fn forecast_voucher(
        &self,
        voucher: &Signed<Voucher>,
        redeemer: Address,
        amount: u64,
    ) -> Result<Forecast> {
        let (voucher, signature) = (voucher.voucher.try_into()?, voucher.bare_signature());
        let call = self.instance.refusalOfVoucher(self.core, redeemer, voucher, amount, signature);
        let answer = call.call().await?;
        Ok(Forecast::new(answer.refusal, answer.asksHook))
    }

    /// What would become of [`Scrip::redeem_in_session`] by a redeemer.
    pub async fn forecast_session(
        &self,
        voucher: &Signed<SessionVoucher>,
        redeemer: Address,
        amount: u64,
        request: impl Into<RequestId>,
    ) -> Result<Forecast> {
        let (voucher, signature) = (voucher.voucher.try_into()?, voucher.bare_signature());
        let request = request.into().0;
        let call = self.instance.refusalOfSession(self.core, redeemer, voucher, amount, request, signature);
        let answer = call.call().await?;
        Ok(Forecast::new(answer.refusal, answer.asksHook))
    }

    /// Which of many requests a redeemer has redeemed, in the order asked.
    pub async fn are_redeemed(
        &self,
        plan: PlanId,
        redeemer: Address,
        requests: impl IntoIterator<Item = RequestId>,
    ) -> Result<Vec<bool>> {
        let requests = requests.into_iter().map(|request| request.0).collect();
        Ok(self.instance.areRedeemed(self.core, plan.0, redeemer, requests).call().await?)
    }

    /// Which of a holder's vouchers were redeemed or revoked, by their nonces, in the order asked.
    pub async fn are_vouchers_used(
        &self,
        holder: Address,
        nonces: impl IntoIterator<Item = U256>,
    ) -> Result<Vec<bool>> {
        let nonces = nonces.into_iter().collect();
        Ok(self.instance.areVouchersUsed(self.core, holder, nonces).call().await?)
    }
}

/// All lots of a holder are at most 161, of 64 bits each.
pub(crate) fn balance(units: U256) -> Result<u128> {
    units.try_into().map_err(|_| Error::UnexpectedAnswer("a balance beyond 128 bits"))
}

impl TryFrom<ILens::Quote> for Quote {
    type Error = Error;

    fn try_from(quote: ILens::Quote) -> Result<Self> {
        use crate::abi::IScrip::PriceKind as Kind;
        let means = match quote.kind {
            Kind::Free => Means::Free,
            Kind::Fixed | Kind::Quoted => Means::Token(quote.token),
            Kind::PerUse => Means::PerUse(quote.token),
            Kind::Fiat => Means::Fiat(quote.currency.0.into()),
            Kind::__Invalid => return Err(Error::UnknownKind("price")),
        };
        let ILens::Warnings { redeemersTrusted, revocable, hookOnOrder, hookOnRedemption, settledOffChain } =
            quote.warnings;
        Ok(Self {
            owner: quote.owner,
            means,
            price: quote.price,
            fee: quote.fee,
            fee_receiver: some_account(quote.feeReceiver),
            payments: quote
                .payments
                .into_iter()
                .map(|ILens::Payment { account, amount }| Payment { account, amount })
                .collect(),
            credits: quote.credits,
            expiry: (!quote.expiry.is_zero()).then_some(quote.expiry),
            payer_balance: quote.payerBalance,
            payer_allowance: quote.payerAllowance,
            warnings: Warnings {
                redeemers_trusted: redeemersTrusted,
                revocable,
                hook_on_order: hookOnOrder,
                hook_on_redemption: hookOnRedemption,
                settled_off_chain: settledOffChain,
            },
        })
    }
}
