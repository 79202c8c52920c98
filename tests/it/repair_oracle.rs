//! Published and independently computed figures against the simulator.
//!
//! Each case is a scenario text and an exact value with its source. A figure passes within four of its own standard
//! errors (half-width of the 95 % interval over 1.96), and only if that error is as small as the case asks.

use crate::lab;
use ninefold::experiment::{Identity, Plan, Run, Watch, records, run};
use ninefold::model::Model;
use ninefold::results::measure::Measure;
use ninefold::time::Span;
use std::sync::atomic::AtomicBool;

/// A scenario text and how it wants to be run, on two threads.
fn loaded(text: &str) -> (Model, Plan) {
    let scenario = lab::scenario(text, &[]);
    let settings = &scenario.settings;
    let plan = Plan {
        trials: settings.trials,
        until: settings.until,
        confidence: settings.confidence,
        seed: settings.seed,
        jobs: 2,
        fidelity: ninefold::results::Fidelity::Structure,
    };
    (scenario.model, plan)
}

/// Run a scenario text as it says.
pub fn simulated(text: &str) -> Run {
    let (model, plan) = loaded(text);
    let identity = Identity { version: String::new(), scenario: String::new(), hash: String::new() };
    let stop = AtomicBool::new(false);
    run(&model, &identity, &plan, &Watch { stop: &stop, progress: &|_, _| {} })
}

/// Does the figure lie within four standard errors, none larger than `most` of the exact value?
pub fn agrees(run: &Run, (measure, subject, statistic): (Measure, &str, &str), exact: f64, most: f64) {
    let row = run.results.find(measure, subject, statistic).expect("the figure is reported");
    let (estimate, half) = (row.value.estimate.unwrap(), row.value.half_width().unwrap());
    let error = half / 1.959_964;
    assert!(error <= most * exact, "standard error {error} of {exact}");
    assert!((estimate - exact).abs() <= 4.0 * error, "{estimate} is {} errors off {exact}", (estimate - exact) / error);
}

mod crews {
    //! Birth-death chains with fewer crews than parts (textbook: Trivedi, Probability and Statistics, 2002, 8.2;
    //! machine repairman, Cox and Smith, Queues, 1961). Figures of the project's oracles A09, A10 and A12, each found
    //! there by a closed form and by elimination on the chain.
    use super::*;

    const SHARE: (Measure, &str, &str) = (Measure::UnavailabilityTime, "system", "mean");

    fn pool(nodes: u32, need: u32, crews: u32, life_h: u32, repair_h: u32, years: u32, trials: u32) -> Run {
        simulated(&format!(
            "version = 1\nhorizon = \"{years}y\"\nstart = \"stationary\"\nsimulation.trials = {trials}\n\
             simulation.warm_up = \"90d\"\ncrews.ops = {{ size = {crews} }}\n[services.app]\nnodes = {nodes}\n\
             need = {need}\nfaults = {{ fails = \"exp(mean={life_h}h)\", repair = \"exp(mean={repair_h}h)\", crew = \"ops\" }}\n"
        ))
    }

    #[test]
    fn a_duplex_with_one_crew_is_down_twice_as_long_as_with_two() {
        for (life, repair, crews, trials, exact) in [
            (1_000, 10, 1, 200, 0.000_196_039_992_158_400_26),
            (1_000, 10, 2, 200, 9.802_960_494_069_21e-5),
            (720, 4, 1, 200, 6.104_633_416_763_325e-5),
            (720, 4, 2, 300, 3.052_409_877_598_364e-5),
            (100, 20, 1, 40, 0.054_054_054_054_054_05),
            (100, 20, 2, 40, 0.027_777_777_777_777_776),
        ] {
            agrees(&pool(2, 1, crews, life, repair, 100, trials), SHARE, exact, 0.05);
        }
    }

