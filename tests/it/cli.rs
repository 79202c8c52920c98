//! The command as its users meet it: exit codes, streams, files.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const FINE: &str = "version = 1\nobjectives.two-nines = { availability = \"90%\" }\n[services.app]\n\
                    nodes = 2\nneed = 1\nfaults = { fails = \"exp(mean=999h)\", repair = \"exp(mean=1h)\" }\n";
const FAULTY: &str = "version = 1\n[services.app]\nnods = 2\nfaults = { fails = \"exp(mean=5)\" }\n";

/// A folder of its own for one test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("ninefold-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("fine.toml"), FINE).unwrap();
        std::fs::write(path.join("faulty.toml"), FAULTY).unwrap();
        Folder(path)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ninefold"));
        command.current_dir(&self.0).args(args).env_remove("NO_COLOR");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    fn check(&self, args: &[&str], code: i32, out: &str, err: &str) {
        let output = self.run(args);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}");
        assert!(stdout.contains(out), "{args:?}: no `{out}` in\n{stdout}");
        assert!(stderr.contains(err), "{args:?}: no `{err}` in\n{stderr}");
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The largest seed there is, not the largest number with a sign, and another run than that one.
#[test]
fn a_seed_may_be_any_number_of_64_bits() {
    let folder = Folder::new("seed");
    let run = |seed: &[&str]| text(&folder.run(&[&["run", "fine.toml", "--trials", "50"], seed].concat()).stdout);
    let largest = run(&["--seed", "18446744073709551615"]);
    assert!(largest.contains("seed 18446744073709551615"), "{largest}");
    assert_eq!(largest, run(&["--set", "simulation.seed=18446744073709551615"]));
    let rest = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_ne!(rest(&largest), rest(&run(&["--seed", "9223372036854775807"])));
    folder.check(&["run", "fine.toml", "--set", "simulation.seed=18446744073709551616"], 2, "", "error[E007]");
}

#[test]
fn what_the_file_does_not_ask_can_be_asked_on_the_command_line() {
    let folder = Folder::new("asked");
    let fault = ["--set", "faults.out.target=app", "--set", "faults.out.at=1h", "--set", "faults.out.for=2h"];
    let all =
        [&["run", "fine.toml", "--trials", "50", "--set", "objectives.rto.availability=99.999%"][..], &fault].concat();
    folder.check(&all, 1, "rto", "");
    folder.check(&["run", "fine.toml", "--set", "services.cache.nodes=2"], 2, "", "--set 'services.cache = { .. }'");
    folder.check(&["run", "fine.toml", "--set", "objectives.two-nine.availability=99%"], 2, "", "did you mean");
}

#[test]
fn wrong_usage_and_wrong_scenarios_exit_with_2() {
    let folder = Folder::new("refused");
    folder.check(&[], 2, "", "Usage");
    folder.check(&["run"], 2, "", "<FILE>");
    folder.check(&["run", "fine.toml", "--trails", "5"], 2, "", "--trials");
    folder.check(&["run", "faulty.toml"], 2, "", "error[E002]");
    folder.check(&["run", "fine.toml", "--horizon", "1M"], 2, "", "error[E103]");
    folder.check(&["run", "fine.toml", "--trials", "0"], 2, "", "error[E104]");
    folder.check(&["run", "fine.toml", "--trials", "0"], 2, "", "--> --trials:1:1");
    folder.check(&["run", "fine.toml", "--seed", "18446744073709551616"], 2, "", "--seed");
    folder.check(&["compare", "-", "-"], 2, "", "once only");
    folder.check(&["trace", "fine.toml", "--failed"], 2, "", "`--failed` chooses single requests");
    folder.check(&["trace", "fine.toml", "--requests", "0"], 2, "", "--requests");
    folder.check(&["trace", "fine.toml", "--csv", "--json"], 2, "", "cannot be used with");
    std::fs::write(folder.0.join("asked.toml"), format!("{FINE}[users.people]\nrate = \"1/h\"\n")).unwrap();
    let full = |more: &[&'static str]| {
        let head = ["trace", "asked.toml", "--fidelity", "full", "--horizon", "1d"];
        [&head[..], more].concat()
    };
    folder.check(&full(&["--from", "2d"]), 2, "", "`--from 2d` is not within the trial, which lasts 1d");
    folder.check(&full(&["--from", "2h", "--to", "1h"]), 2, "", "from 2h on and before 1h");
    folder.check(&full(&["--to", "3"]), 2, "", "`3` has no unit");
    folder.check(&full(&["--to", "3h"]), 0, "REQUESTS", "");
    folder.check(&["compare", "fine.toml"], 2, "", "2");
    folder.check(&["compare", "fine.toml", "fine.toml", "--csv", "trials"], 2, "", "--csv measures");
    folder.check(&["plot", "nines", "fine.toml", "-o", "x.pdf"], 2, "", ".svg nor .png");
    folder.check(&["plot", "pie", "fine.toml", "-o", "x.svg"], 2, "", "waterfall");
    assert_eq!(folder.files(), ["asked.toml", "faulty.toml", "fine.toml"]);
}

#[test]
fn all_faults_of_all_files_are_told_at_once() {
    let folder = Folder::new("faults");
    let output = folder.run(&["check", "faulty.toml", "missing.toml", "fine.toml"]);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("E002") && stderr.contains("E101") && stderr.contains("missing.toml"), "{stderr}");
    assert!(text(&output.stdout).starts_with("fine.toml: fine (1 region, 1 service, 2 nodes, 1 objective)"));
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn what_cannot_be_read_or_written_exits_with_4() {
    let folder = Folder::new("broken");
    folder.check(&["run", "missing.toml"], 4, "", "cannot read `missing.toml`");
    folder.check(&["run", "."], 4, "", "cannot read `.`");
    folder.check(&["explain", "fine.toml", "-o", "no/such/place.toml"], 4, "", "cannot write `no/such/place.toml`");
}

#[test]
fn an_explanation_marks_every_default() {
    let folder = Folder::new("explain");
    folder.check(&["explain", "fine.toml"], 0, "horizon = \"1y\"   # (default)", "");
    folder.check(&["explain", "fine.toml", "--horizon", "10y"], 0, "horizon = \"10y\"\n", "");
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = Folder::new("help");
    folder.check(&["--help"], 0, "compare", "");
    folder.check(&["--version"], 0, env!("CARGO_PKG_VERSION"), "");
}

#[test]
fn standard_input_reads_as_a_file_would() {
    let folder = Folder::new("stdin");
    let mut child = folder.command(&["run", "-", "--trials", "20", "--json"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(FINE.as_bytes()).unwrap();
    let piped = child.wait_with_output().unwrap();
    let read = folder.run(&["run", "fine.toml", "--trials", "20", "--json"]);
    let measures = |bytes: &[u8]| text(bytes).split("\"measures\"").nth(1).unwrap().to_owned();
    assert_eq!(measures(&piped.stdout), measures(&read.stdout));
}

#[test]
fn timing_is_one_line_on_standard_error_and_changes_no_byte_of_the_data() {
    let folder = Folder::new("timing");
    let plain = folder.run(&["run", "fine.toml", "--trials", "20"]);
    let timed = folder.run(&["run", "fine.toml", "--trials", "20", "--timing"]);
    assert_eq!(plain.stdout, timed.stdout);
    assert!(plain.stderr.is_empty());
    let line: serde_json::Value = serde_json::from_slice(&timed.stderr).unwrap();
    for key in ["events", "requests", "wall_s", "cpu_s", "events_per_s", "peak_rss_mb"] {
        assert!(line.get(key).is_some(), "{key}");
    }
}

#[test]
fn timing_counts_the_requests_of_every_command_that_knows_them() {
    const ASKED: &str = "version = 1\nhorizon = \"1min\"\nusers.people = { rate = \"10/s\" }\n\
                         [services.app]\n[experiments.calm]\nlength = \"1min\"\nruns = 1\n\
                         steady_state = [\"success_ratio(system) >= 50%\"]\n";
    let folder = Folder::new("timing-requests");
    std::fs::write(folder.0.join("asked.toml"), ASKED).unwrap();
    let requests = |args: &[&str]| {
        let output = folder.run(&[args, &["--timing"]].concat());
        let said = text(&output.stderr);
        let line = said.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{args:?}: {said}"));
        serde_json::from_str::<serde_json::Value>(line).unwrap()["requests"].clone()
    };
    let full = ["asked.toml", "--fidelity", "full", "--trials", "3"];
    let of_run = requests(&[&["run"], &full[..]].concat()).as_u64().unwrap();
    assert!(of_run > 1_000, "{of_run}");
    assert_eq!(requests(&[&["compare", "asked.toml"], &full[..]].concat()), 2 * of_run);
    assert_eq!(requests(&[&["plot", "nines", "-o", "x.svg"], &full[..]].concat()), of_run);
    assert!(requests(&["chaos", "asked.toml"]).is_null());
    assert!(requests(&["plot", "chaos", "asked.toml", "-o", "x.svg"]).is_null());
    assert!(requests(&["plot", "gantt", "fine.toml", "--trial", "0", "-o", "x.svg"]).is_null());
}

#[test]
fn a_file_gets_the_same_bytes_as_standard_output() {
    let folder = Folder::new("file");
    let shown = folder.run(&["run", "fine.toml", "--trials", "20", "--json"]);
    folder.run(&["run", "fine.toml", "--trials", "20", "--json", "-o", "run.json"]);
    assert_eq!(std::fs::read(folder.0.join("run.json")).unwrap(), shown.stdout);
    assert_eq!(folder.files(), ["faulty.toml", "fine.toml", "run.json"]);
}

#[test]
fn colour_is_asked_for_or_left_out() {
    let folder = Folder::new("colour");
    let escapes = |args: &[&str]| folder.run(args).stdout.contains(&0x1b);
    assert!(!escapes(&["run", "fine.toml", "--trials", "5"]));
    assert!(escapes(&["run", "fine.toml", "--trials", "5", "--color", "always"]));
    assert!(!escapes(&["run", "fine.toml", "--trials", "5", "--color", "never"]));
}

#[test]
fn a_trace_tells_faults_in_the_order_of_time() {
    let folder = Folder::new("trace");
    let output = text(&folder.run(&["trace", "fine.toml", "--trial", "3"]).stdout);
    assert!(output.starts_with("fine   trial 3   seed 1   1y\n"), "{output}");
    let days: Vec<u32> =
        output.lines().skip(1).map(|line| line.trim_start().split('d').next().unwrap().parse().unwrap()).collect();
    assert!(days.len() > 4 && days.is_sorted(), "{output}");
}

const PAIR: &str = include_str!("../scenarios/active-passive.toml");

#[test]
fn every_template_checks_and_runs_without_a_warning() {
    let folder = Folder::new("init");
    for template in ["single-node", "active-passive", "active-active"] {
        folder.check(&["init", template, "-o", "new.toml", "--force"], 0, "", "");
        folder.check(&["check", "new.toml", "--strict"], 0, "new.toml: fine", "");
        let run = folder.run(&["run", "new.toml", "--trials", "20", "--json"]);
        assert!(run.stderr.is_empty() && run.stdout.starts_with(b"{"), "{template}: {}", text(&run.stderr));
    }
    folder.check(&["init"], 0, "name = \"single node\"", "");
    folder.check(&["init", "nine-nodes"], 2, "", "active-passive");
}

#[test]
fn a_template_overwrites_nothing_without_force() {
    let folder = Folder::new("force");
    folder.check(&["init", "-o", "fine.toml"], 2, "", "`fine.toml` is there already");
    assert_eq!(std::fs::read_to_string(folder.0.join("fine.toml")).unwrap(), FINE);
    folder.check(&["init", "--force"], 2, "", "--output");
    folder.check(&["init", "-o", "fine.toml", "--force"], 0, "", "");
    assert_ne!(std::fs::read_to_string(folder.0.join("fine.toml")).unwrap(), FINE);
}

#[test]
fn a_law_is_explained_in_numbers() {
    let folder = Folder::new("law");
    // mean = 1000 h x gamma(1 + 1/0.7) = 1265.82 h
    folder.check(&["explain", "weibull(shape=0.7, scale=1000h)"], 0, "4556965s", "");
    folder.check(&["explain", "exp(mean=90d)"], 0, "4.05833/y", "");
    folder.check(&["explain", "90s"], 0, "1m 30s", "");
    folder.check(&["explain", "weibul(shape=0.7)"], 2, "", "did you mean `weibull`?");
    folder.check(&["explain", "exp(mean=1h)", "--seed", "2"], 2, "", "is a law; changes are for scenarios");
    folder.check(&["explain", "missing.toml"], 4, "", "cannot read `missing.toml`");
}

#[test]
fn a_csv_file_that_a_law_names_is_read_to_its_end() {
    let folder = Folder::new("long-csv");
    // 17 MiB of short repairs, then a long one: without its end the law would have no long repair
    let mut rows = String::from("hours\n");
    rows.push_str(&"1.000000\n".repeat(2_000_000));
    rows.push_str("400\n");
    std::fs::write(folder.0.join("repairs.csv"), rows).unwrap();
    folder.check(&["explain", "empirical(file=repairs.csv, column=hours, unit=h)"], 0, "values  2000001", "");
}

#[test]
fn a_trace_is_a_table_on_demand() {
    let folder = Folder::new("trace-csv");
    let output = text(&folder.run(&["trace", "fine.toml", "--csv", "--trial", "3"]).stdout);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "trial,t_s,event,subject,text");
    assert!(lines.iter().any(|line| line.starts_with("3,") && line.contains(",fault,app")), "{output}");
    let plain = text(&folder.run(&["trace", "fine.toml", "--trial", "3"]).stdout);
    assert_eq!(plain.lines().count(), lines.len());
    folder.check(&["trace", "fine.toml", "--csv", "--chrome"], 2, "", "cannot be used with");
}

#[test]
fn a_chrome_trace_has_each_outage_as_a_slice() {
    let folder = Folder::new("trace-chrome");
    std::fs::write(folder.0.join("pair.toml"), PAIR).unwrap();
    let args = ["pair.toml", "--trials", "100", "--worst"];
    folder.check(&[&["trace", "--chrome", "-o", "trace.json"], &args[..]].concat(), 0, "", "");
    let trace: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.0.join("trace.json")).unwrap()).unwrap();
    let table = text(&folder.run(&[&["trace", "--csv"], &args[..]].concat()).stdout);
    let events = trace["traceEvents"].as_array().unwrap();
    let count = |phase: &str, category: &str| {
        events.iter().filter(|event| event["ph"] == phase && event["cat"] == category).count()
    };
    let rows = |kind: &str| table.lines().filter(|line| line.split(',').nth(2) == Some(kind)).count();
    assert!(rows("outage") > 0 && rows("failover") > 0);
    assert_eq!(count("X", "outage"), rows("outage"));
    assert_eq!(count("X", "fault"), rows("fault"));
    assert_eq!(count("i", "failover"), rows("failover"));
    assert!(count("X", "stage") >= rows("outage"));
    let micros = |event: &serde_json::Value, key: &str| event[key].as_u64().unwrap();
    let year = 365 * 86_400 * 1_000_000 + 6 * 3_600_000_000;
    let timed = events.iter().filter(|event| event["ph"] == "X");
    assert!(timed.clone().all(|event| micros(event, "ts") + micros(event, "dur") <= year));
}

