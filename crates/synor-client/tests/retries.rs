//! What the client does with the answers of a server that a test writes.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use synor_client::{Client, ClientError, Usage};

/// When each request came, and its body.
type Requests = Vec<(Instant, String)>;

/// Gives these answers to the requests in turn, one a connection.
fn server(answers: &'static [&'static str]) -> (String, JoinHandle<Requests>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            requests.push((Instant::now(), String::from_utf8(body).unwrap()));
            (&stream).write_all(answer.as_bytes()).unwrap();
        }
        requests
    });
    (url, thread)
}

const TAKEN: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
const BUSY: &str =
    "HTTP/1.1 429 Too Many\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// The connection breaks where the answer should be.
const SILENCE: &str = "";
const REFUSED: &str =
    "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 15\r\n\r\n{\"detail\":\"no\"}";
const SECOND_REFUSED: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 91\r\n\r\n\
    {\"results\":[{\"index\":1,\"status\":\"rejected\",\"field\":\"f\",\"value\":\"v\",\"reason\":\"too much\"}]}  ";

fn usage(quantity: u32) -> Usage {
    Usage::new("acme", "network.egress", quantity, "bytes")
}

#[tokio::test]
async fn the_same_events_are_sent_until_they_are_taken_and_not_before_they_may() {
    let (url, thread) = server(&[SILENCE, BUSY, TAKEN]);
    let client = Client::builder(&url, "key", "test")
        .retry(Duration::from_millis(1), Duration::from_millis(5))
        .start()
        .await
        .unwrap();
    for quantity in 1..=3 {
        client.record(usage(quantity)).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(client.progress().decided, 3);
    client.close().await.unwrap();
    let requests = thread.join().unwrap();
    let (first, last) = (&requests[0].1, &requests[2].1);
    assert!(first == last && *first == requests[1].1, "{requests:?}");
    assert_eq!(first.matches("\"id\":").count(), 3);
    assert!(requests[2].0 - requests[1].0 >= Duration::from_secs(1));
    let closed = client.record(usage(4)).await;
    assert!(matches!(closed, Err(ClientError::Closed)), "{closed:?}");
}

#[tokio::test]
async fn what_is_refused_for_good_is_told_once_and_a_refused_client_is_told_why() {
    let (url, thread) = server(&[REFUSED, SECOND_REFUSED]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&told);
    let client = Client::builder(&url, "key", "test")
        .retry(Duration::from_millis(300), Duration::from_millis(300))
        .on_rejected(move |r| calls.lock().unwrap().push((r.sequence, r.to_string())))
        .start()
        .await
        .unwrap();
    for quantity in 1..=2 {
        client.record(usage(quantity)).await.unwrap();
    }
    let refused = client.flush().await;
    assert!(
        matches!(refused, Err(ClientError::Refused { status: 403, .. })),
        "{refused:?}"
    );
    // It goes on trying, because an operator may have mended the key.
    while client.progress().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.flush().await.unwrap();
    let progress = client.progress();
    assert_eq!((progress.decided, progress.rejected), (2, 1));
    let expected = [(Some(2), "f `v`: too much".to_owned())];
    assert_eq!(*told.lock().unwrap(), expected);
    thread.join().unwrap();
}

#[tokio::test]
async fn a_full_queue_makes_the_recorder_wait_and_nothing_is_lost_in_silence() {
    let client = Client::builder("http://127.0.0.1:1", "key", "test")
        .queue_bytes(400)
        .close_wait(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let taken = (1..10)
        .take_while(|n| client.try_record(usage(*n)).is_ok())
        .count();
    // An event is some 200 bytes.
    assert!((1..4).contains(&taken), "{taken}");
    let waiting = tokio::time::timeout(Duration::from_millis(50), client.record(usage(9)));
    assert!(waiting.await.is_err(), "it waits for room");
    let closed = client.close().await;
    let left = taken as u64;
    assert!(
        matches!(closed, Err(ClientError::NotSent(n)) if n == left),
        "{closed:?}"
    );
}