    #[test]
    fn a_fleet_with_few_crews_has_the_machine_repairmans_queue() {
        for (nodes, need, crews, life, repair, down, short) in [
            (10, 8, 1, 100, 2, 0.235_824_831_735_460_15, 0.005_370_410_159_499_427),
            (10, 8, 2, 100, 5, 0.495_058_275_930_346_07, 0.016_534_370_601_246_334),
            (20, 18, 3, 200, 8, 0.780_770_588_418_032_6, 0.042_718_260_048_682_365),
            (100, 95, 5, 500, 12, 2.423_544_443_890_57, 0.045_458_612_686_745_94),
        ] {
            let run = pool(nodes, need, crews, life, repair, 10, 60);
            agrees(&run, SHARE, short, 0.05);
            agrees(&run, (Measure::NodesDown, "system", "mean"), down, 0.02);
        }
    }

    #[test]
    fn a_standby_ages_at_its_pace_and_waits_for_the_one_crew() {
        for (life, repair, pace, exact) in [
            (720, 8, "0", 0.000_122_085_215_480_405_35),
            (720, 8, "0.25", 0.000_152_183_838_076_396_33),
            (720, 8, "0.5", 0.000_182_116_190_129_302_5),
            (720, 8, "1", 0.000_241_487_563_390_485_4),
            (200, 10, "0", 0.002_375_296_912_114_014_4),
            (200, 10, "0.25", 0.002_932_551_319_648_093_4),
            (200, 10, "0.5", 0.003_476_245_654_692_932),
            (200, 10, "1", 0.004_524_886_877_828_055),
        ] {
            let run = simulated(&format!(
                "version = 1\nhorizon = \"100y\"\nstart = \"stationary\"\nsimulation.trials = 150\n\
                 regions = {{ left = {{}}, right = {{}} }}\ncrews.ops = {{}}\n[services.pair]\n\
                 faults = {{ fails = \"exp(mean={life}h)\", repair = \"exp(mean={repair}h)\", crew = \"ops\" }}\n\
                 standby = {{ running = \"100%\", ageing = {pace}, wake = \"0s\" }}\n\
                 [services.pair.failover]\norder = [\"left\", \"right\"]\n"
            ));
            agrees(&run, SHARE, exact, 0.05);
        }
    }

    /// A dispatch of mean d before each repair of mean r: one node is down d + r after each life, d being memoryless.
    #[test]
    fn a_crew_begins_after_its_dispatch() {
        let run = simulated(
            "version = 1\nhorizon = \"20y\"\nstart = \"stationary\"\nsimulation.trials = 200\n\
             crews.ops = { dispatch = \"exp(mean=3h)\" }\n[services.app]\n\
             faults = { fails = \"exp(mean=95h)\", repair = \"exp(mean=2h)\", crew = \"ops\" }\n",
        );
        agrees(&run, SHARE, 0.05, 0.01);
    }

    /// Two services of like parts, one crew: whom it serves first moves the waiting from one to the other.
    #[test]
    fn the_favoured_service_waits_less() {
        let text = |priority: &str| {
            format!(
                "version = 1\nhorizon = \"20y\"\nstart = \"stationary\"\nsimulation.trials = 40\nrouting.entry = \"one\"\n\
                 crews.ops = {{ {priority} }}\n[services]\n\
                 one = {{ nodes = 3, need = 3, faults = {{ fails = \"exp(mean=50h)\", repair = \"exp(mean=10h)\", crew = \"ops\" }} }}\n\
                 two = {{ nodes = 3, need = 3, faults = {{ fails = \"exp(mean=50h)\", repair = \"exp(mean=10h)\", crew = \"ops\" }} }}\n"
            )
        };
        let down = |priority: &str, service: &str| {
            let run = simulated(&text(priority));
            run.results.find(Measure::NodesDown, &format!("{service}@here"), "mean").unwrap().value
        };
        let (fair, favoured) = (down("", "one"), down("priority = [\"one\"]", "one"));
        let behind = down("priority = [\"one\"]", "two");
        assert!(favoured.high < fair.low && fair.high < behind.low, "{favoured:?} {fair:?} {behind:?}");
        // whom the crew serves first does not change how much work there is (alike parts, memoryless repairs)
        let sums = (favoured.estimate.unwrap() + behind.estimate.unwrap(), 2.0 * fair.estimate.unwrap());
        let widths = favoured.half_width().unwrap() + behind.half_width().unwrap() + 2.0 * fair.half_width().unwrap();
        assert!((sums.0 - sums.1).abs() < 2.0 * widths, "{sums:?}");
    }
}

