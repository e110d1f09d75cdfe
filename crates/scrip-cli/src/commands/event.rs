//! An event, for programs and for people.

use std::collections::HashMap;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use eyre::Result;
use scrip::{Event, PlanId, Record, RequestId, Scrip, Token};
use serde_json::{Value, json};

use crate::{amounts, config::Network, text};

/// Tells events in words; remembers the tokens that it has asked for.
#[derive(Debug)]
pub(super) struct Teller<'a, P> {
    network: &'a Network,
    scrip: &'a Scrip<P>,
    tokens: HashMap<Address, Token>,
}

impl<'a, P: Provider> Teller<'a, P> {
    pub(super) fn new(network: &'a Network, scrip: &'a Scrip<P>) -> Self {
        Self { network, scrip, tokens: HashMap::new() }
    }

    async fn money(&mut self, address: Address, amount: U256) -> Result<String> {
        if !self.tokens.contains_key(&address) {
            let token = amounts::named(self.network, self.scrip, address).await?;
            self.tokens.insert(address, token);
        }
        Ok(self.tokens.get(&address).map_or_else(|| amount.to_string(), |token| token.format(amount)))
    }

    /// What happened, in words.
    pub(super) async fn tell(&mut self, event: &Event) -> Result<String> {
        let until =
            |expiry: Option<u64>| expiry.map(|at| format!(", until {}", text::time(at))).unwrap_or_default();
        let request = |id: Option<RequestId>| id.map(|id| format!(", for request {id}")).unwrap_or_default();
        Ok(match event {
            Event::Created(e) => format!("by {}", e.owner),
            Event::OpenSet(e) => if e.open { "orders are open" } else { "orders are stopped" }.to_owned(),
            Event::OwnershipOffered(e) => offered(e.pending_owner),
            Event::OwnershipAccepted(e) => format!("{} to {}", e.former_owner, e.owner),
            Event::OperatorSet(e) => {
                format!("{} {}", e.operator, super::operator::sentence(e.permissions))
            }
            Event::Ordered(e) => {
                let paid = self.money(e.token, e.paid).await?;
                let payer = if e.payer == e.holder { String::new() } else { format!(" of {}", e.payer) };
                format!(
                    "{} got {} for {paid}{payer}{}",
                    e.holder,
                    text::count(e.credits, "credit"),
                    until(e.expiry)
                )
            }
            Event::FeeUndelivered(e) => {
                format!("{} to the payees instead of {}", self.money(e.token, e.fee).await?, e.receiver)
            }
            Event::FeeSet(e) => text::percent(e.rate),
            Event::FeeControlOffered(e) => offered(e.pending_controller),
            Event::FeeControlTaken(e) => {
                e.controller.map_or_else(|| "given up".to_owned(), |by| format!("by {by}"))
            }
            Event::Settled(e) => {
                format!("payment {}: {} for {}{}", e.payment_id, e.credits, e.holder, until(e.expiry))
            }
            Event::TakenBack(e) => format!("{} of {}, {} burned", e.amount, e.holder, e.burned),
            Event::TakeBackReversed(e) => format!("{} for {}{}", e.amount, e.holder, until(e.expiry)),
            Event::Minted(e) => format!("{} for {}{}", e.amount, e.holder, until(e.expiry)),
            Event::Burned(e) => format!("{} of {} by {}", e.amount, e.holder, e.burner),
            Event::Redeemed(e) => {
                format!("{} of {} by {}{}", e.amount, e.holder, e.redeemer, request(e.request))
            }
            Event::BatchRedeemed(e) => {
                format!("{} by {}", text::count(e.uses.len() as u64, "request"), e.redeemer)
            }
            Event::VoucherRedeemed(e) => format!("{} of {} by {}", e.amount, e.holder, e.redeemer),
            Event::SessionSpent(e) => {
                format!("{} in all of {} by {}, in session {}", e.spent, e.holder, e.redeemer, e.session)
            }
            Event::VouchersRevoked(e) => {
                format!("{} by {}", text::count(e.mask.count_ones() as u64, "voucher"), e.holder)
            }
            Event::SessionRevoked(e) => format!("session {} of {} with {}", e.session, e.holder, e.redeemer),
            Event::UsesPaid(e) => {
                format!(
                    "{} for {} by {}",
                    self.money(e.token, e.paid).await?,
                    text::count(e.uses, "use"),
                    e.holder
                )
            }
            Event::Expired(e) => format!("{} of {}", e.amount, e.holder),
            Event::Transferred(e) => {
                let name = |account: Option<Address>| {
                    account.map_or_else(|| "nobody".to_owned(), |by| by.to_string())
                };
                format!("{} from {} to {}", e.value, name(e.from), name(e.to))
            }
            _ => String::new(),
        })
    }

    /// The columns of a table.
    pub(super) async fn row(&mut self, record: &Record) -> Result<[String; 5]> {
        let plan = record.event.plan().map(|plan| plan.to_string()).unwrap_or_default();
        let kind = json!(record.event.kind()).as_str().unwrap_or_default().replace('_', " ");
        let block = record.position.block.number.to_string();
        Ok([text::time(record.time), block, kind, plan, self.tell(&record.event).await?])
    }
}

fn offered(to: Option<Address>) -> String {
    to.map_or_else(|| "taken back".to_owned(), |to| format!("to {to}"))
}

/// An event, for programs.
pub(super) fn json(record: &Record) -> Result<Value> {
    let mut json = serde_json::to_value(&record.event)?;
    write_as_documented(&mut json);
    if let Value::Object(fields) = &mut json {
        fields.insert("time".to_owned(), json!(record.time));
        fields.insert("block".to_owned(), json!(record.position.block.number));
        fields.insert("block_hash".to_owned(), json!(record.position.block.hash));
        fields.insert("log".to_owned(), json!(record.position.log));
        fields.insert("transaction".to_owned(), json!(record.transaction));
    }
    Ok(json)
}

/// The client writes all large numbers in hex; here ids have their 64 digits, and amounts are decimal.
fn write_as_documented(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(write_as_documented),
        Value::Object(fields) => {
            for (name, value) in fields {
                let number = value.as_str().and_then(|text| text.parse::<U256>().ok());
                match (name.as_str(), number) {
                    ("plan", Some(id)) => *value = json!(PlanId(id).to_string()),
                    ("request", Some(id)) => *value = json!(RequestId(id).to_string()),
                    (
                        "paid" | "fee" | "value" | "amount" | "nonce" | "session" | "word" | "mask",
                        Some(number),
                    ) => {
                        *value = json!(number.to_string());
                    }
                    _ => write_as_documented(value),
                }
            }
        }
        _ => {}
    }
}
