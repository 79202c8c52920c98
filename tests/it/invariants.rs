//! What holds of every trial of every scenario, tried on random ones (see `tape`); 64 in CI, 3000 with
//! `NINEFOLD_FULL=1`.
//!
//! Time is booked in integers, so sums are compared exactly. The second test knows a scenario by another road: it
//! replays the faults and repairs of a trace and works out from the model alone, at every instant, who serves.

use crate::lab::{full, model};
use crate::tape::{Breadth, scenario};
use ninefold::model::topology::{PoolId, Reach, RegionId, ServiceId, Term};
use ninefold::model::{Model, Start};
use ninefold::simulation::layout::{Layout, UnitKind};
use ninefold::simulation::trace::{TraceEvent, TraceLine};
use ninefold::simulation::{Outcome, World};
use ninefold::time::{Span, Time};
use proptest::prelude::{ProptestConfig, prop, proptest};

fn config() -> ProptestConfig {
    let cases = if full() { 3_000 } else { 64 };
    // no file of regressions: the failing scenario is printed
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_trial_keeps_its_books(numbers in prop::collection::vec(0u32..1_000, 160)) {
        let text = scenario(&numbers, Breadth::Whole);
        let model = model(&text);
        let layout = Layout::new(&model);
        let mut world = World::new(&layout);
        for trial in 0..3 {
            let (outcome, lines) = world.run_traced(1, trial);
            assert!(outcome == World::new(&layout).run(1, trial), "a used world is as good as a new one\n{text}");
            books(&model, &layout, &outcome, &text);
            crews(&model, &layout, &lines, &text);
            regions(&layout, &lines, &text);
            for counts in &outcome.failovers {
                assert!(counts.split.is_zero(), "two primaries in spite of fencing\n{text}");
            }
            sites(&model, &layout, &outcome, &lines, &text);
        }
    }

    #[test]
    fn more_capacity_loses_no_more_under_the_same_luck(numbers in prop::collection::vec(0u32..1_000, 160)) {
        let text = scenario(&numbers, Breadth::Whole);
        // a pool that scales has fewer nodes then
        let keep = |line: &&str| !line.starts_with("autoscale");
        let text: String = text.lines().filter(keep).map(|line| format!("{line}\n")).collect();
        let lost = |text: &str| {
            let model = model(text);
            let layout = Layout::new(&model);
            World::new(&layout).run(1, 0).totals[0].loss_s
        };
        let (less, more) = (lost(&text), lost(&with_more_capacity(&text)));
        // a chord is off by 1e-6 at most
        assert!(more <= less + 2e-6 * 20.0 * 86_400.0, "{more} lost with more capacity, {less} with less\n{text}");
    }

    #[test]
    fn who_serves_follows_from_who_is_broken(numbers in prop::collection::vec(0u32..1_000, 120)) {
        let text = scenario(&numbers, Breadth::Instant);
        let model = model(&text);
        let layout = Layout::new(&model);
        let (outcome, lines) = World::new(&layout).run_traced(1, 0);
        let expected = replay(&model, &layout, &lines);
        for (subject, expected) in expected {
            let found = outcome.totals[subject].down;
            assert!(found == expected, "{}: {found:?} {expected:?}\n{text}", layout.subjects[subject]);
        }
    }
}

/// Repairs by crews all take an hour: in less than that a crew ends no two of them.
fn crews(model: &Model, layout: &Layout, lines: &[TraceLine], text: &str) {
    if model.start != Start::Up {
        return;
    }
    let crewed = layout.causes.iter().position(|cause| cause == "crewed").map(|cause| cause as u32);
    let ends: Vec<Time> = lines
        .iter()
        .filter(|line| matches!(line.event, TraceEvent::Repair { cause, .. } if Some(cause) == crewed))
        .map(|line| line.at)
        .collect();
    let size = model.crews[0].size as usize;
    for (first, next) in ends.iter().zip(ends.iter().skip(size)) {
        assert!(
            next.since(*first) >= Span::HOUR,
            "{size} crews end more than that within an hour, at {next:?}\n{text}"
        );
    }
}

/// What stands in a region that is out serves nobody.
fn regions(layout: &Layout, lines: &[TraceLine], text: &str) {
    let mut out = vec![0; layout.region_gates.len()];
    // what it was when counting began has no line
    let mut levels = vec![0.0; layout.region_gates.len()];
    for (number, line) in lines.iter().enumerate() {
        match line.event {
            TraceEvent::Fault { unit, .. } | TraceEvent::Repair { unit, .. } => {
                if let UnitKind::Region(region) = layout.units[unit as usize].kind {
                    out[region as usize] += if matches!(line.event, TraceEvent::Fault { .. }) { 1 } else { -1 };
                }
            }
            TraceEvent::Level { subject, level } if subject as usize >= layout.first_region => {
                levels[subject as usize - layout.first_region] = level;
            }
            _ => {}
        }
        let over = lines.get(number + 1).is_none_or(|next| next.at > line.at);
        for (region, (&out, &level)) in out.iter().zip(&levels).enumerate().filter(|_| over) {
            assert!(out <= 0 || level == 0.0, "region {region} is out and serves {level} at {:?}\n{text}", line.at);
        }
    }
}

