//! Simulation: the real engine lives months of a platform's life over a book, a usage log and a
//! chain in memory, while faults are thrown at it. One seed is one life, to the letter.
//!
//! After every step the cheap invariants are asked for, and every few steps and at the end all of
//! them, among them that the books are what a [model] of the acknowledged operations says. What each
//! [bug] breaks on purpose shows that the invariants see it.
//!
//! A new operation is a new file in [`steps`].

mod blocking;
pub mod bug;
mod checks;
mod clock;
mod faults;
mod life;
pub mod model;
mod random;
mod seams;
pub mod steps;
mod world;

pub use bug::Bug;
pub use life::{Broken, Life, Lived, live};
