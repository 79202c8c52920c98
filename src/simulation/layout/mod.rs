//! A model compiled for the event loop: dense indices, gates, keys of random streams; made once, shared by all trials.
//!
//! - a *shelf* is a set of nodes of one pool that share their fate as to place and standby: one zone, and either
//!   always running or stopped while the pool waits;
//! - a *unit* is what a fault can hold: a node, a zone, a region, a service;
//! - a *clock* is one random fault on one unit, alive or under repair: a leaf of the winner tree;
//! - a *process* is a failover: of a service among its pools, or of the active region.

mod ailments;
mod clock;
mod copies;
mod crews;
mod cuts;
mod drains;
mod groups;
pub mod load;
pub(in crate::simulation) mod order;
mod plain;
mod plans;
mod processes;
mod readers;
mod rollout;
mod routing;
mod structure;
mod units;
mod windows;

use super::gates::{Edge, GateId, Wiring};
use super::ledger::Meter;
use crate::engine::streams::EntityKey;
use crate::model::dist::Law;
use crate::model::elastic::{Autoscale, WarmUp};
use crate::model::failure::{Ages, Mode, Target};
use crate::model::topology::{Coverage, GroupId, Pool, Term};
use crate::model::{Ends, Model};
use crate::time::{Span, Time};
use std::ops::Range;

pub use ailments::{Ailment, Manner};
pub use clock::{Calendar, ClockPlan, Kind, NOT_PLAIN};
pub use crews::{CallerPlan, CrewPlan, Job};
pub use groups::{GroupPlan, Pick, ShockPlan};
pub use plans::{Choice, Data, Place, Process, RoutingPlan, SemiSync, Tracked};
pub use rollout::RolloutPlan;
pub use windows::{Lost, WindowPlan, subject_number};

