//! An invoice of the second customer is voided.

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "void",
    weight: 2,
    run: |world| Box::pin(run(world)),
};

/// Whose invoices are voided.
const WHOSE: usize = 1;

async fn run(world: &mut World) -> Result<(), Broken> {
    let invoices = world.invoices(WHOSE).await?;
    let Some(id) = world.random.pick(&invoices).map(|i| i.invoice_id) else {
        return Ok(());
    };
    let ask = async |engine: Node| engine.void_invoice(id).await;
    world.ask(ask).await?;
    Ok(())
}
