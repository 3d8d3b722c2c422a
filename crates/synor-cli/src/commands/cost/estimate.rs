//! `synor cost estimate`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use synor_economics::calculator::usage_by_flag;
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::{DAY_SECS, Month, Zone};
use synor_economics::plan::Plan;
use synor_economics::pricing::discounts::DiscountScope;
use synor_economics::pricing::reserved::Committed;
use synor_engine::{Clock, CostEstimate, EstimateRequest, SystemClock, UsageBill};
use synor_usage::import::{ImportFormat, ImportOptions, Imported};

use super::{answer, focus, rerate};
use crate::args::Global;
use crate::client::Session;
use crate::commands::price_list;
use crate::commands::usage::import::read_usage;
use crate::error::{error, error_with_help};
use crate::output::Answer;

/// What to estimate. Quantities typed in are for one month; without any, and without a file, it is
/// the account's own usage.
#[derive(Debug, Args)]
#[command(next_line_help = false)]
pub struct Arguments {
    /// Data kept in storage: 500GB, or 500GB*10d for a part of the month.
    #[arg(long, value_name = "SIZE", help_heading = "Usage")]
    storage: Vec<String>,
    /// Data read from storage: 100GB.
    #[arg(long, value_name = "SIZE", help_heading = "Usage")]
    retrieval: Vec<String>,
    /// Storage deals made: 3.
    #[arg(long, value_name = "COUNT", help_heading = "Usage")]
    deals: Vec<String>,
    /// Data served to visitors: 1TB.
    #[arg(long, value_name = "SIZE", help_heading = "Usage")]
    bandwidth: Vec<String>,
    /// Custom domains: 2, or 2*10d.
    #[arg(long, value_name = "COUNT", help_heading = "Usage")]
    domains: Vec<String>,
    /// SSL certificates: 2, or 2*10d.
    #[arg(long, value_name = "COUNT", help_heading = "Usage")]
    certificates: Vec<String>,
    /// Data kept in databases: 50GB, or 50GB*10d.
    #[arg(long, value_name = "SIZE", help_heading = "Usage")]
    database: Vec<String>,
    /// Database queries: 30M.
    #[arg(long, value_name = "COUNT", help_heading = "Usage")]
    queries: Vec<String>,
    /// Vector searches: 5M.
    #[arg(long, value_name = "COUNT", help_heading = "Usage")]
    vector_searches: Vec<String>,
    /// Cores times time: 4core*730h; without a time, the whole month.
    #[arg(long, value_name = "CORES", help_heading = "Usage")]
    cpu: Vec<String>,
    /// GPUs of a model: rtx4090:20h, or rtx4090:2*20h.
    #[arg(long, value_name = "MODEL:TIME", help_heading = "Usage")]
    gpu: Vec<String>,
    /// Memory times time: 16GB*730h; without a time, the whole month.
    #[arg(long, value_name = "SIZE", help_heading = "Usage")]
    memory: Vec<String>,
    /// Serverless functions run: 10M.
    #[arg(long, value_name = "COUNT", help_heading = "Usage")]
    invocations: Vec<String>,
    /// Data sent out: 2TB.
    #[arg(long, value_name = "SIZE", help_heading = "Usage")]
    egress: Vec<String>,
    /// Data received: 1TB.
    #[arg(long, value_name = "SIZE", help_heading = "Usage")]
    ingress: Vec<String>,
    /// Requests served: 100M.
    #[arg(long, value_name = "COUNT", help_heading = "Usage")]
    requests: Vec<String>,
    /// A file of usage, in any format that can be imported.
    #[arg(long, value_name = "FILE", conflicts_with = "focus")]
    usage: Option<PathBuf>,
    /// What the file of usage is [default: by its content].
    #[arg(long = "as", value_name = "FORMAT", requires = "usage")]
    kind: Option<ImportFormat>,
    /// A cloud's bill in the FOCUS format, to be compared.
    #[arg(long, value_name = "FILE")]
    focus: Option<PathBuf>,
    /// The calendar month, such as 2026-01 [default: one of 30 days; for an account the running one].
    #[arg(long, visible_alias = "month", value_name = "MONTH")]
    period: Option<Month>,
    /// The plan: free, standard, premium, enterprise [default: the account's, or free].
    #[arg(long)]
    plan: Option<Plan>,
    /// Another price list.
    #[arg(long, value_name = "FILE")]
    price_list: Option<PathBuf>,
    /// The same under all plans.
    #[arg(long)]
    compare: bool,
    /// With and without a commitment to spend so much a month: "100 SYNOR".
    #[arg(long, value_name = "AMOUNT", requires = "commit_discount")]
    commit: Option<String>,
    /// Per cent off for the commitment.
    #[arg(long, value_name = "PERCENT", requires = "commit")]
    commit_discount: Option<String>,
    /// What a SYNOR is worth in USD [default: what the price list says].
    #[arg(long, value_name = "RATE")]
    usd_per_synor: Option<String>,
    /// All accounts with usage, under another price list or plan: who pays more or less.
    #[arg(long, conflicts_with_all = ["usage", "focus", "compare", "commit"])]
    all_accounts: bool,
}

