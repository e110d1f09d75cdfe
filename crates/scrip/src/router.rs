//! Orders that one signs and another sends.

use alloy::{
    dyn_abi::TypedData,
    primitives::{Address, B256, Bytes, Signature, U256},
    providers::{Provider, WalletProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::Signer,
    sol_types::{Eip712Domain, SolStruct, eip712_domain},
};
use serde::{Deserialize, Serialize};

use crate::{
    Done, Error, Item, Ordered, PaymentStandard, PlanId, Price, Purchase, Receipt, Result, Scrip,
    abi::{
        IRouter::{self, IRouterInstance},
        IScrip,
    },
    outbox::Intent,
    typed_data::{self, typed_data},
};

/// An order as its payer signs it, and the holder of a gift, so that anyone may send it to the router. Whoever sends it can
/// change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterOrder {
    /// The plan.
    pub plan: PlanId,
    /// Who gets the grant.
    pub holder: Address,
    /// How many at once.
    pub quantity: u32,
    /// The most that is paid in all, in base units of the plan's token. So much is taken, and what is left over comes back in
    /// the same transaction.
    pub max_price: U256,
    /// What the plan's price source and hook are given.
    pub data: Bytes,
    /// Who pays.
    pub payer: Address,
    /// Any number that the signer has not used yet; numbered densely, 256 share a storage word.
    pub nonce: U256,
    /// The last second in which it is valid, in unix seconds; EIP-3009 makes that second exclusive.
    pub deadline: u64,
}

/// A signed order, as it is handed to whoever sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOrder {
    /// What is signed.
    pub order: RouterOrder,
    /// The plan's token.
    pub token: Address,
    /// How it is paid.
    pub payment: SignedPayment,
    /// The holder's signature over the order, of gifts that need it: [`Scrip::sign_consent`].
    pub consent: Option<Bytes>,
}

/// The signatures that pay an order: of 65 bytes, or whatever a payer that is a contract accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standard", rename_all = "snake_case")]
pub enum SignedPayment {
    /// By EIP-3009.
    Eip3009 {
        /// Over the authorization, whose nonce is the order's hash.
        signature: Bytes,
    },
    /// By EIP-2612.
    Eip2612 {
        /// Over the permit, of the order's maximum until its deadline.
        signature: Signature,
        /// Over the order; not needed when the payer itself sends it.
        order_signature: Option<Bytes>,
    },
    /// By Permit2.
    Permit2 {
        /// Over the transfer, with the order for a witness.
        signature: Bytes,
    },
}

/// A signer cancelled orders: those with the nonces `256 * word + i` for each bit `i` of the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NoncesCancelled {
    /// The signer.
    pub signer: Address,
    /// Which 256 nonces.
    pub word: U256,
    /// Which of them.
    pub mask: U256,
}

impl RouterOrder {
    /// What is signed, by EIP-712; also the nonce of EIP-3009.
    pub fn signing_hash(&self, domain: &Eip712Domain) -> B256 {
        IRouter::Order::from(self.clone()).eip712_signing_hash(domain)
    }

    /// The same for a wallet that is elsewhere, as JSON what `eth_signTypedData_v4` takes.
    pub fn typed_data(&self, domain: &Eip712Domain) -> TypedData {
        typed_data(&IRouter::Order::from(self.clone()), domain)
    }
}

impl SignedOrder {
    /// With the consent of the holder, whom the order is a gift to.
    pub fn with_consent(self, consent: Bytes) -> Self {
        Self { consent: Some(consent), ..self }
    }
}

impl<P: Provider> Scrip<P> {
    /// What orders are signed for: this router on this chain.
    pub fn router_domain(&self) -> Eip712Domain {
        eip712_domain! {
            name: "Scrip Router",
            version: "1",
            chain_id: self.chain_id(),
            verifying_contract: self.router(),
        }
    }

    /// The router itself, for what the client does not do.
    pub fn router_instance(&self) -> IRouterInstance<&P> {
        IRouter::new(self.router(), self.provider())
    }

