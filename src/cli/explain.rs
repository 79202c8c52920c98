//! `explain`: the long form of a scenario.

use super::args::{ExplainArgs, Talk};
use super::{Exit, input, output};

/// Prints every key in force, defaults marked.
///
/// # Errors
/// If the scenario is refused or a file fails.
pub fn explain(args: &ExplainArgs, talk: Talk) -> anyhow::Result<Exit> {
    let loaded = input::scenario(&args.file, &args.changes, talk)?;
    let mut text = loaded.scenario.explanation.to_string();
    for note in &loaded.scenario.notes {
        text.push_str("# note: ");
        text.push_str(note);
        text.push('\n');
    }
    output::write(text.as_bytes(), args.output.as_deref())?;
    Ok(Exit::Fine)
}
