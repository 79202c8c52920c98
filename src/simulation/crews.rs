//! Repair crews at work: who waits, who is served, who calls.
//!
//! A broken part that names a crew joins the line of its pool or place, with the length of its repair already drawn by
//! its own stream, so that the same luck holds with more or fewer crews. Without a dispatch time an idle crew takes
//! the first in line, by rank and then by the time of failure. With one, each line calls for itself after a fresh
//! draw, and the first call wins. Invariant: crews at work plus idle ones are all there are.

use super::event::{Event, class};
use super::world::World;
use crate::engine::streams::{Stream, Streams};
use crate::time::{Span, Time};
use std::collections::VecDeque;

/// A set of crews, dynamically.
#[derive(Clone, Debug)]
pub struct CrewState {
    idle: u32,
    callers: Vec<Caller>,
    /// The first in each line, in order: rank, number in order of failure, caller.
    heads: Vec<(u32, u32, u32)>,
    /// Counts failures and calls.
    number: u32,
    /// Is an idle crew about to look for work?
    looking: bool,
}

/// A pool or place, and what is broken there.
#[derive(Clone, Debug)]
struct Caller {
    /// Number and clock of those who wait.
    waiting: VecDeque<(u32, u32)>,
    /// Number of its call that is under way.
    call: Option<u32>,
    dispatch: Stream,
}

impl CrewState {
    /// Somebody is first in his line.
    fn join(&mut self, head: (u32, u32, u32)) {
        let place = self.heads.partition_point(|other| *other < head);
        self.heads.insert(place, head);
    }
}

