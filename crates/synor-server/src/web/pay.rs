//! Paying an invoice: what to transfer and where to, and the steps as confirmations arrive.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use synor_economics::billing::{Payment, PaymentRequest, PaymentStatus};
use synor_economics::money::MicroSynor;
use synor_engine::{Engine, InvoicePayment};

use super::format::{Money, count, plain, short};
use super::invoices::InvoiceRow;
use super::page::{Failure, Frame, page};
use super::qr::Qr;
use super::viewer::OfAccount;
use crate::billing::invoices::resolve;
use crate::request::Part;
use crate::state::AppState;

/// A step on the way to a paid invoice.
struct StepRow {
    /// `done`, `now`, or nothing yet.
    class: &'static str,
    title: String,
    detail: String,
}

/// What to transfer.
struct Asked {
    amount: Money,
    pay_to: String,
    reference: String,
    confirmations: String,
    text: String,
    code: Option<Qr>,
    command: String,
}

#[derive(Template)]
#[template(path = "pay.html")]
struct Pay {
    frame: Frame,
    head: InvoiceRow,
    invoice: String,
    asked: Option<Asked>,
    steps: Vec<StepRow>,
    is_followed: bool,
}

/// `GET /invoices/{number}/pay`
pub async fn show(
    State(state): State<AppState>,
    of: OfAccount,
    Part(number): Part<String>,
) -> Result<Response, Failure> {
    of.viewer.require_money()?;
    let engine = &state.engine;
    let id = resolve(engine, &of.account, &number).await?.invoice_id;
    let payment = engine.invoice_payment(&of.account, id).await?;
    let title = format!("Pay {}", payment.invoice.number);
    let frame =
        Frame::new(title, "/invoices", Some(&of.viewer)).in_zone(&payment.invoice.time_zone);
    page(&Pay {
        head: InvoiceRow::of(&payment.invoice)?,
        invoice: frame.path(&format!("/invoices/{}", payment.invoice.number)),
        steps: steps(engine, &payment).await,
        is_followed: payment.request.is_some(),
        asked: payment
            .request
            .as_ref()
            .map(|request| asked(request, &payment.invoice.number.to_string())),
        frame,
    })
}

fn asked(request: &PaymentRequest, number: &str) -> Asked {
    let amount = request.amount_micro_synor;
    let text = payment_text(request);
    Asked {
        amount: Money(amount),
        pay_to: request.pay_to.to_string(),
        reference: request.reference.clone(),
        confirmations: count(request.confirmations_required),
        code: Qr::of(&text),
        text,
        command: format!("synor billing pay {number}"),
    }
}

/// What a wallet reads: where to, how much, and the memo that the transfer must carry.
fn payment_text(request: &PaymentRequest) -> String {
    let amount = request.amount_micro_synor.to_decimal();
    format!(
        "synor:{}?amount={amount}&memo={}",
        request.pay_to, request.reference
    )
}

/// The way of the newest payment that may still count, or of none yet.
async fn steps(engine: &Engine, payment: &InvoicePayment) -> Vec<StepRow> {
    let newest = payment.payments.iter().max_by_key(|p| p.seen_at);
    let is_settled = payment.request.is_none();
    let mut rows = Vec::new();
    let Some(newest) = newest else {
        if is_settled {
            rows.push(step(
                "done",
                "Nothing is owed",
                "No transfer is needed.".to_owned(),
            ));
            return rows;
        }
        let detail = "This page follows the chain by itself.".to_owned();
        rows.push(step("now", "Waiting for the transfer", detail));
        rows.push(step("", "Confirmed by the chain", String::new()));
        rows.push(step("", "Invoice settled", String::new()));
        return rows;
    };
    let amount = plain(newest.amount_micro_synor);
    let tx = short(newest.tx_id.as_str());
    rows.push(step(
        "done",
        "Transfer seen",
        format!("{amount} SYNOR in {tx}"),
    ));
    rows.push(confirmed(engine, newest).await);
    rows.push(settled(payment, newest, is_settled));
    rows
}

async fn confirmed(engine: &Engine, newest: &Payment) -> StepRow {
    let required = newest.confirmations_required;
    match &newest.status {
        PaymentStatus::Failed { reason } => step("now", "Not counted", reason.clone()),
        PaymentStatus::Confirmed => {
            let detail = format!("{required} of {required} confirmations");
            step("done", "Confirmed by the chain", detail)
        }
        PaymentStatus::Pending => {
            // A chain that does not answer just now is asked again by the next look.
            let seen = engine.chain().transfer(&newest.tx_id).await.ok().flatten();
            let have = seen.map_or(0, |transfer| transfer.confirmations.min(required));
            let detail = format!("{have} of {required} confirmations");
            step("now", "Being confirmed by the chain", detail)
        }
    }
}

fn settled(payment: &InvoicePayment, newest: &Payment, is_settled: bool) -> StepRow {
    if is_settled {
        let credited = newest.credited_micro_synor;
        let rest = match credited.is_positive() {
            true => format!("; {} SYNOR too much became prepaid credit", plain(credited)),
            false => String::new(),
        };
        let settled = plain(newest.settled_micro_synor);
        let detail = format!("{settled} SYNOR{rest}");
        return step("done", "Invoice settled", detail);
    }
    let left = payment
        .request
        .as_ref()
        .map(|request| request.amount_micro_synor);
    let detail = match newest.status {
        PaymentStatus::Confirmed => {
            format!(
                "{} SYNOR is still owed",
                plain(left.unwrap_or(MicroSynor::ZERO))
            )
        }
        _ => String::new(),
    };
    step("", "Invoice settled", detail)
}

fn step(class: &'static str, title: &str, detail: String) -> StepRow {
    StepRow {
        class,
        title: title.to_owned(),
        detail,
    }
}
