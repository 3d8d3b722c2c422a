//! A deposit is announced and transferred, sometimes in parts, sometimes not at all.

use synor_economics::money::MicroSynor;
use synor_engine::NewDeposit;

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "deposit",
    weight: 6,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let customer = world.any_customer(0);
    let account = world.customers[customer].id.clone();
    let command = world.name("deposit");
    let micro = world.random.between(1, 8_000_000);
    let ask = async |engine: Node| {
        let amount_micro_synor = MicroSynor::new(micro);
        engine
            .announce_deposit(&account, NewDeposit { amount_micro_synor }, &command)
            .await
    };
    let Some(announced) = world.ask(ask).await? else {
        return Ok(());
    };
    let reference = announced.request.reference;
    for _ in 0..world.random.below(3) {
        let part = world.random.between(1, micro);
        world.transfer(customer, MicroSynor::new(part), &reference)?;
    }
    Ok(())
}
