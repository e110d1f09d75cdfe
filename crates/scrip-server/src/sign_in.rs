//! Logging in with an own wallet, by a message of ERC-4361 ("Sign-In with Ethereum") that it signs.

use alloy::primitives::{Address, Bytes, keccak256};
use axum::http::{Uri, uri::Authority};
use jiff::Timestamp;
use siwe::{Message, TimeStamp};
use sqlx::Row;

use crate::{
    account::as_i64,
    database::fresh_id,
    problem::{Problem, ProblemKind},
    state::State,
};

/// For how long a nonce may be signed, in seconds.
const SIGNED_WITHIN: u64 = 600;

/// What a message has to say to be taken here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) domain: String,
    pub(crate) uri: String,
    pub(crate) chain_id: u64,
    /// To be signed once.
    pub(crate) nonce: String,
    /// In unix seconds.
    pub(crate) expires_at: u64,
}

/// Where all reach the server: what wallets show to those who sign, so that what was signed for another place is nothing here.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    uri: String,
    domain: Authority,
}

impl Place {
    /// By the URL; nothing of one that has no host.
    pub(crate) fn new(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let domain = uri.authority()?.clone();
        Some(Self { uri: url.trim_end_matches('/').to_owned(), domain })
    }

    /// The host, and the port if it is not the usual one.
    pub(crate) fn domain(&self) -> &str {
        self.domain.as_str()
    }

    /// The URL, without a slash at its end.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }
}

impl State {
    /// What is to be signed, by whoever wants to log in.
    pub(crate) async fn ask_to_sign_in(&self) -> Result<Asked, Problem> {
        let Place { uri, domain } = self.place()?;
        let (nonce, expires_at) = (fresh_id(), self.now() + SIGNED_WITHIN);
        sqlx::query("DELETE FROM sign_ins WHERE expires_at <= $1")
            .bind(self.now_i64())
            .execute(&self.db)
            .await?;
        sqlx::query("INSERT INTO sign_ins (nonce, expires_at) VALUES ($1, $2)")
            .bind(&nonce)
            .bind(as_i64(expires_at))
            .execute(&self.db)
            .await?;
        let chain_id = self.chain.scrip().chain_id();
        Ok(Asked { domain: domain.to_string(), uri: uri.clone(), chain_id, nonce, expires_at })
    }

    /// Who has signed a message that was asked for here, and was not used before; it has an account from now on.
    pub(crate) async fn sign_in(&self, message: &str, signature: Bytes) -> Result<Address, Problem> {
        let place = self.place()?;
        let refused = |detail: String| {
            ProblemKind::NOT_SIGNED_IN.problem(detail).hint("sign what POST /api/v1/auth/siwe/nonce says")
        };
        let read: Message =
            message.parse().map_err(|error| refused(format!("this is no message of ERC-4361: {error}")))?;
        if read.domain.as_str() != place.domain.as_str() {
            return Err(refused(format!("it was signed for {}, and this is {}", read.domain, place.domain)));
        }
        let chain_id = self.chain.scrip().chain_id();
        if read.chain_id != chain_id {
            return Err(refused(format!(
                "it was signed for chain {}, and this is {chain_id}",
                read.chain_id
            )));
        }
        let time = |stamp: &TimeStamp| stamp.to_string().parse::<Timestamp>().map(Timestamp::as_second);
        let now = self.now_i64();
        let begun = read.not_before.as_ref().map(time).transpose();
        let ends = read.expiration_time.as_ref().map(time).transpose();
        let (Ok(begun), Ok(ends)) = (begun, ends) else {
            return Err(refused("its times cannot be read".to_owned()));
        };
        if begun.is_some_and(|begun| now < begun) || ends.is_some_and(|ends| now >= ends) {
            return Err(refused("it is not valid now, by the times that it says".to_owned()));
        }
        let account = Address::from(read.address);
        let prehash = read.eip191_bytes().map_err(|error| Problem::internal(&error))?;
        if !self.chain.scrip().is_signed_by(account, keccak256(prehash), &signature).await? {
            return Err(refused(format!("{account} has not signed it")));
        }
        // Last, so that nobody but its signer uses a nonce up.
        let nonce = sqlx::query("DELETE FROM sign_ins WHERE nonce = $1 RETURNING expires_at")
            .bind(&read.nonce)
            .fetch_optional(&self.db)
            .await?;
        let expires_at = nonce.map(|row| row.try_get::<i64, _>(0)).transpose()?;
        if expires_at.is_none_or(|expires_at| now >= expires_at) {
            return Err(refused(format!(
                "its nonce `{}` was not given here, was used, or has ended",
                read.nonce
            )));
        }
        self.own_wallet(account).await?;
        Ok(account)
    }

    fn place(&self) -> Result<&Place, Problem> {
        self.place.as_ref().ok_or_else(|| {
            ProblemKind::NOT_SET_UP
                .problem("nobody logs in with a wallet here: the server was not told where all reach it")
                .hint("start it with --public-url")
        })
    }

    /// An account of somebody who signs elsewhere; one that is there stays as it is.
    async fn own_wallet(&self, account: Address) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO accounts (address, name, sealed_key, created_at) VALUES ($1, $2, NULL, $3) \
             ON CONFLICT (address) DO NOTHING",
        )
        .bind(account.to_string())
        .bind("own wallet")
        .bind(self.now_i64())
        .execute(&self.db)
        .await?;
        Ok(())
    }
}
