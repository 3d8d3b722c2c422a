//! What must hold: after every step what can be asked cheaply, and now and then everything.

mod against_model;
mod at_rest;
mod journal;

pub use journal::Followed;

use synor_store::Store;

use crate::life::Broken;
use crate::world::World;

/// After every step: each new entry sums to zero, no wallet is below zero, and every balance that
/// moved is the sum of its entries.
pub async fn after_a_step(world: &mut World) -> Result<(), Broken> {
    let book = std::sync::Arc::clone(&world.book);
    world.followed.follow(&*book).await
}

/// Everything, without faults: the chain is followed to its end, the books are verified and held
/// against the model, and jobs that run again find nothing to do.
pub async fn everything(world: &mut World) -> Result<(), Broken> {
    let were_on = world.faults.switch(false);
    let holds = async {
        at_rest::settle(world).await?;
        at_rest::verify(world).await?;
        against_model::usage(world).await?;
        against_model::money(world).await?;
        against_model::bills(world).await?;
        against_model::coins(world).await?;
        at_rest::run_again(world).await
    };
    let holds = holds.await;
    world.faults.switch(were_on);
    holds
}

/// How many entries there are, and a text that is the same for the same books.
pub async fn print(world: &World) -> Result<(u64, String), Broken> {
    let book = &*world.book as &dyn Store;
    let journal = book.journal(0, usize::MAX).await.map_err(Broken::setup)?;
    let entries = u64::try_from(journal.len()).unwrap_or(u64::MAX);
    let mut print = String::new();
    for line in journal {
        print.push_str(&format!("{:?}\n", line.entry));
    }
    Ok((entries, print))
}
