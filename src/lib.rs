//! ninefold: a multi-region failover simulator and availability modeller.
//!
//! One idea, two waists: many scenario files become one [`model::Model`], whoever answers fills one
//! [`results::Results`], many formats read it. `scenario` reads text, `simulation` runs one trial on the kernel of
//! `engine`, `experiment` folds many trials with the intervals of `stats`, `report` writes bytes. [`resilience`] is a
//! library of its own: the policies of a resilient call, for live services and simulated ones.
//!
//! ```
//! use ninefold::experiment::{self, Identity, Plan, Watch};
//! use ninefold::results::{Fidelity, measure::Measure};
//! use std::{path::Path, sync::atomic::AtomicBool};
//!
//! let text = "version = 1\nservices.app.faults = { fails = 'exp(mean=999h)', repair = 'exp(mean=1h)' }";
//! let scenario = ninefold::scenario::load_text(Path::new("app.toml"), text.into(), &|path| std::fs::read(path), &[])?;
//! let plan = Plan { trials: 100, until: None, confidence: 0.95, seed: 1, jobs: 1, fidelity: Fidelity::Structure };
//! let who = Identity { version: "0".into(), scenario: "app".into(), hash: String::new() };
//! let watch = Watch { stop: &AtomicBool::new(false), progress: &|_, _| () };
//! let results = experiment::run(&scenario.model, &who, &plan, &watch).results;
//! assert!(results.find(Measure::NinesTime, "system", "mean").is_some_and(|row| row.value.covers(3.0)));
//! # Ok::<(), ninefold::scenario::Diagnostics>(())
//! ```

pub mod engine;
pub mod experiment;
#[cfg(feature = "live")]
pub mod live;
pub mod model;
pub mod report;
pub mod resilience;
pub mod results;
pub mod scenario;
pub mod simulation;
pub mod stats;
pub mod time;

/// The examples of the README are tests too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
