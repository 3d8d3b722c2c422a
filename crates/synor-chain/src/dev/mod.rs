//! The built-in development chain: blocks, confirmations, memos, grants and reorganizations on
//! demand, in one SQLite file.
//!
//! A transaction is durable before [`DevChain::submit`] returns. Empty blocks take no space: only
//! the tip's height and time grow.

mod draft;
mod node;
mod reorg;
mod rules;
mod tables;
mod thread;
mod verify;

use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use synor_economics::id::{Address, TxId};
use synor_economics::money::MicroSynor;
use tokio::sync::oneshot;

use crate::address::check_address;
use crate::{Chain, ChainError, Cursor, Grant, ObservedTransfer, Page, SignedTransaction, Soma};
use node::Node;
pub use reorg::{Reorganization, Reorganized};
use rules::Source;
use thread::Command;

/// The most blocks that one reorganization takes back.
pub const REORGANIZATION_MAX_BLOCKS: u64 = 1_000;

/// How a development chain runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevChainConfig {
    /// The time between blocks; default 100 ms.
    pub block_interval: Duration,
    /// The chain's name, part of every signature; default `synor-dev`. It never changes for a file.
    pub chain_id: String,
    /// All coins there ever are, in soma, given to the faucet in the genesis; default 10^9 SYNOR.
    /// It never changes for a file.
    pub supply: Soma,
    /// The most the faucet gives at once, in soma; default 10^6 SYNOR.
    pub faucet_limit: Soma,
}

impl Default for DevChainConfig {
    fn default() -> Self {
        Self {
            block_interval: Duration::from_millis(100),
            chain_id: "synor-dev".to_owned(),
            supply: Soma::new(100_000_000_000_000_000),
            faucet_limit: Soma::new(100_000_000_000_000),
        }
    }
}