impl World<'_> {
    /// All crews idle.
    pub(super) fn start_crews(&mut self, streams: &Streams) {
        self.crews.clear();
        self.crews.extend(self.layout.crews.iter().map(|plan| {
            let caller = |plan: &super::layout::CallerPlan| Caller {
                waiting: VecDeque::new(),
                call: None,
                dispatch: streams.stream(plan.key),
            };
            CrewState {
                idle: plan.size,
                callers: plan.callers.iter().map(caller).collect(),
                heads: Vec::new(),
                number: 0,
                looking: false,
            }
        }));
    }

    /// Does the clock's part need a crew to be mended?
    pub(super) fn needs_crew(&self, index: u32) -> bool {
        self.layout.jobs.get(index as usize).is_some_and(Option::is_some)
    }

    /// The part of this clock, whose repair stands in the tree as if it began now, gets in line instead.
    pub(super) fn await_crew(&mut self, now: Time, index: u32) {
        let Some(job) = self.layout.jobs.get(index as usize).copied().flatten() else { return };
        self.suspend_repair(now, index);
        let rank = self.layout.crews[job.crew as usize].callers[job.caller as usize].rank;
        let crew = &mut self.crews[job.crew as usize];
        crew.number += 1;
        let number = crew.number;
        let line = &mut crew.callers[job.caller as usize].waiting;
        line.push_back((number, index));
        if line.len() == 1 {
            crew.join((rank, number, job.caller));
        }
        self.call_crew(now, job.crew);
    }

    /// The part of this clock is mended: its crew is free.
    pub(super) fn free_crew(&mut self, now: Time, index: u32) {
        let Some(job) = self.layout.jobs.get(index as usize).copied().flatten() else { return };
        let crew = &mut self.crews[job.crew as usize];
        crew.idle += 1;
        debug_assert!(crew.idle <= self.layout.crews[job.crew as usize].size, "no more crews than there are");
        self.call_crew(now, job.crew);
    }

    /// While a crew is idle, whoever has something broken calls it.
    fn call_crew(&mut self, now: Time, set: u32) {
        let plan = &self.layout.crews[set as usize];
        let crew = &mut self.crews[set as usize];
        if crew.idle == 0 || crew.heads.is_empty() {
            return;
        }
        if plan.dispatch.is_fixed() == Some(Span::ZERO) {
            if !std::mem::replace(&mut crew.looking, true) {
                self.schedule(now, class::CALL, Event::CrewLooks { crew: set });
            }
            return;
        }
        for head in 0..crew.heads.len() {
            let crew = &mut self.crews[set as usize];
            let caller = crew.heads[head].2;
            let state = &mut crew.callers[caller as usize];
            if state.call.is_none() {
                crew.number += 1;
                let number = crew.number;
                state.call = Some(number);
                let at = now + plan.dispatch.sample(&mut state.dispatch);
                self.schedule(at, class::CALL, Event::CrewCalled { crew: set, caller, number });
            }
        }
    }

    /// Idle crews take whoever comes first in line.
    pub(super) fn crew_looks(&mut self, now: Time, set: u32) -> bool {
        self.crews[set as usize].looking = false;
        let mut any = false;
        while self.crews[set as usize].idle > 0 {
            let Some(&(.., caller)) = self.crews[set as usize].heads.first() else { break };
            self.begin_repair(now, set, caller);
            any = true;
        }
        any
    }

    /// A call has reached a crew; the others are in vain if it was the last idle one.
    pub(super) fn crew_called(&mut self, now: Time, set: u32, caller: u32, number: u32) -> bool {
        let state = &mut self.crews[set as usize].callers[caller as usize];
        if state.call != Some(number) {
            return false;
        }
        state.call = None;
        self.begin_repair(now, set, caller);
        if self.crews[set as usize].idle == 0 {
            self.crews[set as usize].callers.iter_mut().for_each(|caller| caller.call = None);
        } else {
            self.call_crew(now, set);
        }
        true
    }

    /// An idle crew begins with the first in the caller's line.
    fn begin_repair(&mut self, now: Time, set: u32, caller: u32) {
        let rank = self.layout.crews[set as usize].callers[caller as usize].rank;
        let crew = &mut self.crews[set as usize];
        let line = &mut crew.callers[caller as usize].waiting;
        let Some((number, index)) = line.pop_front() else { return };
        crew.heads.retain(|head| *head != (rank, number, caller));
        if let Some(&(next, _)) = line.front() {
            crew.join((rank, next, caller));
        }
        crew.idle -= 1;
        self.resume_repair(now, index);
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::streams::Streams;
    use crate::scenario::load_text;
    use crate::simulation::World;
    use crate::simulation::layout::Layout;
    use crate::time::{Span, Time};
    use proptest::prelude::*;
    use std::io;
    use std::path::Path;

    proptest! {
        /// Stepping a trial in slices: parts under repair never exceed the crews, and without dispatch no crew is idle
        /// while a part waits.
        #[test]
        fn crews_never_exceed_their_size(
            nodes in 1u32..9,
            size in 1u32..4,
            repair_h in 1u64..60,
            dispatch_h in 0u64..3,
            seed in 0u64..1_000,
        ) {
            let dispatch = if dispatch_h == 0 { "0s".to_owned() } else { format!("exp(mean={dispatch_h}h)") };
            let text = format!(
                "version = 1\n[crews.ops]\nsize = {size}\ndispatch = \"{dispatch}\"\n[services.app]\nnodes = {nodes}\nneed = 1\n\
                 faults = {{ fails = \"exp(mean=50h)\", repair = \"exp(mean={repair_h}h)\", crew = \"ops\" }}\n"
            );
            let nothing = |_: &Path| -> io::Result<Vec<u8>> { Err(io::ErrorKind::NotFound.into()) };
            let scenario = load_text(Path::new("x.toml"), text.into_bytes(), &nothing, &[]);
            let model = scenario.map_err(|problems| problems.render_plain()).expect("a scenario").model;
            let layout = Layout::new(&model);
            let mut world = World::new(&layout);
            world.reset(&Streams::new(seed, 0));
            for hour in 1..400 {
                world.advance(Time::ZERO + Span::HOUR * hour);
                let broken = world.clocks.iter().filter(|clock| clock.is_broken()).count();
                let waiting: usize = world.crews[0].callers.iter().map(|caller| caller.waiting.len()).sum();
                let idle = world.crews[0].idle;
                prop_assert!(idle <= size);
                prop_assert_eq!(broken, waiting + (size - idle) as usize);
                prop_assert!(dispatch_h > 0 || idle == 0 || waiting == 0);
            }
        }
    }
}
