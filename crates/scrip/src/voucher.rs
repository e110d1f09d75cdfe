//! What holders sign, so that a redeemer may redeem their credits.

use alloy::{
    dyn_abi::TypedData,
    primitives::{Address, B256, Bytes, U256, aliases::U40},
    providers::{Provider, WalletProvider},
    signers::Signer,
    sol_types::{Eip712Domain, SolStruct, eip712_domain},
};
use serde::{Deserialize, Serialize};

use crate::{
    Done, Error, PlanId, RequestId, Result, Scrip,
    abi::IScrip,
    typed_data::{self, typed_data},
};

/// Lets one redeemer redeem once, up to an amount. Whatever it takes, the voucher is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Voucher {
    /// The plan.
    pub plan: PlanId,
    /// Who signs, and whose credits.
    pub holder: Address,
    /// Who may redeem; the terms must let it, too.
    pub redeemer: Address,
    /// The most credits, or uses, that may be taken.
    pub maximum: u64,
    /// Any number that the holder has not used yet; numbered densely, 256 share a storage word.
    pub nonce: U256,
    /// The last second in which it is valid, in unix seconds.
    pub deadline: u64,
}

/// Lets one redeemer redeem again and again up to a total. A later one of the same session with a higher total continues it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionVoucher {
    /// The plan.
    pub plan: PlanId,
    /// Who signs, and whose credits.
    pub holder: Address,
    /// Who may redeem; the terms must let it, too.
    pub redeemer: Address,
    /// The most credits, or uses, that may be taken in the session, what was taken before included.
    pub maximum: u64,
    /// Any number; totals are counted for each plan, holder, redeemer and session.
    pub session: U256,
    /// The last second in which it is valid, in unix seconds.
    pub deadline: u64,
}

/// A voucher with its holder's signature, as it is handed to the redeemer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signed<V> {
    /// What is signed.
    pub voucher: V,
    /// The holder's signature: of 65 bytes, or whatever a holder that is a contract accepts; of a wallet that is yet to be
    /// deployed wrapped as ERC-6492 has it.
    pub signature: Bytes,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Voucher {}
    impl Sealed for super::SessionVoucher {}
}

/// What a holder can sign, a [`Voucher`] or a [`SessionVoucher`], and nothing else.
pub trait Signable: Copy + sealed::Sealed {
    /// What is signed, by EIP-712.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDeadline`] when the deadline is beyond 40 bits.
    fn signing_hash(&self, domain: &Eip712Domain) -> Result<B256>;

    /// The same for a wallet that is elsewhere, as JSON what `eth_signTypedData_v4` takes: its signature makes a [`Signed`].
    ///
    /// # Errors
    ///
    /// As [`Signable::signing_hash`].
    fn typed_data(&self, domain: &Eip712Domain) -> Result<TypedData>;
}

impl Signable for Voucher {
    fn signing_hash(&self, domain: &Eip712Domain) -> Result<B256> {
        Ok(IScrip::Voucher::try_from(*self)?.eip712_signing_hash(domain))
    }

    fn typed_data(&self, domain: &Eip712Domain) -> Result<TypedData> {
        Ok(typed_data(&IScrip::Voucher::try_from(*self)?, domain))
    }
}

impl Signable for SessionVoucher {
    fn signing_hash(&self, domain: &Eip712Domain) -> Result<B256> {
        Ok(IScrip::SessionVoucher::try_from(*self)?.eip712_signing_hash(domain))
    }

    fn typed_data(&self, domain: &Eip712Domain) -> Result<TypedData> {
        Ok(typed_data(&IScrip::SessionVoucher::try_from(*self)?, domain))
    }
}

/// What was taken in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The credits, or uses, taken so far.
    pub spent: u64,
    /// Whether the holder has ended it.
    pub revoked: bool,
}

/// Credits were redeemed by a voucher, which is used up. On a time plan nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VoucherRedeemed {
    /// The plan.
    pub plan: PlanId,
    /// Whose they were.
    pub holder: Address,
    /// Who redeemed them.
    pub redeemer: Address,
    /// How many.
    pub amount: u64,
    /// The voucher's nonce.
    pub nonce: U256,
}

/// Credits were redeemed in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionSpent {
    /// The plan.
    pub plan: PlanId,
    /// Whose they were.
    pub holder: Address,
    /// Who redeemed them.
    pub redeemer: Address,
    /// The session.
    pub session: U256,
    /// What was taken in it so far.
    pub spent: u64,
}

/// A holder revoked vouchers: those with the nonces `256 * word + i` for each bit `i` of the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VouchersRevoked {
    /// The holder.
    pub holder: Address,
    /// Which 256 nonces.
    pub word: U256,
    /// Which of them.
    pub mask: U256,
}

/// A holder ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionRevoked {
    /// The plan.
    pub plan: PlanId,
    /// The holder.
    pub holder: Address,
    /// The redeemer.
    pub redeemer: Address,
    /// The session.
    pub session: U256,
}

impl<P: Provider> Scrip<P> {
    /// What signatures are bound to: this contract on this chain.
    pub fn domain(&self) -> Eip712Domain {
        eip712_domain! {
            name: "Scrip",
            version: "1",
            chain_id: self.chain_id(),
            verifying_contract: self.address(),
        }
    }

    /// Signs a voucher, with the holder's key, as typed data, which hardware wallets sign, too.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDeadline`] when the deadline is beyond 40 bits, [`Error::Signer`] when the signer fails.
    pub async fn sign<V: Signable>(
        &self,
        voucher: V,
        signer: &(impl Signer + Sync + ?Sized),
    ) -> Result<Signed<V>> {
        let signature = typed_data::sign(signer, &voucher.typed_data(&self.domain())?).await?;
        Ok(Signed { voucher, signature: signature.as_bytes().into() })
    }

