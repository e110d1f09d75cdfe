//! From a step, which names people and places, to a transaction, which has addresses, ids and signatures.

use std::{borrow::Cow, collections::BTreeMap};

use alloy::{
    primitives::{Address, B256, Bytes, FixedBytes, Signature, U256, Uint, keccak256},
    signers::SignerSync,
    sol_types::{Eip712Domain, SolCall, SolStruct},
};

use crate::{
    abi::{
        IChameleon,
        IScrip::{self, GrantKind, Payee, PriceKind, Terms},
        IToken,
    },
    cast::{CHAIN_ID, Cast, Who},
    model::{Behaviour, u40},
    step::{Action, BatchSpec, Flaw, Manner, PurchaseSpec, Slot, TermsSpec, VoucherSpec},
};

/// A transaction, or a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tx {
    /// Time passes.
    Warp(u64),
    /// A chameleon is told how to behave.
    Behave {
        /// Which.
        at: Address,
        /// How.
        behaviour: Behaviour,
    },
    /// The tricky dollar is told whom not to pay.
    SetBlocked {
        /// Whom.
        account: Address,
        /// Whether not.
        blocked: bool,
    },
    /// The tricky dollar is told what to call the core with before it pays.
    Arm(Option<Bytes>),
    /// Tokens out of nothing, for whoever asks.
    Fund {
        /// Which.
        token: Address,
        /// Who gets them.
        account: Address,
        /// How many.
        amount: U256,
    },
    /// What the core may move.
    Approve {
        /// Of which token.
        token: Address,
        /// How much.
        amount: U256,
    },
    /// A call of the core.
    Core {
        /// The coin that is sent along.
        value: U256,
        /// The bytes.
        call: Bytes,
    },
}

/// What turns steps into transactions: who takes part, and which plan has which place.
#[derive(Debug, Clone)]
pub struct Resolver {
    /// Who takes part.
    pub cast: Cast,
    /// The plans by their places.
    pub slots: BTreeMap<Slot, U256>,
}

impl Tx {
    /// Whom to call, with how much coin and which bytes; nobody for a pause.
    pub fn message(&self, cast: &Cast) -> Option<(Address, U256, Bytes)> {
        let core = cast.at(Who::Core);
        let tricky = cast.at(Who::TrickyDollar);
        let (to, data) = match self {
            Self::Warp(_) => return None,
            Self::Core { value, call } => return Some((core, *value, call.clone())),
            Self::Behave { at, behaviour } => (*at, behave(core, behaviour)),
            Self::SetBlocked { account, blocked } => {
                (tricky, IToken::setBlockedCall { account: *account, isBlocked: *blocked }.abi_encode())
            }
            Self::Arm(message) => {
                let target = if message.is_some() { core } else { Address::ZERO };
                (
                    tricky,
                    IToken::armCall { target, message: message.clone().unwrap_or_default() }.abi_encode(),
                )
            }
            Self::Fund { token, account, amount } => {
                (*token, IToken::mintCall { account: *account, amount: *amount }.abi_encode())
            }
            Self::Approve { token, amount } => {
                (*token, IToken::approveCall { spender: core, amount: *amount }.abi_encode())
            }
        };
        Some((to, U256::ZERO, data.into()))
    }
}

fn behave(core: Address, behaviour: &Behaviour) -> Vec<u8> {
    let (mode, price) = match &behaviour.manner {
        Manner::Accept(price) => (0, *price),
        Manner::Refuse(_) => (1, U256::ZERO),
        Manner::Say(_) => (2, U256::ZERO),
        Manner::Burn => (3, U256::ZERO),
        Manner::Reenter(_) => (4, U256::ZERO),
    };
    IChameleon::behaveCall { mode, target: core, price, words: behaviour.words.clone() }.abi_encode()
}

impl Resolver {
    /// The plan of a place.
    pub fn plan(&self, slot: Slot) -> U256 {
        let nothing = || U256::from_be_bytes(keccak256([slot]).0);
        self.slots.get(&slot).copied().unwrap_or_else(nothing)
    }

