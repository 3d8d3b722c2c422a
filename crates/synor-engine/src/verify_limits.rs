//! Verification of credits that expired and of credits for incidents.

use std::collections::BTreeMap;

use synor_economics::billing::{CreditEntry, CreditExpiry, CreditSource, LedgerAccount};
use synor_economics::id::CreditId;
use synor_economics::money::MicroSynor;
use synor_economics::sla::SlaOutcome;
use synor_store::BookCheck;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::verify::Verification;

impl Engine {
    /// What expired is what the journal says, of credits that are there; every credit for an
    /// incident is what the incident came to.
    pub(crate) async fn check_limits(
        &self,
        book: &BookCheck,
        credits: &[CreditEntry],
        found: &mut Verification,
    ) -> Result<(), EngineError> {
        let expiries: Vec<CreditExpiry> = self.all_sound(found).await?;
        let outcomes: Vec<SlaOutcome> = self.all_sound(found).await?;
        let by_id: BTreeMap<CreditId, &CreditEntry> =
            credits.iter().map(|c| (c.credit_id, c)).collect();
        check_expiries(book, &expiries, &by_id, found)?;
        check_outcomes(&outcomes, &by_id, found);
        Ok(())
    }
}

fn check_expiries(
    book: &BookCheck,
    expiries: &[CreditExpiry],
    credits: &BTreeMap<CreditId, &CreditEntry>,
    found: &mut Verification,
) -> Result<(), EngineError> {
    let mut sum = MicroSynor::ZERO;
    for expiry in expiries {
        sum = sum.checked_add(expiry.amount_micro_synor)?;
        let credit = credits.get(&expiry.credit_id);
        if credit.is_none_or(|c| c.expires_at.is_none_or(|at| at > expiry.posted_at)) {
            let (id, at) = (expiry.credit_id, expiry.posted_at);
            let problem = format!("credit {id}: it expired at {at}, before its time");
            found.problems.push(problem);
        }
    }
    let posted = book.balances.get(&LedgerAccount::CreditsExpired).copied();
    let posted = posted.unwrap_or_default().checked_neg()?;
    if posted != sum {
        let problem = format!("{sum} of credit expired, the journal says {posted}");
        found.problems.push(problem);
    }
    Ok(())
}

fn check_outcomes(
    outcomes: &[SlaOutcome],
    credits: &BTreeMap<CreditId, &CreditEntry>,
    found: &mut Verification,
) {
    for outcome in outcomes {
        let Some(id) = outcome.credit_id else {
            continue;
        };
        let is_its = |credit: &&CreditEntry| {
            credit.amount_micro_synor == outcome.amount_micro_synor
                && credit.account_id == outcome.account_id
                && matches!(&credit.source, CreditSource::SlaCredit { incident_id }
                    if *incident_id == outcome.incident_id)
        };
        if !credits.get(&id).is_some_and(is_its) {
            found.problems.push(format!(
                "incident {}: the credit of {} is not the {} that it came to",
                outcome.incident_id, outcome.account_id, outcome.amount_micro_synor
            ));
        }
    }
}