/// A node that starts new: A(t) = m / (l + m) + l / (l + m) exp(-(l + m) t), and its mean over [0, T] (Barlow and
/// Proschan, 1965). Figures of the project's oracle A07, found there by the closed form and by a matrix exponential.
#[test]
fn a_new_node_comes_down_to_its_long_run() {
    let share = |life: u32, repair: u32, points: &[(&str, f64)], trials: u32| {
        let listed: Vec<String> = points.iter().map(|(at, _)| format!("\"{at}\"")).collect();
        let run = simulated(&format!(
            "version = 1\nhorizon = \"100h\"\nsimulation = {{ trials = {trials}, points = [{}] }}\n[services.app]\n\
             faults = {{ fails = \"exp(mean={life}h)\", repair = \"exp(mean={repair}h)\" }}\n",
            listed.join(", ")
        ));
        for &(at, exact) in points {
            for subject in ["system", "everyone", "app", "here"] {
                agrees(&run, (Measure::AvailabilityPoint, subject, at), exact, 0.001);
            }
        }
        run
    };
    let points = [("1h", 0.990_530_375_936_048_1), ("5h", 0.961_540_891_852_771_6)];
    let more = [("20h", 0.919_163_923_487_485), ("100h", 0.909_092_427_427_344_6)];
    let run = share(100, 10, &[points, more].concat(), 400_000);
    agrees(&run, (Measure::AvailabilityTime, "system", "mean"), 0.917_355_233_870_241_5, 0.0005);
    let run = share(1_000, 24, &[("8h", 0.993_222_388_939_122_4), ("24h", 0.984_980_205_656_158)], 400_000);
    agrees(&run, (Measure::AvailabilityTime, "system", "mean"), 0.981_978_603_392_492, 0.0005);
}

/// Time to the first outage of k of n alike nodes without repair, (1 / l) sum over i from k to n of 1 / i, and of two
/// with repair, (3 l + m) / (2 l^2). Figures of the project's oracle A08, found there also by a linear solve.
#[test]
fn redundancy_puts_the_first_outage_off() {
    let first = |nodes: u32, need: u32, life: u32, repair: &str, trials: u32| {
        simulated(&format!(
            "version = 1\nends = \"first-outage\"\nhorizon = \"500y\"\nsimulation.trials = {trials}\n[services.app]\n\
             nodes = {nodes}\nneed = {need}\nfaults = {{ fails = \"exp(mean={life}h)\", repair = \"{repair}\" }}\n"
        ))
    };
    for (nodes, need, hours) in
        [(2, 1, 1_500.0), (3, 1, 1_833.333_333_333_333_3), (3, 2, 833.333_333_333_333_3), (5, 3, 783.333_333_333_333_1)]
    {
        let run = first(nodes, need, 1_000, "never", 10_000);
        agrees(&run, (Measure::TimeToFirstOutage, "system", "mean"), hours * 3_600.0, 0.02);
    }
    for (life, repair, hours) in [(1_000, "exp(mean=10h)", 51_500.0), (720, "exp(mean=4h)", 65_880.0)] {
        let run = first(2, 1, life, repair, 4_000);
        agrees(&run, (Measure::TimeToFirstOutage, "system", "mean"), hours * 3_600.0, 0.02);
        assert!(run.results.notes.is_empty(), "{:?}", run.results.notes);
    }
}

#[test]
fn without_an_outage_the_time_to_the_first_has_only_a_bound() {
    let run = simulated(
        "version = 1\nends = \"first-outage\"\nhorizon = \"1d\"\nsimulation.trials = 200\n[services.app]\n\
         faults = { fails = \"exp(mean=100y)\", repair = \"1h\" }\n",
    );
    let mean = run.results.find(Measure::TimeToFirstOutage, "system", "mean").unwrap().value;
    assert!(mean.estimate.is_none() && mean.high.is_none() && mean.low.is_some_and(|low| low > 0.0), "{mean:?}");
    assert_eq!(run.results.notes.len(), 1);
}

