//! A plain append to a Redis stream, synced before it is acknowledged (`appendfsync always`). It
//! neither finds duplicates nor sums. Commands are written beforehand and sent many at a time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::report::{ROUNDS, Report};
use super::{Options, load};

const EVENTS: u64 = 500_000;
const BATCH: u64 = 10_000;
const CONNECTIONS: usize = 2;

/// Rounds on one stream that grows.
pub fn measure(options: &Options, report: &mut Report) {
    let folder = options.folder();
    let Some(_server) = Server::start(folder.path()) else {
        println!("Redis: skipped, it is not installed (Debian: apt-get install redis-server)");
        return;
    };
    let batches = load::cut(0..EVENTS, BATCH, |batch| {
        let mut commands = Vec::new();
        batch.for_each(|number| xadd(number, &mut commands));
        commands
    });
    let round = || {
        let shares = batches.chunks(batches.len().div_ceil(CONNECTIONS));
        let started = Instant::now();
        std::thread::scope(|scope| {
            for share in shares {
                scope.spawn(|| send(&folder.path().join("socket"), share));
            }
        });
        started.elapsed()
    };
    let rounds = (0..=ROUNDS).map(|_| round()).skip(1).collect();
    let what = format!("Redis XADD, no dedup, no sums; {BATCH} at once");
    report.add(what, EVENTS, rounds);
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

fn send(socket: &Path, batches: &[Vec<u8>]) {
    let mut connection = UnixStream::connect(socket).unwrap();
    let answers = connection.try_clone().unwrap();
    let count = batches.len() as u64 * BATCH;
    // Read beside, because the server stops reading while its answers are not read.
    let reading = std::thread::spawn(move || {
        let mut answers = BufReader::with_capacity(1 << 20, answers);
        let mut line = String::new();
        for _ in 0..count {
            // A length, and the id that the entry was given.
            line.clear();
            answers.read_line(&mut line).unwrap();
            assert!(line.starts_with('$'), "{line}");
            answers.read_line(&mut line).unwrap();
        }
    });
    for batch in batches {
        connection.write_all(batch).unwrap();
    }
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
