//! Referrals: once a referred account has paid, both sides get a credit.

use synor_economics::account::Account;
use synor_economics::billing::CreditSource;
use synor_economics::id::AccountId;
use synor_store::{ChangeSet, Kind, ListQuery, Referral, Scope};

use crate::credits::NewCredit;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Records that an account was referred by another. Refused: oneself, a circle of referrals, a
    /// second referrer, and an account that has been billed already.
    pub async fn refer(
        &self,
        account: &AccountId,
        referrer: &AccountId,
    ) -> Result<Referral, EngineError> {
        // One decision at a time for all referrals, so that two of them cannot close a circle.
        let scope = Scope::Referrals;
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let referred = self.account(account).await?;
            self.account(referrer).await?;
            let refuse = |reason: String| EngineError::Invalid {
                field: "referrer_id",
                reason,
            };
            if account == referrer {
                return Err(refuse("an account cannot refer itself".to_owned()));
            }
            if let Some(by) = &referred.referred_by {
                return Err(refuse(format!("{account} was referred by {by} already")));
            }
            if !self.invoices_of(account).await?.is_empty() {
                return Err(refuse(format!("{account} has been billed already")));
            }
            let mut above = Some(referrer.clone());
            while let Some(next) = above {
                if next == *account {
                    return Err(refuse(format!(
                        "{referrer} was itself brought in by {account}"
                    )));
                }
                above = self.account(&next).await?.referred_by;
            }
            let referral = Referral {
                account_id: account.clone(),
                referrer_id: referrer.clone(),
                created_at: self.now(),
                rewarded_at: None,
            };
            let account_scope = Scope::Account(account.clone());
            let account_version = self.store.version(&account_scope).await?;
            let referred = Account {
                referred_by: Some(referrer.clone()),
                ..referred
            };
            let mut changes = ChangeSet::new(Self::fresh_command("refer"), self.now());
            changes
                .expect(scope.clone(), version)
                .expect(account_scope, account_version)
                .put(&referred)?
                .put(&referral)?;
            self.commit(changes).await?;
            Ok(referral)
        })
        .await
    }

    /// Rewards both sides of every referral whose account has paid an invoice in coins. Returns how
    /// many were rewarded; a crash in between leaves nothing twice, because a grant has a name.
    pub async fn reward_referrals(&self) -> Result<usize, EngineError> {
        let open: Vec<Referral> = self
            .store
            .list(ListQuery::all(Kind::Referral).open())
            .await?
            .items;
        let mut rewarded = 0;
        for referral in open {
            let invoices = self.invoices_of(&referral.account_id).await?;
            let has_paid = invoices.iter().any(|invoice| {
                invoice.paid_at.is_some() && invoice.collected().is_ok_and(|c| c.is_positive())
            });
            if !has_paid {
                continue;
            }
            let command = format!("referral/{}", referral.account_id);
            for (account, other) in [
                (&referral.account_id, &referral.referrer_id),
                (&referral.referrer_id, &referral.account_id),
            ] {
                let credit = NewCredit {
                    amount_micro_synor: self.referral_reward,
                    source: CreditSource::Referral {
                        referred_by: other.clone(),
                    },
                    expires_at: None,
                };
                self.grant_credit(account, credit, &command).await?;
            }
            let done = Referral {
                rewarded_at: Some(self.now()),
                ..referral
            };
            let mut changes = ChangeSet::new(Self::fresh_command("rewarded"), self.now());
            changes.put(&done)?;
            self.commit(changes).await?;
            rewarded += 1;
        }
        Ok(rewarded)
    }
}
