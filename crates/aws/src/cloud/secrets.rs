//! AWS Secrets Manager: the text of a secret.

use std::fmt;

use serde_json::json;

use super::reads::{self, Question, text};
use super::{CallError, Session};

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// For the header of a request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The text of a secret, white space around it left out; None if there is no such secret.
pub async fn value(session: &Session, name: &str) -> Result<Option<Secret>, CallError> {
    let question =
        Question::json("secretsmanager", "GetSecretValue", name, "secretsmanager", json!({ "SecretId": name }));
    match reads::answer(session, &question).await {
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error),
        Ok(answer) => {
            let found = text(&answer.body, "SecretString");
            let found = session.need(found, question.operation, name, "SecretString")?;
            Ok(Some(Secret(found.trim().to_owned())))
        }
    }
}
