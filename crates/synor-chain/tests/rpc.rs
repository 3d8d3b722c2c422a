//! The wire: what other clients of the node meet.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::sync::Arc;

use common::{Place, serve};
use serde_json::{Value, json};
use synor_chain::{
    Chain, ChainError, DevChain, DevControls, RpcChain, RpcServer, Soma, TransferStatus, Wallet,
};
use synor_economics::money::MicroSynor;

fn chain() -> (Place, Arc<DevChain>) {
    let place = Place::new();
    let chain = Arc::new(place.by_hand());
    (place, chain)
}

async fn ask(server: &RpcServer, method: &str, params: Value) -> Value {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    serde_json::from_str(&server.handle(&call.to_string()).await).unwrap()
}

#[tokio::test]
async fn the_publicly_known_calls_answer_by_position_and_by_name() {
    let (_place, chain) = chain();
    let server = RpcServer::for_development(chain.clone());
    let to = Wallet::development("synor-dev", "a");
    let faucet = json!([to.address(), 2_500_000]);
    let tx = ask(&server, "synor_devFaucet", faucet).await["result"].clone();
    chain.mine(3).await.unwrap();
    assert_eq!(
        ask(&server, "synor_getBlockCount", json!([])).await["result"],
        3
    );
    for params in [json!([tx]), json!({ "txId": tx })] {
        let found = ask(&server, "synor_getTransaction", params).await["result"].clone();
        assert_eq!(
            (&found["confirmations"], &found["height"]),
            (&json!(3), &json!(1))
        );
        assert_eq!(found["amount"], 250_000_000);
        assert_eq!(found["status"]["state"], "included");
    }
    let none = ask(&server, "synor_getTransaction", json!(["00"])).await;
    assert_eq!(none["result"], Value::Null);
    let call = r#"{"jsonrpc":"2.0","id":"x","method":"synor_getBlockCount"}"#;
    assert!(server.handle(call).await.contains(r#""result":3"#));
}

#[tokio::test]
async fn errors_have_a_code_a_message_and_the_whole_error() {
    let (_place, chain) = chain();
    let server = RpcServer::for_development(chain);
    let answer = ask(&server, "synor_devReorganize", json!({ "depth": 7 })).await;
    assert_eq!(
        answer["error"],
        json!({
            "code": -32041,
            "message": "cannot reorganize 7 blocks: at least 1, at most 0",
            "data": { "error": "reorganization_depth", "depth": 7, "max": 0 },
        })
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_too() {
    let (_place, chain) = chain();
    let server = RpcServer::new(chain);
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("[1", -32700),
        ("7", -32600),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","method":"synor_getChainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"synor_none"}"#, -32601),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"synor_devFaucet","params":[]}"#,
            -32601,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"synor_getBalance","params":[5]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"synor_getBalance"}"#,
            -32602,
        ),
    ] {
        let answer: Value = serde_json::from_str(&server.handle(body).await).unwrap();
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
    }
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"synor_getChainId"}"#;
    let batch = server.handle(&format!("[{call}, 7, {call}]")).await;
    let answers: Vec<Value> = serde_json::from_str(&batch).unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!(
        (&answers[0]["result"], &answers[2]["result"]),
        (&json!("synor-dev"), &json!("synor-dev"))
    );
    assert_eq!(answers[1]["error"]["code"], -32600);
    let many = format!("[{}]", vec![call; 51].join(","));
    assert!(
        server
            .handle(&many)
            .await
            .contains("a batch has 1 to 50 calls, not 51")
    );
}

#[tokio::test]
async fn the_client_meets_the_same_errors_as_the_node() {
    let (_place, chain) = chain();
    let remote = RpcChain::new(serve(chain.clone()).await).unwrap();
    let a = Wallet::development("synor-dev", "a");
    let large = MicroSynor::new(i64::MAX / 1_000);
    assert_eq!(
        remote.faucet(a.address(), large).await.unwrap_err(),
        chain.faucet(a.address(), large).await.unwrap_err(),
    );
    let tx = a
        .sign_transfer("synor-dev", 0, a.address(), Soma::new(u64::MAX), "")
        .unwrap();
    assert_eq!(remote.submit(tx.clone()).await, chain.submit(tx).await);
    let faucet = Wallet::development("synor-dev", "faucet");
    let supply = chain.balance(faucet.address()).await.unwrap();
    assert_eq!(remote.balance(faucet.address()).await, Ok(supply));

    let gave = remote
        .faucet(a.address(), MicroSynor::new(1))
        .await
        .unwrap();
    chain.mine(1).await.unwrap();
    let seen = remote.transfer(&gave).await.unwrap().unwrap();
    assert_eq!(
        (seen.status, seen.confirmations),
        (TransferStatus::Included, 1)
    );
    chain.stop().await;
    assert_eq!(remote.block_count().await, Err(ChainError::Stopped));
}

#[tokio::test]
async fn a_node_that_is_not_there_is_named() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/rpc", nobody.local_addr().unwrap());
    drop(nobody);
    let error = RpcChain::new(&url)
        .unwrap()
        .block_count()
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("no chain node answers at {url}: ")),
        "{error}"
    );
    assert!(matches!(error, ChainError::RpcUnreachable { .. }));
    assert!(RpcChain::new("not a url").is_err());
}
