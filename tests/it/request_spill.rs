//! What a region has no room for, request by request: against Erlang's loss formula, which holds for overflow as it does
//! for loss, and against the fluid of the structure clock.

use crate::lab::{check, history, model};
use crate::request_lab::{HEAD, times};
use ninefold::simulation::{Compiled, Simulator};
use ninefold::time::Span;

/// One trial: requests that came and were answered, their mean latency, and the attempts sent to each pool, by its place.
struct Trial {
    arrived: u64,
    answered: u64,
    latency_s: f64,
    sent: Vec<f64>,
}

impl Trial {
    fn lost(&self) -> f64 {
        (self.arrived - self.answered) as f64
    }
}

fn run(text: &str, trials: u64) -> Vec<Trial> {
    let model = model(text);
    let compiled = Compiled::full(&model);
    let Simulator::Full(mut world) = compiled.simulator() else { panic!("requests") };
    let trial = |number| {
        let (outcome, _, record) = world.run_recorded(1, number, model.horizon.max(Span::SECOND));
        let users = &outcome.requests.expect("requests are counted").users[0];
        Trial {
            arrived: users.arrived,
            answered: users.full + users.in_flight(),
            latency_s: record.buckets.users[0].iter().filter_map(|bucket| bucket.latency.mean_s()).sum::<f64>(),
            sent: record.buckets.pools.iter().map(|buckets| buckets.iter().sum::<u64>() as f64).collect(),
        }
    };
    (0..trials).map(trial).collect()
}

/// The mean of a figure over trials, and its standard error.
fn mean(trials: &[Trial], figure: impl Fn(&Trial) -> f64) -> (f64, f64) {
    let values: Vec<f64> = trials.iter().map(figure).collect();
    let (mean, variance) = crate::lab::moments(&values);
    (mean, (variance / values.len() as f64).sqrt())
}

/// Erlang's formula: the share of offered calls that find all `servers` busy (Erlang 1917).
fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, server| offered * blocked / (f64::from(server) + offered * blocked))
}

/// Users of the first region; `slots` of each region, no queue.
fn loss_system(rate: &str, slots: &[u32], links: &str, seconds: u32) -> String {
    let pools: Vec<String> =
        slots.iter().enumerate().map(|(region, slots)| format!("r{region} = {{ slots = {slots} }}")).collect();
    let regions: Vec<String> = (0..slots.len()).map(|region| format!("r{region} = {{}}")).collect();
    format!(
        "{HEAD}horizon = \"{seconds}s\"\nregions = {{ {} }}\n[links]\n{links}\n[services.app]\nservice_time = \"exp(mean=1s)\"\n\
         queue = 0\npools = {{ {} }}\n[users.clients]\nnear = \"r0\"\nrate = \"{rate}\"\n",
        regions.join(", "),
        pools.join(", ")
    )
}

/// Each region's overflow is the next one's traffic; regions hunted in order are as good as one of all their slots.
#[test]
fn overflow_goes_on_from_region_to_region_as_erlang_says() {
    let text = loss_system("8/s", &[5, 5, 500], "\"r0 <-> r2\".latency = \"50ms\"", 2_000);
    let trials = run(&text, times(20, 10));
    let [first, both] = [erlang_b(5, 8.0), erlang_b(10, 8.0)];
    for (pool, expected) in [1.0 - first, first - both, both].into_iter().enumerate() {
        let found = mean(&trials, |trial| trial.sent[pool] / trial.arrived as f64);
        check(&format!("share of region {pool}"), found, expected, 0.03);
    }
    assert!(trials.iter().all(|trial| trial.answered == trial.arrived), "nobody is refused");
    // there and back to the last of them
    check("latency", mean(&trials, |trial| trial.latency_s), 1.0 + both * 0.1, 0.005);
}

/// The routing counts what is on its way: a slot is taken from the sending on, so that overflow is that of calls which
/// last as long as the way and the work together, and nobody is refused.
#[test]
fn what_is_on_its_way_takes_its_place_already() {
    let links = "\"clients <-> r0\".latency = \"500ms\"\n\"clients <-> r1\".latency = \"600ms\"";
    let trials = run(&loss_system("8/s", &[10, 500], links, 2_000), times(20, 10));
    let found = mean(&trials, |trial| trial.sent[1] / trial.arrived as f64);
    check("overflow", found, erlang_b(10, 8.0 * 1.5), 0.02);
    assert!(trials.iter().all(|trial| trial.answered == trial.arrived), "nobody is refused");
}

#[test]
fn without_spill_a_full_region_refuses() {
    let text = loss_system("8/s", &[10, 500], "\"r0 <-> r1\".latency = \"50ms\"", 1_000) + "[routing]\nspill = false\n";
    let trials = run(&text, times(20, 10));
    check("lost", mean(&trials, |trial| trial.lost() / trial.arrived as f64), erlang_b(10, 8.0), 0.03);
    assert!(trials.iter().all(|trial| trial.sent[1] < 1.0));
}

