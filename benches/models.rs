//! The models of the benchmarks, by hand: W1 (two regions of 8 parts) and W3 (n parts alike).

use ninefold::model::dist::Law;
use ninefold::model::failover::{Detection, Policy, Propagation, Routing};
use ninefold::model::failure::{Ages, Fault, Mode, Process, Role, Strikes, Target};
use ninefold::model::topology::{
    Need, Pool, PoolId, Reach, Reads, Region, RegionId, Service, ServiceId, ServiceKind, Standby, Term, Zone, ZoneId,
};
use ninefold::model::traffic::{
    Arrivals, Call, CallPolicy, CallerGone, Group, GroupTraffic, Pattern, PoolWork, ServiceWork, Shape,
};
use ninefold::model::{Ends, Model, Start};
use ninefold::resilience::bulkhead::BulkheadConfig;
use ninefold::resilience::circuit_breaker::BreakerConfig;
use ninefold::resilience::retry::{Backoff, RetryConfig, Strategy};
use ninefold::time::Span;

fn empty(horizon: Span, regions: &[&str]) -> Model {
    let all = 0..regions.len() as u32;
    let region = |id: u32| Region {
        name: regions[id as usize].to_owned(),
        zones: vec![ZoneId(id)],
        restart: Law::fixed(Span::ZERO),
        zone_latency: Law::fixed(Span::ZERO),
    };
    Model {
        name: "bench".to_owned(),
        horizon,
        start: Start::Up,
        ends: Ends::Horizon,
        points: Vec::new(),
        down_below: 0.9,
        regions: all.clone().map(region).collect(),
        zones: all.map(|id| Zone { name: "a".to_owned(), region: RegionId(id) }).collect(),
        services: Vec::new(),
        pools: Vec::new(),
        links: Vec::new(),
        groups: vec![Group {
            name: "everyone".to_owned(),
            near: RegionId(0),
            share: 1.0,
            rate: None,
            mix: Vec::new(),
            fallback: Vec::new(),
        }],
        traffic: ninefold::model::traffic::Traffic::default(),
        writes: 1.0,
        routing: Routing {
            entry: ServiceId(0),
            policy: Policy::Latency,
            detection: Detection::Instant,
            failback: None,
            panic: 0.5,
            propagation: Propagation::Instant,
            spill: true,
        },
        faults: Vec::new(),
        deploys: Vec::new(),
        crews: Vec::new(),
        objectives: Vec::new(),
        costs: None,
        experiments: Vec::new(),
    }
}

fn random(target: Target, mtbf_h: u64, mttr_h: u64) -> Fault {
    let law = |hours: u64| Law::exponential(Span::HOUR * hours);
    Fault {
        cause: "fault".to_owned(),
        mode: Mode::Crash { silent: false },
        check_fails: 1.0,
        target,
        strikes: Strikes::Each,
        role: Role::Any,
        process: Process::Random {
            fails: law(mtbf_h),
            repair: law(mttr_h),
            ages: Ages::Always,
            crew: None,
            beta: 0.0,
            load_power: 0.0,
            latent: None,
        },
    }
}

fn add_service(model: &mut Model, name: &str, nodes: u32, need: u32, needs: &[u32], mtbf_h: u64, mttr_h: u64) {
    let service = ServiceId(model.services.len() as u32);
    let mut pools = Vec::new();
    for region in 0..model.regions.len() as u32 {
        let pool = PoolId(model.pools.len() as u32);
        pools.push(pool);
        model.pools.push(Pool {
            service,
            region: Some(RegionId(region)),
            zones: vec![ZoneId(region)],
            nodes,
            need,
            capacity: None,
            warm_up: None,
            autoscale: None,
            standby: Standby::hot(),
            coverage: None,
        });
        model.faults.push(random(Target::EachNode { pool, zone: None }, mtbf_h, mttr_h));
    }
    let need = |&id: &u32| Need::hard(Term::Service(ServiceId(id)), Reach::ByTarget);
    model.services.push(Service {
        name: name.to_owned(),
        kind: ServiceKind::Server,
        pools,
        needs: needs.iter().map(need).collect(),
        health_check: None,
        failover: None,
        replication: None,
        reads: Reads::Primary,
    });
}