mod common_cause {
    //! Against the stationary law of the Markov chain of the number of broken nodes, solved here by elimination.
    use super::*;

    const SHARE: (Measure, &str, &str) = (Measure::UnavailabilityTime, "system", "mean");

    /// The stationary law of a chain with these rates (from, to, per h) over `states` states: Grassmann, Taksar and
    /// Heyman's elimination, without subtractions.
    pub fn stationary(states: usize, rates: &[(usize, usize, f64)]) -> Vec<f64> {
        let mut matrix = vec![vec![0.0; states]; states];
        for &(from, to, rate) in rates {
            matrix[from][to] += rate;
        }
        for last in (1..states).rev() {
            let out: f64 = matrix[last][..last].iter().sum();
            for from in 0..last {
                matrix[from][last] /= out;
                let through = matrix[from][last];
                for to in (0..last).filter(|&to| to != from) {
                    matrix[from][to] += through * matrix[last][to];
                }
            }
        }
        let mut law = vec![1.0];
        while law.len() < states {
            law.push(law.iter().zip(&matrix).map(|(weight, row)| weight * row[law.len()]).sum());
        }
        let total: f64 = law.iter().sum();
        law.iter().map(|weight| weight / total).collect()
    }

    fn choose(n: usize, k: usize) -> f64 {
        (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
    }

    /// Chance that fewer than `need` of `nodes` work: lives by themselves at `own` per h, shocks at `shock` that strike
    /// each working node with `share`, repairs of 10 h each by itself.
    fn short(nodes: usize, need: usize, own: f64, shock: f64, share: f64) -> f64 {
        let mut rates = Vec::new();
        for down in 0..=nodes {
            let up = nodes - down;
            if up > 0 {
                rates.push((down, down + 1, up as f64 * own));
            }
            if down > 0 {
                rates.push((down, down - 1, down as f64 / 10.0));
            }
            for struck in 1..=up {
                let chance = choose(up, struck) * share.powf(struck as f64) * (1.0 - share).powf((up - struck) as f64);
                rates.push((down, down + struck, shock * chance));
            }
        }
        stationary(nodes + 1, &rates)[nodes - need + 1..].iter().sum()
    }

    fn scenario(rest: &str, trials: u32) -> Run {
        simulated(&format!(
            "version = 1\nhorizon = \"50y\"\nstart = \"stationary\"\nsimulation.trials = {trials}\n{rest}\n"
        ))
    }

    #[test]
    fn beta_is_the_share_of_the_rate_that_takes_all() {
        let run = scenario(
            "[services.app]\nnodes = 3\nneed = 1\nfaults = { fails = \"exp(mean=500h)\", repair = \"exp(mean=10h)\", beta = \"10%\" }",
            200,
        );
        agrees(&run, SHARE, short(3, 1, 0.9 / 500.0, 0.1 / 500.0, 1.0), 0.05);
        // the rate of each node is what it was
        agrees(&run, (Measure::NodesDown, "app@here", "mean"), 3.0 * 10.0 / 510.0, 0.02);
    }

    #[test]
    fn a_shock_strikes_each_working_node_with_its_chance() {
        let run = scenario(
            "[services.app]\nnodes = 4\nneed = 2\nfaults = { fails = \"exp(mean=2000h)\", repair = \"exp(mean=10h)\" }\n\
             [faults.surge]\ntarget = \"app\"\nhits = \"40%\"\nfails = \"exp(mean=1000h)\"\nrepair = \"exp(mean=10h)\"",
            200,
        );
        agrees(&run, SHARE, short(4, 2, 1.0 / 2_000.0, 1.0 / 1_000.0, 0.4), 0.05);
        assert!(run.results.rows.iter().any(|row| row.measure == Measure::Contribution && row.statistic == "surge"));
    }

    /// By the calendar, 2 of 3 nodes for 1 h of every 10 h, drawn anew each time: with all 3 needed always down then,
    /// with 1 needed never.
    #[test]
    fn so_many_nodes_go_out_together() {
        for (need, exact) in [(2, 0.1), (1, 0.0)] {
            let run = simulated(&format!(
                "version = 1\nhorizon = \"100h\"\nsimulation.trials = 3\n[services.app]\nnodes = 3\nneed = {need}\n\
                 [faults.chaos]\ntarget = \"2 of app\"\nevery = \"10h\"\nfirst = \"5h\"\nfor = \"1h\"\n"
            ));
            let share = run.results.find(Measure::UnavailabilityTime, "system", "mean").unwrap().value.estimate;
            assert!((share.unwrap_or(0.0) - exact).abs() < 1e-12, "{share:?}");
        }
    }

    /// An error hits one of two regions, drawn at random; each is out for (2 h / 2) of every 102 h.
    #[test]
    fn a_human_error_takes_out_one_piece_of_its_target() {
        let run = scenario(
            "regions = { east = {}, west = {} }\n[services.app]\n[faults.push]\nmode = \"human-error\"\ntarget = \"app\"\n\
             blast = \"region\"\nfails = \"exp(mean=100h)\"\nrepair = \"exp(mean=2h)\"",
            100,
        );
        agrees(&run, (Measure::UnavailabilityTime, "east", "mean"), 1.0 / 102.0, 0.05);
        agrees(&run, (Measure::UnavailabilityTime, "west", "mean"), 1.0 / 102.0, 0.05);
        assert_eq!(run.results.find(Measure::OutagesPerYear, "system", "mean").unwrap().value.estimate, None);
    }
}

mod maintenance_and_load {
    use super::common_cause::stationary;
    use super::*;

