//! `synor chain`: the chain that is paid on.

#[cfg(feature = "evm")]
mod deploy;
#[cfg(feature = "evm")]
mod key;

use clap::Subcommand;
use serde_json::json;
use synor_chain::{Chain, DevControls, Reorganization};

use crate::args::Global;
use crate::client::Session;
#[cfg(feature = "evm")]
use crate::error::error;
use crate::format;
use crate::output::Answer;

/// What to do with the chain.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Name and height.
    Status,
    /// Put the contracts on an EVM chain, and check them.
    #[cfg(feature = "evm")]
    Deploy(Box<deploy::Arguments>),
    /// Make a key for an EVM chain, in an encrypted keystore.
    #[cfg(feature = "evm")]
    Key(key::Arguments),
    /// Take back the last blocks of the development chain; their transactions wait for new ones.
    Reorganize {
        /// How many blocks.
        depth: u64,
        /// Forget their transactions instead.
        #[arg(long)]
        drop_all: bool,
    },
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    #[cfg(feature = "evm")]
    let command = match command {
        // They need no platform.
        Command::Deploy(arguments) => return deploy::run(*arguments).await?.print(global.format),
        Command::Key(arguments) => return key::run(arguments).await?.print(global.format),
        other => other,
    };
    let session = Session::connect(global).await?;
    let answer = act(command, &session).await;
    session.close().await;
    answer?.print(global.format)
}

async fn act(command: Command, session: &Session) -> anyhow::Result<Answer> {
    let chain = session.chain()?;
    match command {
        Command::Status => {
            let (id, height) = (chain.chain_id().await?, chain.block_count().await?);
            let line = format!("{id}  ·  block {}", format::count(height));
            Ok(Answer::new(&json!({"chain_id": id, "block_count": height}))?.line(line))
        }
        #[cfg(feature = "evm")]
        Command::Deploy(_) | Command::Key(_) => Err(error("it needs no platform")),
        Command::Reorganize { depth, drop_all } => {
            let order = Reorganization {
                depth,
                drop_all,
                drop: Vec::new(),
            };
            let done = chain.reorganize(order).await?;
            let line = format!(
                "took back {depth} blocks: {} transactions wait again, {} are gone",
                done.returned.len(),
                done.dropped.len()
            );
            Ok(Answer::new(&done)?.line(line))
        }
    }
}
