//! A throwaway PostgreSQL cluster in a temporary folder.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The folder of the server's programs: on the path, or where distributions put them.
fn programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

/// A running cluster. It is stopped and removed when dropped.
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    /// The server refuses to run as root; this is whom it then runs as.
    as_nobody: bool,
}

impl Cluster {
    /// Starts one in the folder, with settings `name=value` between spaces. None if PostgreSQL is
    /// not installed, which is said.
    pub fn start(folder: TempDir, settings: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            println!(
                "PostgreSQL: skipped, it is not installed (Debian: apt-get install postgresql)"
            );
            return None;
        };
        let as_nobody = fs::metadata(&folder).unwrap().uid() == 0;
        if as_nobody {
            let id = |flag| {
                let id = Command::new("id").args([flag, "nobody"]).output().unwrap();
                String::from_utf8(id.stdout).unwrap().trim().parse().ok()
            };
            chown(folder.path(), id("-u"), id("-g")).unwrap();
        }
        let cluster = Self {
            programs,
            folder,
            as_nobody,
        };
        let data = cluster.file("data");
        cluster.run("initdb", &["-D", &data, "-U", "bench", "-A", "trust", "-N"]);
        let log = cluster.file("log");
        let mut options = format!("-k {} -c listen_addresses=''", cluster.socket());
        for setting in settings.split_whitespace() {
            options.push_str(" -c ");
            options.push_str(setting);
        }
        cluster.run(
            "pg_ctl",
            &["-D", &data, "-l", &log, "-w", "-o", &options, "start"],
        );
        println!("PostgreSQL: {}", cluster.psql("SELECT version()").trim());
        Some(cluster)
    }

    /// The folder of the socket on which it listens, for its user `bench`.
    pub fn socket(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.socket())
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let path = self.programs.join(program);
        let mut command = if self.as_nobody {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
            command.arg(path);
            command
        } else {
            Command::new(path)
        };
        let status = command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{program} failed");
    }

    /// Runs a script and returns what it prints.
    pub fn psql(&self, script: &str) -> String {
        let mut psql = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", self.socket()])
            .args(["-U", "bench", "-d", "postgres"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = psql.stdin.take().unwrap();
        let script = format!("{script};\n");
        // Written beside, because what is printed must be read meanwhile.
        let writing = std::thread::spawn(move || input.write_all(script.as_bytes()).unwrap());
        let output = psql.wait_with_output().unwrap();
        writing.join().unwrap();
        assert!(output.status.success(), "psql failed");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.file("data");
        self.run("pg_ctl", &["-D", &data, "-m", "fast", "stop"]);
    }
}
