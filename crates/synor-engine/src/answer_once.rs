//! A request that its sender has named is answered once: sent again under its name it gets the first
//! answer, and nothing is done again.
//!
//! What is kept is an answer to something that was done. A refusal did nothing, so the same name may
//! be tried again, with what was wrong put right. The name is kept for ever, with the book.
//!
//! On one node, what comes while the first is under way waits for it. Another node may begin the same
//! request meanwhile: then the use case itself, which knows the name or is repeatable, does it once,
//! and whichever answer lands first is everybody's.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use synor_store::ChangeSet;

use crate::credits::invalid_reply;
use crate::engine::Engine;
use crate::error::EngineError;

/// What was asked: enough to tell two requests apart, and to name them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The operation: `POST /api/v1/billing/deposit`.
    pub operation: String,
    /// What came with it, or a digest of it.
    pub body: String,
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with body {}", self.operation, self.body)
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The status, of HTTP.
    pub status: u16,
    /// The body, to the letter.
    pub body: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    asked: Asked,
    answered: Answered,
}

/// One at a time for each name.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Names {
    fn turn(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(name.to_owned()).or_default())
    }

    /// Forgets the turns of a name that nobody waits for. Turns are only taken under the lock, so
    /// that those counted here are all there are: this one and the map's.
    fn done(&self, name: &str, turn: Arc<tokio::sync::Mutex<()>>) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::strong_count(&turn) == 2 {
            turns.remove(name);
        }
    }
}

impl Engine {
    /// Answers a request that its sender has named, once; the name includes who that is. A refusal of
    /// the request is handed on as it is. Fails if the name is that of another request.
    pub async fn answer_once<F, R>(
        &self,
        name: &str,
        asked: Asked,
        answer: impl FnOnce() -> F,
    ) -> Result<Result<Answered, R>, EngineError>
    where
        F: Future<Output = Result<Answered, R>>,
    {
        let command = command_of(name);
        let turn = self.answering.turn(&command);
        let mine = turn.lock().await;
        let answered = self.answered_in_turn(&command, asked, answer).await;
        drop(mine);
        self.answering.done(&command, turn);
        answered
    }

    /// Fails if the name is that of another request; for requests whose own use case keeps the answer.
    pub async fn refuse_name_of_another(
        &self,
        name: &str,
        asked: &Asked,
    ) -> Result<(), EngineError> {
        self.first_answer(&command_of(name), asked).await.map(drop)
    }

    async fn first_answer(
        &self,
        command: &str,
        asked: &Asked,
    ) -> Result<Option<Answered>, EngineError> {
        let before = self.store.replay(command, "").await?;
        before
            .map(|before| unless_another(before.reply, asked))
            .transpose()
    }

    async fn answered_in_turn<F, R>(
        &self,
        command: &str,
        asked: Asked,
        answer: impl FnOnce() -> F,
    ) -> Result<Result<Answered, R>, EngineError>
    where
        F: Future<Output = Result<Answered, R>>,
    {
        if let Some(first) = self.first_answer(command, &asked).await? {
            return Ok(Ok(first));
        }
        let answered = match answer().await {
            Ok(answered) => answered,
            // Another node may have done it, and it was refused here because of that.
            Err(refusal) => {
                let first = self.first_answer(command, &asked).await?;
                return Ok(first.ok_or(refusal));
            }
        };
        let kept = Kept { asked, answered };
        let mut changes = ChangeSet::new(command, self.now());
        changes.reply = serde_json::to_value(&kept).map_err(invalid_reply)?;
        match self.store.commit(changes).await {
            Ok(committed) => unless_another(committed.reply, &kept.asked).map(Ok),
            Err(error) => {
                // It was done; only its answer was not kept, and repeating it does it no second time.
                tracing::error!(command, %error, "an answer was not kept");
                Ok(Ok(kept.answered))
            }
        }
    }
}

fn command_of(name: &str) -> String {
    format!("answer/{name}")
}

/// The answer that was kept, if it was to the same request.
fn unless_another(reply: serde_json::Value, asked: &Asked) -> Result<Answered, EngineError> {
    let kept: Kept = serde_json::from_value(reply).map_err(invalid_reply)?;
    if kept.asked == *asked {
        return Ok(kept.answered);
    }
    Err(EngineError::NameTaken {
        before: Box::new(kept.asked),
        now: Box::new(asked.clone()),
    })
}
