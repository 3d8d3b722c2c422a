//! Auto-pay: collecting invoices from a wallet whose owner granted it on chain.
//!
//! On the development chain a grant alone says which address may charge how much, not for whose
//! invoices. So the owner hands the signed grant to this server, and only this server submits it: who
//! can present a grant that the chain has not seen controls the wallet. Where grants name the account,
//! the wallet grants by itself, and naming the wallet is enough.

mod charge;
mod run;

use serde::{Deserialize, Serialize};
use synor_chain::{Payload, SignedTransaction, Soma};
use synor_economics::billing::AutoPayConfig;
use synor_economics::id::{AccountId, Address};
use synor_economics::money::MicroSynor;
use synor_store::{ChangeSet, Kind, ListQuery};

pub use charge::{AutoPayCharge, ChargeFailure, ChargeState};

use crate::charging::grant_limit;
use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

/// What an account asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoPayOrder {
    /// Whether invoices are to be collected.
    pub enabled: bool,
    /// The most that is taken for one invoice.
    #[serde(default)]
    pub max_per_invoice_micro_synor: Option<MicroSynor>,
    /// The grant of the wallet that pays, signed and not yet submitted. Needed to enable, and to
    /// change the wallet.
    #[serde(default)]
    pub signed_grant: Option<SignedTransaction>,
    /// The wallet that pays, on a chain where its grant names the account and is there already.
    #[serde(default)]
    pub funding_source: Option<Address>,
}

