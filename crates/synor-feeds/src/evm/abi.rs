//! The contracts that are called, and the report as typed data.

use alloy_primitives::{B256, U256};
use alloy_sol_types::{SolStruct, eip712_domain, sol};
use synor_economics::oracle::report::PriceReport;

sol! {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function decimals() external view returns (uint8);
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast);
    function observe(uint32[] secondsAgos) external view returns (int56[] tickCumulatives, uint160[] secondsPerLiquidityCumulativeX128s);
    function latestRoundData() external view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}

mod typed {
    alloy_sol_types::sol! {
        /// A report as it is signed.
        struct PriceReport {
            string oracleId;
            string pair;
            uint256 priceAttoUsd;
            uint64 observedAt;
        }
    }
}

/// What an EIP-712 signature of a report is over. The domain is `Synor Price Report`, version 1, of
/// no chain and no contract: a report is about the world.
pub fn price_report_hash(report: &PriceReport) -> B256 {
    let domain = eip712_domain! {
        name: "Synor Price Report",
        version: "1",
    };
    let typed = typed::PriceReport {
        oracleId: report.oracle_id.clone(),
        pair: report.pair.clone(),
        priceAttoUsd: U256::from(report.price.atto()),
        // Before 1970 nothing was signed.
        observedAt: u64::try_from(report.observed_at.secs()).unwrap_or(0),
    };
    typed.eip712_signing_hash(&domain)
}
