//! `synor admin keys …`: the API keys, and what becomes of them.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use synor_economics::id::{AccountId, ApiKeyId};
use synor_economics::period::Timestamp;

use crate::client::{Session, items};
use crate::output::{Answer, Table, text};

/// What a key may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum KeyRole {
    /// Everything about one account.
    Customer,
    /// Reads everything, and moves money.
    Finance,
    /// Prices, markets and incidents.
    Operator,
    /// Everything.
    Admin,
    /// Reports usage, of one account or of all.
    IngestOnly,
}

impl KeyRole {
    const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Finance => "finance",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::IngestOnly => "ingest_only",
        }
    }
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// All keys, without their secrets.
    List,
    /// Make a key for a role; its secret is printed once.
    Issue {
        /// What it may do.
        #[arg(long, value_enum)]
        role: KeyRole,
        /// The only account that it reaches.
        #[arg(long)]
        account: Option<AccountId>,
        /// What it is for.
        #[arg(long, default_value = "cli")]
        label: String,
        /// When it expires, such as 2026-12-31T00:00:00Z.
        #[arg(long, value_parser = Timestamp::parse)]
        expires: Option<Timestamp>,
    },
    /// Replace a key; the old one stays valid for a while.
    Rotate {
        /// Which key (key_…).
        key: ApiKeyId,
        /// For how long both are valid, such as 30m, 24h or 7d.
        #[arg(long, default_value = "24h", value_parser = seconds)]
        overlap: i64,
    },
    /// End a key at once, and the browser sessions that were opened with it.
    Revoke {
        /// Which key (key_…).
        key: ApiKeyId,
    },
}

/// Seconds of a time such as `30m`.
fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a time such as 90s, 30m, 24h or 7d");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3_600,
        Some("d") => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = digits.parse().map_err(|_| wrong())?;
    i64::from(count).checked_mul(unit).ok_or_else(wrong)
}

pub async fn run(command: Command, session: &Session) -> anyhow::Result<Answer> {
    match command {
        Command::List => list(session).await,
        Command::Issue {
            role,
            account,
            label,
            expires,
        } => {
            let order = json!({ "role": role.name(), "account_id": account, "label": label,
                "expires_at": expires });
            told(&session.post("/admin/keys", &order, None).await?)
        }
        Command::Rotate { key, overlap } => {
            let path = format!("/admin/keys/{key}/rotate");
            let order = json!({ "overlap_secs": overlap });
            told(&session.post(&path, &order, None).await?)
        }
        Command::Revoke { key } => {
            let path = format!("/admin/keys/{key}/revoke");
            let revoked: Value = session.post(&path, &json!({}), None).await?;
            Ok(Answer::new(&revoked)?.line(format!("{key} is not valid any more")))
        }
    }
}

/// A new key, with its secret on a line of its own.
fn told(key: &Value) -> anyhow::Result<Answer> {
    let of = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
    Ok(Answer::new(key)?.line(of("secret")).line(format!(
        "{} of role {}; the secret is shown this once",
        of("key_id"),
        of("role")
    )))
}

async fn list(session: &Session) -> anyhow::Result<Answer> {
    let keys: Value = session.get("/admin/keys").await?;
    let mut table = Table::new(&[
        text("key", "key_id"),
        text("role", "role"),
        text("account", "account_id"),
        text("secret", "prefix"),
        text("label", "label"),
        text("last used", "used_at"),
        text("valid", "valid"),
    ]);
    for key in items(&keys) {
        let of = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
        let time = |name: &str| {
            key[name]
                .as_i64()
                .map(|at| Timestamp::from_secs(at).to_string())
        };
        let valid = match (time("revoked_at"), time("expires_at")) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("until {at}"),
            (None, None) => "yes".to_owned(),
        };
        table.row([
            of("key_id").into(),
            of("role").into(),
            of("account_id").into(),
            format!("{}…", of("prefix")).into(),
            of("label").into(),
            time("used_at").unwrap_or_default().into(),
            valid.into(),
        ]);
    }
    Ok(Answer::new(&keys)?.table(table))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_have_a_unit() {
        let read = ["90s", "30m", "24h", "7d", "0s"].map(seconds);
        assert_eq!(read, [Ok(90), Ok(1_800), Ok(86_400), Ok(604_800), Ok(0)]);
        for wrong in ["", "24", "h", "-1h", "1.5h", "24 h", "1w"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
