//! What multiplying would claim, against products written out.

use crate::lab::model;
use ninefold::experiment::naive_unavailability;

const NODE: &str = "faults = { fails = \"exp(mean=999h)\", repair = \"exp(mean=1h)\" }\n";

fn claim(text: &str, expected: f64) {
    let found = naive_unavailability(&model(&format!("version = 1\n{text}")));
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} against {expected}");
}

#[test]
fn availabilities_of_parts_are_multiplied_along_the_way() {
    claim(&format!("[services.app]\n{NODE}"), 1e-3);
    claim(&format!("[services.app]\nnodes = 2\nneed = 1\n{NODE}"), 1e-6);
    // two of three fail: 3 u^2 (1 - u) + u^3
    claim(&format!("[services.app]\nnodes = 3\nneed = 2\n{NODE}"), 3e-6 * 0.999 + 1e-9);
    let chain = format!("[services.app]\ncalls.db = {{}}\n{NODE}[services.db]\n{NODE}");
    claim(&chain, 1.0 - 0.999 * 0.999);
    let regions = format!("regions = {{ a1 = {{}}, b1 = {{}} }}\n{chain}replication = {{ mode = \"async\" }}\n");
    claim(&regions, (1.0_f64 - 0.999 * 0.999).powi(2));
}

#[test]
fn what_has_a_substitute_is_not_on_the_way() {
    let soft = "calls.db = { fallback = [{ tier = \"cached\" }] }\n";
    claim(&format!("[services.app]\n{soft}{NODE}[services.db]\n{NODE}"), 1e-3);
}

/// `need` is asked of no pool of a quorum: it fails with all of its nodes, whatever the pool says.
#[test]
fn a_pool_of_a_quorum_fails_with_all_its_nodes() {
    let quorum = |need: &str| {
        format!("[services.db]\nkind = \"database\"\nnodes = 3\n{need}{NODE}replication = {{ mode = \"quorum\" }}\n")
    };
    claim(&quorum(""), 1e-9);
    claim(&quorum("need = 2\n"), 1e-9);
    claim(&format!("regions = {{ a1 = {{}}, b1 = {{}} }}\n{}", quorum("need = 2\n")), 1e-18);
}
