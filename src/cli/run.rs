//! `run`: one scenario to its results.

use super::args::{RunArgs, Talk};
use super::input::Loaded;
use super::timing::Clock;
use super::watch::{Progress, catch_interrupts};
use super::{Exit, input, output, plan};
use ninefold::experiment::{self, Plan, Run, Watch};
use ninefold::report::csv::{self, CsvKind};
use ninefold::report::{json, text};
use std::sync::atomic::AtomicBool;

/// Simulates the scenario and reports in the format asked for.
///
/// # Errors
/// If the scenario is refused or a file fails.
pub fn run(args: &RunArgs, talk: Talk) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    let loaded = input::scenario(&args.file, &args.changes, talk)?;
    let plan = plan::plan(&loaded.scenario.settings, &args.machine);
    let file = args.format.output.as_deref();
    if let Some(kind) = args.format.csv().filter(|kind| *kind != CsvKind::Measures) {
        let bytes = raw(&loaded, &plan, kind);
        output::write(&bytes, file)?;
        clock.report(&args.machine, talk, (None, None));
        return Ok(Exit::Fine);
    }
    let stop = catch_interrupts()?;
    let run = simulate(&loaded, &plan, stop, talk);
    let exit = plan::exit(std::slice::from_ref(&run.results));
    let bytes = match (args.format.json, args.format.csv()) {
        (true, _) => json::run(&run.results),
        (false, Some(_)) => csv::measures(std::slice::from_ref(&run.results)),
        (false, None) => text::run(&run.results, output::look(talk, file)).into_bytes(),
    };
    output::write(&bytes, file)?;
    clock.report(&args.machine, talk, (Some(run.events), Some(run.requests)));
    Ok(exit)
}

/// The run of one scenario, its notes among the results.
pub fn simulate(loaded: &Loaded, plan: &Plan, stop: &AtomicBool, talk: Talk) -> Run {
    let progress = Progress::new(talk, plan.until.is_some());
    let report = |done: u64, of: u64| progress.report(done, of);
    let watch = Watch { stop, progress: &report };
    let mut run = experiment::run(&loaded.scenario.model, &loaded.identity(), plan, &watch);
    progress.finish();
    run.results.notes.extend(loaded.scenario.notes.iter().cloned());
    run
}

fn raw(loaded: &Loaded, plan: &Plan, kind: CsvKind) -> Vec<u8> {
    let (trials, outages, timeline) = experiment::records(&loaded.scenario.model, plan);
    match kind {
        CsvKind::Trials => csv::trials(&trials),
        CsvKind::Outages => csv::outages(&outages),
        CsvKind::Timeline => csv::timeline(&timeline),
        CsvKind::Measures => Vec::new(),
    }
}
