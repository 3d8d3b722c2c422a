//! Everything that is wrong with a configuration, each with its line. A parser stops at the first
//! mistake; here what is wrong is taken out, line by line, until the rest can be read.

use std::ops::Range;

use serde::Serialize;

use crate::config::Config;
use crate::data_folder::DataFolder;

/// More mistakes than this are not looked for: the file is something else.
const MISTAKES_MAX: usize = 100;

/// Something wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The line, from 1; none if it is not of one line.
    pub line: Option<usize>,
    /// The line as it is written; empty if it may hold a secret.
    pub written: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Looks for mistakes; `folder` is what relative paths are relative to.
pub fn mistakes(text: &str, folder: &DataFolder) -> Vec<Mistake> {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    while found.len() < MISTAKES_MAX {
        let left = lines.join("\n");
        let error = match toml::from_str::<Config>(&left) {
            Ok(config) => {
                found.extend(of_the_whole(&config, folder, text));
                break;
            }
            Err(error) => error,
        };
        let line = error.span().map(|span| line_of(&left, span.start));
        found.push(Mistake {
            line: line.map(|line| line.saturating_add(1)),
            written: line
                .and_then(|line| lines.get(line))
                .map_or_else(String::new, |l| shown(l)),
            message: one_line(error.message()),
        });
        let Some(range) = line.map(|line| wrong_part(&lines, line)) else {
            break;
        };
        let Some(wrong) = lines.get_mut(range) else {
            break;
        };
        if wrong.iter().all(|line| line.is_empty()) {
            break;
        }
        wrong.fill("");
    }
    found.sort_by_key(|mistake| mistake.line);
    found
}

/// What only the values together show.
fn of_the_whole(config: &Config, folder: &DataFolder, text: &str) -> Vec<Mistake> {
    let checks = [
        config.engine().map(drop),
        config.intake().map(drop),
        config.price_list(folder).map(drop),
        config.storage.check(),
    ];
    let wrong = checks.into_iter().filter_map(Result::err);
    wrong
        .map(|error| {
            let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
            let message = one_line(&chain.join(": "));
            let line = line_of_key(text, &message);
            let written = line.and_then(|line| text.lines().nth(line));
            Mistake {
                line: line.map(|line| line.saturating_add(1)),
                written: written.map_or_else(String::new, shown),
                message,
            }
        })
        .collect()
}

/// The line of the key that a message begins with, such as `confirmations: …`.
fn line_of_key(text: &str, message: &str) -> Option<usize> {
    let (key, _) = message.split_once(':')?;
    let key = key.rsplit('.').next()?.trim();
    let is_it = |line: &str| {
        let line = line.trim_start().trim_start_matches('[');
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with(['=', ']', '.']))
    };
    text.lines().position(is_it)
}

/// Which lines to take out: a table that nobody knows goes as a whole.
fn wrong_part(lines: &[&str], line: usize) -> Range<usize> {
    let is_header = |line: &&&str| line.trim_start().starts_with('[');
    let after = line.saturating_add(1);
    let rest = lines.get(after..).unwrap_or_default();
    match lines.get(line) {
        Some(first) if is_header(&first) => {
            let length = rest.iter().take_while(|line| !is_header(line)).count();
            line..after.saturating_add(length)
        }
        _ => line..after,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.iter().filter(|&&byte| byte == b'\n').count()
}

/// A line as it may be shown: not if it has an address, which may hold a password.
fn shown(line: &str) -> String {
    match line.contains("://") {
        true => line
            .split('=')
            .next()
            .map_or_else(String::new, |key| format!("{}= …", key.trim_start())),
        false => line.trim().to_owned(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn found(text: &str) -> Vec<(Option<usize>, String)> {
        let folder = DataFolder::resolve(Some(Path::new("/nowhere")), "").expect("a folder");
        let found = mistakes(text, &folder);
        found.into_iter().map(|m| (m.line, m.message)).collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = "lsten = '127.0.0.1:1'\n\
                    block_interval_ms = 'soon'\n\
                    referral_reward = '10 EUR'\n\
                    [billing]\n\
                    grace_secs = 1\n\
                    grace = 2\n\
                    [strange]\n\
                    thing = 1\n\
                    [dunning]\n\
                    final_step = 'shout'\n";
        let found = found(text);
        let lines: Vec<_> = found
            .iter()
            .map(|(line, _)| line.unwrap_or_default())
            .collect();
        assert_eq!(lines, [1, 2, 3, 6, 7, 10], "{found:#?}");
        for (said, (_, message)) in ["lsten", "string", "EUR", "grace", "strange", "shout"]
            .iter()
            .zip(&found)
        {
            assert!(message.contains(said), "no {said} in {message}");
        }
    }

    #[test]
    fn nothing_is_wrong_with_what_is_right_and_no_password_is_shown() {
        assert_eq!(found(""), []);
        assert_eq!(found("[billing]\nauto_close = false\n"), []);
        let folder = DataFolder::resolve(Some(Path::new("/nowhere")), "").expect("a folder");
        let text = "[storage]\nbook = 'mysql://me:secret@host/db'\n";
        let found = mistakes(text, &folder);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].line, Some(2));
        assert!(!format!("{found:?}").contains("secret"), "{found:#?}");
    }
}
