//! `check`: is it a scenario, and is anything about it suspicious?

use super::args::{CheckArgs, Talk};
use super::{Exit, Refusal, input, output};

/// Checks every file before it ends, so that all faults of all files come at once.
///
/// # Errors
/// If a file cannot be read.
pub fn check(args: &CheckArgs, talk: Talk) -> anyhow::Result<Exit> {
    input::stdin_once(&args.files)?;
    let (mut exit, mut unread) = (Exit::Fine, None);
    for file in &args.files {
        let loaded = match input::scenario(file, &args.changes, talk) {
            Ok(loaded) => loaded,
            Err(error) => {
                match error.downcast_ref::<Refusal>() {
                    Some(Refusal(text)) => eprintln!("{}", text.trim_end()),
                    None => unread = unread.or(Some(error)),
                }
                exit = Exit::Refused;
                continue;
            }
        };
        let warnings = loaded.scenario.warnings.len();
        if args.strict && warnings > 0 {
            exit = Exit::Refused;
        }
        if !talk.quiet {
            output::write(summary(&loaded, warnings).as_bytes(), None)?;
        }
    }
    unread.map_or(Ok(exit), Err)
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
