//! The models of the benchmarks, by hand: W1 (two regions of 8 parts) and W3 (n parts alike).

use ninefold::model::dist::Law;
use ninefold::model::failover::{Detection, Policy, Propagation, Routing};
use ninefold::model::failure::{Ages, Fault, Mode, Process, Role, Strikes, Target};
use ninefold::model::topology::{
    Need, Pool, PoolId, Reach, Region, RegionId, Service, ServiceId, ServiceKind, Standby, Term, Zone, ZoneId,
};
use ninefold::model::traffic::Group;
use ninefold::model::{Ends, Model, Start};
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
        groups: vec![Group { name: "everyone".to_owned(), near: RegionId(0), share: 1.0, rate: None }],
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
    }
}

fn random(target: Target, mtbf_h: u64, mttr_h: u64) -> Fault {
    let law = |hours: u64| Law::exponential(Span::HOUR * hours);
    Fault {
        cause: "fault".to_owned(),
        mode: Mode::Crash { silent: false },
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
