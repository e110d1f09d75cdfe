//! Logging in by a code that is sent by e-mail. An address has one managed account, which is made when its first code is used.
//!
//! Nobody learns whether an address has an account: whoever asks for a code is answered the same. A code has six digits, ends
//! after ten minutes, and is tried five times at most; an address is sent twenty a day at most, so that whoever guesses all day
//! long finds one of ten thousand. All together are sent five thousand a day, so that nobody has this server flood others.

use alloy::{
    primitives::{Address, keccak256},
    signers::local::PrivateKeySigner,
};
use lettre::message::Mailbox;
use rand::Rng;
use sqlx::Row;

use crate::{
    account::as_i64,
    database::fresh_id,
    problem::{Problem, ProblemKind},
    state::State,
};

/// For how long a code may be used, in seconds.
const LASTS: u64 = 600;
/// How often one may be tried.
const TRIES: i64 = 5;
/// How many an address is sent a day.
const PER_DAY: i64 = 20;
/// How many all are sent.
const OF_ALL_PER_DAY: i64 = 5_000;
const DAY: i64 = 86_400;
/// What stands for all addresses where those are counted: it is none.
const OF_ALL: &str = "";
/// The most characters of an address, by RFC 5321.
const LONGEST: usize = 254;

impl State {
    /// Whether codes can be sent.
    pub(crate) const fn sends_codes(&self) -> bool {
        self.mailer.is_some()
    }

    /// Sends a code to an e-mail address; the id under which it is to be tried.
    pub(crate) async fn send_code(&self, email: &str) -> Result<String, Problem> {
        let mailer = self.mailer.as_ref().ok_or_else(|| {
            ProblemKind::NOT_SET_UP
                .problem("nobody logs in by e-mail here: the server has no mail server")
                .hint("who runs it sets SCRIP_SMTP_URL and SCRIP_MAIL_FROM")
        })?;
        let (email, to) = read(email)?;
        self.count_code(&email, PER_DAY, "this address was").await?;
        self.count_code(OF_ALL, OF_ALL_PER_DAY, "all addresses together were").await?;
        let (id, code) = (fresh_id(), format!("{:06}", rand::thread_rng().gen_range(0..1_000_000)));
        for (past, before) in [
            ("DELETE FROM email_codes WHERE expires_at <= $1", self.now_i64()),
            ("DELETE FROM email_quotas WHERE since <= $1", self.now_i64() - DAY),
        ] {
            sqlx::query(past).bind(before).execute(&mut *self.in_turn().await?).await?;
        }
        sqlx::query(
            "INSERT INTO email_codes (id, email, hash, tries, expires_at) VALUES ($1, $2, $3, 0, $4)",
        )
        .bind(&id)
        .bind(&email)
        .bind(self.code_hash(&id, &code))
        .bind(as_i64(self.now() + LASTS))
        .execute(&mut *self.in_turn().await?)
        .await?;
        let place = self.place.as_ref().map_or("this server", |place| place.domain());
        let text = format!(
            "{code} is your code to log in at {place}.\n\nIt can be used once, within ten minutes. Give it to nobody; if you have \
             not asked for it, do nothing.\n"
        );
        mailer.send(to, &format!("{code} is your code to log in"), text).await?;
        Ok(id)
    }

    /// The account of whoever has a code, which is used up by this.
    pub(crate) async fn use_code(&self, id: &str, code: &str) -> Result<Address, Problem> {
        let refused = || {
            ProblemKind::WRONG_CODE
                .problem("this is not the code that was sent, or it was used, tried too often, or has ended")
        };
        // The try is counted before it is known what comes of it.
        let row = sqlx::query(
            "UPDATE email_codes SET tries = tries + 1 WHERE id = $1 AND tries < $2 AND expires_at > $3 \
             RETURNING email, hash",
        )
        .bind(id)
        .bind(TRIES)
        .bind(self.now_i64())
        .fetch_optional(&mut *self.in_turn().await?)
        .await?
        .ok_or_else(refused)?;
        let (email, hash): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        // A hash under a key of ours: how long it takes to compare says nothing of the code.
        if hash != self.code_hash(id, code.trim()) {
            return Err(refused());
        }
        let used = sqlx::query("DELETE FROM email_codes WHERE id = $1")
            .bind(id)
            .execute(&mut *self.in_turn().await?)
            .await?;
        if used.rows_affected() == 0 {
            return Err(refused());
        }
        self.account_of_email(&email).await
    }

