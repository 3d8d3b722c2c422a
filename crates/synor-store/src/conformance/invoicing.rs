//! The documents of what happens to an invoice after it was finalized.

use serde::{Deserialize, Serialize};
use synor_economics::billing::{
    CreditNote, CreditNoteCause, CreditNoteLine, CreditNoteNumber, CreditNoteTax, FinalStep,
    InvoiceNumber, Reminder,
};
use synor_economics::id::{CreditNoteId, InvoiceId};
use synor_economics::money::MicroSynor;

use super::documents::round_trip;
use super::sample::{NOW, account};
use crate::document::{Document, Keys, Kind};
use crate::invoicing::Suspension;
use crate::store::Store;

/// A refund as the store knows it: its own document lives in another crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Refund {
    id: String,
    is_open: bool,
}

impl Document for Refund {
    const KIND: Kind = Kind::Refund;
    fn keys(&self) -> Keys {
        Keys {
            id: self.id.clone(),
            is_open: self.is_open,
            ..Keys::default()
        }
    }
}

/// Puts one of each, and reads it in all ways.
pub(super) async fn invoicing_documents(store: &dyn Store) {
    let invoice_id = InvoiceId::derived(&["invoice"]);
    let amount = MicroSynor::new(119);
    let note = CreditNote {
        credit_note_id: CreditNoteId::derived(&["note"]),
        number: CreditNoteNumber::new(7),
        invoice_id,
        invoice_number: InvoiceNumber::new(3),
        account_id: account("acme"),
        cause: CreditNoteCause::Refund,
        reason: "a reason".to_owned(),
        lines: vec![CreditNoteLine {
            description: "a line".to_owned(),
            amount_micro_synor: amount,
        }],
        taxes: vec![CreditNoteTax {
            name: "VAT 19%".to_owned(),
            amount_micro_synor: MicroSynor::new(19),
        }],
        amount_micro_synor: amount,
        owed_micro_synor: MicroSynor::ZERO,
        prepaid_micro_synor: MicroSynor::ZERO,
        credit_micro_synor: MicroSynor::ZERO,
        refund_micro_synor: amount,
        refund_to: Some("synor1payee".parse().expect("an address")),
        created_at: NOW,
    };
    round_trip(store, &[note]).await;
    let reminder = Reminder {
        invoice_id,
        number: InvoiceNumber::new(3),
        account_id: account("acme"),
        step: 2,
        action: FinalStep::Suspend,
        amount_due_micro_synor: amount,
        days_overdue: 7,
        created_at: NOW,
    };
    round_trip(store, &[reminder]).await;
    let suspensions = [None, Some(NOW)].map(|lifted_at| Suspension {
        account_id: account("acme"),
        invoice_id,
        since: NOW,
        lifted_at,
    });
    round_trip(store, &suspensions).await;
    let refunds = [true, false].map(|is_open| Refund {
        id: "refund".to_owned(),
        is_open,
    });
    round_trip(store, &refunds).await;
}
