//! `synor-sim`: many lives, from one seed on, or for so many minutes.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use synor_sim::{Life, live};

/// Lives many simulated lives of a platform and says which seed broke what.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this seed, with its steps.
    #[arg(long, conflicts_with_all = ["seeds", "minutes"])]
    seed: Option<u64>,
    /// So many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// From this seed on.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// For so many minutes, however many seeds that is.
    #[arg(long)]
    minutes: Option<u64>,
    /// Steps of each life.
    #[arg(long, default_value_t = 60)]
    steps: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let started = Instant::now();
    let (mut lives, mut faults, mut restarts, mut entries) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut seed = arguments.seed.unwrap_or(arguments.from);
    loop {
        let life = Life {
            seed,
            steps: arguments.steps,
            bug: None,
        };
        match live(life) {
            Ok(lived) => {
                lives += 1;
                faults += lived.faults;
                restarts += lived.restarts;
                entries += lived.entries;
                if arguments.seed.is_some() {
                    println!("{}", lived.steps.join(", "));
                }
            }
            Err(broken) => {
                println!(
                    "{broken}\nagain: just simulate --seed {seed} --steps {}",
                    life.steps
                );
                return ExitCode::FAILURE;
            }
        }
        seed += 1;
        let is_over = match (arguments.seed, arguments.minutes) {
            (Some(_), _) => true,
            (None, Some(minutes)) => started.elapsed() >= Duration::from_secs(minutes * 60),
            (None, None) => lives >= arguments.seeds,
        };
        if is_over {
            break;
        }
    }
    let took = started.elapsed();
    let each = took.as_secs_f64() * 1_000.0 / f64::from(u32::try_from(lives).unwrap_or(1).max(1));
    println!(
        "{lives} lives of {} steps in {:.1} s ({each:.2} ms each): {faults} faults, {restarts} \
         starts, {entries} journal entries, and everything held",
        arguments.steps,
        took.as_secs_f64(),
    );
    ExitCode::SUCCESS
}
