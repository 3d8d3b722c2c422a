//! `synor chain`: the development chain.

use clap::Subcommand;
use serde_json::json;
use synor_chain::{Chain, DevControls, Reorganization};

use crate::args::Global;
use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// What to do with the chain.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Name and height.
    Status,
    /// Take back the last blocks; their transactions wait for new ones.
    Reorganize {
        /// How many blocks.
        depth: u64,
        /// Forget their transactions instead.
        #[arg(long)]
        drop_all: bool,
    },
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
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
