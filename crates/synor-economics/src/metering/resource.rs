//! The list of everything that can be used.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::unit::BaseUnit;
use super::{compute, database, hosting, network, storage};

/// A service that customers buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceType {
    /// Decentralized storage.
    Storage,
    /// Web hosting.
    Hosting,
    /// Databases.
    Database,
    /// CPU, GPU, memory and serverless functions.
    Compute,
    /// Traffic between services and the world.
    Network,
}

impl ServiceType {
    /// All services, in the order in which people see them.
    pub const ALL: [Self; 5] = [
        Self::Storage,
        Self::Hosting,
        Self::Database,
        Self::Compute,
        Self::Network,
    ];

    /// The service's name as it is written in events and price lists.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Hosting => "hosting",
            Self::Database => "database",
            Self::Compute => "compute",
            Self::Network => "network",
        }
    }

    /// The resources of this service.
    pub const fn resources(self) -> &'static [ResourceSpec] {
        match self {
            Self::Storage => storage::RESOURCES,
            Self::Hosting => hosting::RESOURCES,
            Self::Database => database::RESOURCES,
            Self::Compute => compute::RESOURCES,
            Self::Network => network::RESOURCES,
        }
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a resource is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Events add up.
    Sum,
    /// An event is a sample of a level, which holds until the next sample and carries over the end
    /// of a period. What is billed is the level times seconds. Usage that its source has already
    /// integrated is accepted too, in the resource's base unit or a multiple of it.
    Level {
        /// The base unit of a sample.
        sample: BaseUnit,
    },
}

/// What is known of a resource: one row of the table of meters.
#[derive(Debug, Clone, Copy)]
pub struct ResourceSpec {
    /// Which resource.
    pub resource: ResourceType,
    /// Its name within the service, as it is written in events and price lists.
    pub name: &'static str,
    /// What people call it on an invoice.
    pub title: &'static str,
    /// How it is measured.
    pub measure: Measure,
    /// What billed quantities are whole numbers of.
    pub base_unit: BaseUnit,
    /// The unit in which quantities are shown.
    pub display_unit: &'static str,
    /// A dimension without which the usage could not be priced.
    pub required_dimension: Option<&'static str>,
}

/// Something that can be used and billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// Data kept in storage.
    StorageStoredData,
    /// Data read from storage.
    StorageRetrieval,
    /// Storage deals made.
    StorageDeal,
    /// Bytes served to visitors.
    HostingBandwidth,
    /// Custom domains attached.
    HostingCustomDomain,
    /// SSL certificates kept.
    HostingSslCertificate,
    /// Data kept in a database.
    DatabaseStoredData,
    /// Queries answered.
    DatabaseQueries,
    /// Vector searches answered.
    DatabaseVectorSearches,
    /// CPU cores, times time.
    ComputeCpu,
    /// GPUs, times time, by model.
    ComputeGpu,
    /// Memory, times time.
    ComputeMemory,
    /// Serverless functions run.
    ComputeInvocations,
    /// Bytes sent out.
    NetworkEgress,
    /// Bytes received.
    NetworkIngress,
    /// Requests served.
    NetworkRequests,
}

use ResourceType as R;

/// A service and resource that do not exist together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnknownResource {
    /// No such service.
    #[error("`{0}` is not a service; there are storage, hosting, database, compute, network")]
    Service(String),
    /// The service has no such resource.
    #[error("`{resource}` is not a resource of {service}; it has {known}")]
    Resource {
        /// The service.
        service: ServiceType,
        /// What was asked for.
        resource: String,
        /// What there is.
        known: String,
    },
    /// Not of the form `service.resource`.
    #[error("`{0}` is not a resource; write it as storage.stored_data")]
    Form(String),
}

impl ResourceType {
    /// Everything that can be used, in the order of the enum.
    pub fn all() -> impl Iterator<Item = &'static ResourceSpec> {
        ServiceType::ALL
            .into_iter()
            .flat_map(|service| service.resources())
    }

    /// The resource of a service by its name.
    ///
    /// ```
    /// use synor_economics::metering::ResourceType;
    /// let resource = ResourceType::find("compute", "cpu")?;
    /// assert_eq!(resource.to_string(), "compute.cpu");
    /// # Ok::<(), synor_economics::metering::UnknownResource>(())
    /// ```
    pub fn find(service: &str, name: &str) -> Result<Self, UnknownResource> {
        let service = ServiceType::ALL
            .into_iter()
            .find(|s| s.name() == service)
            .ok_or_else(|| UnknownResource::Service(service.to_owned()))?;
        let found = service.resources().iter().find(|spec| spec.name == name);
        found
            .map(|spec| spec.resource)
            .ok_or_else(|| UnknownResource::Resource {
                service,
                resource: name.to_owned(),
                known: service
                    .resources()
                    .iter()
                    .map(|s| s.name)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// The service it belongs to.
    pub const fn service(self) -> ServiceType {
        match self {
            R::StorageStoredData | R::StorageRetrieval | R::StorageDeal => ServiceType::Storage,
            R::HostingBandwidth | R::HostingCustomDomain | R::HostingSslCertificate => {
                ServiceType::Hosting
            }
            R::DatabaseStoredData | R::DatabaseQueries | R::DatabaseVectorSearches => {
                ServiceType::Database
            }
            R::ComputeCpu | R::ComputeGpu | R::ComputeMemory | R::ComputeInvocations => {
                ServiceType::Compute
            }
            R::NetworkEgress | R::NetworkIngress | R::NetworkRequests => ServiceType::Network,
        }
    }

    /// What is known of it.
    pub const fn spec(self) -> &'static ResourceSpec {
        match self {
            R::StorageStoredData => &storage::STORED_DATA,
            R::StorageRetrieval => &storage::RETRIEVAL,
            R::StorageDeal => &storage::DEAL,
            R::HostingBandwidth => &hosting::BANDWIDTH,
            R::HostingCustomDomain => &hosting::CUSTOM_DOMAIN,
            R::HostingSslCertificate => &hosting::SSL_CERTIFICATE,
            R::DatabaseStoredData => &database::STORED_DATA,
            R::DatabaseQueries => &database::QUERIES,
            R::DatabaseVectorSearches => &database::VECTOR_SEARCHES,
            R::ComputeCpu => &compute::CPU,
            R::ComputeGpu => &compute::GPU,
            R::ComputeMemory => &compute::MEMORY,
            R::ComputeInvocations => &compute::INVOCATIONS,
            R::NetworkEgress => &network::EGRESS,
            R::NetworkIngress => &network::INGRESS,
            R::NetworkRequests => &network::REQUESTS,
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.service().name(), self.spec().name))
    }
}

impl FromStr for ResourceType {
    type Err = UnknownResource;

    fn from_str(text: &str) -> Result<Self, UnknownResource> {
        let (service, name) = text
            .split_once('.')
            .ok_or_else(|| UnknownResource::Form(text.to_owned()))?;
        Self::find(service, name)
    }
}

crate::wire::as_text!(ResourceType);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metering::MeteringUnit;

    #[test]
    fn the_table_of_meters_is_whole() {
        let all: Vec<_> = ResourceType::all().collect();
        assert_eq!(all.len(), 16);
        for spec in all {
            let text = spec.resource.to_string();
            assert_eq!(text.parse(), Ok(spec.resource));
            assert_eq!(spec.resource.spec().name, spec.name);
            let shown: MeteringUnit = spec.display_unit.parse().unwrap();
            assert_eq!(shown.base(), spec.base_unit, "{text}");
        }
    }
}
