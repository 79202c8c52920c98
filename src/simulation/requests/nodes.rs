//! Nodes as requests meet them: what is wrong with one, who works and waits there, what it refuses.

use std::collections::VecDeque;

use rand::RngExt;

use super::Requests;
use super::allowance::Allowance;
use super::event::{Todo, TodoList};
use super::plan::{PoolPlan, ServicePlan};
use super::state::{Answer, Id, Job, Origin, Quality, Stage};
use super::work::{ERROR, WORK};
use crate::engine::streams::Streams;
use crate::model::traffic::QueueOrder;
use crate::resilience::ErrorClass;
use crate::resilience::codel::{CoDel, CoDelConfig};
use crate::resilience::concurrency_limit::ConcurrencyLimit;
use crate::resilience::load_shedding::{Criticality, LoadShedder, ShedDecision, Utilisation};
use crate::simulation::watch::Watch;
use crate::time::{Span, Time};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own, and they mix")]
pub struct Condition {
    /// Does it run at all?
    pub up: bool,
    /// If not: do packets vanish, so that callers wait for their timeout?
    pub silent: bool,
    /// Does it hold all work and packets?
    pub hung: bool,
    /// So many times as slow.
    pub factor: f64,
    /// Share of its answers that fail.
    pub errors: f64,
    /// Do writes fail?
    pub full: bool,
    /// Slower and slower: since when, for how long, up to which factor.
    pub ramp: Option<(Time, Span, f64)>,
    /// Its clock is ahead by so much, for deadlines on it.
    pub skew: Span,
    /// Share of the checks that fail for it: perhaps not all though it does not run.
    pub check_fails: f64,
    /// Share of the checks from outside that miss it though it is well: its zone is cut off.
    pub missed: f64,
    /// Does its pool serve: enough nodes, and what it depends on?
    pub admits: bool,
    /// Does its pool take writes?
    pub writes: bool,
    /// Was it scaled away? What it has in hand ends, and nobody is sent to it.
    pub off: bool,
}

impl Condition {
    /// Nothing.
    pub const WELL: Condition = Condition {
        up: true,
        silent: false,
        hung: false,
        factor: 1.0,
        errors: 0.0,
        full: false,
        ramp: None,
        skew: Span::ZERO,
        check_fails: 0.0,
        missed: 0.0,
        admits: true,
        writes: true,
        off: false,
    };

    /// Is it as fast as it should be, now and later?
    #[expect(clippy::float_cmp, reason = "a factor that nobody has touched is 1 to the bit")]
    pub fn is_even(&self) -> bool {
        self.factor == 1.0 && self.ramp.is_none()
    }
}

/// A node.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Node<'a> {
    /// Its pool.
    pub pool: &'a PoolPlan,
    /// Its service.
    pub service: &'a ServicePlan,
    /// What is wrong with it.
    pub condition: Condition,
    /// Is nothing wrong, and nobody there who counts, slows down, refuses or waits for copies?
    pub usual: bool,
    /// Share of its answers that fail.
    pub errors: f64,
    /// Is it believed to be well by those who balance?
    pub member: bool,
    /// Does a check that looks at dependencies miss one?
    pub misses: bool,
    /// The readiness check that they go by.
    pub watch: Option<Watch>,
    /// The check under this condition, as its watch takes it.
    pub detection: crate::model::failover::Detection,
    /// Draws of its checks.
    pub checks: crate::engine::streams::Stream,
    /// Checks that go through it.
    pub probes: [Option<super::health::Prober>; 3],
    /// Since when it runs.
    pub started: Option<Time>,
    /// Counts its lives.
    pub life: u32,
    /// Is it being restarted?
    pub restarting: bool,
    /// Since when it is scaled away, the last time that it was.
    pub retired: Time,
    /// What the scaling of its pool looks at, if it scales.
    pub meter: Option<super::scaling::Meter>,
    /// Requests that hold a slot.
    pub busy: u32,
    /// Requests that wait for one.
    pub queue: VecDeque<Id>,
    /// Requests that are held up.
    pub held: Vec<Id>,
    /// What it lets in by its `capacity`, if no slots do.
    pub(super) allowance: Option<Allowance>,
    shedder: Option<LoadShedder>,
    /// Adaptive limit.
    pub limit: Option<ConcurrencyLimit>,
    /// Controlled delay of the queue.
    pub codel: Option<CoDel>,
}

