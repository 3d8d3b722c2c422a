//! How long a large book and a long month take:
//! `cargo nextest run --release --run-ignored only -p synor-engine --test spot --no-capture`

use std::time::Instant;

use crate::common::{World, synor};
use crate::{ask, bid};

#[tokio::test]
#[ignore = "a measurement"]
async fn ten_thousand_orders() {
    let world = World::with(&[]).await;
    for n in 0..100 {
        world.account(&format!("a{n}"), "UTC").await;
    }
    world.clock.set("2026-01-10T09:30");
    let started = Instant::now();
    for n in 0..5_000u32 {
        let price = |step: u32| format!("0.{:06}", 100_000 + n * step % 400_000);
        ask(
            &world,
            &format!("node-{}", n % 50),
            &format!("{} at {}", 1 + n % 3, price(77)),
        )
        .await;
        let account = format!("a{}", n % 100);
        bid(&world, &account, &format!("{} at {}", 1 + n % 4, price(91))).await;
    }
    println!("placed 10,000 orders in {:?}", started.elapsed());
    for hour in ["10:00", "11:00"] {
        world.clock.set(&format!("2026-01-10T{hour}"));
        let started = Instant::now();
        assert_eq!(world.engine.clear_spot_due().await.unwrap(), 1);
        println!(
            "decided in {:?}, store reads and writes included",
            started.elapsed()
        );
    }
    let started = Instant::now();
    world.sound().await;
    println!("verified in {:?}", started.elapsed());
}

#[tokio::test]
#[ignore = "a measurement"]
async fn a_gpu_that_is_held_all_month() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2025-12-31T23:30");
    ask(&world, "node-1", "1 at 0.20").await;
    bid(&world, "acme", "1 at 0.40").await;
    world.clock.set("2026-02-01");
    let started = Instant::now();
    let count = world.engine.clear_spot_due().await.unwrap();
    println!("decided {count} intervals in {:?}", started.elapsed());
    let used = "gpu_model=rtx4090 spot=true provider=node-1";
    let hours = (0..744).map(|hour| {
        let (day, hour) = (1 + hour / 24, hour % 24);
        format!("compute.gpu 1 gpu-hours @2026-01-{day:02}T{hour:02}:30 {used}")
    });
    let hours: Vec<_> = hours.collect();
    let hours: Vec<_> = hours.iter().map(String::as_str).collect();
    world.usage("acme", &hours).await;
    let started = Instant::now();
    let invoice = world.bill("2026-01").await;
    println!("billed in {:?}", started.elapsed());
    assert_eq!(invoice.line_items[0].steps.len(), 744);
    assert_eq!(invoice.subtotal_micro_synor, synor("148.8"));
    let started = Instant::now();
    world.sound().await;
    println!("verified in {:?}", started.elapsed());
}
