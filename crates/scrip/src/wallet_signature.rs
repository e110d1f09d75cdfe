//! Whose signature something is: a key's, a contract wallet's by ERC-1271, or by ERC-6492 that of a wallet yet to be deployed.

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, Signature, U256, b256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::SolValue,
};

use crate::{Error, Result, Scrip, Signed, deployment::committed};

/// What a wrapped signature ends with.
const WRAPPED: B256 = b256!("6492649264926492649264926492649264926492649264926492649264926492");

/// Whether a signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Refused,
    Accepted,
    /// Once this was called.
    AcceptedAfter(Deployment),
}

/// How a wallet gets deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    pub(crate) factory: Address,
    pub(crate) data: Bytes,
}

impl<V> Signed<V> {
    /// Wraps the signature of a wallet that is yet to be deployed, as ERC-6492 has it, with whom to call with what to deploy it.
    pub fn by_wallet_of(self, factory: Address, data: Bytes) -> Self {
        let wrapped = (factory, data, self.signature).abi_encode_params();
        Self { signature: [&wrapped, WRAPPED.as_slice()].concat().into(), ..self }
    }

    /// The signature as contracts take it: without the wrapping of ERC-6492, if it has one.
    pub fn bare_signature(&self) -> Bytes {
        unwrap(&self.signature).0
    }
}

/// The signature itself, and how to deploy the wallet that made it, if that is told.
fn unwrap(signature: &Bytes) -> (Bytes, Option<Deployment>) {
    let wrapped = signature.strip_suffix(WRAPPED.as_slice());
    match wrapped.map(<(Address, Bytes, Bytes)>::abi_decode_params) {
        Some(Ok((factory, data, signature))) => (signature, Some(Deployment { factory, data })),
        _ => (signature.clone(), None),
    }
}

impl<P: Provider> Scrip<P> {
    /// Whether an account has signed a digest, as the core would see it: by its key, as a contract wallet by ERC-1271, or by ERC-6492
    /// as one that is yet to be deployed.
    ///
    /// # Errors
    ///
    /// When the node fails.
    pub async fn is_signed_by(&self, signer: Address, digest: B256, signature: &Bytes) -> Result<bool> {
        let verdict = verify(self.provider(), signer, digest, signature, BlockId::latest()).await?;
        Ok(verdict != Verdict::Refused)
    }
}

/// Whether the core would take a signature in a block, or after a wallet was deployed.
pub(crate) async fn verify(
    provider: &impl Provider,
    signer: Address,
    digest: B256,
    signature: &Bytes,
    block: BlockId,
) -> Result<Verdict> {
    let (signature, deployment) = unwrap(signature);
    if is_by_key(signer, digest, &signature) {
        return Ok(Verdict::Accepted);
    }
    let Deployment { factory, data } = deployment.clone().unwrap_or(Deployment::NONE);
    let arguments = (signer, digest, signature, factory, data).abi_encode_params();
    let probe = committed(include_str!("../artifacts/SignatureProbe.hex"));
    let run = TransactionRequest::default().with_deploy_code([&probe[..], &arguments].concat());
    let answer = provider.call(run).block(block).await?;
    match (U256::try_from_be_slice(&answer).and_then(|answer| u8::try_from(answer).ok()), deployment) {
        (Some(0), _) => Ok(Verdict::Refused),
        (Some(1), _) => Ok(Verdict::Accepted),
        (Some(2), Some(deployment)) => Ok(Verdict::AcceptedAfter(deployment)),
        _ => Err(Error::UnexpectedAnswer("something else than the probe of signatures says")),
    }
}

/// Whether it is the signature of an account's own key, in the only form that the core takes.
fn is_by_key(signer: Address, digest: B256, signature: &[u8]) -> bool {
    let is_strict = signature.len() == 65 && matches!(signature[64], 27 | 28);
    let recovered = || {
        let signature = Signature::from_raw(signature).ok()?;
        let is_low = signature.normalize_s().is_none();
        signature.recover_address_from_prehash(&digest).ok().filter(|_| is_low)
    };
    is_strict && recovered() == Some(signer)
}

impl Deployment {
    const NONE: Self = Self { factory: Address::ZERO, data: Bytes::new() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_is_unwrapped() {
        let bare = Bytes::from_static(&[1, 2, 3]);
        let signed = Signed { voucher: (), signature: bare.clone() };
        assert_eq!((signed.bare_signature(), unwrap(&signed.signature).1), (bare.clone(), None));
        let deployment = Deployment { factory: Address::repeat_byte(7), data: Bytes::from_static(&[9; 40]) };
        let wrapped = signed.by_wallet_of(deployment.factory, deployment.data.clone());
        assert_eq!(unwrap(&wrapped.signature), (bare, Some(deployment)));
        let cut = Bytes::copy_from_slice(&wrapped.signature[64..]);
        assert_eq!(unwrap(&cut), (cut, None), "it ends like one, but is none");
    }
}
