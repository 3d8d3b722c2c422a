//! The numbers under which errors travel. They never change; a new error gets a new one.

use crate::ChainError;

/// The JSON-RPC error code of an error. Refusals of a transaction are -32010 and below, of a
/// development command -32040 and below, failures of the node -32060 and below.
pub(super) fn code(error: &ChainError) -> i32 {
    match error {
        ChainError::BadAddress { .. } => -32010,
        ChainError::AmountZero => -32011,
        ChainError::NegativeAmount { .. } => -32012,
        ChainError::AmountOverflow => -32013,
        ChainError::NotWholeMicro { .. } => -32014,
        ChainError::MemoTooLong { .. } => -32015,
        ChainError::WrongChain { .. } => -32016,
        ChainError::BadSignature { .. } => -32017,
        ChainError::InsufficientBalance { .. } => -32018,
        ChainError::NonceUsed { .. } => -32019,
        ChainError::NonceTooHigh { .. } => -32020,
        ChainError::NoGrant { .. } => -32021,
        ChainError::GrantExceeded { .. } => -32022,
        ChainError::MempoolFull { .. } => -32023,
        ChainError::Reverted { .. } => -32024,
        ChainError::FeeTooHigh { .. } => -32025,
        ChainError::NotWholeUnits { .. } => -32026,
        ChainError::Unsupported { .. } => -32027,
        ChainError::FaucetLimit { .. } => -32040,
        ChainError::ReorganizationDepth { .. } => -32041,
        ChainError::NotInBlocks { .. } => -32042,
        ChainError::Stopped => -32060,
        ChainError::Open { .. } => -32061,
        ChainError::Storage { .. } => -32062,
        ChainError::Inconsistent { .. } => -32063,
        ChainError::RpcUnreachable { .. } => -32064,
        ChainError::RpcAnswer { .. } => -32065,
        ChainError::RpcDisagree { .. } => -32066,
        ChainError::ReorganizedTooDeep { .. } => -32067,
        ChainError::OtherContract { .. } => -32068,
        ChainError::EmptyPassphrase
        | ChainError::WrongPassphrase
        | ChainError::WalletExists { .. }
        | ChainError::WalletCorrupt { .. }
        | ChainError::WalletFile { .. } => -32080,
    }
}
