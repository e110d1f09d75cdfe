//! How tokens are paid with by a signature, and what is signed for it.

use alloy::{
    contract::{CallBuilder, CallDecoder},
    dyn_abi::TypedData,
    primitives::{Address, B256, U256, address},
    providers::Provider,
    signers::Signer,
    sol,
    sol_types::{Eip712Domain, eip712_domain},
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, RouterOrder, Scrip, SignedPayment,
    abi::IERC20,
    typed_data::{self, typed_data},
};

/// The contract of signature transfers, at this address on nearly every chain.
pub const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");

/// A standard by which a signature pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentStandard {
    /// `receiveWithAuthorization` of the token. One signature pays exactly one order.
    Eip3009,
    /// `permit` of the token. A second signature, over the order, says what for, unless the payer itself sends it.
    Eip2612,
    /// Permit2, which the payer has approved the token for. One signature pays exactly one order.
    Permit2,
}

mod signed {
    alloy::sol! {
        #![sol(extra_derives(serde::Serialize))]

        struct ReceiveWithAuthorization {
            address from;
            address to;
            uint256 value;
            uint256 validAfter;
            uint256 validBefore;
            bytes32 nonce;
        }

        struct Permit {
            address owner;
            address spender;
            uint256 value;
            uint256 nonce;
            uint256 deadline;
        }

        struct TokenPermissions {
            address token;
            uint256 amount;
        }

        struct Order {
            uint256 planId;
            address holder;
            uint32 quantity;
            uint256 maxPrice;
            bytes data;
            address payer;
            uint256 nonce;
            uint256 deadline;
        }

        struct PermitWitnessTransferFrom {
            TokenPermissions permitted;
            address spender;
            uint256 nonce;
            uint256 deadline;
            Order witness;
        }
    }
}

sol! {
    #[sol(rpc)]
    interface ISigningToken {
        function name() external view returns (string);
        function version() external view returns (string);
        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function eip712Domain() external view returns (
            bytes1 fields,
            string name,
            string version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] extensions
        );
        function nonces(address owner) external view returns (uint256);
        function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);
    }
}

impl<P: Provider> Scrip<P> {
    /// By which standards a payer can pay an amount of a token by signature, the best first; none of the native coin.
    pub async fn payment_standards(
        &self,
        token: Address,
        payer: Address,
        amount: U256,
    ) -> Result<Vec<PaymentStandard>> {
        if token.is_zero() {
            return Ok(Vec::new());
        }
        let mut standards = Vec::new();
        let contract = ISigningToken::new(token, self.provider());
        if self.domain_of(token).await?.is_some() {
            if answer(contract.authorizationState(payer, B256::ZERO)).await?.is_some() {
                standards.push(PaymentStandard::Eip3009);
            }
            if answer(contract.nonces(payer)).await?.is_some()
                && answer(contract.DOMAIN_SEPARATOR()).await?.is_some()
            {
                standards.push(PaymentStandard::Eip2612);
            }
        }
        let allowed = answer(IERC20::new(token, self.provider()).allowance(payer, PERMIT2)).await?;
        if !amount.is_zero() && allowed.is_some_and(|allowed| allowed >= amount) {
            standards.push(PaymentStandard::Permit2);
        }
        Ok(standards)
    }

    /// Signs the payment of an order; of EIP-2612 the permit alone.
    pub(crate) async fn sign_payment(
        &self,
        standard: PaymentStandard,
        order: &RouterOrder,
        token: Address,
        signer: &(impl Signer + Sync + ?Sized),
    ) -> Result<SignedPayment> {
        let data = self.payment_data(standard, order, token).await?;
        let signature = typed_data::sign(signer, &data).await?;
        Ok(match standard {
            PaymentStandard::Eip3009 => SignedPayment::Eip3009 { signature: signature.as_bytes().into() },
            PaymentStandard::Eip2612 => SignedPayment::Eip2612 { signature, order_signature: None },
            PaymentStandard::Permit2 => SignedPayment::Permit2 { signature: signature.as_bytes().into() },
        })
    }

    /// What is signed for the payment of an order.
    async fn payment_data(
        &self,
        standard: PaymentStandard,
        order: &RouterOrder,
        token: Address,
    ) -> Result<TypedData> {
        let unable = Error::CannotSign { token, payer: order.payer, chain_id: self.chain_id() };
        let deadline = U256::from(order.deadline);
        Ok(match standard {
            PaymentStandard::Eip3009 => {
                let authorization = signed::ReceiveWithAuthorization {
                    from: order.payer,
                    to: self.router(),
                    value: order.max_price,
                    validAfter: U256::ZERO,
                    validBefore: deadline,
                    nonce: order.signing_hash(&self.router_domain()),
                };
                typed_data(&authorization, &self.domain_of(token).await?.ok_or(unable)?)
            }
            PaymentStandard::Eip2612 => {
                let Some(domain) = self.domain_of(token).await? else { return Err(unable) };
                let nonces = ISigningToken::new(token, self.provider());
                let permit = signed::Permit {
                    owner: order.payer,
                    spender: self.router(),
                    value: order.max_price,
                    nonce: answer(nonces.nonces(order.payer)).await?.ok_or(unable)?,
                    deadline,
                };
                typed_data(&permit, &domain)
            }
            PaymentStandard::Permit2 => {
                let transfer = signed::PermitWitnessTransferFrom {
                    permitted: signed::TokenPermissions { token, amount: order.max_price },
                    spender: self.router(),
                    nonce: order.nonce,
                    deadline,
                    witness: order.clone().into(),
                };
                let domain = eip712_domain! {
                    name: "Permit2",
                    chain_id: self.chain_id(),
                    verifying_contract: PERMIT2,
                };
                typed_data(&transfer, &domain)
            }
        })
    }

    /// The domain that a token's signatures are for, if it tells one that can be this token's on this chain: nothing is signed
    /// that another contract would take.
    async fn domain_of(&self, token: Address) -> Result<Option<Eip712Domain>> {
        let contract = ISigningToken::new(token, self.provider());
        let separator = answer(contract.DOMAIN_SEPARATOR()).await?;
        let told = if let Some(told) = answer(contract.eip712Domain()).await? {
            let has = |bit: u8| told.fields[0] & bit != 0;
            Eip712Domain {
                name: has(1).then(|| told.name.clone().into()),
                version: has(2).then(|| told.version.clone().into()),
                chain_id: has(4).then_some(told.chainId),
                verifying_contract: has(8).then_some(told.verifyingContract),
                salt: has(16).then_some(told.salt),
            }
        } else if separator.is_some()
            && let Some(name) = answer(contract.name()).await?
        {
            let version = answer(contract.version()).await?.unwrap_or_else(|| "1".to_owned());
            eip712_domain! {
                name: name,
                version: version,
                chain_id: self.chain_id(),
                verifying_contract: token,
            }
        } else {
            return Ok(None);
        };
        let is_its_own = told.chain_id == Some(U256::from(self.chain_id()))
            && told.verifying_contract == Some(token)
            && separator.is_none_or(|separator| separator == told.separator());
        Ok(is_its_own.then_some(told))
    }
}

/// What a contract answers; nothing when it does not know the question.
async fn answer<Q: Provider, D: CallDecoder + Unpin>(
    call: CallBuilder<Q, D>,
) -> Result<Option<D::CallOutput>> {
    match call.call().await {
        Ok(answer) => Ok(Some(answer)),
        Err(alloy::contract::Error::TransportError(error)) if error.as_error_resp().is_none() => {
            Err(error.into())
        }
        Err(_) => Ok(None),
    }
}

impl From<RouterOrder> for signed::Order {
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
