//! Following the chain: a transfer to the billing address is seen, counted after its confirmations,
//! and un-counted if the chain takes it back. The books follow the chain, never a client's word.

use synor_chain::amount::SOMA_PER_MICRO;
use synor_chain::{ChainError, Cursor, ObservedTransfer, TransferStatus};
use synor_economics::billing::settlement::{Settled, confirmed, taken_back};
use synor_economics::billing::{
    CreditEntry, Deposit, Invoice, Payment, PaymentStatus, PaymentTarget,
};
use synor_economics::distribution::Distribution;
use synor_economics::id::{AccountId, CreditId};
use synor_economics::money::MicroSynor;
use synor_store::{ChangeSet, Counter, Kind, ListQuery, Scope};

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

/// Where the feed of transfers was left.
const CHAIN_CURSOR: &str = "chain_cursor";
/// How many changes are read at once.
const PAGE: usize = 200;

impl Engine {
    /// Takes in what happened on chain since the last time, and looks again at every payment that
    /// waits for confirmations. Returns how many payments changed.
    pub async fn follow_chain(&self) -> Result<usize, EngineError> {
        let mut changed = 0;
        loop {
            let stored: Option<Counter> = self.store.get(CHAIN_CURSOR).await?;
            let after = Cursor(stored.map_or(0, |c| c.last));
            let page = self.chain.transfers_to(self.pay_to(), after, PAGE).await?;
            if page.items.is_empty() {
                break;
            }
            for transfer in &page.items {
                changed += usize::from(self.observe(transfer).await?);
            }
            // Only now, so that a crash before this line reads the page again; observing a transfer
            // twice changes nothing.
            let mut changes = ChangeSet::new(Self::fresh_command("chain cursor"), self.now());
            changes.put(&Counter {
                name: CHAIN_CURSOR.to_owned(),
                last: page.next.0,
            })?;
            self.commit(changes).await?;
        }
        let waiting: Vec<Payment> = self
            .store
            .list(ListQuery::all(Kind::Payment).open())
            .await?
            .items;
        for payment in waiting {
            if let Some(transfer) = self.chain.transfer(&payment.tx_id).await? {
                changed += usize::from(self.observe(&transfer).await?);
            }
        }
        Ok(changed)
    }

