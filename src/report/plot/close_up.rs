//! The longest outage of one trial over one axis of time: who is served, how long that takes, where attempts go, what
//! breakers do, the stages, and each step numbered.
//!
//! A stage's time is known, not its turns: stages stand in their usual order, as in the Gantt chart.

use super::axis::{Scale, linear_duration_ticks};
use super::bars::percents;
use super::canvas::{Anchor, Drawing, width_of};
use super::marks::Marks;
use super::panel::{ABOVE, Curve, GAP, LEFT, LINES, PANEL, Panel, RIGHT, draw, title};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, TITLE, WIDTH, fitted};
use super::{attempts, gantt, states};
use crate::report::number;
use crate::results::replay::{CloseUp, RequestBucket, Step};
use crate::time::Time;

/// Where the title of the first panel stands.
const FIRST: f64 = 86.0;
/// Lines of users beside that of the system, at most.
const USERS: usize = LINES - 1;
/// Steps told, at most.
const STEPS: usize = 24;
/// Height of a line of the list of steps.
const LINE: f64 = 19.0;

/// The chart.
///
/// # Errors
/// If a text cannot be measured.
pub fn drawing(shown: &CloseUp) -> Result<Drawing, PlotError> {
    let steps = steps(shown);
    let panels = panels(shown);
    let (from, to) = (seconds(shown, shown.from), seconds(shown, shown.to));
    let x = Scale::linear(from, to, LEFT, RIGHT);
    let marked: Vec<(f64, &str)> = steps.iter().take(STEPS).map(|(at, step)| (*at, step.short)).collect();
    let marks = Marks::new(&marked, x)?;
    let top = FIRST + ABOVE + marks.height();
    let lanes = if shown.breakers.is_empty() { 0.0 } else { GAP + states::height(&shown.breakers) };
    let bottom = top + panels.len() as f64 * (PANEL + GAP) - GAP + lanes;
    let list = bottom + 132.0;
    let mut drawing = Drawing::new(WIDTH, list + LINE * steps.len().min(STEPS + 1) as f64 + 12.0);
    titles(&mut drawing, shown)?;
    let shade = (x.at(0.0), x.at(seconds(shown, shown.outage.end())));
    for (index, panel) in panels.iter().enumerate() {
        let top = top + index as f64 * (PANEL + GAP);
        draw(&mut drawing, panel, (x, to), (top, top + PANEL), shade);
        title(&mut drawing, panel, if index == 0 { FIRST } else { top - ABOVE })?;
        marks.lines(&mut drawing, (top, top + PANEL));
    }
    marks.label(&mut drawing, top);
    if !shown.breakers.is_empty() {
        let top = bottom - states::height(&shown.breakers);
        states::title(&mut drawing, &shown.breakers, top - ABOVE)?;
        states::draw(&mut drawing, &shown.breakers, &edges(shown), (x, to), (top, shade))?;
        marks.lines(&mut drawing, (top, bottom));
    }
    for (at, label) in linear_duration_ticks(to) {
        drawing.text((x.at(at), bottom + 16.0), Anchor::Middle, TICK, &label);
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    drawing.text((middle, bottom + 36.0), Anchor::Middle, SUBTITLE, "time since the start of the outage");
    gantt::legend(&mut drawing, &[&shown.outage], bottom + 64.0)?;
    gantt::stages(&mut drawing, x, bottom + 80.0, &shown.outage, 1.0)?;
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

/// What happened, and when in seconds since the start of the outage; levels and outages are drawn, not told.
fn steps(shown: &CloseUp) -> Vec<(f64, &Step)> {
    let told = |step: &&Step| !step.short.is_empty() && shown.from <= step.at && step.at <= shown.to;
    shown.replay.steps.iter().filter(told).map(|step| (seconds(shown, step.at), step)).collect()
}

/// Where buckets begin and the last one ends, in seconds since the start of the outage; what is drawn is cut to this.
fn edges(shown: &CloseUp) -> Vec<f64> {
    let ends = shown.buckets.last().map(|bucket| bucket.from + bucket.length);
    shown.buckets.iter().map(|bucket| bucket.from).chain(ends).map(|at| seconds(shown, at)).collect()
}

fn panels(shown: &CloseUp) -> Vec<Panel> {
    let share = |title: &str, curves| {
        let title = title.to_owned();
        Panel { title, curves, from: 0.0, to: 1.0, log: false, label: percents }
    };
    if shown.buckets.is_empty() {
        return vec![share("users served, share", levels(shown))];
    }
    let middle = |bucket: &RequestBucket| seconds(shown, bucket.from) + bucket.length.as_secs_f64() / 2.0;
    let curve = |name: &str, value: fn(&RequestBucket) -> Option<f64>| Curve {
        name: name.to_owned(),
        points: shown.buckets.iter().map(|bucket| (middle(bucket), value(bucket))).collect(),
    };
    let mut success = vec![curve("answered requests", |bucket| bucket.answered)];
    // the system comes first
    success.extend(
        levels(shown).into_iter().take(1).map(|level| Curve { name: "what the structure allows".to_owned(), ..level }),
    );
    let latency = vec![curve("p50", |bucket| bucket.latency_p50_s), curve("p99", |bucket| bucket.latency_p99_s)];
    let mut panels =
        vec![share("success, share", success), Panel::of_durations("latency of answered requests".to_owned(), latency)];
    let middles: Vec<f64> = shown.buckets.iter().map(middle).collect();
    panels.extend(attempts::panels(&shown.attempts, &middles));
    if shown.buckets.iter().any(|bucket| bucket.retries_per_s > 0.0) {
        let retries = vec![curve("", |bucket| Some(bucket.retries_per_s))];
        panels.push(Panel::of_counts("retries per second, of all calls".to_owned(), retries));
    }
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