    /// Whether a holder's voucher with this nonce was redeemed, or revoked.
    pub async fn is_voucher_used(&self, holder: Address, nonce: U256) -> Result<bool> {
        Ok(self.instance().isVoucherUsed(holder, nonce).call().await?)
    }

    /// What was taken in a session.
    pub async fn session(
        &self,
        plan: PlanId,
        holder: Address,
        redeemer: Address,
        session: U256,
    ) -> Result<Session> {
        let session = self.instance().sessionOf(plan.0, holder, redeemer, session).call().await?;
        Ok(Session { spent: session.spent, revoked: session.revoked })
    }
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Redeems with a voucher for the signer, which is used up even when less than its maximum is taken.
    pub async fn redeem_with_voucher(
        &self,
        voucher: &Signed<Voucher>,
        amount: u64,
    ) -> Result<Done<VoucherRedeemed>> {
        let signature = voucher.bare_signature();
        let call = self.instance().redeemWithVoucher(voucher.voucher.try_into()?, amount, signature);
        self.write::<_, IScrip::VoucherRedeemed, _>(call).await
    }

    /// Redeems in a session, for a request, exactly once for each plan, signer and request.
    ///
    /// # Errors
    ///
    /// [`Error::is_already_redeemed`] tells that an earlier call did it.
    pub async fn redeem_in_session(
        &self,
        voucher: &Signed<SessionVoucher>,
        amount: u64,
        request: impl Into<RequestId>,
    ) -> Result<Done<SessionSpent>> {
        let (signature, request) = (voucher.bare_signature(), request.into().0);
        let call = self.instance().redeemInSession(voucher.voucher.try_into()?, amount, request, signature);
        self.write::<_, IScrip::SessionSpent, _>(call).await
    }

    /// Revokes the signer's voucher with this nonce, used or not.
    pub async fn revoke_voucher(&self, nonce: U256) -> Result<Done<VouchersRevoked>> {
        self.revoke_vouchers(nonce >> 8, U256::ONE << nonce.byte(0)).await
    }

    /// Revokes the signer's vouchers with the nonces `256 * word + i` for each bit `i` of the mask, used or not.
    pub async fn revoke_vouchers(&self, word: U256, mask: U256) -> Result<Done<VouchersRevoked>> {
        self.write::<_, IScrip::VouchersRevoked, _>(self.instance().revokeVouchers(word, mask)).await
    }

    /// Ends a session of the signer: no voucher of it can be redeemed any more.
    pub async fn revoke_session(
        &self,
        plan: PlanId,
        redeemer: Address,
        session: U256,
    ) -> Result<Done<SessionRevoked>> {
        self.write::<_, IScrip::SessionRevoked, _>(self.instance().revokeSession(plan.0, redeemer, session))
            .await
    }
}

fn deadline(deadline: u64) -> Result<U40> {
    U40::try_from(deadline).map_err(|_| Error::InvalidDeadline(deadline))
}

impl TryFrom<Voucher> for IScrip::Voucher {
    type Error = Error;

    fn try_from(voucher: Voucher) -> Result<Self> {
        Ok(Self {
            planId: voucher.plan.0,
            holder: voucher.holder,
            redeemer: voucher.redeemer,
            maximum: voucher.maximum,
            nonce: voucher.nonce,
            deadline: deadline(voucher.deadline)?,
        })
    }
}

impl TryFrom<SessionVoucher> for IScrip::SessionVoucher {
    type Error = Error;

    fn try_from(voucher: SessionVoucher) -> Result<Self> {
        Ok(Self {
            planId: voucher.plan.0,
            holder: voucher.holder,
            redeemer: voucher.redeemer,
            maximum: voucher.maximum,
            session: voucher.session,
            deadline: deadline(voucher.deadline)?,
        })
    }
}

impl From<IScrip::VoucherRedeemed> for VoucherRedeemed {
    fn from(event: IScrip::VoucherRedeemed) -> Self {
        let IScrip::VoucherRedeemed { planId, holder, redeemer, amount, nonce } = event;
        Self { plan: PlanId(planId), holder, redeemer, amount, nonce }
    }
}

impl From<IScrip::SessionSpent> for SessionSpent {
    fn from(event: IScrip::SessionSpent) -> Self {
        let IScrip::SessionSpent { planId, holder, redeemer, session, spent } = event;
        Self { plan: PlanId(planId), holder, redeemer, session, spent }
    }
}

impl From<IScrip::VouchersRevoked> for VouchersRevoked {
    fn from(event: IScrip::VouchersRevoked) -> Self {
        Self { holder: event.holder, word: event.word, mask: event.mask }
    }
}

impl From<IScrip::SessionRevoked> for SessionRevoked {
    fn from(event: IScrip::SessionRevoked) -> Self {
        let IScrip::SessionRevoked { planId, holder, redeemer, session } = event;
        Self { plan: PlanId(planId), holder, redeemer, session }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_beyond_40_bits_are_refused() {
        let voucher = Voucher {
            plan: PlanId(U256::ONE),
            holder: Address::ZERO,
            redeemer: Address::ZERO,
            maximum: 1,
            nonce: U256::ZERO,
            deadline: 1 << 40,
        };
        let error = voucher.signing_hash(&Eip712Domain::default()).unwrap_err();
        assert_eq!(error.to_string(), "a deadline of 1099511627776, later than fits, 1099511627775");
    }
}
