//! The breaker that remembers every result.

use ninefold::resilience::Outcome;
use ninefold::resilience::circuit_breaker::{
    BreakerConfig, CircuitBreaker, Order, Permit, Probing, State, Tally, Trip, Window,
};
use ninefold::time::{Span, Time};
use proptest::prelude::*;

struct Probe {
    failed: bool,
    slow: bool,
}

enum Mode {
    Closed,
    Open { until: u64 },
    Half { since: u64, out: u32, done: Vec<Probe> },
    ForcedOpen,
    Disabled,
    MetricsOnly,
}

/// (when, failed, slow)
type Entry = (u64, bool, bool);

struct Naive {
    config: BreakerConfig,
    now: u64,
    mode: Mode,
    generation: usize,
    results: Vec<Entry>,
    openings: u32,
    rejected: u64,
    stale: u64,
}

impl Naive {
    fn new(config: BreakerConfig) -> Self {
        Naive {
            config,
            now: 0,
            mode: Mode::Closed,
            generation: 0,
            results: Vec::new(),
            openings: 0,
            rejected: 0,
            stale: 0,
        }
    }

    fn enter(&mut self, mode: Mode) {
        if matches!(mode, Mode::Closed) {
            self.openings = 0;
        }
        if matches!(mode, Mode::Closed | Mode::MetricsOnly) {
            self.results.clear();
        }
        self.mode = mode;
        self.generation += 1;
    }

    fn open(&mut self, at: u64) {
        let base = self.config.open_for.as_nanos() as f64;
        let wait = base * self.config.open_growth.powi(i32::try_from(self.openings).expect("few"));
        let wait = wait.min(self.config.open_max.as_nanos() as f64) as u64;
        self.openings += 1;
        self.enter(Mode::Open { until: at + wait });
    }

    fn half_open(&mut self) {
        self.enter(Mode::Half { since: self.now, out: 0, done: Vec::new() });
    }

    fn tick(&mut self, now: u64) {
        self.now = self.now.max(now);
        if let Mode::Half { since, .. } = self.mode {
            let end = since + self.config.half_open_max.as_nanos();
            if self.now >= end {
                self.open(end);
            }
        }
    }

    fn window(&self) -> Vec<Entry> {
        match self.config.trip {
            Trip::Rate { window: Window::Count { size }, .. } => {
                self.results.iter().rev().take(size as usize).copied().collect()
            }
            Trip::Rate { window: Window::Time { buckets, bucket }, .. } => {
                let width = bucket.as_nanos();
                let age = |t: u64| self.now / width - t / width;
                self.results.iter().filter(|(t, _, _)| age(*t) < u64::from(buckets)).copied().collect()
            }
            Trip::Consecutive { .. } => self.results.clone(),
        }
    }

    fn bad(&self, total: usize, failures: usize, slow: usize) -> bool {
        let reaches = |part: usize, rate: u32| part * 10_000 >= total * rate as usize;
        reaches(failures, self.config.failure_rate) || reaches(slow, self.config.slow_rate)
    }

    fn trips(&self) -> bool {
        match self.config.trip {
            Trip::Consecutive { failures } => {
                let run = self.results.iter().rev().take_while(|(_, failed, _)| *failed).count();
                run >= failures as usize
            }
            Trip::Rate { window, min_calls } => {
                let enough = match window {
                    Window::Count { size } => min_calls.min(size),
                    Window::Time { .. } => min_calls,
                };
                let all = self.window();
                let failures = all.iter().filter(|(_, failed, _)| *failed).count();
                let slow = all.iter().filter(|(_, _, slow)| *slow).count();
                all.len() >= enough as usize && self.bad(all.len(), failures, slow)
            }
        }
    }

    /// The generation of the permit, or the time to wait.
    fn acquire(&mut self, now: u64) -> Result<usize, Option<u64>> {
        self.tick(now);
        if let Mode::Open { until } = self.mode
            && self.now >= until
        {
            self.half_open();
        }
        let refusal = match &mut self.mode {
            Mode::Closed | Mode::Disabled | Mode::MetricsOnly => return Ok(self.generation),
            Mode::Open { until } => Some(*until - self.now),
            Mode::ForcedOpen => None,
            Mode::Half { out, done, .. } => {
                let room = match self.config.half_open {
                    Probing::Rate { permitted } => *out + (done.len() as u32) < permitted,
                    Probing::Consecutive { max_in_flight, .. } => *out < max_in_flight,
                };
                if room {
                    *out += 1;
                    return Ok(self.generation);
                }
                None
            }
        };
        self.rejected += 1;
        Err(refusal)
    }

