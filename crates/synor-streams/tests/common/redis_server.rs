//! A Redis server of its own for a test.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use synor_streams::StreamConfig;
use tempfile::TempDir;

pub struct RedisServer {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one that syncs before it answers. None if Redis is not installed, which in CI is a
    /// failure.
    pub fn start() -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            port,
            process: None,
        };
        match server.run() {
            Ok(()) => Some(server),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(std::env::var_os("CI").is_none(), "redis-server is missing");
                println!("skipped: redis-server is not installed");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn run(&mut self) -> std::io::Result<()> {
        let process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .arg("--dir")
            .arg(self.folder.path())
            .args([
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ])
            .stdout(Stdio::null())
            .spawn()?;
        self.process = Some(process);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "redis-server is not up"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it without a word, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again on what it had stored.
    pub fn restart(&mut self) {
        self.run().unwrap();
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/usage-events", self.port)
    }

    pub fn config(&self) -> StreamConfig {
        let mut config = StreamConfig::new(self.url().parse().unwrap());
        config.claim_idle_ms = 300;
        config
    }

    /// Runs a command by hand and returns what it prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
