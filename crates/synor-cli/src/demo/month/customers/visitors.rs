//! Customers who live from visitors: shops, sites, streams. Their usage follows people's days.

use synor_economics::metering::ResourceType as R;

use super::super::rhythm::{EVEN, EVENING, FLAT, LEISURE, NIGHT, OFFICE, VISITS, WORKDAYS};
use super::super::workload::{Shape, hourly, jobs, level, work};
use super::{AMS_1, FRA_1, FRA_2, IAD_1, IAD_2, NRT_1, Profile, SFO_1, SIN_1, customer};

/// Who they are and what they run.
pub const PROFILES: &[Profile] = &[
    customer(
        "teapot-comet",
        "Teapot Comet (web shop)",
        "Europe/Berlin",
        &[
            work(
                "shop",
                &[FRA_1, AMS_1],
                hourly(VISITS, LEISURE),
                &[(R::HostingBandwidth, 1_300), (R::NetworkRequests, 110_000)],
            ),
            work(
                "orders",
                &[FRA_1],
                hourly(VISITS, LEISURE),
                &[
                    (R::DatabaseQueries, 420_000),
                    (R::ComputeInvocations, 9_000),
                ],
            ),
            work(
                "catalogue",
                &[FRA_1],
                level(6, &[(0, 1_000), (1_000, 1_060)]),
                &[(R::DatabaseStoredData, 42_000)],
            ),
            // A second shop opens in the middle of the month, under a domain of its own.
            work(
                "addresses",
                &[FRA_1],
                Shape::Steps(&[(0, 3), (450, 4)]),
                &[(R::HostingCustomDomain, 1), (R::HostingSslCertificate, 1)],
            ),
        ],
    ),
    customer(
        "ember-owl-cinema",
        "Ember Owl Cinema (films on demand)",
        "America/New_York",
        &[
            work(
                "streams",
                &[IAD_1, IAD_2],
                hourly(EVENING, LEISURE),
                &[(R::HostingBandwidth, 6_400), (R::NetworkRequests, 90_000)],
            ),
            work(
                "films",
                &[IAD_1],
                level(6, &[(0, 1_000), (1_000, 1_040)]),
                &[(R::StorageStoredData, 2_900_000)],
            )
            .labelled(&[("bucket", "films")]),
            work(
                "transcode",
                &[IAD_2],
                jobs(2_200, NIGHT, WORKDAYS).lasting(1, 3),
                &[
                    (R::ComputeGpu, 1_000),
                    (R::ComputeCpu, 4_000),
                    (R::StorageRetrieval, 60_000),
                ],
            ),
            work(
                "watchlists",
                &[IAD_1],
                hourly(EVENING, LEISURE),
                &[(R::DatabaseQueries, 300_000)],
            ),
            work(
                "addresses",
                &[IAD_1],
                Shape::Steps(&[(0, 2)]),
                &[(R::HostingCustomDomain, 1), (R::HostingSslCertificate, 1)],
            ),
        ],
    ),
    customer(
        "puffin-atlas",
        "Puffin Atlas (map tiles)",
        "UTC",
        &[
            work(
                "tiles",
                &[AMS_1, IAD_1, SIN_1],
                hourly(VISITS, EVEN).growing(120),
                &[(R::HostingBandwidth, 1_500), (R::NetworkRequests, 620_000)],
            ),
            work(
                "atlas",
                &[AMS_1],
                level(12, &[(0, 1_000), (600, 1_000), (620, 1_090)]),
                &[(R::StorageStoredData, 640_000)],
            )
            .labelled(&[("bucket", "atlas")]),
            work(
                "redraw",
                &[AMS_1],
                jobs(1_000, NIGHT, EVEN).lasting(2, 4),
                &[
                    (R::ComputeCpu, 16_000),
                    (R::ComputeMemory, 48_000),
                    (R::StorageRetrieval, 25_000),
                ],
            ),
            work(
                "addresses",
                &[AMS_1],
                Shape::Steps(&[(0, 5)]),
                &[(R::HostingCustomDomain, 1), (R::HostingSslCertificate, 1)],
            ),
        ],
    ),
    customer(
        "nightjar-static",
        "Nightjar Static (internet radio)",
        "UTC",
        &[
            work(
                "on-air",
                &[AMS_1],
                hourly(EVENING, EVEN),
                &[
                    (R::HostingBandwidth, 900),
                    (R::NetworkIngress, 60),
                    (R::NetworkRequests, 4_000),
                ],
            ),
            work(
                "recordings",
                &[FRA_2],
                level(8, &[(0, 1_000), (1_000, 1_110)]),
                &[(R::StorageStoredData, 210_000)],
            )
            .labelled(&[("bucket", "recordings")]),
            work(
                "address",
                &[AMS_1],
                Shape::Steps(&[(0, 1)]),
                &[(R::HostingCustomDomain, 1), (R::HostingSslCertificate, 1)],
            ),
        ],
    ),
    customer(
        "fernhollow-campus",
        "Fernhollow Campus (online courses)",
        "UTC",
        &[
            work(
                "lessons",
                &[AMS_1],
                hourly(OFFICE, WORKDAYS).growing(300),
                &[
                    (R::HostingBandwidth, 420),
                    (R::DatabaseQueries, 85_000),
                    (R::NetworkRequests, 30_000),
                ],
            ),
            work(
                "coursework",
                &[AMS_1],
                level(6, &[(0, 1_000), (1_000, 1_250)]),
                &[(R::DatabaseStoredData, 11_000)],
            ),
            work(
                "addresses",
                &[AMS_1],
                Shape::Steps(&[(0, 1), (200, 2)]),
                &[(R::HostingCustomDomain, 1), (R::HostingSslCertificate, 1)],
            ),
        ],
    ),
    customer(
        "saffron-otter",
        "Saffron Otter (recipes)",
        "Asia/Kolkata",
        &[
            work(
                "recipes",
                &[SIN_1],
                hourly(VISITS, LEISURE),
                &[
                    (R::HostingBandwidth, 110),
                    (R::NetworkRequests, 14_000),
                    (R::DatabaseQueries, 40_000),
                    (R::DatabaseVectorSearches, 2_500),
                ],
            ),
            work(
                "cookbook",
                &[SIN_1],
                level(12, &[(0, 1_000), (1_000, 1_020)]),
                &[(R::DatabaseStoredData, 3_200)],
            ),
            work(
                "address",
                &[SIN_1],
                Shape::Steps(&[(0, 1)]),
                &[(R::HostingCustomDomain, 1), (R::HostingSslCertificate, 1)],
            ),
        ],
    ),
    // For a day a second meter counts its egress too; the correction takes that back.
    customer(
        "mosswood-prints",
        "Mosswood Prints (photo prints)",
        "Europe/Berlin",
        &[
            work(
                "uploads",
                &[FRA_2],
                hourly(EVENING, LEISURE),
                &[
                    (R::NetworkIngress, 700),
                    (R::NetworkEgress, 850),
                    (R::NetworkRequests, 22_000),
                ],
            ),
            work(
                "uploads-again",
                &[FRA_2],
                hourly(EVENING, EVEN),
                &[(R::NetworkEgress, 850)],
            )
            .during(323, 355),
            work(
                "correction",
                &[FRA_2],
                Shape::Correction(400),
                &[(R::NetworkEgress, 20_400)],
            ),
            work(
                "photos",
                &[FRA_2],
                level(4, &[(0, 1_000), (1_000, 1_070)]),
                &[(R::StorageStoredData, 1_350_000)],
            )
            .labelled(&[("bucket", "photos")]),
            work(
                "print",
                &[FRA_2],
                jobs(34_000, OFFICE, WORKDAYS),
                &[
                    (R::ComputeCpu, 350),
                    (R::ComputeMemory, 900),
                    (R::StorageRetrieval, 1_200),
                ],
            ),
            work(
                "address",
                &[FRA_2],
                Shape::Steps(&[(0, 1)]),
                &[(R::HostingCustomDomain, 1), (R::HostingSslCertificate, 1)],
            ),
        ],
    ),
    customer(
        "paper-lantern-diary",
        "Paper Lantern Diary (hobby blog)",
        "Asia/Tokyo",
        &[
            work(
                "pages",
                &[NRT_1],
                hourly(VISITS, EVEN),
                &[(R::HostingBandwidth, 6), (R::NetworkRequests, 140)],
            ),
            work(
                "address",
                &[NRT_1],
                Shape::Steps(&[(0, 1)]),
                &[(R::HostingCustomDomain, 1), (R::HostingSslCertificate, 1)],
            ),
        ],
    ),
    customer(
        "pixel-forge",
        "Pixel Forge (game studio)",
        "America/Los_Angeles",
        &[
            work(
                "matches",
                &[SFO_1, IAD_1, FRA_1],
                hourly(EVENING, LEISURE).growing(150),
                &[
                    (R::ComputeCpu, 7_200),
                    (R::ComputeMemory, 24_000),
                    (R::NetworkEgress, 2_300),
                    (R::NetworkRequests, 240_000),
                ],
            ),
            work(
                "leaderboards",
                &[SFO_1],
                hourly(EVENING, LEISURE).growing(150),
                &[(R::DatabaseQueries, 900_000)],
            ),
            work(
                "players",
                &[SFO_1],
                level(6, &[(0, 1_000), (1_000, 1_080)]),
                &[(R::DatabaseStoredData, 26_000)],
            ),
            // A patch comes out in the third week, and everybody downloads it.
            work(
                "patches",
                &[SFO_1],
                level(12, &[(0, 1_000), (640, 1_000), (650, 1_180)]),
                &[(R::StorageStoredData, 380_000)],
            )
            .labelled(&[("bucket", "patches")]),
            work(
                "downloads",
                &[SFO_1, IAD_1],
                hourly(FLAT, LEISURE),
                &[(R::HostingBandwidth, 700)],
            ),
            work(
                "patch-rush",
                &[SFO_1, IAD_1],
                hourly(EVENING, EVEN),
                &[(R::HostingBandwidth, 5_200)],
            )
            .during(650, 750),
        ],
    ),
];
