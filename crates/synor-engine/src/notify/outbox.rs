//! The one door to the book: every change goes through here, and takes the messages that tell of it
//! along into the same transaction.

use synor_economics::id::MessageId;
use synor_store::{ChangeSet, Committed, OutboxMessage};
use uuid::Uuid;

use super::events::{event_of, is_told};
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Commits a change with the messages that tell of it. An account that nobody listens to costs
    /// nothing.
    pub(crate) async fn commit(&self, mut changes: ChangeSet) -> Result<Committed, EngineError> {
        self.add_messages(&mut changes).await?;
        Ok(self.store.commit(changes).await?)
    }

    async fn add_messages(&self, changes: &mut ChangeSet) -> Result<(), EngineError> {
        if !changes.documents.iter().any(|d| is_told(d.kind)) {
            return Ok(());
        }
        let subscribers = self.subscribers.current(&*self.store).await?;
        if subscribers.is_empty() {
            return Ok(());
        }
        let mut messages = Vec::new();
        for after in changes.documents.iter().filter(|d| is_told(d.kind)) {
            let Some(account) = &after.keys.account else {
                continue;
            };
            if !subscribers.contains(account) {
                continue;
            }
            let before = self.store.document(after.kind, &after.keys.id).await?;
            if let Some(event) = event_of(before.as_ref(), after)? {
                messages.push(OutboxMessage {
                    message_id: MessageId::from_uuid(Uuid::now_v7()),
                    account_id: account.clone(),
                    event,
                    created_at: changes.at,
                    is_handed_on: false,
                });
            }
        }
        for message in &messages {
            changes.put(message)?;
        }
        Ok(())
    }
}
