//! What a series can say of each step besides the sum: the largest quantity, and how many different
//! values there were. Both are read from the events themselves, so that every backend has them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use synor_economics::id::ProviderId;
use synor_economics::metering::{Dimensions, Measure, ResourceType, UsageEvent};
use synor_economics::money::MoneyError;
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;
use thiserror::Error;

use crate::error::UsageLogError;
use crate::log::{EventQuery, LoggedEvent, UsageLog};
use crate::series::{LineTally, Series, SeriesQuery, SplitBy, steps};

/// What a series says of each step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Aggregate {
    /// How much was used. Levels are integrated.
    #[default]
    Sum,
    /// The largest quantity of one event; of a level, its peak in the step, with what it held from
    /// before. Where a line holds several levels, the peak is that of all of them together. A
    /// level's peak is in the unit of its samples (bytes, not byte-seconds), and usage of a level
    /// that its source has integrated is not part of it.
    Maximum,
    /// How many different values of a dimension, or how many providers, there were. A level counts
    /// where it is above zero, also without an event.
    Unique(SplitBy),
}

/// A text that is no aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not an aggregate; there are sum, maximum, unique:provider and unique:DIMENSION")]
pub struct UnknownAggregate(String);

impl FromStr for Aggregate {
    type Err = UnknownAggregate;

    /// ```
    /// use synor_usage::{Aggregate, SplitBy};
    /// let buckets: Aggregate = "unique:bucket".parse()?;
    /// assert_eq!(buckets, Aggregate::Unique(SplitBy::Dimension("bucket".to_owned())));
    /// # Ok::<(), synor_usage::UnknownAggregate>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, UnknownAggregate> {
        match (text, text.strip_prefix("unique:")) {
            ("sum", _) => Ok(Self::Sum),
            ("maximum", _) => Ok(Self::Maximum),
            (_, Some(of)) if !of.is_empty() => Ok(Self::Unique(SplitBy::named(of))),
            _ => Err(UnknownAggregate(text.to_owned())),
        }
    }
}

/// [`UsageLog::aggregate`] for what is no sum: everything acknowledged when it began. Events marked
/// `correction` say nothing of how much was used at once, or of what, and are left out.
pub(crate) async fn read<L: UsageLog + ?Sized>(
    log: &L,
    query: SeriesQuery,
    aggregate: &Aggregate,
) -> Result<Series, UsageLogError> {
    let through = log.position().await?;
    let mut gathered = Gathered::new(&query)?;
    let mut pages = EventQuery {
        period: Some(seen(&query)?),
        resource: query.resource,
        ..EventQuery::all(query.account.clone())
    };
    loop {
        let page = log.events(pages.clone()).await?;
        for logged in &page.items {
            let counts =
                logged.position <= through && logged.withdrawn.is_none_or(|at| at > through);
            if counts && !logged.event.correction {
                gathered.take(logged, query.split.as_ref(), aggregate);
            }
        }
        match page.next {
            Some(next) if next < through => pages.after = next,
            _ => break,
        }
    }
    let tally = gathered.tally(aggregate);
    let tally = tally.map_err(|source| UsageLogError::Sum {
        account: query.account.clone(),
        source,
    })?;
    Ok(tally.into_series(query.account, through))
}

/// Whose events matter: for a level also those before the period, the last of which holds into it.
fn seen(query: &SeriesQuery) -> Result<Period, UsageLogError> {
    let is_sum = |resource: ResourceType| resource.spec().measure == Measure::Sum;
    if query.resource.is_some_and(is_sum) {
        return Ok(query.period);
    }
    let first = query.period.start().min(Timestamp::from_secs(0));
    Ok(Period::new(first, query.period.end())?)
}

/// A line's resource and group.
type Line = (ResourceType, Option<String>);
/// What tells levels of one line apart.
type Meter = (Option<ProviderId>, Dimensions);

/// A sample; of several in one second, the greatest identity holds.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    at: Timestamp,
    source: String,
    id: String,
    level: Quantity,
}

/// The samples of one level that matter for a period.
#[derive(Debug, Default)]
struct Samples {
    /// The last one up to its start.
    opening: Option<Held>,
    inside: Vec<Held>,
}

/// What the events say, before it is one number a step.
#[derive(Debug)]
struct Gathered {
    period: Period,
    tally: LineTally,
    largest: BTreeMap<Line, Vec<Quantity>>,
    values: BTreeMap<Line, Vec<BTreeSet<String>>>,
    levels: BTreeMap<Line, BTreeMap<Meter, Samples>>,
}

impl Gathered {
    fn new(query: &SeriesQuery) -> Result<Self, UsageLogError> {
        Ok(Self {
            period: query.period,
            tally: LineTally::new(steps(query.period, query.step, &query.zone)?),
            largest: BTreeMap::new(),
            values: BTreeMap::new(),
            levels: BTreeMap::new(),
        })
    }

