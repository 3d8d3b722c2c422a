//! Pure rating: usage that is in memory already, rated and summed, nothing kept.

use std::hint::black_box;
use std::time::{Duration, Instant};

use synor_economics::account::Account;
use synor_economics::billing::{BillFacts, bill};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Month, Zone};
use synor_economics::plan::{Plan, PlanChange};
use synor_economics::pricing::{PriceList, Segment, rate_usage};

use crate::machine::{grouped, per_second};
use crate::sample::{MONTH_SECS, Used};

/// How often each measurement is made; the best one is told, and the worst beside it.
const ROUNDS: usize = 5;

/// What rating came to.
pub struct Rated {
    /// By account, in µSYNOR.
    pub totals: Vec<i64>,
    /// On all cores.
    pub elapsed: Duration,
    /// On one core.
    pub elapsed_single: Duration,
}

/// Rates all usage and prints how long that took.
pub fn measure(usage: &[Used]) -> Rated {
    let list = PriceList::built_in().unwrap();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rows: usize = usage.iter().map(|used| used.rows.len()).sum();
    println!(
        "pure rating of {} accounts, {} lines in all",
        grouped(usage.len() as u128),
        grouped(rows as u128)
    );
    let rated = |used: &Used| total(&list, used);
    let (elapsed_single, single) = best("  rating, one core", usage, 1, &rated);
    let (elapsed, totals) = best(&format!("  rating, {cores} cores"), usage, cores, &rated);
    assert_eq!(single, totals);
    let month: Month = "2026-01".parse().unwrap();
    let draft = |used: &Used| drafted(&list, month, used);
    let (_, drafts) = best("  drafts, one core", usage, 1, &draft);
    best(&format!("  drafts, {cores} cores"), usage, cores, &draft);
    let sum = |totals: &[i64]| totals.iter().map(|t| i128::from(*t)).sum::<i128>();
    // The drafts are on the premium plan: a fifth less.
    assert!(sum(&drafts) < sum(&totals));
    Rated {
        totals,
        elapsed,
        elapsed_single,
    }
}

/// The sum of an account's rated lines, in µSYNOR.
fn total(list: &PriceList, used: &Used) -> i64 {
    let lines = black_box(rate_usage(list, &used.rows, MONTH_SECS).unwrap());
    assert_eq!(lines.len(), used.rows.len());
    MicroSynor::sum(lines.iter().map(|line| line.amount_micro_synor))
        .unwrap()
        .micro()
}

/// What an account on the premium plan owes by the draft of its invoice, in µSYNOR.
fn drafted(list: &PriceList, month: Month, used: &Used) -> i64 {
    let period = month.period(&Zone::utc()).unwrap();
    let plan = Plan::Premium;
    let account = Account {
        account_id: used.account.clone(),
        name: String::new(),
        time_zone: Zone::utc(),
        created_at: period.start(),
        plan_changes: vec![PlanChange {
            from: period.start(),
            plan,
        }],
        referred_by: None,
        tax_changes: Vec::new(),
    };
    let segments = [Segment {
        period,
        list,
        plan,
        rows: used.rows.clone(),
    }];
    let draft = bill(BillFacts {
        account: &account,
        month,
        period,
        segments: &segments,
        spot: Vec::new(),
        late: Vec::new(),
        commitments: &[],
        redemptions: &[],
        usage_log_position: 0,
    });
    black_box(draft.unwrap()).net().unwrap().micro()
}

/// The best of some rounds, and the result.
fn best(
    what: &str,
    usage: &[Used],
    threads: usize,
    each: &(dyn Fn(&Used) -> i64 + Sync),
) -> (Duration, Vec<i64>) {
    let mut times = Vec::new();
    let mut totals = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        totals = spread(usage, threads, each);
        times.push(started.elapsed());
    }
    times.sort();
    let (best, worst) = (times[0], times[times.len() - 1]);
    println!(
        "{what}: {} invoices/s (worst of {ROUNDS}: {})",
        grouped(per_second(usage.len(), best)),
        grouped(per_second(usage.len(), worst))
    );
    (best, totals)
}

fn spread(usage: &[Used], threads: usize, each: &(dyn Fn(&Used) -> i64 + Sync)) -> Vec<i64> {
    let part = usage.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let running: Vec<_> = usage
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().map(each).collect::<Vec<_>>()))
            .collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}
