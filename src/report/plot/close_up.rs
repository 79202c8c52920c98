//! The longest outage of one trial: who is served, what requests meet, the stages, and each step numbered.
//!
//! A stage's time is known, not its turns: stages stand in their usual order, as in the Gantt chart.

use super::axis::{Scale, linear_duration_ticks};
use super::bars::percents;
use super::canvas::{Anchor, Drawing, GREY, width_of};
use super::exceedance::{DASHES, draw_curve};
use super::gantt;
use super::panel::{Curve, GAP, LEFT, PANEL, Panel, counts, draw, durations, ink};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, TITLE, WIDTH, fitted};
use crate::report::number;
use crate::results::replay::{CloseUp, RequestBucket, Step};
use crate::time::Time;

const TOP: f64 = 118.0;
/// Lines of users beside that of the system, at most.
const USERS: usize = 3;
/// Steps told, at most.
const STEPS: usize = 24;
/// Height of a line of the list of steps.
const LINE: f64 = 19.0;
/// Marks closer than this share their number.
const APART: f64 = 16.0;

/// The chart.
///
/// # Errors
/// If a text cannot be measured.
pub fn drawing(shown: &CloseUp) -> Result<Drawing, PlotError> {
    let steps = steps(shown);
    let panels = panels(shown);
    // one line needs no name
    let names = Some(panels[0].curves.len()).filter(|&lines| lines > 1).unwrap_or(0);
    let below = TOP + panels.len() as f64 * (PANEL + GAP);
    let list = below + 92.0 + 22.0 * names as f64;
    let mut drawing = Drawing::new(WIDTH, list + LINE * steps.len().min(STEPS + 1) as f64 + 12.0);
    let (from, to) = (seconds(shown, shown.from), seconds(shown, shown.to));
    let x = Scale::linear(from, to, LEFT, WIDTH - EDGE - 8.0);
    titles(&mut drawing, shown)?;
    let shade = (x.at(0.0), x.at(seconds(shown, shown.outage.end())));
    for (index, panel) in panels.iter().enumerate() {
        let top = TOP + index as f64 * (PANEL + GAP);
        draw(&mut drawing, panel, (x, to), (top, top + PANEL), shade);
    }
    marks(&mut drawing, &steps, x, (TOP, below - GAP));
    for (at, label) in linear_duration_ticks(to) {
        drawing.text((x.at(at), below - GAP + 16.0), Anchor::Middle, TICK, &label);
    }
    let middle = f64::midpoint(LEFT, WIDTH - EDGE);
    drawing.text((middle, below - GAP + 36.0), Anchor::Middle, SUBTITLE, "time since the start of the outage");
    gantt::legend(&mut drawing, &[&shown.outage], below + 26.0)?;
    gantt::stages(&mut drawing, x, below + 42.0, &shown.outage, 1.0)?;
    for (index, curve) in panels[0].curves.iter().take(names).enumerate() {
        let at = below + 84.0 + 22.0 * index as f64;
        draw_curve(&mut drawing, &[(EDGE, at), (EDGE + 44.0, at)], ink(index), DASHES[index % DASHES.len()]);
        let name = fitted(&curve.name, LABEL, WIDTH - 56.0 - 2.0 * EDGE)?;
        drawing.text((EDGE + 56.0, at), Anchor::Start, LABEL, &name);
    }
    tell(&mut drawing, &steps, list)?;
    Ok(drawing)
}

/// Seconds since the start of the outage.
fn seconds(shown: &CloseUp, at: Time) -> f64 {
    let start = shown.outage.start;
    at.since(start).as_secs_f64() - start.since(at).as_secs_f64()
}

fn titles(drawing: &mut Drawing, shown: &CloseUp) -> Result<(), PlotError> {
    let outage = &shown.outage;
    let open = if outage.cut { " so far" } else { "" };
    let lasts = number::duration(outage.duration.as_secs_f64());
    let title = format!("{}: the system is down for {lasts}{open}", gantt::title(outage));
    drawing.text((EDGE, 32.0), Anchor::Start, TITLE, &fitted(&title, TITLE, WIDTH - 2.0 * EDGE)?);
    let replay = &shown.replay;
    let buckets = shown.buckets.first().map(|bucket| format!("  ·  requests in buckets of {}", bucket.length));
    let line = format!(
        "{}  ·  trial {}  ·  seed {}  ·  shaded: the outage{}",
        replay.scenario,
        replay.trial,
        replay.seed,
        buckets.unwrap_or_default()
    );
    drawing.text((EDGE, 56.0), Anchor::Start, SUBTITLE, &fitted(&line, SUBTITLE, WIDTH - 2.0 * EDGE)?);
    Ok(())
}

/// What happened, and when in seconds since the start of the outage; levels are drawn, not told.
fn steps(shown: &CloseUp) -> Vec<(f64, &Step)> {
    let told = |step: &&Step| step.kind != "level" && step.kind != "outage";
    let inside = shown.replay.steps.iter().filter(|step| shown.from <= step.at && step.at <= shown.to);
    inside.filter(told).map(|step| (seconds(shown, step.at), step)).collect()
}

