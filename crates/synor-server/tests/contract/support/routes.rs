//! The routes as they are written in the source: the router itself cannot be asked.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::document::METHODS;

const API: &str = "/api/v1";
/// What answers with pages and forms for people, which the document does not describe.
const PAGES: [&str; 2] = ["session.rs", "web"];

/// Every `(method, path)` that the source routes.
pub fn routes() -> BTreeSet<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = fs::read_to_string(src.join("lib.rs")).expect("src/lib.rs");
    // In lib.rs, `api` is what comes before the router that nests it.
    let (api, outer) = root
        .split_once(&format!(".nest(\"{API}\", api)"))
        .expect("lib.rs nests the API");
    let mut found = routes_in(api, API);
    found.extend(routes_in(outer, ""));
    let mut read = calls(&root, ".route(").len();
    for (prefix, module, function) in nested(api, API) {
        let file = [format!("{module}/mod.rs"), format!("{module}.rs")]
            .into_iter()
            .find_map(|file| fs::read_to_string(src.join(file)).ok());
        let file = file.unwrap_or_else(|| panic!("there is no module {module}"));
        let body = file.split_once(&format!("fn {function}("));
        let body = body.and_then(|(_, rest)| rest.split_once("\n}\n"));
        let (body, _) = body.unwrap_or_else(|| panic!("{module} has no function {function}"));
        read += calls(body, ".route(").len();
        found.extend(routes_in(body, &prefix));
    }
    assert_eq!(
        read,
        count_routes(&src),
        "some file routes without being nested by lib.rs"
    );
    found
}

/// Every router that is nested, however deep: its prefix, its module, and the function that makes it.
fn nested<'s>(source: &'s str, prefix: &str) -> Vec<(String, &'s str, &'s str)> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(call) = calls(rest, ".nest(").first() {
        let (path, router) = literal(call);
        let prefix = format!("{prefix}{path}");
        let name = router.trim_start_matches([',', ' ', '\n']);
        let name = name.split('(').next().unwrap_or_default();
        let (module, function) = name.split_once("::").expect("a module's function");
        found.push((prefix.clone(), module, function));
        found.extend(nested(router, &prefix));
        rest = &rest[rest.find(call).unwrap_or_default() + call.len()..];
    }
    found
}

fn count_routes(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        if PAGES.iter().any(|page| path.ends_with(page)) {
            continue;
        }
        if path.is_dir() {
            count += count_routes(&path);
        } else {
            count += calls(&fs::read_to_string(&path).expect("a source"), ".route(").len();
        }
    }
    count
}

fn routes_in(source: &str, prefix: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for call in calls(source, ".route(") {
        let (path, handlers) = literal(call);
        for method in METHODS {
            if handlers.contains(&format!("{method}(")) {
                found.insert((method.to_owned(), format!("{prefix}{path}")));
            }
        }
    }
    found
}

/// The arguments of every call that starts so, up to its closing parenthesis.
fn calls<'s>(source: &'s str, start: &str) -> Vec<&'s str> {
    let arguments = source.match_indices(start).map(|(at, _)| {
        let rest = &source[at + start.len()..];
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        &rest[..end.expect("a closing parenthesis")]
    });
    arguments.collect()
}

/// A text in quotes, and what comes after it.
fn literal(arguments: &str) -> (&str, &str) {
    let mut parts = arguments.splitn(3, '"').skip(1);
    match (parts.next(), parts.next()) {
        (Some(literal), Some(rest)) => (literal, rest),
        _ => panic!("`{arguments}` does not start with a text in quotes"),
    }
}
