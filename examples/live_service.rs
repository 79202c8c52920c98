//! A small real service: HTTP on loopback, before an upstream that can crash, be slow, or fail.
//!
//! ```text
//! cargo run --release --example live_service --features live
//! curl localhost:8080/                        the answer, and which tier gave it
//! curl localhost:8080/health/ready            also /health/live, /health/deep, /metrics
//! curl -X POST localhost:8080/upstream/crash  also /restart, /slow (300 ms), /errors (half of all), /well
//! ```
//!
//! The service calls its upstream through the whole pipeline: deadline, retry with budget, breaker, bulkhead, attempt
//! timeout; below it stand two tiers, the last good answer and a constant. Its readiness does not look at the upstream:
//! every replica shares it, and all of them would leave the load balancer at once.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ninefold::live::fallback::Answered;
use ninefold::live::http::{classify_response, send_budget};
use ninefold::live::pipeline::{Attempt, Pipeline, PipelineEvent, PipelineLayer};
use ninefold::live::{Clock, Refusal, prometheus, seed};
use ninefold::resilience::ErrorClass;
use ninefold::resilience::bulkhead::BulkheadConfig;
use ninefold::resilience::circuit_breaker::{BreakerConfig, Probing, Trip, Window};
use ninefold::resilience::fallback::{Dependency, TierConfig};
use ninefold::resilience::health_endpoint::{DeepCheck, DeepStep, Reach, Readiness, Watchdog};
use ninefold::resilience::pipeline::{AttemptEnd, PipelineConfig, Request as About};
use ninefold::resilience::registry::{Observe, Registry};
use ninefold::resilience::retry::{Backoff, RetryConfig};
use ninefold::resilience::retry_budget::{RatioBudget, RatioConfig, RetryBudget};
use ninefold::resilience::shared::Shared;
use ninefold::time::{Span, Time};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tower::{Layer, Service as _, ServiceExt, service_fn as tower_fn};

/// Whatever went wrong.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;
/// What a page is answered with.
pub type Answer = Response<Full<Bytes>>;

/// What is wrong with the upstream; nothing at first.
#[derive(Clone, Copy, Default)]
pub struct Switch {
    /// Added to every answer.
    pub delay: Duration,
    /// Answers that are a 500, of one hundred.
    pub errors_percent: u64,
}

/// A server that can be killed and brought back at the same address.
pub struct Upstream {
    /// Where it listens, also after a restart.
    pub address: SocketAddr,
    /// What is wrong with it.
    pub switch: Arc<Mutex<Switch>>,
    /// Requests that have reached it.
    pub received: Arc<AtomicU64>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Upstream {
    /// Starts on a free port.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start() -> Result<Arc<Self>, Fault> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (switch, received, task) = (Arc::default(), Arc::default(), Mutex::new(None));
        let upstream = Arc::new(Upstream { address: listener.local_addr()?, switch, received, task });
        upstream.serve(listener);
        Ok(upstream)
    }

