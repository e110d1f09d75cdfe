//! What is signed by EIP-712, as the wallets that show it take it.

use alloy::{
    dyn_abi::TypedData,
    primitives::Signature,
    signers::Signer,
    sol_types::{Eip712Domain, SolStruct},
};
use serde::Serialize;
use serde_json::Value;

use crate::Result;

/// A struct of a contract as typed data: what `eth_signTypedData_v4` takes.
pub(crate) fn typed_data(payload: &(impl SolStruct + Serialize), domain: &Eip712Domain) -> TypedData {
    let mut data = TypedData::from_struct(payload, Some(domain.clone()));
    quote_numbers(&mut data.message);
    data
}

/// Signs typed data. Hardware wallets sign nothing else: no bare hash, which is what alloy's statically typed way comes to in a
/// box.
pub(crate) async fn sign(signer: &(impl Signer + Sync + ?Sized), data: &TypedData) -> Result<Signature> {
    Ok(signer.sign_dynamic_typed_data(data).await?)
}

/// Numbers in quotes: without them a browser rounds those above 2^53.
fn quote_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Array(values) => values.iter_mut().for_each(quote_numbers),
        Value::Object(fields) => fields.values_mut().for_each(quote_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
