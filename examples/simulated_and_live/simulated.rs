//! The scenario on the simulator's request clock.

use ninefold::model::Model;
use ninefold::simulation::Compiled;

use super::figures::{Sample, Seen};

/// Figures of each trial; none if the model has no requests.
pub fn trials(model: &Model, trials: u64) -> Option<Vec<Sample>> {
    let compiled = Compiled::full(model);
    let mut simulator = compiled.simulator();
    (0..trials)
        .map(|trial| {
            let requests = simulator.run(1, trial).requests?;
            let (users, call) = (requests.users.first()?, requests.calls.first()?);
            let seen = Seen {
                well: users.full,
                failed: users.failures(),
                begun: users.arrived,
                attempts: call.attempts,
                open: call.open,
                first_opened: call.first_opened,
                last_closed: call.last_closed,
            };
            Some(seen.figures())
        })
        .collect()
}
