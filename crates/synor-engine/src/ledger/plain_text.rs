//! Entries as plain-text accounting reads them: hledger and beancount.
//!
//! Both have the journal's sign (a debit is above zero) and its six decimals, so that every
//! transaction balances exactly. Dates are UTC; the place and the id of each entry stand beside it.

use std::fmt::Write;

use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Timestamp, Zone};

/// The date on which beancount's accounts are opened: before anything that could be posted.
const OPENED: &str = "1970-01-01";

/// A transaction to be written.
pub(super) struct Transaction<'a> {
    pub(super) at: Timestamp,
    pub(super) description: &'a str,
    /// The entry's place and id; none for what is not an entry.
    pub(super) entry: Option<(u64, String)>,
    pub(super) sides: Vec<(&'a LedgerAccount, MicroSynor)>,
}

impl<'a> Transaction<'a> {
    pub(super) fn of(sequence: u64, entry: &'a JournalEntry) -> Self {
        let postings = entry.postings.iter();
        Self {
            at: entry.posted_at,
            description: &entry.description,
            entry: Some((sequence, entry.entry_id.to_string())),
            sides: postings
                .map(|p| (&p.account, p.amount_micro_synor))
                .collect(),
        }
    }

    fn date(&self) -> String {
        self.at.date_in(&Zone::utc())
    }

    pub(super) fn hledger(&self, out: &mut String) -> std::fmt::Result {
        let description = one_line(self.description).replace([';', '|'], ",");
        writeln!(out, "{} * {description}", self.date())?;
        if let Some((sequence, id)) = &self.entry {
            writeln!(out, "    ; sequence: {sequence}, entry_id: {id}")?;
        }
        for (account, amount) in &self.sides {
            writeln!(out, "    {account}  {} SYNOR", amount.to_decimal())?;
        }
        writeln!(out)
    }

    pub(super) fn beancount(&self, out: &mut String) -> std::fmt::Result {
        let description = one_line(self.description);
        let quoted = description.replace('\\', "\\\\").replace('"', "\\\"");
        writeln!(out, "{} * \"{quoted}\"", self.date())?;
        if let Some((sequence, id)) = &self.entry {
            writeln!(out, "  sequence: {sequence}\n  entry_id: \"{id}\"")?;
        }
        for (account, amount) in &self.sides {
            let account = beancount_account(account);
            writeln!(out, "  {account}  {} SYNOR", amount.to_decimal())?;
        }
        writeln!(out)
    }
}

/// Opens an account in beancount.
pub(super) fn beancount_open(account: &LedgerAccount, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{OPENED} open {} SYNOR", beancount_account(account))
}

/// An account as beancount takes it: parts that begin with a capital or a digit and hold letters,
/// digits and dashes. Two accounts never get the same name.
pub(super) fn beancount_account(account: &LedgerAccount) -> String {
    let text = account.to_string();
    let mut parts = text.splitn(3, ':');
    let mut name = String::new();
    // The class and the kind are words of the chart: `chain_clearing` is `Chain-Clearing`.
    for part in parts.by_ref().take(2) {
        if !name.is_empty() {
            name.push(':');
        }
        let words: Vec<_> = part.split('_').map(capitalised).collect();
        name.push_str(&words.join("-"));
    }
    if let Some(owner) = parts.next() {
        name.push(':');
        name.push_str(&owner_part(owner));
    }
    name
}

/// An owner's name as a part. A dash escapes: `--` is a dash, `-d` a dot, `-u` an underscore, `-c`
/// a colon. The first letter becomes a capital; `0-` stands before one that was a capital already.
fn owner_part(owner: &str) -> String {
    let mut escaped = String::with_capacity(owner.len());
    for c in owner.chars() {
        match c {
            '-' => escaped.push_str("--"),
            '.' => escaped.push_str("-d"),
            '_' => escaped.push_str("-u"),
            ':' => escaped.push_str("-c"),
            other => escaped.push(other),
        }
    }
    if escaped.starts_with(|c: char| c.is_ascii_uppercase()) {
        return format!("0-{escaped}");
    }
    capitalised(&escaped)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => format!("{}{}", first.to_ascii_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

/// A text without line breaks and other control characters.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn entry(description: &str) -> JournalEntry {
        let sides = [
            ("assets:receivable:acme", 1_500_000),
            ("income:service_fees", -1_500_000),
        ];
        let sides = sides.map(|(account, amount)| {
            let account: LedgerAccount = account.parse().unwrap();
            (account, MicroSynor::new(amount))
        });
        // 2026-02-01T23:59:59Z.
        let at = Timestamp::from_secs(1_769_990_399);
        JournalEntry::new(&["a"], at, description.to_owned(), sides).unwrap()
    }

    #[test]
    fn an_entry_is_a_transaction_of_either_kind() {
        let entry = entry("INV-1; \"x\" \\ of\nacme");
        let transaction = Transaction::of(7, &entry);
        let (mut hledger, mut beancount) = (String::new(), String::new());
        transaction.hledger(&mut hledger).unwrap();
        transaction.beancount(&mut beancount).unwrap();
        let id = entry.entry_id;
        assert_eq!(
            hledger,
            format!(
                "2026-02-01 * INV-1, \"x\" \\ of acme\n    ; sequence: 7, entry_id: {id}\n    \
                 assets:receivable:acme  1.500000 SYNOR\n    income:service_fees  -1.500000 SYNOR\n\n"
            )
        );
        assert_eq!(
            beancount,
            format!(
                "2026-02-01 * \"INV-1; \\\"x\\\" \\\\ of acme\"\n  sequence: 7\n  entry_id: \"{id}\"\n  \
                 Assets:Receivable:Acme  1.500000 SYNOR\n  Income:Service-Fees  -1.500000 SYNOR\n\n"
            )
        );
    }

    #[test]
    fn two_accounts_never_get_the_same_name() {
        let owners = [
            "acme",
            "Acme",
            "0-Acme",
            "0--Acme",
            "a.b",
            "a_b",
            "a:b",
            "a-b",
            "a--b",
            "a-db",
            "a-d",
            "a.",
            "7",
            "64e355d7-997c-491d",
            "aCME",
            "ACME",
            "0Acme",
        ];
        let mut names = BTreeMap::new();
        for owner in owners {
            let account: LedgerAccount = format!("liabilities:prepaid:{owner}").parse().unwrap();
            let name = beancount_account(&account);
            for part in name.split(':') {
                let mut letters = part.chars();
                let first = letters.next().unwrap();
                assert!(
                    first.is_ascii_uppercase() || first.is_ascii_digit(),
                    "{name}"
                );
                assert!(
                    letters.all(|c| c.is_ascii_alphanumeric() || c == '-'),
                    "{name}"
                );
            }
            let before = names.insert(name.clone(), owner);
            assert_eq!(before, None, "{name} is {owner}");
        }
    }
}
