//! `synor chain key`: a key for an EVM chain, in an encrypted keystore.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synor_chain::evm::EvmKey;

use crate::commands::wallet::passphrase;
use crate::output::Answer;

/// Where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The keystore to make; an existing file is never overwritten.
    file: PathBuf,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Answer> {
    let passphrase = passphrase("New passphrase: ", true)?;
    let file = arguments.file;
    let path = file.clone();
    let made = tokio::task::spawn_blocking(move || EvmKey::create(&path, &passphrase)).await??;
    let address = made.address().to_string();
    Ok(Answer::new(&json!({"address": address, "file": file}))?
        .line(address)
        .line(format!(
            "the key is in {}, encrypted; without its passphrase it is lost",
            file.display()
        )))
}
