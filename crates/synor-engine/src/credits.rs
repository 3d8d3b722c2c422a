//! Credits and balances of an account.

use serde::{Deserialize, Serialize};
use synor_economics::billing::settlement::granted;
use synor_economics::billing::{CreditEntry, CreditManager, CreditSource, CreditUse};
use synor_economics::id::{AccountId, CreditId};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_economics::sla::sla_credit_id;
use synor_store::{ChangeSet, Kind, ListQuery, Scope};

use crate::engine::Engine;
use crate::error::EngineError;

/// A credit to be granted without coins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCredit {
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// Where from; deposits cannot be granted.
    pub source: CreditSource,
    /// From when on it is not applied any more.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// Where an account stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Whose balance.
    pub account_id: AccountId,
    /// What can be spent: prepaid and granted credit together.
    pub balance_micro_synor: MicroSynor,
    /// What of it was deposited in coins.
    pub prepaid_micro_synor: MicroSynor,
    /// What of it was granted.
    pub credit_micro_synor: MicroSynor,
    /// What is on hold, and so not part of the balance.
    pub on_hold_micro_synor: MicroSynor,
    /// What is owed on open invoices.
    pub outstanding_micro_synor: MicroSynor,
    /// How many invoices are open.
    pub open_invoices: usize,
    /// Since when the account is suspended; absent if it is not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suspended_since: Option<Timestamp>,
}

impl Engine {
    /// What an account has and owes; it reflects every acknowledged operation.
    pub async fn balance(&self, account: &AccountId) -> Result<Balance, EngineError> {
        let now = self.now();
        let (_, mut money) = self.prepaid_of(account).await?;
        while money.expire(now)?.is_some() {}
        let of = |prepaid: bool| {
            let credits = money.credits().credits();
            let same = credits.iter().filter(|c| c.source.is_prepaid() == prepaid);
            MicroSynor::sum(same.map(|c| c.available_at(now)))
        };
        let open = self.open_invoices(account).await?;
        let owed = open
            .iter()
            .map(|i| i.outstanding())
            .collect::<Result<Vec<_>, _>>()?;
        let (prepaid, credit) = (of(true)?, of(false)?);
        Ok(Balance {
            account_id: account.clone(),
            balance_micro_synor: prepaid.checked_add(credit)?,
            prepaid_micro_synor: prepaid,
            credit_micro_synor: credit,
            on_hold_micro_synor: money.on_hold()?,
            outstanding_micro_synor: MicroSynor::sum(owed)?,
            open_invoices: open.len(),
            suspended_since: self.suspension(account).await?.map(|s| s.since),
        })
    }

    /// All credits of an account, in order of use.
    pub async fn credits(&self, account: &AccountId) -> Result<Vec<CreditEntry>, EngineError> {
        self.account(account).await?;
        let credits = self
            .store
            .list(ListQuery::of(Kind::Credit, account))
            .await?
            .items;
        Ok(CreditManager::new(credits).into_credits())
    }

    pub(crate) async fn open_credits(
        &self,
        account: &AccountId,
    ) -> Result<Vec<CreditEntry>, EngineError> {
        Ok(self
            .store
            .list(ListQuery::of(Kind::Credit, account).open())
            .await?
            .items)
    }

    /// Grants a credit. The same command grants it once.
    pub async fn grant_credit(
        &self,
        account: &AccountId,
        new: NewCredit,
        command: &str,
    ) -> Result<CreditEntry, EngineError> {
        self.account(account).await?;
        let reason = match &new.source {
            CreditSource::Prepaid { .. } => "a deposit cannot be granted; it arrives on chain",
            CreditSource::Correction { .. } => "only an invoice carries corrections over",
            CreditSource::Refund { .. } | CreditSource::CreditNote { .. } => {
                "only a credit note gives back what an invoice took"
            }
            _ => "",
        };
        if !reason.is_empty() {
            let reason = reason.to_owned();
            return Err(EngineError::Invalid {
                field: "source",
                reason,
            });
        }
        let command = format!("credit/{account}/{command}");
        let request = request_of(&new)?;
        if let Some(before) = self.store.replay(&command, &request).await? {
            // Also when it could not be granted any more, having expired since.
            return serde_json::from_value(before.reply).map_err(invalid_reply);
        }
        let scope = scope_of(account);
        let granted = self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let now = self.now();
            // An account gets one credit for an incident, whoever grants it by whatever command.
            let id = match &new.source {
                CreditSource::SlaCredit { incident_id } => sla_credit_id(incident_id, account),
                _ => CreditId::derived(&[&command]),
            };
            let credit = CreditEntry::grant(
                id,
                account.clone(),
                new.amount_micro_synor,
                new.source.clone(),
                new.expires_at,
                now,
            )?;
            let mut changes = ChangeSet::new(command.clone(), now);
            changes.request.clone_from(&request);
            changes.reply = serde_json::to_value(&credit).map_err(invalid_reply)?;
            // Who spends from memory must see that there is more.
            changes.expect(scope.clone(), version).put(&credit)?;
            changes.entries.push(granted(&credit)?);
            let committed = self.commit(changes).await?;
            serde_json::from_value(committed.reply).map_err(invalid_reply)
        });
        let granted = granted.await?;
        self.budgets.touch(account);
        Ok(granted)
    }
}

/// What was asked, in the form that a command is compared by.
pub(crate) fn request_of(request: &impl Serialize) -> Result<String, EngineError> {
    serde_json::to_string(request).map_err(invalid_reply)
}

pub(crate) fn invalid_reply(error: serde_json::Error) -> EngineError {
    EngineError::Invalid {
        field: "json",
        reason: error.to_string(),
    }
}

/// Stores the credits that were used of, or given back to, as they stand now.
pub(crate) fn put_used(
    changes: &mut ChangeSet,
    credits: &CreditManager,
    uses: &[CreditUse],
) -> Result<(), EngineError> {
    for credit in credits.credits() {
        if uses.iter().any(|used| used.credit_id == credit.credit_id) {
            changes.put(credit)?;
        }
    }
    Ok(())
}

/// The scope of an account.
pub(crate) fn scope_of(account: &AccountId) -> Scope {
    Scope::Account(account.clone())
}
