//! A plain append to a Redis stream, synced before it is acknowledged (`appendfsync always`). It
//! neither finds duplicates nor sums. Commands are written beforehand and sent without waiting for answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::report::{ROUNDS, Report};
use super::{Options, load};

const EVENTS: u64 = 500_000;
/// Redis reads 16 kB of a connection before it syncs, so that a sync is shared by few events unless
/// there are many connections.
const CONNECTIONS: u64 = 64;
const SHARE: u64 = EVENTS / CONNECTIONS;

/// Rounds on one stream that grows.
pub fn measure(options: &Options, report: &mut Report) {
    let folder = options.folder();
    let Some(_server) = Server::start(folder.path()) else {
        println!("Redis: skipped, it is not installed (Debian: apt-get install redis-server)");
        return;
    };
    let shares = load::cut(0..SHARE * CONNECTIONS, SHARE, |share| {
        let mut commands = Vec::new();
        share.for_each(|number| xadd(number, &mut commands));
        commands
    });
    let round = || {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for share in &shares {
                scope.spawn(|| send(&folder.path().join("socket"), share));
            }
        });
        started.elapsed()
    };
    let rounds = (0..=ROUNDS).map(|_| round()).skip(1).collect();
    let what = format!("Redis XADD, no dedup, no sums; {CONNECTIONS} pipelines");
    report.add(what, SHARE * CONNECTIONS, rounds);
}

fn xadd(number: u64, into: &mut Vec<u8>) {
    let mut event = Vec::new();
    load::line(number, &mut event);
    let length = event.len();
    into.extend_from_slice(b"*5\r\n$4\r\nXADD\r\n$5\r\nusage\r\n$1\r\n*\r\n$1\r\ne\r\n");
    write!(into, "${length}\r\n").unwrap();
    into.extend_from_slice(&event);
    into.extend_from_slice(b"\r\n");
}

fn send(socket: &Path, commands: &[u8]) {
    let mut connection = UnixStream::connect(socket).unwrap();
    let answers = connection.try_clone().unwrap();
    // Read beside, because the server stops reading while its answers are not read.
    let reading = std::thread::spawn(move || {
        let mut answers = BufReader::new(answers);
        let mut line = String::new();
        for _ in 0..SHARE {
            // A length, and the id that the entry was given.
            line.clear();
            answers.read_line(&mut line).unwrap();
            assert!(line.starts_with('$'), "{line}");
            answers.read_line(&mut line).unwrap();
        }
    });
    connection.write_all(commands).unwrap();
    reading.join().unwrap();
}

struct Server(Child);

impl Server {
    fn start(folder: &Path) -> Option<Self> {
        let socket = folder.join("socket");
        let server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(&socket)
            .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn();
        let server = Self(server.ok()?);
        let started = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "Redis starts");
            sleep(Duration::from_millis(20));
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its data is removed with the folder.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
