//! Measures metering, rating and billing and prints what it finds. Nothing here decides anything: a slow
//! machine fails no build.
//!
//! ```text
//! synor-bench book [--secs 4] [--only sqlite,postgres,usual] [--folder DIR]
//! synor-bench ingest [--events 10000000] [--stored 10000000] [--only PART,PART] [--folder DIR]
//! synor-bench rating [--accounts 100000] [--bills 4000,20000,100000] [--only pure|sql|run]
//! ```
#![allow(clippy::unwrap_used, reason = "a measurement that fails panics")]

mod bill_run;
mod book;
mod cluster;
mod ingest;
mod machine;
mod rating;
mod sample;
mod sql;

use std::path::Path;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
synor-bench book [--secs 4] [--only sqlite,postgres,usual] [--folder DIR]
synor-bench ingest [--events 10000000] [--stored 10000000] [--only PART,PART] [--folder DIR]
    parts: floor, library, http, postgres, sqlite, redis, stored
synor-bench rating [--accounts 100000] [--bills 4000,20000,100000] [--only pure|sql|run]";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["book", options @ ..] => book::measure(&book::Options::read(options)),
        ["ingest", options @ ..] => ingest::measure(&ingest::Options::read(options)),
        // Its steps in processes of their own.
        ["ingest-fill", folder, stored] => {
            ingest::fill(Path::new(folder), stored.parse().unwrap());
        }
        ["ingest-reopen", folder] => ingest::reopen(Path::new(folder)),
        ["rating", options @ ..] => rate(&Options::read(options)),
        // The steps of a bill run, each in a process of its own so that its memory is its own.
        ["fill", folder, accounts] => bill_run::fill(Path::new(folder), accounts.parse().unwrap()),
        ["close", folder] => bill_run::close(Path::new(folder)),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}

struct Options {
    /// Accounts that are rated.
    accounts: usize,
    /// Accounts that are billed, in one run after another.
    bills: Vec<usize>,
    /// One part of the whole.
    only: Option<String>,
}

impl Options {
    fn read(words: &[&str]) -> Self {
        let mut options = Self {
            accounts: 100_000,
            bills: vec![4_000, 20_000, 100_000],
            only: None,
        };
        for pair in words.chunks(2) {
            match pair {
                ["--accounts", number] => options.accounts = number.parse().unwrap(),
                ["--bills", numbers] => {
                    options.bills = numbers.split(',').map(|n| n.parse().unwrap()).collect();
                }
                ["--only", part] => options.only = Some((*part).to_owned()),
                other => panic!("{other:?} is not an option"),
            }
        }
        options
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == part)
    }
}

fn rate(options: &Options) {
    println!("{}", machine::describe());
    if options.wants("pure") || options.wants("sql") {
        let usage = sample::usage(options.accounts);
        let rated = rating::measure(&usage);
        if options.wants("sql") {
            sql::compare(&usage, &rated);
        }
    }
    if options.wants("run") {
        bill_run::measure(&options.bills);
    }
}
