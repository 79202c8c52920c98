//! `plot`: a chart of scenarios, which are run first, or of saved runs.

use super::args::{PlotArgs, Talk};
use super::close_up::close_up;
use super::replay::{Which, replay};
use super::timing::Clock;
use super::watch::catch_interrupts;
use super::{Exit, Refusal, input, output, plan, run};
use anyhow::Context as _;
use ninefold::report::json;
use ninefold::report::plot::{self, PictureFormat, PlotError, PlotKind};
use ninefold::results::Results;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Draws the chart into the file.
///
/// # Errors
/// If a scenario or saved run is refused, there is nothing to draw, or a file fails.
pub fn plot(args: &PlotArgs, talk: Talk) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    let format = format(&args.output)?;
    let kind = PlotKind::ALL.into_iter().find(|kind| kind.name() == args.kind).context("a chart without a name")?;
    input::stdin_once(&args.files)?;
    if kind != PlotKind::Chaos && args.only.is_some() {
        anyhow::bail!(Refusal("error: `--only` is for `chaos`; other charts show no experiment".to_owned()));
    }
    if kind == PlotKind::Gantt || kind == PlotKind::CloseUp {
        return of_trial(kind, args, format, talk, clock);
    }
    if kind == PlotKind::Chaos {
        return chaos(args, format, talk, clock);
    }
    if args.trial.is_some() {
        anyhow::bail!(Refusal(
            "error: `--trial` is for `gantt` and `close-up`; other charts show all trials".to_owned()
        ));
    }
    let stop = catch_interrupts()?;
    let (mut scenarios, mut events, mut requests) = (Vec::new(), 0, 0);
    for file in &args.files {
        let (results, counts) = results(file, args, stop, talk)?;
        scenarios.extend(results);
        (events, requests) = (events + counts.0, requests + counts.1);
    }
    let picture = plot::plot(kind, format, &scenarios).map_err(refused)?;
    output::write(&picture, Some(&args.output))?;
    clock.report(&args.machine, talk, (Some(events), Some(requests)));
    let partial = scenarios.iter().any(|results| results.partial);
    Ok(if partial { Exit::Interrupted } else { Exit::Fine })
}

/// A chart of one trial, which is run again; without a word about which, all are run to find the worst.
fn of_trial(kind: PlotKind, args: &PlotArgs, format: PictureFormat, talk: Talk, clock: Clock) -> anyhow::Result<Exit> {
    let [file] = args.files.as_slice() else {
        anyhow::bail!(Refusal(format!("error: a {} chart shows one trial of one scenario", kind.name())))
    };
    let bytes = input::saved_or_scenario(file)?;
    if is_saved(&bytes) {
        anyhow::bail!(Refusal(format!(
            "error: `{}` is a saved run, which holds no trial\n  = help: give the scenario instead",
            file.display()
        )));
    }
    let loaded = input::from_text(file, bytes, &args.changes, talk)?;
    let plan = plan::plan(&loaded.scenario.settings, &args.machine);
    let trial = match args.trial {
        Some(trial) => trial,
        None => run::simulate(&loaded, &plan, catch_interrupts()?, talk).results.worst_trial.unwrap_or(0),
    };
    let which = Which { fidelity: plan.fidelity, seed: plan.seed, trial, requests: None };
    let model = &loaded.scenario.model;
    let picture = if kind == PlotKind::CloseUp {
        plot::close_up(format, &close_up(model, which)?)
    } else {
        plot::gantt(format, &replay(model, which))
    };
    let picture = picture.map_err(refused)?;
    output::write(&picture, Some(&args.output))?;
    clock.report(&args.machine, talk, (None, None));
    Ok(Exit::Fine)
}

/// A chart of one experiment, which is run.
fn chaos(args: &PlotArgs, format: PictureFormat, talk: Talk, clock: Clock) -> anyhow::Result<Exit> {
    let [file] = args.files.as_slice() else {
        anyhow::bail!(Refusal("error: a chaos chart shows one experiment of one scenario".to_owned()))
    };
    let changes = args.changes.of_experiments().filter(|_| args.trial.is_none()).ok_or_else(|| {
        Refusal("error: an experiment says itself how long and how often it runs, on the request clock".to_owned())
    })?;
    let loaded = input::scenario(file, &changes, talk)?;
    let first = loaded.scenario.model.experiments.first().map(|experiment| experiment.name.clone());
    let only = args.only.clone().or(first);
    let results = super::chaos::experiments(&loaded, (only.as_deref(), None), &args.machine, talk)?;
    let Some(experiment) = results.experiments.first() else { return Ok(Exit::Fine) };
    let picture = plot::chaos(format, &results, experiment).map_err(refused)?;
    output::write(&picture, Some(&args.output))?;
    clock.report(&args.machine, talk, (None, None));
    Ok(if results.partial { Exit::Interrupted } else { Exit::Fine })
}

/// Nothing to draw is the user's to mend.
fn refused(error: PlotError) -> anyhow::Error {
    match error {
        PlotError::Nothing(_) => Refusal(format!("error: {error}")).into(),
        PlotError::Draw(_) => error.into(),
    }
}

/// No TOML begins with a brace.
fn is_saved(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// What the file says, or what its run gives, and the (events, requests) that it took.
fn results(file: &Path, args: &PlotArgs, stop: &AtomicBool, talk: Talk) -> anyhow::Result<(Vec<Results>, (u64, u64))> {
    let bytes = input::saved_or_scenario(file)?;
    if is_saved(&bytes) {
        let saved = json::read(&bytes);
        let saved = saved.map_err(|error| Refusal(format!("error: `{}`: {error}", file.display())))?;
        return Ok((saved, (0, 0)));
    }
    let loaded = input::from_text(file, bytes, &args.changes, talk)?;
    let plan = plan::plan(&loaded.scenario.settings, &args.machine);
    let run = run::simulate(&loaded, &plan, stop, talk);
    Ok((vec![run.results], (run.events, run.requests)))
}

fn format(path: &Path) -> anyhow::Result<PictureFormat> {
    match path.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("svg") => Ok(PictureFormat::Svg),
        Some("png") => Ok(PictureFormat::Png),
        Some(_) | None => anyhow::bail!(Refusal(format!(
            "error: `{}` ends in neither .svg nor .png, so the format of the chart is not known",
            path.display()
        ))),
    }
}
