//! The command line: the only place, with `main`, that touches files, the terminal and the wall clock.
//!
//! Every subcommand is a file here: it loads, calls the library, renders with `report` and hands bytes to [`output`].
//! Data go to standard output or to a file, everything else to standard error. Nothing here computes a figure.

#![allow(clippy::print_stderr, reason = "messages to people go to standard error, and only from here")]

mod args;
mod chaos;
mod check;
mod close_up;
mod compare;
mod explain;
mod init;
mod input;
mod manual;
mod output;
mod plan;
mod plot;
mod replay;
mod run;
mod schema;
mod timing;
mod trace;
mod watch;

use args::{Cli, Command};
use clap::Parser as _;
use std::process::ExitCode;

/// How a command ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    /// Done, and all objectives met.
    Fine,
    /// An interval straddles its target.
    Undecided,
    /// An objective is not met.
    NotMet,
    /// Usage or scenario error.
    Refused,
    /// I/O or internal error.
    Broken,
    /// Stopped by Ctrl-C.
    Interrupted,
}

impl Exit {
    const fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::NotMet => 1,
            Exit::Refused => 2,
            Exit::Undecided => 3,
            Exit::Broken => 4,
            Exit::Interrupted => 130,
        }
    }
}

/// What the user asked for is wrong; the text says all there is to say.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => dispatch(&cli),
        Err(error) => {
            // a closed pipe while help is printed is no error
            let _ = error.print();
            if error.use_stderr() { Exit::Refused } else { Exit::Fine }
        }
    };
    ExitCode::from(exit.code())
}

fn dispatch(cli: &Cli) -> Exit {
    let talk = cli.talk();
    let done = match &cli.command {
        Command::Init(args) => init::init(args),
        Command::Check(args) => check::check(args, talk),
        Command::Explain(args) => explain::explain(args, talk),
        Command::Run(args) => run::run(args, talk),
        Command::Compare(args) => compare::compare(args, talk),
        Command::Trace(args) => trace::trace(args, talk),
        Command::Chaos(args) => chaos::chaos(args, talk),
        Command::Plot(args) => plot::plot(args, talk),
        Command::Schema(args) => schema::schema(args),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
    };
    done.unwrap_or_else(|error| tell(&error))
}

/// Says what stopped the command, and maps it to an exit.
fn tell(error: &anyhow::Error) -> Exit {
    if let Some(Refusal(text)) = error.downcast_ref::<Refusal>() {
        eprintln!("{}", text.trim_end());
        Exit::Refused
    } else {
        eprintln!("error: {error:#}");
        Exit::Broken
    }
}
