//! `synor demo`: a month of a whole platform, from usage to payout, through the same API as
//! everything else. Running it again changes nothing.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use synor_chain::Wallet;
use synor_economics::billing::{Invoice, InvoiceStatus};
use synor_economics::id::AccountId;
use synor_economics::metering::UsageEvent;
use synor_economics::money::MicroSynor;
use synor_economics::period::Month;
use synor_engine::{Clock, ClosedPeriod, DistributionTotals, SystemClock};

use super::usage::import;
use super::{admin, billing, serve, wallet};
use crate::args::{Format, Global};
use crate::client::{Session, items};
use crate::config::DEFAULT_LISTEN;
use crate::data_folder::DataFolder;
use crate::demo::{DemoMonth, demo_month};
use crate::error::error_with_help;
use crate::format;
use crate::node::Node;
use crate::progress;

/// The folder that the demonstration keeps, beside the real one.
const DEMO_FOLDER: &str = "synor-demo";
const MONTH: &str = "2026-01";
/// Whose invoice is shown and paid.
const SHOWN_ACCOUNT: &str = "teapot-comet";
const WALLET_PASSPHRASE: &str = "demo";

/// Where to listen, and how to end.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The address [default: 127.0.0.1:8420, or any free port].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// End when everything has been shown, instead of serving on.
    #[arg(long)]
    exit: bool,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<()> {
    let folder = DataFolder::resolve(global.data.as_deref(), DEMO_FOLDER)?;
    let lock = folder.lock()?.ok_or_else(|| {
        let message = format!("{} is in use by another process", folder.path().display());
        error_with_help(message, "stop the other demo, or name another --data")
    })?;
    let node = Node::start(&folder, lock, Some(listen(&arguments))).await?;
    if let Some(first) = &node.first_key {
        println!("admin key (shown this once): {}\n", first.secret);
    }
    let own = Global {
        server: None,
        api_key: None,
        account: None,
        ..global.clone()
    };
    let session = Session::to(node.server.clone(), &own, None)?;
    show(&session, &folder).await?;
    println!("\nTry it, in another terminal:\n");
    println!(
        "  export SYNOR_DATA={} SYNOR_ACCOUNT={SHOWN_ACCOUNT}",
        folder.path().display()
    );
    println!("  export SYNOR_WALLET_PASSPHRASE={WALLET_PASSPHRASE}");
    for command in [
        "billing balance",
        "billing invoice --current",
        "billing invoices --limit 10",
        "billing deposit 100 SYNOR",
        "billing auto-pay enable --max 500",
        "billing export --format csv --period 2026-01",
    ] {
        println!("  synor {command}");
    }
    println!();
    if arguments.exit {
        node.stop().await;
        return Ok(());
    }
    serve::keep_serving(node, &folder).await
}

/// The address asked for; else the usual one, or any if that is taken.
fn listen(arguments: &Arguments) -> SocketAddr {
    arguments
        .listen
        .unwrap_or_else(|| match std::net::TcpListener::bind(DEFAULT_LISTEN) {
            Ok(_) => DEFAULT_LISTEN,
            Err(_) => SocketAddr::new(DEFAULT_LISTEN.ip(), 0),
        })
}

async fn show(session: &Session, folder: &DataFolder) -> anyhow::Result<()> {
    let month: Month = MONTH.parse()?;
    let account: AccountId = SHOWN_ACCOUNT.parse()?;
    import_month(session, month).await?;

    heading("Invoices");
    let path = format!("/admin/periods/{month}/close");
    let spinner = progress::waiting(format!("closing {month}"));
    let closed: anyhow::Result<ClosedPeriod> = session.post(&path, &json!({}), None).await;
    spinner.finish_and_clear();
    admin::close_period::show(month, &closed?)?.print(Format::Table)?;

    heading("One invoice");
    let customer = session.about(&account);
    let invoice = invoice_of(&customer, month).await?;
    billing::invoice::finalized(&invoice.number.to_string(), &customer)
        .await?
        .print(Format::Table)?;

    heading("Payment on the development chain");
    pay(&customer, folder, &invoice).await?;

    heading("Distribution");
    let totals: DistributionTotals = session.get("/admin/distribution").await?;
    admin::distribution::show(&totals)?.print(Format::Table)?;

    heading("Verification");
    let verified = admin::verify::run(session).await?;
    admin::verify::print(&verified, Format::Table)
}

fn heading(text: &str) {
    println!(
        "\n── {text} {}\n",
        "─".repeat(72_usize.saturating_sub(text.len()))
    );
}

async fn import_month(session: &Session, month: Month) -> anyhow::Result<()> {
    let DemoMonth { customers, events } = demo_month(month);
    let known: Value = session.get("/admin/accounts").await?;
    let known: BTreeSet<String> = items(&known)
        .iter()
        .filter_map(|a| a["account_id"].as_str().map(str::to_owned))
        .collect();
    for customer in customers.iter().filter(|c| !known.contains(c.account)) {
        let body = json!({
            "account_id": customer.account,
            "name": customer.name,
            "time_zone": customer.time_zone,
        });
        let _: Value = session.post("/admin/accounts", &body, None).await?;
    }
    let now = SystemClock.now();
    let events = events
        .into_iter()
        .map(|raw| raw.validate(now))
        .collect::<Result<Vec<UsageEvent>, _>>()
        .context("the demonstration's month")?;
    let sent = import::send(session, &events).await?;
    heading(&format!("Usage of {month}"));
    println!(
        "{} events of {} accounts: {} counted now, {} known already",
        format::count(events.len() as u64),
        customers.len(),
        format::count(sent.accepted),
        format::count(sent.duplicate)
    );
    Ok(())
}

async fn invoice_of(customer: &Session, month: Month) -> anyhow::Result<Invoice> {
    let page: Value = customer.get("/billing/invoices?limit=1000").await?;
    for item in items(&page) {
        let invoice: Invoice = serde_json::from_value(item)?;
        if invoice.month == month {
            return Ok(invoice);
        }
    }
    anyhow::bail!("{SHOWN_ACCOUNT} has no invoice for {month}")
}

/// The customer's wallet gets coins from the faucet and pays.
async fn pay(customer: &Session, folder: &DataFolder, invoice: &Invoice) -> anyhow::Result<()> {
    if invoice.status == InvoiceStatus::Paid {
        println!("{} was paid before", invoice.number);
        return Ok(());
    }
    let file = folder.file("wallet.json");
    let unlock = move || {
        if file.exists() {
            Wallet::unlock(&file, WALLET_PASSPHRASE)
        } else {
            Wallet::create(&file, WALLET_PASSPHRASE)
        }
    };
    let customer_wallet = tokio::task::spawn_blocking(unlock).await??;
    let owed = invoice.outstanding()?;
    let purse = MicroSynor::parse_bare("5000")?;
    wallet::draw(customer, customer_wallet.address(), owed.max(purse)).await?;
    println!("wallet    {}", customer_wallet.address());
    println!("transfer  {}", format::money(owed));
    let paid = billing::pay::pay(
        customer,
        &customer_wallet,
        &invoice.number.to_string(),
        true,
    )
    .await?;
    for payment in &paid.payments {
        println!("tx        {}", payment.tx_id);
    }
    println!(
        "status    {} is {}",
        paid.invoice.number, paid.invoice.status
    );
    Ok(())
}
