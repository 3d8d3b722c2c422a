//! Following the chain: block after block, and back where a reorganization took some away.
//!
//! A block counts only if every endpoint has it with the same hash and the same payments. Each block
//! must name the one before it as its parent; where the last block that was followed is not on the
//! chain any more, the highest one that still is becomes the last, and what lay above is taken back.

use alloy_primitives::{Address, B256};

use super::endpoints::Endpoints;
use super::memory::{BlockId, Extension, Memory};
use super::payments::{filter, payments_of};
use super::rpc::{Header, Log};
use super::units::Units;
use crate::ChainError;

/// How many of the last blocks are remembered, and so how deep a reorganization may go.
pub(super) const REMEMBERED_BLOCKS: u64 = 256;
/// How many blocks are read at once, well below what public endpoints allow.
const RANGE_BLOCKS: u64 = 500;

/// What is followed.
#[derive(Debug)]
pub(super) struct Follower {
    pub endpoints: Endpoints,
    pub billing: Address,
    pub units: Units,
    /// The first block of interest: that of the contract's deployment.
    pub from_block: u64,
}

/// What one look at the chain brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing new.
    UpToDate,
    /// So many blocks more.
    Extended { blocks: u64 },
    /// Everything above this height was taken back.
    TakenBack { above: u64, payments: usize },
}

impl Follower {
    /// Follows until nothing is new.
    pub(super) async fn catch_up(&self, memory: &Memory) -> Result<(), ChainError> {
        loop {
            match self.step(memory).await? {
                Progress::UpToDate => return Ok(()),
                Progress::Extended { blocks } => tracing::trace!(blocks, "followed the chain"),
                Progress::TakenBack { above, payments } => {
                    tracing::warn!(above, payments, "the chain was reorganized");
                }
            }
        }
    }

    async fn step(&self, memory: &Memory) -> Result<Progress, ChainError> {
        let head = self.endpoints.head().await?;
        let Some(last) = memory.last_block()? else {
            return self.extend(memory, None, &head).await;
        };
        let height = head.number.to::<u64>();
        if height < last.number {
            // An endpoint lags, or the chain is shorter now. Its next block will tell.
            return Ok(Progress::UpToDate);
        }
        let still = self.hash_at(last.number, &head).await?;
        if still != last.hash {
            return self.take_back(memory, &head).await;
        }
        if height == last.number {
            return Ok(Progress::UpToDate);
        }
        self.extend(memory, Some(last), &head).await
    }

    /// Walks back to the highest remembered block that the chain still has.
    async fn take_back(&self, memory: &Memory, head: &Header) -> Result<Progress, ChainError> {
        let remembered = memory.blocks()?;
        for block in &remembered {
            if self.hash_at(block.number, head).await? == block.hash {
                let payments = memory.take_back_above(block.number)?;
                let above = block.number;
                return Ok(Progress::TakenBack { above, payments });
            }
        }
        let lowest = remembered.last().map_or(0, |block| block.number);
        if let Some(above) = lowest.checked_sub(1).filter(|_| lowest <= self.from_block) {
            // Everything there ever was is gone; it is read again from the start.
            let payments = memory.take_back_above(above)?;
            return Ok(Progress::TakenBack { above, payments });
        }
        Err(ChainError::ReorganizedTooDeep { height: lowest })
    }

    async fn hash_at(&self, number: u64, head: &Header) -> Result<B256, ChainError> {
        if head.number.to::<u64>() == number {
            return Ok(head.hash);
        }
        Ok(self.endpoints.header(number).await?.hash)
    }

    async fn extend(
        &self,
        memory: &Memory,
        last: Option<BlockId>,
        head: &Header,
    ) -> Result<Progress, ChainError> {
        let head_number = head.number.to::<u64>();
        let first = last.map_or(self.from_block, |last| last.number.saturating_add(1));
        if first > head_number {
            return Ok(Progress::UpToDate);
        }
        let to = range_end(first, head_number);
        let filter = filter(self.billing);
        let logs = self.endpoints.logs(&filter, first, to).await?;
        let wanted = headers_wanted(first, to, head_number, &logs);
        let mut headers = Vec::with_capacity(wanted.len());
        for number in wanted {
            headers.push(self.endpoints.header(number).await?);
        }
        check_parents(last, &headers)?;
        let payments = payments_of(&logs, self.billing, self.units)?;
        let times = times_of(&logs, &headers)?;
        memory.extend(&Extension {
            blocks: headers.iter().map(block_id).collect(),
            payments: payments.into_iter().zip(times).collect(),
            forget_below: to.saturating_sub(REMEMBERED_BLOCKS),
        })?;
        let blocks = to.saturating_sub(first).saturating_add(1);
        Ok(Progress::Extended { blocks })
    }
}

