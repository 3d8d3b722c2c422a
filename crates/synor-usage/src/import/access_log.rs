//! Access logs of Apache and nginx (common and combined format): what a web server served becomes
//! bandwidth and requests.
//!
//! Every answered request bills the bytes it was answered with, whatever its status, and counts as
//! one request. Of a line, only the time, the request's end, the status and the size are needed;
//! what follows the size may be cut off or hold anything, as it does in real logs.

use std::collections::HashMap;
use std::io::BufRead;

use synor_economics::id::AccountId;
use synor_economics::metering::{EventError, RawEvent};

use super::lines::Lines;
use super::{ImportError, ImportOptions, Imported, excerpt};

const DEFAULT_SOURCE: &str = "access-log";
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// What one line says that matters here.
struct Entry<'l> {
    /// RFC 3339.
    time: String,
    /// Digits, or `-` for none.
    bytes: &'l str,
}

pub(super) fn read(
    input: &mut dyn BufRead,
    options: &ImportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let account = options
        .account
        .as_ref()
        .ok_or(ImportError::AccountMissing)?;
    let mut lines = Lines::new(input, progress);
    let mut occurrences: HashMap<blake3::Hash, u64> = HashMap::new();
    let mut imported = Imported::default();
    imported.accounts.insert(account.clone());
    while let Some((number, line)) = lines.next()? {
        let hash = blake3::hash(line.as_bytes());
        let seen = occurrences.entry(hash).or_default();
        *seen = seen.saturating_add(1);
        let name = format!("{}-{seen}", &hash.to_hex()[..32]);
        for raw in
            events(line, &name, account, options).map_err(|error| ImportError::at(number, error))?
        {
            let event = raw.validate(options.now);
            imported
                .events
                .push(event.map_err(|error| ImportError::at(number, error))?);
        }
        imported.lines = imported.lines.saturating_add(1);
    }
    Ok(imported)
}

/// Whether a line is one of an access log.
pub(super) fn is_entry(line: &str) -> bool {
    parse(line).is_some()
}

fn events(
    line: &str,
    name: &str,
    account: &AccountId,
    options: &ImportOptions,
) -> Result<Vec<RawEvent>, EventError> {
    let entry = parse(line).ok_or_else(|| {
        let reason = "is not a line of an access log: host ident user [time] \"request\" status \
                      bytes …";
        EventError::new("text", excerpt(line), reason)
    })?;
    let source = options.source.as_deref().unwrap_or(DEFAULT_SOURCE);
    let event = |service: &str, resource: &str, quantity: &str, suffix: &str| RawEvent {
        account: account.to_string(),
        service: service.to_owned(),
        resource: resource.to_owned(),
        quantity: quantity.to_owned(),
        time: entry.time.clone(),
        source: source.to_owned(),
        id: format!("{name}-{suffix}"),
        provider: options.provider.as_ref().map(ToString::to_string),
        ..RawEvent::default()
    };
    let mut events = Vec::with_capacity(2);
    if !entry.bytes.bytes().all(|b| matches!(b, b'0' | b'-')) {
        events.push(event("hosting", "bandwidth", entry.bytes, "b"));
    }
    events.push(event("network", "requests", "1", "r"));
    Ok(events)
}

/// `host ident user [time] "request" status bytes …`; the user may hold spaces and brackets.
fn parse(line: &str) -> Option<Entry<'_>> {
    let (time, rest) = line
        .match_indices(" [")
        .find_map(|(at, mark)| after_time(&line[at.checked_add(mark.len())?..]))?;
    let rest = rest.strip_prefix(" \"")?;
    let bytes = bytes_after_request(rest)?;
    Some(Entry { time, bytes })
}

/// `17/May/2015:10:05:03 +0000] …` as RFC 3339, and what follows the bracket.
fn after_time(text: &str) -> Option<(String, &str)> {
    let (time, rest) = text.split_once(']')?;
    let (stamp, offset) = time.split_once(' ')?;
    let (date, clock) = stamp.split_once(':')?;
    let mut date = date.split('/');
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    let digits = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let sign = offset.chars().next().filter(|c| matches!(c, '+' | '-'))?;
    let (hours, minutes) = offset.get(1..)?.split_at_checked(2)?;
    let month = MONTHS
        .iter()
        .position(|name| *name == month)?
        .checked_add(1)?;
    let whole = date.next().is_none() && digits(day, 2) && digits(year, 4);
    if !whole || clock.len() != 8 || !digits(hours, 2) || !digits(minutes, 2) {
        return None;
    }
    let time = format!("{year}-{month:02}-{day}T{clock}{sign}{hours}:{minutes}");
    Some((time, rest))
}

/// The size after the request. The request ends at the first quote that is not escaped and that a
/// status and a size follow, so that a stray quote inside it does no harm.
fn bytes_after_request(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let found = status_and_bytes(&text[at.checked_add(1)?..]);
                if found.is_some() {
                    return found;
                }
            }
            _ => {}
        }
    }
    None
}

/// The size in ` 200 203023 …`.
fn status_and_bytes(text: &str) -> Option<&str> {
    let mut words = text.strip_prefix(' ')?.split(' ');
    let (status, bytes) = (words.next()?, words.next()?);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (status.len() == 3 && digits(status) && (bytes == "-" || digits(bytes))).then_some(bytes)
}