/// The compiled model.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts about a model, each by itself")]
pub struct Layout {
    /// End of the trial on its own clock; a dropped warm-up comes before.
    pub end: Time,
    /// Time that is run and dropped before counting begins.
    pub warm_up: Span,
    /// When a trial ends.
    pub ends: Ends,
    /// Draw the start from the long run?
    pub stationary: bool,
    /// Level under which a subject is down.
    pub down_below: f64,
    /// Structure gates.
    pub wiring: Wiring,
    /// Sets of nodes with one fate.
    pub shelves: Vec<Shelf>,
    /// By pool.
    pub pools: Vec<PoolPlan>,
    /// By unit from the first place on: the shelves in it.
    pub place_shelves: Vec<Vec<u32>>,
    /// The first unit that is a place: zones, regions, services.
    pub first_place: u32,
    /// What faults can hold.
    pub units: Vec<Unit>,
    /// Random faults by unit; the clocks of a unit are neighbours.
    pub clocks: Vec<ClockPlan>,
    /// By clock: who mends its part, if somebody must; empty if there are no crews.
    pub jobs: Vec<Option<Job>>,
    /// Sets of crews.
    pub crews: Vec<CrewPlan>,
    /// What they have in common.
    pub kinds: Vec<Kind>,
    /// Are any of them shared?
    pub some_share: bool,
    /// Does any age stand still while its part is masked or stopped?
    pub masks_stop_ages: bool,
    /// Groups of units.
    pub groups: Vec<GroupPlan>,
    /// Shocks that strike many nodes at once.
    pub shocks: Vec<ShockPlan>,
    /// By pool: places and groups around it with faults that depend on its role.
    pub follow_role: Vec<Vec<u32>>,
    /// Can any fault be latent?
    pub some_hide: bool,
    /// The label of downtime for inspections.
    pub inspection_cause: u32,
    /// What can be wrong with parts beyond their being down.
    pub ailments: Vec<Ailment>,
    /// By pool: who looks at its nodes, where they can ail.
    pub watchers: Vec<Vec<Edge>>,
    /// Deploys.
    pub rollouts: Vec<RolloutPlan>,
    /// Calendar faults.
    pub calendars: Vec<Calendar>,
    /// Flags of what is not announced as soon out: regions, pools.
    pub drains: Vec<(Target, GateId)>,
    /// Labels that downtime is blamed on.
    pub causes: Vec<String>,
    /// The label of downtime for the way back.
    pub failback_cause: u32,
    /// The label of downtime of requests that no fault has begun, for the request clock.
    pub request_cause: u32,
    /// By zone: its region.
    pub zone_region: Vec<u32>,
    /// Names of the parts whose faults are counted.
    pub sites: Vec<String>,
    /// Names of those with a level: `system`, groups, services, regions.
    pub subjects: Vec<String>,
    /// Subject number of the first group, service and region.
    pub first_group: usize,
    /// Subject number of the first service.
    pub first_service: usize,
    /// Subject number of the first region.
    pub first_region: usize,
    /// Failovers of services, then of the active region.
    pub processes: Vec<Process>,
    /// How users find a region.
    pub routing: RoutingPlan,
    /// What partitions cut.
    pub cuts: cuts::Cuts,
    /// Conjunctions of flags of cuts, made once each.
    flag_gates: Vec<(Vec<GateId>, GateId)>,
    /// The way of the demand, where levels are more than gates.
    pub load: Option<load::LoadPlan>,
    /// Gate of each service.
    pub service_gates: Vec<GateId>,
    /// Gate of each region: does its entry serve?
    pub region_gates: Vec<GateId>,
    /// Gate of each region: could its entry serve, were its stopped nodes running?
    pub region_levels: Vec<GateId>,
    /// By service: the processes that it depends on, itself included.
    pub service_processes: Vec<Vec<u32>>,
    /// By objective: the windows in which its availability is asked for.
    pub windows: Vec<WindowPlan>,
    /// The service that users reach first.
    pub entry: usize,
    /// By region: time from the end of an outage there until its nodes serve.
    pub restart: Vec<Law>,
    /// By region: stream of these times.
    pub region_keys: Vec<EntityKey>,
    /// Links that can be slow, for requests.
    pub grays: Vec<Gray>,
    /// Is it for the request clock? Then every fault is known node by node.
    pub for_requests: bool,
    /// By pool, for requests: enough nodes serve and what it depends on holds, its calls aside.
    pub admits: Vec<GateId>,
    /// By pool, for requests: it takes writes.
    pub takes_writes: Vec<Option<GateId>>,
    /// By group: regions that host the entry, least latency first.
    pub by_latency: Vec<Vec<u32>>,
}

/// A set of nodes with one fate.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// The pool.
    pub pool: u32,
    /// The zone, if it stands in one.
    pub zone: Option<u32>,
    /// How many nodes.
    pub nodes: u32,
    /// Those of them that are on at the start.
    pub nodes_at_start: u32,
    /// Counts nodes that serve.
    pub serving: GateId,
    /// Counts nodes that would serve if they were running.
    pub fit: GateId,
    /// Counts nodes of which no fault is seen; another gate than `fit` only where faults can be latent.
    pub seen: GateId,
    /// Gates that add up serving nodes over pools.
    pub sums: Vec<GateId>,
    /// Stopped while the pool waits?
    pub stoppable: bool,
}

/// A pool.
#[derive(Clone, Debug)]
pub struct PoolPlan {
    /// Its shelves.
    pub shelves: Vec<u32>,
    /// Its first node's unit; the nodes follow.
    pub first_unit: u32,
    /// Number of nodes.
    pub nodes: u32,
    /// Those of them that are on at the start: the first ones.
    pub nodes_at_start: u32,
    /// How the capacity of a node rises after a start.
    pub warm_up: Option<WarmUp>,
    /// How the number of nodes that are on follows the load.
    pub scale: Option<Autoscale>,
    /// Pace of age while it waits.
    pub ageing: f64,
    /// Time to start stopped nodes.
    pub wake: Law,
    /// Stream of wake times.
    pub wake_key: EntityKey,
    /// Does waiting change nothing?
    pub hot: bool,
    /// What the failure of a node does to the others, and the stream of its chance.
    pub coverage: Option<(Coverage, EntityKey)>,
    /// Do ages depend on how many of its nodes serve?
    pub loaded: bool,
}

