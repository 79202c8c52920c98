//! `compare`: several scenarios under the same luck.

use super::args::{CompareArgs, Talk};
use super::input::Loaded;
use super::timing::Clock;
use super::watch::{Progress, catch_interrupts};
use super::{Exit, Refusal, input, output, plan};
use ninefold::experiment::{self, Identity, Watch};
use ninefold::model::Model;
use ninefold::report::csv::{self, CsvKind};
use ninefold::report::{json, text};

/// Simulates all with the settings of the first and reports what differs from it.
///
/// # Errors
/// If a scenario is refused or a file fails.
pub fn compare(args: &CompareArgs, talk: Talk) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    if args.format.csv().is_some_and(|kind| kind != CsvKind::Measures) {
        anyhow::bail!(Refusal(
            "error: `compare` has one table: `--csv measures`; for raw records use `run`".to_owned()
        ));
    }
    input::stdin_once(&args.files)?;
    let loaded =
        args.files.iter().map(|file| input::scenario(file, &args.changes, talk)).collect::<anyhow::Result<Vec<_>>>()?;
    let Some(first) = loaded.first() else { return Ok(Exit::Fine) };
    same_horizon(&loaded)?;
    if !talk.quiet && loaded.iter().any(|other| other.scenario.settings != first.scenario.settings) {
        eprintln!("note: the scenarios differ in `simulation`; that of `{}` holds for all", first.path.display());
    }
    let plan = plan::plan(&first.scenario.settings, &args.machine);
    let stop = catch_interrupts()?;
    let progress = Progress::new(talk, plan.until.is_some());
    let report = |done: u64, of: u64| progress.report(done, of);
    let worlds: Vec<(&Model, Identity)> =
        loaded.iter().map(|loaded| (&loaded.scenario.model, loaded.identity())).collect();
    let mut comparison = experiment::compare(&worlds, &plan, &Watch { stop, progress: &report });
    progress.finish();
    for (results, loaded) in comparison.scenarios.iter_mut().zip(&loaded) {
        results.notes.extend(loaded.scenario.notes.iter().cloned());
    }
    let file = args.format.output.as_deref();
    let bytes = match (args.format.json, args.format.csv()) {
        (true, _) => json::comparison(&comparison),
        (false, Some(_)) => csv::measures(&comparison.scenarios),
        (false, None) => text::comparison(&comparison, output::look(talk, file)).into_bytes(),
    };
    output::write(&bytes, file)?;
    clock.report(&args.machine, talk, (Some(comparison.events), Some(comparison.requests)));
    Ok(plan::exit(&comparison.scenarios))
}

/// Trials can be paired only over the same stretch of time.
fn same_horizon(loaded: &[Loaded]) -> anyhow::Result<()> {
    let horizon = |loaded: &Loaded| loaded.scenario.model.horizon;
    if let [first, rest @ ..] = loaded
        && let Some(other) = rest.iter().find(|other| horizon(other) != horizon(first))
    {
        anyhow::bail!(Refusal(format!(
            "error: `{}` has the horizon {}, `{}` has {}\n  = help: give both the same, such as `--horizon {}`",
            first.path.display(),
            horizon(first),
            other.path.display(),
            horizon(other),
            horizon(first),
        )));
    }
    Ok(())
}
