//! `synor admin set-tax`: the taxes of an account from a month on.

use clap::Args;
use serde_json::json;
use synor_economics::account::Account;
use synor_economics::billing::{TaxRate, TaxTreatment};
use synor_economics::id::AccountId;
use synor_economics::money::Exact;
use synor_economics::period::Month;

use crate::client::Session;
use crate::output::Answer;

/// The taxes; none of them ends those before.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which account.
    account_id: AccountId,
    /// The first month, such as 2026-07.
    #[arg(long)]
    from: Month,
    /// A tax that is added to prices, such as `VAT 19%=19`.
    #[arg(long, value_name = "NAME=PERCENT", value_parser = rate)]
    add: Vec<TaxRate>,
    /// A tax that prices include.
    #[arg(long, value_name = "NAME=PERCENT", value_parser = rate)]
    include: Vec<TaxRate>,
    /// The customer owes the tax to the authority: what the invoice says about it.
    #[arg(long, value_name = "NOTE")]
    reverse_charge: Option<String>,
    /// No tax is owed: what the invoice says about it.
    #[arg(long, value_name = "NOTE", conflicts_with = "reverse_charge")]
    exempt: Option<String>,
}

fn rate(text: &str) -> Result<TaxRate, String> {
    let (name, percent) = text.rsplit_once('=').ok_or("write it as `VAT 19%=19`")?;
    Ok(TaxRate {
        name: name.to_owned(),
        percent: Exact::parse_decimal(percent).map_err(|error| error.to_string())?,
        is_inclusive: false,
        treatment: TaxTreatment::Taxed,
        note: None,
    })
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Answer> {
    let mut taxes = arguments.add;
    taxes.extend(arguments.include.into_iter().map(|tax| TaxRate {
        is_inclusive: true,
        ..tax
    }));
    for (name, treatment, note) in [
        (
            "Reverse charge",
            TaxTreatment::ReverseCharge,
            arguments.reverse_charge,
        ),
        ("Tax exempt", TaxTreatment::Exempt, arguments.exempt),
    ] {
        if note.is_some() {
            taxes.push(TaxRate {
                name: name.to_owned(),
                percent: Exact::ZERO,
                is_inclusive: false,
                treatment,
                note,
            });
        }
    }
    let names: Vec<_> = taxes.iter().map(|tax| tax.name.clone()).collect();
    let body = json!({"from": arguments.from, "taxes": taxes});
    let path = format!("/admin/accounts/{}/taxes", arguments.account_id);
    let account: Account = session.post(&path, &body, None).await?;
    let taxes = if names.is_empty() {
        "no taxes".to_owned()
    } else {
        names.join(", ")
    };
    let line = format!("{}: {taxes} from {} on", account.account_id, arguments.from);
    Ok(Answer::new(&account)?.line(line))
}
