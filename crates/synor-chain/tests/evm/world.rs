//! A development node with the contracts on it, a payer, and an endpoint that can go away, lag or
//! lie.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use jsonrpsee_core::client::ClientT;
use jsonrpsee_core::params::ArrayParams;
use jsonrpsee_http_client::HttpClient;
use serde_json::{Value, json};
use synor_chain::evm::calls::{approveCall, depositCall, mintCall, payInvoiceCall, setGrantCall};
use synor_chain::evm::deploy::{DeployPlan, Deployment, deploy};
use synor_chain::evm::primitives::{Address, B256, Bytes, U256, b256};
use synor_chain::evm::sol_types::SolCall;
use synor_chain::evm::{
    EvmChain, EvmConfig, EvmKey, SendRules, Units, account_reference, reference_of,
};
use synor_chain::{Chain, Cursor, ObservedTransfer};
use synor_economics::billing::PaymentTarget;
use synor_economics::id::{AccountId, DepositId, InvoiceId};
use synor_economics::money::MicroSynor;
use synor_testkit::evm::Anvil;

/// The node's first account, whose key everybody knows.
const OPERATOR: B256 = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
pub const DECIMALS: u8 = 18;

pub struct World {
    pub anvil: Anvil,
    client: HttpClient,
    pub made: Deployment,
    /// The node's second account: it has coins and let the contract take them.
    pub payer: Address,
    pub operator: EvmKey,
    folder: tempfile::TempDir,
}

impl World {
    pub async fn start() -> Option<Self> {
        let anvil = Anvil::start()?;
        let client = HttpClient::builder().build(&anvil.url).unwrap();
        let operator = EvmKey::known(OPERATOR).unwrap();
        let me = operator.address();
        let plan = DeployPlan {
            token: None,
            decimals: DECIMALS,
            admin: me,
            operator: me,
            minter: Some(me),
            treasury: Address::repeat_byte(0xb1),
            community: Address::repeat_byte(0xb2),
            service_basis_points: [7_000, 2_000, 1_000],
            transaction_basis_points: [1_000, 6_000, 2_000, 1_000],
            change_delay_secs: 0,
            review_secs: 86_400,
            oracle_signers: vec![me],
            oracle_quorum: 1,
        };
        let rpc = [anvil.url.clone()];
        let made = deploy(&rpc, &operator, SendRules::default(), &plan)
            .await
            .unwrap();
        let accounts = request(&client, "eth_accounts", json!([])).await;
        let payer: Address = accounts[1].as_str().unwrap().parse().unwrap();
        let world = Self {
            anvil,
            client,
            made,
            payer,
            operator,
            folder: tempfile::tempdir().unwrap(),
        };
        let plenty = units(1_000_000_000_000);
        let mint = mintCall {
            to: payer,
            value: plenty,
        };
        world.transact(me, world.made.token, mint).await;
        let approve = approveCall {
            spender: world.made.billing,
            value: plenty,
        };
        world.transact(payer, world.made.token, approve).await;
        Some(world)
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        request(&self.client, method, params).await
    }

    /// Sends without waiting for a block; the transaction's hash.
    pub async fn send<C: SolCall>(&self, from: Address, to: Address, call: C) -> Value {
        let data = Bytes::from(call.abi_encode());
        let transaction = json!({"from": from, "to": to, "data": data, "gas": "0x7a120"});
        self.rpc("eth_sendTransaction", json!([transaction])).await
    }

    /// Sends in a block of its own.
    pub async fn transact<C: SolCall>(&self, from: Address, to: Address, call: C) {
        let hash = self.send(from, to, call).await;
        for _ in 0..500 {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{hash} is in no block");
    }

    pub async fn pay(&self, id: InvoiceId, micro: i64) {
        let call = payInvoiceCall {
            invoice: reference_of(&PaymentTarget::Invoice(id)).unwrap(),
            amount: units(micro),
        };
        self.transact(self.payer, self.made.billing, call).await;
    }

    pub async fn deposit(&self, id: DepositId, micro: i64) {
        let call = depositCall {
            account: reference_of(&PaymentTarget::Deposit(id)).unwrap(),
            amount: units(micro),
        };
        self.transact(self.payer, self.made.billing, call).await;
    }

    pub async fn grant(&self, account: &AccountId, max: i64, period: i64) {
        let call = setGrantCall {
            account: account_reference(account),
            maxPerInvoice: units(max).to(),
            maxPerPeriod: units(period).to(),
            periodSecs: 86_400,
            expiresAt: synor_chain::evm::primitives::Uint::from(4_000_000_000_u64),
        };
        self.transact(self.payer, self.made.billing, call).await;
    }

    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([blocks])).await;
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("evm.sqlite")
    }

    /// The chain over the node alone.
    pub async fn chain(&self) -> EvmChain {
        self.chain_over(vec![self.anvil.url.clone()]).await
    }

    pub async fn chain_over(&self, rpc: Vec<String>) -> EvmChain {
        self.chain_with(rpc, SendRules::default()).await
    }

    pub async fn chain_with(&self, rpc: Vec<String>, rules: SendRules) -> EvmChain {
        let config = EvmConfig {
            rpc,
            billing: self.made.billing,
            from_block: self.made.from_block,
            rules,
        };
        let key = Some(self.operator.clone());
        EvmChain::open(self.file(), config, key).await.unwrap()
    }
}

