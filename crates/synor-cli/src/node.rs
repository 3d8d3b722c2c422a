//! A whole platform in one process: the stores of a data folder, the development chain, the
//! engine, its jobs and the HTTP API.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use synor_chain::{DevChain, DevChainConfig, RpcServer, Wallet};
use synor_engine::{Engine, NewKey, SystemClock, new_secret};
use synor_server::{AppState, router};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::data_folder::{DataFolder, RunningServer};
use crate::error::error_with_help;

/// A running platform.
pub struct Node {
    /// Where it listens, and its secret.
    pub server: RunningServer,
    /// The first admin key, if this was the folder's first start.
    pub first_key: Option<NewKey>,
    chain: Arc<DevChain>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    _lock: File,
}

impl Node {
    /// Starts on a folder that this process holds.
    pub async fn start(
        folder: &DataFolder,
        lock: File,
        listen: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let config = Config::load(folder)?;
        let wallet = billing_wallet(folder.clone()).await?;
        let list = config.price_list(folder)?;
        let usage = config.storage.usage_log(folder).await?;
        let store = config.storage.book(folder).await?;
        let chain_config = DevChainConfig {
            block_interval: config.block_interval(),
            ..DevChainConfig::default()
        };
        let chain = Arc::new(DevChain::open(folder.file("chain.sqlite"), chain_config)?);
        let engine = Engine::new(
            usage,
            store,
            Arc::<DevChain>::clone(&chain),
            Arc::new(SystemClock),
            wallet,
            config.engine()?,
            list,
        )
        .await?;
        let engine = Arc::new(engine);
        let first_key = engine.first_admin_key().await?;

        let listener = bind(listen.or(config.listen)).await?;
        let secret = new_secret("synor_local")?;
        let server = RunningServer {
            url: format!("http://{}", listener.local_addr()?),
            secret,
        };
        let (stop, stopped) = watch::channel(false);
        let state = AppState {
            engine: Arc::clone(&engine),
            rpc: Arc::new(RpcServer::for_development(Arc::<DevChain>::clone(&chain))),
            local_secret: server.secret.as_str().into(),
            stopping: stopped.clone(),
            intake: Arc::new(config.intake()?),
        };
        let mut until = stopped.clone();
        let shutdown = async move {
            // An error means that the node is gone, which is as good a reason to stop.
            let _ = until.wait_for(|stopped| *stopped).await;
        };
        let serve = axum::serve(listener, router(state)).with_graceful_shutdown(shutdown);
        let tasks = vec![
            tokio::spawn(async move {
                if let Err(error) = serve.await {
                    tracing::error!(%error, "the server stopped");
                }
            }),
            tokio::spawn(engine.run_jobs(stopped)),
        ];
        Ok(Self {
            server,
            first_key,
            chain,
            stop,
            tasks,
            _lock: lock,
        })
    }

    /// Stops taking requests, finishes those under way, and closes everything.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
        self.chain.stop().await;
    }
}

async fn bind(listen: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    let address = listen.unwrap_or(crate::config::DEFAULT_LISTEN);
    TcpListener::bind(address).await.map_err(|error| {
        error_with_help(
            format!("cannot listen on {address}: {error}"),
            "name another address with --listen, or set `listen` in synor.toml",
        )
    })
}

/// The wallet that collects payments and signs auto-pay charges. Its passphrase is
/// `SYNOR_BILLING_PASSPHRASE`, or random and kept beside the key file for the owner's eyes.
async fn billing_wallet(folder: DataFolder) -> anyhow::Result<Wallet> {
    let open = move || {
        let key_file = folder.file("billing-wallet.json");
        let passphrase_file = folder.file("billing-passphrase");
        let passphrase = match std::env::var("SYNOR_BILLING_PASSPHRASE") {
            Ok(passphrase) => passphrase,
            Err(_) if passphrase_file.exists() => std::fs::read_to_string(&passphrase_file)
                .with_context(|| format!("cannot read {}", passphrase_file.display()))?,
            Err(_) => {
                let new = new_secret("billing")?;
                folder.write_private("billing-passphrase", &new)?;
                new
            }
        };
        let wallet = if key_file.exists() {
            Wallet::unlock(&key_file, &passphrase)
        } else {
            Wallet::create(&key_file, &passphrase)
        };
        wallet.context("the billing wallet")
    };
    tokio::task::spawn_blocking(open).await?
}
