//! The public Python SDK of OpenMeter reports usage to the real server.

use std::path::Path;
use std::process::Command;

use crate::common::{Folder, MONTH, Server};

const METERS: &str = "[meters.api-calls]\ntype = 'request'\nresource = 'network.requests'\n\
                      quantity = 1\ndimensions = { region = '$.region' }\n";

/// `OPENMETER_PYTHON` names a Python that has the SDK; else it is that of `target/openmeter`, which
/// `.ci/run` makes.
#[test]
fn the_python_sdk_reports_usage() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = match std::env::var_os("OPENMETER_PYTHON") {
        Some(python) => python.into(),
        None => root.join("../../target/openmeter/bin/python"),
    };
    let folder = Folder::new();
    folder.configure(METERS);
    let server = Server::start(&folder);
    folder.open_account("acme");
    let mut script = Command::new(&python);
    script.arg(root.join("tests/openmeter/ingest.py"));
    let output = script.args([&server.url, &server.secret]).output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{}: {error}; see .ci/run for how it is made",
            python.display()
        )
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok");
    // Two requests and one event of a resource, each once, and the good one beside the bad one.
    let usage = folder.usage("acme", MONTH).to_string();
    assert!(usage.contains("1500000000"), "{usage}");
    assert!(usage.contains("network.requests"), "{usage}");
}
