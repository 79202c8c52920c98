//! What a trial uses that somebody may have to pay for: node-hours stopped or off, and flows of requests.
//!
//! Nodes are booked when their pool stops or wakes, at changes of role, and when autoscaling switches one; whole
//! node-nanoseconds, so that running + stopped + off is nodes x horizon exactly. A broken node, or one in a place that is
//! out, counts as it would if it worked. Flows are piecewise linear, as the levels are: requests between regions, where
//! they have a price, and writes that a primary takes while another is in charge.

use crate::time::Time;

/// What a trial has used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// By pool: node-nanoseconds stopped.
    pub stopped_ns: Vec<u128>,
    /// By pool: node-nanoseconds of nodes that autoscaling has off; those that boot are on.
    pub off_ns: Vec<u128>,
    /// Calls that went from one region to another.
    pub crossed: f64,
    /// By process: writes that a primary took which was not fenced, beside the new one.
    pub divergent: Vec<f64>,
}

/// Nodes of one pool that do not run.
#[derive(Clone, Copy, Debug, Default)]
struct Idle {
    nodes: u32,
    since: Time,
    booked_ns: u128,
}

impl Idle {
    fn settle(&mut self, now: Time) {
        self.booked_ns += u128::from(self.nodes) * u128::from(now.since(self.since).as_nanos());
        self.since = now;
    }

    fn turn(&mut self, now: Time, nodes: u32, idle: bool) {
        self.settle(now);
        self.nodes = if idle { self.nodes + nodes } else { self.nodes - nodes };
    }
}

/// Requests per second, from an instant on, and how many they were before.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    since: Time,
    rate: f64,
    /// Change per nanosecond.
    slope: f64,
    booked: f64,
}

impl Flow {
    fn settle(&mut self, now: Time) {
        let span = now.since(self.since);
        let end = self.rate + self.slope * span.as_nanos() as f64;
        self.booked += f64::midpoint(self.rate, end) * span.as_secs_f64();
        (self.since, self.rate) = (now, end);
    }

    fn turn(&mut self, now: Time, (rate, slope): (f64, f64)) {
        self.settle(now);
        (self.rate, self.slope) = (rate, slope);
    }
}

/// The books of it while the trial runs.
#[derive(Clone, Debug)]
pub struct UsageBooks {
    stopped: Vec<Idle>,
    off: Vec<Idle>,
    crossing: Flow,
    divergent: Vec<Flow>,
}

impl UsageBooks {
    /// Books of so many pools and processes.
    pub fn new(pools: usize, processes: usize) -> UsageBooks {
        UsageBooks {
            stopped: vec![Idle::default(); pools],
            off: vec![Idle::default(); pools],
            crossing: Flow::default(),
            divergent: vec![Flow::default(); processes],
        }
    }

    /// Everything runs at 0, nothing booked.
    pub fn reset(&mut self) {
        self.stopped.fill(Idle::default());
        self.off.fill(Idle::default());
        self.crossing = Flow::default();
        self.divergent.fill(Flow::default());
    }

    /// So many nodes of the pool stop now, or start.
    pub fn turn(&mut self, now: Time, pool: usize, nodes: u32, stopped: bool) {
        self.stopped[pool].turn(now, nodes, stopped);
    }

    /// So many nodes of the pool are switched off now, or begin to boot.
    pub fn switch(&mut self, now: Time, pool: usize, nodes: u32, off: bool) {
        self.off[pool].turn(now, nodes, off);
    }

    /// From now on so many requests cross per second, changing by so much per nanosecond.
    pub fn cross(&mut self, now: Time, flow: (f64, f64)) {
        self.crossing.turn(now, flow);
    }

    /// From now on the old primary of the process takes so many writes per second, changing by so much per nanosecond.
    pub fn diverge(&mut self, now: Time, process: usize, flow: (f64, f64)) {
        self.divergent[process].turn(now, flow);
    }

    /// Forget what has been booked up to `now`.
    pub fn open(&mut self, now: Time) {
        self.settle(now);
        self.stopped.iter_mut().chain(&mut self.off).for_each(|idle| idle.booked_ns = 0);
        self.divergent.iter_mut().chain([&mut self.crossing]).for_each(|flow| flow.booked = 0.0);
    }

    /// What has been used until `end`.
    pub fn close(&mut self, end: Time) -> Usage {
        self.settle(end);
        let booked = |idle: &[Idle]| idle.iter().map(|idle| idle.booked_ns).collect();
        Usage {
            stopped_ns: booked(&self.stopped),
            off_ns: booked(&self.off),
            crossed: self.crossing.booked,
            divergent: self.divergent.iter().map(|flow| flow.booked).collect(),
        }
    }

    fn settle(&mut self, now: Time) {
        self.stopped.iter_mut().chain(&mut self.off).for_each(|idle| idle.settle(now));
        self.divergent.iter_mut().chain([&mut self.crossing]).for_each(|flow| flow.settle(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn stopped_nodes_are_booked_in_whole_node_nanoseconds() {
        let mut books = UsageBooks::new(2, 0);
        books.turn(at(0), 1, 3, true);
        books.turn(at(5), 1, 3, false);
        books.turn(at(7), 1, 2, true);
        assert_eq!(books.close(at(10)).stopped_ns, [0, (3 * 5 + 2 * 3) * 1_000_000_000]);
        books.open(at(12));
        assert_eq!(books.close(at(13)).stopped_ns, [0, 2 * 1_000_000_000]);
    }

    #[test]
    fn a_flow_that_falls_is_the_area_under_its_line() {
        let mut books = UsageBooks::new(0, 1);
        books.cross(at(0), (10.0, 0.0));
        books.cross(at(4), (10.0, -1e-9));
        books.diverge(at(4), 0, (1.0, 0.0));
        books.cross(at(14), (0.0, 0.0));
        let usage = books.close(at(99));
        assert!((usage.crossed - (40.0 + 50.0)).abs() < 1e-9 && usage.divergent == [95.0], "{usage:?}");
        books.open(at(104));
        assert_eq!(books.close(at(105)).divergent, [1.0]);
    }
}
