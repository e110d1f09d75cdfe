//! Cover images: kept here, and shown to all.

use std::sync::Arc;

use alloy::primitives::{Address, hex, keccak256};
use axum::{
    Router,
    extract::State as Shared,
    http::{HeaderName, header},
    response::IntoResponse,
    routing::get,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sqlx::Row;

use super::form::wrong;
use crate::{
    extract::PathText,
    pages::answer::Instead,
    problem::{Problem, ProblemKind},
    state::State,
};

/// The most bytes of an image.
const MOST: usize = 512 * 1_024;
/// How many an account sends a day.
const PER_DAY: i64 = 50;

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new().route("/covers/{id}", get(show))
}

/// What an image is, by how it begins; what browsers take for anything but a picture is none.
fn kind(image: &[u8]) -> Option<&'static str> {
    match image {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

impl State {
    /// Keeps an image; the path at which it is shown.
    pub(super) async fn keep_cover(&self, account: Address, image: &[u8]) -> Result<String, Problem> {
        let Some(kind) = kind(image) else {
            return Err(wrong("the cover is no PNG, JPEG or WebP image").hint("choose another image"));
        };
        if image.len() > MOST {
            return Err(wrong(format!("the cover has {} bytes, and {MOST} at most are kept", image.len()))
                .hint("choose a smaller image"));
        }
        let id = hex::encode(keccak256(image));
        let kept = sqlx::query(
            "INSERT INTO covers (id, account, kind, image, created_at) SELECT $1, $2, $3, $4, $5 \
             WHERE (SELECT COUNT(*) FROM covers WHERE account = $2 AND created_at > $6) < $7 ON CONFLICT (id) DO NOTHING",
        )
        .bind(&id)
        .bind(account.to_string())
        .bind(kind)
        .bind(BASE64_STANDARD.encode(image))
        .bind(self.now_i64())
        .bind(self.now_i64() - 86_400)
        .bind(PER_DAY)
        .execute(&mut *self.in_turn().await?)
        .await?;
        if kept.rows_affected() == 0 && self.cover(&id).await?.is_none() {
            return Err(ProblemKind::TOO_OFTEN
                .problem(format!("you have sent {PER_DAY} images within a day"))
                .hint("use one of them, or come back in a day"));
        }
        Ok(format!("/covers/{id}"))
    }

    async fn cover(&self, id: &str) -> Result<Option<(String, String)>, Problem> {
        let row = sqlx::query("SELECT kind, image FROM covers WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.db)
            .await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }
}

async fn show(state: Shared<Arc<State>>, PathText(id): PathText) -> Result<impl IntoResponse, Instead> {
    let no_cover = || ProblemKind::NO_ROUTE.problem("there is no such image");
    let (kind, image) = state.cover(&id).await?.ok_or_else(no_cover)?;
    let image = BASE64_STANDARD.decode(image).map_err(|error| Problem::internal(&error))?;
    let told: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
        // Looked at by itself it is a picture, and nothing that runs.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
    ];
    Ok((told, image))
}
