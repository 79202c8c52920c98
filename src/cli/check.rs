//! `check`: is it a scenario, and is anything about it suspicious?

use super::args::{CheckArgs, Talk};
use super::{Exit, input, output, tell};

/// Checks every file before it ends, so that all faults of all files come at once.
///
/// # Errors
/// If nothing can be written; what is wrong with a file is told at once, and the rest is checked all the same.
pub fn check(args: &CheckArgs, talk: Talk) -> anyhow::Result<Exit> {
    input::stdin_once(&args.files)?;
    let mut exit = Exit::Fine;
    for file in &args.files {
        let loaded = match input::scenario(file, &args.changes, talk) {
            Ok(loaded) => loaded,
            Err(error) => {
                exit = exit.max(tell(&error));
                continue;
            }
        };
        let warnings = loaded.scenario.warnings.len();
        if args.strict && warnings > 0 {
            exit = exit.max(Exit::Refused);
        }
        if !talk.quiet {
            output::write(summary(&loaded, warnings).as_bytes(), None)?;
        }
    }
    Ok(exit)
}

fn summary(loaded: &input::Loaded, warnings: usize) -> String {
    let model = &loaded.scenario.model;
    let nodes: u64 = model.pools.iter().map(|pool| u64::from(pool.nodes)).sum();
    let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let found = if warnings == 0 { "fine".to_owned() } else { counted(warnings, "warning") };
    format!(
        "{}: {found} ({}, {}, {}, {})\n",
        loaded.path.display(),
        counted(model.regions.len(), "region"),
        counted(model.services.len(), "service"),
        counted(nodes as usize, "node"),
        counted(model.objectives.len(), "objective"),
    )
}
