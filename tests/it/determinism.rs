//! The same scenario and seed give the same bytes, and a change moves nobody else's luck.
//!
//! Draws are named by what they are for, so that threads, other parts and other scenarios cannot shift them: this is
//! what `compare` and `trace --trial` stand on.

use crate::lab::{compare, model, plan, run};
use ninefold::experiment::{self, Plan};
use ninefold::model::Model;
use ninefold::report::json;
use ninefold::simulation::World;
use ninefold::simulation::layout::Layout;
use ninefold::simulation::trace::TraceEvent;
use ninefold::time::Time;

const TEXTS: [&str; 2] = [include_str!("../scenarios/w1.toml"), include_str!("../scenarios/active-passive.toml")];

fn with_jobs(plan: &Plan, jobs: usize) -> Plan {
    Plan { jobs, ..*plan }
}

#[test]
fn threads_do_not_change_a_byte() {
    for text in TEXTS {
        let model = model(text);
        // 700 trials: several chunks, the last of them short
        let plan = plan(700, 7);
        let bytes = |jobs| json::run(&run(&model, &with_jobs(&plan, jobs)));
        let one = bytes(1);
        assert!(one == bytes(2) && one == bytes(3));
    }
}

#[test]
fn threads_do_not_change_where_a_run_stops() {
    let model = model(TEXTS[1]);
    let plan = Plan { until: Some(0.2), ..plan(100_000, 3) };
    let results = |jobs| run(&model, &with_jobs(&plan, jobs));
    let one = results(1);
    assert!(one.trials < 100_000, "it stops early: {}", one.trials);
    assert!(json::run(&one) == json::run(&results(2)) && json::run(&one) == json::run(&results(3)));
}

#[test]
fn threads_do_not_change_a_comparison() {
    let better = TEXTS[1].replace("success = \"95%\"", "success = \"99%\"");
    let models = [model(TEXTS[1]), model(&better)];
    let bytes = |jobs| json::comparison(&compare(&models, &with_jobs(&plan(300, 5), jobs)));
    let one = bytes(1);
    assert!(one == bytes(2) && one == bytes(3));
}

/// (when, where, struck or mended) of all faults of a trial on these sites.
fn faults(model: &Model, trial: u64, sites: &[&str]) -> Vec<(Time, String, bool)> {
    let layout = Layout::new(model);
    let (_, lines) = World::new(&layout).run_traced(1, trial);
    let strikes = lines.into_iter().filter_map(|line| {
        let (unit, struck) = match line.event {
            TraceEvent::Fault { unit, .. } => (unit, true),
            TraceEvent::Repair { unit, .. } => (unit, false),
            _ => return None,
        };
        let site = layout.sites[layout.units[unit as usize].site as usize].clone();
        sites.contains(&site.as_str()).then_some((line.at, site, struck))
    });
    strikes.collect()
}

