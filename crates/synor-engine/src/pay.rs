//! Paying an invoice: what to transfer, and what has arrived.

use serde::{Deserialize, Serialize};
use synor_chain::SignedTransaction;
use synor_economics::billing::{Invoice, InvoiceNumber, Payment, PaymentRequest, PaymentTarget};
use synor_economics::id::{AccountId, InvoiceId};
use synor_store::{Kind, ListQuery};

use crate::engine::Engine;
use crate::error::EngineError;

/// An invoice, how to pay it, and what has been paid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InvoicePayment {
    /// The invoice.
    pub invoice: Invoice,
    /// What to transfer; absent if nothing is owed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<PaymentRequest>,
    /// The transfers seen so far.
    pub payments: Vec<Payment>,
}

impl Engine {
    /// An invoice of an account.
    pub async fn invoice(
        &self,
        account: &AccountId,
        id: InvoiceId,
    ) -> Result<Invoice, EngineError> {
        let found: Option<Invoice> = self.store.get(&id.to_string()).await?;
        found
            .filter(|invoice| invoice.account_id == *account)
            .ok_or(EngineError::NotFound {
                what: "invoice",
                id: id.to_string(),
            })
    }

    /// An invoice of an account by its number.
    pub async fn invoice_by_number(
        &self,
        account: &AccountId,
        number: InvoiceNumber,
    ) -> Result<Invoice, EngineError> {
        let found: Option<Invoice> = self.store.find(&number.to_string()).await?;
        found
            .filter(|invoice| invoice.account_id == *account)
            .ok_or(EngineError::NotFound {
                what: "invoice",
                id: number.to_string(),
            })
    }

    /// What to transfer to settle an invoice; refuses one that is not payable.
    pub fn payment_request(&self, invoice: &Invoice) -> Result<PaymentRequest, EngineError> {
        Ok(self.payments.request(invoice)?)
    }

    /// The open invoices of an account, in order of their numbers.
    pub(crate) async fn open_invoices(
        &self,
        account: &AccountId,
    ) -> Result<Vec<Invoice>, EngineError> {
        Ok(self
            .store
            .list(ListQuery::of(Kind::Invoice, account).open())
            .await?
            .items)
    }

    /// An invoice and the payments it has had.
    pub async fn invoice_payment(
        &self,
        account: &AccountId,
        id: InvoiceId,
    ) -> Result<InvoicePayment, EngineError> {
        let invoice = self.invoice(account, id).await?;
        let query = ListQuery::of(Kind::Payment, account);
        let all: Vec<Payment> = self.store.list(query).await?.items;
        let target = PaymentTarget::Invoice(id);
        let payments = all.into_iter().filter(|p| p.target == target).collect();
        let request = self.payments.request(&invoice).ok();
        let request = request.map(|asked| self.linked(asked)).transpose()?;
        Ok(InvoicePayment {
            invoice,
            request,
            payments,
        })
    }

    /// A request with the links that wallets read, where the chain has them.
    pub(crate) fn linked(&self, request: PaymentRequest) -> Result<PaymentRequest, EngineError> {
        let link = self
            .chain
            .payment_link(&request.target, request.amount_micro_synor)?;
        let (payment_uri, approval_uri) = link
            .map(|link| (link.payment_uri, link.approval_uri))
            .unzip();
        Ok(PaymentRequest {
            payment_uri,
            approval_uri,
            ..request
        })
    }

    async fn is_payment_of(
        &self,
        signed: &SignedTransaction,
        id: InvoiceId,
    ) -> Result<bool, EngineError> {
        let seen = self.chain.transfer(&signed.tx_id()).await?;
        Ok(seen.is_some_and(|transfer| transfer.memo == id.to_string()))
    }

    /// How to pay an invoice; refuses one that is not payable. A transfer that the payer has signed
    /// already is handed to the chain.
    pub async fn pay_invoice(
        &self,
        account: &AccountId,
        id: InvoiceId,
        signed: Option<SignedTransaction>,
    ) -> Result<InvoicePayment, EngineError> {
        let invoice = self.invoice(account, id).await?;
        if let Some(signed) = &signed
            && self.is_payment_of(signed, id).await?
        {
            // A retry: the chain has this transfer already.
            return self.invoice_payment(account, id).await;
        }
        let request = self.payments.request(&invoice)?;
        if let Some(signed) = signed {
            self.check_for(&request, &signed)?;
            self.chain.submit(signed).await?;
        }
        self.invoice_payment(account, id).await
    }
}