impl<'a> Requests<'a> {
    /// All nodes well and idle.
    pub(super) fn start_nodes(&mut self, streams: &Streams) {
        self.nodes.clear();
        for index in 0..self.plan.nodes.len() {
            let node = self.new_node(index, streams);
            self.nodes.push(node);
        }
        self.routes.reset(self.plan);
        self.start_looks();
        for node in 0..self.plan.nodes.len() as u32 {
            self.schedule_beliefs(node);
            self.start_probes(self.begun, node);
        }
    }

    fn new_node(&self, index: usize, streams: &Streams) -> Node<'a> {
        let plans = self.plan;
        let plan = &plans.nodes[index];
        let pool = &plans.pools[plan.pool as usize];
        let service = &plans.services[pool.service as usize];
        let detection = service.detection();
        let mut checks = streams.stream(plan.checks);
        let watch =
            service.check.as_ref().filter(|check| !check.through_queue).map(|_| Watch::new(&detection, &mut checks));
        let (shedder, limit, codel) = self.load_policies(plan.pool);
        let mut node = Node {
            pool,
            service,
            condition: Condition::WELL,
            usual: false,
            errors: 0.0,
            member: true,
            misses: false,
            watch,
            detection,
            probes: super::health::probers(service, &mut checks),
            checks,
            started: None,
            life: 0,
            restarting: false,
            retired: Time::ZERO,
            meter: pool.scale.map(|_| super::scaling::Meter::new(self.begun)),
            busy: 0,
            queue: VecDeque::new(),
            held: Vec::new(),
            allowance: pool.capacity.filter(|_| pool.work.slots.is_none()).and_then(Allowance::new),
            shedder,
            limit,
            codel,
        };
        node.reckon();
        node
    }

    /// What a node of the pool decides by under load, as new.
    fn load_policies(&self, pool: u32) -> (Option<LoadShedder>, Option<ConcurrencyLimit>, Option<CoDel>) {
        let pool = &self.plan.pools[pool as usize];
        let work = &self.plan.services[pool.service as usize].work;
        let shedder = work.shedding.and_then(|config| LoadShedder::new(config).ok());
        let limit = work.limit.and_then(|config| ConcurrencyLimit::new(config).ok());
        (shedder, limit, codel(&pool.work))
    }

    /// The node has crashed: nobody works or waits there, and what its policies remembered of load is gone.
    pub(super) fn forget_load(&mut self, now: Time, index: u32) {
        let (shedder, limit, codel) = self.load_policies(self.plan.nodes[index as usize].pool);
        let node = &mut self.nodes[index as usize];
        (node.shedder, node.limit, node.codel) = (shedder, limit, codel);
        node.count_busy(now);
        node.empty();
    }
}

fn codel(work: &crate::model::traffic::PoolWork) -> Option<CoDel> {
    let adaptive = work.order == QueueOrder::AdaptiveLifo;
    let config = work.codel.or(adaptive.then(CoDelConfig::default))?;
    CoDel::new(CoDelConfig { lifo_when_overloaded: adaptive, ..config }).ok()
}

