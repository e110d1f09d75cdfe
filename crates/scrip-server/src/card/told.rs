//! What Stripe tells of a payment. It is taken for the truth about the money once it is about what was asked.

use serde::{Deserialize, Serialize};

use super::processor::{Opened, Opening};

/// What Stripe tells of a payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) state: SessionState,
    /// Whether the money is there.
    pub(crate) paid: bool,
    /// The payment intent, once there is one.
    pub(crate) intent: Option<String>,
    /// How much was given back, in minor units.
    pub(crate) refunded: u64,
    pub(crate) dispute: Dispute,
}

/// What became of a checkout session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionState {
    /// Nobody has paid yet.
    #[default]
    Open,
    /// The buyer has done all that is to be done; the money may be on its way.
    Complete,
    /// Nobody has paid in time.
    Expired,
}

/// What became of a dispute, if there was one. An inquiry, which takes no money, is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dispute {
    #[default]
    None,
    /// The money is away until it is decided.
    Open,
    Lost,
    Won,
}

/// An id, or what it stands for where that was asked for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expanded<T> {
    Object(T),
    Id(String),
}

/// A checkout session.
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    id: String,
    client_reference_id: Option<String>,
    url: Option<String>,
    status: Option<String>,
    payment_status: String,
    amount_total: Option<u64>,
    currency: Option<String>,
    payment_intent: Option<Expanded<Intent>>,
    expires_at: u64,
}

#[derive(Debug, Deserialize)]
struct Intent {
    id: String,
    latest_charge: Option<Expanded<Charge>>,
}

#[derive(Debug, Deserialize)]
struct Charge {
    amount: u64,
    amount_refunded: u64,
    disputed: bool,
}

/// The disputes about a payment.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Disputes {
    data: Vec<OneDispute>,
}

#[derive(Debug, Deserialize)]
struct OneDispute {
    status: String,
}

impl Session {
    /// What was opened, if it is what was asked for.
    pub(super) fn opened(self, payment: &str, opening: &Opening) -> Result<Opened, String> {
        self.check(payment, opening)?;
        let url = self.url.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        let url = url.ok_or("its session has no page")?;
        Ok(Opened { session: self.id, url, expires_at: self.expires_at })
    }

    /// The payment intent, if its charge was disputed.
    pub(super) fn disputed_intent(&self) -> Option<&str> {
        match self.payment_intent.as_ref()? {
            Expanded::Object(Intent { id, latest_charge: Some(Expanded::Object(charge)) })
                if charge.disputed =>
            {
                Some(id)
            }
            _ => None,
        }
    }

    /// What it says of a payment, if it is about that payment.
    pub(super) fn told(
        &self,
        payment: &str,
        session: &str,
        opening: &Opening,
        disputes: &Disputes,
    ) -> Result<Told, String> {
        if self.id != session {
            return Err(format!("session {} was told of for {session}", self.id));
        }
        self.check(payment, opening)?;
        let state = match self.status.as_deref() {
            Some("open") => SessionState::Open,
            Some("complete") => SessionState::Complete,
            Some("expired") => SessionState::Expired,
            status => return Err(format!("session {session} is {status:?}")),
        };
        let paid = state == SessionState::Complete && self.payment_status == "paid";
        let (intent, charge) = match &self.payment_intent {
            None => (None, None),
            Some(Expanded::Id(id)) => (Some(id), None),
            Some(Expanded::Object(Intent { id, latest_charge })) => (Some(id), latest_charge.as_ref()),
        };
        let (refunded, dispute) = match charge {
            Some(Expanded::Object(charge)) if charge.amount == opening.amount => {
                (charge.amount_refunded, disputes.all(charge.disputed))
            }
            Some(Expanded::Object(charge)) => {
                return Err(format!("{} were charged instead of {}", charge.amount, opening.amount));
            }
            // What is paid was charged.
            _ if paid => return Err(format!("session {session} is paid without a charge")),
            _ => (0, Dispute::None),
        };
        Ok(Told { state, paid, intent: intent.cloned(), refunded, dispute })
    }

    fn check(&self, payment: &str, opening: &Opening) -> Result<(), String> {
        let found = (self.client_reference_id.as_deref(), self.amount_total, self.currency.as_deref());
        let expected = (Some(payment), Some(opening.amount), Some(opening.currency.as_str()));
        if found == expected {
            Ok(())
        } else {
            Err(format!("session {} is about {found:?}, not {expected:?}", self.id))
        }
    }
}

