//! Usage that was reported wrongly is withdrawn.

use synor_economics::metering::EventId;
use synor_engine::Correction;

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "correct",
    weight: 3,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let customer = world.any_customer(1);
    let known = world.customers[customer].acknowledged.events.keys();
    let known: Vec<_> = known.cloned().collect();
    let Some(id) = world.random.pick(&known).cloned() else {
        return Ok(());
    };
    let withdrawn = EventId {
        account: world.customers[customer].id.clone(),
        source: "simulation".to_owned(),
        id: id.clone(),
    };
    let ask = async |engine: Node| {
        let correction = Correction {
            withdraw: vec![withdrawn.clone()],
            events: Vec::new(),
        };
        engine.correct_usage(correction).await
    };
    if world.ask(ask).await?.is_some()
        && let Some(used) = world.customers[customer].acknowledged.events.get_mut(&id)
    {
        used.is_withdrawn = true;
    }
    Ok(())
}