    /// Closes the socket and all connections at once.
    pub fn crash(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    /// Listens again.
    ///
    /// # Errors
    /// If the port stays taken for a second.
    pub async fn restart(&self) -> Result<(), Fault> {
        self.crash();
        // the aborted task lets go of the socket when it is next scheduled
        for _ in 0..100 {
            if let Ok(listener) = TcpListener::bind(self.address).await {
                self.serve(listener);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err("the port of the upstream stays taken".into())
    }

    fn serve(&self, listener: TcpListener) {
        let (switch, received) = (Arc::clone(&self.switch), Arc::clone(&self.received));
        let answer = move |_: Request<Incoming>| {
            let number = received.fetch_add(1, Ordering::Relaxed);
            let switch = *switch.lock().unwrap_or_else(PoisonError::into_inner);
            async move {
                tokio::time::sleep(switch.delay).await;
                // spreads the errors evenly: 50 % is every second answer
                let fails = (number + 1) * switch.errors_percent / 100 > number * switch.errors_percent / 100;
                let status = if fails { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
                text(status, format!("price list {number}\n"))
            }
        };
        let task = tokio::spawn(accept(listener, answer));
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

/// Serves every connection in a task of its own; all of them end with this one.
pub async fn accept<A, F>(listener: TcpListener, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true); // only slower without
        let answer = answer.clone();
        let serve = service_fn(move |request| {
            let answer = answer(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve);
        connections.spawn(async move { connection.await.is_ok() });
        while connections.try_join_next().is_some() {}
    }
}

/// A page of text.
pub fn text(status: StatusCode, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

/// One request over one connection.
///
/// # Errors
/// If nobody listens, or the connection breaks.
pub async fn request(address: SocketAddr, request: Request<Empty<Bytes>>) -> Result<Response<Bytes>, Fault> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(parts, body))
}

/// An attempt at the upstream, which is told how long it has.
async fn attempt(upstream: SocketAddr, attempt: Attempt<()>) -> Result<Response<Bytes>, Fault> {
    let mut of_attempt = Request::new(Empty::new());
    if let Some(timeout) = attempt.timeout {
        send_budget(of_attempt.headers_mut(), timeout);
    }
    request(upstream, of_attempt).await
}

/// An answer by its status, an error as not connected, a refusal by its own class.
pub fn classify(result: &Result<Response<Bytes>, Fault>) -> AttemptEnd {
    match result {
        Ok(response) => classify_response(response),
        Err(error) => {
            let refusal = error.downcast_ref::<Refusal>().map(|refusal| refusal.class);
            AttemptEnd::failed(refusal.unwrap_or(ErrorClass::Connect))
        }
    }
}

/// The numbers; see docs/resilience.md for how to choose them.
///
/// # Errors
/// If one is out of range.
pub fn config() -> Result<PipelineConfig, Fault> {
    let upstream = Dependency(0);
    let backoff = Backoff { base: Span::from_millis(10), cap: Span::from_millis(50), ..Backoff::default() };
    Ok(PipelineConfig {
        dependency: Some(upstream),
        tiers: vec![
            TierConfig { max_age: Some(Span::MINUTE), ..TierConfig::default() }, // 1: the last good answer
            TierConfig::default(),                                               // 2: a constant
        ],
        deadline: Some(Span::SECOND),
        retry: Some(RetryConfig { max_attempts: 2, backoff, ..RetryConfig::default() }),
        budget: RetryBudget::Ratio(RatioBudget::new(RatioConfig::share(1_000))?),
        breaker: Some(BreakerConfig {
            trip: Trip::Rate { window: Window::Count { size: 20 }, min_calls: 10 },
            open_for: Span::from_millis(300),
            half_open: Probing::Rate { permitted: 3 },
            ..BreakerConfig::default()
        }),
        bulkhead: Some(BulkheadConfig {
            max_queue: 64,
            queue_timeout: Span::from_millis(50),
            ..BulkheadConfig::new(32)
        }),
        attempt_timeout: Some(Span::from_millis(100)),
        ..PipelineConfig::new(1)
    })
}

/// The last good answer of the upstream, and when it came.
type Stored = Arc<Mutex<Option<(Time, Bytes)>>>;

fn stored(cache: &Stored) -> Option<(Time, Bytes)> {
    cache.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

type BoxedClient = tower::util::BoxCloneSyncService<(), Answered<Response<Bytes>>, Fault>;

/// The service and what its endpoints show.
pub struct Service {
    /// The policies on the way to the upstream.
    pub pipeline: Pipeline,
    /// What they went through.
    pub events: Arc<Mutex<Vec<PipelineEvent>>>,
    clock: Clock,
    client: BoxedClient,
    readiness: Mutex<Readiness>,
    watchdog: Mutex<Watchdog>,
    deep: Shared<DeepCheck>,
    registry: Mutex<Registry<Box<dyn Observe + Send>>>,
    upstream: Arc<Upstream>,
}

impl Service {
    /// A warm service before this upstream, with a pipeline of this configuration.
    ///
    /// # Errors
    /// If a number of `config` is out of range.
    pub fn new(upstream: Arc<Upstream>, config: PipelineConfig) -> Result<Arc<Self>, Fault> {
        let clock = Clock::start();
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&events);
        let hear = move |event| log.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        let pipeline = Pipeline::observed(config, clock, seed(), hear)?;
        let cache = Stored::default();
        let mut registry = Registry::<Box<dyn Observe + Send>>::default();
        registry.insert("upstream", Box::new(pipeline.clone()))?;
        let mut readiness = Readiness::new(&[Reach::Shared]);
        readiness.warmed_up();
        Ok(Arc::new(Service {
            client: client(&pipeline, upstream.address, clock, &cache),
            pipeline,
            events,
            clock,
            readiness: Mutex::new(readiness),
            watchdog: Mutex::new(Watchdog::new(Span::from_secs(5), clock.now())?),
            deep: Shared::new(DeepCheck::new(Span::SECOND)),
            registry: Mutex::new(registry),
            upstream,
        }))
    }

    /// Serves on this listener for ever; spawn it.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let (beating, driving) = (Arc::clone(&self), self.pipeline.clone());
        let beat = async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let now = beating.clock.now();
                beating.watchdog.lock().unwrap_or_else(PoisonError::into_inner).beat(now);
            }
        };
        let answer = move |request: Request<Incoming>| {
            let service = Arc::clone(&self);
            async move { service.answer(request).await }
        };
        tokio::select! {
            () = accept(listener, answer) => {}
            () = beat => {}
            () = driving.drive() => {}
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let ok = |well: bool| if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/") => self.work().await,
            (&Method::GET, "/health/live") => {
                let alive = self.watchdog.lock().unwrap_or_else(PoisonError::into_inner).alive(self.clock.now());
                text(ok(alive), format!("alive: {alive}\n"))
            }
            (&Method::GET, "/health/ready") => {
                let ready = self.readiness.lock().unwrap_or_else(PoisonError::into_inner).ready();
                text(ok(ready.is_ok()), format!("{ready:?}\n"))
            }
            (&Method::GET, "/health/deep") => self.deep().await,
            (&Method::GET, "/metrics") => {
                let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
                let mut response = text(StatusCode::OK, prometheus::render(&registry.snapshot(self.clock.now())));
                let kind = hyper::header::HeaderValue::from_static(prometheus::CONTENT_TYPE);
                response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
                response
            }
            (&Method::POST, path) => self.operate(path.trim_start_matches("/upstream/")).await,
            _ => text(StatusCode::NOT_FOUND, "no such page\n".to_owned()),
        }
    }

    /// The page: through the pipeline, and honest about its tier.
    async fn work(&self) -> Answer {
        let answer = self.client.clone().call(()).await;
        let (status, tier, body) = match answer {
            Ok(answer) => (answer.response.status(), answer.tier.to_string(), answer.response.into_body()),
            Err(error) => (StatusCode::BAD_GATEWAY, "none".to_owned(), Bytes::from(format!("{error}\n"))),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        if let Ok(tier) = tier.parse() {
            response.headers_mut().insert("x-tier", tier);
        }
        response
    }

    /// Asks the upstream itself, at most once per second, whoever asks how often.
    async fn deep(&self) -> Answer {
        match self.deep.with(|deep| deep.request(self.clock.now())) {
            DeepStep::Run => {
                let asked = request(self.upstream.address, Request::new(Empty::new()));
                let well = matches!(tokio::time::timeout(Duration::from_millis(200), asked).await, Ok(Ok(_)));
                self.readiness.lock().unwrap_or_else(PoisonError::into_inner).dependency(0, well);
                self.deep.with(|deep| deep.finished(self.clock.now()));
                text(StatusCode::OK, format!("upstream: {well}, just now\n"))
            }
            DeepStep::Cached(age) => {
                let readiness = self.readiness.lock().unwrap_or_else(PoisonError::into_inner);
                text(StatusCode::OK, format!("upstream: {}, {age} ago\n", readiness.report()[0].1))
            }
            DeepStep::Busy => text(StatusCode::SERVICE_UNAVAILABLE, "the first check still runs\n".to_owned()),
        }
    }

    /// The switch of the upstream.
    async fn operate(&self, what: &str) -> Answer {
        let set = |switch| *self.upstream.switch.lock().unwrap_or_else(PoisonError::into_inner) = switch;
        match what {
            "crash" => self.upstream.crash(),
            "restart" => match self.upstream.restart().await {
                Ok(()) => {}
                Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            },
            "slow" => set(Switch { delay: Duration::from_millis(300), errors_percent: 0 }),
            "errors" => set(Switch { delay: Duration::ZERO, errors_percent: 50 }),
            "well" => set(Switch::default()),
            _ => return text(StatusCode::NOT_FOUND, "crash, restart, slow, errors or well\n".to_owned()),
        }
        text(StatusCode::OK, format!("upstream: {what}\n"))
    }
}

/// The pipeline before the upstream; good answers are stored on the way, for tier 1.
fn client(pipeline: &Pipeline, upstream: SocketAddr, clock: Clock, cache: &Stored) -> BoxedClient {
    let (store, load, age) = (Arc::clone(cache), Arc::clone(cache), Arc::clone(cache));
    let send = tower_fn(move |of_attempt: Attempt<()>| {
        let store = Arc::clone(&store);
        async move {
            let response = attempt(upstream, of_attempt).await?;
            if response.status().is_success() {
                *store.lock().unwrap_or_else(PoisonError::into_inner) = Some((clock.now(), response.body().clone()));
            }
            Ok(response)
        }
    });
    let about = move |(): &()| {
        let cached_age = stored(&age).map(|(at, _)| clock.now().since(at));
        About { idempotent: true, cached_age, ..About::default() }
    };
    let tiers = move |tier: usize, ()| {
        let cached = stored(&load).map(|(_, body)| body);
        let body = if tier == 1 { cached } else { Some(Bytes::from_static(b"prices on request\n")) };
        std::future::ready(body.map(Response::new))
    };
    BoxedClient::new(PipelineLayer::new(pipeline.clone(), classify, about, tiers).layer(send).map_err(Fault::from))
}

#[allow(clippy::print_stdout)] // an example may talk
#[tokio::main]
async fn main() -> Result<(), Fault> {
    let upstream = Upstream::start().await?;
    let service = Service::new(Arc::clone(&upstream), config()?)?;
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    println!("service on http://{}, upstream on http://{}", listener.local_addr()?, upstream.address);
    service.serve(listener).await;
    Ok(())
}
