//! Forms that were filled in.

use std::sync::Arc;

use axum::{
    Form,
    extract::{FromRequest, Request},
};
use serde::de::DeserializeOwned;

use super::answer::Instead;
use crate::{problem::ProblemKind, state::State};

/// A form that was filled in.
#[derive(Debug)]
pub(crate) struct Filled<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<State>> for Filled<T> {
    type Rejection = Instead;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Instead> {
        match Form::from_request(request, state).await {
            Ok(Form(filled)) => Ok(Self(filled)),
            Err(rejected) => Err(ProblemKind::INVALID_REQUEST
                .problem(rejected.body_text())
                .hint("go back, and fill in the form again")
                .into()),
        }
    }
}
