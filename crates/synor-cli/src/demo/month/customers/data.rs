//! Customers who keep data: archives, databases, sensors. Most of it is levels that rise slowly.

use synor_economics::metering::ResourceType as R;

use super::super::rhythm::{EVEN, FLAT, NIGHT, OFFICE, VISITS, WORKDAYS};
use super::super::workload::{every, hourly, jobs, level, work};
use super::{AMS_1, FRA_1, FRA_2, IAD_1, IAD_2, NRT_1, Profile, SIN_1, customer};

/// Who they are and what they run.
pub const PROFILES: &[Profile] = &[
    customer(
        "tidewater-archive",
        "Tidewater Archive (backups)",
        "UTC",
        &[
            work(
                "nightly",
                &[FRA_2, AMS_1],
                level(3, &[(0, 1_000), (1_000, 1_090)]),
                &[(R::StorageStoredData, 4_200_000)],
            )
            .labelled(&[("bucket", "nightly")]),
            work(
                "ledgers",
                &[AMS_1],
                level(3, &[(0, 1_000), (1_000, 1_020)]),
                &[(R::StorageStoredData, 1_600_000)],
            )
            .labelled(&[("bucket", "ledgers")]),
            work(
                "deep",
                &[SIN_1],
                level(3, &[(0, 1_000), (350, 1_000), (360, 1_120)]),
                &[(R::StorageStoredData, 2_400_000)],
            )
            .labelled(&[("bucket", "deep")]),
            work(
                "upload",
                &[FRA_2, AMS_1],
                hourly(NIGHT, EVEN),
                &[(R::NetworkIngress, 9_000)],
            ),
            work(
                "deal",
                &[FRA_2, AMS_1, SIN_1],
                jobs(46_000, NIGHT, EVEN),
                &[(R::StorageDeal, 2)],
            ),
            work(
                "restore",
                &[AMS_1],
                jobs(700, OFFICE, WORKDAYS),
                &[(R::StorageRetrieval, 90_000), (R::NetworkEgress, 18_000)],
            ),
        ],
    ),
    customer(
        "quillfin-search",
        "Quillfin Search (vector search)",
        "UTC",
        &[
            work(
                "search",
                &[IAD_2, FRA_1],
                hourly(VISITS, WORKDAYS).growing(900),
                &[
                    (R::DatabaseVectorSearches, 380_000),
                    (R::DatabaseQueries, 240_000),
                    (R::NetworkRequests, 130_000),
                    (R::NetworkEgress, 120),
                ],
            ),
            work(
                "vectors",
                &[IAD_2, FRA_1],
                level(3, &[(0, 1_000), (1_000, 1_600)]),
                &[(R::DatabaseStoredData, 260_000)],
            )
            .labelled(&[("database", "vectors")]),
            work(
                "embed",
                &[IAD_2],
                hourly(FLAT, EVEN).growing(600),
                &[(R::ComputeCpu, 2_200), (R::ComputeMemory, 6_000)],
            ),
        ],
    ),
    customer(
        "thistle-gauge",
        "Thistle Gauge (sensor readings)",
        "UTC",
        &[
            work(
                "readings",
                &[FRA_1],
                every(15, FLAT, EVEN),
                &[
                    (R::NetworkIngress, 340),
                    (R::NetworkRequests, 160_000),
                    (R::DatabaseQueries, 210_000),
                ],
            ),
            work(
                "series",
                &[FRA_1],
                level(2, &[(0, 1_000), (1_000, 1_220)]),
                &[(R::DatabaseStoredData, 95_000)],
            )
            .labelled(&[("database", "series")]),
            work(
                "alarms",
                &[FRA_1],
                jobs(12_000, FLAT, EVEN),
                &[(R::ComputeInvocations, 300)],
            ),
        ],
    ),
    // It moves out: the last copy is fetched, and in the middle of the month everything is deleted.
    customer(
        "driftleaf-notes",
        "Driftleaf Notes (notes, moving out)",
        "Europe/Berlin",
        &[
            work(
                "notes",
                &[FRA_2],
                level(2, &[(0, 1_000), (535, 1_000), (536, 0)]),
                &[(R::DatabaseStoredData, 120_000)],
            )
            .labelled(&[("database", "notes")]),
            work(
                "attachments",
                &[FRA_2],
                level(2, &[(0, 1_000), (535, 1_000), (536, 0)]),
                &[(R::StorageStoredData, 900_000)],
            )
            .labelled(&[("bucket", "attachments")]),
            work(
                "farewell",
                &[FRA_2],
                jobs(1_500, OFFICE, EVEN),
                &[(R::StorageRetrieval, 70_000), (R::NetworkEgress, 70_000)],
            )
            .during(150, 530),
            work(
                "edits",
                &[FRA_2],
                hourly(VISITS, EVEN).growing(-900),
                &[(R::DatabaseQueries, 140_000), (R::NetworkRequests, 20_000)],
            )
            .during(0, 530),
        ],
    ),
    customer(
        "abacus-heron",
        "Abacus Heron (bookkeeping)",
        "America/New_York",
        &[
            // Busier towards the end of the month, when the books are closed.
            work(
                "books",
                &[IAD_1],
                hourly(OFFICE, WORKDAYS).growing(1_400),
                &[
                    (R::DatabaseQueries, 150_000),
                    (R::ComputeCpu, 500),
                    (R::ComputeMemory, 1_600),
                    (R::NetworkRequests, 12_000),
                ],
            ),
            work(
                "ledger",
                &[IAD_1],
                level(6, &[(0, 1_000), (1_000, 1_050)]),
                &[(R::DatabaseStoredData, 64_000)],
            ),
            work(
                "receipts",
                &[IAD_2],
                level(12, &[(0, 1_000), (1_000, 1_120)]),
                &[(R::StorageStoredData, 180_000)],
            )
            .labelled(&[("bucket", "receipts")]),
        ],
    ),
    // Its collector integrates by itself and reports GB-hours instead of levels.
    customer(
        "lantern-reef",
        "Lantern Reef (ocean recordings)",
        "UTC",
        &[
            work(
                "hydrophones",
                &[NRT_1, SIN_1],
                hourly(FLAT, EVEN).growing(80),
                &[
                    (R::StorageStoredData, 1_100_000),
                    (R::NetworkIngress, 1_500),
                ],
            )
            .labelled(&[("bucket", "hydrophones")]),
            work(
                "deal",
                &[NRT_1, SIN_1],
                jobs(24_000, FLAT, EVEN),
                &[(R::StorageDeal, 1)],
            ),
            work(
                "listen",
                &[NRT_1],
                jobs(6_000, OFFICE, WORKDAYS),
                &[(R::StorageRetrieval, 8_000)],
            ),
        ],
    ),
];
