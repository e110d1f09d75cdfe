//! What can go wrong.

use std::time::Duration;

use alloy::{
    contract,
    primitives::{Address, B256, Bytes, ChainId, TxHash, U256},
    signers,
    sol_types::decode_revert_reason,
    transports::{RpcError, TransportError},
};

use crate::{
    CREATE2_DEPLOYER, Refusal,
    abi::{IScrip::IScripErrors, IServices::IServicesErrors},
    journal::JournalError,
    outbox::Waiting,
};

/// The result of everything that the client does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. [`Error::hint`] says what to do about it, where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A contract of Scrip refused the call. Nothing was changed.
    #[error("{0}")]
    Refused(Refusal),

    /// A call was reverted by something else than Scrip, such as a token.
    #[error("the call was reverted: {}", reason(.0))]
    Reverted(Bytes),

    /// A transaction was mined and reverted, and gas was paid.
    #[error("transaction {transaction} was mined and reverted: {}", .refusal.as_ref().map_or_else(
        || "the reason is not known".to_owned(), ToString::to_string))]
    MinedRevert {
        /// The transaction.
        transaction: TxHash,
        /// Why, if the same call is refused now.
        refusal: Option<Refusal>,
    },

    /// The provider is on another chain than was asked for.
    #[error("this is chain {found}, not chain {asked}")]
    WrongChain {
        /// The chain asked for.
        asked: ChainId,
        /// The chain found.
        found: ChainId,
    },

    /// There is no Scrip of this version at the address.
    #[error("{} at {address} on chain {chain_id}", if *.empty { "there is no contract" } else { "there is another contract" })]
    NotScrip {
        /// The address.
        address: Address,
        /// The chain.
        chain_id: ChainId,
        /// Whether there is no code at all.
        empty: bool,
    },

    /// There is no ERC-20 at the address.
    #[error("there is no ERC-20 token with a symbol and decimals at {address} on chain {chain_id}")]
    NotAToken {
        /// The address.
        address: Address,
        /// The chain.
        chain_id: ChainId,
    },

    /// The payer has less than the price.
    #[error("{payer} has {available} base units of {}, {needed} are needed", token_name(.token))]
    InsufficientFunds {
        /// Who would pay.
        payer: Address,
        /// The token; zero for the native coin.
        token: Address,
        /// The price in base units.
        needed: U256,
        /// What the payer has, in base units.
        available: U256,
    },

    /// A text is no amount of a token.
    #[error("`{amount}` is no amount of {symbol}: {reason}")]
    InvalidAmount {
        /// The text.
        amount: String,
        /// The token's name.
        symbol: String,
        /// Why not.
        reason: String,
    },

    /// A text is no id of a plan.
    #[error("`{0}` is no id of a plan: it is a number, or 0x and up to 64 hex digits")]
    InvalidPlanId(String),

    /// A text is no id of a service.
    #[error("`{0}` is no id of a service: it is 0x and 64 hex digits")]
    InvalidDid(String),

    /// A text is no URL of a node.
    #[error("the node's URL is no good: {0}")]
    InvalidEndpoint(String),

    /// Not a lifetime of credits, nor a period of access.
    #[error("{0:?} cannot be the lifetime of credits or a period of access: those are whole seconds, 1 to {max}", max = u32::MAX)]
    InvalidDuration(Duration),

    /// A token cannot be paid with by a signature.
    #[error(
        "token {token} on chain {chain_id} is not paid with by a signature: it knows neither EIP-3009 nor EIP-2612, or does \
         not tell its domain, and {payer} has not approved it for Permit2"
    )]
    CannotSign {
        /// The token.
        token: Address,
        /// Who would pay.
        payer: Address,
        /// The chain.
        chain_id: ChainId,
    },

    /// A text is no currency.
    #[error("`{0}` is no currency: it has three capital letters, such as USD")]
    InvalidCurrency(String),

    /// A voucher's deadline does not fit.
    #[error("a deadline of {0}, later than fits, {max}", max = (1_u64 << 40) - 1)]
    InvalidDeadline(u64),

    /// A signer could not sign.
    #[error(transparent)]
    Signer(#[from] signers::Error),

    /// There is no CREATE2 deployer on the chain.
    #[error("there is no CREATE2 deployer at {CREATE2_DEPLOYER} on chain {chain_id}")]
    NoCreate2Deployer {
        /// The chain.
        chain_id: ChainId,
    },

    /// A record of a deployment says otherwise than the chain.
    #[error("the record's {field} is {recorded}, but it is {found}")]
    RecordDiffers {
        /// What it is about.
        field: &'static str,
        /// What the record says.
        recorded: String,
        /// What the chain, or this version of Scrip, says.
        found: String,
    },

    /// A limit of no orders at all.
    #[error("a limit of 0 orders: leave the limit out, or stop the plan's orders")]
    ZeroLimit,

    /// A price does not fit a plan.
    #[error("a price of {amount} base units is more than a plan can hold, {maximum}")]
    PriceTooLarge {
        /// The price.
        amount: u128,
        /// The most that fits.
        maximum: U256,
    },

    /// The contract knows a kind of price or grant that this client does not.
    #[error("a kind of {0} that this client does not know")]
    UnknownKind(&'static str),

    /// The node answered something that Scrip cannot have said.
    #[error("the node answered {0}")]
    UnexpectedAnswer(&'static str),

    /// A reorg has removed blocks below all that a history still knows.
    #[error("a reorg goes deeper than the history remembers: block {block} was {told}, and is now {found}")]
    ReorgTooDeep {
        /// The lowest block that is known.
        block: u64,
        /// Its hash as it was.
        told: B256,
        /// Its hash now.
        found: B256,
    },

    /// A cursor is of another contract.
    #[error("the cursor is of {told_contract} on chain {told_chain}, not of {contract} on chain {chain_id}")]
    OtherCursor {
        /// The chain of the cursor.
        told_chain: ChainId,
        /// The contract of the cursor.
        told_contract: Address,
        /// The chain of the client.
        chain_id: ChainId,
        /// The contract of the client.
        contract: Address,
    },

    /// A text is no cursor.
    #[error("that is no cursor of a history: {0}")]
    InvalidCursor(String),

    /// An event does not follow from those that were told before it.
    #[error("{position} does not follow from the events before it: {reason}")]
    HistoryGap {
        /// The place of the event.
        position: String,
        /// Why not.
        reason: String,
    },

    /// The contract could not be called, or its answer not read.
    #[error(transparent)]
    Contract(contract::Error),

    /// The node could not be asked, or refused.
    #[error(transparent)]
    Transport(TransportError),

    /// A transaction was signed, and what became of it is not known yet. It may be done, or still come to be.
    #[error("what became of transaction {transaction} is not known yet: {waiting}")]
    Pending {
        /// The transaction.
        transaction: TxHash,
        /// The key under which it can be repeated.
        key: Option<String>,
        /// What has to happen first.
        waiting: Box<Waiting>,
    },

    /// Another transaction took the nonce: the account's own, signed by somebody else who has its key, or one with its authorisation
    /// (EIP-7702). Nothing was done. That is as certain as the blocks are that
    /// [`Scrip::with_confirmations`](crate::Scrip::with_confirmations) asks for; if a reorganisation takes that transaction away, only
    /// who asks for the write again under its key brings it back.
    #[error("transaction {transaction} cannot be done: {by} has taken nonce {nonce} of the account")]
    Superseded {
        /// The transaction.
        transaction: TxHash,
        /// Its nonce.
        nonce: u64,
        /// The transaction that was mined instead.
        by: TxHash,
    },

    /// The write was cancelled, by [`Scrip::cancel`](crate::Scrip::cancel). Nothing was done.
    #[error("the write was cancelled: transaction {transaction}, which does nothing, has its nonce")]
    Cancelled {
        /// The transaction that took its nonce.
        transaction: TxHash,
        /// The key of the write.
        key: Option<String>,
    },

    /// To cancel a write takes a higher fee than the client may pay.
    #[error(
        "to cancel the write takes a fee of {needed} wei for a unit of gas, and at most {most} may be paid"
    )]
    CancelTooDear {
        /// What it takes, in wei for a unit of gas.
        needed: u128,
        /// The most that the client may pay, in wei for a unit of gas.
        most: u128,
    },

    /// A transaction takes more gas than one may have: than a block has, or than EIP-7825 allows, 16,777,216. Nothing was signed.
    #[error("the transaction takes {needed} gas, and no block has more than {most} for one")]
    TooMuchGas {
        /// What it takes, or was to be given by [`Scrip::untried`](crate::Scrip::untried).
        needed: u64,
        /// The most that it may have.
        most: u64,
    },

    /// There is no write with a key.
    #[error("nothing was signed under the key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
    },

    /// The key of a write stands for another write.
    #[error("the key `{key}` stands for another write")]
    KeyReused {
        /// The key.
        key: String,
    },

    /// A signature was to pay, and there is no key to sign with.
    #[error("{payer} is to pay by a signature, but the client has no key to sign with")]
    NoSigningKey {
        /// Who would pay.
        payer: Address,
    },

    /// A batch was to pay, and the account has no code for it.
    #[error("{account} has no code that makes several calls in one")]
    NoBatches {
        /// Who would pay.
        account: Address,
    },

    /// The journal could not be read or written. Nothing was sent that is not in it; what was done before under the key of the write
    /// may be in it.
    #[error("the journal: {0}")]
    Journal(#[source] JournalError),

    /// The wallet could not sign a transaction.
    #[error("the transaction could not be signed: {0}")]
    Signing(String),
}

