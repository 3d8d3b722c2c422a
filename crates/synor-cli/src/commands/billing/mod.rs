//! `synor billing`: an account's money.

mod alerts;
mod auto_pay;
mod balance;
mod budget;
mod credit;
mod credit_notes;
mod credits;
pub mod deposit;
mod email;
mod export;
mod focus;
mod hold;
pub mod invoice;
mod invoices;
mod link;
pub mod pay;
mod refunds;
mod reminders;
mod settle;
mod terms;
mod top_up;

use clap::Subcommand;
use synor_economics::id::CreditId;
use synor_economics::pricing::promotion::PromoCode;

use crate::args::{Format, Global};
use crate::client::Session;

/// What to do about an account's money.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What there is, and what is owed.
    Balance,
    /// One invoice: the running one, or one by its number or id.
    Invoice(invoice::Arguments),
    /// The invoices, newest first.
    Invoices(invoices::Arguments),
    /// Pay an invoice from the wallet.
    Pay(pay::Arguments),
    /// Fill up the prepaid balance from the wallet.
    Deposit(deposit::Arguments),
    /// The credits, in order of use; or what became of one.
    Credits {
        #[command(subcommand)]
        command: Option<CreditsCommand>,
    },
    /// The credit notes, in order of their numbers.
    CreditNotes {
        /// Only those on this invoice: its number (INV-000001) or id (inv_…).
        invoice: Option<String>,
    },
    /// What was refunded to an address.
    Refunds,
    /// Where invoices are sent to.
    Email(email::Arguments),
    /// What was reminded of.
    Reminders,
    /// What you mean to spend, use or keep.
    #[command(subcommand)]
    Budget(budget::Command),
    /// Where budgets were crossed.
    Alerts(alerts::Arguments),
    /// Have the balance filled up from the wallet of auto-pay.
    #[command(subcommand)]
    TopUp(top_up::Command),
    /// Parts of the balance that are set aside.
    #[command(subcommand)]
    Hold(hold::Command),
    /// The plan, commitments and promotions.
    Terms,
    /// Redeem a promo code.
    Redeem {
        /// The code.
        code: PromoCode,
    },
    /// Have invoices collected from the wallet.
    #[command(subcommand)]
    AutoPay(auto_pay::Command),
    /// A month's usage and cost, line by line.
    Export(export::Arguments),
}

/// What to see of credits.
#[derive(Debug, Subcommand)]
pub enum CreditsCommand {
    /// What became of one: its grant, uses, give-backs and expiry.
    Show {
        /// Its id (crd_…).
        credit: CreditId,
    },
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    // What is wrong with the arguments is said before anything is opened.
    let command = match command {
        Command::Deposit(arguments) => Command::Deposit(arguments.checked()?),
        Command::AutoPay(command) => Command::AutoPay(command.checked()?),
        Command::Hold(command) => Command::Hold(command.checked()?),
        other => other,
    };
    let session = Session::connect(global).await?;
    if let (Command::Export(arguments), Format::Focus) = (&command, global.format) {
        let written = arguments.focus(&session).await;
        session.close().await;
        return written;
    }
    let answer = match command {
        Command::Balance => balance::run(&session).await,
        Command::Invoice(arguments) => invoice::run(arguments, &session).await,
        Command::Invoices(arguments) => invoices::run(arguments, &session).await,
        Command::Pay(arguments) => pay::run(arguments, &session, global).await,
        Command::Deposit(arguments) => deposit::run(arguments, &session, global).await,
        Command::Credits { command: None } => credits::run(&session).await,
        Command::CreditNotes { invoice } => credit_notes::run(invoice.as_deref(), &session).await,
        Command::Refunds => refunds::run(&session).await,
        Command::Email(arguments) => email::run(arguments, &session).await,
        Command::Reminders => reminders::run(&session).await,
        Command::Credits {
            command: Some(CreditsCommand::Show { credit }),
        } => credit::run(credit, &session).await,
        Command::Budget(command) => budget::run(command, &session).await,
        Command::Alerts(arguments) => alerts::run(arguments, &session).await,
        Command::TopUp(command) => top_up::run(command, &session).await,
        Command::Hold(command) => hold::run(command, &session).await,
        Command::Terms => terms::show(&session).await,
        Command::Redeem { code } => terms::redeem(&code, &session).await,
        Command::AutoPay(command) => auto_pay::run(command, &session, global).await,
        Command::Export(arguments) => export::run(arguments, &session).await,
    };
    session.close().await;
    answer?.print(global.format)
}
