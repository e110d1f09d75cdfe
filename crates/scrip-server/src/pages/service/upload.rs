//! Forms with files.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::{FromRequest, Multipart, Request};

use crate::{
    pages::answer::Instead,
    problem::{Problem, ProblemKind},
    state::State,
};

/// A form that was filled in, with its files.
#[derive(Debug, Default)]
pub(super) struct Uploaded {
    texts: BTreeMap<String, String>,
    files: BTreeMap<String, (String, Vec<u8>)>,
}

/// The most fields of one.
const FIELDS: usize = 32;

impl FromRequest<Arc<State>> for Uploaded {
    type Rejection = Instead;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Instead> {
        let unread = |why: String| -> Problem {
            ProblemKind::INVALID_REQUEST
                .problem(format!("the form cannot be read: {why}"))
                .hint("send files of less than a megabyte together")
        };
        let form = Multipart::from_request(request, state).await;
        let mut form = form.map_err(|rejected| unread(rejected.body_text()))?;
        let mut read = Self::default();
        while let Some(field) = form.next_field().await.map_err(|error| unread(error.body_text()))? {
            if read.texts.len() + read.files.len() >= FIELDS {
                return Err(unread("it has too many fields".to_owned()).into());
            }
            let name = field.name().unwrap_or_default().to_owned();
            match field.file_name().map(str::to_owned) {
                Some(file) => {
                    let bytes = field.bytes().await.map_err(|error| unread(error.body_text()))?;
                    // A field for a file is sent without one, too.
                    if !bytes.is_empty() {
                        read.files.insert(name, (file, bytes.into()));
                    }
                }
                None => {
                    let text = field.text().await.map_err(|error| unread(error.body_text()))?;
                    read.texts.insert(name, text);
                }
            }
        }
        Ok(read)
    }
}

impl Uploaded {
    /// What was filled in; an empty text where nothing was.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", |text| text.trim())
    }

    /// The name of a file, and what is in it.
    pub(super) fn file(&self, name: &str) -> Option<(&str, &[u8])> {
        self.files.get(name).map(|(file, bytes)| (file.as_str(), bytes.as_slice()))
    }
}
