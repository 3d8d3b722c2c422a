//! Lines of standard input as usage: JSON, CSV or plain words.

use std::io::{BufRead, stdin};

use clap::ValueEnum;
use serde_json::{Map, Value, json};
use synor_client::Usage;
use synor_economics::metering::RawEvent;
use synor_usage::import::event_from_line;
use tokio::sync::mpsc;

/// Lines that may wait between standard input and the client.
const WAITING: usize = 1_024;
/// What an event gets where a line does not say it, and the client then makes.
const LEFT_OUT: &str = "\u{1}";

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lines {
    /// JSON objects, flat or CloudEvents.
    Ndjson,
    /// CSV, the first line naming the fields.
    Csv,
    /// `account service.resource quantity [unit] [name=value …]`.
    Words,
}

/// A line, and what it says or why it says nothing.
#[derive(Debug)]
pub struct Line {
    /// Its number, from 1; of a CSV record, that of its first line.
    pub number: u64,
    /// What was used.
    pub usage: Result<Box<Usage>, String>,
}

/// The lines of standard input that are not blank, as they come.
pub fn lines(kind: Option<Lines>) -> mpsc::Receiver<Line> {
    let (send, lines) = mpsc::channel(WAITING);
    // It may wait for ever for a line, so it is a thread that nothing waits for.
    std::thread::spawn(move || {
        read(kind, &mut stdin().lock(), &|line| {
            send.blocking_send(line).is_ok()
        })
    });
    lines
}

/// Hands on every line, until nobody wants more.
fn read(kind: Option<Lines>, input: &mut dyn BufRead, hand_on: &dyn Fn(Line) -> bool) {
    let mut kind = kind;
    let mut header: Option<csv::StringRecord> = None;
    let mut number = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => number += 1,
            Err(error) => {
                let usage = Err(format!("standard input cannot be read: {error}"));
                hand_on(Line { number, usage });
                return;
            }
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        let usage = match *kind.get_or_insert_with(|| detect(text)) {
            Lines::Ndjson => json_line(text),
            Lines::Words => words(text),
            Lines::Csv => match (&header, record(text)) {
                (_, Err(reason)) => Err(reason),
                (None, Ok(names)) => {
                    header = Some(names);
                    continue;
                }
                (Some(header), Ok(fields)) => csv_line(header, &fields),
            },
        };
        let usage = usage.map(Box::new);
        if !hand_on(Line { number, usage }) {
            return;
        }
    }
}

fn detect(first: &str) -> Lines {
    if first.starts_with('{') {
        Lines::Ndjson
    } else if first.split(',').any(|name| name.trim() == "quantity") {
        Lines::Csv
    } else {
        Lines::Words
    }
}

/// Reads an object as an import does, but for what the client adds.
fn json_line(text: &str) -> Result<Usage, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value {
        Value::Object(object) if object.contains_key("specversion") => event(text),
        Value::Object(object) => flat(object, text),
        _ => Err("is not a JSON object".to_owned()),
    }
}

fn flat(mut object: Map<String, Value>, text: &str) -> Result<Usage, String> {
    let is_whole = ["time", "source", "id"]
        .iter()
        .all(|name| object.contains_key(*name));
    if is_whole {
        return event(text);
    }
    for name in ["source", "id"] {
        object.entry(name).or_insert_with(|| json!(LEFT_OUT));
    }
    object.entry("time").or_insert_with(|| json!(LEFT_OUT));
    event(&Value::Object(object).to_string())
}

fn event(text: &str) -> Result<Usage, String> {
    event_from_line(text)
        .map(usage)
        .map_err(|error| error.to_string())
}

fn usage(raw: RawEvent) -> Usage {
    let said = |text: String| Some(text).filter(|text| text != LEFT_OUT);
    Usage {
        account: raw.account,
        resource: format!("{}.{}", raw.service, raw.resource),
        quantity: raw.quantity,
        unit: raw.unit,
        time: said(raw.time),
        provider: raw.provider,
        dimensions: raw.dimensions,
        correction: raw.correction,
        id: said(raw.id),
        source: said(raw.source),
    }
}

