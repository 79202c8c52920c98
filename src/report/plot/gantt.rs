//! One trial: above, when which part was broken and who was down; below, the system's longest outages stage by stage.
//!
//! A year on one axis shows what coincides, but an outage of minutes is a hair on it, so the lower half gives each of
//! the longest a line of its own from its start. A stage's time is known, not its turns: stages stand in their usual order.

use super::axis::{Scale, linear_duration_ticks, round_ticks};
use super::bars::percents;
use super::canvas::{Anchor, BLACK, Drawing, GREY, Ink, PALE, Type, width_of};
use super::waterfall::{self, letters};
use super::{EDGE, LABEL, PlotError, SUBTITLE, TICK, TITLE, WIDTH, fitted};
use crate::report::number;
use crate::results::raw::Stage;
use crate::results::replay::{Replay, Spell};
use crate::time::{Span, Time};

const TOP: f64 = 84.0;
const LANE: f64 = 20.0;
/// Parts drawn, at most.
const PARTS: usize = 16;
/// How many times longer than the median the longest outage may be on one scale with the others.
const UNEVEN: f64 = 20.0;
/// Outages drawn, at most.
const OUTAGES: usize = 12;
/// Room for names, at most.
const NAMES: f64 = 290.0;
/// What is broken, apart from the colours of stages.
const BROKEN: Ink = plotters::style::RGBColor(0x9a, 0x9a, 0x9a);

/// A lane of the upper half.
struct Lane<'a> {
    name: &'a str,
    spells: Vec<&'a Spell>,
    /// Time broken, of all its parts.
    sum: f64,
}

/// The chart.
///
/// # Errors
/// If nothing broke in the trial.
pub fn drawing(replay: &Replay) -> Result<Drawing, PlotError> {
    let (down, broken) = (lanes(&replay.outages, |part| part), lanes(&replay.faults, site));
    if down.is_empty() && broken.is_empty() {
        return Err(PlotError::Nothing("nothing broke in this trial"));
    }
    let longest = longest(replay);
    let shown = chosen(&down, &broken);
    let bottom = TOP + LANE * shown.len() as f64 + 8.0;
    let begin = bottom + 112.0;
    let height = if longest.is_empty() { bottom + 62.0 } else { begin + 26.0 * longest.len() as f64 + 64.0 };
    let mut drawing = Drawing::new(WIDTH, height);
    let left_out = down.len() + broken.len() - shown.len();
    heading(&mut drawing, replay, left_out)?;
    let titles: Vec<String> = longest.iter().map(|outage| title(outage)).collect();
    let mut widest = 0.0_f64;
    for name in shown.iter().map(|(lane, _)| lane.name).chain(titles.iter().map(String::as_str)) {
        widest = widest.max(width_of(&fitted(name, LABEL, NAMES)?, LABEL)?);
    }
    let left = EDGE + widest + 12.0;
    overview(&mut drawing, replay, &shown, (left, bottom))?;
    if !longest.is_empty() {
        close_up(&mut drawing, &longest, (left, begin))?;
    }
    Ok(drawing)
}

/// `day 120 01:11  db failover`.
pub fn title(outage: &Spell) -> String {
    let minutes = outage.start.since(Time::ZERO).as_nanos() / 60_000_000_000;
    format!("day {} {:02}:{:02}  {}", minutes / 1_440, minutes / 60 % 24, minutes % 60, outage.cause)
}

/// `db@standby 3` as `db@standby`.
fn site(part: &str) -> &str {
    part.rsplit_once(' ').filter(|(_, end)| end.bytes().all(|b| b.is_ascii_digit())).map_or(part, |(site, _)| site)
}

/// Spells by what `name` makes of their part, those with the most time first.
fn lanes<'a>(spells: &'a [Spell], name: fn(&str) -> &str) -> Vec<Lane<'a>> {
    let mut sorted: Vec<&Spell> = spells.iter().collect();
    sorted.sort_by_key(|spell| (spell.group, name(&spell.part)));
    let chunks = sorted.chunk_by(|a, b| (a.group, name(&a.part)) == (b.group, name(&b.part)));
    let lane = |spells: &[&'a Spell]| Lane {
        name: name(&spells[0].part),
        spells: spells.to_vec(),
        sum: spells.iter().map(|spell| spell.duration.as_secs_f64()).sum(),
    };
    let mut lanes: Vec<Lane<'_>> = chunks.map(lane).collect();
    lanes.sort_by(|a, b| b.sum.total_cmp(&a.sum));
    lanes
}

