//! Access tokens: JSON that the SDKs read, which this server has signed.

use std::fmt;

use alloy::primitives::{Address, B256};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_URL_SAFE_NO_PAD,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use scrip::PlanId;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Value};

use crate::{vault::MasterKey, wire::number::Number};

/// An access token. All of it is signed, so that nothing can be put into it that was not there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccessToken {
    x402_version: u8,
    /// What a token for one use is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<BoundResource>,
    pub(crate) accepted: Accepted,
    payload: Payload,
    #[serde(default)]
    extensions: Map<String, Value>,
}

/// What a token for one use may be presented for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BoundResource {
    pub(crate) url: String,
}

/// What it pays for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Accepted {
    pub(crate) scheme: String,
    pub(crate) network: String,
    plan_id: Number,
    pub(crate) extra: AcceptedExtra,
}

/// What of an agent it pays for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AcceptedExtra {
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) http_verb: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    signature: String,
    authorization: Authorization,
}

/// Who lets spend what, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Authorization {
    /// The holder.
    pub(crate) from: Address,
    session_keys_provider: String,
    session_keys: Vec<SessionKey>,
    /// The token's id, by which it is listed and revoked.
    pub(crate) hash: B256,
    /// In unix seconds.
    pub(crate) issued_at: u64,
    /// In unix seconds.
    pub(crate) expires_at: u64,
    /// Under which more may be bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delegation_id: Option<String>,
    /// Of a token for one use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<B256>,
}

/// What the reference has session keys for: what may be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionKey {
    id: String,
    hash: B256,
}

/// What a new token is to say.
#[derive(Debug, Clone)]
pub(crate) struct NewToken {
    pub(crate) holder: Address,
    pub(crate) plan: PlanId,
    pub(crate) scheme: String,
    pub(crate) network: String,
    pub(crate) agent_id: Option<String>,
    pub(crate) http_verb: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) delegation: Option<String>,
    pub(crate) is_single_use: bool,
    /// In unix seconds.
    pub(crate) issued_at: u64,
    /// In unix seconds.
    pub(crate) expires_at: u64,
}

/// The longest that is read.
const LONGEST: usize = 16_384;

/// Any of the ways in which the SDKs write base64 for URLs.
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl AccessToken {
    pub(crate) const fn authorization(&self) -> &Authorization {
        &self.payload.authorization
    }

    pub(crate) const fn plan(&self) -> PlanId {
        PlanId(self.accepted.plan_id.0)
    }

    pub(crate) const fn is_single_use(&self) -> bool {
        self.payload.authorization.nonce.is_some()
    }
}

/// Signs access tokens, and reads those that it has signed.
#[derive(Clone)]
pub(crate) struct TokenSigner {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl TokenSigner {
    pub(crate) fn new(master: &MasterKey) -> Self {
        let secret = master.derive("scrip access tokens");
        Self { encoding: EncodingKey::from_secret(&*secret), decoding: DecodingKey::from_secret(&*secret) }
    }