impl PoolPlan {
    /// The units of its nodes.
    pub fn units(&self) -> Range<u32> {
        self.first_unit..self.first_unit + self.nodes
    }
}

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// A node on this shelf.
    Node(u32),
    /// A zone.
    Zone(u32),
    /// A region.
    Region(u32),
    /// A service with all its pools.
    Service(u32),
    /// What a partition cuts.
    Cut(u32),
    /// Some of this group of units, drawn anew each time.
    Group(u32),
    /// A link that is only slow: of the structure nobody hears of it.
    Gray(u32),
}

/// A link that can be slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gray {
    /// The link.
    pub target: Target,
    /// Its latency is so many times as long.
    pub factor: f64,
}

/// What faults can hold.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// What it is.
    pub kind: UnitKind,
    /// Its first clock; they are neighbours.
    pub first_clock: u32,
    /// How many clocks it has.
    pub clocks: u32,
    /// Where its faults are counted.
    pub site: u32,
    /// Do the ages of its clocks run whatever holds it, unless one of them does?
    pub steady: bool,
    /// Is it a node of which nothing but its being held decides whether it works?
    pub simple: bool,
    /// Is it a node that warms up?
    pub warms: bool,
}

impl Unit {
    /// A unit without clocks.
    fn new(kind: UnitKind, site: u32) -> Unit {
        Unit { kind, first_clock: 0, clocks: 0, site, steady: false, simple: false, warms: false }
    }
}

impl Layout {
    /// Compile `model` for the structure clock alone.
    pub fn new(model: &Model) -> Layout {
        Layout::compile(model, false)
    }

    /// Compile `model` for requests too.
    pub fn for_requests(model: &Model) -> Layout {
        Layout::compile(model, true)
    }

    /// A layout of nothing but what the model says at once.
    fn bare(model: &Model, for_requests: bool) -> Layout {
        let warm_up = match model.start {
            crate::model::Start::Up => Span::ZERO,
            crate::model::Start::Stationary { warm_up } => warm_up,
        };
        Layout {
            end: Time::ZERO + warm_up + model.horizon,
            warm_up,
            ends: model.ends,
            stationary: model.start != crate::model::Start::Up,
            down_below: model.down_below,
            wiring: Wiring::default(),
            shelves: Vec::new(),
            pools: Vec::new(),
            place_shelves: Vec::new(),
            first_place: model.pools.iter().map(Pool::most_nodes).sum(),
            units: Vec::new(),
            clocks: Vec::new(),
            jobs: Vec::new(),
            crews: Vec::new(),
            kinds: Vec::new(),
            some_share: false,
            masks_stop_ages: false,
            groups: Vec::new(),
            shocks: Vec::new(),
            follow_role: vec![Vec::new(); model.pools.len()],
            some_hide: false,
            inspection_cause: 0,
            ailments: Vec::new(),
            watchers: vec![Vec::new(); model.pools.len()],
            rollouts: Vec::new(),
            calendars: Vec::new(),
            drains: Vec::new(),
            causes: Vec::new(),
            failback_cause: 0,
            request_cause: 0,
            zone_region: model.zones.iter().map(|zone| zone.region.0).collect(),
            sites: Vec::new(),
            subjects: subjects(model),
            first_group: 1,
            first_service: 1 + model.groups.len(),
            first_region: 1 + model.groups.len() + model.services.len(),
            processes: Vec::new(),
            routing: RoutingPlan::Direct(0),
            cuts: cuts::Cuts::default(),
            flag_gates: Vec::new(),
            load: None,
            service_gates: Vec::new(),
            region_gates: Vec::new(),
            region_levels: Vec::new(),
            service_processes: Vec::new(),
            windows: windows::plans(model),
            entry: model.routing.entry.index(),
            restart: model.regions.iter().map(|region| region.restart.clone()).collect(),
            region_keys: Vec::new(),
            grays: if for_requests { grays(model) } else { Vec::new() },
            for_requests,
            admits: Vec::new(),
            takes_writes: Vec::new(),
            by_latency: if for_requests { by_latency(model) } else { Vec::new() },
        }
    }

