//! The books against the model of what was acknowledged.

use std::collections::BTreeMap;

use synor_chain::{Chain, Cursor, ObservedTransfer, TransferStatus};
use synor_economics::billing::{
    ConfirmationPolicy, CreditEntry, CreditSource, Invoice, Payment, PaymentStatus,
};
use synor_economics::id::{CreditId, TxId};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Period, Timestamp, Zone};
use synor_store::{Deduction, Kind, ListQuery, Store};
use synor_usage::{EventQuery, LoggedEvent, UsageLog};

use crate::blocking::wait;
use crate::life::Broken;
use crate::model::{Used, price_of_egress};
use crate::world::{Customer, World};

/// The customer whose bills the model can work out: it has no plan, no withdrawals, no voids.
const PLAIN: usize = 0;

/// Every acknowledged event is counted once, and nothing else.
pub async fn usage(world: &World) -> Result<(), Broken> {
    for customer in &world.customers {
        let held = events(world, customer).await?.into_iter();
        let held: BTreeMap<_, _> = held
            .map(|logged| {
                let used = Used {
                    bytes: logged.event.quantity.get(),
                    at: logged.event.time.secs(),
                    is_withdrawn: logged.withdrawn.is_some(),
                };
                (logged.event.identity.id, used)
            })
            .collect();
        let acknowledged = &customer.acknowledged.events;
        let id = &customer.id;
        if let Some((event, _)) = acknowledged
            .iter()
            .find(|(e, used)| held.get(*e) != Some(used))
        {
            let what = format!("event {event} of {id} was acknowledged and does not count so");
            return Err(Broken::new(what));
        }
        // An event may be held that was never acknowledged only if nobody was answered.
        if let Some(event) = held.keys().find(|event| !acknowledged.contains_key(*event)) {
            let what = format!("event {event} of {id} counts and was never acknowledged");
            return Err(Broken::new(what));
        }
    }
    Ok(())
}

async fn events(world: &World, customer: &Customer) -> Result<Vec<LoggedEvent>, Broken> {
    let mut query = EventQuery::all(customer.id.clone());
    let mut events = Vec::new();
    loop {
        let page = world
            .log
            .events(query.clone())
            .await
            .map_err(Broken::setup)?;
        events.extend(page.items);
        match page.next {
            Some(next) => query.after = next,
            None => return Ok(events),
        }
    }
}

/// Every acknowledged grant and deduction is in the books once, and every granted credit is what
/// remains of it and what was used of it.
pub async fn money(world: &World) -> Result<(), Broken> {
    let book = &*world.book as &dyn Store;
    for (at, customer) in world.customers.iter().enumerate() {
        let id = &customer.id;
        let list = ListQuery::of(Kind::Deduction, id);
        let deductions: Vec<Deduction> = book.list(list).await.map_err(Broken::setup)?.items;
        let deducted: i64 = deductions
            .iter()
            .map(|d| d.amount_micro_synor.micro())
            .sum();
        let expected = customer.acknowledged.deducted_in_all();
        if deducted != expected {
            let what = format!("{id}: {expected} µSYNOR were deducted, the book has {deducted}");
            return Err(Broken::new(what));
        }
        let list = ListQuery::of(Kind::Credit, id);
        let credits: Vec<CreditEntry> = book.list(list).await.map_err(Broken::setup)?.items;
        let by_hand = |c: &&CreditEntry| matches!(c.source, CreditSource::Manual { .. });
        let granted = credits.iter().filter(by_hand);
        let granted: i64 = granted.map(|c| c.amount_micro_synor.micro()).sum();
        let expected = customer.acknowledged.granted_in_all();
        if granted != expected {
            let what = format!("{id}: {expected} µSYNOR were granted, the book has {granted}");
            return Err(Broken::new(what));
        }
        let used = used(&deductions, &world.invoices(at).await?);
        for credit in credits.iter().filter(by_hand) {
            let used = used.get(&credit.credit_id).copied().unwrap_or_default();
            let there = credit.amount_micro_synor.micro() - credit.remaining_micro_synor.micro();
            if there != used {
                let what = format!("{id}: {there} µSYNOR are gone from a credit, {used} were used");
                return Err(Broken::new(what));
            }
        }
    }
    Ok(())
}

