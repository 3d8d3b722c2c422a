//! `synor admin`: what an operator does.

mod accounts;
mod backup;
mod close_due;
pub mod close_period;
mod credit_note;
mod dead_letters;
pub mod distribution;
mod dunning;
mod export_journal;
mod incident;
mod jobs;
mod journal;
mod journal_time;
mod keys;
mod migrate;
mod quotas;
mod refund;
mod send_invoice;
mod set_tax;
mod statement;
pub mod terms;
mod trial_balance;
pub mod verify;
mod void;
mod write_off;

use clap::Subcommand;
use synor_economics::id::AccountId;
use synor_economics::period::Month;

use crate::args::Global;
use crate::client::Session;

/// What an operator does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Move the book from the data folder into PostgreSQL, and prove that it is the same.
    Migrate(migrate::Arguments),
    /// Copy the data folder to another place, while the server runs.
    Backup(backup::BackupArguments),
    /// Put a backup into an empty data folder (--data).
    Restore(backup::RestoreArguments),
    /// What came through a stream and could not be counted, with the reasons.
    DeadLetters(dead_letters::Arguments),
    /// Write the journal for plain-text accounting or data tools.
    ExportJournal(export_journal::Arguments),
    /// What a server does.
    #[command(flatten)]
    Served(Box<Served>),
}

/// What a server does.
#[derive(Debug, Subcommand)]
pub enum Served {
    /// The accounts.
    Accounts,
    /// Open an account.
    OpenAccount(accounts::Arguments),
    /// Make an API key for an account; its secret is printed once.
    IssueKey {
        /// For which account.
        account: AccountId,
        /// What it is for.
        #[arg(long, default_value = "cli")]
        label: String,
    },
    /// Grant a credit to an account.
    GrantCredit(keys::CreditArguments),
    /// Services that were not there as promised, and who gets what for it.
    #[command(subcommand)]
    Incident(incident::Command),
    /// Put an account on a plan.
    SetPlan(terms::PlanArguments),
    /// Take on an account's commitment.
    Commit(terms::CommitArguments),
    /// Limit what an account may use of a resource.
    SetQuota(quotas::SetArguments),
    /// Limit it no more.
    RemoveQuota(quotas::Which),
    /// Record who referred an account.
    Refer {
        /// Who was referred.
        account_id: AccountId,
        /// By whom.
        #[arg(long)]
        by: AccountId,
    },
    /// Make a promo code.
    CreatePromotion(terms::PromotionArguments),
    /// The promo codes.
    Promotions,
    /// Make the invoices of a month, one for each account with usage.
    ClosePeriod {
        /// The month, such as 2026-01.
        month: Month,
    },
    /// Cancel an invoice on which nothing was paid.
    VoidInvoice {
        /// Its id (inv_…).
        invoice: synor_economics::id::InvoiceId,
    },
    /// Mark an invoice as made known to its customer.
    SendInvoice {
        /// Its id (inv_…).
        invoice: synor_economics::id::InvoiceId,
    },
    /// Correct an invoice: less is owed on it, or what was paid becomes credit.
    CreditNote(credit_note::Arguments),
    /// Give back what was paid on an invoice.
    Refund(refund::Arguments),
    /// Give up what is owed on an invoice.
    WriteOff(write_off::Arguments),
    /// Set the taxes of an account from a month on.
    SetTax(set_tax::Arguments),
    /// Make the invoices of months whose grace is over, as the server does by itself.
    CloseDue,
    /// Mark what is overdue and remind of it, as the server does by itself.
    RunDunning,
    /// The accounts that are suspended.
    Suspensions,
    /// Who earned what.
    Distribution {
        /// Only from the invoices of this month.
        #[arg(long)]
        period: Option<Month>,
    },
    /// Which node runs which job.
    Jobs,
    /// The journal's entries.
    Journal(journal::Arguments),
    /// What moved an account of the journal, with its balance after each.
    Statement(statement::Arguments),
    /// Every account's balance; debits and credits come to the same.
    TrialBalance(trial_balance::Arguments),
    /// Work out every invoice and balance again, and prove the books.
    Verify,
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    match command {
        // Nobody may write to the book meanwhile, so no server does it.
        Command::Migrate(arguments) => migrate::run(arguments, global).await?.print(global.format),
        Command::Backup(arguments) => backup::make(arguments, global).await?.print(global.format),
        Command::Restore(arguments) => {
            let answer = backup::restore(arguments, global).await?;
            answer.print(global.format)
        }
        Command::DeadLetters(arguments) => {
            let answer = dead_letters::run(arguments, global).await?;
            answer.print(global.format)
        }
        Command::ExportJournal(arguments) => export_journal::run(arguments, global).await,
        Command::Served(command) => served(*command, global).await,
    }
}

async fn served(command: Served, global: &Global) -> anyhow::Result<()> {
    let command = match command {
        Served::GrantCredit(arguments) => Served::GrantCredit(arguments.checked()?),
        Served::CreditNote(arguments) => Served::CreditNote(arguments.checked()?),
        Served::Refund(arguments) => Served::Refund(arguments.checked()?),
        other => other,
    };
    let session = Session::connect(global).await?;
    let answer = match command {
        Served::Accounts => accounts::list(&session).await,
        Served::OpenAccount(arguments) => accounts::open(arguments, &session).await,
        Served::IssueKey { account, label } => keys::issue(&account, &label, &session).await,
        Served::GrantCredit(arguments) => keys::grant(arguments, &session).await,
        Served::Incident(command) => incident::run(command, &session).await,
        Served::SetPlan(arguments) => terms::set_plan(arguments, &session).await,
        Served::Commit(arguments) => terms::commit(arguments, &session).await,
        Served::SetQuota(arguments) => quotas::set(arguments, &session).await,
        Served::RemoveQuota(which) => quotas::remove(which, &session).await,
        Served::Refer { account_id, by } => terms::refer(&account_id, &by, &session).await,
        Served::CreatePromotion(arguments) => terms::create_promotion(arguments, &session).await,
        Served::Promotions => terms::promotions(&session).await,
        Served::ClosePeriod { month } => close_period::run(month, &session).await,
        Served::VoidInvoice { invoice } => void::run(invoice, &session).await,
        Served::SendInvoice { invoice } => send_invoice::run(invoice, &session).await,
        Served::CreditNote(arguments) => credit_note::run(arguments, &session).await,
        Served::Refund(arguments) => refund::run(arguments, &session).await,
        Served::WriteOff(arguments) => write_off::run(arguments, &session).await,
        Served::SetTax(arguments) => set_tax::run(arguments, &session).await,
        Served::CloseDue => close_due::run(&session).await,
        Served::RunDunning => dunning::run(&session).await,
        Served::Suspensions => dunning::suspensions(&session).await,
        Served::Distribution { period } => distribution::run(period, &session).await,
        Served::Jobs => jobs::run(&session).await,
        Served::Journal(arguments) => journal::run(arguments, &session).await,
        Served::Statement(arguments) => statement::run(arguments, &session).await,
        Served::TrialBalance(arguments) => trial_balance::run(arguments, &session).await,
        Served::Verify => {
            let verified = verify::run(&session).await;
            session.close().await;
            return verify::print(&verified?, global.format);
        }
    };
    session.close().await;
    answer?.print(global.format)
}
