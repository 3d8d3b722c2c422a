//! The hosting meter: traffic served, domains and certificates kept.

use super::resource::{Measure, ResourceSpec, ResourceType};
use super::unit::BaseUnit;

/// Bytes served to visitors, priced per GB.
pub const BANDWIDTH: ResourceSpec = ResourceSpec {
    resource: ResourceType::HostingBandwidth,
    name: "bandwidth",
    title: "Bandwidth",
    measure: Measure::Sum,
    base_unit: BaseUnit::Bytes,
    display_unit: "GB",
    required_dimension: None,
};

/// Domains attached: a level over time, priced per domain-month.
pub const CUSTOM_DOMAIN: ResourceSpec = ResourceSpec {
    resource: ResourceType::HostingCustomDomain,
    name: "custom_domain",
    title: "Custom domains",
    measure: Measure::Level {
        sample: BaseUnit::Domains,
    },
    base_unit: BaseUnit::DomainSeconds,
    display_unit: "domain-months",
    required_dimension: None,
};

/// Certificates kept: a level over time, priced per certificate-month.
pub const SSL_CERTIFICATE: ResourceSpec = ResourceSpec {
    resource: ResourceType::HostingSslCertificate,
    name: "ssl_certificate",
    title: "SSL certificates",
    measure: Measure::Level {
        sample: BaseUnit::Certificates,
    },
    base_unit: BaseUnit::CertificateSeconds,
    display_unit: "certificate-months",
    required_dimension: None,
};

/// What hosting meters.
pub const RESOURCES: &[ResourceSpec] = &[BANDWIDTH, CUSTOM_DOMAIN, SSL_CERTIFICATE];
