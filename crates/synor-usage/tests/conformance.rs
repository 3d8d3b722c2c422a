//! Every backend passes the same tests; the reference model does too, or the tests would prove
//! nothing.

use std::sync::Arc;

use synor_usage::conformance::ReferenceLog;
use synor_usage::{SqliteUsageLog, UsageLog};

mod reference {
    use super::*;

    synor_usage::usage_log_conformance! {{
        let log: Arc<dyn UsageLog> = Arc::new(ReferenceLog::default());
        (log, ())
    }}
}

mod segmented {
    use super::*;
    use synor_usage::{SegmentOptions, SegmentedUsageLog};

    synor_usage::usage_log_conformance! {{
        let folder = tempfile::tempdir().unwrap();
        let log = SegmentedUsageLog::open(folder.path(), SegmentOptions::default()).unwrap();
        let log: Arc<dyn UsageLog> = Arc::new(log);
        (log, folder)
    }}
}

/// Segments so small that everything crosses sealing and merging.
mod tiny_segments {
    use super::*;
    use synor_usage::{SegmentOptions, SegmentedUsageLog};

    synor_usage::usage_log_conformance! {{
        let folder = tempfile::tempdir().unwrap();
        let options = SegmentOptions::with_segment_events(3);
        let log = SegmentedUsageLog::open(folder.path(), options).unwrap();
        let log: Arc<dyn UsageLog> = Arc::new(log);
        (log, folder)
    }}
}

mod sqlite {
    use super::*;

    synor_usage::usage_log_conformance! {{
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteUsageLog::open(folder.path().join("usage.db")).unwrap();
        let log: Arc<dyn UsageLog> = Arc::new(log);
        (log, folder)
    }}
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::*;
    use synor_testkit::postgres::{fresh_schema, url};
    use synor_usage::PostgresUsageLog;

    synor_usage::usage_log_conformance! {{
        let log = PostgresUsageLog::connect_in(url(), &fresh_schema()).await.unwrap();
        let log: Arc<dyn UsageLog> = Arc::new(log);
        (log, ())
    }}
}

/// A conformance test that is not in the macro's list would run nowhere.
#[test]
fn the_list_of_conformance_tests_is_whole() {
    let list = include_str!("../src/conformance/mod.rs");
    let stories = [
        include_str!("../src/conformance/aggregates.rs"),
        include_str!("../src/conformance/batched.rs"),
        include_str!("../src/conformance/concurrent.rs"),
        include_str!("../src/conformance/identity.rs"),
        include_str!("../src/conformance/levels.rs"),
        include_str!("../src/conformance/reading.rs"),
        include_str!("../src/conformance/series.rs"),
        include_str!("../src/conformance/withdrawals.rs"),
    ];
    let functions = stories
        .iter()
        .flat_map(|story| story.split("\npub async fn ").skip(1));
    let names: Vec<_> = functions.map(|f| f.split('(').next().unwrap()).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(
            list.split_whitespace().any(|word| word == name),
            "{name} is not in the list"
        );
    }
}
