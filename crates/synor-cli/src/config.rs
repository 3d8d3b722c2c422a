//! `synor.toml` in the data folder: what an operator decides. Everything has a default.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use synor_economics::billing::{AutoPayPolicy, ConfirmationPolicy, DunningSchedule};
use synor_economics::distribution::FeeSplit;
use synor_economics::money::{Exact, MicroSynor, MoneyError};
use synor_economics::plan::Plan;
use synor_economics::pricing::PriceList;
use synor_economics::sla::{SlaStep, SlaTable};
use synor_engine::EngineConfig;
use synor_notify::{Operator, SmtpConfig};
use synor_server::{IngestConfig, Intake};
use synor_streams::StreamConfig;
use synor_usage::import::{Meter, Meters};

use crate::chain_config::ChainSection;
use crate::data_folder::DataFolder;
use crate::error::error;
use crate::notify_config::Webhooks;
use crate::oracle_config::OracleSection;
use crate::storage::Storage;

/// Where the server listens unless told otherwise: on this machine only.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8420);

/// What an operator decides.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The server's address.
    pub listen: Option<SocketAddr>,
    /// A price list instead of the built-in one; relative to the data folder.
    pub price_list: Option<PathBuf>,
    /// Time between blocks of the development chain.
    pub block_interval_ms: Option<u64>,
    /// How service fees are shared.
    pub fee_split: Option<FeeSplit>,
    /// When payments count.
    pub confirmations: Option<Confirmations>,
    /// What each side of a referral gets, such as `10 SYNOR`.
    pub referral_reward: Option<String>,
    /// The length of the spot market's intervals in seconds [default: an hour].
    pub spot_interval_secs: Option<i64>,
    /// When months are closed.
    pub billing: Billing,
    /// When overdue invoices are reminded of.
    pub dunning: DunningSchedule,
    /// When auto-pay charges.
    pub auto_pay: AutoPay,
    /// What comes back when a service was not there as promised, by plan: `[["99.9", "10"], …]`,
    /// below this availability so many per cent.
    pub sla: BTreeMap<String, Vec<(String, String)>>,
    /// For how many seconds a node takes a job, and a dead node's jobs wait at most [default: 15].
    pub job_lease_secs: Option<NonZeroU32>,
    /// The JSON-RPC of the chain, such as `http://10.0.0.1:8420/rpc` of the node that has it
    /// [default: a development chain in the data folder].
    pub chain_rpc: Option<String>,
    /// What the intake of usage is held to.
    pub ingest: IngestConfig,
    /// Meters for events whose type is not one of our resources, by name.
    pub meters: BTreeMap<String, Meter>,
    /// Who is at the head of invoices and at the foot of e-mails.
    pub operator: Operator,
    /// How e-mail leaves; without it, none is sent.
    pub email: Option<SmtpConfig>,
    /// How webhooks are posted.
    pub webhooks: Webhooks,
    /// Where the book lies.
    pub storage: Storage,
    /// The stream that usage comes through.
    pub stream: Option<StreamConfig>,
    /// Which chain is paid on.
    pub chain: ChainSection,
    /// Whom to ask what a SYNOR is worth.
    pub oracle: Option<OracleSection>,
}

/// When months are closed, as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Billing {
    /// How long after its end a month still takes usage in, in seconds [default: three days].
    grace_secs: Option<i64>,
    /// Whether months are closed by themselves when their grace is over [default: they are].
    auto_close: Option<bool>,
}

/// When auto-pay charges, as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoPay {
    /// How long a charge is announced before it is made, in seconds [default: a day].
    lead_secs: Option<i64>,
    /// On which days after a failure it is tried again [default: 1, 3, 5, 7].
    retry_days: Option<Vec<u32>>,
}

/// When payments count, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmations {
    /// `[["99.999999 SYNOR", 10], ["10000 SYNOR", 50]]`: up to this amount, so many.
    steps: Vec<(String, u64)>,
    /// Above the last step.
    above: u64,
}

