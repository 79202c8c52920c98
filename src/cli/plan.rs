//! From settings and flags to a plan, and from verdicts to an exit code.

use super::Exit;
use super::args::MachineArgs;
use ninefold::experiment::Plan;
use ninefold::results::{self, Judgement, Results};
use ninefold::scenario::{Fidelity, RunSettings};

/// The plan of a run.
pub fn plan(settings: &RunSettings, machine: &MachineArgs) -> Plan {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Plan {
        trials: settings.trials,
        until: settings.until,
        confidence: settings.confidence,
        seed: settings.seed,
        jobs: machine.jobs.map_or(cores, |jobs| jobs as usize),
        fidelity: match settings.fidelity {
            Fidelity::Structure => results::Fidelity::Structure,
            Fidelity::Full => results::Fidelity::Full,
        },
    }
}

/// Interrupted before all; else the worst verdict of all objectives.
pub fn exit(scenarios: &[Results]) -> Exit {
    if scenarios.iter().any(|results| results.partial) {
        return Exit::Interrupted;
    }
    let judgements = scenarios.iter().flat_map(|results| &results.verdicts).map(|verdict| verdict.judgement);
    match judgements.max() {
        None | Some(Judgement::Met) => Exit::Fine,
        Some(Judgement::Undecided) => Exit::Undecided,
        Some(Judgement::NotMet) => Exit::NotMet,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Exit;

    #[test]
    fn exit_codes_are_those_of_the_manual() {
        let codes = [Exit::Fine, Exit::NotMet, Exit::Refused, Exit::Undecided, Exit::Broken, Exit::Interrupted];
        assert_eq!(codes.map(Exit::code), [0, 1, 2, 3, 4, 130]);
    }
}