    /// The e-mail address of an account, if it logs in by one.
    pub(crate) async fn email_of(&self, account: Address) -> Result<Option<String>, Problem> {
        let row = sqlx::query("SELECT email FROM email_accounts WHERE account = $1")
            .bind(account.to_string())
            .fetch_optional(&self.db)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Counts that a code was asked for, unless there were too many since a day began.
    async fn count_code(&self, email: &str, most: i64, who: &str) -> Result<(), Problem> {
        let row = sqlx::query(
            "INSERT INTO email_quotas (email, since, asked) VALUES ($1, $2, 1) ON CONFLICT (email) DO UPDATE SET \
               asked = CASE WHEN email_quotas.since <= $3 THEN 1 ELSE email_quotas.asked + 1 END, \
               since = CASE WHEN email_quotas.since <= $3 THEN $2 ELSE email_quotas.since END \
             RETURNING asked",
        )
        .bind(email)
        .bind(self.now_i64())
        .bind(self.now_i64() - DAY)
        .fetch_one(&mut *self.in_turn().await?)
        .await?;
        if row.try_get::<i64, _>(0)? <= most {
            return Ok(());
        }
        Err(ProblemKind::TOO_OFTEN
            .problem(format!("{who} sent too many codes"))
            .hint("use the last one, log in another way, or come back in a day"))
    }

    /// The managed account of an address, made if there is none.
    async fn account_of_email(&self, email: &str) -> Result<Address, Problem> {
        let find = async || -> Result<Option<Address>, Problem> {
            let row = sqlx::query("SELECT account FROM email_accounts WHERE email = $1")
                .bind(email)
                .fetch_optional(&self.db)
                .await?;
            let Some(row) = row else { return Ok(None) };
            let account: String = row.try_get(0)?;
            account.parse().map(Some).map_err(|error| Problem::internal(&error))
        };
        if let Some(account) = find().await? {
            return Ok(account);
        }
        let account = self.import_account(email, &PrivateKeySigner::random()).await?;
        sqlx::query(
            "INSERT INTO email_accounts (email, account, created_at) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING",
        )
        .bind(email)
        .bind(account.to_string())
        .bind(self.now_i64())
        .execute(&mut *self.in_turn().await?)
        .await?;
        // Another code of the same address may have been used at the same time.
        Ok(find().await?.unwrap_or(account))
    }

    fn code_hash(&self, id: &str, code: &str) -> String {
        keccak256([&*self.code_key, id.as_bytes(), b"\0", code.as_bytes()].concat()).to_string()
    }
}

/// An address as it is kept. Small letters stand for both, and it is they that are written to: two spellings are one account.
fn read(text: &str) -> Result<(String, Mailbox), Problem> {
    let email = text.trim().to_ascii_lowercase();
    let invalid = |why: String| {
        ProblemKind::INVALID_REQUEST
            .problem(format!("`{email:.100}` is no e-mail address: {why}"))
            .hint("write it as name@example.com")
    };
    if email.len() > LONGEST || !email.is_ascii() {
        return Err(invalid(format!("it is not at most {LONGEST} letters of ASCII")));
    }
    let address: lettre::Address = email.parse().map_err(|error| invalid(format!("{error}")))?;
    Ok((email.clone(), Mailbox::new(None, address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_are_one_address() {
        for text in ["ada@example.com", " Ada@Example.COM\n"] {
            let (email, to) = read(text).unwrap();
            assert_eq!((&*email, &*to.to_string()), ("ada@example.com", "ada@example.com"));
        }
        for text in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@example.com\nBcc: eve@example.com",
            "ädä@example.com",
        ] {
            assert_eq!(read(text).unwrap_err().status, 400, "{text}");
        }
        assert!(read(&format!("{}@example.com", "a".repeat(300))).is_err());
    }
}
