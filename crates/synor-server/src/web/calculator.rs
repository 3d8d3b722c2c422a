//! The calculator: quantities as people type them, priced as an invoice would; the address is a link
//! to what it shows. A cloud's bill can be handed in instead.

use std::collections::BTreeMap;
use std::io::BufReader;

use askama::Template;
use axum::extract::{Multipart, State};
use axum::response::Response;
use synor_economics::calculator::FLAGS;
use synor_economics::plan::Plan;
use synor_engine::{Asker, CostEstimate, Engine, EngineError, EstimateRequest, UsageBill};
use synor_usage::import::{ImportFormat, ImportOptions, Imported, read};

use super::format::{Money, count, decimal, usd};
use super::overview::priced;
use super::page::{Failure, Frame, page};
use super::viewer::Viewer;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::AppState;

/// The account that a cloud's bill is read as, so that all of it is one.
const BILL_ACCOUNT: &str = "cloud-bill";
/// Reasons for lines without a counterpart that are shown.
const REASONS: usize = 8;

/// A field of the form.
struct Field {
    name: &'static str,
    title: &'static str,
    value: String,
    example: &'static str,
}

/// The fields of a service.
struct Group {
    service: &'static str,
    fields: Vec<Field>,
}

struct PlanChoice {
    name: &'static str,
    is_chosen: bool,
}

struct Line {
    description: String,
    quantity: String,
    amount: Money,
}

struct PlanRow {
    name: &'static str,
    discounts: Money,
    total: Money,
    is_chosen: bool,
}

/// What it costs.
struct Price {
    total: Money,
    usd: Option<String>,
    subtotal: Money,
    lines: Vec<Line>,
    less: Vec<(String, Money)>,
    plans: Vec<PlanRow>,
}

/// What a cloud charged for the same.
struct Bill {
    lines: String,
    taken: String,
    billed: Vec<(String, String, String)>,
    left_out: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "calculator.html")]
struct Calculator {
    frame: Frame,
    groups: Vec<Group>,
    plans: Vec<PlanChoice>,
    price: Option<Price>,
    bill: Option<Bill>,
    wrong: Option<String>,
}

type Query = BTreeMap<String, String>;

/// `GET /calculator`
pub async fn show(
    State(state): State<AppState>,
    viewer: Viewer,
    Params(query): Params<Query>,
) -> Result<Response, Failure> {
    let request = match request_of(&query) {
        Ok(request) => request,
        Err(wrong) => return shown(&viewer, &query, None, None, Some(wrong)),
    };
    if request.flags.is_empty() {
        return shown(&viewer, &query, None, None, None);
    }
    match price(&state.engine, &viewer, request).await {
        Ok(price) => shown(&viewer, &query, Some(price), None, None),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status >= 500 {
                return Err(problem.into());
            }
            shown(&viewer, &query, None, None, Some(problem.detail))
        }
    }
}

fn request_of(query: &Query) -> Result<EstimateRequest, String> {
    let known = |name: &str| FLAGS.iter().any(|flag| flag.name == name);
    let flags = query
        .iter()
        .filter(|(name, value)| known(name) && !value.trim().is_empty())
        .map(|(name, value)| (name.clone(), vec![value.trim().to_owned()]));
    let plan = query.get("plan").filter(|plan| !plan.is_empty());
    let plan = plan.map(|plan| plan.parse::<Plan>()).transpose();
    Ok(EstimateRequest {
        flags: flags.collect(),
        plan: plan.map_err(|error| format!("plan: {error}"))?,
        compare: true,
        ..EstimateRequest::default()
    })
}

async fn price(
    engine: &Engine,
    viewer: &Viewer,
    request: EstimateRequest,
) -> Result<Price, EngineError> {
    let chosen = request.plan;
    let asker = Asker {
        account: viewer.account.as_ref(),
        is_admin: viewer.is_staff,
    };
    let cost = engine.estimate(request, asker).await?;
    Ok(price_of(&cost, chosen))
}

