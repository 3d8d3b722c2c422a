//! What a mail says: HTML and text with the same facts, the amount and the date in the subject and
//! in the first line.

use synor_economics::billing::Invoice;
use synor_economics::money::MoneyError;
use synor_economics::notification::Event;
use synor_engine::Mail;

use crate::operator::Operator;
use crate::words;

/// A mail as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// Whether the invoice goes with it.
    pub(crate) has_pdf: bool,
}

/// What is to be said, before it is set.
struct Said {
    subject: String,
    first: String,
    facts: Vec<(String, String)>,
    last: String,
    has_pdf: bool,
}

/// Writes a mail; nothing where the event is not told to people.
pub(crate) fn write(mail: &Mail, operator: &Operator) -> Result<Option<Written>, MoneyError> {
    let Some(mut said) = said(mail, operator)? else {
        return Ok(None);
    };
    if said.facts.is_empty()
        && let Some((invoice, _)) = &mail.invoice
    {
        said.facts = facts_of(invoice)?;
    }
    if let Some((_, Some(request))) = mail.invoice.as_ref().filter(|_| said.has_pdf) {
        said.facts.extend([
            ("Transfer to".to_owned(), request.pay_to.to_string()),
            ("With the memo".to_owned(), request.reference.clone()),
        ]);
    }
    Ok(Some(Written {
        text: text(&said, operator),
        html: html(&said, operator),
        subject: said.subject,
        has_pdf: said.has_pdf,
    }))
}

fn said(mail: &Mail, operator: &Operator) -> Result<Option<Said>, MoneyError> {
    let name = &operator.name;
    let zone = &mail.account.time_zone;
    let plain = |subject: String, first: String, last: &str, has_pdf: bool| Said {
        subject,
        first,
        facts: Vec::new(),
        last: last.to_owned(),
        has_pdf,
    };
    Ok(Some(match &mail.event {
        Event::InvoiceFinalized(facts) => {
            let (number, month) = (facts.number, facts.month);
            let due = words::date(facts.due_date, zone);
            let owed = words::money(facts.amount_due_micro_synor);
            let asks = if facts.amount_due_micro_synor.is_positive() {
                format!("{owed} due {due}")
            } else {
                "nothing is to be paid".to_owned()
            };
            plain(
                format!("{asks}: invoice {number} from {name}"),
                format!("{asks}, for {month}."),
                "The invoice is attached.",
                true,
            )
        }
        Event::InvoicePaid(facts) => {
            let paid = words::money(facts.total_due_micro_synor);
            let number = facts.number;
            plain(
                format!("{paid} received: invoice {number} from {name} is paid"),
                format!("{paid} received. Nothing is owed on {number} any more. Thank you."),
                "The invoice as it stands now is attached; keep it as your receipt.",
                true,
            )
        }
        Event::InvoiceReminder(facts) => {
            let owed = words::money(facts.amount_due_micro_synor);
            let (number, days) = (facts.number, facts.days_overdue);
            plain(
                format!("{owed} overdue by {days} days: invoice {number} from {name}"),
                format!("{owed} has been overdue for {days} days."),
                "The invoice is attached. If you have paid meanwhile, nothing is to be done.",
                true,
            )
        }
        Event::CreditNoteIssued(facts) => {
            let amount = words::money(facts.amount_micro_synor);
            let number = facts.number;
            plain(
                format!("{amount} given back: credit note {number} from {name}"),
                format!(
                    "{amount} given back by credit note {number}: {}.",
                    facts.reason
                ),
                "The invoice as it stands now is attached.",
                true,
            )
        }
        Event::AutoPayAnnounced(facts) => {
            let amount = words::money(facts.amount_micro_synor);
            let day = words::date(facts.charge_at, zone);
            plain(
                format!("{amount} will be charged on {day} by {name}"),
                format!("{amount} will be charged on {day} by auto-pay."),
                "Nothing is to be done.",
                false,
            )
        }
        Event::AutoPayPaused(facts) => plain(
            format!("Auto-pay is paused: {name}"),
            format!("Auto-pay is paused: {}.", facts.reason),
            "Pay the open invoices, or grant again and resume it.",
            false,
        ),
        Event::AlertFired(facts) => Said {
            subject: format!(
                "Budget {} has reached {}: {name}",
                facts.budget, facts.threshold
            ),
            first: format!("Budget {} has reached {}.", facts.budget, facts.threshold),
            facts: vec![
                ("About".to_owned(), facts.subject.clone()),
                (
                    "Now".to_owned(),
                    reading(&facts.value.to_string(), &facts.unit),
                ),
                (
                    "Limit".to_owned(),
                    reading(&facts.limit.to_string(), &facts.unit),
                ),
                ("Month".to_owned(), facts.month.to_string()),
            ],
            last: "Nothing was stopped unless the budget says so.".to_owned(),
            has_pdf: false,
        },
        Event::AccountSuspended(_) => plain(
            format!("Account {} is suspended: {name}", mail.account.account_id),
            format!(
                "Account {} is suspended because it owes for long.",
                mail.account.account_id
            ),
            "Paying the invoice lifts it.",
            true,
        ),
        _ => return Ok(None),
    }))
}

