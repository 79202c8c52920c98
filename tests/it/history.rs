//! One trial of a scenario in which nothing is left to chance, for comparison with a history worked out by hand.

use ninefold::model::Model;
use ninefold::scenario::load_text;
use ninefold::simulation::layout::Layout;
use ninefold::simulation::ledger::Totals;
use ninefold::simulation::{Outcome, World};
use std::io;
use std::path::Path;

/// A trial, and the names of its subjects.
pub struct History {
    pub outcome: Outcome,
    subjects: Vec<String>,
}

/// The first trial of the scenario.
pub fn history(text: &str) -> History {
    trial(text, 0)
}

/// A trial of the scenario.
pub fn trial(text: &str, number: u64) -> History {
    let layout = Layout::new(&model(text));
    let outcome = World::new(&layout).run(1, number);
    History { outcome, subjects: layout.subjects.clone() }
}

/// The model of a scenario.
pub fn model(text: &str) -> Model {
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let scenario = load_text(Path::new("x.toml"), text.as_bytes().to_vec(), &read, &[]);
    scenario.unwrap_or_else(|problems| panic!("{}", problems.render_plain())).model
}

impl History {
    pub fn totals(&self, subject: &str) -> Totals {
        let index = self.subjects.iter().position(|name| name == subject).expect("a subject");
        self.outcome.totals[index]
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
