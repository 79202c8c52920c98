//! Some scenarios teach what they say: each claim is read off runs, beyond what their intervals leave to chance.

use crate::lab;
use ninefold::results::Results;
use ninefold::results::measure::Measure;
use ninefold::stats::Estimate;

/// Results of a scenario with these values changed.
fn run(name: &str, changes: &[&str]) -> Results {
    lab::run(&lab::shipped(name, changes), &lab::plan(1_000, 1))
}

fn value(results: &Results, measure: Measure, statistic: &str) -> Estimate {
    lab::value(results, measure, "system", statistic)
}

fn down(results: &Results) -> Estimate {
    value(results, Measure::UnavailabilityTime, "mean")
}

fn cost(results: &Results) -> Estimate {
    value(results, Measure::CostPerYear, "mean")
}

/// The median of the time to recovery, in minutes.
fn median_min(results: &Results) -> f64 {
    value(results, Measure::Rto, "p50").estimate.expect("seen") / 60.0
}

/// Is all of the one interval below all of the other?
fn is_below(less: Estimate, more: Estimate) -> bool {
    less.high.zip(more.low).is_some_and(|(high, low)| high < low)
}

#[test]
fn each_plan_for_disasters_buys_time_until_the_database_is_what_remains() {
    let plans = ["one-region", "backup-restore", "pilot-light", "warm-standby", "multi-site"];
    let all: Vec<Results> = plans.iter().map(|plan| run(&format!("disaster-recovery/{plan}"), &[])).collect();
    let [one, backup, pilot, warm, multi] = &all[..] else { panic!("five plans") };
    let share = |results: &Results| down(results).estimate.expect("seen");
    let saved = |from: &Results, to: &Results| share(from) - share(to);
    assert!(saved(one, backup) < 0.2 * saved(one, pilot), "backups save little of the downtime");
    assert!(is_below(down(pilot), down(backup)) && is_below(down(warm), down(pilot)));
    assert!(!is_below(down(multi), down(warm)), "one primary is left to be promoted");
    assert!(is_below(cost(pilot), cost(backup)) && is_below(cost(warm), cost(multi)));
    assert!(is_below(cost(warm), cost(one)), "the cheapest to run is not the cheapest to own");
    assert!(median_min(backup) > 240.0 && (30.0..50.0).contains(&median_min(pilot)) && median_min(warm) < 10.0);
}

#[test]
fn a_rehearsed_evacuation_takes_minutes_and_pays_for_its_servers() {
    let (improvised, rehearsed) =
        (run("regional-evacuation-improvised", &[]), run("regional-evacuation-rehearsed", &[]));
    assert!((40.0..55.0).contains(&median_min(&improvised)), "{}", median_min(&improvised));
    assert!((6.0..10.0).contains(&median_min(&rehearsed)), "{}", median_min(&rehearsed));
    assert!(is_below(cost(&rehearsed), cost(&improvised)));
    assert!(is_below(
        value(&improvised, Measure::CostPerYear, "nodes"),
        value(&rehearsed, Measure::CostPerYear, "nodes")
    ));
}

#[test]
fn three_zones_without_spare_servers_are_worse_than_one() {
    let spare = run("multi-zone", &[]);
    let short = run("multi-zone", &["services.api.need=5"]);
    let single = run("multi-zone", &["regions.frankfurt.zones=[\"a\"]"]);
    assert!(is_below(down(&spare), down(&single)) && is_below(down(&single), down(&short)));
}

/// Four cells with the same share of the users: what strikes one of them loses a quarter of what strikes all. That the
/// first cell also meets the bad changes first moves nothing in the sum.
#[test]
fn cells_lose_a_quarter_of_the_requests() {
    let walls = value(&run("cells", &[]), Measure::UnavailabilityRequest, "mean");
    let changes = ["faults.poison.blast=service", "services.api.deploys.blast=service"];
    let open = value(&run("cells", &changes), Measure::UnavailabilityRequest, "mean");
    let quarter = open.scaled(0.25);
    assert!(!is_below(walls, quarter) && !is_below(quarter, walls), "{walls:?} against {quarter:?}");
    assert!(walls.relative_half_width().is_some_and(|half| half < 0.05), "{walls:?}");
}

#[test]
fn a_push_to_all_regions_at_once_outweighs_all_that_regions_help_against() {
    let push = run("global-config-push", &[]);
    let share = push.find(Measure::Contribution, "system", "api: deploy").expect("a cause").value;
    assert!(share.low.is_some_and(|low| low > 0.9), "{share:?}");
    let staged = run("global-config-push", &["services.api.deploys.blast=region"]);
    assert!(is_below(down(&staged).scaled(5.0), down(&push)), "{:?} and {:?}", down(&staged), down(&push));
}
