//! The screens as they stand, byte for byte.

use super::{Look, WIDTH, comparison, run};
use crate::report::sample;

#[test]
fn the_screen_of_a_run_stands_as_it_is() {
    insta::assert_snapshot!(run(&sample::results(), Look::Plain));
}

#[test]
fn a_run_without_outages_claims_only_bounds() {
    let text = run(&sample::flawless(), Look::Plain);
    assert!(!text.contains("100%") && !text.contains("inf") && !text.contains("NaN"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_comparison_says_where_no_difference_was_found() {
    insta::assert_snapshot!(comparison(&sample::comparison(), Look::Plain));
}

#[test]
fn lines_keep_within_the_width() {
    for text in [run(&sample::results(), Look::Plain), comparison(&sample::comparison(), Look::Plain)] {
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let coloured = run(&sample::results(), Look::Colour);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, tail)| tail);
    }
    plain.push_str(rest);
    assert_eq!(plain, run(&sample::results(), Look::Plain));
}
