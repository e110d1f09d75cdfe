//! What the stand-in knows, and the objects of Stripe's API that show it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{Event, Mishap};

/// All that it knows.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) sales: BTreeMap<String, Sale>,
    pub(super) accounts: Vec<String>,
    /// What was asked under each idempotency key, and answered.
    pub(super) keys: BTreeMap<String, (String, u16, Value)>,
    pub(super) mishaps: VecDeque<Mishap>,
    pub(super) is_down: bool,
    pub(super) is_poor: bool,
    pub(super) loses_refund: bool,
    /// The calls that were heard: methods and paths.
    pub(super) heard: Vec<(String, String)>,
    /// Of what was done by the API.
    pub(super) own_events: Vec<Event>,
    /// The sessions that were paid on their pages, and nobody was told yet.
    pub(super) paid_on_page: Vec<String>,
    made: u64,
}

/// A sale: a session, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Sale {
    pub(super) id: String,
    pub(super) reference: String,
    pub(super) currency: String,
    pub(super) amount: u64,
    pub(super) name: String,
    pub(super) success_url: String,
    pub(super) created: u64,
    pub(super) destination: Option<String>,
    pub(super) status: &'static str,
    pub(super) refunded: u64,
    pub(super) is_charged: bool,
    pub(super) is_paid: bool,
    pub(super) refunds: u64,
    pub(super) disputes: Vec<&'static str>,
}

impl Books {
    /// A fresh number, for ids.
    pub(super) fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(super) fn event(&mut self, kind: &str, object: Value, now: u64) -> Event {
        let payload = json!({
            "id": format!("evt_{}", self.number()),
            "object": "event",
            "api_version": "2026-06-24.dahlia",
            "created": now,
            "data": { "object": object },
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": kind,
        });
        Event { kind: kind.to_owned(), payload: format!("{payload:#}") }
    }

    pub(super) fn sale_of_intent(&mut self, intent: &str) -> Option<&mut Sale> {
        self.sales.values_mut().find(|sale| sale.is_charged && sale.intent_id() == intent)
    }
}

impl Sale {
    fn tail(&self) -> &str {
        self.id.trim_start_matches("cs_test_")
    }

    pub(super) fn intent_id(&self) -> String {
        format!("pi_{}", self.tail())
    }

    fn charge_id(&self) -> String {
        format!("ch_{}", self.tail())
    }

    pub(super) fn charge(&mut self, is_paid: bool) {
        (self.status, self.is_charged, self.is_paid) = ("complete", true, is_paid);
    }

    /// What is left to be refunded.
    pub(super) fn left(&self) -> u64 {
        self.amount - self.refunded
    }

    pub(super) fn refund(&mut self, amount: u64) -> Value {
        self.refunded += amount;
        self.refunds += 1;
        json!({
            "id": format!("re_{}_{}", self.tail(), self.refunds), "object": "refund", "amount": amount,
            "charge": self.charge_id(), "created": self.created, "currency": self.currency, "metadata": {},
            "payment_intent": self.intent_id(), "reason": null, "status": "succeeded",
        })
    }

    pub(super) fn dispute(&mut self, status: &'static str) -> Value {
        self.disputes.push(status);
        self.dispute_object(self.disputes.len() - 1)
    }

    pub(super) fn decide(&mut self, status: &'static str) -> Value {
        if let Some(last) = self.disputes.last_mut() {
            *last = status;
        }
        self.dispute_object(self.disputes.len().saturating_sub(1))
    }

    pub(super) fn disputes(&self) -> Value {
        let all: Vec<_> = (0..self.disputes.len()).rev().map(|place| self.dispute_object(place)).collect();
        json!({ "object": "list", "url": "/v1/disputes", "has_more": false, "data": all })
    }

    fn dispute_object(&self, place: usize) -> Value {
        json!({
            "id": format!("dp_{}_{place}", self.tail()), "object": "dispute", "amount": self.amount,
            "balance_transactions": [], "charge": self.charge_id(), "created": self.created,
            "currency": self.currency, "evidence": {}, "is_charge_refundable": false, "livemode": false,
            "metadata": {}, "payment_intent": self.intent_id(), "reason": "fraudulent",
            "status": self.disputes.get(place),
        })
    }

    /// The session, with what was asked to be expanded.
    pub(super) fn session(&self, expand: &[&str]) -> Value {
        let of_intent: Vec<_> =
            expand.iter().filter_map(|path| path.strip_prefix("payment_intent")).collect();
        let intent = match (self.is_charged, of_intent.as_slice()) {
            (false, _) => Value::Null,
            (true, []) => json!(self.intent_id()),
            (true, deeper) => {
                let deeper: Vec<_> = deeper.iter().map(|path| path.trim_start_matches('.')).collect();
                self.intent(&deeper)
            }
        };
        let url = (self.status == "open").then(|| format!("https://checkout.stripe.com/c/pay/{}", self.id));
        json!({
            "id": self.id, "object": "checkout.session", "adaptive_pricing": { "enabled": false },
            "amount_subtotal": self.amount, "amount_total": self.amount,
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "cancel_url": null, "client_reference_id": self.reference, "created": self.created,
            "currency": self.currency, "custom_fields": [], "customer": null, "customer_email": null,
            "expires_at": self.created + 86_400, "invoice": null, "livemode": false,
            "metadata": { "scrip_payment": self.reference }, "mode": "payment", "payment_intent": intent,
            "payment_method_types": ["card"], "payment_status": if self.is_paid { "paid" } else { "unpaid" },
            "shipping_options": [], "status": self.status, "subscription": null, "success_url": self.success_url,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 }, "ui_mode": "hosted_page",
            "url": url,
        })
    }

    pub(super) fn intent(&self, expand: &[&str]) -> Value {
        let charge =
            if expand.contains(&"latest_charge") { self.charge_object() } else { json!(self.charge_id()) };
        json!({
            "id": self.intent_id(), "object": "payment_intent", "amount": self.amount,
            "amount_received": if self.is_paid { self.amount } else { 0 }, "created": self.created,
            "currency": self.currency, "latest_charge": charge, "livemode": false,
            "metadata": { "scrip_payment": self.reference }, "payment_method_types": ["card"],
            "status": if self.is_paid { "succeeded" } else { "processing" },
            "transfer_data": self.destination.as_ref().map(|account| json!({ "destination": account })),
        })
    }

    pub(super) fn charge_object(&self) -> Value {
        json!({
            "id": self.charge_id(), "object": "charge", "amount": self.amount,
            "amount_captured": if self.is_paid { self.amount } else { 0 }, "amount_refunded": self.refunded,
            "billing_details": { "address": null, "email": null, "name": null, "phone": null },
            "captured": self.is_paid, "created": self.created, "currency": self.currency,
            "description": self.name, "disputed": !self.disputes.is_empty(), "livemode": false,
            "metadata": { "scrip_payment": self.reference }, "paid": self.is_paid,
            "payment_intent": self.intent_id(), "refunded": self.refunded == self.amount,
            "status": if self.is_paid { "succeeded" } else { "pending" },
        })
    }
}
