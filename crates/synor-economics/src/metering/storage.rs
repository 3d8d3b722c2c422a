//! The storage meter: what is kept, what is read, what is agreed.

use super::resource::{Measure, ResourceSpec, ResourceType};
use super::unit::BaseUnit;

/// Data kept: a level in bytes over time, billed as byte-seconds, priced per GB-month.
pub const STORED_DATA: ResourceSpec = ResourceSpec {
    resource: ResourceType::StorageStoredData,
    name: "stored_data",
    title: "Stored data",
    measure: Measure::Level {
        sample: BaseUnit::Bytes,
    },
    base_unit: BaseUnit::ByteSeconds,
    display_unit: "GB-months",
    required_dimension: None,
};

/// Data read: bytes, priced per GB.
pub const RETRIEVAL: ResourceSpec = ResourceSpec {
    resource: ResourceType::StorageRetrieval,
    name: "retrieval",
    title: "Data retrieved",
    measure: Measure::Sum,
    base_unit: BaseUnit::Bytes,
    display_unit: "GB",
    required_dimension: None,
};

/// Storage deals made: a count.
pub const DEAL: ResourceSpec = ResourceSpec {
    resource: ResourceType::StorageDeal,
    name: "deal",
    title: "Deals created",
    measure: Measure::Sum,
    base_unit: BaseUnit::Deals,
    display_unit: "deals",
    required_dimension: None,
};

/// What storage meters.
pub const RESOURCES: &[ResourceSpec] = &[STORED_DATA, RETRIEVAL, DEAL];