/// A quantity of a budget; amounts are read in SYNOR.
fn reading(value: &str, unit: &str) -> String {
    let amount = value
        .parse()
        .ok()
        .map(synor_economics::money::MicroSynor::new);
    match (unit, amount) {
        ("micro_synor", Some(amount)) => words::money(amount),
        _ => format!("{} {unit}", words::decimal(value)),
    }
}

fn facts_of(invoice: &Invoice) -> Result<Vec<(String, String)>, MoneyError> {
    let mut facts = vec![
        ("Invoice".to_owned(), invoice.number.to_string()),
        ("Month".to_owned(), invoice.month.to_string()),
    ];
    for (label, sum) in words::sums(invoice)? {
        facts.push((label, words::money(sum)));
    }
    facts.push((
        "To be paid".to_owned(),
        words::money(invoice.outstanding()?),
    ));
    facts.push((
        "Due".to_owned(),
        words::date(invoice.due_date, &invoice.time_zone),
    ));
    Ok(facts)
}

fn text(said: &Said, operator: &Operator) -> String {
    let mut text = format!("{}\n\n", said.first);
    for (label, value) in &said.facts {
        text.push_str(&format!("{label}: {value}\n"));
    }
    text.push_str(&format!("\n{}\n\n-- \n{}\n", said.last, operator.name));
    for line in operator.address.iter().chain(&operator.contact) {
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// One column of 600 pixels, without images or anything from elsewhere.
fn html(said: &Said, operator: &Operator) -> String {
    let rows: String = said
        .facts
        .iter()
        .map(|(label, value)| {
            format!(
                "<tr><td style=\"padding:6px 16px 6px 0;color:#606773\">{}</td>\
                 <td style=\"padding:6px 0;text-align:right;word-break:break-all;\
                 font-variant-numeric:tabular-nums\">{}</td></tr>",
                escaped(label),
                escaped(value)
            )
        })
        .collect();
    let foot: Vec<String> = std::iter::once(&operator.name)
        .chain(&operator.address)
        .chain(&operator.contact)
        .map(|line| escaped(line))
        .collect();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{subject}</title></head>\
         <body style=\"margin:0;background:#f3f6fb;color:#16181d;\
         font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif\">\
         <div style=\"max-width:600px;margin:0 auto;padding:32px 24px;background:#ffffff\">\
         <p style=\"margin:0 0 24px;font-size:20px;font-weight:600\">{first}</p>\
         <table role=\"presentation\" style=\"width:100%;border-collapse:collapse;font-size:14px\">{rows}</table>\
         <p style=\"margin:24px 0\">{last}</p>\
         <p style=\"margin:0;padding-top:16px;border-top:1px solid #d6dae0;font-size:13px;color:#606773\">{foot}</p>\
         </div></body></html>",
        subject = escaped(&said.subject),
        first = escaped(&said.first),
        last = escaped(&said.last),
        foot = foot.join("<br>"),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