/// Far from the head a range is long, and ends where every block is remembered.
fn range_end(first: u64, head: u64) -> u64 {
    let long = first.saturating_add(RANGE_BLOCKS - 1);
    let settled = head.saturating_sub(REMEMBERED_BLOCKS);
    if first > settled {
        head
    } else {
        long.min(settled)
    }
}

/// The blocks of a range whose headers are needed: all of the last ones, and before them those with
/// payments and the range's end.
fn headers_wanted(first: u64, to: u64, head: u64, logs: &[Log]) -> Vec<u64> {
    if first > head.saturating_sub(REMEMBERED_BLOCKS) {
        return (first..=to).collect();
    }
    let mut wanted: Vec<u64> = logs.iter().map(|log| log.block_number.to()).collect();
    wanted.push(to);
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// Neighbours must be parent and child, or the chain moved while it was read.
fn check_parents(last: Option<BlockId>, headers: &[Header]) -> Result<(), ChainError> {
    let mut before = last;
    for header in headers {
        let is_next = before.is_some_and(|b| b.number.checked_add(1) == Some(header.number.to()));
        if is_next && before.is_some_and(|b| b.hash != header.parent_hash) {
            return Err(moved(header.number.to()));
        }
        before = Some(block_id(header));
    }
    Ok(())
}

/// The time of each log's block, which must be the block that the log says it is in.
fn times_of(logs: &[Log], headers: &[Header]) -> Result<Vec<i64>, ChainError> {
    logs.iter()
        .map(|log| {
            let number = log.block_number;
            let header = headers
                .iter()
                .find(|header| header.number == number && header.hash == log.block_hash);
            let header = header.ok_or_else(|| moved(number.to()))?;
            i64::try_from(header.timestamp.to::<u64>()).map_err(|_| moved(number.to()))
        })
        .collect()
}

fn block_id(header: &Header) -> BlockId {
    BlockId {
        number: header.number.to(),
        hash: header.hash,
    }
}

fn moved(number: u64) -> ChainError {
    ChainError::Inconsistent {
        what: format!("block {number} moved while it was read; it is read again"),
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, U64};

    use super::*;

    fn header(number: u64, hash: u8, parent: u8) -> Header {
        Header {
            number: U64::from(number),
            hash: B256::repeat_byte(hash),
            parent_hash: B256::repeat_byte(parent),
            timestamp: U64::from(number),
            base_fee_per_gas: None,
        }
    }

    fn log(number: u64, hash: u8) -> Log {
        Log {
            address: Address::ZERO,
            topics: Vec::new(),
            data: Bytes::new(),
            block_number: U64::from(number),
            block_hash: B256::repeat_byte(hash),
            transaction_hash: B256::ZERO,
            log_index: U64::ZERO,
        }
    }

    #[test]
    fn ranges_leave_no_block_out_and_end_where_every_block_is_remembered() {
        for head in [0, 1, 255, 256, 257, 499, 500, 756, 757, 5_000] {
            let mut next = 0;
            while next <= head {
                let to = range_end(next, head);
                assert!((next..=head).contains(&to), "{next} {to} {head}");
                let is_tip = next > head.saturating_sub(REMEMBERED_BLOCKS);
                let wanted = headers_wanted(next, to, head, &[]);
                let all: Vec<u64> = (next..=to).collect();
                assert_eq!(wanted, if is_tip { all } else { vec![to] });
                next = to + 1;
            }
        }
    }

    #[test]
    fn a_block_whose_parent_is_another_is_refused() {
        let last = BlockId {
            number: 4,
            hash: B256::repeat_byte(4),
        };
        assert!(check_parents(Some(last), &[header(5, 5, 4), header(6, 6, 5)]).is_ok());
        assert!(check_parents(Some(last), &[header(5, 5, 3)]).is_err());
        assert!(check_parents(Some(last), &[header(5, 5, 4), header(6, 6, 9)]).is_err());
        // Between blocks that are no neighbours nothing can be said.
        assert!(check_parents(Some(last), &[header(9, 9, 8)]).is_ok());
    }

    #[test]
    fn a_payment_in_a_block_that_is_not_there_is_refused() {
        let headers = [header(5, 5, 4), header(6, 6, 5)];
        assert_eq!(times_of(&[log(6, 6)], &headers), Ok(vec![6]));
        assert!(times_of(&[log(6, 7)], &headers).is_err());
        assert!(times_of(&[log(7, 6)], &headers).is_err());
    }
}