impl Engine {
    /// Switches auto-pay on, off, or to another maximum.
    pub async fn configure_auto_pay(
        &self,
        account: &AccountId,
        order: AutoPayOrder,
    ) -> Result<AutoPayConfig, EngineError> {
        self.account(account).await?;
        // Asked once: a decision made again must not take its own grant for somebody else's.
        let is_known = match &order.signed_grant {
            Some(grant) => self.chain.transfer(&grant.tx_id()).await?.is_some(),
            None => false,
        };
        let scope = scope_of(account);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let before: Option<AutoPayConfig> = self.store.get(account.as_str()).await?;
            let config = self.agree(account, &order, is_known, before).await?;
            if let Some(grant) = &order.signed_grant {
                // Only now, so that an order that is refused grants nothing.
                self.chain.submit(grant.clone()).await?;
            }
            let mut changes = ChangeSet::new(Self::fresh_command("auto-pay"), self.now());
            changes.expect(scope.clone(), version).put(&config)?;
            if config.enabled {
                self.resume_charges(account, &mut changes).await?;
            }
            self.commit(changes).await?;
            Ok(config)
        })
        .await
    }

    /// The account's auto-pay, if it ever had one.
    pub async fn auto_pay(
        &self,
        account: &AccountId,
    ) -> Result<Option<AutoPayConfig>, EngineError> {
        self.account(account).await?;
        Ok(self.store.get(account.as_str()).await?)
    }

    async fn agree(
        &self,
        account: &AccountId,
        order: &AutoPayOrder,
        is_known: bool,
        before: Option<AutoPayConfig>,
    ) -> Result<AutoPayConfig, EngineError> {
        let missing = |field, reason: &str| EngineError::Invalid {
            field,
            reason: reason.to_owned(),
        };
        let max = order
            .max_per_invoice_micro_synor
            .or_else(|| before.as_ref().map(|b| b.max_per_invoice_micro_synor))
            .ok_or_else(|| {
                missing(
                    "max_per_invoice_micro_synor",
                    "is needed to enable auto-pay",
                )
            })?;
        if !max.is_positive() {
            return Err(missing("max_per_invoice_micro_synor", "must be above zero"));
        }
        let known_grant = before.as_ref().and_then(|b| b.grant_tx.clone());
        let named = self.named_source(account, order)?;
        let funding_source = match (&order.signed_grant, named, before) {
            (Some(grant), _, before) => self.check_grant(grant, is_known, before.as_ref())?,
            (None, Some(named), _) => named,
            (None, None, Some(before)) => before.funding_source,
            (None, None, None) => {
                return Err(missing(
                    "signed_grant",
                    "is needed to enable auto-pay: the wallet that \
                     pays signs a grant to the billing address",
                ));
            }
        };
        if order.enabled {
            let granted = self
                .chain
                .grant_for(&funding_source, self.pay_to(), account)
                .await?;
            let pending = order.signed_grant.as_ref().and_then(grant_limit);
            let limit = pending
                .or(granted.map(|g| g.max_per_charge))
                .unwrap_or(Soma::ZERO);
            if limit < Soma::from_micro(max)? {
                let granted = limit.to_micro()?;
                let (owner, spender) = (funding_source, self.pay_to().clone());
                return Err(EngineError::GrantTooSmall {
                    owner,
                    spender,
                    granted,
                    asked: max,
                });
            }
        }
        Ok(AutoPayConfig {
            account_id: account.clone(),
            funding_source,
            max_per_invoice_micro_synor: max,
            enabled: order.enabled,
            grant_tx: match &order.signed_grant {
                Some(grant) => Some(grant.tx_id()),
                None => known_grant,
            },
            // Whoever switches it on or off has seen why it was paused.
            paused: None,
        })
    }

    /// The wallet that the order names, where a grant shows by itself whose invoices it is for.
    fn named_source(
        &self,
        account: &AccountId,
        order: &AutoPayOrder,
    ) -> Result<Option<Address>, EngineError> {
        if order.funding_source.is_some() && self.chain.account_reference(account).is_none() {
            let reason = "grants on this chain do not name the account; hand in a signed grant";
            return Err(EngineError::Invalid {
                field: "funding_source",
                reason: reason.to_owned(),
            });
        }
        Ok(order.funding_source.clone())
    }

    /// Whose grant this is; refuses one that somebody has submitted before.
    fn check_grant(
        &self,
        grant: &SignedTransaction,
        is_known: bool,
        before: Option<&AutoPayConfig>,
    ) -> Result<Address, EngineError> {
        let owner = grant.sender();
        let invalid = |reason: String| EngineError::Invalid {
            field: "signed_grant",
            reason,
        };
        match &grant.payload {
            Payload::Grant { spender, .. } if spender == self.pay_to() => {}
            _ => return Err(invalid(format!("it must be a grant to {}", self.pay_to()))),
        }
        if is_known && before.is_none_or(|b| b.funding_source != owner) {
            return Err(invalid(
                "this grant was submitted before, so it does not show that the \
                 wallet is yours; sign a new one"
                    .to_owned(),
            ));
        }
        Ok(owner)
    }

    /// Lets a paused auto-pay go on: charges that failed are made again, now.
    pub async fn resume_auto_pay(&self, account: &AccountId) -> Result<AutoPayConfig, EngineError> {
        self.account(account).await?;
        let scope = scope_of(account);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let found: Option<AutoPayConfig> = self.store.get(account.as_str()).await?;
            let config =
                found
                    .filter(|c| c.paused.is_some())
                    .ok_or_else(|| EngineError::Invalid {
                        field: "auto_pay",
                        reason: "it is not paused".to_owned(),
                    })?;
            let config = AutoPayConfig {
                paused: None,
                ..config
            };
            let mut changes = ChangeSet::new(Self::fresh_command("resume auto-pay"), self.now());
            changes.expect(scope.clone(), version).put(&config)?;
            self.resume_charges(account, &mut changes).await?;
            self.commit(changes).await?;
            Ok(config)
        })
        .await
    }

    /// Takes up again, now, what failed for invoices that are still owed.
    async fn resume_charges(
        &self,
        account: &AccountId,
        changes: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let open = self.open_invoices(account).await?;
        for charge in self.auto_pay_charges(account).await? {
            let is_owed = open.iter().any(|i| i.invoice_id == charge.invoice_id);
            let has_failed = matches!(charge.state(), ChargeState::GivenUp | ChargeState::Retrying);
            if has_failed && is_owed {
                changes.put(&charge.resumed(self.now()))?;
            }
        }
        Ok(())
    }

    /// The charges of an account that were announced, oldest first.
    pub async fn auto_pay_charges(
        &self,
        account: &AccountId,
    ) -> Result<Vec<AutoPayCharge>, EngineError> {
        let query = ListQuery::of(Kind::AutoPayCharge, account);
        Ok(self.store.list(query).await?.items)
    }
}
