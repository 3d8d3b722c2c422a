//! A development node, a payer on it, and a way to it that can be closed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use synor_chain::evm::calls::{
    approveCall, balanceOfCall, depositCall, mintCall, payInvoiceCall, setGrantCall,
};
use synor_chain::evm::primitives::{B256, Bytes, U256, Uint};
use synor_chain::evm::sol_types::SolCall;
use synor_testkit::evm::Anvil;
use tokio::runtime::Runtime;

use crate::common::text;

/// A µSYNOR of a token with 18 decimals.
const MICRO: u64 = 1_000_000_000_000;

pub struct Node {
    anvil: Anvil,
    runtime: Runtime,
    client: reqwest::Client,
    minter: String,
    payer: String,
    billing: std::sync::OnceLock<String>,
    token: std::sync::OnceLock<String>,
}

impl Node {
    pub fn start() -> Option<Self> {
        let anvil = Anvil::start()?;
        let mut node = Self {
            anvil,
            runtime: Runtime::new().unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            minter: String::new(),
            payer: String::new(),
            billing: std::sync::OnceLock::new(),
            token: std::sync::OnceLock::new(),
        };
        let accounts = node.rpc("eth_accounts", json!([]));
        node.minter = text(&accounts[0]).to_owned();
        node.payer = text(&accounts[1]).to_owned();
        Some(node)
    }

    pub fn url(&self) -> &str {
        &self.anvil.url
    }

    pub fn address(&self) -> String {
        self.anvil.url.trim_start_matches("http://").to_owned()
    }

    pub fn minter(&self) -> &str {
        &self.minter
    }

    pub fn payer(&self) -> &str {
        &self.payer
    }

    fn rpc(&self, method: &str, params: Value) -> Value {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer: Value = self.runtime.block_on(async {
            let sent = self.client.post(&self.anvil.url).json(&call).send().await;
            sent.unwrap().json().await.unwrap()
        });
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    fn transact(&self, from: &str, to: &str, call: impl SolCall) {
        let data = Bytes::from(call.abi_encode());
        let transaction = json!({"from": from, "to": to, "data": data, "gas": "0x7a120"});
        let hash = self.rpc("eth_sendTransaction", json!([transaction]));
        for _ in 0..500 {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{hash} is in no block");
    }

    pub fn give_gas(&self, to: &str) {
        self.rpc("anvil_setBalance", json!([to, "0x56bc75e2d63100000"]));
    }

    /// Gives the payer coins, and lets the contract take them.
    pub fn fund_payer(&self, contracts: &Value) {
        let (token, billing) = (text(&contracts["token"]), text(&contracts["billing"]));
        let value = micro(1_000_000_000_000);
        let to = self.payer.parse().unwrap();
        self.transact(&self.minter, token, mintCall { to, value });
        let spender = billing.parse().unwrap();
        self.transact(&self.payer, token, approveCall { spender, value });
        self.token.set(token.to_owned()).unwrap();
        self.billing.set(billing.to_owned()).unwrap();
    }

    /// What the payer has, in µSYNOR.
    pub fn balance_of_payer(&self) -> u64 {
        let account = self.payer.parse().unwrap();
        let data = Bytes::from(balanceOfCall { account }.abi_encode());
        let call = json!([{"to": self.token.get().unwrap(), "data": data}, "latest"]);
        let balance: U256 = text(&self.rpc("eth_call", call)).parse().unwrap();
        (balance / U256::from(MICRO)).to()
    }

    /// Does what a link says, with another amount.
    pub fn pay(&self, link: &str, amount: i64) {
        let call = link.strip_prefix("ethereum:").unwrap();
        let (place, arguments) = call.split_once('?').unwrap();
        let (contract, function) = place.split_once('/').unwrap();
        let (contract, chain) = contract.split_once('@').unwrap();
        let billing = self.billing.get().unwrap();
        assert!(contract.eq_ignore_ascii_case(billing) && chain == "31337");
        let (reference, asked) = arguments.split_once('&').unwrap();
        let reference: B256 = reference.strip_prefix("bytes32=").unwrap().parse().unwrap();
        let asked: U256 = asked.strip_prefix("uint256=").unwrap().parse().unwrap();
        assert!(asked > U256::ZERO && asked % U256::from(MICRO) == U256::ZERO);
        let amount = micro(amount);
        match function {
            "payInvoice" => {
                let invoice = reference;
                self.transact(&self.payer, contract, payInvoiceCall { invoice, amount });
            }
            "deposit" => {
                let account = reference;
                self.transact(&self.payer, contract, depositCall { account, amount });
            }
            other => panic!("{other}"),
        }
    }

    pub fn grant(&self, account: &str, max: i64) {
        let call = setGrantCall {
            account: account.parse().unwrap(),
            maxPerInvoice: micro(max).to(),
            maxPerPeriod: micro(max).to(),
            periodSecs: 86_400,
            expiresAt: Uint::from(4_000_000_000_u64),
        };
        self.transact(&self.payer, self.billing.get().unwrap(), call);
    }

    pub fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([blocks]));
    }

    pub fn snapshot(&self) -> Value {
        self.rpc("evm_snapshot", json!([]))
    }

    /// Goes back, to a chain whose blocks will be others.
    pub fn revert(&self, to: &Value) {
        self.rpc("evm_revert", json!([to]));
        self.rpc("evm_increaseTime", json!([100]));
    }
}

fn micro(micro: i64) -> U256 {
    U256::from(micro) * U256::from(MICRO)
}

/// A way to an address; closed, every connection breaks off.
pub struct Gate {
    pub url: String,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    pub fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let is_open = Arc::new(AtomicBool::new(true));
        let open = Arc::clone(&is_open);
        // It ends with the process.
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if open.load(Ordering::SeqCst) {
                    let far = TcpStream::connect(&to).unwrap();
                    let (near_too, far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                    pass(near, far, Arc::clone(&open));
                    pass(far_too, near_too, Arc::clone(&open));
                }
            }
        });
        Self { url, is_open }
    }

    pub fn close(&self) {
        self.is_open.store(false, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, open: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16_384];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if !open.load(Ordering::SeqCst) || to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
