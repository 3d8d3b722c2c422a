//! From a workload to the events that the nodes' meters would have reported of it.

use synor_economics::metering::{BaseUnit, Measure, RawEvent, ResourceType};
use synor_economics::period::{DAY_SECS, Timestamp};

use super::random::Random;
use super::rhythm::{Day, HOUR_SECS, LocalMonth, Week};
use super::workload::{Node, Shape, Workload};

/// The only GPU that the default price list prices.
const GPU_MODEL: &str = "rtx4090";

/// Writes the month's events of one workload.
pub fn report(account: &str, workload: &Workload, month: &LocalMonth, events: &mut Vec<RawEvent>) {
    let mut report = Report {
        workload,
        node_count: workload.nodes.iter().map(|_| 1).sum::<i64>().max(1),
        account,
        month,
        random: Random::named(&[account, workload.name, month.name()]),
        events,
    };
    match workload.shape {
        Shape::Flow {
            every_mins,
            day,
            week,
            growth,
        } => report.flow(every_mins, &day, &week, growth),
        Shape::Jobs {
            per_day_milli,
            hours,
            day,
            week,
        } => report.jobs(per_day_milli, hours, &day, &week),
        Shape::Level { every_hours, path } => report.level(every_hours, path),
        Shape::Steps(steps) => report.steps(steps),
        Shape::Correction(permille) => report.correction(permille),
    }
}

struct Report<'a> {
    workload: &'a Workload,
    node_count: i64,
    account: &'a str,
    month: &'a LocalMonth,
    random: Random,
    events: &'a mut Vec<RawEvent>,
}

impl Report<'_> {
    fn flow(&mut self, every_mins: i64, day: &Day, week: &Week, growth: i64) {
        for at in self.month.every(every_mins * 60) {
            let busy = self.month.busy(at, day, week);
            let grown = 1_000 + growth * self.month.permille(at) / 1_000;
            let name = self.slot_name(at);
            for (resource, per_hour) in self.workload.uses {
                let amount = per_hour * every_mins / 60 * busy / 1_000 * grown / 1_000;
                for node in self.workload.nodes {
                    let amount = self.random.vary(self.share(amount), 150);
                    self.amount(node, *resource, amount, at, &name);
                }
            }
        }
    }

    fn jobs(&mut self, per_day_milli: i64, hours: (i64, i64), day: &Day, week: &Week) {
        let mut number = 0;
        for midnight in self.month.every(DAY_SECS) {
            let expected = per_day_milli * self.month.busy_day(midnight, week) / 1_000;
            let count = (expected + self.random.between(0, 999)) / 1_000;
            let mut starts: Vec<_> = (0..count).map(|_| self.start(midnight, day)).collect();
            starts.sort_unstable();
            for start in starts {
                number += 1;
                // Jobs are counted anew each month, but are never confused with another month's.
                let name = format!("{}/{}-{number:04}", self.month.name(), self.workload.name);
                self.job(&name, start, hours);
            }
        }
    }

    fn start(&mut self, midnight: Timestamp, day: &Day) -> Timestamp {
        let hour = self.random.place(day);
        let secs = self.random.between(0, HOUR_SECS - 1);
        midnight.plus_secs(hour * HOUR_SECS + secs)
    }

    /// One job, reported hour by hour until it or the month ends.
    fn job(&mut self, name: &str, start: Timestamp, hours: (i64, i64)) {
        let size = self.random.between(500, 1_500);
        let hours = self.random.between(hours.0, hours.1);
        let Some(node) = self.random.choose(self.workload.nodes) else {
            return;
        };
        for hour in 0..hours {
            let at = start.plus_secs(hour * HOUR_SECS);
            if !self.month.contains(at) {
                return;
            }
            let name = match hours {
                1 => name.to_owned(),
                _ => format!("{name}/{hour:02}"),
            };
            for (resource, per_hour) in self.workload.uses {
                let amount = self.random.vary(per_hour * size / 1_000, 20);
                self.amount(node, *resource, amount.max(1), at, &name);
            }
        }
    }

    fn level(&mut self, every_hours: i64, path: &[(i64, i64)]) {
        for at in self.month.every(every_hours * HOUR_SECS) {
            let height = height(path, self.month.permille(at));
            let name = self.slot_name(at);
            for (resource, full) in self.workload.uses {
                for node in self.workload.nodes {
                    let held = self.random.vary(self.share(full * height / 1_000), 3);
                    self.sample(node, *resource, held, at, &name);
                }
            }
            if height == 0 {
                return;
            }
        }
    }

    fn steps(&mut self, steps: &[(i64, i64)]) {
        for (permille, count) in steps {
            let at = self.month.at(*permille);
            let name = self.slot_name(at);
            for (resource, each) in self.workload.uses {
                for node in self.workload.nodes {
                    self.sample(node, *resource, each * count, at, &name);
                }
            }
        }
    }

    fn correction(&mut self, permille: i64) {
        let at = self.month.at(permille);
        let name = self.slot_name(at);
        for (resource, amount) in self.workload.uses {
            for node in self.workload.nodes {
                let taken_back = -self.share(*amount);
                self.amount(node, *resource, taken_back, at, &name);
            }
        }
    }

    /// The name of what is reported for a stretch of time: `2026-01-05T07/shop`.
    fn slot_name(&self, at: Timestamp) -> String {
        let time = at.to_string();
        let minute = time.trim_end_matches('Z').trim_end_matches(":00");
        format!("{minute}/{}", self.workload.name)
    }

    /// What one of the nodes has of an amount that all of them share.
    fn share(&self, amount: i64) -> i64 {
        amount / self.node_count
    }

    /// Reports an amount, unless it is nothing.
    fn amount(
        &mut self,
        node: &Node,
        resource: ResourceType,
        amount: i64,
        at: Timestamp,
        name: &str,
    ) {
        if amount != 0 {
            let (unit, quantity) = written(resource.spec().base_unit, amount);
            self.event(node, resource, unit, quantity, at, name);
        }
    }

    /// Reports what is held from now on.
    fn sample(
        &mut self,
        node: &Node,
        resource: ResourceType,
        held: i64,
        at: Timestamp,
        name: &str,
    ) {
        if let Measure::Level { sample } = resource.spec().measure {
            let (unit, quantity) = written(sample, held);
            self.event(node, resource, unit, quantity, at, name);
        }
    }

    fn event(
        &mut self,
        node: &Node,
        resource: ResourceType,
        unit: Option<&str>,
        quantity: String,
        at: Timestamp,
        name: &str,
    ) {
        let (from, until) = self.workload.during;
        if !(from..until).contains(&self.month.permille(at)) {
            return;
        }
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let spec = resource.spec();
        let model = spec.required_dimension.map(|name| (name, GPU_MODEL));
        self.events.push(RawEvent {
            account: self.account.to_owned(),
            service: resource.service().name().to_owned(),
            resource: spec.name.to_owned(),
            quantity,
            unit: unit.map(str::to_owned),
            time: at.to_string(),
            source: format!("{}/meter", node.provider),
            id: format!("{name}/{}", spec.name),
            provider: Some(node.provider.to_owned()),
            dimensions: self
                .workload
                .labels
                .iter()
                .chain(&[("region", node.region)])
                .chain(&model)
                .map(text)
                .collect(),
            correction: matches!(self.workload.shape, Shape::Correction(_)),
        });
    }
}

