//! Charts as marks and as bytes.

use super::canvas::{Anchor, Drawing, Mark, Type, width_of};
use super::{PictureFormat, PlotError, PlotKind, close_up, gantt, pareto, plot, transient};
use crate::report::sample;
use crate::results::Results;
use crate::results::measure::Measure;

fn cases() -> Vec<(&'static str, Vec<Results>)> {
    let with_curves = |results: &Results| {
        let mut results = results.clone();
        results.curves.extend(sample::curves());
        results
    };
    let long = Results { scenario: "a".to_owned() + &" very long title".repeat(20), ..sample::results() };
    let cases = vec![
        ("one", vec![sample::results()]),
        ("two", sample::comparison().scenarios),
        ("bound", vec![Results { verdicts: sample::results().verdicts, ..sample::flawless() }]),
        ("four", [sample::comparison().scenarios, vec![sample::flawless(), long]].concat()),
    ];
    let full = |scenarios: Vec<Results>| scenarios.iter().map(with_curves).collect();
    cases
        .into_iter()
        .map(|(name, scenarios)| (name, if name == "bound" { scenarios } else { full(scenarios) }))
        .collect()
}

/// The chart with figures made up where results have none.
fn drawing(kind: PlotKind, scenarios: &[Results]) -> Result<Drawing, PlotError> {
    match kind {
        PlotKind::Gantt => gantt::drawing(&sample::replay()),
        PlotKind::CloseUp => close_up::drawing(&sample::close_up()),
        PlotKind::Transient => {
            let value = |index: i32, scale: f64| {
                let down = 4e-4 * scale * (1.0 - (-f64::from(index) / 3.0).exp());
                (86_400.0 * f64::from(index), sample::estimate(1.0 - down, 1.0 - 1.3 * down, 1.0 - 0.7 * down))
            };
            let curve = |index: usize| (0..12).map(|at| value(at, 1.0 + index as f64)).collect();
            transient::chart(scenarios, &(0..scenarios.len()).map(curve).collect::<Vec<_>>())
        }
        PlotKind::Pareto => {
            let point = |(index, results): (usize, &'_ Results)| {
                let nines = 3.0 + (index as f64 * 0.7).sin();
                let interval = sample::estimate(nines, nines - 0.1, nines + 0.15);
                (results.scenario.clone(), 120_000.0 + 9_000.0 * index as f64, nines, interval, index == 2)
            };
            let made: Vec<_> = scenarios.iter().enumerate().map(point).collect();
            let points = made.iter().map(|(name, cost, nines, interval, bound)| pareto::Point {
                name,
                cost: *cost,
                spread: sample::estimate(*cost, cost - 1_500.0, cost + 2_000.0),
                nines: *nines,
                interval: *interval,
                bound: *bound,
            });
            pareto::chart(scenarios, &points.collect::<Vec<_>>())
        }
        PlotKind::Nines
        | PlotKind::Exceedance
        | PlotKind::Waterfall
        | PlotKind::Contribution
        | PlotKind::Convergence
        | PlotKind::Attainment
        | PlotKind::Rto
        | PlotKind::Rpo
        | PlotKind::Chaos => super::drawing(kind, scenarios),
    }
}

/// Every chart that each case allows.
fn all() -> Vec<(String, Drawing)> {
    let cases = cases().into_iter();
    let drawn = cases.flat_map(|(name, scenarios)| {
        let kinds = PlotKind::ALL.into_iter().filter(|kind| *kind != PlotKind::Chaos);
        let charts = kinds.map(move |kind| (kind, drawing(kind, &scenarios)));
        charts.filter_map(move |(kind, chart)| match chart {
            Ok(chart) => Some((format!("{}-{name}", kind.name()), chart)),
            Err(PlotError::Nothing(_)) if name == "bound" => None,
            Err(error) => panic!("{} of {name}: {error}", kind.name()),
        })
    });
    drawn.collect()
}

#[test]
fn no_text_leaves_the_page() {
    for (name, drawing) in all() {
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
            assert!(inside, "{name}: `{text}` from {from} to {to} at {y}");
        }
    }
}

#[test]
fn the_same_results_give_the_same_bytes() {
    for ((name, first), (_, second)) in all().into_iter().zip(all()) {
        assert!(first == second, "{name}");
    }
    for format in [PictureFormat::Svg, PictureFormat::Png] {
        let draw = || plot(PlotKind::Contribution, format, &sample::comparison().scenarios).unwrap();
        assert!(draw() == draw());
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
    assert!(refuse(PlotKind::Contribution).contains("no run saw an outage"));
    assert!(refuse(PlotKind::Rto).contains("no run saw an outage with a failover"));
    assert!(refuse(PlotKind::Rpo).contains("no run saw a promotion"));
    assert!(refuse(PlotKind::Attainment).contains("no scenario has an objective"));
    assert!(refuse(PlotKind::Convergence).contains("enough trials"));
    assert!(refuse(PlotKind::Transient).contains("simulation.points"));
    assert!(refuse(PlotKind::Pareto).contains("`costs`"));
    let in_money = |currency: &str| {
        let cost = sample::row(Measure::CostPerYear, "system", "mean", sample::estimate(9e4, 8e4, 1e5));
        let rows = [sample::flawless().rows, vec![cost]].concat();
        Results { currency: Some(currency.to_owned()), rows, ..sample::flawless() }
    };
    let mixed = plot(PlotKind::Pareto, PictureFormat::Svg, &[in_money("EUR"), in_money("CHF")]).unwrap_err();
    assert!(mixed.to_string().contains("different money"));
    let one = plot(PlotKind::Pareto, PictureFormat::Svg, &[in_money("EUR"), in_money("EUR")]).unwrap();
    assert!(String::from_utf8(one).unwrap().contains("cost per year, EUR"));
    assert!(refuse(PlotKind::Gantt).contains("no trial") && refuse(PlotKind::CloseUp).contains("no trial"));
    assert!(plot(PlotKind::Nines, PictureFormat::Svg, &[]).is_err());
}

/// Writes every chart into the folder that `NINEFOLD_CHARTS` names, to be looked at.
#[test]
fn charts_can_be_looked_at() {
    let Some(folder) = std::env::var_os("NINEFOLD_CHARTS") else { return };
    for (name, drawing) in all() {
        let path = |end: &str| std::path::Path::new(&folder).join(format!("{name}.{end}"));
        std::fs::write(path("svg"), drawing.svg().unwrap()).unwrap();
        std::fs::write(path("png"), drawing.png().unwrap()).unwrap();
    }
}
