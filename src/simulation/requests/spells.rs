//! Times in which breakers refuse or probe, from what a recorder has heard of them.

use std::collections::BTreeMap;

use super::record::{Act, Heard, Record};
use crate::time::Span;

/// A time in which a breaker refuses or probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// The edge.
    pub edge: u32,
    /// The caller's client and the target.
    pub whose: (u32, u32),
    /// Since the start of counting.
    pub from: Span,
    /// After the trial if it has no end in it.
    pub to: Span,
    /// Does it refuse? Else it probes.
    pub refuses: bool,
}

/// The spells of all breakers in a trial of `length`. One that is open but whose time is up refuses nobody: it waits for a
/// call.
pub fn spells(record: &Record, length: Span) -> impl Iterator<Item = Spell> {
    let mut last: BTreeMap<(u32, (u32, u32)), (Span, Act)> = BTreeMap::new();
    let mut spells = Vec::new();
    let mut end = |(edge, whose): (u32, (u32, u32)), (from, act): (Span, Act), to: Span| match act {
        Act::Opened { until } => spells.push(Spell { edge, whose, from, to: until.min(to), refuses: true }),
        Act::HalfOpened => spells.push(Spell { edge, whose, from, to, refuses: false }),
        Act::Closed | Act::Ejected | Act::Returned => {}
    };
    for Heard { at, edge, whose, act } in &record.heard {
        if matches!(act, Act::Ejected | Act::Returned) {
            continue;
        }
        if let Some(before) = last.insert((*edge, *whose), (*at, *act)) {
            end((*edge, *whose), before, *at);
        }
    }
    for (key, before) in last {
        end(key, before, length + Span::SECOND);
    }
    spells.into_iter()
}