impl Config {
    /// Reads the folder's configuration.
    pub fn load(folder: &DataFolder) -> anyhow::Result<Self> {
        let path = folder.file("synor.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text)
                .map_err(|e| error(format!("{}: {}", path.display(), e.to_string().trim()))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// The engine's part.
    pub fn engine(&self) -> anyhow::Result<EngineConfig> {
        let confirmations = match &self.confirmations {
            None => ConfirmationPolicy::default(),
            Some(written) => ConfirmationPolicy {
                steps: written
                    .steps
                    .iter()
                    .map(|(up_to, count)| Ok((MicroSynor::parse_positive(up_to)?, *count)))
                    .collect::<Result<_, synor_economics::money::MoneyError>>()
                    .context("confirmations")?,
                above: written.above,
            },
        };
        let defaults = EngineConfig::default();
        let referral_reward = match &self.referral_reward {
            None => defaults.referral_reward,
            Some(text) => MicroSynor::parse_positive(text).context("referral_reward")?,
        };
        let fee_split = self.fee_split.unwrap_or(defaults.fee_split);
        Ok(EngineConfig {
            confirmations,
            fee_split,
            referral_reward,
            spot_interval_secs: self
                .spot_interval_secs
                .unwrap_or(defaults.spot_interval_secs),
            oracle: self.oracle.as_ref().map(OracleSection::open).transpose()?,
            grace_secs: self.billing.grace_secs.unwrap_or(defaults.grace_secs),
            auto_close: self.billing.auto_close.unwrap_or(defaults.auto_close),
            dunning: self.dunning.clone(),
            auto_pay: AutoPayPolicy {
                lead_secs: (self.auto_pay.lead_secs).unwrap_or(defaults.auto_pay.lead_secs),
                retry_days: (self.auto_pay.retry_days.clone())
                    .unwrap_or(defaults.auto_pay.retry_days),
            },
            sla: self.sla(defaults.sla).context("sla")?,
            job_lease: self.job_lease_secs.map_or(defaults.job_lease, |secs| {
                Duration::from_secs(secs.get().into())
            }),
        })
    }

    /// The service levels, of the plans that are written.
    fn sla(&self, mut table: SlaTable) -> anyhow::Result<SlaTable> {
        for (plan, steps) in &self.sla {
            let plan: Plan = plan.parse()?;
            let steps = steps.iter().map(|(below, credit)| {
                Ok(SlaStep {
                    below_percent: Exact::parse_decimal(below)?,
                    credit_percent: Exact::parse_decimal(credit)?,
                })
            });
            let steps: Vec<_> = steps.collect::<Result<_, MoneyError>>()?;
            *table.of_mut(plan) = steps;
        }
        table.check()?;
        Ok(table)
    }

    /// The intake of usage.
    pub fn intake(&self) -> anyhow::Result<Intake> {
        if self.ingest.body_max_bytes > self.ingest.in_flight_max_bytes {
            let message = "ingest: body_max_bytes is more than in_flight_max_bytes, so that a \
                           body of that size would never be taken";
            return Err(error(message));
        }
        let meters = Meters::new(self.meters.clone()).map_err(|e| error(e.to_string()))?;
        Ok(Intake::new(self.ingest, meters))
    }

    /// The price list to put in force.
    pub fn price_list(&self, folder: &DataFolder) -> anyhow::Result<PriceList> {
        let Some(path) = &self.price_list else {
            return Ok(PriceList::built_in()?);
        };
        let path = folder.path().join(path);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the price list {}", path.display()))?;
        PriceList::parse(&text).map_err(|e| error(format!("{} {e}", path.display())))
    }

    /// Time between blocks of the development chain.
    pub fn block_interval(&self) -> Duration {
        Duration::from_millis(self.block_interval_ms.unwrap_or(100).max(1))
    }
}