/// The same scenario with every node carrying more, under the same luck.
fn with_more_capacity(text: &str) -> String {
    let more = [(20, 26), (45, 60), (100, 120)]
        .map(|(less, more)| [format!("capacity = \"{less}/s\""), format!("capacity = \"{more}/s\"")]);
    more.iter().fold(text.to_owned(), |text, [less, more]| text.replace(less, more))
}

fn books(model: &Model, layout: &Layout, outcome: &Outcome, text: &str) {
    for (subject, totals) in outcome.totals.iter().enumerate() {
        let name = &layout.subjects[subject];
        let say = |what: &str| format!("{name}: {what}\n{totals:#?}\n{text}");
        assert!(totals.up + totals.degraded + totals.down == model.horizon, "{}", say("the horizon"));
        let mut outages: Vec<_> = outcome.outages.iter().filter(|outage| outage.subject as usize == subject).collect();
        outages.sort_by_key(|outage| outage.start);
        let mut last = None;
        for outage in &outages {
            let end = outage.start + outage.duration;
            assert!(!outage.duration.is_zero(), "{}", say("an outage of no length"));
            assert!(end <= Time::ZERO + model.horizon, "{}", say("an outage beyond the end"));
            assert!(last.is_none_or(|last| last < outage.start), "{}", say("outages that overlap or touch"));
            assert!(!outage.cut || end == Time::ZERO + model.horizon, "{}", say("a cut before the end"));
            let stages: u64 = outage.stages.iter().map(|stage| stage.as_nanos()).sum();
            assert!(stages == outage.duration.as_nanos(), "{}", say("stages"));
            assert!((outage.cause as usize) < layout.causes.len(), "{}", say("a cause"));
            last = Some(end);
        }
        let down: u64 = outages.iter().map(|outage| outage.duration.as_nanos()).sum();
        assert!(down == totals.down.as_nanos(), "{}", say("down is the sum of outages"));
        // a level is below `down_below` while down, at least that while degraded, full while up
        let (down_s, degraded_s) = (totals.down.as_secs_f64(), totals.degraded.as_secs_f64());
        let slack = 1e-9 * model.horizon.as_secs_f64();
        let least = (1.0 - model.down_below) * down_s - slack;
        let most = down_s + (1.0 - model.down_below) * degraded_s + slack;
        assert!((least..=most).contains(&totals.loss_s), "{}", say("loss"));
    }
    for (plan, lost) in layout.windows.iter().zip(&outcome.windows) {
        let all: f64 = lost.iter().sum();
        let down = outcome.totals[plan.subject as usize].down.as_secs_f64();
        assert!(all <= down + 1e-6, "windows lose no more than all: {all} {down}\n{text}");
    }
    for counts in &outcome.failovers {
        assert!(counts.automatic + counts.manual <= counts.begun + 1, "failovers end that began\n{counts:?}\n{text}");
    }
}

/// Counts and time of a site follow from the lines of its faults; what a stationary start finds broken has no line.
fn sites(model: &Model, layout: &Layout, outcome: &Outcome, lines: &[TraceLine], text: &str) {
    let end = Time::ZERO + model.horizon;
    let mut holds = vec![0i64; layout.units.len()];
    let mut since = vec![Time::ZERO; layout.units.len()];
    let mut changes = vec![[0u64; 2]; layout.sites.len()];
    let mut down_ns = vec![0u128; layout.sites.len()];
    for line in lines {
        let (unit, step) = match line.event {
            TraceEvent::Fault { unit, .. } => (unit as usize, 1),
            TraceEvent::Repair { unit, .. } => (unit as usize, -1),
            _ => continue,
        };
        let site = layout.units[unit].site as usize;
        changes[site][usize::from(step < 0)] += 1;
        if holds[unit] == 0 {
            since[unit] = line.at;
        }
        holds[unit] += step;
        if holds[unit] == 0 && matches!(layout.units[unit].kind, UnitKind::Node(_)) {
            down_ns[site] += u128::from(line.at.since(since[unit]).as_nanos());
        }
    }
    for (site, counts) in outcome.sites.iter().enumerate() {
        let name = &layout.sites[site];
        assert!(counts.changes == changes[site], "{name}: {counts:?} {:?}\n{text}", changes[site]);
        let units = || (0..layout.units.len()).filter(|&unit| layout.units[unit].site as usize == site);
        let all = units().count() as u128 * u128::from(model.horizon.as_nanos());
        if layout.units.iter().any(|unit| unit.site as usize == site && matches!(unit.kind, UnitKind::Node(_))) {
            assert!(counts.down_ns <= all, "{name}: {} of {all} ns down\n{text}", counts.down_ns);
        }
        if model.start != Start::Up {
            continue;
        }
        assert!(changes[site][1] <= changes[site][0], "{name}: repairs without faults\n{text}");
        let open = units().map(|unit| holds[unit]).sum::<i64>();
        assert!(changes[site][0] - changes[site][1] == open as u64, "{name}: open faults\n{text}");
        let nodes = units().filter(|&unit| holds[unit] > 0 && matches!(layout.units[unit].kind, UnitKind::Node(_)));
        let still: u128 = nodes.map(|unit| u128::from(end.since(since[unit]).as_nanos())).sum();
        let booked = matches!(units().next().map(|unit| layout.units[unit].kind), Some(UnitKind::Node(_)));
        if booked {
            assert!(counts.down_ns == down_ns[site] + still, "{name}: time of nodes down\n{text}");
        }
    }
}

