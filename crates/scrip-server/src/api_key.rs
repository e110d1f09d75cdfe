//! API keys: what the SDKs read of them, and what the server does.

use std::fmt;

use alloy::primitives::{Address, B256};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{scope::Scopes, vault::MasterKey};

/// What stands before the token of a key. The SDKs take some words for environments of the reference's vendor; this is none.
const PREFIX: &str = "scrip";

/// What a key says. It is signed, not encrypted: whoever holds it can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Who signed it: this server.
    iss: String,
    /// The account, which the SDKs take for the caller's address.
    pub(crate) sub: Address,
    /// The key's id, by which it can be revoked.
    pub(crate) jti: B256,
    /// When it was made, in unix seconds.
    pub(crate) iat: u64,
    /// When it ends, in unix seconds.
    pub(crate) exp: u64,
    /// What it may be used for.
    pub(crate) scope: Scopes,
    /// What the Python SDK insists on: a key of a log keeper, of which there is none.
    o11y: String,
}

const ISSUER: &str = "scrip";

/// Signs API keys, and reads those that it has signed.
#[derive(Clone)]
pub(crate) struct KeySigner {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl KeySigner {
    pub(crate) fn new(master: &MasterKey) -> Self {
        let secret = master.derive("scrip api keys");
        Self { encoding: EncodingKey::from_secret(&*secret), decoding: DecodingKey::from_secret(&*secret) }
    }

    /// A new key of an account, as it is handed out.
    pub(crate) fn sign(
        &self,
        account: Address,
        id: B256,
        scope: Scopes,
        now: u64,
        expires_at: u64,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: account,
            jti: id,
            iat: now,
            exp: expires_at,
            scope,
            o11y: "none".to_owned(),
        };
        Ok(format!(
            "{PREFIX}:{}",
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)?
        ))
    }

    /// What a key says, if it is one of ours. Whether it has ended or was revoked is the caller's to see.
    pub(crate) fn read(&self, key: &str) -> Option<Claims> {
        let token = key.split_once(':').map_or(key, |(_, token)| token);
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        // By the server's own clock instead, with no leeway.
        validation.validate_exp = false;
        jsonwebtoken::decode(token, &self.decoding, &validation).ok().map(|read| read.claims)
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySigner(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_the_sdks_read() {
        let signer = KeySigner::new(&MasterKey::generate());
        let account = Address::repeat_byte(7);
        let key = signer.sign(account, B256::repeat_byte(1), Scopes::ALL, 5, 9).unwrap();
        let (prefix, token) = key.split_once(':').unwrap();
        assert!(!prefix.contains('.') && token.split('.').count() == 3 && !token.contains(':'));
        let claims = signer.read(&key).unwrap();
        assert_eq!((claims.sub, claims.iat, claims.exp), (account, 5, 9));
        assert!(!claims.o11y.is_empty());
    }

    #[test]
    fn what_this_server_did_not_sign_is_no_key() {
        let (ours, theirs) = (KeySigner::new(&MasterKey::generate()), KeySigner::new(&MasterKey::generate()));
        let key = theirs.sign(Address::ZERO, B256::ZERO, Scopes::ALL, 0, u64::MAX).unwrap();
        assert!(theirs.read(&key).is_some());
        let unsigned = format!("{}.", key.rsplit_once('.').unwrap().0);
        for forged in ["", ":", "scrip:a.b.c", &key, &unsigned] {
            assert!(ours.read(forged).is_none(), "{forged}");
        }
        assert!(theirs.read(&unsigned).is_none());
    }
}