    fn record(&mut self, now: u64, generation: usize, outcome: Outcome, slow: bool) {
        self.tick(now);
        if generation != self.generation {
            self.stale += 1;
            return;
        }
        if outcome == Outcome::Ignored {
            return self.free();
        }
        let failed = outcome == Outcome::Failure;
        match &mut self.mode {
            Mode::Closed => {
                self.results.push((self.now, failed, slow));
                if self.trips() {
                    self.open(self.now);
                }
            }
            Mode::MetricsOnly => self.results.push((self.now, failed, slow)),
            Mode::Half { out, done, .. } => {
                *out -= 1;
                done.push(Probe { failed, slow });
                let (total, last_failed) = (done.len(), failed);
                let failures = done.iter().filter(|probe| probe.failed).count();
                let slow = done.iter().filter(|probe| probe.slow).count();
                let verdict = match self.config.half_open {
                    Probing::Rate { permitted } => {
                        (total == permitted as usize).then(|| !self.bad(total, failures, slow))
                    }
                    Probing::Consecutive { .. } if last_failed => Some(false),
                    Probing::Consecutive { successes, .. } => (total == successes as usize).then_some(true),
                };
                match verdict {
                    Some(true) => self.enter(Mode::Closed),
                    Some(false) => self.open(self.now),
                    None => {}
                }
            }
            Mode::Open { .. } | Mode::ForcedOpen | Mode::Disabled => {}
        }
    }

    fn release(&mut self, now: u64, generation: usize) {
        self.tick(now);
        if generation == self.generation {
            self.free();
        }
    }

    fn free(&mut self) {
        if let Mode::Half { out, .. } = &mut self.mode {
            *out -= 1;
        }
    }

    fn poll(&mut self, now: u64) {
        self.tick(now);
        if let Mode::Open { until } = self.mode
            && self.config.auto_half_open
            && self.now >= until
        {
            self.half_open();
        }
    }

    fn force(&mut self, now: u64, order: Order) {
        self.tick(now);
        match order {
            Order::Closed => self.enter(Mode::Closed),
            Order::Open => self.open(self.now),
            Order::HalfOpen => self.half_open(),
            Order::ForcedOpen => self.enter(Mode::ForcedOpen),
            Order::Disabled => self.enter(Mode::Disabled),
            Order::MetricsOnly => self.enter(Mode::MetricsOnly),
        }
    }

