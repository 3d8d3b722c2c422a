//! The compute meter: cores, GPUs, memory and functions.

use super::resource::{Measure, ResourceSpec, ResourceType};
use super::unit::BaseUnit;

/// Milliseconds of a core, priced per core-hour.
pub const CPU: ResourceSpec = ResourceSpec {
    resource: ResourceType::ComputeCpu,
    name: "cpu",
    title: "CPU",
    measure: Measure::Sum,
    base_unit: BaseUnit::CoreMilliseconds,
    display_unit: "core-hours",
    required_dimension: None,
};

/// Milliseconds of a GPU, priced per hour and model (dimension gpu_model).
pub const GPU: ResourceSpec = ResourceSpec {
    resource: ResourceType::ComputeGpu,
    name: "gpu",
    title: "GPU",
    measure: Measure::Sum,
    base_unit: BaseUnit::GpuMilliseconds,
    display_unit: "gpu-hours",
    required_dimension: Some("gpu_model"),
};

/// Bytes of memory times seconds, priced per GB-hour.
pub const MEMORY: ResourceSpec = ResourceSpec {
    resource: ResourceType::ComputeMemory,
    name: "memory",
    title: "Memory",
    measure: Measure::Sum,
    base_unit: BaseUnit::ByteSeconds,
    display_unit: "GB-hours",
    required_dimension: None,
};

/// Functions run, priced per million.
pub const INVOCATIONS: ResourceSpec = ResourceSpec {
    resource: ResourceType::ComputeInvocations,
    name: "invocations",
    title: "Serverless invocations",
    measure: Measure::Sum,
    base_unit: BaseUnit::Invocations,
    display_unit: "invocations",
    required_dimension: None,
};

/// What compute meters.
pub const RESOURCES: &[ResourceSpec] = &[CPU, GPU, MEMORY, INVOCATIONS];
