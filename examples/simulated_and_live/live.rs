//! The scenario in real time: a service on loopback, a caller with the pipeline, an open load, a fault.
//!
//! Everything comes from the model: rate, policies, slots, law of the service time. Each attempt has a connection of its
//! own; an attempt that is given up closes it, and the service then stops its work, as `on_caller_gone = "stop"` says.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use ninefold::live::clock::duration;
use ninefold::live::pipeline::{Attempt, Pipeline, PipelineEvent, PipelineLayer, no_tiers};
use ninefold::live::{Clock, seed};
use ninefold::model::Model;
use ninefold::model::dist::Law;
use ninefold::model::traffic::PoolWork;
use ninefold::resilience::circuit_breaker::State;
use ninefold::resilience::pipeline::{PipelineConfig, Request as About};
use ninefold::simulation::Compiled;
use ninefold::time::{Span, Time};
use rand::RngExt;
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tower::{Layer, ServiceExt, service_fn};

use super::Fault;
use super::figures::{ENDS, LENGTH, STRIKES, Sample, Seen};
use super::live_service::{Answer, Fault as Failure, accept, classify, request, text};

/// What the service does with a request.
struct Work {
    draws: Mutex<Xoshiro128PlusPlus>,
    /// What is wrong with it: factor of its service times, share of errors.
    ill: Mutex<(f64, f64)>,
    service_time: Law,
    slots: Semaphore,
}

impl Work {
    fn new(pool: &PoolWork, seed: u64) -> Arc<Work> {
        let slots = pool.slots.map_or(Semaphore::MAX_PERMITS, |slots| slots as usize);
        Arc::new(Work {
            draws: Mutex::new(Xoshiro128PlusPlus::seed_from_u64(seed)),
            ill: Mutex::new((1.0, 0.0)),
            service_time: pool.service_time.clone(),
            slots: Semaphore::new(slots),
        })
    }

    fn ill(&self) -> (f64, f64) {
        *self.ill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, factor: f64, errors: f64) {
        *self.ill.lock().unwrap_or_else(PoisonError::into_inner) = (factor, errors);
    }

    /// Waits for a slot, works, and answers, or fails at the end of the work.
    async fn answer(self: Arc<Self>) -> Answer {
        let slot = self.slots.acquire().await;
        let (length, luck) = {
            let mut draws = self.draws.lock().unwrap_or_else(PoisonError::into_inner);
            (self.service_time.sample(&mut *draws), draws.random::<f64>())
        };
        let length = Span::from_secs_f64(length.as_secs_f64() * self.ill().0);
        tokio::time::sleep(duration(length)).await;
        drop(slot);
        let status = if luck < self.ill().1 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        text(status, String::new())
    }
}

/// A service that listens, until it is killed with all that it has in hand.
fn serve(listener: TcpListener, work: Arc<Work>) -> JoinHandle<()> {
    tokio::spawn(accept(listener, move |_: Request<Incoming>| Arc::clone(&work).answer()))
}

/// Figures of so many runs at once, and how late each of their requests was sent, in seconds.
pub async fn repeats(model: &Model, fault: Fault, repeats: u64) -> Result<(Vec<Sample>, Vec<f64>), Failure> {
    let mut runs = JoinSet::new();
    for _ in 0..repeats {
        let run = Run::new(model)?;
        runs.spawn(run.finish(fault));
    }
    let (mut samples, mut late) = (Vec::new(), Vec::new());
    while let Some(run) = runs.join_next().await {
        let (seen, lateness) = run??;
        samples.push(seen.figures());
        late.extend(lateness);
    }
    Ok((samples, late))
}

/// What a run needs of the model.
struct Run {
    config: PipelineConfig,
    pool: PoolWork,
    gap: Law,
}

