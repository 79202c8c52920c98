//! Classes of requests and tiers at the users, on the structure clock, against histories worked out by hand.

use crate::lab::run_text;
use crate::lab::{History, history};
use ninefold::report::text;
use ninefold::results::measure::Measure;

const HOUR: f64 = 3_600.0;

/// `app` is reached by reads and writes, `console` by its own class; one service is out for an hour.
fn classes(mix: &str, out: &str) -> History {
    history(&format!(
        "version = 1\nhorizon = \"10h\"\n[services.app.calls]\ncache = {{ only = [\"read\"] }}\nlog = {{ only = [\"write\", \"admin\"], share = \"50%\" }}\n\
         [services.cache]\n[services.log]\n[services.console]\n[requests]\nread = {{}}\nwrite = {{ writes = true }}\n\
         admin = {{ entry = \"console\" }}\n[routing]\nentry = \"app\"\n[users.u]\n{mix}\n[faults.f]\n\
         mode = \"outage\"\ntarget = \"{out}\"\nat = \"1h\"\nfor = \"1h\"\n"
    ))
}

const MIX: &str = "requests = { read = \"70%\", write = \"20%\", admin = \"10%\" }";

#[test]
fn a_call_of_some_classes_costs_their_share() {
    classes(MIX, "cache").expect("system", 0.0, HOUR, 0.7 * HOUR);
    // half of the writes; those of the console do not come this way
    classes(MIX, "log").expect("system", HOUR, 0.0, 0.1 * HOUR);
    classes(MIX, "log").expect("app", 0.0, HOUR, HOUR * 0.1 / 0.9);
}

#[test]
fn a_class_with_an_entry_of_its_own_goes_there() {
    classes(MIX, "console").expect("system", HOUR, 0.0, 0.1 * HOUR);
    classes(MIX, "app").expect("system", 0.0, HOUR, 0.9 * HOUR);
    // requests of no class make no call that is for some
    classes("", "cache").expect("system", 0.0, 0.0, 0.0);
    classes("", "app").expect("system", 0.0, HOUR, HOUR);
}

#[test]
fn a_pool_at_its_limit_serves_the_same_share_of_each_class_that_comes() {
    // 50 writes a second, of which the database carries 25; reads do not go there
    let text = "version = 1\nhorizon = \"10h\"\n[services.app]\ncapacity = \"100/s\"\ncalls.db = { only = [\"write\"] }\n\
                [services.db]\ncapacity = \"25/s\"\n[requests]\nread = {}\nwrite = {}\n[users.u]\nrate = \"100/s\"\n\
                requests = { read = \"50%\", write = \"50%\" }\n";
    history(text).expect("system", 0.0, 10.0 * HOUR, 2.5 * HOUR);
    history(text).expect("db", 0.0, 10.0 * HOUR, 5.0 * HOUR);
}

#[test]
fn tiers_at_the_users_answer_what_the_system_does_not() {
    let with = |tiers: &str| {
        history(&format!(
            "version = 1\nhorizon = \"10h\"\n[services.app]\nfaults = {{ at = \"1h\", for = \"1h\" }}\n[services.mirror]\n\
             kind = \"dependency\"\nfaults = {{ at = \"90min\", for = \"1h\" }}\n[routing]\nentry = \"app\"\n[users.u]\n\
             fallback = [{tiers}]\n"
        ))
    };
    with("{ tier = \"offline\", hit = \"95%\" }").expect("system", HOUR, 0.0, 0.05 * HOUR);
    with("{ tier = \"offline\", hit = \"60%\" }").expect("u", 0.0, HOUR, 0.4 * HOUR);
    with("{ tier = \"offline\", hit = \"60%\" }").expect("app", 0.0, HOUR, HOUR);
    with("{ tier = \"mirror\", calls = \"mirror\" }").expect("system", 0.5 * HOUR, 0.5 * HOUR, 0.5 * HOUR);
}

#[test]
fn time_on_each_tier_is_told() {
    // the cache answers nine in ten of what fails, the static page all of the rest; the page itself is out for half
    let text = "version = 1\nhorizon = \"10h\"\n[services.app.calls.db]\n\
                fallback = [{ tier = \"cached\", hit = \"95%\" }, { tier = \"page\", calls = \"page\" }]\n[services.db]\n\
                faults = { at = \"1h\", for = \"1h\" }\n[services.page]\nkind = \"dependency\"\nfaults = { at = \"90min\", for = \"1h\" }\n\
                [routing]\nentry = \"app\"\n";
    let results = run_text(text, 2);
    let share = |statistic: &str| {
        let row = results.find(Measure::DegradedTime, "system", statistic).expect("a row");
        row.value.estimate.expect("an estimate")
    };
    for (statistic, expected) in [("mean", 0.1), ("cached", 0.1), ("page", 0.05)] {
        assert!((share(statistic) - expected).abs() < 1e-12, "{statistic}: {}", share(statistic));
    }
    let screen = text::run(&results, text::Look::Plain);
    assert!(screen.contains("on tier cached") && screen.contains("on tier page"), "{screen}");
}

#[test]
fn failed_writes_are_lost_to_those_who_write() {
    // two of four disks are full in c: half of the writes there fail, whoever else asks
    let of = |near: &str| {
        let text = format!(
            "version = 1\nhorizon = \"1h\"\n[regions.a]\n[regions.c]\n[services.w]\nnodes = 4\nneed = 1\n\
             [requests.read]\n[requests.write]\nwrites = true\n[routing]\npolicy = \"geo\"\n\
             [users.u]\nnear = \"{near}\"\nrate = \"15/s\"\nrequests = {{ read = \"70%\", write = \"30%\" }}\n\
             [users.v]\nnear = \"c\"\nrate = \"10/s\"\nrequests = {{ read = \"100%\" }}\n\
             [faults.full]\ntarget = \"2 of w@c\"\nmode = \"disk-full\"\nat = [\"0s\"]\nfor = \"1h\"\n"
        );
        history(&text)
    };
    of("a").expect("v", 0.0, 0.0, 0.0);
    of("a").expect("system", 0.0, 0.0, 0.0);
    of("c").expect("v", 0.0, 0.0, 0.0);
    // u: 30 % x 50 %, below the 90 % that count as up
    of("c").expect("u", 0.0, HOUR, 0.15 * HOUR);
    of("c").expect("system", HOUR, 0.0, 0.6 * 0.15 * HOUR);
}