fn panels(shown: &CloseUp) -> Vec<Panel> {
    let title = if shown.buckets.is_empty() { "users served" } else { "users whom the structure lets be served" };
    let served = Panel { title, curves: levels(shown), from: 0.0, to: 1.0, label: percents };
    let mut panels = vec![served];
    if shown.buckets.is_empty() {
        return panels;
    }
    let curve = |value: fn(&RequestBucket) -> Option<f64>| {
        let middle = |bucket: &RequestBucket| seconds(shown, bucket.from) + bucket.length.as_secs_f64() / 2.0;
        let points = shown.buckets.iter().map(|bucket| (middle(bucket), value(bucket)));
        vec![Curve { name: String::new(), points: points.collect() }]
    };
    let most = |value: fn(&RequestBucket) -> Option<f64>| {
        let most = shown.buckets.iter().filter_map(value).fold(0.0, f64::max) * 1.1;
        if most > 0.0 { most } else { 1.0 }
    };
    let answered: fn(&RequestBucket) -> Option<f64> = |bucket| bucket.answered;
    let latency: fn(&RequestBucket) -> Option<f64> = |bucket| bucket.latency_p99_s;
    let retries: fn(&RequestBucket) -> Option<f64> = |bucket| Some(bucket.retries_per_s);
    let of = |title, value, to, label| Panel { title, curves: curve(value), from: 0.0, to, label };
    panels.push(of("answered requests", answered, 1.0, percents));
    panels.push(of("latency, p99", latency, most(latency), durations));
    panels.push(of("retries per second", retries, most(retries), counts));
    panels
}

/// Levels as steps: of the system, and of the users that differ from it.
fn levels(shown: &CloseUp) -> Vec<Curve> {
    let mut names: Vec<&str> = Vec::new();
    for record in &shown.replay.levels {
        if !names.contains(&record.subject.as_str()) {
            names.push(&record.subject);
        }
    }
    let curve = |name: &str| {
        let records = shown.replay.levels.iter().filter(|record| record.subject == name && record.at <= shown.to);
        let mut points = vec![(seconds(shown, shown.from), Some(1.0))];
        for record in records {
            let at = seconds(shown, record.at.max(shown.from));
            let before = points.last().and_then(|&(_, level)| level);
            if record.at <= shown.from {
                points.clear();
            } else {
                points.push((at, before));
            }
            points.push((at, Some(record.level)));
        }
        let last = points.last().and_then(|&(_, level)| level);
        points.push((seconds(shown, shown.to), last));
        Curve { name: name.to_owned(), points }
    };
    let mut curves: Vec<Curve> = names.into_iter().map(curve).collect();
    if let Some((system, users)) = curves.split_first() {
        let differ = users.iter().any(|user| user.points != system.points);
        curves.truncate(if differ { 1 + USERS } else { 1 });
    }
    curves
}

/// A thin line at each step, with its number; those that stand close share a label.
fn marks(drawing: &mut Drawing, steps: &[(f64, &Step)], x: Scale, (top, bottom): (f64, f64)) {
    let mut groups: Vec<(f64, usize, usize)> = Vec::new();
    for (index, (at, _)) in steps.iter().enumerate().take(STEPS) {
        let here = x.at(*at);
        drawing.dashed(&[(here, top), (here, bottom)], 1.0, (3.0, 3.0), GREY);
        match groups.last_mut() {
            Some((first, _, last)) if here - *first < APART => *last = index + 1,
            _ => groups.push((here, index + 1, index + 1)),
        }
    }
    for (index, (at, first, last)) in groups.into_iter().enumerate() {
        let text = if first == last { first.to_string() } else { format!("{first}-{last}") };
        // neighbours take turns in height
        let y = top - 26.0 - 13.0 * (index % 2) as f64;
        drawing.text((at, y), Anchor::Middle, TICK, &text);
    }
}

/// The steps in words, by number.
fn tell(drawing: &mut Drawing, steps: &[(f64, &Step)], top: f64) -> Result<(), PlotError> {
    for (index, (at, step)) in steps.iter().enumerate().take(STEPS) {
        let y = top + LINE * index as f64;
        let sign = if *at < 0.0 { "-" } else { "+" };
        let when = format!("{sign}{}", number::duration(at.abs()));
        drawing.text((EDGE + 20.0, y), Anchor::End, TICK, &(index + 1).to_string());
        drawing.text((EDGE + 110.0, y), Anchor::End, LABEL, &when);
        drawing.text((EDGE + 126.0, y), Anchor::Start, SUBTITLE, &step.kind);
        let left = EDGE + 126.0 + width_of("failover", SUBTITLE)? + 24.0;
        drawing.text((left, y), Anchor::Start, LABEL, &fitted(&step.text, LABEL, WIDTH - EDGE - left)?);
    }
    if steps.len() > STEPS {
        let text = format!("and {} more: see `ninefold trace`", steps.len() - STEPS);
        drawing.text((EDGE + 126.0, top + LINE * STEPS as f64), Anchor::Start, SUBTITLE, &text);
    }
    Ok(())
}
