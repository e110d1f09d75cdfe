//! Room for bodies that are read before they go on: so much for all of them together, since whoever has an access token may send
//! one, with credits or without.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, ProblemKind};

/// How many bytes are counted as one.
const UNIT: usize = 1 << 10;
/// The most bytes of all bodies.
const ROOM: usize = 256 << 20;

/// Room for bodies.
#[derive(Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM / UNIT)))
    }
}

/// A body that was read, and its room, until that is dropped.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) body: Bytes,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Reads a body of so many bytes at most; nothing, if it has more.
    pub(super) async fn read(&self, body: Body, most: u64) -> Result<Option<Read>, Problem> {
        let mut read = Vec::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        let mut stream = body.into_data_stream();
        while let Some(part) = stream.next().await {
            let part =
                part.map_err(|_| ProblemKind::INVALID_REQUEST.problem("the request's body broke off"))?;
            let length = read.len() + part.len();
            if length as u64 > most {
                return Ok(None);
            }
            let has = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let lacks = u32::try_from(length.div_ceil(UNIT).saturating_sub(has)).unwrap_or(u32::MAX);
            let more = Arc::clone(&self.0).try_acquire_many_owned(lacks).map_err(|_| {
                ProblemKind::BUSY
                    .problem("there is no room for more requests under an Idempotency-Key")
                    .hint("try again, or send it without one")
            })?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            read.extend_from_slice(&part);
        }
        Ok(Some(Read { body: read.into(), room }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_room_for_so_many_bytes_at_once() {
        let room = Room(Arc::new(Semaphore::new(4)));
        let body = |units: usize| Body::from(vec![0; units * UNIT]);
        let first = room.read(body(3), u64::MAX).await.unwrap().unwrap();
        assert_eq!((first.body.len(), first.room.as_ref().unwrap().num_permits()), (3 * UNIT, 3));
        assert!(room.read(body(2), u64::MAX).await.unwrap_err().retryable);
        assert!(room.read(body(2), UNIT as u64).await.unwrap().is_none(), "more than one may have");
        drop(first);
        assert!(room.read(body(4), u64::MAX).await.unwrap().is_some());
    }
}