#[test]
fn a_change_elsewhere_moves_no_fault_of_a_part() {
    let base = "version = 1\nhorizon = \"5y\"\n[regions.left]\noutage = { fails = \"exp(mean=1y)\", repair = \"exp(mean=3h)\" }\n\
                [regions.right]\noutage = { fails = \"exp(mean=1y)\", repair = \"exp(mean=3h)\" }\n\
                [services.web]\nnodes = 3\nneed = 2\nfaults = { fails = \"weibull(shape=1.5, mean=60d)\", repair = \"exp(mean=2h)\" }\n\
                depends_on = [\"db\"]\n\
                [services.db]\nfaults = { fails = \"exp(mean=90d)\", repair = \"lognormal(mean=1h, cv=1)\" }\n";
    let sites = ["web@left", "web@right", "db@left", "left"];
    let expected: Vec<_> = (0..3).map(|trial| faults(&model(base), trial, &sites)).collect();
    assert!(expected.iter().all(|faults| faults.len() > 50));
    let service = "[services.cache]\nfaults = { fails = \"exp(mean=10d)\", repair = \"exp(mean=1h)\" }\n";
    let changed = [
        // another service, before and after in the order of names
        base.replace("depends_on = [\"db\"]", "depends_on = [\"db\", \"cache\"]") + service,
        base.replace("depends_on = [\"db\"]", "depends_on = [\"db\", \"aaa\"]") + &service.replace("cache", "aaa"),
        // another law of another region
        base.replace(
            "[regions.right]\noutage = { fails = \"exp(mean=1y)\"",
            "[regions.right]\noutage = { fails = \"exp(mean=9d)\"",
        ),
        // another region
        base.to_owned() + "[regions.centre]\noutage = { fails = \"exp(mean=1y)\", repair = \"exp(mean=3h)\" }\n",
        // failover, routing, users
        base.to_owned()
            + "[services.db.failover]\norder = [\"left\", \"right\"]\ndetect = \"exp(mean=30s)\"\npromote = \"exp(mean=60s)\"\n\
               [routing]\npolicy = \"weighted\"\nweights = { left = \"30%\", right = \"70%\" }\ndetect = \"1min\"\ndns = { ttl = \"60s\" }\n\
               [users]\na = { near = \"left\", share = \"30%\" }\nb = { near = \"right\", share = \"70%\" }\n",
        // a calendar fault over it all
        base.to_owned() + "[faults.drill]\ntarget = \"right\"\nevery = \"30d\"\nfor = \"1h\"\n",
    ];
    for text in changed {
        let model = model(&text);
        for (trial, expected) in expected.iter().enumerate() {
            assert!(faults(&model, trial as u64, &sites) == *expected, "{text}");
        }
    }
}

#[test]
fn another_law_of_one_fault_leaves_its_uniform_draws_in_place() {
    // common random numbers also within a part: lives twice as long on average are twice as long one by one
    let text = |mean: u32| {
        format!(
            "version = 1\nhorizon = \"5y\"\n[services.web]\nfaults = {{ fails = \"exp(mean={mean}d)\", repair = \"0s\" }}\n"
        )
    };
    let instants = |mean| faults(&model(&text(mean)), 0, &["web@here"]).into_iter().filter(|fault| fault.2);
    let slow: Vec<f64> = instants(20).map(|fault| fault.0.as_secs_f64()).collect();
    let fast: Vec<f64> = instants(10).map(|fault| fault.0.as_secs_f64()).collect();
    assert!(slow.len() > 50);
    assert!(slow.iter().zip(&fast).all(|(slow, fast)| (slow / fast - 2.0).abs() < 1e-9));
}

#[test]
fn a_trial_of_a_run_is_the_trial_that_is_traced() {
    let model = model(TEXTS[1]);
    let layout = Layout::new(&model);
    let (trials, outages, _) = experiment::records(&model, &plan(40, 9));
    for number in [0, 17, 39] {
        let (outcome, lines) = World::new(&layout).run_traced(9, number);
        assert!(!lines.is_empty());
        assert_eq!(outcome, World::new(&layout).run(9, number), "tracing changes nothing");
        for record in trials.iter().filter(|record| record.trial == number) {
            let subject = layout.subjects.iter().position(|name| *name == record.subject).unwrap();
            let totals = &outcome.totals[subject];
            assert_eq!((totals.up, totals.degraded, totals.down), (record.up, record.degraded, record.down));
        }
        let recorded = outages.iter().filter(|outage| outage.trial == number).count();
        assert_eq!(recorded, outcome.outages.len());
    }
    let results = run(&model, &plan(40, 9));
    let down = |record: &&ninefold::results::raw::TrialRecord| record.down;
    let worst = trials.iter().filter(|record| record.subject == "system").max_by_key(down).unwrap();
    let of_worst = trials.iter().find(|record| Some(record.trial) == results.worst_trial && record.subject == "system");
    assert_eq!(of_worst.unwrap().down, worst.down);
}
