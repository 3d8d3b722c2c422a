//! A credit is granted, some of them to expire.

use synor_economics::billing::CreditSource;
use synor_economics::money::MicroSynor;
use synor_economics::period::DAY_SECS;
use synor_engine::{Clock, NewCredit};

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "grant",
    weight: 6,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let customer = world.any_customer(0);
    let account = world.customers[customer].id.clone();
    let command = world.name("grant");
    let micro = world.random.between(1, 5_000_000);
    let expires = world.random.percent(30);
    let until = world.random.between(2, 40) * DAY_SECS;
    let expires_at = expires.then(|| world.clock.now().plus_secs(until));
    let ask = async |engine: Node| {
        let source = CreditSource::Manual {
            reason: "simulation".to_owned(),
            admin: "simulation".to_owned(),
        };
        let new = NewCredit {
            amount_micro_synor: MicroSynor::new(micro),
            source,
            expires_at,
        };
        engine.grant_credit(&account, new, &command).await
    };
    if world.ask(ask).await?.is_some() {
        let granted = &mut world.customers[customer].acknowledged.granted;
        granted.insert(command, micro);
    }
    Ok(())
}
