//! Auto-pay: collecting invoices from a wallet whose owner granted it on chain.
//!
//! On the development chain a grant alone says which address may charge how much, not for whose
//! invoices. So the owner hands the signed grant to this server, and only this server submits it: who
//! can present a grant that the chain has not seen controls the wallet. Where grants name the account,
//! the wallet grants by itself, and naming the wallet is enough.

use serde::{Deserialize, Serialize};
use synor_chain::{ChainError, ChargeOrder, Payload, SignedTransaction, Soma};
use synor_economics::billing::{AutoPayConfig, Invoice, PaymentProcessor, PaymentStatus};
use synor_economics::id::{AccountId, Address, InvoiceId, TxId};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_store::{ChangeSet, Document, Keys, Kind, ListQuery};

use crate::credits::scope_of;
use crate::engine::{BillingKey, Engine};
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

/// A charge for an invoice, written down before it is sent so that it is sent once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoPayCharge {
    /// For which invoice.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub account_id: AccountId,
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// The wallet that is charged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payer: Option<Address>,
    /// The transaction's id; where the chain signs, the first it was sent under.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tx_id: Option<TxId>,
    /// The transaction, signed by the billing wallet; absent where the chain signs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed: Option<SignedTransaction>,
    /// Whether the chain has taken it.
    pub submitted: bool,
    /// Why the chain refused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<String>,
    /// When it was decided.
    pub created_at: Timestamp,
}

impl Document for AutoPayCharge {
    const KIND: Kind = Kind::AutoPayCharge;
    fn keys(&self) -> Keys {
        Keys {
            id: self.invoice_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: self.tx_id.as_ref().map(TxId::to_string),
            sort_key: self.created_at.secs(),
            is_open: !self.submitted && self.refused.is_none(),
        }
    }
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
            self.store.commit(changes).await?;
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

    /// Charges every open invoice of every account with auto-pay, once each: the smaller of what is
    /// owed and the payer's maximum. Returns how many charges were sent.
    pub async fn run_auto_pay(&self) -> Result<usize, EngineError> {
        let mut sent = self.send_charges().await?;
        let configs: Vec<AutoPayConfig> = self
            .store
            .list(ListQuery::all(Kind::AutoPay).open())
            .await?
            .items;
        for config in configs {
            for invoice in self.open_invoices(&config.account_id).await? {
                if self.decide_charge(&config, &invoice).await? {
                    // Sent one by one, so that a refused charge does not leave a gap in the nonces.
                    sent += self.send_charges().await?;
                }
            }
        }
        Ok(sent)
    }

    async fn decide_charge(
        &self,
        config: &AutoPayConfig,
        invoice: &Invoice,
    ) -> Result<bool, EngineError> {
        let id = invoice.invoice_id.to_string();
        if self.store.get::<AutoPayCharge>(&id).await?.is_some() {
            return Ok(false);
        }
        let payments = self
            .invoice_payment(&config.account_id, invoice.invoice_id)
            .await?
            .payments;
        let is_being_paid = payments.iter().any(|p| p.status == PaymentStatus::Pending);
        let Some(amount) = PaymentProcessor::auto_pay_amount(invoice, config)? else {
            return Ok(false);
        };
        let covered = self
            .chain
            .grant_for(&config.funding_source, self.pay_to(), &config.account_id)
            .await?
            .is_some_and(|g| {
                Soma::from_micro(amount).is_ok_and(|a| a <= g.max_per_charge.min(g.remaining))
            });
        if is_being_paid || !covered {
            // Looked at again at the next run: a grant may still be on its way.
            return Ok(false);
        }
        let signed = self.signed_charge(config, amount, &id).await?;
        let charge = AutoPayCharge {
            invoice_id: invoice.invoice_id,
            account_id: config.account_id.clone(),
            amount_micro_synor: amount,
            payer: Some(config.funding_source.clone()),
            tx_id: signed.as_ref().map(SignedTransaction::tx_id),
            signed,
            submitted: false,
            refused: None,
            created_at: self.now(),
        };
        let scope = scope_of(&config.account_id);
        let mut changes = ChangeSet::new(format!("charge/{id}"), self.now());
        changes
            .expect(scope.clone(), self.store.version(&scope).await?)
            .put(&charge)?;
        match self.store.commit(changes).await.map_err(EngineError::from) {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false), // decided again at the next run
            Err(error) => Err(error),
        }
    }

    /// The charge signed by the billing wallet; none where the chain's backend signs.
    async fn signed_charge(
        &self,
        config: &AutoPayConfig,
        amount: MicroSynor,
        memo: &str,
    ) -> Result<Option<SignedTransaction>, EngineError> {
        let BillingKey::Wallet(wallet) = &self.billing_key else {
            return Ok(None);
        };
        let chain_id = self.chain.chain_id().await?;
        let nonce = self.chain.next_nonce(self.pay_to()).await?;
        let signed = wallet.sign_charge(
            &chain_id,
            nonce,
            &config.funding_source,
            self.pay_to(),
            Soma::from_micro(amount)?,
            memo,
        )?;
        Ok(Some(signed))
    }

    /// Hands a decided charge to the chain; again is harmless.
    async fn send_charge(&self, charge: &AutoPayCharge) -> Result<TxId, ChainError> {
        match (&charge.signed, &charge.payer) {
            (Some(signed), _) => self.chain.submit(signed.clone()).await,
            (None, Some(payer)) => {
                let order = ChargeOrder {
                    owner: payer.clone(),
                    account: charge.account_id.clone(),
                    invoice: charge.invoice_id,
                    amount: charge.amount_micro_synor,
                };
                self.chain.charge(&order).await
            }
            (None, None) => Err(ChainError::Inconsistent {
                what: format!("the charge of {} names no wallet", charge.invoice_id),
            }),
        }
    }

    /// Sends the charges that were decided and not yet taken by the chain.
    async fn send_charges(&self) -> Result<usize, EngineError> {
        let waiting: Vec<AutoPayCharge> = self
            .store
            .list(ListQuery::all(Kind::AutoPayCharge).open())
            .await?
            .items;
        let mut sent = 0;
        for charge in waiting {
            let outcome = match self.send_charge(&charge).await {
                Ok(tx_id) => AutoPayCharge {
                    submitted: true,
                    tx_id: Some(tx_id),
                    ..charge
                },
                Err(error) if error.is_passing() => continue,
                Err(error) => AutoPayCharge {
                    refused: Some(error.to_string()),
                    ..charge
                },
            };
            if let Some(reason) = &outcome.refused {
                tracing::warn!(invoice = %outcome.invoice_id, reason, "auto-pay was refused");
            } else {
                sent += 1;
            }
            let mut changes = ChangeSet::new(Self::fresh_command("charge sent"), self.now());
            changes.put(&outcome)?;
            self.store.commit(changes).await?;
        }
        Ok(sent)
    }
}

/// The most one charge may take under a signed grant.
fn grant_limit(grant: &SignedTransaction) -> Option<Soma> {
    match &grant.payload {
        Payload::Grant {
            max_per_charge,
            allowance,
            ..
        } => Some(*max_per_charge.min(allowance)),
        _ => None,
    }
}
