//! An EVM node for tests: `anvil` on a port of its own, ended when it is dropped, and the bytecode
//! of contracts. `crates/synor-testkit/evm/install` puts both into `target/evm`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running node that mines a block for each transaction, with accounts that need no signature.
#[derive(Debug)]
pub struct Anvil {
    /// Where its JSON-RPC is.
    pub url: String,
    node: Child,
}

impl Anvil {
    /// Starts a node. `None`, with a message, where it is not installed; under `CI` it must be.
    ///
    /// # Panics
    /// If it is installed and does not start, or is not installed and `CI` is set.
    pub fn start() -> Option<Self> {
        let binary = modules().join("@foundry-rs/anvil-linux-amd64/bin/anvil");
        let is_whole = binary.exists() && folder().join("out/Trader.json").exists();
        if !is_whole {
            let help = "run crates/synor-testkit/evm/install, which needs npm";
            assert!(std::env::var_os("CI").is_none(), "no EVM for tests: {help}");
            println!("skipped: there is no EVM in target/evm; {help}");
            return None;
        }
        let node = Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", "0", "--hardfork", "cancun"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn();
        let mut node = node.expect("anvil starts");
        let mut lines = BufReader::new(node.stdout.take().expect("its output")).lines();
        let address = lines.find_map(|line| {
            let line = line.ok()?;
            line.strip_prefix("Listening on ").map(str::to_owned)
        });
        let address = address.expect("anvil says where it listens");
        // It would stop if nobody read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            url: format!("http://{address}"),
            node,
        })
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

/// The artifact of a contract of ours, as JSON with its `bytecode`.
pub fn own_contract(name: &str) -> String {
    read(&folder().join(format!("out/{name}.json")))
}

/// The artifact of a package's contract, as JSON with its `bytecode`:
/// `@uniswap/v2-core/build/UniswapV2Factory.json`.
pub fn packaged_contract(path: &str) -> String {
    read(&modules().join(path))
}

fn read(path: &Path) -> String {
    let text = std::fs::read_to_string(path);
    text.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/evm")
}

fn modules() -> PathBuf {
    folder().join("node_modules")
}