/// East loses half of its nodes for 200 of 400 seconds and carries 50 of its 80 a second; each node has a second's worth
/// of its capacity in hand.
fn half_a_region(west: u32, arrivals: &str, services: &str) -> String {
    format!(
        "{HEAD}horizon = \"400s\"\n[regions]\neast = {{ zones = [\"a\", \"b\"] }}\nwest = {{ zones = [\"a\", \"b\"] }}\n[links]\n\
         \"east <-> west\" = {{ latency = \"30ms\" }}\n{services}[faults.zone]\ntarget = \"east/b\"\nat = \"100s\"\n\
         for = \"200s\"\nsilent = false\n[users.e]\nnear = \"east\"\nrate = \"80/s\"\narrivals = \"{arrivals}\"\n[users.w]\n\
         near = \"west\"\nrate = \"{west}/s\"\narrivals = \"{arrivals}\"\n"
    )
}

const APP: &str = "[services.app]\nnodes = 4\ncapacity = \"25/s\"\n";

/// Arrivals by the clock: to the request what the fluid says, but for what the nodes have in hand.
#[test]
fn a_region_at_half_its_capacity_spills_as_the_fluid_says() {
    // west has room for all that east spills: 60 + 30 of 100
    let text = half_a_region(60, "regular", APP);
    let loss_s = history(&text).outcome.totals[0].loss_s;
    assert!(loss_s.abs() < 1e-6, "the fluid loses nothing: {loss_s}");
    let trial = run(&text, 1).remove(0);
    assert_eq!(trial.answered, trial.arrived, "requests lose nothing");
    // two nodes had 25 each in hand; of each one may be in use as it begins, one left as it ends, one by taking turns
    let east = 80.0 * 200.0 + 50.0 * 200.0 + 50.0;
    assert!((trial.sent[0] - east).abs() <= 8.0, "{} of {east}", trial.sent[0]);
    // and now for 20 a second less than it must
    let text = half_a_region(90, "regular", APP);
    let lost = history(&text).outcome.totals[0].loss_s * 170.0;
    assert!((lost - 20.0 * 200.0).abs() < 1.0, "the fluid loses {lost}");
    let trial = run(&text, 1).remove(0);
    // what they have in hand, 25 a node, is all that they can carry beyond it
    let (found, in_hand) = (trial.lost(), 50.0 + 100.0);
    assert!(lost - in_hand - 1.0 <= found && found <= lost, "{found} of {lost}, at best {in_hand} less");
}

/// A balancer in front and work on the way: what limits the region is two calls away, and a fifth of the requests meet it.
#[test]
fn a_limit_deep_in_the_region_spills_as_the_fluid_says() {
    for (share, capacity, what) in [("100%", 25, "all call"), ("20%", 5, "a fifth calls")] {
        let services = format!(
            "[services.lb]\nkind = \"load-balancer\"\ncalls.web = {{}}\n[services.web]\nnodes = 2\nneed = 1\n\
             service_time = \"exp(mean=20ms)\"\ncalls.api = {{ share = \"{share}\" }}\n[services.api]\nnodes = 4\n\
             capacity = \"{capacity}/s\"\n"
        );
        let text = half_a_region(60, "poisson", &services);
        let loss_s = history(&text).outcome.totals[0].loss_s;
        assert!(loss_s.abs() < 1e-6, "{what}: the fluid loses nothing: {loss_s}");
        let trials = run(&text, times(20, 10));
        let east = 80.0 * 200.0 + 50.0 * 200.0 + 50.0;
        // whoever is refused is so in east, where it is not known who will call
        let (lost, _) = mean(&trials, |trial| trial.lost() / trial.arrived as f64);
        // 30 of 140 a second would be, half of the time, if nothing went on
        assert!(lost < 0.02 * 30.0 / 140.0 / 2.0, "{what}: {lost} are lost");
        check(what, mean(&trials, |trial| trial.sent[0] - trial.lost()), east, 0.01);
    }
}

/// Regions whose users differ in what they ask for: as much of it is carried as the fluid says.
/// Seventy pools that can be full and never are, met before or after the one that is.
#[test]
fn a_region_may_be_full_in_any_of_many_pools() {
    for tight in ["a-tight", "z-tight"] {
        let ample: String = (0..70).map(|number| format!("[services.m{number}]\nslots = 1000\nqueue = 0\n")).collect();
        let calls: String = (0..70).map(|number| format!("calls.m{number} = {{}}\n")).collect();
        let text = format!(
            "{HEAD}horizon = \"200s\"\nregions = {{ r0 = {{}}, r1 = {{}} }}\n[services.app]\n{calls}calls.{tight} = {{}}\n\
             {ample}[services.{tight}]\nservice_time = \"exp(mean=1s)\"\nqueue = 0\n\
             pools = {{ r0 = {{ slots = 5 }}, r1 = {{ slots = 500 }} }}\n\
             [users.clients]\nnear = \"r0\"\nrate = \"8/s\"\n"
        );
        let trials = run(&text, 1);
        assert!(
            trials[0].arrived > 1_000 && trials[0].answered == trials[0].arrived,
            "{tight}: {} lost",
            trials[0].lost()
        );
    }
}

