//! The third customer lets its invoices be collected, or no more.

use synor_chain::{Chain, Soma};
use synor_economics::money::MicroSynor;
use synor_engine::AutoPayOrder;

use super::{Node, Step};
use crate::blocking::wait;
use crate::life::Broken;
use crate::world::{CHAIN, World};

pub const STEP: Step = Step {
    name: "auto-pay",
    weight: 3,
    run: |world| Box::pin(run(world)),
};

/// Who pays by itself.
const WHO: usize = 2;

async fn run(world: &mut World) -> Result<(), Broken> {
    let account = world.customers[WHO].id.clone();
    let enabled = world.random.percent(75);
    let micro = world.random.between(100_000, 20_000_000);
    let wallet = &world.customers[WHO].wallet;
    let nonce = wait(world.chain.next_nonce(wallet.address())).map_err(Broken::setup)?;
    let most = Soma::from_micro(MicroSynor::new(micro)).map_err(Broken::setup)?;
    let spender = world.node(0).pay_to().clone();
    let grant = wallet
        .sign_grant(CHAIN, nonce, &spender, most, most)
        .map_err(Broken::setup)?;
    let order = AutoPayOrder {
        enabled,
        max_per_invoice_micro_synor: enabled.then(|| MicroSynor::new(micro)),
        signed_grant: enabled.then_some(grant),
        funding_source: None,
    };
    let ask = async |engine: Node| engine.configure_auto_pay(&account, order.clone()).await;
    world.ask(ask).await?;
    Ok(())
}
