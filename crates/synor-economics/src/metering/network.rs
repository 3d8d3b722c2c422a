//! The network meter: traffic and requests.

use super::resource::{Measure, ResourceSpec, ResourceType};
use super::unit::BaseUnit;

/// Bytes sent out, priced per GB.
pub const EGRESS: ResourceSpec = ResourceSpec {
    resource: ResourceType::NetworkEgress,
    name: "egress",
    title: "Egress",
    measure: Measure::Sum,
    base_unit: BaseUnit::Bytes,
    display_unit: "GB",
    required_dimension: None,
};

/// Bytes received, priced per GB.
pub const INGRESS: ResourceSpec = ResourceSpec {
    resource: ResourceType::NetworkIngress,
    name: "ingress",
    title: "Ingress",
    measure: Measure::Sum,
    base_unit: BaseUnit::Bytes,
    display_unit: "GB",
    required_dimension: None,
};

/// Requests served, priced per million.
pub const REQUESTS: ResourceSpec = ResourceSpec {
    resource: ResourceType::NetworkRequests,
    name: "requests",
    title: "Requests",
    measure: Measure::Sum,
    base_unit: BaseUnit::Requests,
    display_unit: "requests",
    required_dimension: None,
};

/// What network meters.
pub const RESOURCES: &[ResourceSpec] = &[EGRESS, INGRESS, REQUESTS];
