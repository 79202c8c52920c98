//! The bulkhead that looks through its whole queue.

use ninefold::resilience::bulkhead::{Admission, Ask, Bulkhead, BulkheadConfig, Event, Ticket};
use ninefold::time::{Span, Time};
use proptest::prelude::*;

#[derive(Clone, Copy)]
struct Waiter {
    id: u32,
    deadline: u64,
    class: u8,
}

/// In order of arrival.
struct Naive {
    config: BulkheadConfig,
    now: u64,
    active: u32,
    waiting: Vec<Waiter>,
}

impl Naive {
    fn tick(&mut self, now: u64) -> Vec<Event<u32>> {
        self.now = self.now.max(now);
        let mut late: Vec<_> = self.waiting.iter().filter(|waiter| self.now >= waiter.deadline).copied().collect();
        self.waiting.retain(|waiter| self.now < waiter.deadline);
        late.sort_by_key(|waiter| waiter.deadline); // stable: equal deadlines in order of arrival
        let event = |w: Waiter| Event::TimedOut { waiter: w.id, deadline: Time::from_nanos(w.deadline) };
        late.into_iter().map(event).collect()
    }

    fn slot(&self, class: u8) -> bool {
        self.active + self.config.reserved[class as usize] < self.config.max_concurrent
    }

    fn acquire(&mut self, now: u64, id: u32, timeout: u64, class: u8) -> (Vec<Event<u32>>, &'static str) {
        let events = self.tick(now);
        if self.slot(class) {
            self.active += 1;
            return (events, "admitted");
        }
        if timeout == 0 || self.waiting.len() >= self.config.max_queue as usize {
            return (events, "full");
        }
        self.waiting.push(Waiter { id, deadline: self.now + timeout, class });
        (events, "queued")
    }

    fn release(&mut self, now: u64) -> Vec<Event<u32>> {
        let mut events = self.tick(now);
        self.active -= 1;
        loop {
            let newest = self.config.lifo_above.is_some_and(|limit| self.waiting.len() > limit as usize);
            let fits = |waiter: &Waiter| self.slot(waiter.class);
            let next = if newest { self.waiting.iter().rposition(fits) } else { self.waiting.iter().position(fits) };
            let Some(next) = next else { return events };
            events.push(Event::Admitted(self.waiting.remove(next).id));
            self.active += 1;
        }
    }

    fn cancel(&mut self, now: u64, id: u32) -> (Vec<Event<u32>>, Option<u32>) {
        let events = self.tick(now);
        let place = self.waiting.iter().position(|waiter| waiter.id == id);
        (events, place.map(|place| self.waiting.remove(place).id))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Acquire { timeout: u64, class: u8 },
    Release,
    Cancel { which: usize },
    Poll,
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let step = prop_oneof![
        6 => (0..20_u64, 0..4_u8).prop_map(|(timeout, class)| Step::Acquire { timeout, class }),
        3 => Just(Step::Release),
        1 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => Just(Step::Poll),
    ];
    let pause = prop_oneof![10 => Just(0_i64), 10 => 0..3_i64, 2 => 0..30_i64, 1 => -5..0_i64];
    prop::collection::vec((pause, step), super::STEPS)
}

fn configs() -> impl Strategy<Value = BulkheadConfig> {
    (1..6_u32, 0..10_u32, prop::option::of(0..4_u32), 0..3_u32, any::<bool>()).prop_map(
        |(max_concurrent, max_queue, lifo_above, kept, reserve)| {
            let kept = if reserve { kept.min(max_concurrent - 1) } else { 0 };
            let reserved = [0, kept / 2, kept, kept];
            BulkheadConfig { max_queue, reserved, lifo_above, ..BulkheadConfig::new(max_concurrent) }
        },
    )
}

fn run(config: BulkheadConfig, steps: Vec<(i64, Step)>) {
    let mut real = Bulkhead::new(config).expect("valid");
    let mut naive = Naive { config, now: 0, active: 0, waiting: Vec::new() };
    let mut tickets: Vec<(u32, Ticket)> = Vec::new();
    let (mut clock, mut asked, mut ends) = (1_000_i64, 0_u32, 0_u64);
    for (pause, step) in steps {
        clock += pause;
        let (now, t) = (Time::from_nanos(clock as u64), clock as u64);
        let mut events = Vec::new();
        let mut on = |event| events.push(event);
        let expected = match step {
            Step::Acquire { timeout, class } => {
                let id = asked;
                asked += 1;
                let ask = Ask { timeout: Span::from_nanos(timeout), class };
                let answer = match real.acquire_as(now, id, ask, &mut on) {
                    Admission::Admitted => "admitted",
                    Admission::Full => "full",
                    Admission::Queued(ticket) => {
                        tickets.push((id, ticket));
                        "queued"
                    }
                };
                let (expected, naive_answer) = naive.acquire(t, id, timeout, class);
                assert_eq!(answer, naive_answer);
                ends += u64::from(answer != "queued");
                expected
            }
            Step::Release if naive.active > 0 => {
                real.release(now, &mut on);
                naive.release(t)
            }
            Step::Cancel { which } if !tickets.is_empty() => {
                let (id, ticket) = tickets.swap_remove(which % tickets.len());
                let left = real.cancel(now, ticket, &mut on);
                let (expected, naive_left) = naive.cancel(t, id);
                assert_eq!(left, naive_left);
                ends += u64::from(left.is_some());
                expected
            }
            Step::Release | Step::Cancel { .. } | Step::Poll => {
                real.poll(now, &mut on);
                naive.tick(t)
            }
        };
        assert_eq!(events, expected);
        ends += events.len() as u64;
        let counts = real.counts();
        assert_eq!((counts.active, counts.queued as usize), (naive.active, naive.waiting.len()));
        let wake = naive.waiting.iter().map(|waiter| waiter.deadline).min();
        assert_eq!(real.next_wake().map(Time::as_nanos), wake);
        assert!(counts.active <= config.max_concurrent && counts.queued <= config.max_queue);
        assert_eq!(counts.admitted, counts.released + u64::from(counts.active));
        assert_eq!(ends + u64::from(counts.queued), u64::from(asked), "every call ends in exactly one way");
        assert_eq!(counts.admitted + counts.full + counts.timed_out + counts.cancelled, ends);
    }
}

proptest! {
    #![proptest_config(super::config())]
    #[test]
    fn the_bulkhead_agrees_with_one_that_looks_through_its_queue(config in configs(), steps in steps()) {
        run(config, steps);
    }
}
