//! E-mails.

use std::{fmt, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};

use crate::problem::{Problem, ProblemKind};

/// How long the mail server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who sends the e-mails by which accounts log in.
#[derive(Clone)]
pub struct Mail {
    /// The mail server: `smtps://user:password@host:465`, or `smtp://user:password@host:587?tls=required`; without `tls` in the
    /// clear, which is for a server on the same machine.
    pub smtp_url: String,
    /// The sender, such as `Scrip <no-reply@api.example>`.
    pub from: String,
}

// The URL holds a password.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Sends e-mails.
#[derive(Debug)]
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// What is wrong is said without the URL, which holds a password.
    pub(crate) fn new(mail: &Mail) -> Result<Self, String> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&mail.smtp_url)
            .map_err(|error| format!("the URL of the mail server is not valid: {error}"))?;
        let from = mail.from.parse().map_err(|error| format!("the sender `{}`: {error}", mail.from))?;
        Ok(Self { transport: transport.timeout(Some(PATIENCE)).build(), from })
    }

    /// Sends a text. Whoever asked is not told what the mail server says, which may be of others.
    pub(crate) async fn send(&self, to: Mailbox, subject: &str, text: String) -> Result<(), Problem> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|error| Problem::internal(&error))?;
        self.transport.send(message).await.map(drop).map_err(|error| {
            tracing::error!(%error, "an e-mail could not be sent");
            ProblemKind::BUSY.problem("the e-mail could not be sent").hint("check the address, and try again")
        })
    }
}
