//! A balance is spent in real time.

use synor_economics::money::MicroSynor;

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "deduct",
    weight: 8,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let customer = world.any_customer(0);
    let account = world.customers[customer].id.clone();
    let command = world.name("deduct");
    let micro = world.random.between(1, 2_000_000);
    let ask = async |engine: Node| {
        let amount = MicroSynor::new(micro);
        engine.deduct(&account, amount, "an hour", &command).await
    };
    if world.ask(ask).await?.is_some() {
        let deducted = &mut world.customers[customer].acknowledged.deducted;
        deducted.insert(command, micro);
    }
    Ok(())
}
