//! Events that Stripe delivers. What they say is not believed: they tell which payment is to be looked at, and Stripe is asked.

use serde::Deserialize;
use serde_json::Value;
use stripe_webhook::{Webhook, WebhookError};

use super::processor::Processor;
use crate::{
    account::as_i64,
    problem::{Problem, ProblemKind},
    state::State,
};

/// An event, as far as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    about: About,
}

/// Which payment an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    /// The one of a checkout session, by its id and client reference.
    Session { session: String, reference: String },
    /// The one of a payment intent.
    Intent(String),
    /// None of ours.
    Nothing,
}

/// For how long it is known that an event was delivered, in seconds: 30 days. Stripe repeats for three.
const REMEMBERED: i64 = 30 * 86_400;

#[derive(Deserialize)]
struct Delivered {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

impl Processor {
    /// An event that Stripe has signed within the last five minutes.
    pub(crate) fn event(&self, payload: &str, signature: &str, now: u64) -> Result<Event, Problem> {
        let invalid = |detail: String| ProblemKind::CARD_SIGNATURE.problem(detail);
        match Webhook::construct_event_with_timestamp(payload, signature, &self.webhook_secret, as_i64(now)) {
            // Its shape is that of the webhook's version of the API; the signature was looked at first.
            Ok(_) | Err(WebhookError::BadParse(_)) => (),
            Err(WebhookError::BadTimestamp(at)) => {
                return Err(invalid(format!(
                    "the event was signed at {at}, in unix seconds, and it is {now}"
                ))
                .hint("set the clocks right; an event is accepted within five minutes"));
            }
            Err(_) => {
                return Err(invalid("the event is not signed as this webhook's secret signs".to_owned()));
            }
        }
        let Delivered { id, kind, data } = serde_json::from_str(payload).map_err(|error| {
            ProblemKind::INVALID_REQUEST.problem(format!("the body is no event of Stripe's: {error}"))
        })?;
        let about = About::read(&kind, &data.object);
        Ok(Event { id, kind, about })
    }
}

impl About {
    fn read(kind: &str, object: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if kind.starts_with("checkout.session.") {
            return match (text(&object["id"]), text(&object["client_reference_id"])) {
                (Some(session), Some(reference)) => Self::Session { session, reference },
                _ => Self::Nothing,
            };
        }
        if !["charge.", "refund.", "payment_intent."].iter().any(|begin| kind.starts_with(begin)) {
            return Self::Nothing;
        }
        let intent = match kind.starts_with("payment_intent.") {
            true => &object["id"],
            false => &object["payment_intent"],
        };
        // An id, or the whole of it.
        match text(intent).or_else(|| text(&intent["id"])) {
            Some(intent) => Self::Intent(intent),
            None => Self::Nothing,
        }
    }
}

impl State {
    /// Takes an event down, once, and with it that its payment is to be looked at. Whether it is new.
    pub(crate) async fn take_down_event(&self, event: &Event) -> Result<bool, Problem> {
        let now = self.now_i64();
        let mut db = self.write().await?;
        let new = sqlx::query(
            "INSERT INTO card_events (id, kind, received_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&event.id)
        .bind(&event.kind)
        .bind(now)
        .execute(&mut *db)
        .await?;
        if new.rows_affected() == 0 {
            return Ok(false);
        }
        let told = match &event.about {
            // It may come before the answer that has the session's id.
            About::Session { session, reference } => {
                let known = "UPDATE card_payments SET news = news + 1, due_at = $1, session = COALESCE(session, $2) \
                             WHERE id = $3 AND (session IS NULL OR session = $2)";
                Some(sqlx::query(known).bind(now).bind(session).bind(reference))
            }
            // Before the intent is known nothing needs to be kept: once it is, Stripe is asked again.
            About::Intent(intent) => {
                let known = "UPDATE card_payments SET news = news + 1, due_at = $1 WHERE intent = $2";
                Some(sqlx::query(known).bind(now).bind(intent))
            }
            About::Nothing => None,
        };
        if let Some(told) = told {
            told.execute(&mut *db).await?;
        }
        sqlx::query("DELETE FROM card_events WHERE received_at < $1")
            .bind(now - REMEMBERED)
            .execute(&mut *db)
            .await?;
        db.commit().await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_tell_which_payment_they_are_about() {
        let session = || About::Session { session: "cs".to_owned(), reference: "p".to_owned() };
        let intent = || About::Intent("pi".to_owned());
        let of_session = json!({ "id": "cs", "client_reference_id": "p", "payment_intent": "pi" });
        let about = json!({ "id": "x", "payment_intent": "pi" });
        for (kind, object, expected) in [
            ("checkout.session.completed", &of_session, session()),
            ("checkout.session.async_payment_succeeded", &of_session, session()),
            ("checkout.session.expired", &of_session, session()),
            ("checkout.session.completed", &about, About::Nothing),
            ("charge.refunded", &about, intent()),
            ("charge.dispute.created", &about, intent()),
            ("charge.dispute.closed", &json!({ "payment_intent": { "id": "pi" } }), intent()),
            ("refund.created", &about, intent()),
            ("refund.updated", &json!({ "payment_intent": null }), About::Nothing),
            ("payment_intent.succeeded", &json!({ "id": "pi" }), intent()),
            ("customer.created", &about, About::Nothing),
        ] {
            assert_eq!(About::read(kind, object), expected, "{kind}");
        }
    }
}