    fn compile(model: &Model, for_requests: bool) -> Layout {
        let mut layout = Layout::bare(model, for_requests);
        layout.cuts = cuts::collect(model, &mut layout);
        units::build(model, &mut layout);
        rollout::build(model, &mut layout);
        layout.failback_cause = layout.cause("failback");
        if for_requests {
            layout.request_cause = layout.cause("requests");
        }
        if layout.some_hide {
            layout.inspection_cause = layout.cause("inspection");
        }
        let mut structure = structure::build(model, &mut layout);
        layout.load = load::build(model, &mut layout, &mut structure);
        processes::build(model, &mut layout, &structure);
        plain::find_plain_gates(&mut layout);
        plain::find_shared(&mut layout);
        plain::find_simple(&mut layout);
        layout.masks_stop_ages = layout.kinds.iter().any(|kind| kind.ages == Ages::Running);
        layout.wiring.finish();
        layout
    }

    /// One of the pool's shelves: all of them have the same gates.
    pub fn first_shelf(&self, pool: usize) -> &Shelf {
        &self.shelves[self.pools[pool].shelves[0] as usize]
    }

    /// Names of the tiers whose use is booked.
    pub fn tier_names(&self) -> &[String] {
        let names = self.load.as_ref().map_or(&[][..], |load| &load.tier_names);
        &names[..names.len().min(64)]
    }

    /// Meters for the windows of objectives on demand.
    pub fn meters(&self) -> Vec<Meter> {
        let on_demand = self.windows.iter().filter(|plan| matches!(plan.of, Lost::Demand { .. }));
        on_demand
            .map(|plan| Meter { subject: plan.subject, length: plan.length, lost: vec![0.0; plan.count] })
            .collect()
    }

    /// Index of the label, made if it is new.
    fn cause(&mut self, label: &str) -> u32 {
        let known = self.causes.iter().position(|cause| cause == label);
        known.unwrap_or_else(|| {
            self.causes.push(label.to_owned());
            self.causes.len() - 1
        }) as u32
    }
}

/// Links that can be slow, each once with each factor.
fn grays(model: &Model) -> Vec<Gray> {
    let mut grays: Vec<Gray> = Vec::new();
    for fault in &model.faults {
        if let (Mode::Slow { factor, .. }, Target::Link { .. }) = (&fault.mode, fault.target) {
            let gray = Gray { target: fault.target, factor: *factor };
            if factor.is_finite() && !grays.contains(&gray) {
                grays.push(gray);
            }
        }
    }
    grays
}

/// By group: regions that host the entry, least latency first.
fn by_latency(model: &Model) -> Vec<Vec<u32>> {
    let order = |group: u32| {
        let regions = model.by_latency(GroupId(group)).into_iter();
        regions.filter(|&region| structure::hosts_entry(model, region)).map(|region| region.0).collect()
    };
    (0..model.groups.len() as u32).map(order).collect()
}

fn subjects(model: &Model) -> Vec<String> {
    let groups = model.groups.iter().map(|group| &group.name);
    let services = model.services.iter().map(|service| &service.name);
    let regions = model.regions.iter().map(|region| &region.name);
    std::iter::once("system".to_owned()).chain(groups.chain(services).chain(regions).cloned()).collect()
}

/// The services and pools that a term names.
fn named(term: &Term, services: &mut Vec<u32>, pools: &mut Vec<u32>) {
    match term {
        Term::Service(service) => services.push(service.0),
        Term::Pool(pool) => pools.push(pool.0),
        Term::AtLeast { of, .. } => of.iter().for_each(|term| named(term, services, pools)),
        Term::Nodes { of, .. } => pools.extend(of.iter().map(|pool| pool.0)),
    }
}
