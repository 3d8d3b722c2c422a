//! Customers who rent machines: GPUs in bursts, builds on workdays, functions all the time.

use synor_economics::metering::ResourceType as R;

use super::super::rhythm::{EVEN, FLAT, OFFICE, VISITS, WORKDAYS};
use super::super::workload::{every, hourly, jobs, level, work};
use super::{AMS_1, FRA_1, FRA_2, IAD_1, IAD_2, NRT_1, Profile, SFO_1, customer};

/// Who they are and what they run.
pub const PROFILES: &[Profile] = &[
    customer(
        "glowworm-quarry",
        "Glowworm Quarry (render farm)",
        "America/New_York",
        &[
            work(
                "render",
                &[IAD_1, IAD_2, SFO_1],
                jobs(2_900, OFFICE, WORKDAYS).lasting(2, 9),
                &[
                    (R::ComputeGpu, 1_350),
                    (R::ComputeCpu, 6_000),
                    (R::ComputeMemory, 48_000),
                    (R::NetworkEgress, 2_600),
                ],
            ),
            work(
                "scenes",
                &[IAD_2],
                level(6, &[(0, 1_000), (700, 1_150), (1_000, 1_020)]),
                &[(R::StorageStoredData, 1_500_000)],
            )
            .labelled(&[("bucket", "scenes")]),
            work(
                "scenes-in",
                &[IAD_2],
                hourly(OFFICE, WORKDAYS),
                &[(R::NetworkIngress, 1_800)],
            ),
        ],
    ),
    // Few trainings, long ones, on many GPUs at once, and nothing between them.
    customer(
        "lumen-badger-lab",
        "Lumen Badger Lab (model training)",
        "Asia/Tokyo",
        &[
            work(
                "training",
                &[NRT_1],
                jobs(360, OFFICE, EVEN).lasting(10, 30),
                &[
                    (R::ComputeGpu, 2_400),
                    (R::ComputeCpu, 12_000),
                    (R::ComputeMemory, 48_000),
                ],
            ),
            work(
                "datasets",
                &[NRT_1],
                level(6, &[(0, 1_000), (300, 1_000), (310, 1_400)]),
                &[(R::StorageStoredData, 800_000)],
            )
            .labelled(&[("bucket", "datasets")]),
            work(
                "loading",
                &[NRT_1],
                jobs(4_000, OFFICE, WORKDAYS),
                &[(R::StorageRetrieval, 35_000), (R::NetworkIngress, 12_000)],
            ),
        ],
    ),
    customer(
        "cloudberry-barometer",
        "Cloudberry Barometer (weather models)",
        "UTC",
        &[
            // Four model runs a day.
            work(
                "model",
                &[FRA_1, FRA_2],
                every(360, FLAT, EVEN),
                &[
                    (R::ComputeGpu, 220),
                    (R::ComputeCpu, 5_500),
                    (R::ComputeMemory, 20_000),
                ],
            ),
            work(
                "observations",
                &[FRA_1],
                every(30, FLAT, EVEN),
                &[(R::NetworkIngress, 2_400), (R::NetworkRequests, 18_000)],
            ),
            work(
                "forecasts",
                &[FRA_1, AMS_1],
                hourly(VISITS, EVEN),
                &[(R::NetworkEgress, 620), (R::NetworkRequests, 150_000)],
            ),
            work(
                "grids",
                &[FRA_2],
                level(6, &[(0, 1_000), (1_000, 1_030)]),
                &[(R::StorageStoredData, 450_000)],
            )
            .labelled(&[("bucket", "grids")]),
        ],
    ),
    customer(
        "anvil-goose-ci",
        "Anvil Goose (builds and tests)",
        "Europe/Berlin",
        &[
            work(
                "build",
                &[FRA_1, FRA_2, AMS_1],
                jobs(105_000, OFFICE, WORKDAYS),
                &[
                    (R::ComputeCpu, 1_450),
                    (R::ComputeMemory, 4_400),
                    (R::NetworkIngress, 1_200),
                ],
            ),
            work(
                "artifacts",
                &[FRA_2],
                level(4, &[(0, 1_000), (480, 1_300), (500, 900), (1_000, 1_150)]),
                &[(R::StorageStoredData, 700_000)],
            )
            .labelled(&[("bucket", "artifacts")]),
            work(
                "fetch",
                &[FRA_2],
                hourly(OFFICE, WORKDAYS),
                &[(R::StorageRetrieval, 2_100), (R::NetworkEgress, 600)],
            ),
            work(
                "queue",
                &[FRA_1],
                hourly(OFFICE, WORKDAYS),
                &[(R::DatabaseQueries, 120_000)],
            ),
        ],
    ),
    customer(
        "marmot-hooks",
        "Marmot Hooks (serverless API)",
        "UTC",
        &[
            work(
                "hooks",
                &[IAD_1, FRA_1],
                hourly(VISITS, WORKDAYS).growing(180),
                &[
                    (R::ComputeInvocations, 210_000),
                    (R::ComputeCpu, 1_900),
                    (R::ComputeMemory, 10_500),
                    (R::NetworkRequests, 230_000),
                    (R::NetworkEgress, 240),
                ],
            )
            .labelled(&[("function", "deliver")]),
            work(
                "retries",
                &[IAD_1],
                every(30, FLAT, EVEN),
                &[(R::ComputeInvocations, 16_000), (R::ComputeMemory, 700)],
            )
            .labelled(&[("function", "retry")]),
            work(
                "journal",
                &[IAD_1],
                hourly(VISITS, WORKDAYS),
                &[(R::DatabaseQueries, 460_000)],
            ),
            work(
                "journal-data",
                &[IAD_1],
                level(6, &[(0, 1_000), (1_000, 1_300)]),
                &[(R::DatabaseStoredData, 36_000)],
            ),
        ],
    ),
    customer(
        "parcel-newt",
        "Parcel Newt (parcel tracking)",
        "UTC",
        &[
            work(
                "tracking",
                &[FRA_2],
                hourly(VISITS, WORKDAYS),
                &[
                    (R::ComputeInvocations, 48_000),
                    (R::ComputeMemory, 900),
                    (R::DatabaseQueries, 310_000),
                    (R::NetworkRequests, 52_000),
                    (R::NetworkEgress, 45),
                ],
            )
            .labelled(&[("function", "track")]),
            work(
                "parcels",
                &[FRA_2],
                level(6, &[(0, 1_000), (1_000, 1_040)]),
                &[(R::DatabaseStoredData, 28_000)],
            ),
        ],
    ),
    customer(
        "tinker-shed",
        "Tinker Shed (sandbox, nearly idle)",
        "UTC",
        &[
            work(
                "toy",
                &[AMS_1],
                jobs(5_000, VISITS, EVEN),
                &[(R::ComputeInvocations, 40), (R::ComputeMemory, 20)],
            )
            .labelled(&[("function", "hello")]),
            work(
                "notes",
                &[AMS_1],
                level(24, &[(0, 1_000)]),
                &[(R::DatabaseStoredData, 150)],
            ),
        ],
    ),
];