impl Error {
    /// What the core said no to, if it did.
    pub fn refusal(&self) -> Option<&IScripErrors> {
        match self.refused_by() {
            Some(Refusal::Scrip(error)) => Some(error),
            _ => None,
        }
    }

    /// What a contract of Scrip said no to, if one did.
    pub const fn refused_by(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::MinedRevert { refusal: Some(refusal), .. } => Some(refusal),
            _ => None,
        }
    }

    /// Whether it is not known yet what became of the write: its transaction is pending, or the journal does not say whether there
    /// is one. All other errors are certain: it was not done.
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. } | Self::Journal(_))
    }

    /// Whether this redeemer has redeemed the request before, so that nothing is left to do.
    pub fn is_already_redeemed(&self) -> bool {
        matches!(self.refusal(), Some(IScripErrors::RequestAlreadyRedeemed(_)))
    }

    /// Whether the payment was settled before, so that nothing is left to do.
    pub fn is_already_settled(&self) -> bool {
        matches!(self.refusal(), Some(IScripErrors::PaymentAlreadySettled(_)))
    }

    /// Whether the holder has too few credits, or no access.
    pub fn is_insufficient_credits(&self) -> bool {
        matches!(self.refusal(), Some(IScripErrors::InsufficientCredits(_) | IScripErrors::NoAccess(_)))
    }

    /// Whether there is no such plan.
    pub fn is_plan_not_found(&self) -> bool {
        matches!(self.refusal(), Some(IScripErrors::PlanNotFound(_)))
    }

    /// Whether the caller may not do this.
    pub fn is_not_allowed(&self) -> bool {
        if let Some(Refusal::Services(error)) = self.refused_by() {
            use IServicesErrors as E;
            return matches!(**error, E::NotServiceOwner(_) | E::NotPendingServiceOwner(_));
        }
        matches!(
            self.refusal(),
            Some(
                IScripErrors::NotPlanOwner(_)
                    | IScripErrors::NotPendingOwner(_)
                    | IScripErrors::NotFeeController(_)
                    | IScripErrors::NotPendingFeeController(_)
                    | IScripErrors::NotRouter(_)
                    | IScripErrors::NotSettler(_)
                    | IScripErrors::NotMinter(_)
                    | IScripErrors::NotRedeemer(_)
                    | IScripErrors::NotBurner(_)
                    | IScripErrors::GiftNotAllowed(_)
                    | IScripErrors::VoucherRequired(_)
                    | IScripErrors::WrongRedeemer(_)
            )
        )
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused(refusal) | Self::MinedRevert { refusal: Some(refusal), .. } => {
                refusal.hint()?.to_owned()
            }
            Self::WrongChain { asked, .. } => format!("use an endpoint of chain {asked}"),
            Self::NotScrip { empty: true, .. } => {
                "deploy Scrip there first, or name the address where it is".to_owned()
            }
            Self::NotScrip { empty: false, .. } => {
                "name the address where this version of Scrip is; another version needs another client"
                    .to_owned()
            }
            Self::NotAToken { .. } => "use the zero address for the native coin".to_owned(),
            Self::InsufficientFunds { payer, .. } => format!("send some to {payer} first"),
            Self::NoCreate2Deployer { .. } => {
                "see https://github.com/Arachnid/deterministic-deployment-proxy for how to put it there"
                    .to_owned()
            }
            Self::RecordDiffers { .. } => {
                "verify a record with the version of Scrip that made it, on the chain that it names"
                    .to_owned()
            }
            Self::CannotSign { .. } => {
                "order from the payer's own account, which approves the token".to_owned()
            }
            Self::Pending { key: Some(key), .. } => format!("repeat it under its key, `{key}`"),
            Self::ReorgTooDeep { .. } => {
                "what was told is not all on the chain any more: undo it, read again from a block before it, and remember more \
                 with a wider window"
                    .to_owned()
            }
            Self::OtherCursor { .. } => "keep a cursor for each contract and chain".to_owned(),
            Self::InvalidCursor(_) => "start from a block, or from a cursor as it was printed".to_owned(),
            Self::HistoryGap { .. } => {
                "begin with the block in which the contract was deployed or the plan created, take every kind of event, each \
                 once and in order"
                    .to_owned()
            }
            Self::Pending { transaction, .. } => format!("look {transaction} up before you try again"),
            Self::Superseded { .. } => {
                "let one journal have all writes of the account, and ask again under another key".to_owned()
            }
            Self::NoBatches { .. } => {
                "delegate the account to a batch executor (EIP-7702, ERC-7821), or pay in another way"
                    .to_owned()
            }
            Self::NoSigningKey { .. } => "give it one by `Scrip::signing_with`".to_owned(),
            Self::Cancelled { .. } => "ask again under another key".to_owned(),
            Self::CancelTooDear { .. } => {
                "allow it more, by `Scrip::with_max_fee_per_gas` or `Scrip::with_max_raise`".to_owned()
            }
            Self::TooMuchGas { .. } => "do less at once, in several transactions".to_owned(),
            Self::UnknownKey { .. } => {
                "name a key as it was given, to the account and the journal that have it".to_owned()
            }
            Self::KeyReused { .. } => "give each write a key of its own".to_owned(),
            _ => return None,
        })
    }

    /// Of a call to a token, which may revert with what looks like an error of Scrip.
    pub(crate) fn of_token(error: impl Into<Self>) -> Self {
        match error.into() {
            Self::Refused(refusal) => Self::Reverted(refusal.abi_encode()),
            Self::MinedRevert { transaction, .. } => Self::MinedRevert { transaction, refusal: None },
            other => other,
        }
    }

    /// A revert that Scrip or another contract gave the reason of.
    pub(crate) fn from_revert(data: Bytes) -> Self {
        Refusal::decode(&data).map_or_else(|| Self::Reverted(data), Self::Refused)
    }
}

impl From<contract::Error> for Error {
    fn from(error: contract::Error) -> Self {
        match error {
            contract::Error::TransportError(error) => error.into(),
            error => Self::Contract(error),
        }
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        let revert = match &error {
            RpcError::ErrorResp(answer) => answer.as_revert_data(),
            _ => None,
        };
        revert.map_or_else(|| Self::Transport(error), Self::from_revert)
    }
}

pub(crate) fn reason(data: &Bytes) -> String {
    decode_revert_reason(data).unwrap_or_else(|| format!("{data}"))
}

fn token_name(token: &Address) -> String {
    if token.is_zero() { "the native coin".to_owned() } else { format!("token {token}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_go_wherever_errors_go() {
        fn check<E: std::error::Error + Send + Sync + 'static>() {}
        check::<Error>();
    }
}