    fn take(&mut self, logged: &LoggedEvent, split: Option<&SplitBy>, aggregate: &Aggregate) {
        let event = &logged.event;
        let group = split.and_then(|by| by.group(event.provider.as_ref(), &event.dimensions));
        let line = (event.resource, group);
        if event.is_sample {
            self.take_sample(line, event);
            return;
        }
        let steps = self.tally.steps().len();
        let Some(step) = self.tally.step_of(event.time) else {
            return;
        };
        match aggregate {
            Aggregate::Sum => {}
            Aggregate::Maximum => {
                if event.resource.spec().measure == Measure::Sum {
                    let none = || vec![Quantity::ZERO; steps];
                    let largest = self.largest.entry(line).or_insert_with(none);
                    if let Some(so_far) = largest.get_mut(step) {
                        *so_far = event.quantity.max(*so_far);
                    }
                }
            }
            Aggregate::Unique(by) => {
                if let Some(value) = by.group(event.provider.as_ref(), &event.dimensions) {
                    let none = || vec![BTreeSet::new(); steps];
                    let values = self.values.entry(line).or_insert_with(none);
                    if let Some(values) = values.get_mut(step) {
                        values.insert(value);
                    }
                }
            }
        }
    }

    /// Keeps a sample of the period, and of those up to its start only the last.
    fn take_sample(&mut self, line: Line, event: &UsageEvent) {
        let held = Held {
            at: event.time,
            source: event.identity.source.clone(),
            id: event.identity.id.clone(),
            level: event.quantity,
        };
        let meter = (event.provider.clone(), event.dimensions.clone());
        let of_line = self.levels.entry(line).or_default();
        let samples = of_line.entry(meter).or_default();
        if held.at > self.period.start() {
            samples.inside.push(held);
        } else if samples.opening.as_ref().is_none_or(|other| *other < held) {
            samples.opening = Some(held);
        }
    }

    fn tally(mut self, aggregate: &Aggregate) -> Result<LineTally, MoneyError> {
        let steps = self.tally.steps().to_vec();
        for ((resource, group), meters) in std::mem::take(&mut self.levels) {
            match aggregate {
                Aggregate::Sum => {}
                Aggregate::Maximum => {
                    let peaks = peaks(meters, &steps)?;
                    self.tally.add(resource, group, peaks)?;
                }
                Aggregate::Unique(by) => {
                    let none = || vec![BTreeSet::new(); steps.len()];
                    let values = self.values.entry((resource, group)).or_insert_with(none);
                    for ((provider, dimensions), samples) in meters {
                        if let Some(value) = by.group(provider.as_ref(), &dimensions) {
                            let one = BTreeMap::from([((provider, dimensions), samples)]);
                            let peaks = peaks(one, &steps)?;
                            for (values, _) in
                                values.iter_mut().zip(peaks).filter(|(_, p)| !p.is_zero())
                            {
                                values.insert(value.clone());
                            }
                        }
                    }
                }
            }
        }
        for ((resource, group), largest) in self.largest {
            self.tally.add(resource, group, largest)?;
        }
        for ((resource, group), values) in self.values {
            let counts = values.iter().map(|values| i128::try_from(values.len()));
            let counts = counts.map(|count| count.map(Quantity::new));
            let counts = counts.collect::<Result<_, _>>();
            self.tally
                .add(resource, group, counts.map_err(|_| MoneyError::Overflow)?)?;
        }
        Ok(self.tally)
    }
}

/// The greatest sum of some levels within each step, with what they held when it began.
fn peaks(meters: BTreeMap<Meter, Samples>, steps: &[Period]) -> Result<Vec<Quantity>, MoneyError> {
    let mut levels = vec![Quantity::ZERO; meters.len()];
    let mut changes = Vec::new();
    for (meter, mut samples) in meters.into_values().enumerate() {
        samples.inside.sort_unstable();
        let samples = samples.opening.into_iter().chain(samples.inside);
        changes.extend(samples.map(|held| (held.at, meter, held.level)));
    }
    // Stable: within a meter and second the greatest identity stays last.
    changes.sort_by_key(|&(at, _, _)| at);
    let mut sum = Quantity::ZERO;
    let mut changes = changes.into_iter().peekable();
    let mut peaks = Vec::with_capacity(steps.len());
    for step in steps {
        let mut peak = None;
        while let Some(&(now, _, _)) = changes.peek().filter(|(at, _, _)| *at < step.end()) {
            if now > step.start() && peak.is_none() {
                peak = Some(sum);
            }
            while let Some((_, meter, level)) = changes.next_if(|(at, _, _)| *at == now) {
                if let Some(held) = levels.get_mut(meter) {
                    sum = sum.checked_sub(*held)?.checked_add(level)?;
                    *held = level;
                }
            }
            if now >= step.start() {
                peak = Some(peak.unwrap_or(sum).max(sum));
            }
        }
        peaks.push(peak.unwrap_or(sum));
    }
    Ok(peaks)
}
