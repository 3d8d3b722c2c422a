//! The job of auto-pay: announces a charge for each invoice, makes it when its time has come, tries
//! again what failed, and pauses an account whose tries have all failed.

use synor_economics::billing::{
    AutoPayConfig, AutoPayPause, Invoice, PaymentProcessor, PaymentStatus,
};
use synor_economics::money::MicroSynor;
use synor_store::{ChangeSet, Kind, ListQuery};

use super::charge::AutoPayCharge;
use crate::charging::{Coverage, Sent, Standing};
use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Announces a charge for every open invoice of every account with auto-pay, once each: the
    /// smaller of what is owed and the payer's maximum. Makes those whose time has come. Returns how
    /// many were handed to the chain.
    pub async fn run_auto_pay(&self) -> Result<usize, EngineError> {
        let mut sent = self.move_charges().await?;
        if self.announce_charges().await? > 0 {
            sent += self.move_charges().await?;
        }
        Ok(sent)
    }

    async fn announce_charges(&self) -> Result<usize, EngineError> {
        let configs: Vec<AutoPayConfig> = self
            .store
            .list(ListQuery::all(Kind::AutoPay).open())
            .await?
            .items;
        let mut announced = 0;
        for config in configs {
            for invoice in self.open_invoices(&config.account_id).await? {
                announced += usize::from(self.announce_charge(&config, &invoice).await?);
            }
        }
        Ok(announced)
    }

    async fn announce_charge(
        &self,
        config: &AutoPayConfig,
        invoice: &Invoice,
    ) -> Result<bool, EngineError> {
        let id = invoice.invoice_id.to_string();
        if self.store.get::<AutoPayCharge>(&id).await?.is_some() {
            return Ok(false);
        }
        let Some(amount) = PaymentProcessor::auto_pay_amount(invoice, config)? else {
            return Ok(false);
        };
        if self.is_being_paid(invoice).await? {
            return Ok(false);
        }
        let account = config.account_id.clone();
        let (policy, now) = (&self.auto_pay, self.now());
        let charge = AutoPayCharge::announced(invoice.invoice_id, account, amount, policy, now);
        self.put_charge(None, &charge, None).await
    }

    async fn is_being_paid(&self, invoice: &Invoice) -> Result<bool, EngineError> {
        let (account, id) = (&invoice.account_id, invoice.invoice_id);
        let payments = self.invoice_payment(account, id).await?.payments;
        Ok(payments.iter().any(|p| p.status == PaymentStatus::Pending))
    }

    /// Moves every charge on that is not at its end.
    async fn move_charges(&self) -> Result<usize, EngineError> {
        let open: Vec<AutoPayCharge> = self
            .store
            .list(ListQuery::all(Kind::AutoPayCharge).open())
            .await?
            .items;
        let mut sent = 0;
        for charge in open {
            // One by one, so that a refused charge does not leave a gap in the nonces.
            let _charging = self.charging.lock().await;
            sent += usize::from(match (&charge.tx_id, charge.is_under_way) {
                (Some(_), true) => self.watch_charge(&charge).await?,
                (Some(_), false) => self.hand_over(&charge).await?,
                (None, _) if self.now() < charge.charge_at => false,
                (None, _) => self.make_charge(&charge).await?,
            });
        }
        Ok(sent)
    }

    /// Signs and sends a charge whose time has come, unless there is nothing to charge any more.
    async fn make_charge(&self, charge: &AutoPayCharge) -> Result<bool, EngineError> {
        let account = &charge.account_id;
        let config: Option<AutoPayConfig> = self.store.get(account.as_str()).await?;
        let Some(config) = config.filter(|c| c.enabled && c.paused.is_none()) else {
            return Ok(false);
        };
        let invoice = self.invoice(account, charge.invoice_id).await?;
        let Some(amount) = PaymentProcessor::auto_pay_amount(&invoice, &config)? else {
            let after = AutoPayCharge {
                refused: Some("nothing is owed any more".to_owned()),
                ..charge.clone()
            };
            self.put_charge(Some(charge), &after, None).await?;
            return Ok(false);
        };
        // Never more than was announced.
        let amount: MicroSynor = amount.min(charge.amount_micro_synor);
        if self.is_being_paid(&invoice).await? {
            return Ok(false);
        }
        match self.covers(&config, amount).await? {
            Coverage::Covered => {}
            Coverage::Waiting => return Ok(false),
            Coverage::Short(reason) => {
                self.charge_failed(charge, reason).await?;
                return Ok(false);
            }
        }
        let reference = charge.invoice_id.to_string();
        let signed = self.sign_charge(&config, amount, &reference).await?;
        let after = AutoPayCharge {
            amount_micro_synor: amount,
            tx_id: Some(signed.tx_id()),
            signed: Some(signed),
            ..charge.clone()
        };
        // Written down first: if this process ends now, the next one sends this very transaction.
        if self.put_charge(Some(charge), &after, None).await? {
            self.hand_over(&after).await
        } else {
            Ok(false)
        }
    }

    /// Hands a signed charge to the chain. Returns whether the chain has it now.
    async fn hand_over(&self, charge: &AutoPayCharge) -> Result<bool, EngineError> {
        let Some(signed) = &charge.signed else {
            return Ok(false);
        };
        match self.send_charge(signed).await {
            Sent::Taken => {
                let after = AutoPayCharge {
                    submitted: true,
                    is_under_way: true,
                    ..charge.clone()
                };
                self.put_charge(Some(charge), &after, None).await?;
                Ok(!charge.is_under_way)
            }
            Sent::Later => Ok(false),
            Sent::Replaced => {
                self.put_charge(Some(charge), &charge.unsigned(), None)
                    .await?;
                Ok(false)
            }
            Sent::Refused(reason) => {
                self.charge_failed(charge, reason).await?;
                Ok(false)
            }
        }
    }

    /// Looks what the chain has made of a charge.
    async fn watch_charge(&self, charge: &AutoPayCharge) -> Result<bool, EngineError> {
        let Some(tx) = &charge.tx_id else {
            return Ok(false);
        };
        match self.standing(tx).await? {
            Standing::Waiting => Ok(false),
            Standing::Counted => {
                let after = AutoPayCharge {
                    is_under_way: false,
                    ..charge.clone()
                };
                self.put_charge(Some(charge), &after, None).await?;
                Ok(false)
            }
            Standing::Lost => self.hand_over(charge).await,
            Standing::Failed(reason) => {
                self.charge_failed(charge, reason).await?;
                Ok(false)
            }
        }
    }

    /// Notes a failure: the charge is tried again on its schedule, or, after the last try, given up
    /// and auto-pay paused with it.
    async fn charge_failed(
        &self,
        charge: &AutoPayCharge,
        reason: String,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let (account, invoice) = (&charge.account_id, charge.invoice_id);
        tracing::warn!(%account, %invoice, reason, "an auto-pay charge failed");
        let after = charge.failed(reason.clone(), &self.auto_pay, now);
        let pause = after.refused.is_some().then_some(AutoPayPause {
            since: now,
            reason,
            failures: after.failures.len(),
        });
        self.put_charge(Some(charge), &after, pause).await?;
        Ok(())
    }

    /// Replaces a charge, if it is still what was looked at, and pauses the account with it. Returns
    /// whether it was.
    async fn put_charge(
        &self,
        before: Option<&AutoPayCharge>,
        after: &AutoPayCharge,
        pause: Option<AutoPayPause>,
    ) -> Result<bool, EngineError> {
        let scope = scope_of(&after.account_id);
        let id = after.invoice_id.to_string();
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let now: Option<AutoPayCharge> = self.store.get(&id).await?;
            if now.as_ref() != before {
                return Ok(false);
            }
            let mut changes = ChangeSet::new(Self::fresh_command("charge"), self.now());
            changes.expect(scope.clone(), version).put(after)?;
            let account = after.account_id.as_str();
            if let Some(pause) = &pause
                && let Some(config) = self.store.get::<AutoPayConfig>(account).await?
            {
                changes.put(&AutoPayConfig {
                    paused: Some(pause.clone()),
                    ..config
                })?;
            }
            self.commit(changes).await?;
            Ok(true)
        })
        .await
    }
}
