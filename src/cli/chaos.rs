//! `chaos`: the experiments of a scenario, on the request clock whatever the scenario asks for.

use super::args::{ChaosArgs, MachineArgs, Talk};
use super::input::Loaded;
use super::timing::Clock;
use super::watch::{Progress, catch_interrupts};
use super::{Exit, Refusal, input, output, plan};
use ninefold::experiment::{self, Watch};
use ninefold::report::{json, text};
use ninefold::results::chaos::{ChaosResults, ChaosVerdict};

/// Runs the experiments and reports; the worst verdict is the exit code.
///
/// # Errors
/// If the scenario is refused or has no such experiment, or a file fails.
pub fn chaos(args: &ChaosArgs, talk: Talk) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    let loaded = input::scenario(&args.file, &args.changes(), talk)?;
    let results = experiments(&loaded, (args.only.as_deref(), args.repeat), &args.machine, talk)?;
    let file = args.output.as_deref();
    let bytes =
        if args.json { json::journal(&results) } else { text::chaos(&results, output::look(talk, file)).into_bytes() };
    output::write(&bytes, file)?;
    clock.report(&args.machine, talk, (None, None));
    Ok(exit(&results))
}

/// Runs the experiments that are asked for, all or one by its name, each so often if that is said.
///
/// # Errors
/// If there are none, or not this one.
pub fn experiments(
    loaded: &Loaded,
    (only, repeat): (Option<&str>, Option<u64>),
    machine: &MachineArgs,
    talk: Talk,
) -> anyhow::Result<ChaosResults> {
    let model = &loaded.scenario.model;
    let names: Vec<&str> = model.experiments.iter().map(|experiment| experiment.name.as_str()).collect();
    if names.is_empty() {
        let help = "add `[experiments.NAME]` with `steady_state` and `method`";
        anyhow::bail!(Refusal(format!("error: `{}` has no experiments\n  = help: {help}", loaded.path.display())));
    }
    if let Some(only) = only.filter(|only| !names.contains(only)) {
        let known = names.join(", ");
        anyhow::bail!(Refusal(format!(
            "error: `{}` has no experiment `{only}`\n  = help: it has {known}",
            loaded.path.display()
        )));
    }
    let plan = plan::plan(&loaded.scenario.settings, machine);
    let stop = catch_interrupts()?;
    let progress = Progress::new(talk, false);
    let report = |done: u64, of: u64| progress.report(done, of);
    let watch = Watch { stop, progress: &report };
    let results = experiment::chaos(model, &loaded.identity(), &plan, (only, repeat), &watch);
    progress.finish();
    results.map_err(|error| Refusal(format!("error: {error}")).into())
}

fn exit(results: &ChaosResults) -> Exit {
    let one = |verdict: ChaosVerdict| match verdict {
        ChaosVerdict::Passed => Exit::Fine,
        ChaosVerdict::Inconclusive => Exit::Undecided,
        ChaosVerdict::Deviated | ChaosVerdict::DeviatedBefore => Exit::NotMet,
    };
    if results.partial {
        return Exit::Interrupted;
    }
    results.experiments.iter().map(|experiment| one(experiment.verdict)).max().unwrap_or(Exit::Fine)
}
