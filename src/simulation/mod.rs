//! ONE trial: a [`Model`](crate::model::Model), compiled into a [layout](layout::Layout), run as a [`World`] to an
//! [`Outcome`].
//!
//! One loop takes the earliest of two stores: clocks of faults and repairs in a winner tree, everything else in a
//! queue. Time is an integer, draws come from named streams, so a trial is a pure function of (layout, seed, trial).

mod ages;
mod ailing;
mod calendars;
mod clocks;
mod copies;
mod coverage;
mod crews;
mod deploys;
mod elect;
pub mod event;
mod failovers;
mod felt;
mod gates;
mod holds;
mod latent;
pub mod layout;
pub mod ledger;
mod load;
mod partitions;
mod places;
pub mod requests;
mod restarts;
mod routing;
mod scaling;
mod shocks;
mod simulator;
mod sites;
mod told;
pub mod trace;
pub mod usage;
mod warming;
mod watch;
mod world;

pub use failovers::FailoverCounts;
pub use routing::MoveCounts;
pub use simulator::{Compiled, Simulator};
pub use world::{SiteCounts, World};

use crate::engine::streams::Streams;
use crate::model::Ends;
use crate::time::{Span, Time};

use layout::{Lost, WindowPlan};
use ledger::{Outage, Totals};
use trace::TraceLine;
use usage::Usage;

/// What one trial gave; times are counted from the end of the warm-up.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// By subject.
    pub totals: Vec<Totals>,
    /// By subject and tier: time, while not down, in which the tier answers for something; empty without tiers.
    pub tiers: Vec<Vec<Span>>,
    /// Outages of all subjects, in the order of their ends.
    pub outages: Vec<Outage>,
    /// By site.
    pub sites: Vec<SiteCounts>,
    /// By objective: seconds lost in each window, of time or of demand as it asks; empty if it asks for neither.
    pub windows: Vec<Vec<f64>>,
    /// By process.
    pub failovers: Vec<FailoverCounts>,
    /// Moves of users off a lost region that could fail.
    pub moves: MoveCounts,
    /// What somebody may have to pay for.
    pub usage: Usage,
    /// Events that changed the state.
    pub events: u64,
    /// What requests went through, on their clock.
    pub requests: Option<Box<requests::RequestOutcome>>,
}

impl Outcome {
    /// Outages of a subject that began in the trial: not one that was there when counting began.
    pub fn outages_begun(&self, subject: usize) -> u64 {
        let begun = |outage: &&Outage| outage.subject as usize == subject && !outage.early;
        self.outages.iter().filter(begun).count() as u64
    }
}

impl World<'_> {
    /// Run trial `trial` of `seed` from its start to its end.
    pub fn run(&mut self, seed: u64, trial: u64) -> Outcome {
        self.begin(&Streams::new(seed, trial));
        let end = match self.layout.ends {
            Ends::Horizon => self.layout.end,
            Ends::FirstOutage => self.first_outage(),
        };
        self.advance(end);
        self.finish(end)
    }

    /// As [`run`](Self::run), with a line for everything that happened.
    pub fn run_traced(&mut self, seed: u64, trial: u64) -> (Outcome, Vec<TraceLine>) {
        self.trace = Some(Vec::new());
        let outcome = self.run(seed, trial);
        let from = self.counted_from;
        let mut lines = self.trace.take().unwrap_or_default();
        for line in &mut lines {
            line.at = Time::ZERO + line.at.since(from);
        }
        (outcome, lines)
    }

    /// Everything before `until`.
    fn advance(&mut self, until: Time) {
        loop {
            let (queued, rank) = self.queue.next();
            let next = self.tree.next();
            let comes_before = |clock: u32| self.clocks.get(clock as usize).is_some_and(|clock| clock.rank() < rank);
            if next.0 < queued || (next.0 == queued && comes_before(next.1)) {
                if next.0 >= until {
                    return;
                }
                self.ring(next, until.min(queued));
            } else {
                if queued >= until {
                    return;
                }
                if let Some((now, event)) = self.queue.pop() {
                    self.handle(now, event);
                }
            }
        }
    }

    /// Go on until the system has been down for more than an instant, or to the end; answers where that is.
    fn first_outage(&mut self) -> Time {
        let end = self.layout.end;
        loop {
            let next = self.queue.next().0.min(self.tree.next().0).min(end);
            if next == end || self.ledger.was_down(0, next) {
                return next;
            }
            self.advance(next + Span::from_nanos(1));
        }
    }

    /// Seconds lost in each window of an objective.
    fn lost_by_window(&self, plan: &WindowPlan, outages: &[Outage]) -> Vec<f64> {
        match plan.of {
            Lost::Nothing => Vec::new(),
            Lost::Demand { meter } => self.ledger.meters[meter].lost.clone(),
            Lost::Time => {
                let mut lost = vec![Span::ZERO; plan.count];
                for outage in outages.iter().filter(|outage| outage.subject == plan.subject) {
                    let (mut at, end) =
                        (outage.start.since(Time::ZERO), outage.start.since(Time::ZERO) + outage.duration);
                    while at < end {
                        let window = at.as_nanos() / plan.length.as_nanos();
                        let Some(lost) = lost.get_mut(window as usize) else { break };
                        let until = end.min(plan.length * (window + 1));
                        *lost += until - at;
                        at = until;
                    }
                }
                lost.into_iter().map(Span::as_secs_f64).collect()
            }
        }
    }

    fn finish(&mut self, end: Time) -> Outcome {
        self.ledger.finish(end);
        self.finish_sites(end);
        self.finish_splits(end);
        let mut outages = std::mem::take(&mut self.ledger.outages);
        outages.retain(|outage| !outage.duration.is_zero());
        for outage in &mut outages {
            outage.start = Time::ZERO + self.counted(outage.start);
        }
        Outcome {
            tiers: self.ledger.tiers.clone(),
            totals: (0..self.layout.subjects.len()).map(|subject| self.ledger.totals(subject)).collect(),
            windows: self.layout.windows.iter().map(|plan| self.lost_by_window(plan, &outages)).collect(),
            outages,
            sites: self.sites.clone(),
            failovers: self.processes.iter().map(|process| process.counts.clone()).collect(),
            moves: self.routing.as_ref().map_or_else(MoveCounts::default, |routing| routing.moves),
            requests: None,
            usage: self.usage.close(end),
            events: self.events + self.sites.iter().map(|site| site.changes[0] + site.changes[1]).sum::<u64>(),
        }
    }
}
