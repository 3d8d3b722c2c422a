//! Incidents: reporting one, and giving each account that it hit what its plan promises, once, as
//! soon as the month that it began in is billed.

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::billing::settlement::granted;
use synor_economics::billing::{CreditEntry, CreditSource, Invoice};
use synor_economics::id::{AccountId, InvoiceId};
use synor_economics::metering::ServiceType;
use synor_economics::period::{Month, Period, Timestamp};
use synor_economics::plan::Plan;
use synor_economics::sla::{Incident, SlaOutcome, compensate};
use synor_store::{ChangeSet, Kind, ListQuery, StoreError};

use crate::credits::{request_of, scope_of};
use crate::engine::Engine;
use crate::error::EngineError;

/// An incident to be reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewIncident {
    /// What to call it; reporting the same one again changes nothing.
    pub incident_id: String,
    /// Which service.
    pub service: ServiceType,
    /// From when until when.
    pub period: Period,
    /// How long the service was not there in it, in seconds.
    pub downtime_secs: i64,
    /// Whom it hit; empty: everyone who uses the service in the month.
    pub accounts: Vec<AccountId>,
    /// What people read.
    pub note: String,
}

/// An incident and what it has come to so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentState {
    /// The incident.
    #[serde(flatten)]
    pub incident: Incident,
    /// What it has given to whom, and how that came to be.
    pub outcomes: Vec<SlaOutcome>,
}

/// Whether an account has what an incident owes it.
enum Owed {
    /// It has, or is owed nothing.
    Settled,
    /// Its month is not billed yet.
    Waiting,
}

impl Engine {
    /// Reports an incident. The same report again changes nothing, another of its name is refused.
    pub async fn report_incident(&self, new: NewIncident) -> Result<IncidentState, EngineError> {
        let now = self.now();
        for account in &new.accounts {
            self.account(account).await?;
        }
        if new.period.end() > now {
            let reason = format!("{} has not come yet; it is {now}", new.period.end());
            let field = "end";
            return Err(EngineError::Invalid { field, reason });
        }
        let request = request_of(&new)?;
        let incident = Incident {
            incident_id: new.incident_id,
            service: new.service,
            period: new.period,
            downtime_secs: new.downtime_secs,
            accounts: new.accounts,
            note: new.note,
            reported_at: now,
            settled_at: None,
        };
        incident.check()?;
        let id = incident.incident_id.clone();
        let mut changes = ChangeSet::new(format!("incident/{id}"), now);
        changes.request = request;
        changes.put(&incident)?;
        match self.commit(changes).await {
            Err(EngineError::Store(StoreError::CommandReused { .. })) => {
                let reason = format!("{id} was reported before, and said something else");
                let field = "incident_id";
                return Err(EngineError::Invalid { field, reason });
            }
            committed => committed?,
        };
        self.incident(&id).await
    }

    /// An incident, and what it has come to so far.
    pub async fn incident(&self, id: &str) -> Result<IncidentState, EngineError> {
        let found: Option<Incident> = self.store.get(id).await?;
        let incident = found.ok_or_else(|| EngineError::NotFound {
            what: "incident",
            id: id.to_owned(),
        })?;
        let query = ListQuery::all(Kind::SlaOutcome);
        let mut outcomes: Vec<SlaOutcome> = self.store.list(query).await?.items;
        outcomes.retain(|outcome| outcome.incident_id == id);
        Ok(IncidentState { incident, outcomes })
    }

    /// All incidents, newest first.
    pub async fn incidents(&self) -> Result<Vec<Incident>, EngineError> {
        let query = ListQuery {
            newest_first: true,
            ..ListQuery::all(Kind::Incident)
        };
        Ok(self.store.list(query).await?.items)
    }

    /// Gives every account what open incidents owe it, where its month is billed; to how many.
    pub async fn settle_incidents(&self) -> Result<usize, EngineError> {
        let query = ListQuery::all(Kind::Incident).open();
        let open: Vec<Incident> = self.store.list(query).await?.items;
        if open.is_empty() {
            return Ok(0);
        }
        let accounts = self.accounts().await?;
        let mut given = 0;
        for incident in open {
            let mut is_waiting = false;
            for account in accounts.iter().filter(|a| incident.may_hit(&a.account_id)) {
                let (owed, credited) = self.settle_incident(&incident, account).await?;
                is_waiting |= matches!(owed, Owed::Waiting);
                given += usize::from(credited);
            }
            if !is_waiting {
                let settled = Incident {
                    settled_at: Some(self.now()),
                    ..incident
                };
                let id = &settled.incident_id;
                let mut changes = ChangeSet::new(format!("incident settled/{id}"), self.now());
                changes.put(&settled)?;
                self.commit(changes).await?;
            }
        }
        Ok(given)
    }