    /// An order to be signed: of the price as it is now, unless the item has a maximum.
    pub async fn router_order(
        &self,
        item: Item,
        payer: Address,
        nonce: U256,
        deadline: u64,
    ) -> Result<RouterOrder> {
        let max_price = self.bill(&item).await?.most;
        let Item { plan, holder, quantity, data, .. } = item;
        Ok(RouterOrder { plan, holder, quantity, max_price, data, payer, nonce, deadline })
    }

    /// Signs an order and its payment with the payer's key, by the first of [`Scrip::payment_standards`].
    ///
    /// # Errors
    ///
    /// [`Error::CannotSign`] when the plan's token knows no such signature, [`Error::Signer`] when the signer fails.
    pub async fn sign_order(
        &self,
        order: RouterOrder,
        signer: &(impl Signer + Sync + ?Sized),
    ) -> Result<SignedOrder> {
        let token = self.token_of(order.plan).await?;
        let standards = self.payment_standards(token, order.payer, order.max_price).await?;
        let standard = *standards.first().ok_or(Error::CannotSign {
            token,
            payer: order.payer,
            chain_id: self.chain_id(),
        })?;
        self.sign_order_by(standard, order, signer).await
    }

    /// Signs an order and its payment with the payer's key, by one of [`Scrip::payment_standards`].
    ///
    /// # Errors
    ///
    /// As [`Scrip::sign_order`].
    pub async fn sign_order_by(
        &self,
        standard: PaymentStandard,
        order: RouterOrder,
        signer: &(impl Signer + Sync + ?Sized),
    ) -> Result<SignedOrder> {
        let token = self.token_of(order.plan).await?;
        let mut payment = self.sign_payment(standard, &order, token, signer).await?;
        if let SignedPayment::Eip2612 { order_signature, .. } = &mut payment {
            *order_signature = Some(self.sign_consent(&order, signer).await?);
        }
        Ok(SignedOrder { order, token, payment, consent: None })
    }

    /// Signs an order itself: the holder's consent to a gift.
    pub async fn sign_consent(
        &self,
        order: &RouterOrder,
        signer: &(impl Signer + Sync + ?Sized),
    ) -> Result<Bytes> {
        let signature = typed_data::sign(signer, &order.typed_data(&self.router_domain())).await?;
        Ok(signature.as_bytes().into())
    }

    /// Whether a signer's order with this nonce was sent, by whichever standard, or cancelled.
    pub async fn is_order_nonce_used(&self, signer: Address, nonce: U256) -> Result<bool> {
        Ok(self.router_instance().isNonceUsed(signer, nonce).call().await?)
    }

    /// The token that a plan is ordered with; the zero address is the native coin, and for nothing.
    async fn token_of(&self, plan: PlanId) -> Result<Address> {
        Ok(match self.plan(plan).await?.terms.price {
            Price::Fixed { token, .. } | Price::Quoted { token, .. } => token,
            Price::Free | Price::Fiat { .. } | Price::PerUse { .. } => Address::ZERO,
        })
    }
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Sends an order that its payer has signed; the signer pays only the gas.
    ///
    /// # Errors
    ///
    /// A refusal of the router or of the core. A token that does not take the signature reverts in its own words.
    pub async fn send_order(&self, signed: &SignedOrder) -> Result<Done<Ordered>> {
        let call = self.order_call(signed);
        let intent = Intent::of_call(&call);
        let receipt = match self.done_before(intent).await? {
            Some(receipt) => receipt,
            None => self.send_as(intent, self.key(), call).await?,
        };
        Done::read::<IScrip::PlanOrdered>(self.address(), &receipt)
    }

