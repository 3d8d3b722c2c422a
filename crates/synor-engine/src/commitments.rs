//! Reserved pricing: taking on an account's commitments.

use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, CommitmentId};
use synor_economics::period::Month;
use synor_economics::pricing::reserved::{Commitment, Committed};
use synor_store::{ChangeSet, Kind, ListQuery};

use crate::credits::{invalid_reply, request_of, scope_of};
use crate::engine::Engine;
use crate::error::EngineError;

/// What an account commits to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCommitment {
    /// What to, each month.
    pub committed: Committed,
    /// From which month on.
    pub starts: Month,
    /// The last month.
    pub ends: Month,
}

impl Engine {
    /// Takes on a commitment. The same command takes it on once. Months that were billed already
    /// cannot be committed.
    pub async fn commit_account(
        &self,
        account: &AccountId,
        new: NewCommitment,
        command: &str,
    ) -> Result<Commitment, EngineError> {
        let command = format!("commitment/{account}/{command}");
        let request = request_of(&new)?;
        let scope = scope_of(account);
        self.decide(&scope, || async {
            if let Some(before) = self.store.replay(&command, &request).await? {
                return serde_json::from_value(before.reply).map_err(invalid_reply);
            }
            let version = self.store.version(&scope).await?;
            let owner = self.account(account).await?;
            let commitment = Commitment {
                commitment_id: CommitmentId::derived(&[&command]),
                account_id: account.clone(),
                committed: new.committed.clone(),
                starts: new.starts,
                ends: new.ends,
            };
            commitment.check()?;
            let from = new.starts.period(&owner.time_zone)?.start();
            self.refuse_billed(account, from).await?;
            let mut changes = ChangeSet::new(command.clone(), self.now());
            changes.request.clone_from(&request);
            changes.reply = serde_json::to_value(&commitment).map_err(invalid_reply)?;
            changes.expect(scope.clone(), version).put(&commitment)?;
            let committed = self.commit(changes).await?;
            serde_json::from_value(committed.reply).map_err(invalid_reply)
        })
        .await
    }

    /// The commitments of an account.
    pub async fn commitments(&self, account: &AccountId) -> Result<Vec<Commitment>, EngineError> {
        Ok(self
            .store
            .list(ListQuery::of(Kind::Commitment, account))
            .await?
            .items)
    }
}