    /// What an incident owes one account, and whether a credit was given for it now.
    async fn settle_incident(
        &self,
        incident: &Incident,
        account: &Account,
    ) -> Result<(Owed, bool), EngineError> {
        let id = &account.account_id;
        let outcome_id = format!("{}/{id}", incident.incident_id);
        if self.store.get::<SlaOutcome>(&outcome_id).await?.is_some() {
            return Ok((Owed::Settled, false));
        }
        let start = incident.period.start();
        let month = Month::containing(start, &account.time_zone)?;
        let period = month.period(&account.time_zone)?;
        if self.now() < period.end() {
            return Ok((Owed::Waiting, false));
        }
        let invoice_id = InvoiceId::derived(&[id.as_str(), &period.start().secs().to_string()]);
        let invoice: Option<Invoice> = self.store.get(&invoice_id.to_string()).await?;
        let Some(invoice) = invoice else {
            let used = self.usage.summary(id, period, None).await?.rows;
            let uses_it = used
                .iter()
                .any(|r| r.key.resource.service() == incident.service);
            let owed = if uses_it {
                Owed::Waiting
            } else {
                Owed::Settled
            };
            return Ok((owed, false));
        };
        if invoice.voided_at.is_some() {
            return Ok((Owed::Settled, false));
        }
        let plan = plan_at(account, start);
        let credited = self
            .compensate(incident, &invoice, plan, &outcome_id)
            .await?;
        Ok((Owed::Settled, credited))
    }

    /// Works out and gives what an incident owes an account. Whoever does it again, or at the same
    /// time, finds it done.
    async fn compensate(
        &self,
        incident: &Incident,
        invoice: &Invoice,
        plan: Plan,
        outcome_id: &str,
    ) -> Result<bool, EngineError> {
        let account = &invoice.account_id;
        let scope = scope_of(account);
        let credited = self
            .decide(&scope, || async {
                let version = self.store.version(&scope).await?;
                let before: Vec<SlaOutcome> = self
                    .store
                    .list(ListQuery::of(Kind::SlaOutcome, account))
                    .await?
                    .items;
                if before.iter().any(|outcome| outcome.id() == outcome_id) {
                    return Ok(false);
                }
                let same: Vec<SlaOutcome> = before
                    .into_iter()
                    .filter(|o| o.service == incident.service && o.month == invoice.month)
                    .collect();
                let now = self.now();
                let mut outcome = compensate(incident, invoice, plan, &self.sla, &same, now)?;
                let mut changes = ChangeSet::new(format!("sla/{outcome_id}"), now);
                changes.expect(scope.clone(), version);
                if let Some(credit_id) = outcome.credit_id {
                    let by_hand: Option<CreditEntry> =
                        self.store.get(&credit_id.to_string()).await?;
                    if by_hand.is_some() {
                        // Somebody has granted a credit for this incident already; it is the one.
                        outcome.credit_id = None;
                        outcome.amount_micro_synor = synor_economics::money::MicroSynor::ZERO;
                    } else {
                        let source = CreditSource::SlaCredit {
                            incident_id: incident.incident_id.clone(),
                        };
                        let amount = outcome.amount_micro_synor;
                        let account = account.clone();
                        let credit =
                            CreditEntry::grant(credit_id, account, amount, source, None, now)?;
                        changes.put(&credit)?;
                        changes.entries.push(granted(&credit)?);
                    }
                }
                changes.put(&outcome)?;
                let committed = self.commit(changes).await?;
                Ok(!committed.replayed && outcome.credit_id.is_some())
            })
            .await?;
        self.budgets.touch(account);
        Ok(credited)
    }
}

/// The plan that an account is on at an instant.
fn plan_at(account: &Account, at: Timestamp) -> Plan {
    let changes = account.plan_changes.iter().rev();
    let last = changes.into_iter().find(|change| change.from <= at);
    last.map_or(Plan::default(), |change| change.plan)
}