    fn state(&self) -> State {
        match self.mode {
            Mode::Closed => State::Closed,
            Mode::Open { until } => State::Open { until: Time::from_nanos(until) },
            Mode::Half { .. } => State::HalfOpen,
            Mode::ForcedOpen => State::ForcedOpen,
            Mode::Disabled => State::Disabled,
            Mode::MetricsOnly => State::MetricsOnly,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Acquire,
    Record { which: usize, outcome: Outcome, latency: u64 },
    Release { which: usize },
    Poll,
    Force(Order),
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let outcome = prop_oneof![
        5 => Just(Outcome::Success),
        4 => Just(Outcome::Failure),
        1 => Just(Outcome::Ignored)
    ];
    let order = prop_oneof![
        3 => Just(Order::Closed),
        3 => Just(Order::Open),
        3 => Just(Order::HalfOpen),
        1 => Just(Order::ForcedOpen),
        1 => Just(Order::Disabled),
        1 => Just(Order::MetricsOnly)
    ];
    let step = prop_oneof![
        100 => Just(Step::Acquire),
        90 => (any::<usize>(), outcome, 0..4_u64)
            .prop_map(|(which, outcome, latency)| Step::Record { which, outcome, latency }),
        10 => any::<usize>().prop_map(|which| Step::Release { which }),
        20 => Just(Step::Poll),
        2 => order.prop_map(Step::Force),
    ];
    // mostly the same instant or a little later, at times much later, rarely back
    let pause = prop_oneof![10 => Just(0_i64), 10 => 0..4_i64, 2 => 0..60_i64, 1 => -5..0_i64];
    prop::collection::vec((pause, step), super::STEPS)
}

fn configs() -> impl Strategy<Value = BreakerConfig> {
    let window = prop_oneof![
        (1..12_u32).prop_map(|size| Window::Count { size }),
        (1..6_u32, 1..8_u64).prop_map(|(buckets, width)| Window::Time { buckets, bucket: Span::from_nanos(width) }),
    ];
    let trip = prop_oneof![
        4 => (window, 1..8_u32).prop_map(|(window, min_calls)| Trip::Rate { window, min_calls }),
        1 => (1..5_u32).prop_map(|failures| Trip::Consecutive { failures }),
    ];
    let probing = prop_oneof![
        (1..5_u32).prop_map(|permitted| Probing::Rate { permitted }),
        (1..4_u32, 1..3_u32).prop_map(|(successes, max_in_flight)| Probing::Consecutive { successes, max_in_flight }),
    ];
    (trip, 1..=10_000_u32, 1..=10_000_u32, 0..4_u64, 1..30_u64, 1..3_u8, 1..40_u64, probing, any::<bool>()).prop_map(
        |(trip, failure_rate, slow_rate, slow, open, growth, half_open_max, half_open, auto_half_open)| BreakerConfig {
            trip,
            failure_rate,
            slow_rate,
            slow_over: Span::from_nanos(slow),
            open_for: Span::from_nanos(open),
            open_growth: f64::from(growth),
            open_max: Span::from_nanos(100),
            open_jitter: 0,
            half_open,
            half_open_max: Span::from_nanos(half_open_max),
            auto_half_open,
        },
    )
}

fn run(config: BreakerConfig, steps: Vec<(i64, Step)>) {
    let mut real = CircuitBreaker::new(config).expect("valid");
    let mut naive = Naive::new(config);
    let mut permits: Vec<(Permit, usize)> = Vec::new();
    let mut clock = 1_000_i64;
    for (pause, step) in steps {
        clock += pause;
        let (now, t) = (Time::from_nanos(clock as u64), clock as u64);
        match step {
            Step::Acquire => match (real.acquire(now), naive.acquire(t)) {
                (Ok(permit), Ok(generation)) => permits.push((permit, generation)),
                (Err(refused), Err(wait)) => assert_eq!(refused.retry_after.map(Span::as_nanos), wait),
                (real, naive) => panic!("{real:?} {naive:?}"),
            },
            Step::Record { which, outcome, latency } if !permits.is_empty() => {
                let (permit, generation) = permits.swap_remove(which % permits.len());
                real.record(now, permit, outcome, Span::from_nanos(latency));
                naive.record(t, generation, outcome, latency > config.slow_over.as_nanos());
            }
            Step::Release { which } if !permits.is_empty() => {
                let (permit, generation) = permits.swap_remove(which % permits.len());
                real.release(now, permit);
                naive.release(t, generation);
            }
            Step::Record { .. } | Step::Release { .. } => {}
            Step::Poll => {
                real.poll(now);
                naive.poll(t);
            }
            Step::Force(order) => {
                real.force(now, order);
                naive.force(t, order);
            }
        }
        assert_eq!(real.state(), naive.state());
        naive.now = naive.now.max(t);
        let window = naive.window();
        let snapshot = real.snapshot(now);
        let tally = Tally {
            total: window.len() as u64,
            failures: window.iter().filter(|(_, failed, _)| *failed).count() as u64,
            slow: window.iter().filter(|(_, _, slow)| *slow).count() as u64,
        };
        assert_eq!(snapshot.window, tally);
        assert_eq!(
            (snapshot.openings, snapshot.rejected, snapshot.stale),
            (naive.openings, naive.rejected, naive.stale)
        );
    }
}

proptest! {
    #![proptest_config(super::config())]
    #[test]
    fn the_breaker_agrees_with_one_that_remembers_every_result(config in configs(), steps in steps()) {
        run(config, steps);
    }
}
