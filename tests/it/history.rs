//! What a history worked out by hand says of one in which nothing is left to chance: time degraded, down and lost.

use crate::lab::History;
use ninefold::simulation::ledger::Totals;

impl History {
    /// The totals of a subject.
    pub fn totals(&self, subject: &str) -> Totals {
        self.outcome.totals[self.subject(subject)]
    }

    /// Seconds degraded, down and lost, to the nanosecond.
    pub fn expect(&self, subject: &str, degraded_s: f64, down_s: f64, loss_s: f64) {
        self.expect_near(subject, degraded_s, down_s, loss_s, 1e-6);
    }

    /// The same, to a tolerance in seconds.
    pub fn expect_near(&self, subject: &str, degraded_s: f64, down_s: f64, loss_s: f64, tolerance: f64) {
        let totals = self.totals(subject);
        let found = [totals.degraded.as_secs_f64(), totals.down.as_secs_f64(), totals.loss_s];
        let wanted = [degraded_s, down_s, loss_s];
        let near = found.iter().zip(&wanted).all(|(found, wanted)| (found - wanted).abs() <= tolerance);
        assert!(near, "{subject}: degraded, down, loss are {found:?}, expected {wanted:?}");
    }

    /// Seconds of demand lost.
    pub fn expect_loss(&self, subject: &str, loss_s: f64, tolerance: f64) {
        let found = self.totals(subject).loss_s;
        assert!((found - loss_s).abs() <= tolerance, "{subject} lost {found}, expected {loss_s}");
    }
}
