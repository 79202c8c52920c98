//! `--set` and comparisons, as the library does them.

use crate::lab::{self, model, plan};
use ninefold::model::Model;
use ninefold::report::text;

const FAULTY: &str = "version = 1\n[services.app]\nfaults = { fails = \"exp(mean=30d)\", repair = \"1h\" }\n[faults.outage]\n\
                      target = \"app\"\nmode = \"outage\"\nfails = \"exp(mean=90d)\"\nrepair = \"2h\"\n[routing]\nspill = true\n";

fn with(overrides: &[&str]) -> Model {
    lab::scenario(FAULTY, overrides).model
}

#[test]
fn false_removes_a_table_or_a_text_and_sets_a_truth_value() {
    assert_eq!(with(&[]).faults.len(), 2);
    assert_eq!(with(&["faults.outage=false"]).faults.len(), 1);
    assert_eq!(with(&["faults=false", "services.app.faults=false"]).faults.len(), 0);
    assert!(with(&[]).routing.spill && !with(&["routing.spill=false"]).routing.spill);
}

#[test]
fn scenarios_of_one_title_are_told_apart_and_their_events_counted() {
    let models = [FAULTY, &FAULTY.replace("2h", "20h"), &FAULTY.replace("2h", "40h")].map(model);
    let comparison = lab::compare(&models, &plan(200, 1));
    let each: Vec<usize> = comparison.differences.iter().map(|difference| difference.scenario).collect();
    let half = each.len() / 2;
    assert!(each[..half].iter().all(|&scenario| scenario == 1) && each[half..].iter().all(|&scenario| scenario == 2));
    assert!(comparison.events > 3 * 200);
    let screen = text::comparison(&comparison, text::Look::Plain);
    let lines = screen.lines().filter(|line| line.contains("pairing x")).count();
    assert_eq!(lines % 2, 0, "each difference once\n{screen}");
    let first = screen.matches("B against A").count() + screen.matches("C against A").count();
    assert_eq!(first, 2, "{screen}");
}