    /// The transaction of a step.
    pub fn tx(&self, by: Who, action: &Action) -> Tx {
        match action {
            Action::Warp { seconds } => Tx::Warp(*seconds),
            Action::Behave { who, manner } => {
                let words = match manner {
                    Manner::Accept(_) | Manner::Burn => Bytes::new(),
                    Manner::Refuse(length) | Manner::Say(length) => words(*length),
                    Manner::Reenter(action) => self.data(action),
                };
                Tx::Behave { at: self.cast.at(*who), behaviour: Behaviour { manner: manner.clone(), words } }
            }
            Action::SetBlocked { account, blocked } => {
                Tx::SetBlocked { account: self.cast.at(*account), blocked: *blocked }
            }
            Action::ArmToken { action } => Tx::Arm(action.as_ref().map(|action| self.data(action))),
            Action::Fund { token, amount } => {
                Tx::Fund { token: self.cast.at(*token), account: self.cast.at(by), amount: *amount }
            }
            Action::Approve { token, amount } => Tx::Approve { token: self.cast.at(*token), amount: *amount },
            action => Tx::Core { value: value_of(action), call: self.data(action) },
        }
    }

    /// What the core is called with; nothing for a step that does not call it.
    pub fn data(&self, action: &Action) -> Bytes {
        use Action as A;
        let at = |who: &Who| self.cast.at(*who);
        let data = match action {
            A::CreatePlan { salt, terms, .. } => {
                IScrip::createPlanCall { terms: self.terms(terms), salt: B256::with_last_byte(*salt) }
                    .abi_encode()
            }
            A::SetOpen { plan, open } => {
                IScrip::setOpenCall { planId: self.plan(*plan), open: *open }.abi_encode()
            }
            A::TransferOwnership { plan, to } => {
                IScrip::transferOwnershipCall { planId: self.plan(*plan), newOwner: at(to) }.abi_encode()
            }
            A::AcceptOwnership { plan } => {
                IScrip::acceptOwnershipCall { planId: self.plan(*plan) }.abi_encode()
            }
            A::SetOperator { plan, operator, permissions } => IScrip::setOperatorCall {
                planId: self.plan(*plan),
                operator: at(operator),
                permissions: *permissions,
            }
            .abi_encode(),
            A::SetFee { receiver, rate } => {
                IScrip::setFeeCall { receiver: at(receiver), rate: *rate }.abi_encode()
            }
            A::OfferFeeControl { to } => IScrip::offerFeeControlCall { newController: at(to) }.abi_encode(),
            A::AcceptFeeControl => IScrip::acceptFeeControlCall {}.abi_encode(),
            A::RenounceFeeControl => IScrip::renounceFeeControlCall {}.abi_encode(),
            A::Order { plan, holder, quantity, max_price, .. } => IScrip::orderCall {
                planId: self.plan(*plan),
                holder: at(holder),
                quantity: *quantity,
                maxPrice: *max_price,
            }
            .abi_encode(),
            A::OrderMany { purchases, .. } => {
                let purchases = purchases.iter().map(|purchase| self.purchase(purchase)).collect();
                IScrip::orderManyCall { purchases }.abi_encode()
            }
            A::OrderFor { purchase, payer, token, consented, .. } => IScrip::orderForCall {
                purchase: self.purchase(purchase),
                payer: at(payer),
                token: at(token),
                consented: *consented,
            }
            .abi_encode(),
            A::Settle { plan, holder, quantity, payment } => IScrip::settleCall {
                planId: self.plan(*plan),
                holder: at(holder),
                quantity: *quantity,
                paymentId: payment_id(*payment),
            }
            .abi_encode(),
            A::TakeBack { plan, payment, amount } => IScrip::takeBackCall {
                planId: self.plan(*plan),
                paymentId: payment_id(*payment),
                amount: *amount,
            }
            .abi_encode(),
            A::ReverseTakeBack { plan, payment } => {
                let paymentId = payment_id(*payment);
                IScrip::reverseTakeBackCall { planId: self.plan(*plan), paymentId }.abi_encode()
            }
            A::Mint { plan, holder, amount } => {
                IScrip::mintCall { planId: self.plan(*plan), holder: at(holder), amount: *amount }
                    .abi_encode()
            }
            A::MintExpirable { plan, holder, amount, duration } => IScrip::mintExpirableCall {
                planId: self.plan(*plan),
                holder: at(holder),
                amount: *amount,
                duration: *duration,
            }
            .abi_encode(),
            A::Burn { plan, holder, amount } => {
                IScrip::burnCall { planId: self.plan(*plan), holder: at(holder), amount: *amount }
                    .abi_encode()
            }
            A::Redeem { plan, holder, amount, request } => IScrip::redeemCall {
                planId: self.plan(*plan),
                holder: at(holder),
                amount: *amount,
                requestId: *request,
            }
            .abi_encode(),
            A::RedeemWithoutId { plan, holder, amount } => {
                let (planId, holder) = (self.plan(*plan), at(holder));
                IScrip::redeemWithoutIdCall { planId, holder, amount: *amount }.abi_encode()
            }
            A::RedeemMany { batches } => {
                IScrip::redeemManyCall { batches: self.batches(batches) }.abi_encode()
            }
            A::RedeemWithVoucher { voucher, amount } => {
                let build = |maximum| self.voucher(voucher, maximum);
                IScrip::redeemWithVoucherCall {
                    voucher: build(voucher.maximum),
                    amount: *amount,
                    signature: self.sign(voucher, build),
                }
                .abi_encode()
            }
            A::RedeemInSession { voucher, amount, request } => {
                let build = |maximum| self.session_voucher(voucher, maximum);
                IScrip::redeemInSessionCall {
                    voucher: build(voucher.maximum),
                    amount: *amount,
                    requestId: *request,
                    signature: self.sign(voucher, build),
                }
                .abi_encode()
            }
            A::RevokeVouchers { word, mask } => {
                IScrip::revokeVouchersCall { word: U256::from(*word), mask: *mask }.abi_encode()
            }
            A::RevokeSession { plan, redeemer, session } => IScrip::revokeSessionCall {
                planId: self.plan(*plan),
                redeemer: at(redeemer),
                session: U256::from(*session),
            }
            .abi_encode(),
            A::Multicall { actions, skip } => {
                let calls = actions.iter().map(|action| self.data(action)).collect();
                IScrip::multicallCall { calls, skip: *skip }.abi_encode()
            }
            A::Transfer { plan, to, kind } => self.transfer(*plan, at(to), *kind),
            A::Unknown { selector, .. } => selector.to_be_bytes().to_vec(),
            A::BalanceOfBatch { accounts, plans } => IScrip::balanceOfBatchCall {
                accounts: accounts.iter().map(at).collect(),
                ids: plans.iter().map(|plan| self.plan(*plan)).collect(),
            }
            .abi_encode(),
            A::ViewPlan { plan, kind } => self.view(self.plan(*plan), *kind),
            A::Warp { .. }
            | A::Behave { .. }
            | A::SetBlocked { .. }
            | A::ArmToken { .. }
            | A::Fund { .. }
            | A::Approve { .. } => Vec::new(),
        };
        data.into()
    }