    /// Brings the payment of one transfer to where the transfer stands. Returns whether it changed.
    async fn observe(&self, transfer: &ObservedTransfer) -> Result<bool, EngineError> {
        // Less than a µSYNOR is finer than the books, and stays on the address.
        let counts = transfer.amount.soma() >= SOMA_PER_MICRO && transfer.to == *self.pay_to();
        if !counts {
            return Ok(false);
        }
        let (target, account) = self.resolve(transfer).await?;
        let scope = account.as_ref().map_or(Scope::Chain, scope_of);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            // As it stands now, not as it stood when the page was read.
            let Some(transfer) = &self.chain.transfer(&transfer.tx_id).await? else {
                return Ok(false);
            };
            let known: Option<Payment> = self.store.find(transfer.tx_id.as_str()).await?;
            let is_new = known.is_none();
            let mut payment = match known {
                Some(payment) => payment,
                None => self.seen(transfer, target, account.clone())?,
            };
            let before = payment.clone();
            let settled = self.advance(&mut payment, transfer).await?;
            if !is_new && payment == before {
                return Ok(false);
            }
            let mut changes = ChangeSet::new(Self::fresh_command("payment"), self.now());
            changes.expect(scope.clone(), version).put(&payment)?;
            record(&mut changes, settled)?;
            self.commit(changes).await?;
            tracing::info!(tx = %payment.tx_id, status = ?payment.status, "payment");
            Ok(true)
        })
        .await
    }

    /// What a transfer is for and whose it is. A reference that names nothing known is unmatched.
    async fn resolve(
        &self,
        transfer: &ObservedTransfer,
    ) -> Result<(PaymentTarget, Option<AccountId>), EngineError> {
        let target = PaymentTarget::from_memo(&transfer.memo);
        let account = match target {
            PaymentTarget::Invoice(id) => self
                .store
                .get::<Invoice>(&id.to_string())
                .await?
                .map(|i| i.account_id),
            PaymentTarget::Deposit(id) => self
                .store
                .get::<Deposit>(&id.to_string())
                .await?
                .map(|d| d.account_id),
            PaymentTarget::Unmatched => None,
        };
        Ok(if account.is_some() {
            (target, account)
        } else {
            (PaymentTarget::Unmatched, None)
        })
    }

    fn seen(
        &self,
        transfer: &ObservedTransfer,
        target: PaymentTarget,
        account: Option<AccountId>,
    ) -> Result<Payment, EngineError> {
        let amount = match transfer.amount.to_micro() {
            Ok(amount) => amount,
            Err(ChainError::NotWholeMicro { .. }) => {
                // The whole part counts; what is finer than the books stays on the address.
                MicroSynor::new(
                    i64::try_from(transfer.amount.soma() / SOMA_PER_MICRO).unwrap_or(i64::MAX),
                )
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Payment::seen(
            target,
            account,
            transfer.tx_id.clone(),
            transfer.from.clone(),
            amount,
            self.payments.confirmations.required(amount),
            self.now(),
        ))
    }

    /// A payment counts if and only if its transfer has the confirmations that its amount asks for.
    async fn advance(
        &self,
        payment: &mut Payment,
        transfer: &ObservedTransfer,
    ) -> Result<Settled, EngineError> {
        let deep = transfer.confirmations >= payment.confirmations_required;
        let counts = transfer.status == TransferStatus::Included && deep;
        let was_counted = payment.status == PaymentStatus::Confirmed;
        match (&transfer.status, counts, was_counted) {
            (_, true, false) if payment.amount_micro_synor.is_positive() => {
                let invoice = self.target_invoice(payment).await?;
                let last = self.distribution_of(invoice.as_ref()).await?;
                let now = self.now();
                Ok(confirmed(
                    payment,
                    invoice,
                    last.as_ref(),
                    &self.fee_split,
                    now,
                )?)
            }
            (status, false, true) => {
                let reason = match status {
                    TransferStatus::Failed { reason } => reason.clone(),
                    _ => "a reorganization of the chain".to_owned(),
                };
                let settled = self.take_back(payment, &reason).await?;
                if matches!(status, TransferStatus::Pending | TransferStatus::Included) {
                    payment.status = PaymentStatus::Pending;
                }
                Ok(settled)
            }
            (TransferStatus::Failed { reason }, ..) => {
                payment.status = PaymentStatus::Failed {
                    reason: reason.clone(),
                };
                Ok(Settled::default())
            }
            (TransferStatus::Retracted, ..) => {
                let reason = "a reorganization of the chain".to_owned();
                payment.status = PaymentStatus::Failed { reason };
                Ok(Settled::default())
            }
            (TransferStatus::Pending | TransferStatus::Included, false, false) => {
                payment.status = PaymentStatus::Pending;
                Ok(Settled::default())
            }
            (_, true, _) => Ok(Settled::default()),
        }
    }

    async fn take_back(&self, payment: &mut Payment, reason: &str) -> Result<Settled, EngineError> {
        let invoice = self.target_invoice(payment).await?;
        let distribution = self.distribution_of(invoice.as_ref()).await?;
        let round = payment.times_confirmed.to_string();
        let credit = CreditId::derived(&["prepaid", payment.tx_id.as_str(), &round]);
        let credit: Option<CreditEntry> = self.store.get(&credit.to_string()).await?;
        Ok(taken_back(
            payment,
            invoice,
            credit,
            distribution,
            reason,
            self.now(),
        )?)
    }

    async fn target_invoice(&self, payment: &Payment) -> Result<Option<Invoice>, EngineError> {
        match payment.target {
            PaymentTarget::Invoice(id) => Ok(self.store.get(&id.to_string()).await?),
            PaymentTarget::Deposit(_) | PaymentTarget::Unmatched => Ok(None),
        }
    }

    async fn distribution_of(
        &self,
        invoice: Option<&Invoice>,
    ) -> Result<Option<Distribution>, EngineError> {
        match invoice {
            Some(invoice) => Ok(self.store.get(&invoice.invoice_id.to_string()).await?),
            None => Ok(None),
        }
    }
}

fn record(changes: &mut ChangeSet, settled: Settled) -> Result<(), EngineError> {
    if let Some(invoice) = &settled.invoice {
        changes.put(invoice)?;
    }
    if let Some(credit) = &settled.credit {
        changes.put(credit)?;
    }
    if let Some(distribution) = &settled.distribution {
        changes.put(distribution)?;
    }
    changes.entries.extend(settled.entries);
    Ok(())
}