fn price_of(cost: &CostEstimate, chosen: Option<Plan>) -> Price {
    let items = cost.estimates.iter().flat_map(|e| &e.line_items);
    let lines = items.map(|line| Line {
        description: line.description.clone(),
        quantity: priced(line),
        amount: Money(line.amount_micro_synor),
    });
    let discounts = cost.estimates.iter().flat_map(|e| &e.discounts);
    let less = discounts.map(|discount| {
        let off = discount
            .amount_micro_synor
            .checked_neg()
            .unwrap_or_default();
        (discount.description.clone(), Money(off))
    });
    let plans = cost.plans.iter().map(|plan| PlanRow {
        name: plan.plan.name(),
        discounts: Money(plan.discounts_micro_synor),
        total: Money(plan.total_micro_synor),
        is_chosen: chosen == Some(plan.plan),
    });
    Price {
        total: Money(cost.total_micro_synor),
        usd: cost.total_micro_usd.map(usd),
        subtotal: Money(cost.subtotal_micro_synor),
        lines: lines.collect(),
        less: less.collect(),
        plans: plans.collect(),
    }
}

fn shown(
    viewer: &Viewer,
    query: &Query,
    price: Option<Price>,
    bill: Option<Bill>,
    wrong: Option<String>,
) -> Result<Response, Failure> {
    let mut groups: Vec<Group> = Vec::new();
    for flag in &FLAGS {
        let service = flag.resource.service().name();
        let field = Field {
            name: flag.name,
            title: flag.resource.spec().title,
            value: query.get(flag.name).cloned().unwrap_or_default(),
            // The first of several is enough for a hint.
            example: flag.form.example().split(" or ").next().unwrap_or_default(),
        };
        match groups.last_mut().filter(|group| group.service == service) {
            Some(group) => group.fields.push(field),
            None => groups.push(Group {
                service,
                fields: vec![field],
            }),
        }
    }
    let chosen = query.get("plan").map(String::as_str);
    let plans = Plan::ALL.map(|plan| PlanChoice {
        name: plan.name(),
        is_chosen: chosen == Some(plan.name()),
    });
    page(&Calculator {
        frame: Frame::new("Calculator", "/calculator", Some(viewer)),
        groups,
        plans: plans.into(),
        price,
        bill,
        wrong,
    })
}

/// `POST /calculator`: a cloud's bill in FOCUS. Nothing of it is kept.
pub async fn bill(
    State(state): State<AppState>,
    viewer: Viewer,
    mut form: Multipart,
) -> Result<Response, Failure> {
    let refused = |error: axum::extract::multipart::MultipartError| {
        Failure::from(Problem::invalid(error.body_text()))
    };
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(refused)? {
        if field.name() == Some("bill") {
            file = Some(field.bytes().await.map_err(refused)?);
        }
    }
    let file = file.filter(|file| !file.is_empty());
    let query = Query::new();
    let Some(file) = file else {
        let wrong =
            "Choose a file first: a bill as CSV by FOCUS, such as AWS, Azure and Google export it.";
        return shown(&viewer, &query, None, None, Some(wrong.to_owned()));
    };
    let options = ImportOptions {
        now: state.engine.now(),
        account: BILL_ACCOUNT.parse().ok(),
        provider: None,
        source: None,
    };
    let reading = tokio::task::spawn_blocking(move || {
        read(
            ImportFormat::Focus,
            &mut BufReader::new(&*file),
            &options,
            &mut |_| {},
        )
    });
    let imported = match reading.await {
        Ok(Ok(imported)) => imported,
        Ok(Err(error)) => {
            let wrong = format!("The bill cannot be read: {error}.");
            return shown(&viewer, &query, None, None, Some(wrong));
        }
        Err(error) => {
            tracing::error!(%error, "reading a bill failed");
            return Err(Problem::internal().into());
        }
    };
    let request = EstimateRequest {
        bills: UsageBill::of_events(&imported.events, None)?,
        compare: true,
        ..EstimateRequest::default()
    };
    let price = match request.bills.is_empty() {
        true => None,
        false => Some(price(&state.engine, &viewer, request).await?),
    };
    shown(&viewer, &query, price, Some(bill_of(&imported)), None)
}

fn bill_of(imported: &Imported) -> Bill {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for line in &imported.unmapped {
        let lines = reasons.entry(&line.reason).or_default();
        *lines = lines.saturating_add(1);
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
    let billed = imported.billed.iter().map(|(currency, billed)| {
        (
            currency.clone(),
            decimal(&billed.mapped.to_decimal(2)),
            decimal(&billed.unmapped.to_decimal(2)),
        )
    });
    let left_out = reasons.into_iter().take(REASONS);
    Bill {
        lines: count(imported.lines),
        taken: count(u64::try_from(imported.mapped.len()).unwrap_or(u64::MAX)),
        billed: billed.collect(),
        left_out: left_out
            .map(|(reason, lines)| (reason.to_owned(), count(lines)))
            .collect(),
    }
}
