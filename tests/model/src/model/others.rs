//! Others whom the core asks: holders with code, hooks, price sources and signers.

use alloy::primitives::{Address, B256, Bytes, Signature, U256};

use super::{Model, Part, Plan, demand};
use crate::{
    abi::IScrip,
    cast::{KEYED, Who},
    step::Manner,
};

/// How much of an error the core passes on.
const MAX_REASON: usize = 256;

/// How a chameleon behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// In which manner.
    pub manner: Manner,
    /// What it says, or calls the core with.
    pub words: Bytes,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { manner: Manner::Accept(U256::ZERO), words: Bytes::new() }
    }
}

impl Model {
    /// Whether there is code at an address.
    pub(crate) fn has_code(&self, account: Address) -> bool {
        match self.cast.name(account) {
            None | Some(Who::Zero | Who::Nobody | Who::Skimmed) => false,
            Some(who) => who == Who::Dora || !KEYED.contains(&who),
        }
    }

    /// Asks a chameleon anything: yes, or its words, or an error.
    pub(crate) fn ask(
        &mut self,
        who: Address,
        may_call: bool,
        is_bounded: bool,
    ) -> Result<Option<Bytes>, Bytes> {
        let behaviour = self.behaviours.get(&who).cloned().unwrap_or_default();
        match behaviour.manner {
            Manner::Accept(_) => Ok(None),
            Manner::Refuse(_) => Err(behaviour.words),
            Manner::Say(_) => Ok(Some(behaviour.words)),
            Manner::Burn => {
                self.gas_is_gone |= !is_bounded;
                Err(Bytes::new())
            }
            Manner::Reenter(_) => {
                if may_call && self.busy.insert(who) {
                    self.call_back(who, &behaviour.words, is_bounded);
                    self.busy.remove(&who);
                }
                Ok(None)
            }
        }
    }

    /// Whether a holder with code accepts credits.
    pub(crate) fn accepts_credits(&mut self, holder: Address) -> bool {
        if self.behaviours.contains_key(&holder) {
            return self.ask(holder, true, true) == Ok(None);
        }
        self.cast.name(holder) == Some(Who::Acceptor)
    }

    /// Asks the plan's hook, where its terms have this call of it.
    pub(crate) fn ask_hook(&mut self, id: U256, plan: &Plan, call: u8) -> Part<()> {
        if plan.terms.hook.calls & call == 0 {
            return Ok(());
        }
        self.demand_gas()?;
        let hook = plan.terms.hook.account;
        let answer =
            if self.behaviours.contains_key(&hook) { self.ask(hook, true, true) } else { Err(Bytes::new()) };
        let refusal = match answer {
            Ok(None) => None,
            Ok(Some(words)) | Err(words) => Some(words),
        };
        demand(refusal.is_none(), || IScrip::HookRefused {
            planId: id,
            hook,
            reason: shortened(refusal.unwrap_or_default()),
        })
    }

    /// What the plan's price source asks.
    pub(crate) fn quote(&mut self, id: U256, plan: &Plan) -> Part<U256> {
        self.demand_gas()?;
        let source = plan.terms.price.source;
        let (price, reason) = match self.behaviours.get(&source) {
            Some(Behaviour { manner: Manner::Accept(price), .. }) => (Some(*price), Bytes::new()),
            Some(Behaviour { manner: Manner::Reenter(_), .. }) => (Some(U256::ZERO), Bytes::new()),
            Some(Behaviour { manner: Manner::Say(_), words }) => {
                (words.get(..32).map(U256::from_be_slice), words.clone())
            }
            Some(Behaviour { manner: Manner::Refuse(_), words }) => (None, words.clone()),
            _ => (None, Bytes::new()),
        };
        demand(price.is_some(), || IScrip::QuoteFailed { planId: id, source, reason: shortened(reason) })?;
        Ok(price.unwrap_or_default())
    }

    /// Whether a signature is somebody's: by its key, or else by its code.
    pub(crate) fn is_signed(&mut self, signer: Address, digest: B256, signature: &[u8]) -> bool {
        let by_key = signature.len() == 65
            && Signature::from_raw(signature).is_ok_and(|signature| {
                signature.normalize_s().is_none()
                    && signature.recover_address_from_prehash(&digest).is_ok_and(|found| found == signer)
            });
        by_key || (self.behaviours.contains_key(&signer) && self.ask(signer, false, true) == Ok(None))
    }
}

fn shortened(reason: Bytes) -> Bytes {
    reason.slice(..reason.len().min(MAX_REASON))
}