/// A running development chain. It makes blocks on its own thread until it is stopped or dropped.
#[derive(Debug)]
pub struct DevChain {
    chain_id: String,
    commands: mpsc::Sender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl DevChain {
    /// Opens the chain in a file, or starts one there. It goes on at the height where it stopped.
    ///
    /// `Open` if the file is in use, or holds another chain or version; `Inconsistent` if its
    /// balances do not sum to the supply.
    pub fn open(path: impl AsRef<Path>, config: DevChainConfig) -> Result<Self, ChainError> {
        let path = path.as_ref();
        let chain_id = config.chain_id.clone();
        let node = Node::open(path, config)?;
        let (commands, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("synor-dev-chain".to_owned())
            .spawn(move || thread::run(node, &received))
            .map_err(|error| ChainError::Open {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            chain_id,
            commands,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Stops making blocks and closes the file. Everything after is refused with `Stopped`.
    pub async fn stop(&self) {
        let (stopped, wait) = oneshot::channel();
        if self.commands.send(Command::Stop(stopped)).is_ok() {
            let _ = wait.await;
        }
    }

    /// Makes blocks now, without waiting for the interval, and returns the height.
    pub async fn mine(&self, blocks: u64) -> Result<u64, ChainError> {
        self.call(move |node| {
            for _ in 0..blocks {
                node.make_block()?;
            }
            Ok(node.tip.height)
        })
        .await
    }

    /// The hash of the block at a height, 64 hex digits; `None` above the tip.
    pub async fn block_hash(&self, height: u64) -> Result<Option<String>, ChainError> {
        self.call(move |node| {
            (height <= node.tip.height)
                .then(|| node.block_hash(height))
                .transpose()
        })
        .await
    }

    /// Executes the whole chain again from its genesis and compares; `Inconsistent` names the first
    /// account that differs.
    pub async fn verify(&self) -> Result<(), ChainError> {
        self.call(|node| node.verify()).await
    }

    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Node) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(move |node: &mut Node| {
            let _ = reply.send(call(node));
        });
        self.commands
            .send(Command::Call(call))
            .map_err(|_| ChainError::Stopped)?;
        answer.await.map_err(|_| ChainError::Stopped)?
    }
}

/// What a chain under development can be told to do, in the node's process or over its RPC.
#[async_trait]
pub trait DevControls: Chain {
    /// Gives an amount in µSYNOR to an address from the faucet, and returns the transaction that
    /// will do so. `FaucetLimit` above the limit, `AmountZero`, `NegativeAmount`, `BadAddress`, and
    /// `InsufficientBalance` when the faucet is empty.
    async fn faucet(&self, to: &Address, amount: MicroSynor) -> Result<TxId, ChainError>;

    /// Takes back the last blocks; as many empty ones take their place, so the height does not
    /// fall. Their transactions wait for a block again, except the dropped ones. What no longer
    /// applies on the new branch fails there; what has lost the nonce before its own waits for it.
    ///
    /// `ReorganizationDepth` beyond the genesis or [`REORGANIZATION_MAX_BLOCKS`]; `NotInBlocks` for
    /// a transaction to drop that is in none of these blocks.
    async fn reorganize(&self, wish: Reorganization) -> Result<Reorganized, ChainError>;
}

#[async_trait]
impl DevControls for DevChain {
    async fn faucet(&self, to: &Address, amount: MicroSynor) -> Result<TxId, ChainError> {
        check_address(to)?;
        let amount = Soma::from_micro(amount)?;
        if amount.is_zero() {
            return Err(ChainError::AmountZero);
        }
        let to = to.clone();
        self.call(move |node| node.faucet(&to, amount)).await
    }

    async fn reorganize(&self, wish: Reorganization) -> Result<Reorganized, ChainError> {
        self.call(move |node| node.reorganize(&wish)).await
    }
}

impl Drop for DevChain {
    fn drop(&mut self) {
        let (stopped, _) = oneshot::channel();
        let _ = self.commands.send(Command::Stop(stopped));
        let thread = self.thread.get_mut().ok().and_then(Option::take);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the development chain's thread panicked");
        }
    }
}

#[async_trait]
impl Chain for DevChain {
    async fn submit(&self, tx: SignedTransaction) -> Result<TxId, ChainError> {
        // Here and not on the node's thread, so that signatures are checked in parallel.
        tx.check(&self.chain_id)?;
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(Command::Submit(tx, reply))
            .map_err(|_| ChainError::Stopped)?;
        answer.await.map_err(|_| ChainError::Stopped)?
    }

    async fn transfer(&self, tx: &TxId) -> Result<Option<ObservedTransfer>, ChainError> {
        let tx = tx.clone();
        self.call(move |node| node.transfer(&tx)).await
    }

    async fn transfers_to(
        &self,
        address: &Address,
        after: Cursor,
        limit: usize,
    ) -> Result<Page<ObservedTransfer>, ChainError> {
        let address = address.clone();
        self.call(move |node| node.transfers_to(&address, after, limit))
            .await
    }

    async fn balance(&self, address: &Address) -> Result<Soma, ChainError> {
        let address = address.clone();
        self.call(move |node| node.db.balance(&address)).await
    }

    async fn next_nonce(&self, address: &Address) -> Result<u64, ChainError> {
        let address = address.clone();
        self.call(move |node| node.draft.next_nonce(&address, &node.db))
            .await
    }

    async fn block_count(&self) -> Result<u64, ChainError> {
        self.call(|node| Ok(node.tip.height)).await
    }

    async fn grant(&self, owner: &Address, spender: &Address) -> Result<Option<Grant>, ChainError> {
        let (owner, spender) = (owner.clone(), spender.clone());
        self.call(move |node| {
            let key = (owner, spender);
            let bounds = node.db.bounds(&key)?;
            let (owner, spender) = key;
            Ok(bounds.map(|bounds| Grant {
                owner,
                spender,
                max_per_charge: bounds.max_per_charge,
                remaining: bounds.remaining,
            }))
        })
        .await
    }

    async fn chain_id(&self) -> Result<String, ChainError> {
        Ok(self.chain_id.clone())
    }
}
