//! The command line. Each command's own arguments stand beside its function.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use synor_economics::id::AccountId;

use crate::commands::{
    admin, billing, chain, completions, config, cost, demo, man, oracle, price_list, serve, spot,
    usage, wallet, webhooks,
};

/// Billing for decentralized infrastructure: metering, invoices, on-chain payment in SYNOR.
#[derive(Debug, Parser)]
#[command(name = "synor", version, about)]
pub struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub global: Global,
    /// What to do; without it, where things stand.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned, for people.
    Table,
    /// Everything, for programs.
    Json,
    /// The main table, for spreadsheets.
    Csv,
    /// Columns, for data tools; only of `usage export`.
    Parquet,
    /// FOCUS 1.2 as CSV, for FinOps tools; only of `billing export`.
    Focus,
    /// A journal of hledger; only of `admin export-journal`.
    Hledger,
    /// A ledger of beancount; only of `admin export-journal`.
    Beancount,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for programs.
    Json,
}

/// What all commands share.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// How to print the answer.
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub format: Format,
    /// The folder that holds everything [default: the user's data folder].
    #[arg(long, global = true, env = "SYNOR_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A server elsewhere; without it, the one of the data folder.
    #[arg(long, global = true, env = "SYNOR_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The API key to call with; without it, the owner of the data folder is admin.
    #[arg(
        long,
        global = true,
        env = "SYNOR_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub api_key: Option<String>,
    /// The account that it is about, where the key does not say.
    #[arg(long, global = true, env = "SYNOR_ACCOUNT", value_name = "ACCOUNT")]
    pub account: Option<AccountId>,
    /// The wallet's key file [default: wallet.json in the data folder].
    #[arg(long, global = true, env = "SYNOR_WALLET", value_name = "FILE")]
    pub wallet: Option<PathBuf>,
    /// How the log is written to stderr; RUST_LOG says how much of it.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        env = "SYNOR_LOG_FORMAT",
        hide_short_help = true
    )]
    pub log_format: LogFormat,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// An account's money: balance, invoices, payments.
    #[command(subcommand)]
    Billing(billing::Command),
    /// Usage: import it, sum it up, list it.
    #[command(subcommand)]
    Usage(usage::Command),
    /// What usage would cost: estimates, comparisons, forecasts.
    #[command(subcommand)]
    Cost(cost::Command),
    /// Events for your programs: endpoints, secrets, deliveries.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// The wallet that pays.
    #[command(subcommand)]
    Wallet(wallet::Command),
    /// What an operator does: accounts, bill runs, verification.
    #[command(subcommand)]
    Admin(admin::Command),
    /// Price lists: check, show, compare, activate.
    #[command(subcommand)]
    PriceList(price_list::Command),
    /// The market for spare capacity: offers, bids, prices.
    #[command(subcommand)]
    Spot(spot::Command),
    /// What a SYNOR is worth in USD: price, sources, history, averages, rates.
    #[command(subcommand)]
    Oracle(oracle::Command),
    /// The development chain.
    #[command(subcommand)]
    Chain(chain::Command),
    /// Run the server.
    Serve(serve::Arguments),
    /// Count the usage of a stream (Redis Streams or Kafka), until told to stop.
    ///
    /// One process has a data folder. With everything in the folder, let the server read the stream
    /// (`consume = true` under `[stream]` in synor.toml) or stop it first. Several workers share a
    /// stream out if `[storage] book` and `usage_log` are in PostgreSQL, each with a data folder of
    /// its own.
    Worker,
    /// A month of a whole platform, from usage to payout, then a running server.
    Demo(demo::Arguments),
    /// Shell completions.
    Completions(completions::Arguments),
    /// The configuration, synor.toml.
    #[command(subcommand)]
    Config(config::Command),
    /// Manual pages.
    Man(man::Arguments),
}

impl Command {
    /// Whether it keeps running and should say what happens.
    pub const fn is_server(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Worker)
    }
}