    const SHARE: (Measure, &str, &str) = (Measure::UnavailabilityTime, "system", "mean");

    fn scenario(rest: &str) -> Run {
        simulated(&format!("version = 1\nhorizon = \"50y\"\nstart = \"stationary\"\nsimulation.trials = 150\n{rest}\n"))
    }

    /// Lives of 100 h, repairs of 5 h each by itself; the last node ages four times as fast.
    #[test]
    fn survivors_under_load_age_faster() {
        let run = scenario(
            "[services.app]\nnodes = 2\nneed = 1\nfaults = { fails = \"exp(mean=100h)\", repair = \"exp(mean=5h)\", load_power = 2 }",
        );
        let law = stationary(3, &[(0, 1, 0.02), (1, 0, 0.2), (1, 2, 0.04), (2, 1, 0.4)]);
        agrees(&run, SHARE, law[2], 0.05);
    }

    /// A fault of primaries only is a cold standby, here with a hand for each.
    #[test]
    fn a_standby_does_not_age_by_a_fault_of_primaries() {
        let run = scenario(
            "regions = { left = {}, right = {} }\n[services.pair]\n\
             faults = { fails = \"exp(mean=100h)\", repair = \"exp(mean=5h)\", role = \"primary\" }\n\
             [services.pair.failover]\norder = [\"left\", \"right\"]",
        );
        let law = stationary(3, &[(0, 1, 0.01), (1, 0, 0.2), (1, 2, 0.01), (2, 1, 0.4)]);
        agrees(&run, SHARE, law[2], 0.05);
    }

    /// Every 10 h three nodes are done one after another, 30 min and a drain of 6 min each: with all three needed the
    /// pool is down for 1.8 h, with two never; in a trial of 100 h there are nine rounds from 10 h on.
    #[test]
    fn rolling_maintenance_takes_one_node_at_a_time() {
        for (need, hours) in [(3, 16.2), (2, 0.0)] {
            let run = simulated(&format!(
                "version = 1\nhorizon = \"99h\"\nsimulation.trials = 2\n[services.app]\nnodes = 3\nneed = {need}\n\
                 [faults.kernel]\nmode = \"maintenance\"\ntarget = \"app\"\nrolling = true\nevery = \"10h\"\n\
                 for = \"30min\"\ndrain = \"6min\"\n"
            ));
            let share = run.results.find(Measure::UnavailabilityTime, "system", "mean").unwrap().value.estimate;
            assert!((share.unwrap_or(0.0) - hours / 99.0).abs() < 1e-12, "{share:?}");
            let planned = run.results.find(Measure::Contribution, "system", "planned");
            assert_eq!(planned.and_then(|row| row.value.estimate), (hours > 0.0).then_some(1.0));
        }
    }
}

mod coverage_and_latent {
    use super::common_cause::stationary;
    use super::*;