#[test]
fn every_chart_of_a_run_is_drawn_from_a_scenario_and_from_its_json() {
    let folder = Folder::new("charts");
    std::fs::write(folder.0.join("pair.toml"), PAIR).unwrap();
    folder.run(&["run", "pair.toml", "--trials", "100", "--json", "-o", "pair.json"]);
    for kind in ["nines", "exceedance", "waterfall", "contribution", "convergence", "attainment", "rto", "rpo"] {
        folder.check(&["plot", kind, "pair.json", "-o", "saved.svg"], 0, "", "");
        folder.check(&["plot", kind, "pair.toml", "--trials", "100", "-o", "run.svg"], 0, "", "");
        let read = |name: &str| std::fs::read_to_string(folder.0.join(name)).unwrap();
        assert!(read("saved.svg").starts_with("<svg") && read("saved.svg") == read("run.svg"), "{kind}");
    }
    folder.check(&["plot", "gantt", "pair.toml", "--trials", "100", "-o", "gantt.svg"], 0, "", "");
    folder.check(&["plot", "gantt", "pair.toml", "--trial", "4", "-o", "gantt.png"], 0, "", "");
    folder.check(&["plot", "close-up", "pair.toml", "--trials", "100", "-o", "close-up.svg"], 0, "", "");
    let close_up = std::fs::read_to_string(folder.0.join("close-up.svg")).unwrap();
    assert!(close_up.contains("the system is down for") && close_up.contains("+0s"), "{close_up}");
    assert!(std::fs::read(folder.0.join("gantt.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_chart_that_cannot_be_drawn_says_what_is_missing() {
    let folder = Folder::new("no-chart");
    folder.run(&["run", "fine.toml", "--trials", "20", "--json", "-o", "fine.json"]);
    let refuse = |args: &[&str], reason: &str| {
        folder.check(&[&["plot"], args, &["-o", "x.svg"]].concat(), 2, "", reason);
    };
    refuse(&["pareto", "fine.json"], "no scenario says what it costs");
    refuse(&["transient", "fine.json"], "simulation.points");
    refuse(&["rto", "fine.json"], "no run saw an outage with a failover");
    refuse(&["rpo", "fine.json"], "no run saw a promotion");
    refuse(&["gantt", "fine.json"], "give the scenario instead");
    refuse(&["gantt", "fine.toml", "fine.toml"], "one trial of one scenario");
    refuse(&["nines", "fine.json", "--trial", "3"], "`--trial` is for `gantt`");
    refuse(&["close-up", "fine.toml", "fine.toml"], "one trial of one scenario");
    refuse(&["close-up", "fine.toml", "--trial", "0", "--horizon", "1s"], "never down in trial 0");
    refuse(&["nines", "fine.json", "--only", "x"], "`--only` is for `chaos`");
    refuse(&["gantt", "fine.toml", "--only", "x"], "`--only` is for `chaos`");
    assert!(!folder.files().contains(&"x.svg".to_owned()));
}

#[test]
fn curves_are_the_same_at_any_number_of_threads() {
    let folder = Folder::new("jobs");
    let run = |jobs: &str, more: &[&str]| {
        let args = ["run", "fine.toml", "--trials", "700", "--json", "--jobs", jobs];
        text(&folder.run(&[&args, more].concat()).stdout)
    };
    assert!(run("1", &[]).contains("convergence.low"));
    assert_eq!(run("1", &[]), run("4", &[]));
    assert_eq!(run("1", &["--until", "20%"]), run("4", &["--until", "20%"]));
}

#[test]
fn the_running_estimate_ends_at_the_reported_one() {
    let folder = Folder::new("ends");
    let bytes = folder.run(&["run", "fine.toml", "--trials", "333", "--json"]).stdout;
    let run: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let last = |kind: &str| {
        let curve = run["curves"].as_array().unwrap().iter().find(|curve| curve["kind"] == kind).unwrap().clone();
        curve["points"].as_array().unwrap().last().unwrap().clone()
    };
    let rows = run["measures"].as_array().unwrap();
    let row = rows.iter().find(|r| r["measure"] == "unavailability.time" && r["subject"] == "system").unwrap();
    for (kind, key) in [("convergence", "estimate"), ("convergence.low", "low"), ("convergence.high", "high")] {
        assert_eq!(last(kind)[0], 333.0);
        assert_eq!(last(kind)[1], row[key]);
    }
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let folder = Folder::new("manual");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        folder.check(&["completions", shell], 0, "compare", "");
    }
    folder.check(&["completions", "dos"], 2, "", "possible values");
    folder.check(&["man"], 0, ".TH ninefold 1", "");
    folder.check(&["man", "trace"], 0, "Perfetto", "");
    folder.check(&["man", "dance"], 2, "", "one of init, check");
}
