//! Whether everything that the platform works with answers.

use std::time::Duration;

use synor_store::Kind;
use tokio::time::timeout;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::jobs::chain_of;

/// How long each part has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A part and how it is: its measure of progress, or why it does not answer.
pub type PartState = Result<u64, String>;

/// Whether each part answers, and how far it is.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// The book of record; its measure is 0.
    pub book: PartState,
    /// The usage log; its measure is the position of its last event.
    pub usage_log: PartState,
    /// The chain; its measure is how many blocks it has.
    pub chain: PartState,
}

impl Readiness {
    /// Every part by its name.
    pub fn parts(&self) -> [(&'static str, &PartState); 3] {
        [
            ("book", &self.book),
            ("usage_log", &self.usage_log),
            ("chain", &self.chain),
        ]
    }

    /// Whether all of them answer.
    pub fn is_ready(&self) -> bool {
        self.parts().iter().all(|(_, state)| state.is_ok())
    }
}

impl Engine {
    /// Asks the book, the usage log and the chain, each of which has two seconds to answer.
    pub async fn readiness(&self) -> Readiness {
        let (book, usage_log, chain) = tokio::join!(
            within(async {
                // An id that nothing has: one look into an index.
                self.store.document(Kind::Account, "").await?;
                Ok(0)
            }),
            within(async { Ok(self.usage.position().await?) }),
            within(async { Ok(self.chain.block_count().await?) }),
        );
        Readiness {
            book,
            usage_log,
            chain,
        }
    }
}

async fn within(answer: impl Future<Output = Result<u64, EngineError>>) -> PartState {
    match timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(measure)) => Ok(measure),
        Ok(Err(error)) => Err(chain_of(&error)),
        Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
    }
}
