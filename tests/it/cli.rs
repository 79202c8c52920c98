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

#[test]
fn wrong_usage_and_wrong_scenarios_exit_with_2() {
    let folder = Folder::new("refused");
    folder.check(&[], 2, "", "Usage");
    folder.check(&["run"], 2, "", "<FILE>");
    folder.check(&["run", "fine.toml", "--trails", "5"], 2, "", "--trials");
    folder.check(&["run", "faulty.toml"], 2, "", "error[E002]");
    folder.check(&["run", "fine.toml", "--horizon", "1M"], 2, "", "error[E103]");
    folder.check(&["run", "fine.toml", "--trials", "0"], 2, "", "error[E104]");
    folder.check(&["compare", "-", "-"], 2, "", "once only");
    folder.check(&["compare", "fine.toml"], 2, "", "2");
    folder.check(&["compare", "fine.toml", "fine.toml", "--csv", "trials"], 2, "", "--csv measures");
    folder.check(&["plot", "nines", "fine.toml", "-o", "x.pdf"], 2, "", ".svg nor .png");
    folder.check(&["plot", "pie", "fine.toml", "-o", "x.svg"], 2, "", "waterfall");
    assert_eq!(folder.files(), ["faulty.toml", "fine.toml"]);
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
