//! The binary on a data folder of its own.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Api, PASSPHRASE};

/// How long anything may take that should happen soon.
const SOON: Duration = Duration::from_secs(30);

/// A data folder with a fast chain, and files beside it.
pub struct Folder {
    dir: TempDir,
}

impl Folder {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        let folder = Self { dir };
        folder.configure("block_interval_ms = 10\n");
        folder
    }

    pub fn configure(&self, toml: &str) {
        std::fs::write(self.data().join("synor.toml"), toml).unwrap();
    }

    /// What `--data` names.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A file beside the data.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file beside the data.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A command on this folder.
    pub fn synor<S: AsRef<str>>(&self, arguments: &[S]) -> Synor {
        let mut command = bare();
        command.arg("--data").arg(self.data());
        let named = arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>();
        command.args(&named);
        Synor {
            what: named.join(" "),
            command,
        }
    }

    /// A command written as one would type it, without quotes.
    pub fn type_in(&self, line: &str) -> Synor {
        self.synor(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Opens an account and returns its key.
    pub fn open_account(&self, account: &str) -> String {
        self.synor(&["admin", "open-account", account]).ok();
        let key = self.synor(&["admin", "issue-key", account]).json();
        super::text(&key["secret"]).to_owned()
    }

    /// Imports events of which each line is a flat JSON object.
    pub fn import(&self, name: &str, lines: &[Value]) -> Value {
        let path = self.write(name, ndjson(lines));
        self.synor(&["usage", "import", path.to_str().unwrap()])
            .json()
    }

    /// What `admin verify` counts, all of which must hold.
    pub fn verified(&self) -> Value {
        let found = self.synor(&["admin", "verify"]).json();
        assert_eq!(found["problems"], serde_json::json!([]));
        found
    }

    /// An account's usage of a month, without what changes as other accounts use something.
    pub fn usage(&self, account: &str, month: &str) -> Value {
        let command = self.synor(&["usage", "summary", "--period", month]);
        let mut summary = command.account(account).json();
        summary.as_object_mut().unwrap().remove("log_position");
        summary
    }

    /// The balance of an account.
    pub fn balance(&self, account: &str) -> Value {
        self.synor(&["billing", "balance"]).account(account).json()
    }
}

/// Events, one a line.
pub fn ndjson(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synor"));
    for name in [
        "SYNOR_DATA",
        "SYNOR_SERVER",
        "SYNOR_API_KEY",
        "SYNOR_ACCOUNT",
        "SYNOR_WALLET",
        "SYNOR_BILLING_PASSPHRASE",
        "SYNOR_CHAIN_RPC",
        "SYNOR_OPERATOR_PASSPHRASE",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command.env("SYNOR_WALLET_PASSPHRASE", PASSPHRASE);
    command.stdin(Stdio::null());
    command
}

/// A command to be run.
pub struct Synor {
    what: String,
    command: Command,
}

impl Synor {
    /// With an API key, as an account's owner would have it.
    pub fn key(mut self, key: &str) -> Self {
        self.command.env("SYNOR_API_KEY", key);
        self
    }

    /// About an account, as the operator would say it.
    pub fn account(mut self, account: &str) -> Self {
        self.command.env("SYNOR_ACCOUNT", account);
        self
    }

    pub fn passphrase(mut self, passphrase: &str) -> Self {
        self.command.env("SYNOR_WALLET_PASSPHRASE", passphrase);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.what = format!("{} {}", self.what, argument.as_ref().display());
        self.command.arg(argument);
        self
    }

    /// Starts it, to be looked after by the caller.
    pub fn spawn(mut self) -> Child {
        let piped = self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        piped.spawn().unwrap()
    }

    /// Starts it, to be fed and looked after by the caller.
    pub fn spawn_fed(mut self) -> Child {
        self.command.stdin(Stdio::piped());
        self.spawn()
    }

    /// Runs it to its end on this input.
    pub fn fed(self, input: &str) -> Ran {
        let what = self.what.clone();
        let mut child = self.spawn_fed();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        Ran::new(what, child.wait_with_output().unwrap())
    }

    /// Runs it to its end.
    pub fn run(self) -> Ran {
        let what = self.what.clone();
        let output = self.spawn().wait_with_output().unwrap();
        Ran::new(what, output)
    }

    /// Runs it and wants success; what it printed.
    pub fn ok(self) -> String {
        let ran = self.run();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout
    }

    /// Runs it and wants success; what it printed as JSON.
    pub fn json(self) -> Value {
        let printed = self.arg("--format").arg("json").ok();
        serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{e}: {printed}"))
    }

    /// Runs it and wants success; the rows of what it printed as CSV.
    pub fn csv(self) -> Vec<std::collections::BTreeMap<String, String>> {
        super::csv_rows(&self.arg("--format").arg("csv").ok())
    }

    /// Runs it and wants it refused as one should be: exit code 2, nothing on stdout, and on
    /// stderr one line that names all of these and at most one that helps.
    pub fn refused(self, naming: &[&str]) -> Ran {
        let ran = self.run();
        ran.assert_refused(naming);
        ran
    }
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    #[expect(dead_code, reason = "shown where a test fails")]
    what: String,
    /// The exit code; none if it was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn new(what: String, output: Output) -> Self {
        Self {
            what,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn assert_refused(&self, naming: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let mut lines = self.stderr.lines();
        let error = lines.next().unwrap_or_default();
        assert!(error.starts_with("error: "), "{self:?}");
        for name in naming {
            assert!(error.contains(name), "no `{name}` in {self:?}");
        }
        if let Some(help) = lines.next() {
            assert!(help.starts_with("help: "), "{self:?}");
        }
        assert_eq!(lines.next(), None, "{self:?}");
    }
}

/// A running server of a folder. It is killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    /// Makes its sender an admin.
    pub secret: String,
    /// The key that the folder's first start prints; it lasts across restarts.
    pub admin_key: Option<String>,
}

impl Server {
    /// Starts one and waits until it listens.
    pub fn start(folder: &Folder) -> Self {
        Self::start_at(folder, "127.0.0.1:0")
    }

    /// Starts one that logs everything as JSON into a file, with this passphrase for its wallet.
    pub fn start_logging(folder: &Folder, log: &Path, passphrase: &str) -> Self {
        let mut serve = folder.type_in("serve --listen 127.0.0.1:0 --log-format json");
        serve.command.env("RUST_LOG", "trace");
        serve.command.env("SYNOR_BILLING_PASSPHRASE", passphrase);
        serve.command.stderr(std::fs::File::create(log).unwrap());
        Self::started(
            folder,
            serve.command.stdout(Stdio::piped()).spawn().unwrap(),
        )
    }

    /// Starts one at an address, where one may have been before.
    pub fn start_at(folder: &Folder, address: &str) -> Self {
        Self::started(folder, Self::spawn(folder, address))
    }

    fn started(folder: &Folder, mut child: Child) -> Self {
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut admin_key = None;
        let url = printed
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| {
                if let Some(key) = line.strip_prefix("admin key (shown this once): ") {
                    admin_key = Some(key.to_owned());
                }
                let (_, url) = line.strip_prefix("serving ")?.rsplit_once(" at ")?;
                Some(url.to_owned())
            })
            .expect("the server says where it is");
        std::thread::spawn(move || printed.for_each(drop));
        let published = std::fs::read_to_string(folder.data().join("server.json")).unwrap();
        let published: Value = serde_json::from_str(&published).unwrap();
        assert_eq!(published["url"], url);
        Self {
            child,
            url,
            secret: super::text(&published["secret"]).to_owned(),
            admin_key,
        }
    }

    /// Starts one, to be looked after by the caller.
    pub fn spawn(folder: &Folder, address: &str) -> Child {
        let mut serve = folder.synor(&["serve", "--listen", address]);
        serve.command.env("RUST_LOG", "warn");
        serve.command.stdout(Stdio::piped()).spawn().unwrap()
    }

    pub fn api(&self) -> Api {
        Api::new(&self.url)
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) {
        terminate(&mut self.child);
    }

    /// Asks it to stop, and does not wait.
    pub fn ask_to_stop(&self) {
        ask_to_stop(&self.child);
    }

    /// Waits until it has ended.
    pub fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// `kill -9`.
    pub fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` or `kill` there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running worker of a folder. It is killed when dropped.
pub struct Worker(Child);

impl Worker {
    /// Starts one and waits until it has the folder.
    pub fn start(folder: &Folder) -> Self {
        let mut worker = folder.type_in("worker");
        worker.command.env("RUST_LOG", "warn");
        let mut child = worker.command.stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = printed.next().expect("it says what it does").unwrap();
        assert!(first.starts_with("counting "), "{first}");
        std::thread::spawn(move || printed.for_each(drop));
        Self(child)
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) {
        terminate(&mut self.0);
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        assert_eq!(self.0.wait().unwrap().signal(), Some(9));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask_to_stop(child: &Child) {
    let id = child.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(asked.success());
}

fn terminate(child: &mut Child) {
    ask_to_stop(child);
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}

/// Looks until something holds.
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < SOON, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
