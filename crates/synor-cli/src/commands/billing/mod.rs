//! `synor billing`: an account's money.

mod auto_pay;
mod balance;
mod credits;
pub mod deposit;
mod export;
pub mod invoice;
mod invoices;
mod link;
pub mod pay;
mod settle;
mod terms;

use clap::Subcommand;
use synor_economics::pricing::promotion::PromoCode;

use crate::args::Global;
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
    /// The credits, in order of use.
    Credits,
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

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    // What is wrong with the arguments is said before anything is opened.
    let command = match command {
        Command::Deposit(arguments) => Command::Deposit(arguments.checked()?),
        Command::AutoPay(command) => Command::AutoPay(command.checked()?),
        other => other,
    };
    let session = Session::connect(global).await?;
    let answer = match command {
        Command::Balance => balance::run(&session).await,
        Command::Invoice(arguments) => invoice::run(arguments, &session).await,
        Command::Invoices(arguments) => invoices::run(arguments, &session).await,
        Command::Pay(arguments) => pay::run(arguments, &session, global).await,
        Command::Deposit(arguments) => deposit::run(arguments, &session, global).await,
        Command::Credits => credits::run(&session).await,
        Command::Terms => terms::show(&session).await,
        Command::Redeem { code } => terms::redeem(&code, &session).await,
        Command::AutoPay(command) => auto_pay::run(command, &session, global).await,
        Command::Export(arguments) => export::run(arguments, &session).await,
    };
    session.close().await;
    answer?.print(global.format)
}