impl Disputes {
    /// One is lost for all, and all must be won.
    fn all(&self, disputed: bool) -> Dispute {
        let all = self.data.iter().map(|one| match one.status.as_str() {
            "won" => Dispute::Won,
            "lost" => Dispute::Lost,
            "prevented" => Dispute::None,
            status if status.starts_with("warning_") => Dispute::None,
            // What is not known is not decided.
            _ => Dispute::Open,
        });
        let worst = |one: &Dispute| match one {
            Dispute::None => 0,
            Dispute::Won => 1,
            Dispute::Open => 2,
            Dispute::Lost => 3,
        };
        match all.max_by_key(worst) {
            Some(dispute) => dispute,
            // It is said to be disputed, and by what is not told.
            None if disputed => Dispute::Open,
            None => Dispute::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn opening() -> Opening {
        Opening {
            name: "P".to_owned(),
            currency: "usd".to_owned(),
            amount: 999,
            destination: None,
            return_url: "https://example.com".to_owned(),
            cancel_url: None,
        }
    }

    fn session(changes: &[(&str, Value)]) -> Value {
        let charge = json!({ "id": "ch_1", "amount": 999, "amount_refunded": 0, "disputed": false });
        let intent = json!({ "id": "pi_1", "status": "succeeded", "latest_charge": charge });
        let mut session = json!({
            "id": "cs_1", "object": "checkout.session", "client_reference_id": "p", "url": null, "status": "complete",
            "payment_status": "paid", "amount_total": 999, "currency": "usd", "expires_at": 7, "payment_intent": intent,
        });
        for (pointer, value) in changes {
            *session.pointer_mut(pointer).unwrap() = value.clone();
        }
        session
    }

    fn told(changes: &[(&str, Value)], disputes: &[&str]) -> Result<Told, String> {
        let session: Session = serde_json::from_value(session(changes)).unwrap();
        let data = disputes.iter().map(|&status| OneDispute { status: status.to_owned() }).collect();
        session.told("p", "cs_1", &opening(), &Disputes { data })
    }

    #[test]
    fn what_is_told_of_a_payment_is_read() {
        let paid = Told {
            state: SessionState::Complete,
            paid: true,
            intent: Some("pi_1".to_owned()),
            ..Told::default()
        };
        assert_eq!(told(&[], &[]).unwrap(), paid);
        let half = [("/payment_intent/latest_charge/amount_refunded", json!(500))];
        assert_eq!(told(&half, &[]).unwrap(), Told { refunded: 500, ..paid.clone() });
        let later = [("/payment_status", json!("unpaid")), ("/payment_intent", json!("pi_1"))];
        assert_eq!(told(&later, &[]).unwrap(), Told { paid: false, ..paid });
        let open = [
            ("/status", json!("open")),
            ("/payment_intent", json!(null)),
            ("/payment_status", json!("unpaid")),
        ];
        assert_eq!(told(&open, &[]).unwrap(), Told::default());
    }

    #[test]
    fn what_is_about_something_else_is_not_taken_for_it() {
        for (pointer, value) in [
            ("/id", json!("cs_2")),
            ("/client_reference_id", json!("q")),
            ("/client_reference_id", json!(null)),
            ("/amount_total", json!(1)),
            ("/currency", json!("jpy")),
            ("/status", json!("odd")),
            ("/payment_intent", json!(null)),
            ("/payment_intent", json!("pi_1")),
            ("/payment_intent/latest_charge/amount", json!(99)),
        ] {
            assert!(told(&[(pointer, value)], &[]).is_err(), "{pointer}");
        }
    }

    #[test]
    fn disputes_count_as_the_worst_of_them() {
        let disputed = [("/payment_intent/latest_charge/disputed", json!(true))];
        let dispute = |statuses: &[&str]| told(&disputed, statuses).unwrap().dispute;
        assert_eq!(dispute(&[]), Dispute::Open);
        assert_eq!(dispute(&["warning_needs_response"]), Dispute::None);
        assert_eq!(dispute(&["warning_closed", "prevented"]), Dispute::None);
        assert_eq!(dispute(&["needs_response"]), Dispute::Open);
        assert_eq!(dispute(&["something new"]), Dispute::Open);
        assert_eq!(dispute(&["won"]), Dispute::Won);
        assert_eq!(dispute(&["won", "under_review"]), Dispute::Open);
        assert_eq!(dispute(&["lost", "won"]), Dispute::Lost);
    }
}
