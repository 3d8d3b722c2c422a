//! Databases of PostgreSQL for tests of several nodes.

use tokio_postgres::{Config, NoTls, config::Host};

/// The address of a new database.
pub fn fresh_database() -> String {
    let config: Config = synor_testkit::postgres::url().parse().unwrap();
    let name = synor_testkit::postgres::fresh_schema();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let create = format!("CREATE DATABASE {name}");
        client.batch_execute(&create).await.unwrap();
    });
    let user = config.get_user().unwrap_or("postgres");
    let password = config.get_password().map(|p| String::from_utf8_lossy(p));
    let password = password.map_or_else(String::new, |p| format!(":{p}"));
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match &config.get_hosts()[0] {
        Host::Tcp(host) => format!("postgresql://{user}{password}@{host}:{port}/{name}"),
        Host::Unix(path) => {
            let host = path.display();
            format!("postgresql:///{name}?host={host}&user={user}&port={port}")
        }
    }
}
