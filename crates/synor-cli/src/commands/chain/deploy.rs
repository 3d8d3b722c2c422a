//! `synor chain deploy`: the contracts on an EVM chain, and what to write into `synor.toml`.

use std::path::PathBuf;

use clap::Args;
use synor_chain::evm::deploy::{DeployPlan, Deployment, deploy};
use synor_chain::evm::primitives::Address;
use synor_chain::evm::{EvmKey, SendRules};
use synor_economics::distribution::FeeSplit;

use crate::commands::wallet::passphrase;
use crate::output::Answer;

/// Of transaction fees in hundredths of a percent: burn, stakers, community, validators.
const TRANSACTION_SHARES: [u16; 4] = [1_000, 6_000, 2_000, 1_000];
const DAY_SECS: u64 = 86_400;
const HOUR_SECS: u64 = 3_600;

/// What to deploy, and where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A JSON-RPC endpoint of the chain; several may be named.
    #[arg(
        long,
        required = true,
        value_name = "URL",
        env = "SYNOR_CHAIN_RPC",
        hide_env_values = true
    )]
    rpc: Vec<String>,
    /// The keystore of the key that deploys and pays for it (`synor chain key` makes one). Its
    /// passphrase is asked for, or SYNOR_WALLET_PASSPHRASE.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The token that there is already; without it one is made.
    #[arg(long, value_name = "ADDRESS")]
    token: Option<Address>,
    /// The decimals of a new token.
    #[arg(long, default_value_t = 18)]
    decimals: u8,
    /// Who gives roles, refunds and stops from then on [default: the deploying key].
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<Address>,
    /// The engine's key, which charges and posts payouts [default: the deploying key].
    #[arg(long, value_name = "ADDRESS")]
    operator: Option<Address>,
    /// Who mints a new token [default: nobody].
    #[arg(long, value_name = "ADDRESS")]
    minter: Option<Address>,
    /// Receives the treasury's share [default: the admin].
    #[arg(long, value_name = "ADDRESS")]
    treasury: Option<Address>,
    /// Receives the community's share [default: the admin].
    #[arg(long, value_name = "ADDRESS")]
    community: Option<Address>,
    /// How many days a change of the shares is announced before; 0 fixes them for ever.
    #[arg(long, default_value_t = 0, value_name = "DAYS")]
    change_delay_days: u32,
    /// How many hours payouts can be looked at before they open.
    #[arg(long, default_value_t = 24, value_name = "HOURS")]
    review_hours: u32,
    /// Whose price reports count; several may be named. Without any there is no price oracle.
    #[arg(long, value_name = "ADDRESS")]
    oracle_signer: Vec<Address>,
    /// How many reports make a price [default: more than half].
    #[arg(long, value_name = "COUNT")]
    oracle_quorum: Option<u8>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Answer> {
    let passphrase = passphrase("Passphrase: ", false)?;
    let file = arguments.key.clone();
    let unlock = move || EvmKey::unlock(&file, &passphrase);
    let key = tokio::task::spawn_blocking(unlock).await??;
    let plan = plan(&arguments, key.address())?;
    let made = deploy(&arguments.rpc, &key, SendRules::default(), &plan).await?;
    answer(&arguments, &made)
}

fn plan(arguments: &Arguments, me: Address) -> anyhow::Result<DeployPlan> {
    let admin = arguments.admin.unwrap_or(me);
    let signers = u8::try_from(arguments.oracle_signer.len())?;
    Ok(DeployPlan {
        token: arguments.token,
        decimals: arguments.decimals,
        admin,
        operator: arguments.operator.unwrap_or(me),
        minter: arguments.minter,
        treasury: arguments.treasury.unwrap_or(admin),
        community: arguments.community.unwrap_or(admin),
        service_basis_points: service_shares(FeeSplit::default())?,
        transaction_basis_points: TRANSACTION_SHARES,
        change_delay_secs: u64::from(arguments.change_delay_days).saturating_mul(DAY_SECS),
        review_secs: u64::from(arguments.review_hours).saturating_mul(HOUR_SECS),
        oracle_signers: arguments.oracle_signer.clone(),
        oracle_quorum: arguments
            .oracle_quorum
            .unwrap_or((signers / 2).saturating_add(1)),
    })
}

/// Operators, treasury, burn.
fn service_shares(split: FeeSplit) -> anyhow::Result<[u16; 3]> {
    Ok([
        split.operators_basis_points.try_into()?,
        split.treasury_basis_points.try_into()?,
        split.burn_basis_points.try_into()?,
    ])
}

fn answer(arguments: &Arguments, made: &Deployment) -> anyhow::Result<Answer> {
    let mut answer = Answer::new(made)?
        .line(format!("token     {}", made.token))
        .line(format!("splitter  {}", made.splitter))
        .line(format!("billing   {}", made.billing));
    if let Some(oracle) = made.oracle {
        answer = answer.line(format!("oracle    {oracle}"));
    }
    let rpc: Vec<String> = arguments.rpc.iter().map(|url| format!("{url:?}")).collect();
    Ok(answer
        .line("the code at each address is what was compiled, and the roles are given")
        .line("")
        .line("for synor.toml:")
        .line("")
        .line("[chain]")
        .line("kind = \"evm\"")
        .line(format!("rpc = [{}]", rpc.join(", ")))
        .line(format!("billing = \"{}\"", made.billing))
        .line(format!("from_block = {}", made.from_block))
        .line("operator_key = \"operator.json\""))
}
