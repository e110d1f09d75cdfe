//! A voucher as it is handed over: JSON, the same that `scrip voucher sign` prints.

use std::path::Path;

use alloy::primitives::{Address, Bytes, U256};
use eyre::Result;
use scrip::{AnyVoucher, PlanId, SessionVoucher, Signed, Voucher};
use serde::Deserialize;
use serde_json::{Value, json};

use super::redeem::read_text;
use crate::failure::{Exit, problem};

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct File {
    #[serde(flatten)]
    number: Number,
    plan: String,
    holder: Address,
    redeemer: Address,
    maximum: u64,
    deadline: u64,
    signature: Bytes,
}

/// What kind it is, and by what it is recorded.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Number {
    Voucher { nonce: U256 },
    Session { session: U256 },
}

/// What is handed over.
pub(super) fn json(voucher: &AnyVoucher) -> Value {
    let (kind, name, number, signature) = match voucher {
        AnyVoucher::Single(Signed { voucher, signature }) => ("voucher", "nonce", voucher.nonce, signature),
        AnyVoucher::Session(Signed { voucher, signature }) => {
            ("session", "session", voucher.session, signature)
        }
    };
    json!({
        "kind": kind, "plan": voucher.plan().to_string(), "holder": voucher.holder(), "redeemer": voucher.redeemer(),
        "maximum": voucher.maximum(), name: number.to_string(), "deadline": voucher.deadline(), "signature": signature,
    })
}

/// Reads what was handed over, from a file or stdin.
pub(super) fn read(file: &Path) -> Result<AnyVoucher> {
    let text = read_text(file)?;
    let parsed = serde_json::from_str(&text).map_err(|error| {
        problem(Exit::Usage, format!("{} is no voucher: {error}", file.display()))
            .hint("give the JSON that `scrip voucher sign` printed")
    })?;
    let File { number, plan, holder, redeemer, maximum, deadline, signature } = parsed;
    let plan: PlanId = plan.parse()?;
    Ok(match number {
        Number::Voucher { nonce } => {
            let voucher = Voucher { plan, holder, redeemer, maximum, nonce, deadline };
            AnyVoucher::Single(Signed { voucher, signature })
        }
        Number::Session { session } => {
            let voucher = SessionVoucher { plan, holder, redeemer, maximum, session, deadline };
            AnyVoucher::Session(Signed { voucher, signature })
        }
    })
}
