//! A model of the operations that were acknowledged: what anyone who had only seen the answers would
//! expect of the books. It shares no code with what it checks.

use std::collections::BTreeMap;

/// Usage that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// In bytes.
    pub bytes: i128,
    /// When, in Unix seconds.
    pub at: i64,
    /// Whether it was withdrawn, which was acknowledged, too.
    pub is_withdrawn: bool,
}

/// What was acknowledged of one account.
#[derive(Debug, Clone, Default)]
pub struct Acknowledged {
    /// Events by their ids.
    pub events: BTreeMap<String, Used>,
    /// Granted by command, in µSYNOR.
    pub granted: BTreeMap<String, i64>,
    /// Deducted by command, in µSYNOR.
    pub deducted: BTreeMap<String, i64>,
}

impl Acknowledged {
    /// All that was granted, in µSYNOR.
    pub fn granted_in_all(&self) -> i64 {
        self.granted.values().sum()
    }

    /// All that was deducted, in µSYNOR.
    pub fn deducted_in_all(&self) -> i64 {
        self.deducted.values().sum()
    }
}

/// µSYNOR for so many bytes of egress at 0.05 SYNOR a GB, rounded half to even: 50,000 µSYNOR for
/// 10^9 bytes is 1 for 20,000.
pub const fn price_of_egress(bytes: i128) -> i128 {
    const BYTES: i128 = 20_000;
    let (whole, rest) = (bytes.div_euclid(BYTES), bytes.rem_euclid(BYTES));
    let is_more = rest * 2 > BYTES || (rest * 2 == BYTES && whole % 2 != 0);
    if is_more { whole + 1 } else { whole }
}

#[cfg(test)]
mod tests {
    use super::price_of_egress;

    #[test]
    fn a_half_goes_to_the_even() {
        let priced = [9_999, 10_000, 10_001, 30_000, 50_000, 1_000_000_000].map(price_of_egress);
        assert_eq!(priced, [0, 0, 1, 2, 2, 50_000]);
    }
}
