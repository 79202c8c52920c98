//! A stationary start: requests run through the last part of the run-in, so that queues, policies and pools that scale
//! are as they come to be; then counting begins.
//!
//! Who is in flight at that instant counts as come at it: what arrived is what ended and what is in flight, as ever. How
//! its request ends counts, and after how long in all: in a long run as many end in a second as begin, alike, so a count
//! of those who end is as right as one of those who come. Nobody hears of single requests that came before.

use super::Requests;
use super::state::{Origin, Stage};
use crate::time::Span;

/// Of the run-in requests see at most so much: what they remember is a matter of minutes.
pub const LONGEST: Span = Span::HOUR;

impl Requests<'_> {
    /// The run-in is over: from its end on everything counts.
    pub(super) fn begin_counting(&mut self) {
        self.tally.end_run_in();
        self.tally.count_anew(self.plan, self.start);
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.begin_counting(self.start);
        }
        self.events = 0;
        for (_, request) in self.flight.requests.iter() {
            self.tally.found(request);
        }
        for (_, logical) in self.flight.logicals.iter() {
            self.tally.found_call(logical.about.edge);
        }
        for (_, job) in self.flight.jobs.iter().filter(|(_, job)| !job.origin.is_check()) {
            if job.wanted {
                self.tally.found_attempt(job.about.edge, job.origin == Origin::Plain);
            }
            if job.stage == Stage::Queued {
                self.tally.found_waiting(self.plan.nodes[job.node as usize].service);
            }
        }
    }
}
