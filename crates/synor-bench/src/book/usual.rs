//! What is usually built: a row a wallet, and one transaction for each operation that locks it
//! (`SELECT … FOR UPDATE`), looks, inserts what happened under a unique key, and updates the wallet.
//! Every client has a connection of its own and prepared statements. It is spared what the book
//! does besides: no journal and no second side of an entry, no chain, no reply for a repetition.

use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use super::load::Spender;

const SCHEMA: &str = "
    CREATE SCHEMA usual;
    SET search_path = usual;
    CREATE TABLE wallets (
        account integer PRIMARY KEY, available bigint NOT NULL, held bigint NOT NULL DEFAULT 0);
    CREATE TABLE deductions (
        key uuid PRIMARY KEY, account integer NOT NULL, amount bigint NOT NULL,
        reason text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE holds (
        key uuid PRIMARY KEY, account integer NOT NULL, amount bigint NOT NULL,
        captured bigint NOT NULL DEFAULT 0, is_open boolean NOT NULL DEFAULT true,
        expires_at timestamptz NOT NULL, reason text NOT NULL);
    CREATE INDEX deductions_of_account ON deductions (account, created_at);
    CREATE INDEX holds_of_account ON holds (account) WHERE is_open;";

/// The connections.
pub struct Usual {
    connections: Vec<Connection>,
}

struct Connection {
    client: Client,
    begin: Statement,
    lock: Statement,
    deduct: Statement,
    take: Statement,
    hold: Statement,
    set_aside: Statement,
    lock_hold: Statement,
    close: Statement,
    settle: Statement,
    commit: Statement,
}

impl Usual {
    pub async fn start(address: &str, clients: usize, accounts: usize) -> Self {
        let first = connect(address).await;
        first.batch_execute(SCHEMA).await.unwrap();
        let accounts = i32::try_from(accounts).unwrap();
        let fill =
            "INSERT INTO wallets SELECT n, 1000000000000 FROM generate_series(0, $1 - 1) AS n";
        first.execute(fill, &[&accounts]).await.unwrap();
        let mut connections = Vec::new();
        for _ in 0..clients {
            connections.push(Connection::new(connect(address).await).await);
        }
        Self { connections }
    }
}

async fn connect(address: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Connection {
    async fn new(client: Client) -> Self {
        client
            .batch_execute("SET search_path = usual")
            .await
            .unwrap();
        let prepare = async |sql: &str| client.prepare(sql).await.unwrap();
        Self {
            begin: prepare("BEGIN").await,
            lock: prepare("SELECT available FROM wallets WHERE account = $1 FOR UPDATE").await,
            deduct: prepare("INSERT INTO deductions (key, account, amount, reason) VALUES ($1, $2, $3, $4)").await,
            take: prepare("UPDATE wallets SET available = available - $2 WHERE account = $1").await,
            hold: prepare(
                "INSERT INTO holds (key, account, amount, expires_at, reason)
                 VALUES ($1, $2, $3, now() + interval '1 hour', $4)",
            )
            .await,
            set_aside: prepare(
                "UPDATE wallets SET available = available - $2, held = held + $2 WHERE account = $1",
            )
            .await,
            lock_hold: prepare(
                "SELECT amount FROM holds WHERE key = $1 AND is_open AND now() < expires_at FOR UPDATE",
            )
            .await,
            close: prepare("UPDATE holds SET captured = $2, is_open = false WHERE key = $1").await,
            settle: prepare(
                "UPDATE wallets SET available = available + $2, held = held - $3 WHERE account = $1",
            )
            .await,
            commit: prepare("COMMIT").await,
            client,
        }
    }

    /// Begins a transaction, locks the wallet and sees that it covers an amount.
    async fn locked(&self, account: i32, required: i64) {
        self.client.execute(&self.begin, &[]).await.unwrap();
        let row = self.client.query_one(&self.lock, &[&account]).await;
        let available: i64 = row.unwrap().get(0);
        assert!(available >= required);
    }

    async fn commit(&self) {
        self.client.execute(&self.commit, &[]).await.unwrap();
    }
}

impl Spender for Usual {
    async fn deduct(&self, client: usize, account: usize) {
        let c = &self.connections[client];
        let (account, key) = (i32::try_from(account).unwrap(), Uuid::now_v7());
        c.locked(account, 1).await;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&key, &account, &1_i64, &"a request"];
        c.client.execute(&c.deduct, &values).await.unwrap();
        c.client
            .execute(&c.take, &[&account, &1_i64])
            .await
            .unwrap();
        c.commit().await;
    }

    async fn hold(&self, client: usize, account: usize) -> String {
        let c = &self.connections[client];
        let (account, key) = (i32::try_from(account).unwrap(), Uuid::now_v7());
        c.locked(account, 10).await;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&key, &account, &10_i64, &"a request"];
        c.client.execute(&c.hold, &values).await.unwrap();
        c.client
            .execute(&c.set_aside, &[&account, &10_i64])
            .await
            .unwrap();
        c.commit().await;
        key.to_string()
    }

    async fn capture(&self, client: usize, account: usize, hold: &str) {
        let c = &self.connections[client];
        let account = i32::try_from(account).unwrap();
        let hold: Uuid = hold.parse().unwrap();
        c.locked(account, 0).await;
        let row = c.client.query_one(&c.lock_hold, &[&hold]).await;
        let held: i64 = row.unwrap().get(0);
        let key = Uuid::now_v7();
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&key, &account, &1_i64, &"a request"];
        c.client.execute(&c.deduct, &values).await.unwrap();
        c.client.execute(&c.close, &[&hold, &1_i64]).await.unwrap();
        let rest = held - 1;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&account, &rest, &held];
        c.client.execute(&c.settle, &values).await.unwrap();
        c.commit().await;
    }
}
