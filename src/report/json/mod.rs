//! Results as JSON, a contract: fields may be added, none is ever renamed or given another meaning.
//!
//! Times are seconds; what is unknown or not finite is `null`. The text has a line per figure, so that two runs can be
//! compared with `diff`. Reading gives back what was written, so that a
//! saved run can be drawn later.

mod journal;
mod read;
mod replay;
mod write;

pub use journal::journal;
pub use read::{ReadError, read};
pub use replay::replay;
pub use write::{comparison, run};

#[cfg(test)]
mod tests {
    use super::{comparison, read, run};
    use crate::report::sample;

    #[test]
    fn the_json_of_a_run_stands_as_it_is() {
        insta::assert_snapshot!(String::from_utf8(run(&sample::results())).unwrap());
    }

    #[test]
    fn the_json_of_a_comparison_stands_as_it_is() {
        let mut comparison_small = sample::comparison();
        for results in &mut comparison_small.scenarios {
            results.rows.truncate(2);
            results.curves.clear();
        }
        insta::assert_snapshot!(String::from_utf8(comparison(&comparison_small)).unwrap());
    }

    #[test]
    fn a_saved_run_reads_back_as_it_was() {
        assert!(read(&run(&sample::results())).unwrap() == vec![sample::results()]);
        let mut all_curves = sample::results();
        all_curves.curves.extend(sample::curves());
        assert!(read(&run(&all_curves)).unwrap() == vec![all_curves]);
        let saved = comparison(&sample::comparison());
        assert!(read(&saved).unwrap() == sample::comparison().scenarios);
    }

    #[test]
    fn what_has_no_bound_is_null_and_reads_back_as_such() {
        let bytes = run(&sample::flawless());
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains("\"estimate\": null, \"low\": 5.2, \"high\": null"), "{text}");
        assert!(!text.contains("inf") && !text.contains("NaN"));
        let row = &read(&bytes).unwrap()[0].rows[2];
        assert_eq!((row.value.estimate, row.value.low, row.value.high), (None, Some(5.2), None));
    }

    #[test]
    fn what_is_no_saved_run_is_refused_with_a_reason() {
        for (text, reason) in [
            ("{", "EOF"),
            ("{}", "missing field"),
            ("[1]", "invalid type"),
            ("\u{0}\u{1}", "expected value"),
            (r#"{"scenarios": []}"#, "no scenario"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let text = String::from_utf8(run(&sample::results())).unwrap();
        let error = read(text.replace("nines.time", "nines.moon").as_bytes()).unwrap_err().to_string();
        assert!(error.contains("measure `nines.moon`"), "{error}");
    }
}
