//! What a trial uses that somebody may have to pay for: node-hours stopped, and requests between regions.
//!
//! Nodes are booked when their pool stops or wakes, which happens at changes of role only; whole node-nanoseconds, so
//! that running + stopped is nodes x horizon exactly. A broken node, or one in a place that is out, counts as it would
//! if it worked. Crossing requests are a piecewise linear flow, as the levels are; without a price for them nobody
//! counts them.

use crate::time::Time;

/// What a trial has used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// By pool: node-nanoseconds stopped.
    pub stopped_ns: Vec<u128>,
    /// Calls that went from one region to another.
    pub crossed: f64,
}

/// The nodes of one pool.
#[derive(Clone, Copy, Debug, Default)]
struct Stopped {
    nodes: u32,
    since: Time,
    booked_ns: u128,
}

impl Stopped {
    fn settle(&mut self, now: Time) {
        self.booked_ns += u128::from(self.nodes) * u128::from(now.since(self.since).as_nanos());
        self.since = now;
    }
}

/// The books of it while the trial runs.
#[derive(Clone, Debug)]
pub struct UsageBooks {
    pools: Vec<Stopped>,
    flow: Flow,
    crossed: f64,
}

/// Requests per second that cross, from an instant on.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    since: Time,
    rate: f64,
    /// Change per nanosecond.
    slope: f64,
}

impl UsageBooks {
    /// Books of so many pools.
    pub fn new(pools: usize) -> UsageBooks {
        UsageBooks { pools: vec![Stopped::default(); pools], flow: Flow::default(), crossed: 0.0 }
    }

    /// Everything runs at 0, nothing booked.
    pub fn reset(&mut self) {
        self.pools.fill(Stopped::default());
        (self.flow, self.crossed) = (Flow::default(), 0.0);
    }

    /// So many nodes of the pool stop now, or start.
    pub fn turn(&mut self, now: Time, pool: usize, nodes: u32, stopped: bool) {
        let of_pool = &mut self.pools[pool];
        of_pool.settle(now);
        of_pool.nodes = if stopped { of_pool.nodes + nodes } else { of_pool.nodes - nodes };
    }

    /// From now on so many requests cross per second, changing by `slope` per nanosecond.
    pub fn cross(&mut self, now: Time, rate: f64, slope: f64) {
        self.settle_flow(now);
        self.flow = Flow { since: now, rate, slope };
    }

    fn settle_flow(&mut self, now: Time) {
        let Flow { since, rate, slope } = self.flow;
        let span = now.since(since);
        let end = rate + slope * span.as_nanos() as f64;
        self.crossed += f64::midpoint(rate, end) * span.as_secs_f64();
        self.flow = Flow { since: now, rate: end, slope };
    }

    /// Forget what has been booked up to `now`.
    pub fn open(&mut self, now: Time) {
        self.settle(now);
        self.pools.iter_mut().for_each(|pool| pool.booked_ns = 0);
        self.crossed = 0.0;
    }

    /// What has been used until `end`.
    pub fn close(&mut self, end: Time) -> Usage {
        self.settle(end);
        Usage { stopped_ns: self.pools.iter().map(|pool| pool.booked_ns).collect(), crossed: self.crossed }
    }

    fn settle(&mut self, now: Time) {
        self.pools.iter_mut().for_each(|pool| pool.settle(now));
        self.settle_flow(now);
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
        let mut books = UsageBooks::new(2);
        books.turn(at(0), 1, 3, true);
        books.turn(at(5), 1, 3, false);
        books.turn(at(7), 1, 2, true);
        assert_eq!(books.close(at(10)).stopped_ns, [0, (3 * 5 + 2 * 3) * 1_000_000_000]);
        books.open(at(12));
        assert_eq!(books.close(at(13)).stopped_ns, [0, 2 * 1_000_000_000]);
    }

    #[test]
    fn a_flow_that_falls_is_the_area_under_its_line() {
        let mut books = UsageBooks::new(0);
        books.cross(at(0), 10.0, 0.0);
        books.cross(at(4), 10.0, -1e-9);
        books.cross(at(14), 0.0, 0.0);
        assert!((books.close(at(99)).crossed - (40.0 + 50.0)).abs() < 1e-9);
    }
}
