use std::collections::VecDeque;

use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};

use super::{CoDel, CoDelConfig, CoDelState, CoDelVerdict};
use crate::time::{Span, Time};

const MS: u64 = 1_000_000;
const TARGET: u64 = 5 * MS;
const INTERVAL: u64 = 100 * MS;

/// The pseudo-code of RFC 8289, section 5, over whole queues and plain integers; zero means "not set" there. Its limit
/// of one packet reads here: nothing is left behind the item.
#[derive(Default)]
struct Rfc {
    queue: VecDeque<u64>,
    first_above: u64,
    drop_next: u64,
    count: u64,
    last_count: u64,
    dropping: bool,
    dropped: Vec<u64>,
}

impl Rfc {
    fn do_dequeue(&mut self, now: u64) -> (Option<u64>, bool) {
        let Some(item) = self.queue.pop_front() else {
            self.first_above = 0;
            return (None, false);
        };
        let mut ok_to_drop = false;
        if now - item < TARGET || self.queue.is_empty() {
            self.first_above = 0;
        } else if self.first_above == 0 {
            self.first_above = now + INTERVAL;
        } else if now >= self.first_above {
            ok_to_drop = true;
        }
        (Some(item), ok_to_drop)
    }

    fn control_law(&self, from: u64) -> u64 {
        from + (INTERVAL as f64 / (self.count as f64).sqrt()) as u64
    }

    fn dequeue(&mut self, now: u64) -> Option<u64> {
        let (mut item, mut ok_to_drop) = self.do_dequeue(now);
        if self.dropping {
            if !ok_to_drop {
                self.dropping = false;
            }
            while self.dropping && now >= self.drop_next {
                self.dropped.extend(item);
                self.count += 1;
                (item, ok_to_drop) = self.do_dequeue(now);
                if ok_to_drop {
                    self.drop_next = self.control_law(self.drop_next);
                } else {
                    self.dropping = false;
                }
            }
        } else if ok_to_drop {
            self.dropped.extend(item);
            (item, _) = self.do_dequeue(now);
            self.dropping = true;
            let delta = self.count.saturating_sub(self.last_count);
            let recent = now.saturating_sub(self.drop_next) < 16 * INTERVAL;
            self.count = if delta > 1 && recent { delta } else { 1 };
            self.drop_next = self.control_law(now);
            self.last_count = self.count;
        }
        item
    }
}

/// A queue under our controller.
struct Queue {
    items: VecDeque<u64>,
    codel: CoDel,
    dropped: Vec<u64>,
}

impl Queue {
    fn new(lifo_when_overloaded: bool) -> Self {
        let codel = CoDel::new(CoDelConfig { lifo_when_overloaded, ..CoDelConfig::default() }).unwrap();
        Queue { items: VecDeque::new(), codel, dropped: Vec::new() }
    }

    fn dequeue(&mut self, now: u64) -> Option<u64> {
        loop {
            let Some(&oldest) = self.items.front() else {
                self.codel.emptied(Time::from_nanos(now));
                return None;
            };
            match self.codel.dequeue(Time::from_nanos(now), Time::from_nanos(oldest), self.items.len()).0 {
                CoDelVerdict::ServeOldest => return self.items.pop_front(),
                CoDelVerdict::ServeNewest => return self.items.pop_back(),
                CoDelVerdict::DropOldest => self.dropped.extend(self.items.pop_front()),
            }
        }
    }
}

/// One arrival each millisecond, one service each `service` milliseconds.
fn run(queue: &mut Queue, service: u64, millis: u64) -> Vec<(u64, u64)> {
    let mut served = Vec::new();
    for ms in 1..=millis {
        queue.items.push_back(ms * MS);
        if ms % service == 0 {
            served.extend(queue.dequeue(ms * MS).map(|item| (ms * MS, item)));
        }
    }
    served
}

#[test]
fn a_burst_shorter_than_the_interval_loses_nothing() {
    let mut queue = Queue::new(false);
    queue.items.extend((0..50).map(|_| MS));
    for ms in 1..=60 {
        queue.dequeue(ms * MS);
    }
    assert!(queue.dropped.is_empty());
}

