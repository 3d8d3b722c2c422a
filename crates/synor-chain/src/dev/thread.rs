//! The thread that a [`Node`] lives on. Callers send it commands; between them it makes a block
//! every interval. Transactions that arrive together are stored with one sync.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use synor_economics::id::TxId;
use tokio::sync::oneshot;

use super::node::Node;
use crate::{ChainError, SignedTransaction};

/// The most transactions that share a sync.
const BATCH_MAX: usize = 512;

pub(super) type Reply = oneshot::Sender<Result<TxId, ChainError>>;

pub(super) enum Command {
    /// A checked transaction.
    Submit(SignedTransaction, Reply),
    /// Anything else, in turn.
    Call(Box<dyn FnOnce(&mut Node) + Send>),
    /// The end; answered when the file is closed.
    Stop(oneshot::Sender<()>),
}

/// Runs until it is told to stop or nobody can tell it anything any more.
pub(super) fn run(mut node: Node, commands: &Receiver<Command>) {
    let interval = node.config.block_interval;
    let mut next_block = Instant::now() + interval;
    let stopped = loop {
        let wait = next_block.saturating_duration_since(Instant::now());
        match commands.recv_timeout(wait) {
            Ok(command) => {
                if let Some(stopped) = obey(&mut node, command, commands) {
                    break Some(stopped);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break None,
        }
        if Instant::now() >= next_block {
            if let Err(error) = node.make_block() {
                tracing::error!(%error, height = node.tip.height, "no block was made");
            }
            next_block = Instant::now() + interval;
        }
    };
    if let Err(error) = node.store_tip() {
        tracing::error!(%error, "the tip was not stored");
    }
    drop(node);
    if let Some(stopped) = stopped {
        let _ = stopped.send(());
    }
}

fn obey(
    node: &mut Node,
    command: Command,
    commands: &Receiver<Command>,
) -> Option<oneshot::Sender<()>> {
    match command {
        Command::Stop(stopped) => Some(stopped),
        Command::Call(call) => {
            call(node);
            None
        }
        Command::Submit(tx, reply) => {
            let (mut batch, mut replies) = (vec![tx], vec![reply]);
            let mut other = None;
            while batch.len() < BATCH_MAX && other.is_none() {
                match commands.try_recv() {
                    Ok(Command::Submit(tx, reply)) => {
                        batch.push(tx);
                        replies.push(reply);
                    }
                    Ok(command) => other = Some(command),
                    Err(_) => break,
                }
            }
            for (reply, result) in replies.into_iter().zip(node.submit(&batch)) {
                // A caller that went away does not change what was stored.
                let _ = reply.send(result);
            }
            obey(node, other?, commands)
        }
    }
}
