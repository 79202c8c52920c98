//! Small models for the tests of this module.

use crate::model::dist::Law;
use crate::model::failover::{Detection, Policy, Propagation, Routing};
use crate::model::failure::{Ages, Crew, CrewId, Fault, Mode, Per, Process, Role, Strikes, Target};
use crate::model::topology::{
    Pool, PoolId, Reads, Region, RegionId, Service, ServiceId, ServiceKind, Standby, Zone, ZoneId,
};
use crate::model::traffic::Group;
use crate::model::{Ends, Model, Start};
use crate::time::Span;

/// One pool of `nodes` nodes of which `need` must serve, in one region; lives and repairs are exponential, means in h.
pub fn fleet(nodes: u32, need: u32, life_h: u64, repair_h: u64) -> Model {
    let law = |hours: u64| Law::exponential(Span::HOUR * hours);
    let service = Service {
        name: "app".to_owned(),
        kind: ServiceKind::Server,
        pools: vec![PoolId(0)],
        needs: Vec::new(),
        health_check: None,
        failover: None,
        replication: None,
        reads: Reads::Primary,
    };
    let pool = Pool {
        service: ServiceId(0),
        region: Some(RegionId(0)),
        zones: vec![ZoneId(0)],
        nodes,
        need,
        capacity: None,
        warm_up: None,
        autoscale: None,
        standby: Standby::hot(),
        coverage: None,
    };
    let process = Process::Random {
        fails: law(life_h),
        repair: law(repair_h),
        ages: Ages::Always,
        crew: None,
        beta: 0.0,
        load_power: 0.0,
        latent: None,
    };
    Model {
        name: "fleet".to_owned(),
        horizon: Span::YEAR,
        start: Start::Up,
        ends: Ends::Horizon,
        points: Vec::new(),
        writes: 1.0,
        down_below: 0.9,
        regions: vec![Region {
            name: "here".to_owned(),
            zones: vec![ZoneId(0)],
            restart: Law::fixed(Span::ZERO),
            zone_latency: Law::fixed(Span::ZERO),
        }],
        zones: vec![Zone { name: "a".to_owned(), region: RegionId(0) }],
        services: vec![service],
        pools: vec![pool],
        links: Vec::new(),
        groups: vec![Group {
            name: "everyone".to_owned(),
            near: RegionId(0),
            share: 1.0,
            rate: None,
            mix: Vec::new(),
            fallback: Vec::new(),
        }],
        traffic: crate::model::traffic::Traffic::default(),
        routing: Routing {
            entry: ServiceId(0),
            policy: Policy::Latency,
            detection: Detection::Instant,
            failback: None,
            panic: 0.5,
            propagation: Propagation::Instant,
            spill: true,
        },
        faults: vec![Fault {
            cause: "app".to_owned(),
            mode: Mode::Crash { silent: false },
            check_fails: 1.0,
            target: Target::EachNode { pool: PoolId(0), zone: None },
            strikes: Strikes::Each,
            role: Role::Any,
            process,
        }],
        deploys: Vec::new(),
        crews: Vec::new(),
        objectives: Vec::new(),
        costs: None,
        experiments: Vec::new(),
    }
}

/// All random faults of `model` mended by crews.
pub fn with_crew(mut model: Model, size: u32, per: Per, dispatch: Law) -> Model {
    for fault in &mut model.faults {
        if let Process::Random { crew, .. } = &mut fault.process {
            *crew = Some(CrewId(0));
        }
    }
    model.crews = vec![Crew { name: "ops".to_owned(), size, per, priority: Vec::new(), dispatch }];
    model
}