pub async fn run(arguments: Arguments, global: &Global) -> anyhow::Result<()> {
    let flags = arguments.flags()?;
    let file = arguments.usage.as_deref().or(arguments.focus.as_deref());
    if file.is_some() && !flags.is_empty() {
        return Err(error("give either a file or quantities, not both"));
    }
    let mut request = arguments.request()?;
    let other_terms = request.price_list.is_some() || request.plan.is_some();
    let owner = global.account.is_none() && global.api_key.is_none();
    if let Some(path) = file {
        return of_file(path, request, &arguments, global)
            .await?
            .print(global.format);
    }
    if flags.is_empty() && (arguments.all_accounts || (owner && other_terms && !request.compare)) {
        return rerate::run(request, global).await;
    }
    let own = flags.is_empty();
    request.flags = flags;
    let session = Session::connect(global).await?;
    let asked = async {
        let cost: CostEstimate = session.post("/cost/estimate", &request, None).await?;
        let now = if own && other_terms {
            let today = EstimateRequest {
                price_list: None,
                plan: None,
                ..request.clone()
            };
            Some(
                session
                    .post::<CostEstimate>("/cost/estimate", &today, None)
                    .await?,
            )
        } else {
            None
        };
        anyhow::Ok((cost, now))
    }
    .await;
    session.close().await;
    let (cost, now) = asked?;
    answer::show(&cost, now.as_ref())?.print(global.format)
}

impl Arguments {
    /// What was typed in, by name, checked.
    fn flags(&self) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let month_secs = match self.period {
            Some(month) => month.period(&Zone::utc())?.secs(),
            None => 30 * DAY_SECS,
        };
        let all = [
            ("storage", &self.storage),
            ("retrieval", &self.retrieval),
            ("deals", &self.deals),
            ("bandwidth", &self.bandwidth),
            ("domains", &self.domains),
            ("certificates", &self.certificates),
            ("database", &self.database),
            ("queries", &self.queries),
            ("vector-searches", &self.vector_searches),
            ("cpu", &self.cpu),
            ("gpu", &self.gpu),
            ("memory", &self.memory),
            ("invocations", &self.invocations),
            ("egress", &self.egress),
            ("ingress", &self.ingress),
            ("requests", &self.requests),
        ];
        let mut flags = BTreeMap::new();
        for (name, values) in all.into_iter().filter(|(_, values)| !values.is_empty()) {
            for value in values {
                usage_by_flag(name, value, month_secs)
                    .map_err(|wrong| error(format!("--{name}: `{value}` {}", wrong.reason)))?;
            }
            flags.insert(name.to_owned(), values.clone());
        }
        Ok(flags)
    }

    /// Everything but the usage, checked.
    fn request(&self) -> anyhow::Result<EstimateRequest> {
        let commitments = match (&self.commit, &self.commit_discount) {
            (Some(amount), Some(percent)) => vec![Committed::Amount {
                amount_micro_synor: MicroSynor::parse_positive(amount)
                    .map_err(|wrong| error(format!("--commit: {wrong}")))?,
                discount_percent: Exact::parse_decimal(percent)
                    .map_err(|wrong| error(format!("--commit-discount: {wrong}")))?,
                scope: DiscountScope::Everything,
            }],
            _ => Vec::new(),
        };
        if let Some(rate) = &self.usd_per_synor {
            let wrong = |reason: String| error(format!("--usd-per-synor: {reason}"));
            let exact = Exact::parse_decimal(rate).map_err(|e| wrong(e.to_string()))?;
            if !exact.is_positive() {
                return Err(wrong(format!("`{rate}` is not above zero")));
            }
        }
        let price_list = match &self.price_list {
            Some(file) => Some(price_list::read(file)?.text().to_owned()),
            None => None,
        };
        Ok(EstimateRequest {
            period: self.period,
            plan: self.plan,
            price_list,
            compare: self.compare || !commitments.is_empty(),
            commitments,
            usd_per_synor: self.usd_per_synor.clone(),
            ..EstimateRequest::default()
        })
    }
}

/// The usage of a file, each account's months by themselves. The accounts need not exist.
async fn of_file(
    path: &Path,
    mut request: EstimateRequest,
    arguments: &Arguments,
    global: &Global,
) -> anyhow::Result<Answer> {
    let options = ImportOptions {
        now: SystemClock.now(),
        account: global.account.clone(),
        provider: None,
        source: None,
    };
    let kind = match arguments.focus {
        Some(_) => Some(ImportFormat::Focus),
        None => arguments.kind,
    };
    let imported = read_usage(path, kind, &options)?;
    request.bills = UsageBill::of_events(&imported.events, request.period)?;
    request.period = None;
    if request.bills.is_empty() {
        let message = format!("nothing in {} can be priced here", path.display());
        return Err(error_with_help(
            message,
            "`synor usage import` says why, line by line",
        ));
    }
    let about_nobody = Global {
        account: None,
        ..global.clone()
    };
    let session = Session::connect(&about_nobody).await?;
    let cost: anyhow::Result<CostEstimate> = session.post("/cost/estimate", &request, None).await;
    session.close().await;
    if arguments.focus.is_some() {
        return focus::show(path, &imported, &cost?);
    }
    note_unmapped(answer::show(&cost?, None)?, &imported)
}

fn note_unmapped(answer: Answer, imported: &Imported) -> anyhow::Result<Answer> {
    if imported.unmapped.is_empty() {
        return Ok(answer);
    }
    let count = imported.unmapped.len();
    Ok(answer.line(format!(
        "{count} lines have no counterpart here; --focus FILE lists them"
    )))
}
