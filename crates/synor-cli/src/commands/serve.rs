//! `synor serve`: the server, until it is told to stop.

use std::net::SocketAddr;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Global;
use crate::client::FOLDER;
use crate::data_folder::DataFolder;
use crate::error::error_with_help;
use crate::node::Node;

/// Where to listen.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The address [default: 127.0.0.1:8420, this machine only].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<()> {
    let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
    let lock = folder.lock()?.ok_or_else(|| {
        let message = format!("{} is in use by another process", folder.path().display());
        error_with_help(message, "stop the other server, or name another --data")
    })?;
    let node = Node::start(&folder, lock, arguments.listen).await?;
    if let Some(first) = &node.first_key {
        println!("admin key (shown this once): {}", first.secret);
    }
    keep_serving(node, &folder).await
}

/// Says where the server is, and serves until the process is told to stop.
pub async fn keep_serving(node: Node, folder: &DataFolder) -> anyhow::Result<()> {
    folder.publish(&node.server)?;
    println!("serving {} at {}", folder.path().display(), node.server.url);
    println!(
        "the API describes itself at {}/openapi.json",
        node.server.url
    );
    told_to_stop().await?;
    folder.unpublish();
    node.stop().await;
    println!("stopped");
    Ok(())
}

/// Waits until the process is told to stop.
pub async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