/// How high a path of `(permille of the month, permille of the amount)` is at a moment.
fn height(path: &[(i64, i64)], permille: i64) -> i64 {
    let after = path.iter().position(|(at, _)| *at > permille);
    let (before, next) = match after {
        Some(index) => (
            index.checked_sub(1).and_then(|i| path.get(i)),
            path.get(index),
        ),
        None => (path.last(), None),
    };
    match (before, next) {
        (Some((from, low)), Some((to, high))) => {
            low + (high - low) * (permille - from) / (to - from)
        }
        (Some((_, only)), None) | (None, Some((_, only))) => *only,
        (None, None) => 0,
    }
}

/// A quantity as a meter of this kind writes it: counts as they are, everything else in
/// thousandths of a unit that people read.
fn written(base: BaseUnit, amount: i64) -> (Option<&'static str>, String) {
    let unit = match base {
        BaseUnit::Bytes => "GB",
        BaseUnit::ByteSeconds => "GB-hours",
        BaseUnit::CoreMilliseconds => "core-hours",
        BaseUnit::GpuMilliseconds => "gpu-hours",
        BaseUnit::Domains | BaseUnit::Certificates => {
            return (Some(base.name()), amount.to_string());
        }
        _ => return (None, amount.to_string()),
    };
    let sign = if amount < 0 { "-" } else { "" };
    let size = amount.abs();
    let number = format!("{sign}{}.{:03}", size / 1_000, size % 1_000);
    let shortest = number.trim_end_matches('0').trim_end_matches('.');
    (Some(unit), shortest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_joins_its_points_and_holds_its_last() {
        let path = [(0, 1_000), (500, 1_500), (501, 0)];
        let heights = [0, 250, 500, 501, 999].map(|permille| height(&path, permille));
        assert_eq!(heights, [1_000, 1_250, 1_500, 0, 0]);
        assert_eq!(height(&[], 10), 0);
    }

    #[test]
    fn quantities_are_written_for_people() {
        let text = |base, amount| {
            let (unit, number) = written(base, amount);
            format!("{number} {}", unit.unwrap_or("-"))
        };
        assert_eq!(text(BaseUnit::Bytes, 1_500), "1.5 GB");
        assert_eq!(text(BaseUnit::Bytes, 0), "0 GB");
        assert_eq!(text(BaseUnit::Bytes, -20), "-0.02 GB");
        assert_eq!(text(BaseUnit::CoreMilliseconds, 120_000), "120 core-hours");
        assert_eq!(text(BaseUnit::Queries, 1_500), "1500 -");
        assert_eq!(text(BaseUnit::Domains, 3), "3 domains");
    }
}