/// µSYNOR in the token's units.
pub fn units(micro: i64) -> U256 {
    let units = Units::of_decimals(DECIMALS).unwrap();
    units.from_micro(MicroSynor::new(micro)).unwrap()
}

/// What the feed says after a cursor.
pub async fn feed(chain: &EvmChain, after: Cursor) -> (Vec<ObservedTransfer>, Cursor) {
    let address = chain.pay_to().unwrap();
    let page = chain.transfers_to(&address, after, 100).await.unwrap();
    (page.items, page.next)
}

async fn request(client: &HttpClient, method: &str, params: Value) -> Value {
    let mut array = ArrayParams::new();
    // A call without parameters has none at all.
    for param in params.as_array().into_iter().flatten() {
        array.insert(param).unwrap();
    }
    client.request(method, array).await.unwrap()
}

/// How an endpoint behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Honest,
    Away,
    /// Without the last blocks.
    Behind(u64),
    /// Payments that are larger than they were.
    LyingOfPayments,
    /// Blocks that are not there.
    LyingOfBlocks,
}

/// An endpoint in front of the node.
#[derive(Clone)]
pub struct Endpoint {
    pub url: String,
    mood: Arc<(AtomicU8, AtomicU64)>,
    client: HttpClient,
}

impl Endpoint {
    pub async fn start(node: &Anvil) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            mood: Arc::default(),
            client: HttpClient::builder().build(&node.url).unwrap(),
        };
        let router = Router::new()
            .route("/", post(answer))
            .with_state(endpoint.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        endpoint
    }

    pub fn become_(&self, mood: Mood) {
        let (number, blocks) = match mood {
            Mood::Honest => (0, 0),
            Mood::Away => (1, 0),
            Mood::Behind(blocks) => (2, blocks),
            Mood::LyingOfPayments => (3, 0),
            Mood::LyingOfBlocks => (4, 0),
        };
        self.mood.1.store(blocks, Ordering::SeqCst);
        self.mood.0.store(number, Ordering::SeqCst);
    }

    async fn forward(&self, method: &str, params: &Value) -> Value {
        request(&self.client, method, params.clone()).await
    }
}

async fn answer(State(endpoint): State<Endpoint>, body: String) -> Result<String, StatusCode> {
    let call: Value = serde_json::from_str(&body).unwrap();
    let method = call["method"].as_str().unwrap().to_owned();
    let mut params = call["params"].clone();
    let mood = endpoint.mood.0.load(Ordering::SeqCst);
    if mood == 1 {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    if mood == 2 && method == "eth_getBlockByNumber" {
        let last = endpoint.forward("eth_blockNumber", &json!([])).await;
        let last = u64::from_str_radix(last.as_str().unwrap().trim_start_matches("0x"), 16);
        let last = last.unwrap() - endpoint.mood.1.load(Ordering::SeqCst);
        if params[0] == "latest" {
            params[0] = json!(format!("{last:#x}"));
        }
    }
    let mut result = endpoint.forward(&method, &params).await;
    match (mood, method.as_str()) {
        (3, "eth_getLogs") => {
            for log in result.as_array_mut().unwrap() {
                log["data"] = json!(Bytes::from(units(9_999).to_be_bytes_vec()));
            }
        }
        (4, "eth_getBlockByNumber") => result["hash"] = json!(B256::repeat_byte(0xee)),
        _ => {}
    }
    Ok(json!({"jsonrpc": "2.0", "id": call["id"], "result": result}).to_string())
}