    fn batches(&self, batches: &[BatchSpec]) -> Vec<IScrip::Batch> {
        let part = |(holder, amount, request): &(Who, u64, U256)| IScrip::Use {
            holder: self.cast.at(*holder),
            amount: *amount,
            requestId: *request,
        };
        let batch = |(plan, uses): &BatchSpec| IScrip::Batch {
            planId: self.plan(*plan),
            uses: uses.iter().map(part).collect(),
        };
        batches.iter().map(batch).collect()
    }

    fn transfer(&self, plan: Slot, to: Address, kind: u8) -> Vec<u8> {
        let id = self.plan(plan);
        let from = self.cast.at(Who::Ann);
        let (value, data) = (U256::from(1), Bytes::new());
        match kind % 3 {
            0 => IScrip::safeTransferFromCall { from, to, id, value, data }.abi_encode(),
            1 => IScrip::safeBatchTransferFromCall { from, to, ids: vec![id], values: vec![value], data }
                .abi_encode(),
            _ => IScrip::setApprovalForAllCall { operator: to, approved: true }.abi_encode(),
        }
    }

    fn view(&self, id: U256, kind: u8) -> Vec<u8> {
        let someone = self.cast.at(Who::Ann);
        match kind % 8 {
            0 => IScrip::planCall { planId: id }.abi_encode(),
            1 => IScrip::uriCall { id }.abi_encode(),
            2 => IScrip::lotsOfCall { planId: id, holder: someone }.abi_encode(),
            3 => IScrip::accessEndCall { planId: id, holder: someone }.abi_encode(),
            4 => IScrip::permissionsOfCall { planId: id, operator: someone }.abi_encode(),
            5 => IScrip::isApprovedForAllCall { account: someone, operator: someone }.abi_encode(),
            6 => IScrip::supportsInterfaceCall { interfaceId: FixedBytes([0xd9, 0xb6, 0x7a, 0x26]) }
                .abi_encode(),
            _ => IScrip::routerCall {}.abi_encode(),
        }
    }

    fn purchase(&self, purchase: &PurchaseSpec) -> IScrip::Purchase {
        IScrip::Purchase {
            planId: self.plan(purchase.plan),
            holder: self.cast.at(purchase.holder),
            quantity: purchase.quantity,
            maxPrice: purchase.max_price,
            data: vec![0x5c; purchase.data.into()].into(),
        }
    }

