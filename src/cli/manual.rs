//! `completions` and `man`: both from the definition that parses the command line, so that neither can drift from it.

use super::args::{Cli, CompletionsArgs, ManArgs};
use super::{Exit, Refusal, output};
use clap::CommandFactory as _;

/// Writes the completions of a shell.
///
/// # Errors
/// If they cannot be written.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ninefold", &mut bytes);
    output::write(&bytes, None)?;
    Ok(Exit::Fine)
}

/// Writes the manual page, of the whole or of one command.
///
/// # Errors
/// If there is no such command, or the page cannot be written.
pub fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let mut whole = Cli::command();
    // global options enter the subcommands, and names become whole: `ninefold-run`
    whole.build();
    let page = match &args.command {
        None => whole,
        Some(name) => {
            let names: Vec<&str> = whole.get_subcommands().map(clap::Command::get_name).collect();
            let found = whole.get_subcommands().find(|command| command.get_name() == name);
            let missing = || Refusal(format!("error: there is no `{name}`\n  = help: one of {}", names.join(", ")));
            found.ok_or_else(missing)?.clone()
        }
    };
    let mut bytes = Vec::new();
    clap_mangen::Man::new(page).render(&mut bytes)?;
    output::write(&bytes, args.output.as_deref())?;
    Ok(Exit::Fine)
}