impl Run {
    fn new(model: &Model) -> Result<Run, Failure> {
        let plan = Compiled::full(model).requests.ok_or("the scenario has no requests")?;
        let (edge, pool) = plan.edges.first().zip(plan.pools.first()).ok_or("the scenario has no service")?;
        let rate = model.groups.first().and_then(|group| group.rate).ok_or("the load has no rate")?;
        let gap = Law::exponential(Span::from_secs_f64(1.0 / rate));
        Ok(Run { config: edge.pipeline(pool.nodes), pool: pool.work.clone(), gap })
    }

    async fn finish(self, fault: Fault) -> Result<(Seen, Vec<f64>), Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let work = Work::new(&self.pool, seed());
        let server = serve(listener, Arc::clone(&work));
        let clock = Clock::start();
        let changes = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&changes);
        let hear = move |event| log.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        let pipeline = Pipeline::observed(self.config, clock, seed(), hear)?;
        let sick = tokio::spawn(strike(fault, server, (clock, address), (self.pool, work)));
        let late = load(&pipeline, clock, address, &self.gap).await;
        clock.sleep_until(Time::ZERO + LENGTH).await;
        let counts = pipeline.counts();
        let changes = std::mem::take(&mut *changes.lock().unwrap_or_else(PoisonError::into_inner));
        sick.await??.abort();
        let (well, failed) = (counts.full, counts.failed);
        let seen = Seen { well, failed, begun: counts.calls, attempts: counts.attempts, ..breaker(&changes) };
        Ok((seen, late))
    }
}

/// The fault, from its start to its end; answers the service as it then runs.
async fn strike(
    fault: Fault,
    server: JoinHandle<()>,
    (clock, address): (Clock, std::net::SocketAddr),
    (pool, work): (PoolWork, Arc<Work>),
) -> Result<JoinHandle<()>, Failure> {
    clock.sleep_until(STRIKES).await;
    match fault {
        Fault::Crash => server.abort(),
        Fault::Errors(errors) => work.set(1.0, errors),
        Fault::Slow(factor) => work.set(factor, 0.0),
    }
    clock.sleep_until(ENDS).await;
    match fault {
        Fault::Crash => Ok(serve(TcpListener::bind(address).await?, Work::new(&pool, seed()))),
        Fault::Errors(_) | Fault::Slow(_) => {
            work.set(1.0, 0.0);
            Ok(server)
        }
    }
}

/// Sends requests at the instants of a Poisson process, whatever becomes of them; answers how late each was.
async fn load(pipeline: &Pipeline, clock: Clock, address: std::net::SocketAddr, gap: &Law) -> Vec<f64> {
    let send = service_fn(move |_: Attempt<()>| request(address, Request::new(Empty::<Bytes>::new())));
    let about = |(): &()| About { idempotent: true, ..About::default() };
    let tiers = no_tiers::<(), Response<Bytes>>;
    let client = PipelineLayer::new(pipeline.clone(), classify, about, tiers).layer(send);
    let mut draws = Xoshiro128PlusPlus::seed_from_u64(seed());
    let (mut due, mut late) = (Time::ZERO + gap.sample(&mut draws), Vec::new());
    while due < Time::ZERO + LENGTH {
        clock.sleep_until(due).await;
        late.push(clock.now().since(due).as_secs_f64());
        let call = client.clone().oneshot(());
        tokio::spawn(async move { call.await.is_ok() });
        due += gap.sample(&mut draws);
    }
    late
}

/// What became of the breaker.
fn breaker(changes: &[PipelineEvent]) -> Seen {
    let (mut seen, mut since) = (Seen::default(), None);
    for event in changes {
        let PipelineEvent::Breaker(_, change) = event else { continue };
        let at = change.now.since(Time::ZERO);
        if let Some(opened) = since.take() {
            seen.open += change.now.since(opened);
        }
        match change.to {
            State::Open { .. } => {
                seen.first_opened.get_or_insert(at);
                since = Some(change.now);
            }
            State::Closed => seen.last_closed = Some(at),
            State::HalfOpen | State::ForcedOpen | State::Disabled | State::MetricsOnly => {}
        }
    }
    if let Some(opened) = since {
        seen.open += (Time::ZERO + LENGTH).since(opened);
    }
    seen
}
