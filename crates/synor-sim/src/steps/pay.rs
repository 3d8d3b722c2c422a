//! An invoice is paid: in part, in full, too much, twice; or coins come with a wrong reference.

use synor_economics::money::MicroSynor;

use super::Step;
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "pay",
    weight: 9,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let customer = world.any_customer(0);
    let invoices = world.invoices(customer).await?;
    let Some(invoice) = world.random.pick(&invoices).cloned() else {
        return Ok(());
    };
    let owed = invoice.outstanding().map_err(Broken::setup)?.micro().max(1);
    let memo = invoice.invoice_id.to_string();
    let paid = match world.random.below(8) {
        0 => world.random.between(1, owed),
        1 => owed.saturating_add(world.random.between(1, 1_000_000)),
        2 => {
            let coins = world.random.between(1, 1_000_000);
            world.transfer(customer, MicroSynor::new(coins), "nothing known")?;
            owed
        }
        3 => {
            world.transfer(customer, MicroSynor::new(owed), &memo)?;
            owed
        }
        _ => owed,
    };
    world.transfer(customer, MicroSynor::new(paid), &memo)?;
    Ok(())
}