impl Node<'_> {
    /// What follows from its condition.
    pub fn reckon(&mut self) {
        let (condition, work) = (&self.condition, &self.pool.work);
        self.errors = work.errors + condition.errors - work.errors * condition.errors;
        let well = condition.up && !condition.hung && condition.admits && condition.writes && !condition.full;
        let policies = self.allowance.is_some() || self.shedder.is_some() || self.limit.is_some();
        let even = condition.is_even() && self.pool.warm_up.is_none() && work.contention.is_zero();
        let copies = self.service.replication.is_some();
        self.usual = well && !condition.off && even && !policies && self.meter.is_none() && !copies;
    }

    /// Is the attempt one that nothing at the door keeps out?
    #[inline]
    pub fn admits(&self, job: &Job) -> bool {
        let timely = job.deadline == Time::NEVER || !self.service.stops();
        self.usual && timely && !job.origin.is_check()
    }

    /// Is a slot free?
    #[inline]
    pub fn has_room(&self) -> bool {
        self.pool.work.slots.is_none_or(|slots| self.busy < slots)
    }

    /// The attempt gets a slot; answers how long it will be in work there as things stand.
    #[inline(always)]
    pub fn begin(&mut self, now: Time, job: &mut Job) -> Span {
        let work = if self.usual && !job.origin.is_check() {
            self.busy += 1;
            self.pool.work.service_time.sample(&mut job.about.key.draw(WORK))
        } else {
            self.count_busy(now);
            self.busy += 1;
            self.work_of(now, job)
        };
        (job.slotted, job.stage, job.due) = (true, Stage::Working, now + work);
        work
    }

    /// The node has done all it can for the attempt, which gives its slot back and answers; the answer, if it must not
    /// be given yet.
    #[inline(always)]
    pub fn end(
        &mut self,
        (id, job): (Id, &mut Job),
        at_once: bool,
        todo: &mut TodoList,
        answer: Answer,
    ) -> Result<(), Answer> {
        let fails = self.errors > 0.0 && job.about.key.draw(ERROR).random::<f64>() < self.errors;
        let answer = match answer {
            Ok(_) if fails => Err(ErrorClass::Error),
            Ok(Quality::Full) if job.degraded => Ok(Quality::Degraded),
            Ok(_) | Err(_) => answer,
        };
        if !(self.usual && job.wanted && at_once) {
            return Err(answer);
        }
        (job.answer, job.stage) = (answer, Stage::Returning);
        if std::mem::take(&mut job.slotted) {
            self.busy -= 1;
            if !self.queue.is_empty() {
                todo.push(Todo::Next(job.node));
            }
        }
        todo.push(Todo::Answer(id));
        Ok(())
    }

    /// How long the attempt, which has just got its slot, will be in work there as things stand.
    #[inline(never)]
    fn work_of(&self, now: Time, job: &Job) -> Span {
        let mut work = match job.origin {
            Origin::Check(probe) => super::health::work(self.service, self.pool, probe, job),
            Origin::Plain | Origin::Attempt(..) | Origin::Outside(_) => {
                self.pool.work.service_time.sample(&mut job.about.key.draw(WORK))
            }
        };
        work += self.pool.work.contention * u64::from(job.present);
        self.pace().takes(now, work)
    }

    /// So many more of this priority would not be refused for load. A queue without limit has room for what the node's
    /// `capacity` carries in a second as things stand.
    pub fn places(&self, now: Time, priority: Criticality) -> u64 {
        let pool = self.pool;
        let in_flight = u64::from(self.busy) + self.queue.len() as u64;
        let waiting = pool
            .work
            .queue
            .map(u64::from)
            .or_else(|| pool.capacity.map(|rate| (rate * self.pace().speed(now)).ceil() as u64));
        let whole = pool.work.slots.zip(waiting).map(|(slots, queue)| u64::from(slots).saturating_add(queue));
        let limit = self.limit.as_ref().map(ConcurrencyLimit::limit);
        let shed = self.shedder.as_ref().zip(pool.work.slots.into_iter().chain(limit).min());
        let admitted = shed.map(|(shedder, whole)| shedder.admits_up_to(priority, u64::from(whole)));
        let taken = whole.into_iter().chain(admitted).min().map(|most| most.saturating_sub(in_flight));
        let permits = self.limit.as_ref().map(|limit| u64::from(limit.limit().saturating_sub(limit.in_flight())));
        let tokens = self.allowance.as_ref().map(|allowance| u64::from(allowance.available(now, &self.pace())));
        taken.into_iter().chain(permits).chain(tokens).min().unwrap_or(u64::MAX)
    }

    /// Does it refuse one more of this class for load?
    pub fn refuses(&mut self, now: Time, class: Criticality, slots: Option<u32>) -> bool {
        if self.allowance.is_some() {
            let pace = self.pace();
            if self.allowance.as_mut().is_some_and(|allowance| !allowance.takes(now, &pace)) {
                return true;
            }
        }
        let Some(shedder) = &mut self.shedder else { return false };
        let in_flight = u64::from(self.busy) + self.queue.len() as u64;
        let limit = self.limit.as_ref().map(ConcurrencyLimit::limit);
        let Some(whole) = slots.into_iter().chain(limit).min() else { return false };
        shedder.observe(now, Utilisation::of(in_flight, u64::from(whole)));
        shedder.admit(class) != ShedDecision::Admit
    }

    /// Its condition is about to change, or it starts anew: what it lets in went by its pace until now.
    pub(super) fn changes_pace(&mut self, now: Time) {
        let pace = self.pace();
        if let Some(allowance) = &mut self.allowance {
            allowance.follow(now, &pace);
        }
    }

    /// The number of its busy slots is about to change.
    #[inline]
    pub fn count_busy(&mut self, now: Time) {
        if let Some(meter) = &mut self.meter {
            meter.count(now, self.busy);
        }
    }

    /// As new after a crash: nobody works or waits.
    fn empty(&mut self) {
        self.busy = 0;
        self.queue.clear();
        self.held.clear();
        self.life += 1;
    }
}
