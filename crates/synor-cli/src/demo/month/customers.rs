//! Who the demo's customers are. None of them exists.

mod data;
mod machines;
mod visitors;

use super::Customer;
use super::workload::{Node, Workload};

/// A customer and what it runs.
pub struct Profile {
    /// Who it is.
    pub customer: Customer,
    /// What it runs.
    pub workloads: &'static [Workload],
}

/// All customers: those who live from visitors, those who rent machines, those who keep data.
pub fn profiles() -> impl Iterator<Item = &'static Profile> {
    [visitors::PROFILES, machines::PROFILES, data::PROFILES]
        .into_iter()
        .flatten()
}

const fn customer(
    account: &'static str,
    name: &'static str,
    time_zone: &'static str,
    workloads: &'static [Workload],
) -> Profile {
    Profile {
        customer: Customer {
            account,
            name,
            time_zone,
        },
        workloads,
    }
}

const fn node(provider: &'static str, region: &'static str) -> Node {
    Node { provider, region }
}

const FRA_1: Node = node("node-fra-1", "eu-central");
const FRA_2: Node = node("node-fra-2", "eu-central");
const AMS_1: Node = node("node-ams-1", "eu-west");
const IAD_1: Node = node("node-iad-1", "us-east");
const IAD_2: Node = node("node-iad-2", "us-east");
const SFO_1: Node = node("node-sfo-1", "us-west");
const NRT_1: Node = node("node-nrt-1", "ap-northeast");
const SIN_1: Node = node("node-sin-1", "ap-southeast");