#[test]
fn mixes_that_differ_spill_as_the_fluid_says() {
    let text = format!("simulation.fidelity = \"full\"\nhorizon = \"200s\"\n{}", crate::levels::TWO_MIXES);
    let fluid = history(&text).outcome.totals[0].loss_s * 200.0;
    assert!((fluid - 20.0 * 200.0).abs() < 1.0, "the fluid loses {fluid}");
    // classes are drawn: 140 writes a second in the mean, of which 120 find room, and a second's worth more at first
    let trials = run(&text, times(20, 10));
    check("lost", mean(&trials, Trial::lost), fluid - 120.0, 0.02);
}

/// A region that is dead but not yet known to be is not full: its users fail, as on the structure clock.
#[test]
fn a_dead_region_is_not_full() {
    let text = format!(
        "{HEAD}horizon = \"100s\"\nregions = {{ east = {{}}, west = {{}} }}\n[links]\n\"east <-> west\".latency = \"30ms\"\n\
         [services.app]\nnodes = 4\ncapacity = \"25/s\"\n[faults.bomb]\ntarget = \"east\"\nat = \"40s\"\nfor = \"40s\"\n\
         [users.e]\nnear = \"east\"\nrate = \"80/s\"\narrivals = \"regular\"\ntimeout = \"1s\"\n[routing]\n\
         health_check = {{ every = \"10s\", timeout = \"1s\", down_after = 2, up_after = 1 }}\n"
    );
    let trial = run(&text, 1).remove(0);
    let fluid = history(&text).outcome.totals[0].down.as_secs_f64() * 80.0;
    let lost = trial.lost();
    // what is at work as the region dies, or asked as it comes back, is within a request of the fluid's seconds
    assert!((lost - fluid).abs() <= 2.0 && fluid > 500.0, "{lost} requests are lost, the fluid loses {fluid}");
}

/// East, with room for 50 of its 80 a second, has two regions to help it. From 100 to 200 s half of one region's four nodes
/// are out, of which it needs three; the routing finds that out by checks, callers know it at once.
fn short_of_nodes(region: &str, links: &str) -> String {
    format!(
        "{HEAD}horizon = \"300s\"\n[regions]\neast = {{ zones = [\"a\", \"b\"] }}\nmid = {{ zones = [\"a\", \"b\"] }}\n\
         west = {{ zones = [\"a\", \"b\"] }}\n{links}[services.app]\nnodes = 4\nneed = 3\ncapacity = \"25/s\"\n\
         pools = {{ east = {{ capacity = \"12.5/s\" }}, mid = {{}}, west = {{}} }}\n[faults.zone]\ntarget = \"{region}/b\"\n\
         at = \"100s\"\nfor = \"100s\"\n[users.e]\nnear = \"east\"\nrate = \"80/s\"\narrivals = \"regular\"\n\
         timeout = \"5s\"\n[routing]\nhealth_check = {{ every = \"10s\", timeout = \"1s\", down_after = 3, up_after = 1 }}\n"
    )
}

/// Two well nodes of the three that it needs have places to spare and serve nobody: what overflows goes past them.
#[test]
fn a_region_with_fewer_nodes_than_it_needs_takes_no_overflow() {
    let text = short_of_nodes("mid", "");
    let trial = run(&text, 1).remove(0);
    // of 30 a second that east has no room for, those of the 20 to 31 s until the routing knows would be lost
    assert_eq!(trial.answered, trial.arrived, "nobody is sent to where nobody serves");
    let overflow = 30.0 * 300.0 - 4.0 * 12.5;
    assert!((trial.sent[1] + trial.sent[2] - overflow).abs() <= 8.0, "{:?} of {overflow}", trial.sent);
    // all of it goes to the third region while the second is out, or taken to be: 100 s, and until a check passes
    let third = trial.sent[2] / 30.0;
    assert!((100.0..=112.0).contains(&third), "{third} s");
}

/// And at home they do not make the region full, though more is on its way than they have places for: as on the structure
/// clock, its users fail until the routing knows.
#[test]
fn a_home_with_fewer_nodes_than_it_needs_is_not_full() {
    let ways =
        [("east", 500), ("mid", 600), ("west", 700)].map(|(to, ms)| format!("\"e <-> {to}\".latency = \"{ms}ms\"\n"));
    let text = short_of_nodes("east", &format!("[links]\n{}", ways.concat()));
    let trial = run(&text, 1).remove(0);
    let fluid = history(&text).outcome.totals[0].down.as_secs_f64() * 80.0;
    // and what is on its way there as it happens: half a second of the 50 a second that are not sent elsewhere
    let (lost, on_way) = (trial.lost(), 0.5 * 50.0);
    assert!((lost - fluid - on_way).abs() <= 2.0 && fluid > 1_600.0, "{lost} are lost, the fluid loses {fluid}");
}