/// W1 of the published workloads: availability of two regions, 16 independent parts, 10 years of 8760 h.
#[allow(dead_code)]
pub fn w1() -> Model {
    let mut model = empty(Span::HOUR * 87_600, &["left", "right"]);
    add_service(&mut model, "lb", 2, 1, &[1], 4_000, 1);
    add_service(&mut model, "app", 3, 2, &[2], 1_000, 2);
    add_service(&mut model, "db", 2, 1, &[], 2_000, 4);
    for region in 0..2 {
        model.faults.push(random(Target::Region(RegionId(region)), 8_760, 3));
    }
    model
}

/// W3: `parts` independent parts alike, long enough for `events` expected events.
#[allow(dead_code)]
pub fn w3(parts: u32, events: f64) -> Model {
    let hours = events * 1_010.0 / (2.0 * f64::from(parts));
    let mut model = empty(Span::from_secs_f64(hours * 3_600.0), &["here"]);
    add_service(&mut model, "part", parts, 1, &[], 1_000, 10);
    model
}

/// W2: Poisson arrivals at 100/s over an hour, 4 servers of 8 slots in turn, each attempt with a call to a shared
/// database of 16 slots; a timeout of 500 ms and 3 retries with full jitter. `guarded`: with a breaker and a bulkhead too.
#[allow(dead_code)]
pub fn w2(guarded: bool) -> Model {
    let mut model = empty(Span::HOUR, &["here"]);
    for (id, name, kind) in [(0, "server", ServiceKind::Server), (1, "database", ServiceKind::Database)] {
        model.services.push(Service {
            name: name.to_owned(),
            kind,
            pools: vec![PoolId(id)],
            needs: Vec::new(),
            health_check: None,
            failover: None,
            replication: None,
            reads: Reads::Primary,
        });
        model.pools.push(Pool {
            service: ServiceId(id),
            region: Some(RegionId(0)),
            zones: vec![ZoneId(0)],
            nodes: if id == 0 { 4 } else { 1 },
            need: 1,
            capacity: None,
            standby: Standby::hot(),
            coverage: None,
            warm_up: None,
            autoscale: None,
        });
        let caller_gone = CallerGone::SkipQueued;
        model.traffic.services.push(ServiceWork { caller_gone, ..ServiceWork::default() });
        model.traffic.pools.push(PoolWork {
            slots: Some(if id == 0 { 8 } else { 16 }),
            service_time: Law::exponential(Span::from_millis(if id == 0 { 50 } else { 10 })),
            errors: if id == 0 { 0.02 } else { 0.0 },
            ..PoolWork::default()
        });
    }
    let policy = CallPolicy::default();
    let (from, to) = (ServiceId(0), ServiceId(1));
    let (only, tiers) = (Vec::new(), Vec::new());
    model.traffic.calls.push(Call {
        from,
        to,
        reach: Reach::ByTarget,
        share: 1.0,
        times: 1,
        stage: 1,
        only,
        policy,
        tiers,
    });
    let backoff =
        Backoff { strategy: Strategy::Exponential { factor: 2.0 }, base: Span::from_millis(100), ..Backoff::default() };
    let policy = CallPolicy {
        timeout: Some(Span::from_millis(500)),
        retry: Some(RetryConfig { max_attempts: 4, backoff, ..RetryConfig::default() }),
        breaker: guarded.then(BreakerConfig::default),
        bulkhead: guarded.then(|| BulkheadConfig::new(64)),
        ..CallPolicy::default()
    };
    let arrivals =
        Arrivals::Open { rate: 100.0, pattern: Pattern::Poisson, shape: Shape::Steady, bursts: Vec::new(), clients: 1 };
    model.groups[0].rate = Some(100.0);
    model.traffic.groups.push(GroupTraffic { arrivals, mix: Vec::new(), policy, tiers: Vec::new() });
    model
}
