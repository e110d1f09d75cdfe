//! What the core answers when it is asked.

use alloy::{
    primitives::{Address, FixedBytes, U256},
    sol_types::SolCall,
};

use super::{Answer, Model, Plan, demand, ledger::told, plans::plan_id, redemptions::place_of, u40};
use crate::{
    abi::IScrip::{self, IScripCalls, Lot},
    cast::Who,
};

/// The interfaces of ERC-165, ERC-1155 and its metadata extension.
const INTERFACES: [u32; 3] = [0x01ff_c9a7, 0xd9b6_7a26, 0x0e89_341c];

impl Model {
    /// The answer to a question.
    pub fn answer(&self, call: IScripCalls) -> Answer {
        use IScripCalls as C;
        let books = &self.state.books;
        Ok(match call {
            C::balanceOf(call) => {
                IScrip::balanceOfCall::abi_encode_returns(&self.told_balance(call.id, call.account))
            }
            C::balanceOfBatch(call) => return self.balances(call),
            C::isApprovedForAll(_) => IScrip::isApprovedForAllCall::abi_encode_returns(&false),
            C::supportsInterface(call) => {
                let known = INTERFACES.map(FixedBytes::from).contains(&call.interfaceId);
                IScrip::supportsInterfaceCall::abi_encode_returns(&known)
            }
            C::uri(call) => IScrip::uriCall::abi_encode_returns(&self.existing(call.id)?.terms.uri),
            C::plan(call) => {
                let Plan { owner, pending, open, ordered, terms, .. } = self.existing(call.planId)?;
                let plan = IScrip::Plan { owner, pendingOwner: pending, open, ordered, terms };
                IScrip::planCall::abi_encode_returns(&plan)
            }
            C::permissionsOf(call) => {
                let permissions = self.existing(call.planId)?.permissions(call.operator);
                IScrip::permissionsOfCall::abi_encode_returns(&permissions)
            }
            C::computePlanId(call) => {
                let id = plan_id(self.cast.at(Who::Core), call.creator, &call.terms, call.salt);
                IScrip::computePlanIdCall::abi_encode_returns(&id)
            }
            C::lotsOf(call) => {
                self.existing(call.planId)?;
                IScrip::lotsOfCall::abi_encode_returns(&self.lots(call.planId, call.holder))
            }
            C::accessEnd(call) => {
                self.existing(call.planId)?;
                let holding = books.holdings.get(&(call.planId, call.holder));
                IScrip::accessEndCall::abi_encode_returns(&u40(holding.map_or(0, |holding| holding.end)))
            }
            C::ordersOf(call) => {
                let holding = books.holdings.get(&(call.planId, call.holder));
                IScrip::ordersOfCall::abi_encode_returns(&holding.map_or(0, |holding| holding.orders))
            }
            C::isRedeemed(call) => {
                let key = (call.planId, call.redeemer, call.requestId);
                IScrip::isRedeemedCall::abi_encode_returns(&books.requests.contains(&key))
            }
            C::isVoucherUsed(call) => {
                let (word, bit) = place_of(call.nonce);
                let used = books.nonces.get(&(call.holder, word)).is_some_and(|bits| bits.bit(bit));
                IScrip::isVoucherUsedCall::abi_encode_returns(&used)
            }
            C::sessionOf(call) => {
                let key = (call.planId, call.holder, call.redeemer, call.session);
                let (spent, revoked) = books.sessions.get(&key).copied().unwrap_or_default();
                IScrip::sessionOfCall::abi_encode_returns(&IScrip::Session { spent, revoked })
            }
            C::settlementOf(call) => {
                let settlement = books.settlements.get(&(call.planId, call.paymentKey)).cloned();
                IScrip::settlementOfCall::abi_encode_returns(&settlement.unwrap_or_else(nothing_settled))
            }
            C::fee(_) => IScrip::feeCall::abi_encode_returns(&IScrip::Fee {
                receiver: books.fee_receiver,
                rate: books.fee_rate,
                controller: books.controller,
                pendingController: books.pending_controller,
            }),
            C::router(_) => IScrip::routerCall::abi_encode_returns(&self.cast.at(Who::Router)),
            _ => return Err(Vec::new()),
        })
    }

    fn told_balance(&self, id: U256, holder: Address) -> U256 {
        U256::from(self.balance(id, holder))
    }

    fn balances(&self, call: IScrip::balanceOfBatchCall) -> Answer {
        demand(call.accounts.len() == call.ids.len(), || IScrip::ERC1155InvalidArrayLength {
            idsLength: U256::from(call.ids.len()),
            valuesLength: U256::from(call.accounts.len()),
        })?;
        let pairs = call.ids.iter().zip(&call.accounts);
        let balances: Vec<_> = pairs.map(|(id, account)| self.told_balance(*id, *account)).collect();
        Ok(IScrip::balanceOfBatchCall::abi_encode_returns(&balances))
    }

    /// The live lots, in the order of spending.
    pub fn lots(&self, id: U256, holder: Address) -> Vec<Lot> {
        let holding = self.state.books.holdings.get(&(id, holder)).cloned().unwrap_or_default();
        holding.live(self.now).map(|(expiry, amount)| Lot { amount, expiry: told(expiry) }).collect()
    }
}

fn nothing_settled() -> IScrip::Settlement {
    IScrip::Settlement {
        holder: Address::ZERO,
        expiry: u40(0),
        reversed: false,
        granted: 0,
        takenBack: 0,
        burned: 0,
    }
}
