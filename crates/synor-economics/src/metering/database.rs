//! The database meter: what is kept and what is asked.

use super::resource::{Measure, ResourceSpec, ResourceType};
use super::unit::BaseUnit;

/// Data kept: a level in bytes over time, billed as byte-seconds, priced per GB-month.
pub const STORED_DATA: ResourceSpec = ResourceSpec {
    resource: ResourceType::DatabaseStoredData,
    name: "stored_data",
    title: "Stored data",
    measure: Measure::Level {
        sample: BaseUnit::Bytes,
    },
    base_unit: BaseUnit::ByteSeconds,
    display_unit: "GB-months",
    required_dimension: None,
};

/// Queries answered, priced per million.
pub const QUERIES: ResourceSpec = ResourceSpec {
    resource: ResourceType::DatabaseQueries,
    name: "queries",
    title: "Queries",
    measure: Measure::Sum,
    base_unit: BaseUnit::Queries,
    display_unit: "queries",
    required_dimension: None,
};

/// Vector searches answered, priced per million.
pub const VECTOR_SEARCHES: ResourceSpec = ResourceSpec {
    resource: ResourceType::DatabaseVectorSearches,
    name: "vector_searches",
    title: "Vector searches",
    measure: Measure::Sum,
    base_unit: BaseUnit::Searches,
    display_unit: "searches",
    required_dimension: None,
};

/// What databases meters.
pub const RESOURCES: &[ResourceSpec] = &[STORED_DATA, QUERIES, VECTOR_SEARCHES];