/// The lanes there is room for: who was down first, then what broke, each in the order of groups.
fn chosen<'a>(down: &'a [Lane<'a>], broken: &'a [Lane<'a>]) -> Vec<(&'a Lane<'a>, bool)> {
    let order = |lane: &&Lane<'_>| lane.spells.first().map_or(0, |spell| spell.group);
    let down_room = PARTS.saturating_sub(broken.len()).max(PARTS / 2);
    let mut down: Vec<&Lane<'_>> = down.iter().take(down_room).collect();
    let mut broken: Vec<&Lane<'_>> = broken.iter().take(PARTS - down.len()).collect();
    down.sort_by_key(|lane| (order(lane), lane.name != "system"));
    broken.sort_by_key(order);
    let down = down.into_iter().map(|lane| (lane, true));
    down.chain(broken.into_iter().map(|lane| (lane, false))).collect()
}

/// The system's longest outages, in the order of time.
fn longest(replay: &Replay) -> Vec<&Spell> {
    let mut outages: Vec<&Spell> = replay.outages.iter().filter(|outage| outage.part == "system").collect();
    outages.sort_by_key(|outage| std::cmp::Reverse(outage.duration));
    outages.truncate(OUTAGES);
    outages.sort_by_key(|outage| outage.start);
    outages
}

fn heading(drawing: &mut Drawing, replay: &Replay, left_out: usize) -> Result<(), PlotError> {
    drawing.text((EDGE, 32.0), Anchor::Start, TITLE, "What broke and who was down, in one trial");
    let more = if left_out > 0 { format!("  ·  {left_out} lanes with less left out") } else { String::new() };
    let Replay { scenario, trial, seed, horizon, .. } = replay;
    let line = format!("{scenario}  ·  trial {trial}  ·  seed {seed}  ·  {horizon}{more}");
    let entries = [("down", BLACK), ("broken", BROKEN)];
    let mut x = WIDTH - EDGE;
    for (name, ink) in entries {
        drawing.text((x, 56.0), Anchor::End, SUBTITLE, name);
        x -= 8.0 + width_of(name, SUBTITLE)?;
        drawing.bar((x - 14.0, 49.0), (x, 63.0), ink);
        x -= 34.0;
    }
    drawing.text((EDGE, 56.0), Anchor::Start, SUBTITLE, &fitted(&line, SUBTITLE, x - EDGE)?);
    Ok(())
}

/// All lanes over the length of the trial.
fn overview(
    drawing: &mut Drawing,
    replay: &Replay,
    lanes: &[(&Lane<'_>, bool)],
    (left, bottom): (f64, f64),
) -> Result<(), PlotError> {
    let to = replay.horizon.as_secs_f64();
    let scale = Scale::linear(0.0, to, left, WIDTH - EDGE - 8.0);
    axis(drawing, scale, linear_duration_ticks(to), (TOP, bottom), "time since the start of the trial");
    for (index, (lane, down)) in lanes.iter().enumerate() {
        let top = TOP + 4.0 + LANE * index as f64;
        if index > 0 && !down && lanes[index - 1].1 {
            drawing.line(&[(EDGE, top), (WIDTH - EDGE - 8.0, top)], 1.0, GREY);
        }
        let name = fitted(lane.name, LABEL, NAMES)?;
        drawing.text((left - 12.0, top + LANE / 2.0), Anchor::End, LABEL, &name);
        let ink = if *down { BLACK } else { BROKEN };
        let mut drawn = f64::NEG_INFINITY;
        for spell in spans(&lane.spells) {
            let (from, until) = (scale.at(spell.0), scale.at(spell.1).max(scale.at(spell.0) + 1.75));
            // a hair on a hair only makes the file longer
            if until > drawn + 0.25 {
                drawing.bar((from, top + 3.0), (until, top + LANE - 3.0), ink);
                drawn = until;
            }
        }
    }
    Ok(())
}

/// From and until in seconds, by start.
fn spans(spells: &[&Spell]) -> Vec<(f64, f64)> {
    let seconds = |at: Time| at.since(Time::ZERO).as_secs_f64();
    let mut spans: Vec<(f64, f64)> = spells.iter().map(|spell| (seconds(spell.start), seconds(spell.end()))).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    spans
}

fn axis(drawing: &mut Drawing, scale: Scale, ticks: Vec<(f64, String)>, (top, bottom): (f64, f64), text: &str) {
    for (value, label) in ticks {
        let x = scale.at(value);
        drawing.line(&[(x, top), (x, bottom)], 1.0, PALE);
        drawing.text((x, bottom + 16.0), Anchor::Middle, TICK, &label);
    }
    let (from, to) = (scale.at(f64::MIN), scale.at(f64::MAX));
    drawing.line(&[(from, bottom), (to, bottom)], 1.25, GREY);
    drawing.text((f64::midpoint(from, to), bottom + 40.0), Anchor::Middle, SUBTITLE, text);
}

/// Each of the longest outages from its own start, by stage. Where one is so long that it would flatten most of the
/// others, each is drawn in its own length, as shares.
fn close_up(drawing: &mut Drawing, outages: &[&Spell], (left, begin): (f64, f64)) -> Result<(), PlotError> {
    let mut lengths: Vec<f64> = outages.iter().map(|outage| outage.duration.as_secs_f64()).collect();
    lengths.sort_by(f64::total_cmp);
    let (median, longest) = (lengths[lengths.len() / 2], lengths[lengths.len() - 1]);
    let shares = longest > UNEVEN * median;
    let bottom = begin + 26.0 * outages.len() as f64 + 4.0;
    let to = if shares { 1.0 } else { longest };
    let scale = Scale::linear(0.0, to, left, WIDTH - EDGE - 90.0);
    let style = Type { size: 14.5, ..TITLE };
    let how = if shares { "each in its own length" } else { "each from its start" };
    drawing.text((EDGE, begin - 42.0), Anchor::Start, style, &format!("Longest outages of the system, {how}"));
    legend(drawing, outages, begin - 18.0)?;
    if shares {
        let ticks = round_ticks(0.0, 1.0, 5.0);
        let labelled = ticks.iter().copied().zip(percents(&ticks)).collect();
        axis(drawing, scale, labelled, (begin, bottom), "share of the outage");
    } else {
        axis(drawing, scale, linear_duration_ticks(to), (begin, bottom), "time since the start of the outage");
    }
    for (index, outage) in outages.iter().enumerate() {
        let top = begin + 4.0 + 26.0 * index as f64;
        let name = fitted(&title(outage), LABEL, NAMES)?;
        drawing.text((left - 12.0, top + 11.0), Anchor::End, LABEL, &name);
        let end = stages(drawing, scale, top, outage, if shares { outage.duration.as_secs_f64() } else { 1.0 })?;
        let open = if outage.cut { " so far" } else { "" };
        let text = format!("{}{open}", number::duration(outage.duration.as_secs_f64()));
        drawing.label((end.max(left + 8.0) + 8.0, top + 10.0), LABEL, &text)?;
    }
    Ok(())
}

/// The stages of an outage one after the other, in units of `unit` seconds; where the last one ends.
pub fn stages(drawing: &mut Drawing, scale: Scale, top: f64, outage: &Spell, unit: f64) -> Result<f64, PlotError> {
    let mut at = 0.0;
    for (stage, span) in Stage::ALL.iter().zip(outage.stages.unwrap_or([Span::ZERO; Stage::ALL.len()])) {
        let seconds = span.as_secs_f64();
        let (from, until) = (scale.at(at), scale.at(at + seconds / unit));
        if !span.is_zero() {
            drawing.bar((from, top), (until.max(from + 1.5), top + 20.0), waterfall::ink(*stage));
        }
        let text = number::duration(seconds);
        let style = Type { ink: letters(*stage), ..TICK };
        if width_of(&text, style)? + 10.0 < until - from {
            drawing.text((f64::midpoint(from, until), top + 10.0), Anchor::Middle, style, &text);
        }
        at += seconds / unit;
    }
    Ok(scale.at(at))
}

/// The stages that the outages spend time in.
pub fn legend(drawing: &mut Drawing, outages: &[&Spell], y: f64) -> Result<(), PlotError> {
    let mut x = EDGE;
    for (index, stage) in Stage::ALL.into_iter().enumerate() {
        if outages.iter().any(|outage| outage.stages.is_some_and(|stages| !stages[index].is_zero())) {
            drawing.bar((x, y - 7.0), (x + 14.0, y + 7.0), waterfall::ink(stage));
            drawing.text((x + 21.0, y), Anchor::Start, SUBTITLE, stage.name());
            x += 43.0 + width_of(stage.name(), SUBTITLE)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::site;

    #[test]
    fn nodes_of_a_pool_share_a_lane() {
        assert_eq!(site("db@us-east 12"), "db@us-east");
        assert_eq!(site("us-east/a"), "us-east/a");
        assert_eq!(site("us east"), "us east");
    }
}