/// `acme network.egress 1.5 GB region=eu provider=op-1`
fn words(text: &str) -> Result<Usage, String> {
    let mut words = text.split_whitespace().peekable();
    let (Some(account), Some(resource), Some(quantity)) =
        (words.next(), words.next(), words.next())
    else {
        return Err("is not `account service.resource quantity [unit] [name=value …]`".to_owned());
    };
    let unit = words.next_if(|word| !word.contains('='));
    let mut usage = Usage::new(account, resource, quantity, unit.unwrap_or_default());
    usage.unit = unit.map(str::to_owned);
    for word in words {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("`{word}` is not of the form name=value"))?;
        let value = value.to_owned();
        match name {
            "time" => usage.time = Some(value),
            "provider" => usage.provider = Some(value),
            "source" => usage.source = Some(value),
            "id" => usage.id = Some(value),
            dimension => usage = usage.dimension(dimension, value),
        }
    }
    Ok(usage)
}

fn record(text: &str) -> Result<csv::StringRecord, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let record = reader.records().next();
    record
        .unwrap_or_else(|| Ok(csv::StringRecord::new()))
        .map_err(|error| error.to_string())
}

fn csv_line(header: &csv::StringRecord, fields: &csv::StringRecord) -> Result<Usage, String> {
    if header.len() != fields.len() {
        return Err(format!(
            "has {} fields, and the header {}",
            fields.len(),
            header.len()
        ));
    }
    let mut object = Map::new();
    let mut dimensions = Map::new();
    for (name, field) in header
        .iter()
        .zip(fields)
        .filter(|(_, field)| !field.is_empty())
    {
        match (name, name.strip_prefix("dimension.")) {
            (_, Some(dimension)) => dimensions.insert(dimension.to_owned(), json!(field)),
            ("correction", _) => object.insert(name.to_owned(), json!(field == "true")),
            _ => object.insert(name.to_owned(), json!(field)),
        };
    }
    object.insert("dimensions".to_owned(), Value::Object(dimensions));
    let text = Value::Object(object.clone()).to_string();
    flat(object, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// What lines say: number, then the event in short or the reason.
    fn check(input: &str, expected: &[&str]) {
        let found = RefCell::new(Vec::new());
        read(None, &mut input.as_bytes(), &|line| {
            let said = match line.usage {
                Ok(u) => {
                    let of = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                    let dimensions: Vec<_> = u.dimensions.iter().collect();
                    format!(
                        "{} {} {} {} {} {} {dimensions:?}",
                        u.account,
                        u.resource,
                        u.quantity,
                        of(&u.unit),
                        of(&u.id),
                        of(&u.time)
                    )
                }
                Err(reason) => format!("! {reason}"),
            };
            found.borrow_mut().push(format!("{} {said}", line.number));
            true
        });
        assert_eq!(found.into_inner(), expected);
    }

    #[test]
    fn lines_are_read_in_every_form() {
        check(
            "\nacme network.egress 1.5 GB region=eu id=7\nacme storage.deal 2\nacme\n",
            &[
                r#"2 acme network.egress 1.5 GB 7 - [("region", "eu")]"#,
                "3 acme storage.deal 2 - - - []",
                "4 ! is not `account service.resource quantity [unit] [name=value …]`",
            ],
        );
        check(
            "account,service,resource,quantity,unit,dimension.region\na,network,egress,5,GB,\"e,u\"\na,b\n",
            &[
                r#"2 a network.egress 5 GB - - [("region", "e,u")]"#,
                "3 ! has 2 fields, and the header 6",
            ],
        );
        check(
            "{\"account\":\"a\",\"service\":\"network\",\"resource\":\"egress\",\"quantity\":99999999999999999999,\
             \"id\":\"1\",\"source\":\"n\",\"time\":\"2026-01-01T00:00:00Z\"}\n{}\n",
            &[
                "1 a network.egress 99999999999999999999 - 1 2026-01-01T00:00:00Z []",
                "2 ! account ``: is missing",
            ],
        );
    }
}
