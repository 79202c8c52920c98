//! What a call inherits of a deadline: 90 % of what is left, whatever its policies, and no warning that it waits for ever.

use crate::lab::{check, scenario};
use crate::request_lab::{HEAD, mean, run_full, times};
use ninefold::results::measure::Measure;

fn chain(call: &str, users: &str, more: &str) -> String {
    format!(
        "{HEAD}horizon = \"1h\"\n[services.app]\nservice_time = \"200ms\"\ncalls.back = {{ {call} }}\n{more}\n\
         [services.back]\nservice_time = \"exp(mean=500ms)\"\n[users.folk]\nrate = \"5/s\"\n{users}\n"
    )
}

/// Users give their attempt 900 of 1000 ms; 700 are left when the call goes out, of which it gets 630. With a timeout of
/// 1 s it gets 720 of 800.
#[test]
fn a_call_without_policies_gets_its_share_of_an_inherited_deadline() {
    let of = |call: &str, users: &str| {
        mean(&run_full(&chain(call, users, ""), times(10, 10)), Measure::SuccessRatio, "folk")
    };
    for call in ["", "retry = { attempts = 1 }", "timeout = \"10s\""] {
        check("of a deadline", of(call, "deadline = \"1s\""), 1.0 - f64::exp(-0.63 / 0.5), 0.01);
        check("of a timeout", of(call, "timeout = \"1s\""), 1.0 - f64::exp(-0.72 / 0.5), 0.01);
    }
}

/// Who is asked without a deadline by anybody, or passes none on, may wait for ever; others may not.
#[test]
fn only_who_inherits_no_deadline_waits_for_ever() {
    let warned = |users: &str, more: &str| {
        let scenario = scenario(&chain("", users, more), &[]);
        scenario.warnings.iter().filter(|warning| warning.message == "`app` waits for `back` for ever").count()
    };
    assert_eq!(warned("", ""), 1);
    assert_eq!(warned("deadline = \"1s\"", ""), 0);
    assert_eq!(warned("timeout = \"1s\"", ""), 0);
    assert_eq!(warned("timeout = \"1s\"", "on_caller_gone = \"ignore\""), 1);
    assert_eq!(warned("timeout = \"1s\"\n[users.others]\nrate = \"1/s\"", ""), 1);
    let classes =
        |other: &str| format!("requests = {{ a = \"50%\", b = \"50%\" }}\n[requests]\na.deadline = \"1s\"\n{other}");
    assert_eq!(warned(&classes("b = {}"), ""), 1);
    assert_eq!(warned(&classes("b.deadline = \"2s\""), ""), 0);
}
