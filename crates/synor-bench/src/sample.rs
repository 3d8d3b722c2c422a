//! Made-up usage: the same on every machine and in every run.

use synor_economics::id::AccountId;
use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
use synor_economics::quantity::Quantity;

/// January 2026 has so many seconds.
pub const MONTH_SECS: i64 = 31 * 86_400;

/// What an account used in the month.
pub struct Used {
    pub account: AccountId,
    pub rows: Vec<UsageRow>,
}

/// Numbers that look random (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 1 up to a bound.
    fn up_to(&mut self, bound: u64) -> i128 {
        i128::from(self.next() % bound + 1)
    }
}

/// The fifteen resources that are not free of charge by being a certificate, and how much of each an
/// account uses at most, in base units.
fn resources() -> Vec<(ResourceType, u64)> {
    use ResourceType as R;
    let held = 2_000_000_000_000 * 2_678_400; // 2 TB for the month, in byte-seconds
    let resources: Vec<_> = ResourceType::all()
        .map(|spec| spec.resource)
        .filter(|resource| *resource != R::HostingSslCertificate)
        .map(|resource| {
            let most = match resource {
                R::StorageStoredData | R::DatabaseStoredData => held,
                R::ComputeMemory => 64_000_000_000 * 2_678_400,
                R::ComputeCpu => 16 * 2_678_400_000,
                R::ComputeGpu => 2 * 2_678_400_000,
                R::HostingCustomDomain => 20 * 2_678_400,
                R::StorageDeal => 500,
                R::DatabaseQueries | R::DatabaseVectorSearches => 5_000_000_000,
                R::ComputeInvocations | R::NetworkRequests => 5_000_000_000,
                _ => 5_000_000_000_000, // 5 TB moved
            };
            (resource, most)
        })
        .collect();
    assert_eq!(resources.len(), 15);
    resources
}

/// Fifteen rows for each account.
pub fn usage(accounts: usize) -> Vec<Used> {
    let mut numbers = Numbers(7);
    let resources = resources();
    (0..accounts)
        .map(|n| {
            let rows = resources.iter().map(|(resource, most)| {
                let mut dimensions = Dimensions::new();
                if *resource == ResourceType::ComputeGpu {
                    dimensions.insert("gpu_model".to_owned(), "rtx4090".to_owned());
                }
                let provider = format!("node-{}", numbers.next() % 50).parse().unwrap();
                UsageRow {
                    key: UsageKey::new(*resource, &dimensions, Some(provider)),
                    quantity: Quantity::new(numbers.up_to(*most)),
                }
            });
            Used {
                account: format!("account-{n:07}").parse().unwrap(),
                rows: rows.collect(),
            }
        })
        .collect()
}
