//! The numbers of a registry as Prometheus text (exposition format 0.0.4), for a `/metrics` endpoint.
//!
//! `ninefold_<kind>_<number>{name="<policy>"}`; samples of one family stand together under one `# TYPE` line, as the
//! format demands. It reads a snapshot and keeps nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::resilience::registry::{Reading, Value};

/// The content type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// Renders readings of [`Registry::snapshot`](crate::resilience::registry::Registry::snapshot).
///
/// ```
/// use ninefold::live::prometheus;
/// use ninefold::resilience::registry::{Reading, Sample, Value};
///
/// let samples = vec![Sample { name: "full_total", value: Value::Counter(3) }];
/// let text = prometheus::render(&[Reading { name: "to-db".to_owned(), kind: "bulkhead", samples }]);
/// assert_eq!(text, "# TYPE ninefold_bulkhead_full_total counter\nninefold_bulkhead_full_total{name=\"to-db\"} 3\n");
/// ```
pub fn render(readings: &[Reading]) -> String {
    let mut families = BTreeMap::<(&str, &str), (&str, String)>::new();
    for reading in readings {
        for sample in &reading.samples {
            let (family_type, value) = match sample.value {
                Value::Counter(count) => ("counter", i128::from(count)),
                Value::Gauge(level) => ("gauge", i128::from(level)),
            };
            let (_, lines) = families.entry((reading.kind, sample.name)).or_insert((family_type, String::new()));
            let (kind, label) = (reading.kind, escape(&reading.name));
            // writing to a string cannot fail
            let _ = writeln!(lines, "ninefold_{kind}_{}{{name=\"{label}\"}} {value}", sample.name);
        }
    }
    let header = |(kind, name): &(&str, &str), of: &str| format!("# TYPE ninefold_{kind}_{name} {of}\n");
    families.iter().map(|(key, (of, lines))| header(key, of) + lines).collect()
}

/// A label value may not hold these as they are.
fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::registry::Sample;

    #[test]
    fn samples_of_one_family_stand_together_and_labels_are_escaped() {
        let gauge = |level| vec![Sample { name: "active", value: Value::Gauge(level) }];
        let reading = |name: &str, level| Reading { name: name.to_owned(), kind: "bulkhead", samples: gauge(level) };
        let text = render(&[reading("a\"b", -1), reading("c\\", 2)]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "# TYPE ninefold_bulkhead_active gauge",
                r#"ninefold_bulkhead_active{name="a\"b"} -1"#,
                r#"ninefold_bulkhead_active{name="c\\"} 2"#,
            ]
        );
    }
}