    const SHARE: (Measure, &str, &str) = (Measure::UnavailabilityTime, "system", "mean");

    /// Two nodes of which one is needed, lives 100 h, repairs 5 h each by itself; one failure in five stops the other
    /// for 2 h. States: broken nodes 0, 1, 2, and the same while stopped, 3, 4, 5.
    #[test]
    fn an_uncovered_failure_stops_the_other_node() {
        let run = simulated(
            "version = 1\nhorizon = \"50y\"\nstart = \"stationary\"\nsimulation.trials = 100\n[services.app]\nnodes = 2\nneed = 1\n\
             faults = { fails = \"exp(mean=100h)\", repair = \"exp(mean=5h)\" }\n\
             coverage = { covered = \"80%\", uncovered = \"exp(mean=2h)\" }\n",
        );
        let alike =
            [(0, 1, 0.0), (1, 0, 0.2), (1, 2, 0.01), (2, 1, 0.4), (3, 4, 0.02), (4, 3, 0.2), (4, 5, 0.01), (5, 4, 0.4)];
        let stops = [(0, 1, 0.02 * 0.8), (0, 4, 0.02 * 0.2), (3, 0, 0.5), (4, 1, 0.5), (5, 2, 0.5)];
        let law = stationary(6, &[&alike[..], &stops].concat());
        agrees(&run, SHARE, law[2..].iter().sum(), 0.02);
    }

    /// Seen only every T = 50 h and mended at once then: down for the share 1 - (1 - exp(-l T)) / (l T) (Rausand and
    /// Hoyland, System Reliability Theory, 2004, 10.3), with an inspection of 1 h out of use: of the 49 h between, and
    /// that hour besides.
    #[test]
    fn a_latent_fault_waits_for_its_inspection() {
        for (takes, between) in [(0.0, 50.0), (1.0, 49.0)] {
            let run = simulated(&format!(
                "version = 1\nhorizon = \"5000h\"\nstart = \"stationary\"\nsimulation.trials = 1000\n[services.app]\n\
                 faults = {{ fails = \"exp(mean=100h)\", repair = \"0s\", latent = \"100%\", ages = \"running\", \
                 inspect = {{ every = \"50h\", takes = \"{takes}h\" }} }}\n"
            ));
            let served = 100.0 * (1.0 - f64::exp(-between / 100.0));
            agrees(&run, SHARE, 1.0 - served / 50.0, 0.02);
        }
    }

    /// The standby dies unseen at 10 h, the primary at 20 h: the promotion of 60 s lands on the dead standby, and people
    /// need 30 min more. Without people it is found at the landing, mended in 1 h, and promoted once more.
    #[test]
    fn a_promotion_lands_on_a_dead_standby() {
        for (people, minutes) in [("success = \"99.999999%\"\nmanual = \"30min\"", 31.0), ("", 62.0)] {
            let run = simulated(&format!(
                "version = 1\nhorizon = \"100h\"\nsimulation.trials = 2\nregions = {{ left = {{}}, right = {{}} }}\n[services.pair]\n\
                 faults = {{ fails = \"10h\", repair = \"1h\", role = \"standby\", latent = \"100%\" }}\n\
                 [services.pair.failover]\norder = [\"left\", \"right\"]\npromote = \"60s\"\n{people}\n\
                 [faults.crash]\ntarget = \"pair@left\"\nat = \"20h\"\nfor = \"79h\"\n"
            ));
            let share = run.results.find(Measure::UnavailabilityTime, "system", "mean").unwrap().value.estimate;
            assert!((share.unwrap_or(0.0) * 6_000.0 - minutes).abs() < 1e-9, "{share:?}");
        }
    }

