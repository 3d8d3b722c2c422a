//! The PDF of an invoice: the same bytes every time, on both papers, over as many pages as it takes.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use synor_economics::billing::{Invoice, PaymentRequest, PaymentTarget};
use synor_economics::money::MicroSynor;
use synor_notify::{InvoiceFacts, Operator, Paper, invoice_pdf};

fn facts() -> InvoiceFacts {
    let invoice: Invoice = serde_json::from_str(include_str!("data/invoice.json")).unwrap();
    let payment = PaymentRequest {
        target: PaymentTarget::Invoice(invoice.invoice_id),
        amount_micro_synor: invoice.outstanding().unwrap(),
        pay_to: "synor1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnv0t5v0"
            .parse()
            .unwrap(),
        reference: invoice.invoice_id.to_string(),
        confirmations_required: 50,
        payment_uri: None,
        approval_uri: None,
    };
    InvoiceFacts {
        invoice,
        account_name: "Acme Robotics GmbH".to_owned(),
        payment: Some(payment),
    }
}

/// The same invoice with its lines so many times, and its sums as they must be then.
fn longer(times: usize) -> InvoiceFacts {
    let mut facts = facts();
    let lines = facts.invoice.line_items.clone();
    for line in lines.iter().cycle().take(lines.len() * (times - 1)) {
        facts.invoice.line_items.push(line.clone());
    }
    facts
}

fn operator(paper: Paper) -> Operator {
    Operator {
        name: "Northwind Cloud".to_owned(),
        address: vec![
            "Harbour Street 12".to_owned(),
            "20457 Hamburg, Germany".to_owned(),
        ],
        tax_id: Some("VAT ID DE123456789".to_owned()),
        contact: Some("billing@northwind.example".to_owned()),
        paper,
    }
}

/// Where `SYNOR_PDF_DIR` names a folder, the document is put there to be looked at.
fn keep(name: &str, pdf: &[u8]) {
    if let Some(folder) = std::env::var_os("SYNOR_PDF_DIR") {
        std::fs::write(std::path::Path::new(&folder).join(name), pdf).unwrap();
    }
}

fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page\n").count() + text.matches("/Type/Page\n").count()
}

#[test]
fn the_same_invoice_gives_the_same_bytes() {
    let a4 = invoice_pdf(&facts(), &operator(Paper::A4)).unwrap();
    assert!(a4.starts_with(b"%PDF-"));
    assert_eq!(a4, invoice_pdf(&facts(), &operator(Paper::A4)).unwrap());
    keep("a4.pdf", &a4);
    let letter = invoice_pdf(&facts(), &operator(Paper::Letter)).unwrap();
    assert_ne!(a4, letter);
    keep("letter.pdf", &letter);
    // Only what it uses of its fonts is in it.
    assert!(a4.len() < 60_000, "{} bytes", a4.len());
    let mut other = facts();
    other.invoice.due_date = synor_economics::period::Timestamp::from_secs(0);
    assert_ne!(a4, invoice_pdf(&other, &operator(Paper::A4)).unwrap());
}

#[test]
fn lines_go_over_pages_and_sums_never_stand_alone() {
    let mut counts = Vec::new();
    for times in 1..=12 {
        let pdf = invoice_pdf(&longer(times), &operator(Paper::A4)).unwrap();
        counts.push(pages(&pdf));
        keep(&format!("long-{times}.pdf"), &pdf);
    }
    assert_eq!(counts.first(), Some(&1), "{counts:?}");
    assert!(counts.is_sorted() && counts.last() > Some(&2), "{counts:?}");
}

#[test]
fn a_paid_invoice_asks_for_nothing_and_any_name_fits() {
    let mut facts = facts();
    facts.payment = None;
    facts.account_name = "Gesellschaft für außerordentlich lange Namen ".repeat(6);
    facts.invoice.line_items.clear();
    facts.invoice.discounts.clear();
    facts.invoice.taxes.clear();
    facts.invoice.paid_micro_synor = MicroSynor::ZERO;
    let pdf = invoice_pdf(&facts, &operator(Paper::A4)).unwrap();
    keep("empty.pdf", &pdf);
    assert_eq!(pages(&pdf), 1);
}
