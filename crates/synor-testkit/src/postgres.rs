//! A throwaway PostgreSQL for tests: the one that `SYNOR_TEST_POSTGRES` names, or else a cluster of
//! its own, on a Unix socket in a temporary folder, with nothing turned off that makes it durable.
//!
//! The cluster is shared by all tests of a run, be they threads of one process or, under
//! `cargo nextest`, processes of their own; each test takes a [schema](fresh_schema) of its own. A
//! shell keeps watch and removes the cluster when the run is over, however it ended.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Names a database to use instead: a connection string of a user who may create schemas.
pub const VARIABLE: &str = "SYNOR_TEST_POSTGRES";

/// What to do when there is no PostgreSQL.
const HOW_TO_GET_IT: &str = "no PostgreSQL was found in PATH or /usr/lib/postgresql/*/bin: install \
    it (Debian: apt-get install postgresql), or name a database for tests in SYNOR_TEST_POSTGRES, \
    such as postgres://user:password@localhost/test";

/// The user as whom PostgreSQL runs if the tests run as root, which it refuses.
const NOBODY: u32 = 65_534;

/// The connection string of a database for tests.
///
/// # Panics
/// If there is none and none can be started, saying why.
pub fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| match std::env::var(VARIABLE) {
        Ok(url) if !url.is_empty() => url,
        _ => match shared_cluster() {
            Ok(url) => url,
            Err(error) => panic!("PostgreSQL for tests: {error}"),
        },
    })
}

/// The name of a schema that nobody has used before.
pub fn fresh_schema() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since_1970.map_or(0, |time| time.as_nanos());
    format!("test_{}_{number}_{nanos}", std::process::id())
}

/// The cluster of this run: started by the first who asks.
fn shared_cluster() -> io::Result<String> {
    // Under nextest the processes of one run have a parent in common.
    let (run, owner) = match std::env::var("NEXTEST_RUN_ID") {
        Ok(run) => (run, parent_id()),
        Err(_) => (std::process::id().to_string(), std::process::id()),
    };
    // Short, because the path of a socket may have no more than 107 bytes.
    let folder = std::env::temp_dir().join(format!("synor-pg-{run}"));
    let mut note = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(folder.with_extension("url"))?;
    note.lock()?;
    let mut url = String::new();
    note.read_to_string(&mut url)?;
    if url.is_empty() {
        url = start(&folder)?;
        watch(&folder, owner)?;
        note.write_all(url.as_bytes())?;
    }
    Ok(url)
}

/// Makes a cluster in the folder and starts it.
fn start(folder: &Path) -> io::Result<String> {
    let programs = programs().ok_or_else(|| io::Error::other(HOW_TO_GET_IT))?;
    fs::create_dir(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    if is_root(folder)? {
        chown(folder, Some(NOBODY), Some(NOBODY))?;
    }
    let data = folder.join("data");
    let mut initdb = as_owner(folder, &programs.join("initdb"))?;
    initdb.arg("--pgdata").arg(&data);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
    // The files of a new cluster need not outlive the power; what tests write later does.
    initdb.args(["--no-locale", "--no-sync"]);
    run(initdb)?;
    let options = format!(
        "-c listen_addresses= -c unix_socket_directories={} -c max_connections=400",
        folder.display()
    );
    let mut start = as_owner(folder, &programs.join("pg_ctl"))?;
    start.arg("--pgdata").arg(&data);
    start.arg("--log").arg(folder.join("log"));
    start.args(["--wait", "--timeout=60", "--options"]);
    start.arg(options).arg("start");
    run(start)?;
    Ok(format!(
        "host={} user=postgres dbname=postgres",
        folder.display()
    ))
}

/// Leaves a shell behind that removes the cluster once the owner of the run has ended.
fn watch(folder: &Path, owner: u32) -> io::Result<()> {
    const SCRIPT: &str = r#"
        while kill -0 "$2" 2>/dev/null; do sleep 0.5; done
        kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
        sleep 1
        rm -rf "$1" "$1.url""#;
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(folder)
        .arg(owner.to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Not stopped together with the test that happened to be the first.
        .process_group(0)
        .spawn()
        .map(|_| ())
}

/// A program run by the user whom the folder belongs to.
fn as_owner(folder: &Path, program: &Path) -> io::Result<Command> {
    let mut command = if is_root(Path::new("/proc/self"))? {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).env("HOME", folder);
    Ok(command)
}

/// Whether the file is root's, as those are that root creates.
fn is_root(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.uid() == 0)
}

/// Runs a program to its end. Its output goes to no pipe, which a server that it starts would hold
/// open.
fn run(mut command: Command) -> io::Result<()> {
    let output = command
        .get_current_dir()
        .map(|folder| folder.join("output"));
    let output = output.ok_or_else(|| io::Error::other("a program without a folder"))?;
    let file = File::create(&output)?;
    command.stdin(Stdio::null());
    command.stdout(file.try_clone()?).stderr(file);
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(&output).unwrap_or_default();
    Err(io::Error::other(format!("{command:?}: {status}: {said}")))
}

/// The folder of the newest PostgreSQL.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path()).collect();
    let number = |path: &PathBuf| -> Option<u32> { path.file_name()?.to_str()?.parse().ok() };
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    folders.extend(versions.into_iter().map(|version| version.join("bin")));
    let is_whole = |folder: &PathBuf| {
        let programs = ["initdb", "pg_ctl"];
        programs.iter().all(|name| folder.join(name).is_file())
    };
    folders.into_iter().find(is_whole)
}
