//! Both nodes spend the same balance at the same moment.

use std::sync::Arc;

use synor_economics::money::MicroSynor;
use synor_engine::Engine;

use super::Step;
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "race",
    weight: 6,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let customer = world.any_customer(0);
    let account = world.customers[customer].id.clone();
    let commands = [world.name("race"), world.name("race")];
    let micro = world.random.between(1, 1_500_000);
    let spend = async |engine: Arc<Engine>, command: &str| {
        let amount = MicroSynor::new(micro);
        engine.deduct(&account, amount, "at once", command).await
    };
    let (one, two) = (world.node(0), world.node(1));
    let both = tokio::join!(spend(one, &commands[0]), spend(two, &commands[1]));
    if world.faults.is_down() {
        world.start().await?;
    }
    // Whatever was answered, asking again tells, and nothing that was answered may change.
    for (command, first) in commands.iter().zip([both.0, both.1]) {
        let again = world
            .ask(async |engine| spend(engine, command).await)
            .await?;
        if let Ok(first) = first
            && again.as_ref() != Some(&first)
        {
            let what = format!("{command} was answered {first:?}, then {again:?}");
            return Err(Broken::new(what));
        }
        if again.is_some() {
            let deducted = &mut world.customers[customer].acknowledged.deducted;
            deducted.insert(command.clone(), micro);
        }
    }
    Ok(())
}
