//! Lanes of breakers over an axis of time: how many of a call's refuse and how many probe.

use super::axis::Scale;
use super::canvas::{Anchor, DrawError, Drawing, GREY, Ink, PALETTE, width_of};
use super::panel::{HEAD, LEFT, RIGHT, ground};
use super::{EDGE, TICK, fitted};
use crate::results::replay::BreakerStates;

/// Height of a lane, and room between two.
const LANE: f64 = 24.0;
const BETWEEN: f64 = 6.0;
/// Calls drawn, at most.
const CALLS: usize = 6;
/// Colours of what refuses and of what probes.
const OPEN: Ink = PALETTE[1];
const HALF_OPEN: Ink = PALETTE[5];

/// Height of the lanes of these calls.
pub fn height(calls: &[BreakerStates]) -> f64 {
    let lanes = calls.len().min(CALLS) as f64;
    (lanes * (LANE + BETWEEN) - BETWEEN).max(0.0)
}

/// The title, with a legend, at `y`.
///
/// # Errors
/// If the built-in font does not load.
pub fn title(drawing: &mut Drawing, calls: &[BreakerStates], y: f64) -> Result<(), DrawError> {
    let more = calls.len().saturating_sub(CALLS);
    let left_out = if more > 0 { format!("; {more} calls with less left out") } else { String::new() };
    let text = format!("breakers: share of each call's that ever opened{left_out}");
    drawing.text((LEFT, y), Anchor::Start, HEAD, &text);
    let mut x = RIGHT;
    for (name, ink) in [("half open", HALF_OPEN), ("open", OPEN)] {
        drawing.text((x, y), Anchor::End, TICK, name);
        x -= width_of(name, TICK)? + 6.0;
        drawing.bar((x - 12.0, y - 6.0), (x, y + 6.0), ink);
        x -= 30.0;
    }
    Ok(())
}

/// A lane for each call from `top` down; `edges` are the seconds between which buckets lie.
///
/// # Errors
/// If the built-in font does not load.
pub fn draw(
    drawing: &mut Drawing,
    calls: &[BreakerStates],
    edges: &[f64],
    (x, end): (Scale, f64),
    (top, shade): (f64, (f64, f64)),
) -> Result<(), DrawError> {
    for (index, call) in calls.iter().take(CALLS).enumerate() {
        let top = top + index as f64 * (LANE + BETWEEN);
        let bottom = top + LANE;
        ground(drawing, (x, end), (top, bottom), shade);
        let height = |breakers: f64| LANE * (breakers / call.breakers.max(1) as f64).min(1.0);
        let mut runs: Vec<(f64, f64, [f64; 2])> = Vec::new();
        for (bucket, (open, half_open)) in call.open.iter().zip(&call.half_open).enumerate() {
            let (Some(from), Some(to)) = (edges.get(bucket), edges.get(bucket + 1)) else { break };
            let heights = [height(*open), height(*half_open)];
            match runs.last_mut() {
                Some(run) if (0..2).all(|state| (run.2[state] - heights[state]).abs() < 1e-9) => run.1 = *to,
                Some(_) | None => runs.push((*from, *to, heights)),
            }
        }
        for (from, to, [open, half_open]) in runs {
            let (from, to) = (x.at(from), x.at(to));
            if open > 0.0 {
                drawing.bar((from, bottom - open), (to, bottom), OPEN);
            }
            if half_open > 0.0 {
                drawing.bar((from, (bottom - open - half_open).max(top)), (to, bottom - open), HALF_OPEN);
            }
        }
        drawing.line(&[(LEFT, top), (LEFT, bottom), (x.at(end), bottom)], 1.25, GREY);
        let (y, room) = (f64::midpoint(top, bottom), LEFT - 10.0 - EDGE / 2.0);
        drawing.text((LEFT - 10.0, y - 6.0), Anchor::End, TICK, &fitted(&call.call, TICK, room)?);
        drawing.text((LEFT - 10.0, y + 7.0), Anchor::End, TICK, &format!("of {}", call.breakers));
    }
    Ok(())
}