    /// The terms in full.
    pub fn terms(&self, spec: &TermsSpec) -> Terms {
        let mut currency = [0; 3];
        currency.iter_mut().zip(spec.currency.bytes()).for_each(|(place, byte)| *place = byte);
        let payee = |(who, share): &(Who, u16)| Payee { account: self.cast.at(*who), share: *share };
        Terms {
            name: "n".repeat(spec.name_length.into()),
            uri: "u".repeat(spec.uri_length.into()),
            price: IScrip::Price {
                kind: PriceKind::try_from(spec.price_kind).unwrap_or(PriceKind::Free),
                token: self.cast.at(spec.token),
                amount: Uint::from(spec.amount),
                currency: FixedBytes(currency),
                source: self.cast.at(spec.source),
            },
            payees: spec.payees.iter().map(payee).collect(),
            grant: IScrip::Grant {
                kind: if spec.is_time { GrantKind::Time } else { GrantKind::Credits },
                credits: spec.credits,
                duration: spec.duration,
            },
            redemption: IScrip::Redemption {
                minimum: spec.range.0,
                maximum: spec.range.1,
                redeemers: spec.redeemers,
                voucherRequired: spec.voucher_required,
            },
            revocable: spec.revocable,
            limits: IScrip::Limits { perHolder: spec.limits.0, inAll: spec.limits.1 },
            hook: IScrip::Hook { account: self.cast.at(spec.hook.0), calls: spec.hook.1 },
        }
    }

    fn voucher(&self, spec: &VoucherSpec, maximum: u64) -> IScrip::Voucher {
        IScrip::Voucher {
            planId: self.plan(spec.plan),
            holder: self.cast.at(spec.holder),
            redeemer: self.cast.at(spec.redeemer),
            maximum,
            nonce: U256::from(spec.number),
            deadline: u40(spec.deadline),
        }
    }

    fn session_voucher(&self, spec: &VoucherSpec, maximum: u64) -> IScrip::SessionVoucher {
        IScrip::SessionVoucher {
            planId: self.plan(spec.plan),
            holder: self.cast.at(spec.holder),
            redeemer: self.cast.at(spec.redeemer),
            maximum,
            session: U256::from(spec.number),
            deadline: u40(spec.deadline),
        }
    }

    fn sign<V: SolStruct>(&self, spec: &VoucherSpec, build: impl Fn(u64) -> V) -> Bytes {
        let mut domain = domain(self.cast.at(Who::Core));
        match spec.flaw {
            Flaw::Chain => domain.chain_id = Some(U256::from(CHAIN_ID + 1)),
            Flaw::Contract => domain.verifying_contract = Some(self.cast.at(Who::Router)),
            _ => {}
        }
        let maximum = spec.maximum ^ u64::from(spec.flaw == Flaw::Field);
        let digest = build(maximum).eip712_signing_hash(&domain);
        let key = self.cast.key(spec.signer);
        let Some(signature) = key.and_then(|key| key.sign_hash_sync(&digest).ok()) else {
            return Bytes::from_static(&[0x5c; 65]);
        };
        match spec.flaw {
            Flaw::Empty => Bytes::new(),
            Flaw::Short => Bytes::copy_from_slice(&signature.as_bytes()[..64]),
            Flaw::HighS => high(signature).as_bytes().into(),
            _ => signature.as_bytes().into(),
        }
    }
}

/// The other signature of the same message by the same key, which has a high `s`.
fn high(signature: Signature) -> Signature {
    let order =
        alloy::primitives::uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    Signature::new(signature.r(), order - signature.s(), !signature.v())
}

/// The domain of what holders sign.
pub fn domain(core: Address) -> Eip712Domain {
    Eip712Domain {
        name: Some(Cow::Borrowed("Scrip")),
        version: Some(Cow::Borrowed("1")),
        chain_id: Some(U256::from(CHAIN_ID)),
        verifying_contract: Some(core),
        salt: None,
    }
}

/// The payment processor's id of a payment.
pub fn payment_id(payment: u8) -> String {
    format!("pi_{payment}")
}

/// The coin that a step sends along.
fn value_of(action: &Action) -> U256 {
    match action {
        Action::Order { value, .. }
        | Action::OrderMany { value, .. }
        | Action::OrderFor { value, .. }
        | Action::Unknown { value, .. } => *value,
        _ => U256::ZERO,
    }
}

/// So many bytes, 0 but for the last of each word, which is 1.
fn words(length: u16) -> Bytes {
    (1..=length).map(|place| u8::from(place % 32 == 0)).collect()
}
