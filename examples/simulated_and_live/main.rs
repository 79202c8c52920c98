//! The same policies, load and faults twice: on loopback in real time, and simulated; do the two agree?
//!
//! ```text
//! cargo run --features live --example simulated_and_live
//! cargo run --features live --example simulated_and_live -- 10     repeats of each fault
//! ```
//!
//! One scenario text says it all: [`live`] builds its pipeline, service times and slots from the very model that
//! [`simulated`] runs. For each fault the figures of the repeats are compared with those of the trials by Welch's
//! interval of the difference of two means (Biometrika 34, 1947). Real time has what the model has not: connections are
//! set up, timers have a grain of a millisecond, other programs take the processor. That is part of the difference;
//! how late the load itself was is printed, so that a busy machine is seen to be one.
//!
//! Exits with 1 if any figure disagrees, at 99 % for all figures together (Bonferroni).

mod figures;
mod live;
mod simulated;

#[allow(dead_code)]
#[path = "../live_service.rs"]
mod live_service;

use std::path::Path;
use std::process::ExitCode;

use figures::{Comparison, FIGURES, Sample};
use live_service::Fault as Failure;
use ninefold::model::Model;
use ninefold::scenario;

/// Everything but the fault.
const SCENARIO: &str = include_str!("scenario.toml");

/// The faults, each from [`figures::STRIKES`] to [`figures::ENDS`].
const FAULTS: [(&str, Fault, &str); 3] = [
    ("crash", Fault::Crash, "mode = 'crash'"),
    ("20 % errors", Fault::Errors(0.2), "mode = 'slow', factor = 1, errors = '20%'"),
    ("10x latency", Fault::Slow(10.0), "mode = 'slow', factor = 10"),
];

/// Trials of the simulation.
const TRIALS: u64 = 200;
/// Repeats in real time, all at once.
const REPEATS: u64 = 25;
/// Chance that all agree although nothing but luck differs.
const CONFIDENCE: f64 = 0.99;

/// What is done to the service.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It is killed, and started again.
    Crash,
    /// This share of its answers fails.
    Errors(f64),
    /// Its work takes so many times as long.
    Slow(f64),
}

fn model(fault: &str) -> Result<Model, Failure> {
    let text = format!("{SCENARIO}\n[faults]\nit = {{ target = 'prices', at = '5s', for = '10s', {fault} }}\n");
    let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let loaded = scenario::load_text(Path::new("simulated_and_live.toml"), text.into_bytes(), &read, &[]);
    Ok(loaded.map_err(|problems| problems.render_plain())?.model)
}

#[allow(clippy::print_stdout)] // an example may talk
#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let repeats = std::env::args().nth(1).map_or(Ok(REPEATS), |repeats| repeats.parse())?;
    println!("{repeats} repeats of 30 s on loopback beside {TRIALS} trials, means with their 95 % intervals");
    println!("difference: live - simulated, at {:.0} % for all together\n", 100.0 * CONFIDENCE);
    println!("| fault | figure | live | simulated | difference | agree |\n|---|---|---|---|---|---|");
    let (mut agree, mut late) = (true, Vec::new());
    for (name, fault, written) in FAULTS {
        let model = model(written)?;
        let (live, lateness) = live::repeats(&model, fault, repeats).await?;
        late.extend(lateness);
        let simulated = simulated::trials(&model, TRIALS).ok_or("the scenario has no requests")?;
        for (place, figure) in FIGURES.iter().enumerate() {
            let of = |sample: &Sample| sample[place];
            let (live, simulated) = (live.iter().filter_map(of), simulated.iter().filter_map(of));
            let compared = Comparison::new(live, simulated, CONFIDENCE, FIGURES.len() * FAULTS.len());
            println!("| {name} | {figure} | {compared} |");
            agree &= compared.agrees();
        }
    }
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late.get((late.len() as f64 * share) as usize).copied().unwrap_or_default() * 1e3;
    println!("\nrequests were sent late by {:.1} ms (median), {:.1} ms (p99)", at(0.5), at(0.99));
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