/// Who is down for how long: (subject, span), from the lines of faults and repairs.
fn replay(model: &Model, layout: &Layout, lines: &[TraceLine]) -> Vec<(usize, Span)> {
    let mut holds = vec![0u32; layout.units.len()];
    let mut down: Vec<(usize, Span)> = Vec::new();
    let mut now = Time::ZERO;
    let changes =
        lines.iter().filter(|line| matches!(line.event, TraceEvent::Fault { .. } | TraceEvent::Repair { .. }));
    let mut changes = changes.peekable();
    let end = Time::ZERO + model.horizon;
    while now < end {
        while let Some(line) = changes.next_if(|line| line.at <= now) {
            match line.event {
                TraceEvent::Fault { unit, .. } => holds[unit as usize] += 1,
                TraceEvent::Repair { unit, .. } => holds[unit as usize] -= 1,
                _ => {}
            }
        }
        let until = changes.peek().map_or(end, |line| line.at).min(end);
        let levels = Serving { model, layout, holds: &holds }.levels();
        if down.is_empty() {
            down = levels.iter().map(|level| (level.0, Span::ZERO)).collect();
        }
        for (down, (_, serves)) in down.iter_mut().zip(levels) {
            if !serves {
                down.1 += until.since(now);
            }
        }
        now = until;
    }
    down
}

/// Who serves while these units are held: every node asked one by one, every need looked up anew.
struct Serving<'a> {
    model: &'a Model,
    layout: &'a Layout,
    holds: &'a [u32],
}

impl Serving<'_> {
    fn held(&self, kind: UnitKind) -> bool {
        (0..self.holds.len()).any(|unit| self.layout.units[unit].kind == kind && self.holds[unit] > 0)
    }

    fn nodes(&self, id: PoolId) -> u32 {
        let pool = &self.model.pools[id.index()];
        let out = self.held(UnitKind::Service(pool.service.0))
            || pool.region.is_some_and(|region| self.held(UnitKind::Region(region.0)));
        let first = self.layout.pools[id.index()].first_unit as usize;
        let serves = |node: &usize| {
            let zone = pool.zones[node % pool.zones.len()];
            !out && !self.held(UnitKind::Zone(zone.0)) && self.holds[first + node] == 0
        };
        (0..pool.nodes as usize).filter(serves).count() as u32
    }

    fn pool(&self, id: PoolId) -> bool {
        let pool = &self.model.pools[id.index()];
        let service = &self.model.services[pool.service.index()];
        self.nodes(id) >= pool.need && service.needs.iter().all(|need| self.term(&need.term, need.reach, pool.region))
    }

    fn service(&self, id: ServiceId) -> bool {
        self.model.services[id.index()].pools.iter().any(|&pool| self.pool(pool))
    }

    fn term(&self, term: &Term, reach: Reach, from: Option<RegionId>) -> bool {
        match term {
            Term::Service(id) => {
                let pools = &self.model.services[id.index()].pools;
                match pools.iter().find(|pool| self.model.pools[pool.index()].region == from) {
                    Some(&local) if reach == Reach::ByTarget => self.pool(local),
                    _ => self.service(*id),
                }
            }
            Term::Pool(pool) => self.pool(*pool),
            Term::AtLeast { count, of } => {
                of.iter().filter(|term| self.term(term, reach, from)).count() as u32 >= *count
            }
            Term::Nodes { count, of } => of.iter().map(|&pool| self.nodes(pool)).sum::<u32>() >= *count,
        }
    }

    /// (subject, does it serve?) of the system, every service and every region.
    fn levels(&self) -> Vec<(usize, bool)> {
        let entry = self.model.routing.entry;
        let system = std::iter::once((0, self.service(entry)));
        let services = (0..self.model.services.len())
            .map(|service| (self.layout.first_service + service, self.service(ServiceId(service as u32))));
        let pools = self.model.services[entry.index()].pools.iter();
        let regions = pools.filter_map(|&pool| {
            let region = self.model.pools[pool.index()].region?;
            Some((self.layout.first_region + region.index(), self.pool(pool)))
        });
        system.chain(services).chain(regions).collect()
    }
}
