//! `synor wallet`: keys that sign, kept encrypted on this machine.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use synor_chain::{Chain, DevControls, Soma, Wallet, parse_address};
use synor_economics::id::{Address, TxId};
use synor_economics::money::MicroSynor;

use crate::args::Global;
use crate::client::{FOLDER, Session};
use crate::data_folder::DataFolder;
use crate::error::{error, error_with_help};
use crate::format;
use crate::output::Answer;

/// What to do with the wallet.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key and encrypt it with a passphrase.
    Create,
    /// Print the address; needs no passphrase.
    Address,
    /// What the address holds.
    Balance,
    /// Transfer coins, with a memo.
    Send {
        /// The receiver.
        to: String,
        /// How much, such as `12.5 SYNOR`.
        #[arg(num_args = 1..=2, required = true, value_names = ["AMOUNT", "SYNOR"], allow_negative_numbers = true)]
        amount: Vec<String>,
        /// A reference for the receiver.
        #[arg(long, default_value = "")]
        memo: String,
    },
    /// Coins from the development chain's faucet.
    Faucet {
        /// How much, such as `100 SYNOR`.
        #[arg(num_args = 1..=2, required = true, value_names = ["AMOUNT", "SYNOR"], allow_negative_numbers = true)]
        amount: Vec<String>,
    },
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    match command {
        Command::Create => return create(global).await,
        Command::Address => return address(global),
        _ => {}
    }
    let answer = match command {
        Command::Create | Command::Address => return Ok(()),
        Command::Balance => {
            let address = Wallet::address_of(key_file(global)?)?;
            let session = Session::connect(global).await?;
            let balance = session.chain()?.balance(&address).await;
            session.close().await;
            let balance = balance?;
            let json = json!({"address": address, "balance_soma": balance});
            Answer::new(&json)?.line(format!("{balance}  ·  {address}"))
        }
        Command::Send { to, amount, memo } => {
            let amount = MicroSynor::parse_positive(&amount.join(" "))?;
            let to = parse_address(&to)?;
            let wallet = unlock(global).await?;
            let session = Session::connect(global).await?;
            let sent = send(&session, &wallet, &to, amount, &memo).await;
            session.close().await;
            let tx = sent?;
            let json = json!({"tx_id": tx, "to": to, "amount_micro_synor": amount});
            Answer::new(&json)?
                .line(format!("sent {} to {to}", format::money(amount)))
                .line(tx.to_string())
        }
        Command::Faucet { amount } => {
            let amount = MicroSynor::parse_positive(&amount.join(" "))?;
            let address = Wallet::address_of(key_file(global)?)?;
            let session = Session::connect(global).await?;
            let drawn = draw(&session, &address, amount).await;
            session.close().await;
            let tx = drawn?;
            let json = json!({"tx_id": tx, "amount_micro_synor": amount});
            Answer::new(&json)?.line(format!("{} for {address}", format::money(amount)))
        }
    };
    answer.print(global.format)
}

async fn create(global: &Global) -> anyhow::Result<()> {
    let file = key_file(global)?;
    if file.exists() {
        let message = format!("{} exists already", file.display());
        return Err(error_with_help(message, "name another file with --wallet"));
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let passphrase = passphrase("New passphrase: ", true)?;
    let path = file.clone();
    let wallet = tokio::task::spawn_blocking(move || Wallet::create(path, &passphrase)).await??;
    let address = wallet.address();
    Answer::new(&json!({"address": address, "file": file}))?
        .line(address.to_string())
        .line(format!(
            "the key is in {}, encrypted; without its passphrase it is lost",
            file.display()
        ))
        .print(global.format)
}

fn address(global: &Global) -> anyhow::Result<()> {
    let address = Wallet::address_of(key_file(global)?)?;
    Answer::new(&json!({"address": address}))?
        .line(address.to_string())
        .print(global.format)
}

/// The file of the wallet.
fn key_file(global: &Global) -> anyhow::Result<PathBuf> {
    match &global.wallet {
        Some(file) => Ok(file.clone()),
        None => Ok(DataFolder::resolve(global.data.as_deref(), FOLDER)?.file("wallet.json")),
    }
}

/// Unlocks the wallet with its passphrase: `SYNOR_WALLET_PASSPHRASE`, what is typed, or a line of
/// standard input.
pub async fn unlock(global: &Global) -> anyhow::Result<Wallet> {
    let file = key_file(global)?;
    if !file.exists() {
        let message = format!("there is no wallet at {}", file.display());
        return Err(error_with_help(message, "`synor wallet create` makes one"));
    }
    let passphrase = passphrase("Passphrase: ", false)?;
    let unlocked = tokio::task::spawn_blocking(move || Wallet::unlock(file, &passphrase)).await?;
    Ok(unlocked?)
}

/// A passphrase: `SYNOR_WALLET_PASSPHRASE`, what is typed, or a line of standard input.
pub fn passphrase(prompt: &str, twice: bool) -> anyhow::Result<String> {
    if let Ok(passphrase) = std::env::var("SYNOR_WALLET_PASSPHRASE") {
        return Ok(passphrase);
    }
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let first = rpassword::prompt_password(prompt)?;
    if twice && rpassword::prompt_password("Once more: ")? != first {
        return Err(error("the two passphrases differ"));
    }
    Ok(first)
}

/// Signs a transfer and hands it to the chain.
pub async fn send(
    session: &Session,
    wallet: &Wallet,
    to: &Address,
    amount: MicroSynor,
    memo: &str,
) -> anyhow::Result<TxId> {
    let chain = session.chain()?;
    let (chain_id, nonce) = (
        chain.chain_id().await?,
        chain.next_nonce(wallet.address()).await?,
    );
    let signed = wallet.sign_transfer(&chain_id, nonce, to, Soma::from_micro(amount)?, memo)?;
    Ok(chain.submit(signed).await?)
}

/// Coins from the faucet, waiting until they are there.
pub async fn draw(
    session: &Session,
    address: &Address,
    amount: MicroSynor,
) -> anyhow::Result<TxId> {
    let chain = session.chain()?;
    let tx = chain.faucet(address, amount).await?;
    for _ in 0..100 {
        if chain
            .transfer(&tx)
            .await?
            .is_some_and(|t| t.confirmations > 0)
        {
            return Ok(tx);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err(error("the faucet's transfer is not in a block yet"))
}
