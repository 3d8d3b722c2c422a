//! Putting the contracts on a chain, and checking that what is there is what we compiled.
//!
//! The order is token (unless there is one), splitter, billing, price oracle (if it has signers), and
//! then the roles. The deploying key is the admin while this lasts; at the end it hands that over.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde::{Deserialize, Serialize};

use super::abi::{grantRoleCall, hasRoleCall};
use super::by_hand::Hand;
use super::endpoints::Endpoints;
use super::key::EvmKey;
use super::rpc::At;
use super::sender::SendRules;
use crate::ChainError;

/// The artifacts of our contracts, as `contracts/bin/export-abi` writes them.
const TOKEN: &str = include_str!("../../../../contracts/abi/SynorToken.json");
const SPLITTER: &str = include_str!("../../../../contracts/abi/FeeSplitter.json");
const BILLING: &str = include_str!("../../../../contracts/abi/SynorBilling.json");
const ORACLE: &str = include_str!("../../../../contracts/abi/PriceOracle.json");

/// The role that gives roles.
const ADMIN_ROLE: B256 = B256::ZERO;
/// How many rounds of prices the oracle remembers.
const ORACLE_ROUNDS: u16 = 1_024;

sol! {
    struct Terms {
        uint16[3] service;
        uint16[4] transaction;
        address treasury;
        address community;
    }
    struct Limits {
        uint32 reportAgeSecs;
        uint32 priceAgeSecs;
        uint32 jumpTimeoutSecs;
        uint16 jumpBasisPoints;
        uint16 spreadBasisPoints;
    }
    function renounceRole(bytes32 role, address account) external;
}

/// What is to be deployed.
#[derive(Debug, Clone)]
pub struct DeployPlan {
    /// The token that there is already; without one, one of `decimals` is made.
    pub token: Option<Address>,
    /// The decimals of a new token.
    pub decimals: u8,
    /// Who gives roles from then on, refunds, and stops; better a wallet of several owners.
    pub admin: Address,
    /// The engine's key: it charges and posts payouts.
    pub operator: Address,
    /// Who mints a new token, if anybody does.
    pub minter: Option<Address>,
    /// Receives the treasury's share.
    pub treasury: Address,
    /// Receives the community's share.
    pub community: Address,
    /// Of service fees in hundredths of a percent: operators, treasury, burn.
    pub service_basis_points: [u16; 3],
    /// Of transaction fees: burn, stakers, community, validators.
    pub transaction_basis_points: [u16; 4],
    /// How long a change of the shares is announced before it holds, in seconds; zero fixes them for
    /// ever.
    pub change_delay_secs: u64,
    /// How long an epoch of payouts can be looked at before it opens, in seconds.
    pub review_secs: u64,
    /// Whose price reports count; without any there is no oracle.
    pub oracle_signers: Vec<Address>,
    /// How many reports make a price.
    pub oracle_quorum: u8,
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The chain's number.
    pub chain_id: u64,
    /// The token.
    pub token: Address,
    /// The contract `FeeSplitter`.
    pub splitter: Address,
    /// The contract `SynorBilling`.
    pub billing: Address,
    /// The contract `PriceOracle`.
    pub oracle: Option<Address>,
    /// The block in which the billing contract was made.
    pub from_block: u64,
}

/// Deploys, gives the roles, and checks all of it. A deployment that broke off is begun anew.
///
/// `OtherContract` if the code at an address is not what we compiled, or a role is missing.
pub async fn deploy(
    rpc: &[String],
    key: &EvmKey,
    rules: SendRules,
    plan: &DeployPlan,
) -> Result<Deployment, ChainError> {
    let endpoints = Endpoints::new(rpc)?;
    let hand = Hand::new(endpoints, key.clone(), rules).await?;
    let me = key.address();
    let token = match plan.token {
        Some(token) => token,
        None => {
            let arguments = (U256::from(plan.decimals), me).abi_encode_params();
            create(&hand, TOKEN, arguments).await?.0
        }
    };
    let terms = Terms {
        service: plan.service_basis_points,
        transaction: plan.transaction_basis_points,
        treasury: plan.treasury,
        community: plan.community,
    };
    let (delay, review) = (plan.change_delay_secs, plan.review_secs);
    let arguments = (token, me, terms, delay, review).abi_encode_params();
    let (splitter, _) = create(&hand, SPLITTER, arguments).await?;
    let arguments = (token, splitter, me).abi_encode_params();
    let (billing, from_block) = create(&hand, BILLING, arguments).await?;
    let oracle = match plan.oracle_signers.is_empty() {
        true => None,
        false => Some(create(&hand, ORACLE, oracle_arguments(plan, me)).await?.0),
    };
    let deployment = Deployment {
        chain_id: hand.chain_id,
        token,
        splitter,
        billing,
        oracle,
        from_block,
    };
    give_roles(&hand, plan, &deployment).await?;
    Ok(deployment)
}