#[test]
fn the_first_drop_comes_an_interval_after_the_delay_reached_the_target() {
    let mut queue = Queue::new(false);
    queue.items.extend([0; 1_000]);
    for ms in [5, 104, 105] {
        assert!(queue.dropped.is_empty());
        queue.dequeue(ms * MS);
    }
    assert_eq!(queue.dropped.len(), 1);
    assert_eq!(queue.codel.state(), CoDelState::Dropping);
    // then at 105 + 100, and 100/sqrt(2) after that
    for (ms, drops) in [(204, 1), (205, 2), (275, 2), (276, 3)] {
        queue.dequeue(ms * MS);
        assert_eq!(queue.dropped.len(), drops, "at {ms} ms");
    }
}

#[test]
fn the_last_item_is_never_dropped() {
    let mut queue = Queue::new(false);
    for second in 1..100 {
        queue.items.push_back(0);
        assert!(queue.dequeue(second * 1_000 * MS).is_some());
    }
    assert!(queue.dropped.is_empty());
}

#[test]
fn adaptive_lifo_serves_fresh_requests_while_the_queue_stands() {
    let mut fifo = Queue::new(false);
    let mut lifo = Queue::new(true);
    let late = |served: Vec<(u64, u64)>| {
        let last: Vec<_> = served.into_iter().filter(|(now, _)| *now > 500 * MS).collect();
        last.iter().filter(|(now, item)| now - item > 20 * MS).count() as f64 / last.len() as f64
    };
    assert!(late(run(&mut fifo, 2, 1_000)) > 0.9);
    assert!(late(run(&mut lifo, 2, 1_000)) < 0.01);
}

#[test]
fn the_oldest_is_served_first_again_once_calm() {
    let mut queue = Queue::new(true);
    run(&mut queue, 2, 500);
    assert_eq!(queue.codel.state(), CoDelState::Dropping);
    while queue.items.len() > 1 {
        queue.dequeue(501 * MS);
    }
    queue.dequeue(501 * MS);
    assert_eq!(queue.codel.state(), CoDelState::Calm);
    queue.items.extend([600 * MS, 601 * MS]);
    assert_eq!(queue.dequeue(602 * MS), Some(600 * MS));
}

#[test]
fn a_target_above_the_interval_is_refused() {
    let wrong = CoDelConfig { target: Span::SECOND, ..CoDelConfig::default() };
    assert_eq!(CoDel::new(wrong).unwrap_err().field, "target");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn decisions_agree_with_the_code_of_the_rfc(
        steps in prop::collection::vec((0_u64..30 * MS, 0_usize..4, 0_usize..3), 1..600),
    ) {
        let (mut ours, mut rfc, mut now) = (Queue::new(false), Rfc::default(), MS);
        for (gap, arrivals, services) in steps {
            now += gap;
            for _ in 0..arrivals {
                ours.items.push_back(now);
                rfc.queue.push_back(now);
            }
            for _ in 0..services {
                prop_assert_eq!(ours.dequeue(now), rfc.dequeue(now));
            }
            prop_assert_eq!(&ours.dropped, &rfc.dropped);
            prop_assert_eq!(ours.codel.state() == CoDelState::Dropping, rfc.dropping);
        }
    }

    #[test]
    fn every_item_is_served_dropped_or_waiting(
        steps in prop::collection::vec((0_u64..30 * MS, 0_usize..4), 1..300),
        lifo: bool,
    ) {
        let (mut queue, mut now, mut arrived, mut served) = (Queue::new(lifo), MS, 0, 0);
        for (gap, arrivals) in steps {
            now += gap;
            arrived += arrivals;
            queue.items.extend(std::iter::repeat_n(now, arrivals));
            served += usize::from(queue.dequeue(now).is_some());
            prop_assert!(arrived == served + queue.dropped.len() + queue.items.len());
        }
    }
}
