//! Seconds in which too few requests were answered count as down, beside what the structure says.
//!
//! A second is bad if the share of its requests that were answered, by a tier too, of those that have ended lies below
//! `down_below`; a request in flight at the end says nothing about its second. Bad time at the edge of an outage of the
//! structure makes that outage longer; elsewhere it is an outage of its own, which no fault has begun. While something is
//! broken the time belongs to [`Stage::Repairing`], after that to [`Stage::Breakers`] while one is open, else to
//! [`Stage::Overloaded`].

use super::breakers::united;
use super::outcome::Second;
use crate::results::raw::Stage;
use crate::simulation::Outcome;
use crate::simulation::ledger::{Outage, STAGES};
use crate::time::{Span, Time};

/// What has to be known beside the seconds.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Share of answered requests below which a second is down.
    pub down_below: f64,
    /// Label of outages that no fault has begun.
    pub cause: u32,
    /// Spans in which a breaker was open, ascending, none touching another; since counting began.
    pub open: &'a [(Time, Time)],
    /// The same, in which something was broken.
    pub broken: &'a [(Time, Time)],
    /// The second before counting began, of all users and of each group.
    pub before: &'a [Second],
    /// End of the trial, since counting began.
    pub end: Time,
}

/// Adds the bad seconds of all users and of each group to their outages.
pub fn add_bad(outcome: &mut Outcome, seconds: &[Vec<Second>], about: About<'_>) {
    for (subject, seconds) in seconds.iter().enumerate() {
        let pieces = beyond_outages(outcome, subject as u32, &runs(seconds, about.down_below), about.end);
        for (from, to) in pieces {
            add_piece(outcome, subject as u32, (from, to), about);
        }
    }
    outcome.outages.sort_by_key(|outage| (outage.start + outage.duration, outage.subject, outage.start));
}

/// Runs of bad seconds.
fn runs(seconds: &[Second], down_below: f64) -> Vec<(Time, Time)> {
    let at = |second: usize| Time::ZERO + Span::SECOND * second as u64;
    let mut runs: Vec<(Time, Time)> = Vec::new();
    for (index, second) in seconds.iter().enumerate() {
        if !is_bad(*second, down_below) {
            continue;
        }
        match runs.last_mut().filter(|run| run.1 == at(index)) {
            Some(run) => run.1 = at(index + 1),
            None => runs.push((at(index), at(index + 1))),
        }
    }
    runs
}

/// Were too few answered of those that came in the second?
fn is_bad([ended, full, degraded]: Second, down_below: f64) -> bool {
    ended > 0 && f64::from(full + degraded) < down_below * f64::from(ended)
}

/// What of the runs lies outside the outages of the subject.
fn beyond_outages(outcome: &Outcome, subject: u32, runs: &[(Time, Time)], end: Time) -> Vec<(Time, Time)> {
    let mut outages: Vec<(Time, Time)> = outcome
        .outages
        .iter()
        .filter(|outage| outage.subject == subject)
        .map(|outage| (outage.start, outage.start + outage.duration))
        .collect();
    outages.sort_unstable();
    let mut pieces = Vec::new();
    for &(from, to) in runs {
        let (mut from, to) = (from, to.min(end));
        for &(start, over) in &outages {
            if start < to && over > from {
                if start > from {
                    pieces.push((from, start));
                }
                from = over;
            }
        }
        if from < to {
            pieces.push((from, to));
        }
    }
    pieces
}

fn add_piece(outcome: &mut Outcome, subject: u32, (from, to): (Time, Time), about: About<'_>) {
    let length = to.since(from);
    let totals = &mut outcome.totals[subject as usize];
    totals.down += length;
    let of_up = length.min(totals.up);
    totals.up = totals.up.saturating_sub(of_up);
    totals.degraded = totals.degraded.saturating_sub(length.saturating_sub(of_up));
    let stages = stages((from, to), about);
    let (cause, failover, cut) = (about.cause, false, to == about.end);
    let early = from == Time::ZERO && is_bad(about.before[subject as usize], about.down_below);
    let piece = Outage { subject, start: from, duration: length, cause, stages, failover, cut, early };
    let place = |touches: &dyn Fn(&Outage) -> bool| {
        outcome.outages.iter().position(|outage| outage.subject == subject && touches(outage))
    };
    let before = place(&|outage| outage.start + outage.duration == from);
    let after = place(&|outage| outage.start == to);
    match (before, after) {
        (Some(before), Some(after)) => {
            join(&mut outcome.outages[before], &piece);
            let last = outcome.outages.remove(after);
            join(&mut outcome.outages[before - usize::from(after < before)], &last);
        }
        (Some(place), None) | (None, Some(place)) => join(&mut outcome.outages[place], &piece),
        (None, None) => outcome.outages.push(piece),
    }
}

/// What stood in the way in this time.
fn stages((from, to): (Time, Time), about: About<'_>) -> [Span; STAGES] {
    let within = |spans: &[(Time, Time)]| {
        let overlap = |&(start, end): &(Time, Time)| end.min(to).since(start.max(from));
        spans.iter().map(overlap).fold(Span::ZERO, |sum, span| sum + span)
    };
    let repairing = within(about.broken);
    let either = within(&united(&mut [about.open, about.broken].concat()));
    let mut stages = [Span::ZERO; STAGES];
    stages[Stage::Repairing as usize] = repairing;
    stages[Stage::Breakers as usize] = either - repairing;
    stages[Stage::Overloaded as usize] = to.since(from) - either;
    stages
}