/// What was used of each credit, in µSYNOR.
fn used(deductions: &[Deduction], invoices: &[Invoice]) -> BTreeMap<CreditId, i64> {
    let mut used: BTreeMap<CreditId, i64> = BTreeMap::new();
    let standing = invoices.iter().filter(|i| i.voided_at.is_none());
    let uses = standing.flat_map(|i| &i.credits);
    for part in uses.chain(deductions.iter().flat_map(|d| &d.credits)) {
        *used.entry(part.credit_id).or_default() += part.amount_micro_synor.micro();
    }
    used
}

/// What the plain customer was billed, invoice by invoice, is the price of what counted when each
/// was made, each month rounded once.
pub async fn bills(world: &World) -> Result<(), Broken> {
    let counted = events(world, &world.customers[PLAIN]).await?;
    let (mut billed, mut months) = (0_i128, Vec::new());
    for invoice in world.invoices(PLAIN).await? {
        months.push(invoice.month);
        let lines = invoice.line_items.iter();
        billed += lines
            .map(|l| i128::from(l.amount_micro_synor.micro()))
            .sum::<i128>();
        let mut expected = 0;
        for month in &months {
            let period = month.period(&Zone::utc()).map_err(Broken::setup)?;
            let position = invoice.usage_log_position;
            expected += price_of_egress(bytes_in(&counted, period, position));
        }
        // A month without an invoice of its own is billed with the next one.
        let is_complete = months.windows(2).all(|w| w[0].next().ok() == Some(w[1]));
        if is_complete && months.first() == world.closed_months.first() && billed != expected {
            let what = format!(
                "{}: {billed} µSYNOR were billed so far, the usage comes to {expected}",
                invoice.number
            );
            return Err(Broken::new(what));
        }
    }
    Ok(())
}

/// What counted of a period for someone who had read up to a position.
fn bytes_in(events: &[LoggedEvent], period: Period, position: u64) -> i128 {
    let seen = events.iter().filter(|l| l.position <= position);
    let inside = seen.filter(|l| is_inside(l.event.time, period));
    inside.map(|l| l.event.quantity.get()).sum()
}

fn is_inside(at: Timestamp, period: Period) -> bool {
    period.start() <= at && at < period.end()
}

/// The payments that count are the transfers that are deep enough on the chain itself.
pub async fn coins(world: &World) -> Result<(), Broken> {
    let policy = ConfirmationPolicy::default();
    let mut deep: BTreeMap<TxId, i64> = BTreeMap::new();
    for transfer in transfers(world)? {
        let amount = transfer.amount.to_micro().map_err(Broken::setup)?;
        let is_deep = transfer.confirmations >= policy.required(amount);
        if transfer.status == TransferStatus::Included && is_deep && amount.is_positive() {
            deep.insert(transfer.tx_id, amount.micro());
        }
    }
    let book = &*world.book as &dyn Store;
    let list = book.list(ListQuery::all(Kind::Payment)).await;
    let payments: Vec<Payment> = list.map_err(Broken::setup)?.items;
    let counted = payments
        .into_iter()
        .filter(|p| p.status == PaymentStatus::Confirmed);
    let counted: BTreeMap<_, _> = counted
        .map(|p| (p.tx_id, MicroSynor::micro(p.amount_micro_synor)))
        .collect();
    if counted != deep {
        let differs = counted.iter().chain(&deep);
        let first = differs
            .into_iter()
            .find(|(tx, amount)| counted.get(*tx) != Some(amount) || deep.get(*tx) != Some(amount));
        let what = format!("payments that count and transfers that are deep differ in {first:?}");
        return Err(Broken::new(what));
    }
    Ok(())
}

/// Every transfer to the billing address as it stands now.
fn transfers(world: &World) -> Result<Vec<ObservedTransfer>, Broken> {
    let address = world.node(0).pay_to().clone();
    let (mut after, mut found) = (Cursor::default(), Vec::new());
    loop {
        let page = wait(world.chain.transfers_to(&address, after, 1_000));
        let page = page.map_err(Broken::setup)?;
        if page.items.is_empty() {
            return Ok(found);
        }
        found.extend(page.items);
        after = page.next;
    }
}
