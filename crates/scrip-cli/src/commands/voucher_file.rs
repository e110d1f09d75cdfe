//! A voucher as it is handed over: JSON, the same that `scrip voucher sign` prints.

use std::path::Path;

use alloy::primitives::{Address, Bytes, U256};
use eyre::Result;
use scrip::{PlanId, SessionVoucher, Signed, Voucher};
use serde::Deserialize;
use serde_json::{Value, json};

use super::redeem::read_text;
use crate::failure::{Exit, problem};

/// A signed voucher of one of the kinds.
#[derive(Debug)]
pub(super) enum AnyVoucher {
    Single(Signed<Voucher>),
    Session(Signed<SessionVoucher>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum File {
    Voucher {
        #[serde(flatten)]
        common: Common,
        nonce: U256,
    },
    Session {
        #[serde(flatten)]
        common: Common,
        session: U256,
    },
}

#[derive(Debug, Deserialize)]
struct Common {
    plan: String,
    holder: Address,
    redeemer: Address,
    maximum: u64,
    deadline: u64,
    signature: Bytes,
}

impl AnyVoucher {
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Single(Signed { voucher, signature }) => json!({
                "kind": "voucher", "plan": voucher.plan.to_string(), "holder": voucher.holder,
                "redeemer": voucher.redeemer, "maximum": voucher.maximum, "nonce": voucher.nonce.to_string(),
                "deadline": voucher.deadline, "signature": signature,
            }),
            Self::Session(Signed { voucher, signature }) => json!({
                "kind": "session", "plan": voucher.plan.to_string(), "holder": voucher.holder,
                "redeemer": voucher.redeemer, "maximum": voucher.maximum, "session": voucher.session.to_string(),
                "deadline": voucher.deadline, "signature": signature,
            }),
        }
    }

    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = read_text(file)?;
        let parsed = serde_json::from_str(&text).map_err(|error| {
            problem(Exit::Usage, format!("{} is no voucher: {error}", file.display()))
                .hint("give the JSON that `scrip voucher sign` printed")
        })?;
        Ok(match parsed {
            File::Voucher { common, nonce } => {
                let Common { plan, holder, redeemer, maximum, deadline, signature } = common;
                let plan: PlanId = plan.parse()?;
                Self::Single(Signed {
                    voucher: Voucher { plan, holder, redeemer, maximum, nonce, deadline },
                    signature,
                })
            }
            File::Session { common, session } => {
                let Common { plan, holder, redeemer, maximum, deadline, signature } = common;
                let plan: PlanId = plan.parse()?;
                Self::Session(Signed {
                    voucher: SessionVoucher { plan, holder, redeemer, maximum, session, deadline },
                    signature,
                })
            }
        })
    }
}
