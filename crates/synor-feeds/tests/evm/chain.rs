//! A chain with Uniswap's own contracts on it.

use std::time::Duration;

use alloy_primitives::{Address, U256, hex};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde_json::{Value, json};
use synor_economics::period::Timestamp;
use synor_testkit::evm::{Anvil, own_contract, packaged_contract};

sol! {
    function createPair(address tokenA, address tokenB) external returns (address);
    function getPair(address tokenA, address tokenB) external view returns (address);
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address);
    function getPool(address tokenA, address tokenB, uint24 fee) external view returns (address);
    function initialize(uint160 sqrtPriceX96) external;
    function increaseObservationCardinalityNext(uint16 next) external;
    function slot0() external view returns (uint160 sqrtPriceX96, int24 tick, uint16 index, uint16 cardinality, uint16 next, uint8 feeProtocol, bool unlocked);
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 at);
    function fillV2(address pair, uint256 amount0, uint256 amount1) external;
    function tradeV2(address pair, bool zeroForOne, uint256 amountIn) external;
    function fillV3(address pool, int24 lower, int24 upper, uint128 liquidity) external;
    function tradeV3(address pool, bool zeroForOne, int256 amountIn, uint160 limit) external;
    function set(uint80 roundId, int256 answer, uint256 updatedAt, uint80 answeredInRound) external;
}

/// All there is of a token, in whole ones.
const SUPPLY: u64 = 1_000_000_000_000;

pub struct Chain {
    pub anvil: Anvil,
    client: reqwest::Client,
    sender: Value,
    /// Who trades, and has all tokens.
    pub trader: Address,
}

impl Chain {
    /// A chain with a trader on it, if there is an EVM.
    pub async fn start() -> Option<Self> {
        let anvil = Anvil::start()?;
        let mut chain = Self {
            anvil,
            client: reqwest::Client::new(),
            sender: Value::Null,
            trader: Address::ZERO,
        };
        let accounts = chain.rpc("eth_accounts", json!([])).await;
        chain.sender = accounts[0].clone();
        chain.trader = chain.deploy(&own_contract("Trader"), Vec::new()).await;
        Some(chain)
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = self.client.post(&self.anvil.url).body(body.to_string());
        let request = request.header("content-type", "application/json");
        let answer = request.send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    async fn transact(&self, mut transaction: Value) -> Value {
        transaction["from"] = self.sender.clone();
        transaction["gas"] = json!("0x1c9c380");
        let hash = self.rpc("eth_sendTransaction", json!([transaction])).await;
        // The node answers before the block is made.
        for _ in 0..500 {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash])).await;
            if receipt.is_null() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            assert_eq!(receipt["status"], "0x1", "{receipt}");
            return receipt;
        }
        panic!("{hash} is in no block");
    }

    /// Deploys an artifact with the arguments of its constructor.
    pub async fn deploy(&self, artifact: &str, arguments: Vec<u8>) -> Address {
        let artifact: Value = serde_json::from_str(artifact).unwrap();
        let bytecode = artifact["bytecode"].as_str().unwrap();
        let bytecode = bytecode.trim_start_matches("0x");
        let data = format!("0x{bytecode}{}", hex::encode(arguments));
        let receipt = self.transact(json!({ "data": data })).await;
        receipt["contractAddress"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Sends a call in a block of its own.
    pub async fn send<C: SolCall>(&self, to: Address, call: C) {
        let data = hex::encode_prefixed(call.abi_encode());
        self.transact(json!({ "to": to.to_string(), "data": data }))
            .await;
    }

    pub async fn read<C: SolCall>(&self, to: Address, call: C) -> C::Return {
        let data = hex::encode_prefixed(call.abi_encode());
        let call = json!([{ "to": to.to_string(), "data": data }, "latest"]);
        let answer = self.rpc("eth_call", call).await;
        let data = hex::decode(answer.as_str().unwrap()).unwrap();
        C::abi_decode_returns(&data).unwrap()
    }

    /// A token of so many decimals, all of it the trader's.
    pub async fn token(&self, decimals: u8) -> Address {
        let supply = U256::from(SUPPLY) * U256::from(10).pow(U256::from(decimals));
        let arguments = (U256::from(decimals), supply).abi_encode_params();
        let token = self.deploy(&own_contract("Token"), arguments).await;
        sol! { function transfer(address to, uint256 value) external returns (bool); }
        let call = transferCall {
            to: self.trader,
            value: supply,
        };
        self.send(token, call).await;
        token
    }

    /// SYNOR of 18 decimals and a dollar of 6, with SYNOR first or second in every pool.
    pub async fn tokens(&self, synor_first: bool) -> (Address, Address) {
        let usd = self.token(6).await;
        loop {
            // A pool's order is that of the addresses, which follow from how many came before.
            let synor = self.token(18).await;
            if (synor < usd) == synor_first {
                return (synor, usd);
            }
        }
    }

    pub async fn v2_pair(&self, a: Address, b: Address) -> Address {
        let path = "@uniswap/v2-core/build/UniswapV2Factory.json";
        let arguments = (self.trader,).abi_encode_params();
        let factory = self.deploy(&packaged_contract(path), arguments).await;
        self.send(
            factory,
            createPairCall {
                tokenA: a,
                tokenB: b,
            },
        )
        .await;
        self.read(
            factory,
            getPairCall {
                tokenA: a,
                tokenB: b,
            },
        )
        .await
    }

    pub async fn v3_pool(&self, a: Address, b: Address) -> Address {
        let path =
            "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
        let factory = self.deploy(&packaged_contract(path), Vec::new()).await;
        let fee = alloy_primitives::Uint::<24, 1>::from(3_000);
        self.send(
            factory,
            createPoolCall {
                tokenA: a,
                tokenB: b,
                fee,
            },
        )
        .await;
        self.read(
            factory,
            getPoolCall {
                tokenA: a,
                tokenB: b,
                fee,
            },
        )
        .await
    }

    /// Lets time pass.
    pub async fn pass(&self, secs: u64) {
        self.rpc("evm_increaseTime", json!([secs])).await;
        self.rpc("evm_mine", json!([])).await;
    }

    /// The time of the last block.
    pub async fn now(&self) -> Timestamp {
        let block = self
            .rpc("eth_getBlockByNumber", json!(["latest", false]))
            .await;
        let text = block["timestamp"].as_str().unwrap();
        Timestamp::from_secs(i64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap())
    }
}