    #[test]
    fn memory_runs_out_before_the_node_crashes_and_a_hang_stops_it() {
        for (mode, hours) in
            [("mode = \"memory-exhaustion\", ramp = \"2h\"", 12.0), ("mode = \"slow\", factor = inf", 10.0)]
        {
            let run = simulated(&format!(
                "version = 1\nends = \"first-outage\"\nsimulation.trials = 2\n[services.app]\n\
                 faults = {{ {mode}, fails = \"10h\", repair = \"1h\" }}\n"
            ));
            let first = run.results.find(Measure::TimeToFirstOutage, "system", "mean").unwrap().value.estimate;
            assert_eq!(first, Some(hours * 3_600.0));
        }
    }
}

/// Four nodes, three needed, a deploy every 10 h for 95 h: nine of them. A good one restarts one node at a time and is
/// never felt; where all four are needed it takes 4 x 6 min. A bad one is in the first node at 6 min, begins with the second
/// at 36 min, is noticed at 56 min and rolled back at 66 min; what it reaches beyond its batch goes with the first.
#[test]
fn a_bad_deploy_spreads_until_it_is_noticed() {
    let noticed = "noticed = \"50min\", rollback = \"10min\"";
    for (need, rest, minutes, cause) in [
        (4, String::new(), 24.0, "app: deploy"),
        (3, String::new(), 0.0, ""),
        (3, format!("bad = \"100%\", {noticed}"), 30.0, "app: deploy"),
        (3, format!("bad = \"100%\", blast = \"service\", {noticed}"), 60.0, "app: bad deploy"),
        (3, format!("bad = \"100%\", blast = \"region\", {noticed}"), 60.0, "app: bad deploy"),
    ] {
        let comma = if rest.is_empty() { "" } else { "," };
        let run = simulated(&format!(
            "version = 1\nhorizon = \"95h\"\nsimulation.trials = 2\n[services.app]\nnodes = 4\nneed = {need}\n\
             deploys = {{ every = \"10h\", restart = \"6min\", bake = \"30min\"{comma} {rest} }}\n"
        ));
        let share = run.results.find(Measure::UnavailabilityTime, "system", "mean").unwrap().value.estimate;
        assert!((share.unwrap_or(0.0) * 95.0 * 60.0 - 9.0 * minutes).abs() < 1e-9, "{need} {rest}: {share:?}");
        let blamed = run.results.find(Measure::Contribution, "system", cause);
        assert_eq!(blamed.and_then(|row| row.value.estimate), (minutes > 0.0).then_some(1.0), "{need} {rest}");
    }
}

/// Every process of this page on one database of two regions: the time of every trial adds up to the nanosecond, and so do
/// the stages of every outage. (Overflow checks are on in tests: a count of holds that went below zero would stop it.)
#[test]
fn everything_at_once_adds_up() {
    let text = include_str!("../scenarios/every-fault.toml");
    for start in ["up", "stationary"] {
        let (model, plan) = loaded(&text.replace("start = \"up\"", &format!("start = \"{start}\"")));
        let (trials, outages, _) = records(&model, &plan);
        assert!(trials.iter().all(|trial| trial.up + trial.degraded + trial.down == model.horizon));
        assert!(outages.len() > 1_000, "{}", outages.len());
        for outage in &outages {
            assert_eq!(outage.stages.iter().fold(Span::ZERO, |sum, &stage| sum + stage), outage.duration);
        }
        let causes = ["surge", "push", "planned", "db: deploy", "db: bad deploy", "east outage", "inspection"];
        let seen: Vec<&str> = causes.into_iter().filter(|cause| outages.iter().any(|o| o.cause == *cause)).collect();
        assert!(seen.len() >= 5, "{seen:?}");
        // the same seed gives the same history
        assert_eq!(records(&model, &plan).1, outages);
    }
}