    /// The call of the router that sends an order.
    pub(crate) fn order_call(&self, signed: &SignedOrder) -> TransactionRequest {
        let SignedOrder { order, token, payment, consent } = signed.clone();
        let (router, order, consent) = (self.router_instance(), order.into(), consent.unwrap_or_default());
        match payment {
            SignedPayment::Eip3009 { signature } => {
                router.orderWithAuthorization(order, token, signature, consent).into_transaction_request()
            }
            SignedPayment::Eip2612 { signature, order_signature } => {
                let permit = IRouter::Permit {
                    value: order.maxPrice,
                    deadline: order.deadline,
                    v: 27 + u8::from(signature.v()),
                    r: signature.r().into(),
                    s: signature.s().into(),
                };
                let order_signature = order_signature.unwrap_or_default();
                router
                    .orderWithPermit(order, token, permit, order_signature, consent)
                    .into_transaction_request()
            }
            SignedPayment::Permit2 { signature } => {
                router.orderWithPermit2(order, token, signature, consent).into_transaction_request()
            }
        }
    }

    /// Orders a gift with its holder's consent, paid by the signer, who is the order's payer: in the native coin, or in a token
    /// of which what is missing is approved for the router first.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientFunds`], or a refusal of the router or of the core.
    pub async fn order_with_consent(&self, order: &RouterOrder, consent: Bytes) -> Result<Purchase> {
        let intent = Intent::of("order_with_consent", &(order, &consent))?;
        if let Some(receipt) = self.done_before(intent).await? {
            let ordered = Done::read::<IScrip::PlanOrdered>(self.address(), &receipt)?;
            return Ok(Purchase { ordered, approvals: Vec::new() });
        }
        let paid = self.pay_with_consent(intent, order, consent).await;
        let (receipt, approvals) = self.paid_or_done(intent, paid).await?;
        let ordered = Done::read::<IScrip::PlanOrdered>(self.address(), &receipt)?;
        Ok(Purchase { ordered, approvals })
    }

    async fn pay_with_consent(
        &self,
        intent: Intent,
        order: &RouterOrder,
        consent: Bytes,
    ) -> Result<(TransactionReceipt, Vec<Receipt>)> {
        let token = self.token_of(order.plan).await?;
        let mut approvals = Vec::new();
        let mut value = U256::ZERO;
        if token.is_zero() {
            let item = Item {
                quantity: order.quantity,
                max_price: Some(order.max_price),
                data: order.data.clone(),
                ..Item::new(order.plan, order.holder)
            };
            value = self.bill(&item).await?.needed;
        } else {
            self.check_funds(self.signer(), token, order.max_price).await?;
            approvals = self.approve_for(self.router(), token, order.max_price).await?;
        }
        let router = self.router_instance();
        let call = router.orderWithConsent(order.clone().into(), token, consent).value(value);
        let receipt = self.send_as(intent, self.key(), call.into_transaction_request()).await?;
        Ok((receipt, approvals))
    }

    /// Cancels the signer's order with this nonce, as payer or as holder, sent or not. An authorization by EIP-3009, and a
    /// transfer by Permit2, must be cancelled at the token and at Permit2.
    pub async fn cancel_order(&self, nonce: U256) -> Result<Done<NoncesCancelled>> {
        self.cancel_orders(nonce >> 8, U256::ONE << nonce.byte(0)).await
    }

    /// Cancels the signer's orders with the nonces `256 * word + i` for each bit `i` of the mask, as [`Scrip::cancel_order`].
    pub async fn cancel_orders(&self, word: U256, mask: U256) -> Result<Done<NoncesCancelled>> {
        let receipt = self.send(self.router_instance().cancelNonces(word, mask)).await?;
        Done::read::<IRouter::NoncesCancelled>(self.router(), &receipt)
    }
}

impl From<RouterOrder> for IRouter::Order {
    fn from(order: RouterOrder) -> Self {
        let RouterOrder { plan, holder, quantity, max_price, data, payer, nonce, deadline } = order;
        Self {
            planId: plan.0,
            holder,
            quantity,
            maxPrice: max_price,
            data,
            payer,
            nonce,
            deadline: U256::from(deadline),
        }
    }
}

impl From<IRouter::NoncesCancelled> for NoncesCancelled {
    fn from(event: IRouter::NoncesCancelled) -> Self {
        Self { signer: event.signer, word: event.word, mask: event.mask }
    }
}