    /// A new token, and as it is handed out.
    pub(crate) fn sign(&self, new: NewToken) -> Result<(AccessToken, String), jsonwebtoken::errors::Error> {
        let hash = B256::from(rand::random::<[u8; 32]>());
        let may = |id: &str| SessionKey { id: id.to_owned(), hash };
        let session_keys =
            if new.delegation.is_some() { vec![may("redeem"), may("order")] } else { vec![may("redeem")] };
        let mut token = AccessToken {
            x402_version: 2,
            resource: new.resource.map(|url| BoundResource { url }),
            accepted: Accepted {
                scheme: new.scheme,
                network: new.network,
                plan_id: Number(new.plan.0),
                extra: AcceptedExtra {
                    version: "1".to_owned(),
                    agent_id: new.agent_id,
                    http_verb: new.http_verb,
                },
            },
            payload: Payload {
                signature: String::new(),
                authorization: Authorization {
                    from: new.holder,
                    session_keys_provider: "scrip".to_owned(),
                    session_keys,
                    hash,
                    issued_at: new.issued_at,
                    expires_at: new.expires_at,
                    delegation_id: new.delegation,
                    nonce: new.is_single_use.then(|| rand::random::<[u8; 32]>().into()),
                },
            },
            extensions: Map::new(),
        };
        let (_, signature) = self.signed(&token)?;
        token.payload.signature = signature;
        let text = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token)?);
        Ok((token, text))
    }

    /// A token, if all that it says was signed here. Whether it has ended or was revoked is the caller's to see.
    pub(crate) fn read(&self, text: &str) -> Option<AccessToken> {
        if text.len() > LONGEST {
            return None;
        }
        let text = text.trim();
        let bytes = BASE64_URL.decode(text).or_else(|_| BASE64.decode(text)).ok()?;
        let mut token: AccessToken = serde_json::from_slice(&bytes).ok()?;
        let signature = std::mem::take(&mut token.payload.signature);
        let (message, _) = self.signed(&token).ok()?;
        let mut validation = Validation::new(Algorithm::HS256);
        // By the server's own clock instead.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let signed = format!("{message}.{signature}");
        jsonwebtoken::decode::<IgnoredAny>(&signed, &self.decoding, &validation).ok()?;
        token.payload.signature = signature;
        Some(token)
    }

    /// A token without its signature as the first two parts of a JWS (RFC 7515, appendix F), and the third.
    fn signed(&self, token: &AccessToken) -> Result<(String, String), jsonwebtoken::errors::Error> {
        let signed = jsonwebtoken::encode(&Header::new(Algorithm::HS256), token, &self.encoding)?;
        let (message, signature) = signed.rsplit_once('.').unwrap_or_default();
        Ok((message.to_owned(), signature.to_owned()))
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSigner(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;
    use serde_json::json;

    use super::*;

    fn new() -> NewToken {
        NewToken {
            holder: Address::repeat_byte(7),
            plan: PlanId(U256::from(11_111)),
            scheme: "nvm:erc4337".to_owned(),
            network: "eip155:84532".to_owned(),
            agent_id: Some("5".to_owned()),
            http_verb: None,
            resource: None,
            delegation: None,
            is_single_use: false,
            issued_at: 5,
            expires_at: 9,
        }
    }

    fn json_of(text: &str) -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_what_the_sdks_read() {
        let signer = TokenSigner::new(&MasterKey::generate());
        let (token, text) = signer.sign(new()).unwrap();
        let read = json_of(&text);
        assert_eq!(read["accepted"]["planId"], "11111");
        assert_eq!(read["payload"]["authorization"]["from"], format!("{:#x}", Address::repeat_byte(7)));
        assert_eq!(read["payload"]["authorization"].get("nonce"), None);
        assert_eq!(signer.read(&text), Some(token.clone()));
        // As those write it who have decoded it and encode it again, in an order of their own.
        let padded = BASE64.encode(serde_json::to_vec(&read).unwrap());
        assert_eq!(signer.read(&padded), Some(token));
        let (single, _) = signer.sign(NewToken { is_single_use: true, ..new() }).unwrap();
        assert!(single.is_single_use());
    }

    #[test]
    fn what_was_not_signed_here_is_no_token() {
        let (ours, theirs) =
            (TokenSigner::new(&MasterKey::generate()), TokenSigner::new(&MasterKey::generate()));
        let (_, text) = ours.sign(new()).unwrap();
        assert!(theirs.read(&text).is_none());
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut token = json_of(&text);
            change(&mut token);
            BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap())
        };
        let changes: [&dyn Fn(&mut Value); 9] = [
            &|token| token["accepted"]["planId"] = json!("11112"),
            &|token| token["accepted"]["extra"]["agentId"] = json!("6"),
            &|token| token["payload"]["authorization"]["from"] = json!(Address::repeat_byte(8)),
            &|token| token["payload"]["authorization"]["expiresAt"] = json!(10),
            &|token| token["payload"]["authorization"]["delegationId"] = json!("a"),
            &|token| token["payload"]["signature"] = json!(""),
            &|token| token["resource"] = json!({ "url": "/ask" }),
            &|token| token["extensions"]["more"] = json!(1),
            &|token| token["more"] = json!(1),
        ];
        assert!(ours.read(&changed(&|_| ())).is_some());
        for change in changes {
            let forged = changed(change);
            assert!(ours.read(&forged).is_none(), "{}", json_of(&forged));
        }
        for forged in ["", "e30", "a.b.c", &"A".repeat(LONGEST + 1)] {
            assert!(ours.read(forged).is_none());
        }
    }
}
