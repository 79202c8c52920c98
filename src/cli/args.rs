//! What may be written on the command line.

use super::init::NAMES;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ninefold::report::csv::CsvKind;
use ninefold::report::plot::PlotKind;
use std::path::PathBuf;

/// Multi-region failover simulator and availability modeller.
#[derive(Debug, Parser)]
#[command(name = "ninefold", version, about, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 all objectives met, 1 one is not met, 2 usage or scenario error, 3 one is \
                        undecided, 4 I/O or internal error, 130 interrupted")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// No progress, notes and warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more on standard error
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to colour what goes to the terminal
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Paint,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Paint {
    /// On a terminal, unless the environment has `NO_COLOR`
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How much is said to the user beside the data.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    /// No progress, notes and warnings.
    pub quiet: bool,
    /// More of everything.
    pub verbose: bool,
    /// When to colour.
    pub paint: Paint,
}

impl Cli {
    /// How much is said.
    pub fn talk(&self) -> Talk {
        Talk { quiet: self.quiet, verbose: self.verbose, paint: self.color }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a scenario to begin with
    Init(InitArgs),
    /// Check scenarios; report everything that is wrong with them at once
    Check(CheckArgs),
    /// Print the long form of a scenario, with every default in force; or what a law amounts to
    Explain(ExplainArgs),
    /// Simulate a scenario and report availability, downtime, recovery and culprits
    Run(RunArgs),
    /// Simulate several scenarios under the same luck and report what differs
    Compare(CompareArgs),
    /// Replay one trial, line by line
    Trace(TraceArgs),
    /// Run the chaos experiments of a scenario and say whether its steady state held
    Chaos(ChaosArgs),
    /// Draw a chart of scenarios or of saved runs
    Plot(PlotArgs),
    /// Print the JSON Schema of the scenario language, for editors
    Schema(SchemaArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Which one
    #[arg(value_name = "TEMPLATE", default_value = NAMES[0], value_parser = PossibleValuesParser::new(NAMES))]
    pub template: String,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write over the file that is there
    #[arg(long, requires = "output")]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Of which shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Only of this command
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Scenarios; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Refuse warnings too
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub changes: ChangeArgs,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A scenario (`-` reads standard input), or a law such as 'weibull(shape=0.7, scale=1000h)'
    #[arg(value_name = "FILE|LAW")]
    pub what: PathBuf,
    #[command(flatten)]
    pub changes: ChangeArgs,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// A scenario; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub changes: ChangeArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Scenarios, the baseline first; `-` reads standard input
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub changes: ChangeArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are")]
pub struct TraceArgs {
    /// A scenario; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which trial
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub trial: u64,
    /// The trial with the most downtime of all that `run` would make
    #[arg(long, conflicts_with = "trial")]
    pub worst: bool,
    #[command(flatten)]
    pub follow: FollowArgs,
    #[command(flatten)]
    pub changes: ChangeArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// A table instead of text: of the steps, or with an option of single requests of their attempts
    #[arg(long, conflicts_with_all = ["json", "chrome"], help_heading = "Output")]
    pub csv: bool,
    /// JSON instead of text
    #[arg(long, conflicts_with = "chrome", help_heading = "Output")]
    pub json: bool,
    /// JSON that trace viewers open, such as Perfetto at ui.perfetto.dev
    #[arg(long, help_heading = "Output")]
    pub chrome: bool,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

/// Which requests are shown with their attempts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Single requests (with fidelity full)")]
pub struct FollowArgs {
    /// Show so many, the first ones [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub requests: Option<u32>,
    /// Only those that come from then on, such as 10min
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only those that come before then
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Only those that failed
    #[arg(long)]
    pub failed: bool,
    /// The slowest instead of the first
    #[arg(long)]
    pub slowest: bool,
}

#[derive(Debug, Args)]
pub struct ChaosArgs {
    /// A scenario with `experiments`; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only this experiment
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// So many runs of each experiment, instead of its `runs`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub repeat: Option<u64>,
    /// Override a value, such as `experiments.lose-a-region.tolerate=2min`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", help_heading = "Changes to the scenario")]
    set: Vec<String>,
    /// Seed of all random streams
    #[arg(long, value_name = "N", help_heading = "Changes to the scenario")]
    seed: Option<u64>,
    /// Confidence of the intervals, such as 99%
    #[arg(long, value_name = "PERCENT", help_heading = "Changes to the scenario")]
    confidence: Option<String>,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// A journal in the shape of Chaos Toolkit's instead of text
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

impl ChaosArgs {
    /// The changes: experiments always run on the request clock.
    pub fn changes(&self) -> ChangeArgs {
        ChangeArgs {
            set: self.set.clone(),
            seed: self.seed,
            confidence: self.confidence.clone(),
            fidelity: Some("full".to_owned()),
            ..ChangeArgs::default()
        }
    }
}

#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Which chart
    #[arg(value_name = "KIND", value_parser = PossibleValuesParser::new(PlotKind::ALL.map(PlotKind::name)))]
    pub kind: String,
    /// Scenarios or saved runs (the JSON of `run` or `compare`); `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The trial of a gantt chart or a close-up [default: the one with the most downtime]
    #[arg(long, value_name = "N")]
    pub trial: Option<u64>,
    /// The experiment of a chaos chart [default: the first]
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    #[command(flatten)]
    pub changes: ChangeArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Where to write it: a name that ends in .svg or .png
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// What is changed in the scenario, for this time.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Changes to the scenario")]
pub struct ChangeArgs {
    /// Override a value, such as `services.db.failover.success=80%`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Number of trials; with --until the most there may be
    #[arg(long, value_name = "N")]
    trials: Option<u64>,
    /// Stop when the unavailability is known to this relative half-width, such as 5%
    #[arg(long, value_name = "PERCENT")]
    until: Option<String>,
    /// Seed of all random streams
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Length of a trial, such as 10y
    #[arg(long, value_name = "TIME")]
    horizon: Option<String>,
    /// Which clock: structure or full (windows is not built yet)
    #[arg(long, value_name = "CLOCK")]
    fidelity: Option<String>,
    /// Confidence of the intervals, such as 99%
    #[arg(long, value_name = "PERCENT")]
    confidence: Option<String>,
}

impl ChangeArgs {
    /// The same on the request clock, if nothing else about trials is asked for.
    pub fn of_experiments(&self) -> Option<ChangeArgs> {
        let of_trials = self.trials.is_some() || self.until.is_some() || self.horizon.is_some();
        let (set, seed, confidence) = (self.set.clone(), self.seed, self.confidence.clone());
        let fidelity = Some("full".to_owned());
        (!of_trials && self.fidelity.is_none()).then_some(ChangeArgs {
            set,
            seed,
            fidelity,
            confidence,
            ..ChangeArgs::default()
        })
    }

    /// All as `PATH=VALUE` or `--FLAG=VALUE`, as a scenario is loaded with them; flags win.
    pub fn overrides(&self) -> Vec<String> {
        let short = [
            ("--trials", self.trials.map(|trials| trials.to_string())),
            ("--until", self.until.clone()),
            ("--seed", self.seed.map(|seed| seed.to_string())),
            ("--horizon", self.horizon.clone()),
            ("--fidelity", self.fidelity.clone()),
            ("--confidence", self.confidence.clone()),
        ];
        let short = short.into_iter().filter_map(|(flag, value)| value.map(|value| format!("{flag}={value}")));
        self.set.iter().cloned().chain(short).collect()
    }
}

/// How the machine is used; nothing here changes a figure.
#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
pub struct MachineArgs {
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub jobs: Option<u32>,
    /// One line of JSON on standard error: events, wall and processor time, memory
    #[arg(long)]
    pub timing: bool,
}

/// What comes out, and where to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// JSON instead of text
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// A table instead of text
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(CsvKind::ALL.map(CsvKind::name)))]
    csv: Option<String>,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl FormatArgs {
    /// The table asked for.
    pub fn csv(&self) -> Option<CsvKind> {
        CsvKind::ALL.into_iter().find(|kind| Some(kind.name()) == self.csv.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
