//! Charts as marks and as bytes.

use super::canvas::{Anchor, Drawing, Mark, Type, width_of};
use super::{PictureFormat, PlotKind, exceedance, nines, plot, waterfall};
use crate::report::sample;
use crate::results::Results;

fn cases() -> Vec<(&'static str, Vec<Results>)> {
    let long = Results { scenario: "a".to_owned() + &" very long title".repeat(20), ..sample::results() };
    vec![
        ("one", vec![sample::results()]),
        ("two", sample::comparison().scenarios),
        ("bound", vec![Results { verdicts: sample::results().verdicts, ..sample::flawless() }]),
        ("four", [sample::comparison().scenarios, vec![sample::flawless(), long]].concat()),
    ]
}

#[test]
fn no_text_leaves_the_page() {
    for (name, scenarios) in cases() {
        for kind in PlotKind::ALL.into_iter().filter(|kind| name != "bound" || *kind == PlotKind::Nines) {
            let drawing = drawing(kind, &scenarios);
            for mark in &drawing.marks {
                let Mark::Text { at: (x, y), anchor, style, upwards, text } = mark else { continue };
                let wide = width_of(text, *style).unwrap();
                let before = match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => wide / 2.0,
                    Anchor::End => wide,
                };
                let Type { size, .. } = *style;
                let (from, to) = if *upwards { (x - size, x + size) } else { (x - before, x - before + wide) };
                let inside =
                    from >= 0.0 && to <= drawing.width && y - size / 2.0 >= 0.0 && y + size / 2.0 <= drawing.height;
                assert!(inside, "{} of {name}: `{text}` from {from} to {to} at {y}", kind.name());
            }
        }
    }
}

#[test]
fn the_same_results_give_the_same_bytes() {
    for kind in PlotKind::ALL {
        for format in [PictureFormat::Svg, PictureFormat::Png] {
            let draw = || plot(kind, format, &sample::comparison().scenarios).unwrap();
            assert!(draw() == draw());
        }
    }
}

#[test]
fn a_title_cannot_become_markup() {
    let bytes = plot(PlotKind::Nines, PictureFormat::Svg, &[sample::flawless()]).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("three regions &lt;sync&gt; &amp; &quot;quorum&quot;"));
    assert!(text.contains("≥ 5.2"));
}

#[test]
fn a_chart_of_nothing_is_refused_with_the_reason() {
    let refuse = |kind| plot(kind, PictureFormat::Svg, &[sample::flawless()]).unwrap_err().to_string();
    assert!(refuse(PlotKind::Exceedance).contains("no run saw a year with downtime"));
    assert!(refuse(PlotKind::Waterfall).contains("no run saw an outage"));
    assert!(plot(PlotKind::Nines, PictureFormat::Svg, &[]).is_err());
}

/// Writes every chart into the folder that `NINEFOLD_CHARTS` names, to be looked at.
#[test]
fn charts_can_be_looked_at() {
    let Some(folder) = std::env::var_os("NINEFOLD_CHARTS") else { return };
    for (name, scenarios) in cases() {
        for kind in PlotKind::ALL.into_iter().filter(|kind| name != "bound" || *kind == PlotKind::Nines) {
            for (format, end) in [(PictureFormat::Svg, "svg"), (PictureFormat::Png, "png")] {
                let path = std::path::Path::new(&folder).join(format!("{}-{name}.{end}", kind.name()));
                std::fs::write(path, plot(kind, format, &scenarios).unwrap()).unwrap();
            }
        }
    }
}
