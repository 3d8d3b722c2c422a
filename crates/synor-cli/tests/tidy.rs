//! Rules that matter, held by reading the workspace: which crate may know which, that the domain
//! does no I/O, that files stay short, and that what the documents point at is there.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What each crate may depend on.
const ARROWS: [(&str, &[&str]); 14] = [
    ("economics", &[]),
    ("usage", &["economics"]),
    ("streams", &["economics", "usage"]),
    ("store", &["economics"]),
    ("chain", &["economics"]),
    // For services elsewhere: it knows the API and nothing behind it.
    ("client", &[]),
    ("feeds", &["economics", "chain"]),
    ("notify", &["economics", "engine"]),
    ("engine", &["economics", "usage", "store", "chain", "feeds"]),
    // Chain, store and usage for the shapes on the wire; of streams, the seams and no broker.
    (
        "server",
        &[
            "notify",
            "engine",
            "economics",
            "chain",
            "store",
            "usage",
            "streams",
        ],
    ),
    (
        "cli",
        &[
            "economics",
            "usage",
            "streams",
            "store",
            "chain",
            "client",
            "feeds",
            "engine",
            "notify",
            "server",
            "sim",
        ],
    ),
    (
        "sim",
        &["economics", "usage", "store", "chain", "feeds", "engine"],
    ),
    // Only tests depend on it, which may depend on anything.
    ("testkit", &[]),
    // It measures everything and nothing depends on it.
    (
        "bench",
        &[
            "economics",
            "usage",
            "store",
            "chain",
            "feeds",
            "engine",
            "server",
        ],
    ),
];

/// What the domain may depend on: nothing that does I/O.
const DOMAIN_DEPENDS_ON: [&str; 10] = [
    "blake3",
    "jiff",
    "num-rational",
    "num-traits",
    // Integers of 512 bits, which pools keep their prices in.
    "ruint",
    "serde",
    "serde_json",
    "thiserror",
    "toml",
    "uuid",
];

/// What the domain's sources must not say.
const DOMAIN_NEVER_SAYS: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::time",
    "SystemTime",
    "Instant",
    "async fn",
    ".await",
];

const FILE_LINES_MAX: usize = 600;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Each crate's short name and manifest.
fn crates() -> BTreeMap<String, toml::Table> {
    let folders = std::fs::read_dir(workspace().join("crates")).unwrap();
    let manifests = folders.filter_map(|folder| {
        let text = std::fs::read_to_string(folder.unwrap().path().join("Cargo.toml")).ok()?;
        let manifest: toml::Table = text.parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap();
        let short = name.strip_prefix("synor-").unwrap_or(name).to_owned();
        Some((short, manifest))
    });
    manifests.collect()
}

/// The names of a manifest's normal dependencies, on all platforms.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut tables = vec![manifest.get("dependencies")];
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    for target in targets.into_iter().flat_map(toml::Table::values) {
        tables.push(target.get("dependencies"));
    }
    let tables = tables
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table);
    let names = tables.flat_map(|table| {
        table.iter().map(|(name, value)| {
            let renamed = value.get("package").and_then(toml::Value::as_str);
            renamed.unwrap_or(name).to_owned()
        })
    });
    names.collect()
}

/// All files under a folder with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A path as it is told, from the workspace on.
fn told(path: &Path) -> String {
    let path = path.strip_prefix(workspace()).unwrap_or(path);
    path.display().to_string()
}

#[test]
fn crates_know_only_whom_they_may() {
    let mut wrong = Vec::new();
    let arrows = BTreeMap::from(ARROWS);
    for (name, manifest) in crates() {
        let Some(may) = arrows.get(name.as_str()) else {
            wrong.push(format!("{name} is not in the table of arrows"));
            continue;
        };
        for dependency in dependencies(&manifest) {
            let Some(ours) = dependency.strip_prefix("synor-") else {
                continue;
            };
            if !may.contains(&ours) {
                wrong.push(format!("{name} may not depend on {ours}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_domain_does_no_io() {
    let manifest = &crates()["economics"];
    let allowed = BTreeSet::from(DOMAIN_DEPENDS_ON.map(str::to_owned));
    let more: Vec<_> = dependencies(manifest)
        .difference(&allowed)
        .cloned()
        .collect();
    assert!(more.is_empty(), "the domain may not depend on {more:?}");
    let mut wrong = Vec::new();
    let sources = files(&workspace().join("crates/synor-economics/src"), "rs");
    assert!(sources.len() > 20, "{}", sources.len());
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            for never in DOMAIN_NEVER_SAYS
                .iter()
                .filter(|never| line.contains(*never))
            {
                wrong.push(format!("{}:{number}: {never}", told(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whoever went around the one door would change something that nobody is told of.
#[test]
fn the_engine_commits_what_customers_are_told_of_through_the_outbox() {
    // These write nothing that anybody is told of, or the outbox itself.
    let apart = ["/notify/", "/oracle/", "/nodes.rs", "/answer_once.rs"];
    let mut wrong = Vec::new();
    for path in files(&workspace().join("crates/synor-engine/src"), "rs") {
        let name = told(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("store.commit(") && !apart.iter().any(|part| name.contains(part)) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?} commit around the outbox");
}

#[test]
fn no_source_file_is_long() {
    let mut long = Vec::new();
    for folder in std::fs::read_dir(workspace().join("crates")).unwrap() {
        for path in files(&folder.unwrap().path().join("src"), "rs") {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            if lines > FILE_LINES_MAX {
                long.push(format!("{}: {lines} lines", told(&path)));
            }
        }
    }
    assert!(long.is_empty(), "above {FILE_LINES_MAX}: {long:#?}");
}

/// Where a Markdown text's links lead, without those in code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code || line.starts_with("    ") {
            continue;
        }
        for part in line.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                let target = target.split_whitespace().next().unwrap_or_default();
                found.push(target.to_owned());
            }
        }
        if let Some((name, target)) = line.split_once("]: ")
            && name.starts_with('[')
        {
            found.push(target.trim().to_owned());
        }
    }
    found
}

#[test]
fn what_the_documents_link_to_is_there() {
    let root = workspace();
    let mut documents = files(&root.join("docs"), "md");
    for entry in std::fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    assert!(!documents.is_empty());
    let mut missing = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            if link.contains("://") || link.starts_with('#') || link.starts_with("mailto:") {
                continue;
            }
            let file = link.split('#').next().unwrap();
            if !document.parent().unwrap().join(file).exists() {
                missing.push(format!("{}: {link}", told(&document)));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
