//! Secrets at rest: what is sealed under the master key, and the keys derived from it.

use std::{fmt, str::FromStr};

use alloy::primitives::hex;
use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The key under which all secrets are sealed, 32 bytes. It is given from outside, and kept nowhere.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// What was given is no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the master key is not 64 hex digits, which 32 random bytes are: make one with `openssl rand -hex 32`"
)]
pub struct InvalidMasterKey;

/// A sealed secret cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what is sealed for {0} cannot be opened: the master key is another, or the database was changed")]
pub(crate) struct Unsealable(String);

impl MasterKey {
    /// A new one.
    pub fn generate() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// A key for one purpose, by HKDF-SHA-256 (RFC 5869).
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        // A key of zeros would be worse than none.
        Hkdf::<Sha256>::new(None, &*self.0)
            .expand(purpose.as_bytes(), &mut *key)
            .expect("32 bytes are less than 255 hashes, the most that there can be");
        key
    }
}

impl FromStr for MasterKey {
    type Err = InvalidMasterKey;

    fn from_str(text: &str) -> Result<Self, InvalidMasterKey> {
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), &mut *key).map_err(|_| InvalidMasterKey)?;
        Ok(Self(key))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// Seals and opens secrets: XChaCha20-Poly1305, a random nonce before each, and whose secret it is bound to it.
#[derive(Clone)]
pub(crate) struct Vault(XChaCha20Poly1305);

const NONCE: usize = 24;

impl Vault {
    pub(crate) fn new(master: &MasterKey) -> Self {
        Self(XChaCha20Poly1305::new((&*master.derive("scrip sealed secrets")).into()))
    }

    /// A secret as it is kept, which opens for the same owner only.
    pub(crate) fn seal(&self, owner: &str, secret: &[u8]) -> Result<String, Unsealable> {
        let nonce = XNonce::generate();
        let payload = Payload { msg: secret, aad: owner.as_bytes() };
        let sealed = self.0.encrypt(&nonce, payload).map_err(|_| Unsealable(owner.to_owned()))?;
        Ok(BASE64_STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    pub(crate) fn open(&self, owner: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let unsealable = || Unsealable(owner.to_owned());
        let sealed = BASE64_STANDARD.decode(sealed).map_err(|_| unsealable())?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(unsealable)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| unsealable())?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        self.0.decrypt(&nonce, payload).map(Zeroizing::new).map_err(|_| unsealable())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_owner_and_key_only() {
        let (key, other) = (MasterKey::generate(), MasterKey::generate());
        let vault = Vault::new(&key);
        let sealed = vault.seal("account 1", b"secret").unwrap();
        assert!(!sealed.contains("secret"));
        assert_ne!(sealed, vault.seal("account 1", b"secret").unwrap(), "a nonce was used twice");
        assert_eq!(**vault.open("account 1", &sealed).unwrap(), *b"secret");

        let refused = vault.open("account 2", &sealed).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "what is sealed for account 2 cannot be opened: the master key is another, or the database was changed"
        );
        assert!(Vault::new(&other).open("account 1", &sealed).is_err());
        for changed in ["", "AAAA", &sealed[..sealed.len() - 4], &format!("A{}", &sealed[1..])] {
            assert!(changed == sealed || vault.open("account 1", changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_master_key_is_64_hex_digits_and_is_not_shown() {
        let key: MasterKey = "07".repeat(32).parse().unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(..)");
        assert_ne!(*key.derive("a"), *key.derive("b"));
        for text in ["", "07", &"0g".repeat(32), &"07".repeat(33)] {
            assert_eq!(text.parse::<MasterKey>().unwrap_err(), InvalidMasterKey);
        }
    }
}
