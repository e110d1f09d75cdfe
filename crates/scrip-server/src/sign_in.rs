//! Logging in with an own wallet, by a message of ERC-4361 ("Sign-In with Ethereum") that it signs.

use alloy::primitives::{Address, Bytes, hex, keccak256};
use axum::http::{Uri, uri::Authority};
use jiff::Timestamp;
use siwe::{Message, TimeStamp};

use crate::{
    account::as_i64,
    problem::{Problem, ProblemKind},
    state::State,
};

/// For how long a nonce may be signed, in seconds.
const SIGNED_WITHIN: u64 = 600;

/// For how long a nonce that was used is kept after its end, in seconds: as far as the clocks of replicas may be apart.
const KEPT: i64 = 3_600;

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
    /// What is to be signed, by whoever wants to log in. Nothing of it is kept: anybody may ask for it.
    pub(crate) fn ask_to_sign_in(&self) -> Result<Asked, Problem> {
        let Place { uri, domain } = self.place()?;
        let expires_at = self.now() + SIGNED_WITHIN;
        let nonce = self.nonce(expires_at, rand::random());
        let chain_id = self.chain.scrip().chain_id();
        Ok(Asked { domain: domain.to_string(), uri: uri.clone(), chain_id, nonce, expires_at })
    }

    /// A nonce that ends at some time, and shows that it was given here.
    fn nonce(&self, expires_at: u64, random: [u8; 16]) -> String {
        let said = [&expires_at.to_be_bytes()[..], &random].concat();
        let seal = keccak256([&self.nonce_key[..], &said].concat());
        hex::encode([&said, &seal[..16]].concat())
    }

    /// When a nonce ends that was given here.
    fn end_of_nonce(&self, nonce: &str) -> Option<u64> {
        let said: [u8; 40] = hex::decode_to_array(nonce).ok()?;
        let expires_at = u64::from_be_bytes(said[..8].try_into().ok()?);
        let random = said[8..24].try_into().ok()?;
        // One that is forged would still have to be signed by the wallet, and is used up as any other.
        (self.nonce(expires_at, random) == nonce).then_some(expires_at)
    }

    /// Uses a nonce up, with which somebody has logged in; whether it was not before.
    async fn use_nonce(&self, nonce: &str, expires_at: u64) -> Result<bool, Problem> {
        sqlx::query("DELETE FROM sign_ins WHERE expires_at <= $1")
            .bind(self.now_i64() - KEPT)
            .execute(&mut *self.in_turn().await?)
            .await?;
        let used = sqlx::query(
            "INSERT INTO sign_ins (nonce, expires_at) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING",
        )
        .bind(nonce)
        .bind(as_i64(expires_at))
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(used.rows_affected() == 1)
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
        // Wallets show both, and warn of the domain alone.
        let uri: Option<Uri> = read.uri.as_str().parse().ok();
        if uri.as_ref().and_then(Uri::authority) != Some(&place.domain) {
            return Err(refused(format!("it was signed for {}, and this is {}", read.uri, place.uri)));
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
        let ends = self.end_of_nonce(&read.nonce).filter(|&ends| self.now() < ends);
        let is_new = match ends {
            Some(ends) => self.use_nonce(&read.nonce, ends).await?,
            None => false,
        };
        if !is_new {
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
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(())
    }
}
