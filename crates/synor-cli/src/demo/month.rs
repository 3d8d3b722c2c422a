//! The demo's month: about twenty invented customers and everything that they used, meter by
//! meter. A pure function of the month, so that two people who try the demo see the same bills.

mod customers;
mod random;
mod report;
mod rhythm;
#[cfg(test)]
mod tests;
mod workload;

use synor_economics::metering::RawEvent;
use synor_economics::period::Month;

use rhythm::LocalMonth;

/// A customer of the demo; none of them exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Customer {
    /// The account's id.
    pub account: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The IANA time zone in which its months are counted.
    pub time_zone: &'static str,
}

/// A month of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoMonth {
    /// Whose usage it is.
    pub customers: Vec<Customer>,
    /// What they used, in order of time.
    pub events: Vec<RawEvent>,
}

/// The same month, event for event, on every machine. Every event lies within the month as the
/// customer's own time zone counts it. Where the calendar has no such month, nothing was used.
pub fn demo_month(month: Month) -> DemoMonth {
    let mut demo = DemoMonth {
        customers: Vec::new(),
        events: Vec::new(),
    };
    for profile in customers::profiles() {
        let customer = profile.customer;
        demo.customers.push(customer);
        let Ok(local) = LocalMonth::new(month, customer.time_zone) else {
            continue;
        };
        for workload in profile.workloads {
            report::report(customer.account, workload, &local, &mut demo.events);
        }
    }
    // All times are written in UTC to the second, so their texts sort as they do.
    demo.events.sort_by(|a, b| a.time.cmp(&b.time));
    demo
}