/// The outage and one that touches it are one, of the cause of this one.
fn join(outage: &mut Outage, touching: &Outage) {
    outage.start = outage.start.min(touching.start);
    outage.duration += touching.duration;
    outage.stages.iter_mut().zip(touching.stages).for_each(|(stage, more)| *stage += more);
    outage.failover |= touching.failover;
    outage.cut |= touching.cut;
    outage.early |= touching.early;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::ledger::Totals;

    fn at(second: u64) -> Time {
        Time::ZERO + Span::SECOND * second
    }

    fn outcome(outages: Vec<Outage>) -> Outcome {
        let down: Span = outages.iter().map(|outage| outage.duration).fold(Span::ZERO, |sum, span| sum + span);
        Outcome {
            totals: vec![Totals { up: Span::SECOND * 10 - down, degraded: Span::ZERO, down, loss_s: 0.0 }],
            outages,
            sites: Vec::new(),
            tiers: Vec::new(),
            windows: Vec::new(),
            failovers: Vec::new(),
            moves: crate::simulation::MoveCounts::default(),
            usage: crate::simulation::usage::Usage::default(),
            events: 0,
            requests: None,
        }
    }

    fn outage(from: u64, seconds: u64) -> Outage {
        let (subject, start, duration) = (0, at(from), Span::SECOND * seconds);
        let (failover, cut, early) = (false, false, false);
        Outage { subject, start, duration, cause: 3, stages: [Span::ZERO; STAGES], failover, cut, early }
    }

    const BAD: Second = [10, 2, 0];
    const GOOD: Second = [10, 8, 2];

    fn about<'a>(open: &'a [(Time, Time)], broken: &'a [(Time, Time)]) -> About<'a> {
        About { down_below: 0.9, cause: 9, open, broken, before: &[GOOD], end: at(10) }
    }

    #[test]
    fn bad_seconds_after_an_outage_make_it_longer() {
        let mut outcome = outcome(vec![outage(2, 3)]);
        let seconds = [GOOD, GOOD, BAD, BAD, BAD, BAD, BAD, GOOD, GOOD, [0, 0, 0]];
        let open = [(at(4), at(6))];
        add_bad(&mut outcome, &[seconds.to_vec()], about(&open, &[]));
        assert_eq!(outcome.outages.len(), 1);
        let found = &outcome.outages[0];
        assert_eq!((found.start, found.duration, found.cause), (at(2), Span::SECOND * 5, 3));
        assert_eq!(found.stages[Stage::Breakers as usize], Span::SECOND);
        assert_eq!(found.stages[Stage::Overloaded as usize], Span::SECOND);
        assert_eq!((outcome.totals[0].up, outcome.totals[0].down), (Span::SECOND * 5, Span::SECOND * 5));
    }

    #[test]
    fn bad_seconds_between_two_outages_make_them_one() {
        let mut outcome = outcome(vec![outage(6, 4), outage(2, 2)]);
        outcome.outages[0].cut = true;
        let seconds = [GOOD, GOOD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD];
        add_bad(&mut outcome, &[seconds.to_vec()], about(&[], &[]));
        let found: Vec<_> = outcome.outages.iter().map(|outage| (outage.start, outage.duration, outage.cut)).collect();
        assert_eq!(found, [(at(2), Span::SECOND * 8, true)]);
        assert_eq!(outcome.totals[0].down, Span::SECOND * 8);
    }

    #[test]
    fn an_outage_that_bad_seconds_prolong_to_the_end_is_cut() {
        let mut outcome = outcome(vec![outage(2, 6)]);
        let seconds = [GOOD, GOOD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD];
        add_bad(&mut outcome, &[seconds.to_vec()], about(&[], &[]));
        let found = &outcome.outages[0];
        assert_eq!((outcome.outages.len(), found.duration, found.cut), (1, Span::SECOND * 8, true));
    }

    /// Bad from 2 to 8: broken from 3 to 5, breakers open from 4 to 5.5 and from 7 on; each instant is told once.
    #[test]
    fn under_repair_is_only_what_is_broken() {
        let mut outcome = outcome(Vec::new());
        let seconds = [GOOD, GOOD, BAD, BAD, BAD, BAD, BAD, BAD, GOOD, GOOD];
        let half = Span::from_millis(500);
        let (open, broken) = ([(at(4), at(5) + half), (at(7), at(10))], [(at(0), at(1)), (at(3), at(5))]);
        add_bad(&mut outcome, &[seconds.to_vec()], about(&open, &broken));
        let stages = outcome.outages[0].stages;
        let told = [Stage::Repairing, Stage::Breakers, Stage::Overloaded].map(|stage| stages[stage as usize]);
        assert_eq!(told, [Span::SECOND * 2, Span::SECOND + half, Span::SECOND * 2 + half]);
        assert_eq!(stages.into_iter().fold(Span::ZERO, |sum, span| sum + span), Span::SECOND * 6);
    }

    #[test]
    fn bad_seconds_by_themselves_are_an_outage_of_requests() {
        let mut outcome = outcome(vec![outage(0, 1)]);
        let seconds = [BAD, GOOD, GOOD, GOOD, BAD, BAD, GOOD, GOOD, GOOD, BAD];
        add_bad(&mut outcome, &[seconds.to_vec()], about(&[], &[]));
        let found: Vec<_> =
            outcome.outages.iter().map(|outage| (outage.start, outage.duration, outage.cause)).collect();
        assert_eq!(found, [(at(0), Span::SECOND, 3), (at(4), Span::SECOND * 2, 9), (at(9), Span::SECOND, 9)]);
        assert!(outcome.outages[2].cut);
        assert_eq!(outcome.totals[0].up + outcome.totals[0].down, Span::SECOND * 10);
    }
}