fn oracle_arguments(plan: &DeployPlan, admin: Address) -> Vec<u8> {
    // Reports count for 5 minutes, a price for an hour; a tenth is a jump, for a day; 2 % a
    // disagreement.
    let limits = Limits {
        reportAgeSecs: 300,
        priceAgeSecs: 3_600,
        jumpTimeoutSecs: 86_400,
        jumpBasisPoints: 1_000,
        spreadBasisPoints: 200,
    };
    let (signers, quorum) = (plan.oracle_signers.clone(), U256::from(plan.oracle_quorum));
    (admin, signers, quorum, limits, ORACLE_ROUNDS).abi_encode_params()
}

/// Every role and its holder, as `contracts/README.md` has them.
fn roles(plan: &DeployPlan, made: &Deployment) -> Vec<(Address, B256, Address)> {
    let role = |name: &str| keccak256(name.as_bytes());
    let mut roles = vec![
        (made.splitter, role("BILLING_ROLE"), made.billing),
        (made.splitter, role("DISTRIBUTOR_ROLE"), plan.operator),
        (made.splitter, role("PAUSER_ROLE"), plan.admin),
        (made.splitter, role("GUARDIAN_ROLE"), plan.admin),
        (made.splitter, role("GOVERNOR_ROLE"), plan.admin),
        (made.billing, role("OPERATOR_ROLE"), plan.operator),
        (made.billing, role("REFUNDER_ROLE"), plan.admin),
        (made.billing, role("PAUSER_ROLE"), plan.admin),
    ];
    let minter = plan.minter.filter(|_| plan.token.is_none());
    roles.extend(minter.map(|minter| (made.token, role("MINTER_ROLE"), minter)));
    roles.extend(
        made.oracle
            .map(|oracle| (oracle, role("GUARDIAN_ROLE"), plan.admin)),
    );
    // The admin last, so that it is the admin only of what is whole.
    let token = plan.token.is_none().then_some(made.token);
    let ours = [token, Some(made.splitter), Some(made.billing), made.oracle];
    roles.extend(
        ours.into_iter()
            .flatten()
            .map(|c| (c, ADMIN_ROLE, plan.admin)),
    );
    roles
}

async fn give_roles(hand: &Hand, plan: &DeployPlan, made: &Deployment) -> Result<(), ChainError> {
    let me = hand.key.address();
    for (contract, role, account) in roles(plan, made) {
        let give = grantRoleCall { role, account };
        hand.call(contract, give.abi_encode()).await?;
        let has = hasRoleCall { role, account };
        if !hand.endpoints.call(contract, &has, At::Latest).await? {
            return Err(other(contract, "a role that was given is missing"));
        }
        if role == ADMIN_ROLE && account != me {
            let account = me;
            let leave = renounceRoleCall { role, account };
            hand.call(contract, leave.abi_encode()).await?;
        }
    }
    Ok(())
}

/// Deploys one contract; its address and block.
async fn create(
    hand: &Hand,
    artifact: &str,
    arguments: Vec<u8>,
) -> Result<(Address, u64), ChainError> {
    let mut init = bytecode(artifact)?;
    init.extend(arguments);
    let init = Bytes::from(init);
    let endpoint = hand.endpoints.first();
    // What the chain itself makes of these bytes, at the address that they are about to get.
    let expected = endpoint.runtime_of(hand.key.address(), &init).await?;
    let receipt = hand.transact(TxKind::Create, init).await?;
    let address = receipt
        .contract_address
        .ok_or_else(|| ChainError::Inconsistent {
            what: "a deployment gave no address".to_owned(),
        })?;
    if expected.is_empty() || endpoint.code(address).await? != expected {
        return Err(other(address, "its code is not what was compiled"));
    }
    Ok((address, receipt.block_number.to()))
}

fn bytecode(artifact: &str) -> Result<Vec<u8>, ChainError> {
    #[derive(Deserialize)]
    struct Artifact {
        bytecode: String,
    }
    let unread = |what: String| ChainError::Inconsistent { what };
    let artifact: Artifact =
        serde_json::from_str(artifact).map_err(|error| unread(error.to_string()))?;
    hex::decode(artifact.bytecode).map_err(|error| unread(error.to_string()))
}

fn other(address: Address, reason: &str) -> ChainError {
    ChainError::OtherContract {
        address: address.to_string(),
        reason: reason.to_owned(),
    }
}
