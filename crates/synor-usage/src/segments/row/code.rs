//! The byte that stands for each resource in packed events. A code, once written to disk, keeps its
//! meaning for ever: new resources take the next free number, and none is used again.

use synor_economics::metering::ResourceType as R;

/// The code of a resource.
pub(super) const fn code(resource: R) -> u8 {
    match resource {
        R::StorageStoredData => 1,
        R::StorageRetrieval => 2,
        R::StorageDeal => 3,
        R::HostingBandwidth => 4,
        R::HostingCustomDomain => 5,
        R::HostingSslCertificate => 6,
        R::DatabaseStoredData => 7,
        R::DatabaseQueries => 8,
        R::DatabaseVectorSearches => 9,
        R::ComputeCpu => 10,
        R::ComputeGpu => 11,
        R::ComputeMemory => 12,
        R::ComputeInvocations => 13,
        R::NetworkEgress => 14,
        R::NetworkIngress => 15,
        R::NetworkRequests => 16,
    }
}

/// The resource of a code, if it has one.
pub(super) const fn resource(code: u8) -> Option<R> {
    Some(match code {
        1 => R::StorageStoredData,
        2 => R::StorageRetrieval,
        3 => R::StorageDeal,
        4 => R::HostingBandwidth,
        5 => R::HostingCustomDomain,
        6 => R::HostingSslCertificate,
        7 => R::DatabaseStoredData,
        8 => R::DatabaseQueries,
        9 => R::DatabaseVectorSearches,
        10 => R::ComputeCpu,
        11 => R::ComputeGpu,
        12 => R::ComputeMemory,
        13 => R::ComputeInvocations,
        14 => R::NetworkEgress,
        15 => R::NetworkIngress,
        16 => R::NetworkRequests,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn every_resource_has_a_code_that_leads_back_to_it() {
        for spec in R::all() {
            assert_eq!(resource(code(spec.resource)), Some(spec.resource));
        }
        let known = (0..=u8::MAX).filter(|&byte| resource(byte).is_some());
        assert_eq!(known.count(), R::all().count());
    }

    /// Lines may be added here; a line that changes makes every file on disk say something else.
    #[test]
    fn codes_never_change() {
        let mut lines: Vec<_> = R::all()
            .map(|spec| format!("{:2} {}", code(spec.resource), spec.resource))
            .collect();
        lines.sort();
        expect![[r#"
             1 storage.stored_data
             2 storage.retrieval
             3 storage.deal
             4 hosting.bandwidth
             5 hosting.custom_domain
             6 hosting.ssl_certificate
             7 database.stored_data
             8 database.queries
             9 database.vector_searches
            10 compute.cpu
            11 compute.gpu
            12 compute.memory
            13 compute.invocations
            14 network.egress
            15 network.ingress
            16 network.requests"#]]
        .assert_eq(&lines.join("\n"));
    }
}
