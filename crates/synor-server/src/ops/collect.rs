//! Where things stand, looked at when somebody asks: how far the usage log, the book and the chain
//! are, what became of the jobs, and how much waits in the stream.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use synor_economics::period::Timestamp;

use crate::state::AppState;

type Labels<const N: usize> = [(&'static str, String); N];

/// Where things stand.
#[derive(Debug, Default)]
pub struct Standing {
    up: Family<Labels<1>, Gauge>,
    usage_position: Gauge,
    book_commits: Gauge,
    chain_blocks: Gauge,
    job_runs: Family<Labels<1>, Gauge>,
    job_failures: Family<Labels<1>, Gauge>,
    job_last_run: Family<Labels<1>, Gauge>,
    job_last_success: Family<Labels<1>, Gauge>,
    stream_waiting: Family<Labels<2>, Gauge>,
    stream_pending: Family<Labels<2>, Gauge>,
    stream_failures: Family<Labels<1>, Gauge>,
    dead_letters: Gauge,
}

impl Standing {
    /// Gauges that a registry tells of.
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        let mut add = |name: &str, help: &str, gauge: &Gauge| {
            registry.register(name, help, gauge.clone());
        };
        add(
            "usage_log_position",
            "Position of the last event of the usage log",
            &all.usage_position,
        );
        add("book_commits", "Commits of the book", &all.book_commits);
        add("chain_blocks", "Blocks of the chain", &all.chain_blocks);
        add(
            "stream_dead_letters",
            "Records of the stream that this process could not count",
            &all.dead_letters,
        );
        let mut add = |name: &str, help: &str, gauges: &Family<Labels<1>, Gauge>| {
            registry.register(name, help, gauges.clone());
        };
        add("up", "Whether a part answers (1) or not (0)", &all.up);
        add("job_runs", "How often a job ran", &all.job_runs);
        add("job_failures", "How often a job failed", &all.job_failures);
        add(
            "job_last_run_timestamp_seconds",
            "When a job ended last",
            &all.job_last_run,
        );
        add(
            "job_last_success_timestamp_seconds",
            "When a job ended well last",
            &all.job_last_success,
        );
        add(
            "stream_failures",
            "How often the stream or what it is counted into was away",
            &all.stream_failures,
        );
        let mut add = |name: &str, help: &str, gauges: &Family<Labels<2>, Gauge>| {
            registry.register(name, help, gauges.clone());
        };
        add(
            "stream_waiting_records",
            "Records of a partition that nobody has read yet",
            &all.stream_waiting,
        );
        add(
            "stream_pending_records",
            "Records of a partition that are read and not counted yet",
            &all.stream_pending,
        );
        all
    }

    /// Looks. A part that does not answer leaves its measure as it was, and is told as not up.
    pub async fn look(&self, state: &AppState) {
        let readiness = state.engine.readiness().await;
        for (part, answer) in readiness.parts() {
            let up = self.up.get_or_create_owned(&[("part", part.to_owned())]);
            up.set(answer.is_ok().into());
        }
        if let Ok(position) = readiness.usage_log {
            self.usage_position.set(signed(position));
        }
        if let Ok(blocks) = readiness.chain {
            self.chain_blocks.set(signed(blocks));
        }
        if readiness.book.is_ok()
            && let Ok(commits) = state.engine.store().commits().await
        {
            self.book_commits.set(signed(commits));
        }
        self.look_at_jobs(state);
        self.look_at_stream(state);
    }

    fn look_at_jobs(&self, state: &AppState) {
        for (job, runs) in state.engine.job_runs() {
            let job = [("job", job.to_owned())];
            let set = |gauges: &Family<Labels<1>, Gauge>, value| {
                gauges.get_or_create_owned(&job).set(value);
            };
            set(&self.job_runs, signed(runs.runs));
            set(&self.job_failures, signed(runs.failures));
            if let Some(at) = runs.last_run {
                set(&self.job_last_run, at.secs());
            }
            let success = runs.last_success.map_or(0, Timestamp::secs);
            set(&self.job_last_success, success);
        }
    }

    fn look_at_stream(&self, state: &AppState) {
        let Some(status) = &state.stream.worker else {
            return;
        };
        let status = status.borrow().clone();
        self.dead_letters.set(signed(status.dead_letters));
        for (side, failures) in [
            ("source", status.source_failures),
            ("sink", status.sink_failures),
        ] {
            let gauge = self
                .stream_failures
                .get_or_create_owned(&[("side", side.to_owned())]);
            gauge.set(signed(failures));
        }
        for partition in &status.lag.partitions {
            let labels = [
                ("stream", partition.stream.clone()),
                ("partition", partition.partition.to_string()),
            ];
            if let Some(waiting) = partition.waiting {
                let gauge = self.stream_waiting.get_or_create_owned(&labels);
                gauge.set(signed(waiting));
            }
            let gauge = self.stream_pending.get_or_create_owned(&labels);
            gauge.set(signed(partition.pending));
        }
    }
}

/// A count as gauges hold it.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
