//! The example under a real, bounded load on loopback: eight clients, real sockets, a killed upstream.

#[allow(dead_code)]
#[path = "../../examples/live_service.rs"]
mod live_service;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::Empty;
use hyper::Request;
use live_service::{Service, Upstream, config, request};
use ninefold::live::pipeline::PipelineEvent;
use ninefold::resilience::circuit_breaker::{Cause, State};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// One page as a client sees it: status, tier, how long it took.
async fn get(service: SocketAddr, path: &str) -> (u16, Option<String>, Duration, String) {
    let asked = Request::builder().uri(path).body(Empty::new()).expect("a request");
    let start = Instant::now();
    let response = request(service, asked).await.expect("the service answers always");
    let tier = response.headers().get("x-tier").map(|tier| tier.to_str().expect("a number").to_owned());
    (response.status().as_u16(), tier, start.elapsed(), String::from_utf8_lossy(response.body()).into_owned())
}

/// Clients that ask without pause but for 2 ms, and what they saw.
struct Load {
    stop: Arc<AtomicBool>,
    full: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<Vec<(Instant, String, Duration)>>>,
}

impl Load {
    fn start(service: SocketAddr, clients: usize) -> Load {
        let (stop, full) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |_| {
            let (stop, full) = (Arc::clone(&stop), Arc::clone(&full));
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let (status, tier, took, _) = get(service, "/").await;
                    assert_eq!(status, 200, "there is always a tier that answers");
                    let tier = tier.expect("the answer says its tier");
                    full.fetch_add(u64::from(tier == "0"), Ordering::Relaxed);
                    seen.push((Instant::now(), tier, took));
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                seen
            })
        };
        let tasks = (0..clients).map(client).collect();
        Load { stop, full, tasks }
    }

    async fn stop(self) -> Vec<(Instant, String, Duration)> {
        self.stop.store(true, Ordering::Relaxed);
        let mut seen = Vec::new();
        for task in self.tasks {
            seen.extend(task.await.expect("no client has failed"));
        }
        seen
    }
}

/// Waits until the breaker is where `wanted` says, at most 10 s.
async fn breaker(service: &Service, wanted: impl Fn(State) -> bool) -> Instant {
    for _ in 0..5_000 {
        if service.pipeline.with(|client| client.breaker(0).is_some_and(|breaker| wanted(breaker.state()))) {
            return Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the breaker does not move");
}

fn quantile(mut of: Vec<Duration>, share: f64) -> Duration {
    of.sort();
    of[((of.len() - 1) as f64 * share) as usize]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_upstream_opens_the_breaker_and_callers_get_the_fallback_at_once() {
    let upstream = Upstream::start().await.expect("a port");
    let service = Service::new(Arc::clone(&upstream), config().expect("valid")).expect("valid");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(Arc::clone(&service).serve(listener));

    let load = Load::start(address, 8);
    tokio::time::sleep(Duration::from_millis(400)).await;
    let healthy = load.full.load(Ordering::Relaxed);
    assert!(healthy > 40, "{healthy} full answers before the crash");
    assert_eq!(get(address, "/health/live").await.0, 200);
    assert!(get(address, "/health/deep").await.3.starts_with("upstream: true"));

    // killed: the breaker opens after no more than a window (20) of attempts, and those that are out (8)
    let sent = service.pipeline.counts().attempts;
    upstream.crash();
    let opened = breaker(&service, |state| matches!(state, State::Open { .. })).await;
    let spent = service.pipeline.counts().attempts - sent;
    assert!(spent <= 20 + 8, "{spent} attempts until open");
    // one whole open state: the fallback answers, readiness stays up
    tokio::time::sleep(Duration::from_millis(250)).await;
    let closed_until = Instant::now();
    assert_eq!(get(address, "/health/ready").await.0, 200, "a shared dependency says nothing about this replica");
    assert!(get(address, "/metrics").await.3.contains("ninefold_pipeline_breakers_closed{name=\"upstream\"} 0"));

    upstream.restart().await.expect("the same port");
    let closed = breaker(&service, |state| state == State::Closed).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = load.stop().await;
    serving.abort();

    let during: Vec<_> = seen.iter().filter(|(at, ..)| *at > opened && *at < closed_until).collect();
    assert!(during.len() > 40, "{} answers while open", during.len());
    assert!(during.iter().all(|(_, tier, _)| tier == "1"), "the last good answer");
    // the slowest tenth is the scheduler of a shared machine, not the policy
    let took = quantile(during.iter().map(|(.., took)| *took).collect(), 0.9);
    assert!(took < Duration::from_millis(5), "the fallback took {took:?}");
    let after: Vec<_> = seen.iter().filter(|(at, ..)| *at > closed + Duration::from_millis(50)).collect();
    assert!(!after.is_empty() && after.iter().all(|(_, tier, _)| tier == "0"), "full again");

    // closed by its probes, whatever else it went through
    let events = service.events.lock().expect("no panic").clone();
    let last = events.iter().rev().find_map(|event| match event {
        PipelineEvent::Breaker(0, change) => Some(*change),
        _ => None,
    });
    let last = last.expect("it has changed");
    assert_eq!((last.from, last.to, last.cause), (State::HalfOpen, State::Closed, Cause::ProbesPassed));

    let counts = service.pipeline.counts();
    assert!(counts.attempts <= counts.calls + counts.calls / 10, "beyond the retry budget of 10 %: {counts:?}");
    assert_eq!(counts.failed, 0, "{counts:?}");
    assert_eq!(counts.calls, counts.full + counts.degraded + counts.dropped, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_upstream_trips_the_breaker_because_the_timeout_lies_inside_it() {
    let upstream = Upstream::start().await.expect("a port");
    let service = Service::new(Arc::clone(&upstream), config().expect("valid")).expect("valid");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(Arc::clone(&service).serve(listener));
    upstream.switch.lock().expect("no panic").delay = Duration::from_secs(30);
    let load = Load::start(address, 8);
    breaker(&service, |state| matches!(state, State::Open { .. })).await;
    let seen = load.stop().await;
    serving.abort();
    assert!(seen.iter().all(|(_, tier, _)| tier == "2"), "there never was an answer to store");
    let counts = service.pipeline.counts();
    assert!(counts.attempts <= 20 + 8, "{counts:?}");
}
