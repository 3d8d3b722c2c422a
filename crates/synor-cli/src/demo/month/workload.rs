//! A workload: one thing that a customer runs, where it runs, when, and what it uses.

use synor_economics::metering::ResourceType;

use super::rhythm::{Day, Week};

/// An operator's machine.
#[derive(Clone, Copy)]
pub struct Node {
    /// The operator's id.
    pub provider: &'static str,
    /// Where it stands.
    pub region: &'static str,
}

/// One thing that a customer runs. The meters of a workload rise and fall together, because they
/// follow the same shape and the same chance.
#[derive(Clone, Copy)]
pub struct Workload {
    /// What it is called in the names of events.
    pub name: &'static str,
    /// The machines that it runs on.
    pub nodes: &'static [Node],
    /// Dimensions besides the region.
    pub labels: &'static [(&'static str, &'static str)],
    /// When it uses things.
    pub shape: Shape,
    /// The part of the month in which it runs at all, in permille: from the first, before the
    /// second.
    pub during: (i64, i64),
    /// What it uses and how much: counts of whole things, and thousandths of GB, core-hours,
    /// gpu-hours and GB-hours.
    pub uses: &'static [(ResourceType, i64)],
}

/// How a workload uses its resources over the month.
#[derive(Clone, Copy)]
pub enum Shape {
    /// All the time, in the rhythm of days and weeks; amounts are hourly averages, shared by the
    /// nodes.
    Flow {
        /// How often the meters report.
        every_mins: i64,
        /// The rhythm of a day.
        day: Day,
        /// The rhythm of a week.
        week: Week,
        /// By how many permille it grows over the month.
        growth: i64,
    },
    /// Jobs, each on one of the nodes; amounts are per hour of an average job, and differ by up to
    /// a half from job to job.
    Jobs {
        /// How many start on an average day, in thousandths.
        per_day_milli: i64,
        /// The fewest and the most hours that one runs.
        hours: (i64, i64),
        /// When in a day they start.
        day: Day,
        /// On which days.
        week: Week,
    },
    /// A level that is sampled again and again; amounts are what is held by all nodes together.
    Level {
        /// How often.
        every_hours: i64,
        /// Points of `(permille of the month, permille of the amount)`, joined by straight lines.
        /// After it has reached zero there is nothing left to sample.
        path: &'static [(i64, i64)],
    },
    /// A level that is reported when it changes: `(permille of the month, how many)`.
    Steps(&'static [(i64, i64)]),
    /// A single correction, which takes the amounts back, this many permille into the month.
    Correction(i64),
}

/// Usage reported every hour.
pub const fn hourly(day: Day, week: Week) -> Shape {
    every(60, day, week)
}

/// Usage reported every so many minutes.
pub const fn every(every_mins: i64, day: Day, week: Week) -> Shape {
    Shape::Flow {
        every_mins,
        day,
        week,
        growth: 0,
    }
}

/// Short jobs, each reported once; their number per day is given in thousandths.
pub const fn jobs(per_day_milli: i64, day: Day, week: Week) -> Shape {
    Shape::Jobs {
        per_day_milli,
        hours: (1, 1),
        day,
        week,
    }
}

/// A level sampled every so many hours.
pub const fn level(every_hours: i64, path: &'static [(i64, i64)]) -> Shape {
    Shape::Level { every_hours, path }
}

impl Shape {
    /// The same, growing by this many permille over the month.
    pub const fn growing(mut self, permille: i64) -> Self {
        if let Self::Flow { growth, .. } = &mut self {
            *growth = permille;
        }
        self
    }

    /// The same, with jobs that run for this many hours.
    pub const fn lasting(mut self, shortest: i64, longest: i64) -> Self {
        if let Self::Jobs { hours, .. } = &mut self {
            *hours = (shortest, longest);
        }
        self
    }
}

/// A workload.
pub const fn work(
    name: &'static str,
    nodes: &'static [Node],
    shape: Shape,
    uses: &'static [(ResourceType, i64)],
) -> Workload {
    Workload {
        name,
        nodes,
        labels: &[],
        shape,
        during: (0, 1_000),
        uses,
    }
}

impl Workload {
    /// The same, with dimensions besides the region.
    pub const fn labelled(self, labels: &'static [(&'static str, &'static str)]) -> Self {
        Self { labels, ..self }
    }

    /// The same, only from one permille of the month to before another.
    pub const fn during(self, from: i64, until: i64) -> Self {
        Self {
            during: (from, until),
            ..self
        }
    }
}
