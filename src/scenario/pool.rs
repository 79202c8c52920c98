//! The nodes of a service in one region: `services.NAME.pools.REGION`, whose keys may stand at the service too.

use super::diagnostic::Code;
use super::elastic;
use super::explanation::Explanation;
use super::fault::{Striking, WrittenFault, read_all};
use super::fields::{At, Fields, there_are, wrong_type};
use super::places::pool_zones;
use super::policy::refuse;
use super::schema::Shape;
use super::session::Session;
use super::source::Origin;
use super::strike::World;
use super::tree::{Entry, Node, Table, Value};
use super::value::{Count, Number, Percent, PerhapsNever, Rate, Text, Whole};
use crate::model::dist::Law;
use crate::model::elastic::{Autoscale, WarmUp};
use crate::model::topology::{Coverage, Pool, RegionId, ServiceId, Standby};
use crate::model::traffic::{PoolWork, QueueOrder};
use crate::resilience::codel::CoDelConfig;
use crate::time::Span;

/// What the pools of a service have in common.
pub(super) struct Template {
    nodes: u32,
    need: u32,
    zones: Option<Vec<At<Text>>>,
    faults: Vec<WrittenFault>,
    capacity: Option<f64>,
    warm_up: Option<WarmUp>,
    autoscale: Option<Autoscale>,
    standby: Standby,
    coverage: Option<Coverage>,
    work: PoolWork,
    origin: Origin,
}

/// Reads the keys of a pool of this service.
pub(super) fn read(fields: &mut Fields<'_>, world: &World<'_>, service: ServiceId) -> Template {
    let name = &world.names.services[service.index()];
    let (mut nodes, mut required, mut zones, mut autoscale) = (1, 1, None, None);
    if !name.dependency {
        (nodes, autoscale) = elastic::nodes(fields);
        let fewest = autoscale.as_ref().map_or(nodes, |scale| scale.min);
        // a number that could not be read is not held against `need`
        let written = fields.peek("nodes").filter(|_| autoscale.is_none());
        let known = written.is_none_or(|node| matches!(node.value, Value::Integer(n) if n == i128::from(nodes)));
        required = need(fields, world, (fewest, known));
        zones = fields.list("zones");
    }
    if zones.as_ref().is_some_and(Vec::is_empty) {
        fields.fault(Code::E104, "zones", "a pool stands in at least one zone", None);
    }
    let striking = if name.dependency { Striking::Place } else { Striking::Nodes };
    let faults = read_all(fields, "faults", &world.profiles, striking);
    let standby = standby(fields, name.database);
    let capacity = fields.optional::<Rate>("capacity").map(|rate| rate.0);
    if fields.has("capacity") {
        world.capacity.set(world.capacity.get().or(Some(fields.key_origin("capacity"))));
    } else {
        fields.show_off("capacity", "a node carries any number of requests");
    }
    let warm_up = elastic::warm_up(fields);
    if autoscale.is_some() {
        elastic::refuse_beside(fields, world, &standby);
    }
    let coverage = coverage(fields);
    let work = fields.on_request_clock(requests);
    let origin = if fields.has("nodes") { fields.origin_of("nodes") } else { fields.origin };
    Template { nodes, need: required, zones, faults, capacity, warm_up, autoscale, standby, coverage, work, origin }
}

/// Reads `need` of so many nodes, if it is known how many.
fn need(fields: &mut Fields<'_>, world: &World<'_>, (nodes, known): (u32, bool)) -> u32 {
    match fields.optional::<Count>("need") {
        Some(Count(need)) => {
            if need > nodes && known {
                let message = format!("`need = {need}`, but {}", there_are(nodes, "node"));
                fields.fault(Code::E301, "need", message, "lower `need`, or raise `nodes`".to_owned());
            } else if need == nodes && nodes > 1 {
                let message = format!("`need = nodes`: a pool of {nodes} is less available than a single node");
                fields.fault(Code::W402, "need", message, "add a spare node".to_owned());
            }
            need
        }
        None if nodes > 1 && !fields.has("need") => {
            if !fields.has("capacity") && !world.quorum.get() {
                let message = format!("{nodes} nodes: how many must serve?");
                fields.fault(Code::E302, "nodes", message, "add `need`, or `capacity`".to_owned());
                return nodes;
            }
            fields.show("need", "1".into(), true);
            1
        }
        None => {
            if !fields.has("need") {
                fields.show("need", "1".into(), true);
            }
            1
        }
    }
}

/// The presets of `standby`: running, ageing, wake.
fn preset(word: &str, database: bool) -> Option<(f64, f64, u64)> {
    match word {
        "hot" => Some((1.0, 1.0, 0)),
        "warm" => Some((0.5, 1.0, 5)),
        "pilot-light" if database => Some((1.0, 1.0, 0)),
        "pilot-light" => Some((0.0, 0.0, 15)),
        "cold" => Some((0.0, 0.0, 60)),
        _ => None,
    }
}

fn standby(fields: &mut Fields<'_>, database: bool) -> Standby {
    let table = |fields: &mut Fields<'_>| {
        let running = fields.required::<Percent>("running", "say which share of the nodes runs");
        let ageing = fields.required::<Number>("ageing", "say how fast a running standby ages, 1 as in use");
        let wake = fields.required::<Law>("wake", "say how long stopped nodes need to serve");
        Some(Standby { running: running?.0, ageing: ageing?.0, wake: wake? })
    };
    let written = fields.peek("standby").map(|node| &node.value);
    if matches!(written, Some(Value::Table(_))) {
        return fields.table("standby", "", table).flatten().unwrap_or_else(Standby::hot);
    }
    let words = ["hot", "warm", "pilot-light", "cold"].map(|word| (word, word));
    let word = fields.choice("standby", &words, "hot");
    let (running, ageing, minutes) = preset(word, database).unwrap_or((1.0, 1.0, 0));
    Standby { running, ageing, wake: Law::fixed(Span::MINUTE * minutes) }
}

/// What the failure of one node does to the others.
fn coverage(fields: &mut Fields<'_>) -> Option<Coverage> {
    let read = |fields: &mut Fields<'_>| {
        let covered = fields.required::<Percent>("covered", "say which share of the failures is handled");
        let pause = fields.or::<Law>("pause", "0s");
        let uncovered = fields.required::<Law>("uncovered", "say how long the pool stops when one is not handled");
        Some(Coverage { covered: covered?.0, pause, uncovered: uncovered? })
    };
    fields.table("coverage", "the failure of one node never stops the others", read).flatten()
}

/// The keys that only requests feel.
fn requests(fields: &mut Fields<'_>) -> PoolWork {
    let slots = limit(fields, "slots", |fields| fields.optional::<Count>("slots").map(|slots| slots.0));
    let most = |queue: Whole| u32::try_from(queue.0).unwrap_or(u32::MAX);
    let queue = limit(fields, "queue", |fields| fields.optional::<Whole>("queue").map(most));
    let orders = [
        ("fifo", QueueOrder::Fifo),
        ("lifo", QueueOrder::Lifo),
        ("adaptive-lifo", QueueOrder::AdaptiveLifo),
        ("priority", QueueOrder::Priority),
    ];
    let order = fields.choice("queue_order", &orders, "fifo");
    let PerhapsNever(queue_timeout) = fields.or("queue_timeout", "never");
    let codel = fields.table("codel", "", |fields| {
        let (target, interval) = (fields.or("target", "5ms"), fields.or("interval", "100ms"));
        let config = CoDelConfig { target, interval, lifo_when_overloaded: order == QueueOrder::AdaptiveLifo };
        if let Err(error) = config.check() {
            refuse(fields, error.field, error.field, error.rule);
        }
        config
    });
    let service_time = fields.or("service_time", "0s");
    let contention = fields.or("contention", "0s");
    let blocking = fields.or("blocking", true);
    let Percent(errors) = fields.or("errors", "0%");
    PoolWork { slots, queue, order, queue_timeout, codel, service_time, contention, blocking, errors }
}

/// A number, or `unlimited`.
fn limit(fields: &mut Fields<'_>, key: &str, number: impl FnOnce(&mut Fields<'_>) -> Option<u32>) -> Option<u32> {
    fields.takes(key, [Shape::Words(vec!["unlimited".to_owned()])]);
    if fields.peek(key).and_then(Node::as_text) == Some("unlimited") {
        fields.optional_choice(key, &[("unlimited", ())]);
        None
    } else if fields.has(key) {
        number(fields)
    } else {
        fields.node(key);
        fields.show(key, "\"unlimited\"".into(), true);
        None
    }
}

impl Template {
    /// The pool in this region, with its faults laid on it; nothing if there are too many nodes.
    fn build(
        &self,
        session: &Session<'_>,
        world: &mut World<'_>,
        service: ServiceId,
        region: Option<RegionId>,
    ) -> Option<(Pool, PoolWork)> {
        world.nodes += u64::from(self.autoscale.as_ref().map_or(self.nodes, |scale| scale.max));
        if world.nodes > super::names::NODES {
            let limit = super::names::NODES;
            let message = format!("more than {limit} nodes in all");
            session.report(
                Code::E007,
                self.origin,
                message,
                Some("model a large pool by fewer, larger nodes".to_owned()),
            );
            return None;
        }
        let names = world.names;
        let zones = region.map(|region| pool_zones(session, names, self.zones.as_deref(), region)).unwrap_or_default();
        let name = &names.services[service.index()];
        let pool = match region {
            Some(region) => names.pool(service, region)?,
            None => *names.pools(service).first()?,
        };
        world.strike_nodes(session, &self.faults, &name.name, pool, name.dependency);
        let (standby, coverage) = (self.standby.clone(), self.coverage.clone());
        let (nodes, need, capacity) = (self.nodes, self.need, self.capacity);
        let (warm_up, autoscale) = (self.warm_up, self.autoscale.clone());
        let pool = Pool { service, region, zones, nodes, need, capacity, warm_up, autoscale, standby, coverage };
        Some((pool, self.work.clone()))
    }
}

/// Reads all pools of a service, `fields` being the service with its own keys already read.
pub(super) fn read_pools(fields: &mut Fields<'_>, world: &mut World<'_>, service: ServiceId) -> Vec<(Pool, PoolWork)> {
    let session = fields.session;
    world.quorum.set(super::failover::is_quorum(fields));
    let own = own_tables(fields);
    let names = world.names;
    let regions = names.services[service.index()].pools.clone();
    let rest = unread(fields);
    let mut common: Option<Template> = None;
    let mut pools = Vec::new();
    let mut shown = Explanation::default();
    for region in regions {
        let entry = region.and_then(|region| own.iter().find(|entry| entry.key == names.region_name(region)));
        let table = entry.and_then(|entry| entry.node.as_table()).filter(|table| !table.entries.is_empty());
        let pool = if let (Some(entry), Some(table)) = (entry, table) {
            let mut merged = rest.clone();
            merged.merge(table.clone());
            let path = format!("{}.pools.{}", fields.path, entry.key);
            let (template, explanation) =
                Fields::read(session, &merged, entry.key_origin, &path, false, |fields| read(fields, world, service));
            shown.table(&entry.key, explanation);
            template.build(session, world, service, region)
        } else {
            if common.is_none() {
                common = Some(read(fields, world, service));
            }
            if let Some(entry) = entry {
                shown.table(&entry.key, Explanation::default());
            }
            common.as_ref().and_then(|template| template.build(session, world, service, region))
        };
        match pool {
            Some(pool) => pools.push(pool),
            None => break,
        }
    }
    let none = names.services[service.index()].pools.is_empty();
    if none && names_no_pool(fields) {
        for entry in &rest.entries {
            let message = format!("`{}` has no meaning in `{}`: it has no pools", entry.key, fields.path);
            let help = Some("a service without pools has `depends_on` only".to_owned());
            session.report(Code::E002, entry.key_origin, message, help);
        }
    }
    if common.is_none() {
        fields.leave(rest.entries.iter().map(|entry| entry.key.as_str()));
    }
    if !own.is_empty() {
        fields.show_table("pools", shown);
    }
    pools
}

/// Is `pools` written, and empty?
fn names_no_pool(fields: &Fields<'_>) -> bool {
    let written = fields.peek("pools").map(|node| &node.value);
    match written {
        Some(Value::List(items)) => items.is_empty(),
        Some(Value::Table(table)) => table.entries.is_empty(),
        Some(Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Datetime(_)) | None => {
            false
        }
    }
}

/// The pools written as tables.
fn own_tables<'s>(fields: &mut Fields<'s>) -> &'s [Entry] {
    fields.takes("pools", [Shape::List(vec![Shape::Text]), Shape::Each(vec![Shape::Table])]);
    let Some(node) = fields.node("pools") else {
        fields.show_note("pools", "in all regions");
        return &[];
    };
    match &node.value {
        Value::Table(table) => {
            for entry in &table.entries {
                if entry.node.as_table().is_none() {
                    wrong_type(fields.session, &entry.node, "a pool", Some(format!("write `{} = {{}}`", entry.key)));
                }
            }
            if table.entries.is_empty() {
                fields.show("pools", "[]".to_owned(), false);
            }
            &table.entries
        }
        Value::List(items) => {
            for item in items.iter().filter(|item: &&Node| item.as_text().is_none()) {
                wrong_type(fields.session, item, "the name of a region", None);
            }
            fields.show("pools", node.show(), false);
            &[]
        }
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Datetime(_) => {
            wrong_type(fields.session, node, "a list or table of regions", None);
            &[]
        }
    }
}

/// What has not been read of the service: the keys of its pools.
fn unread(fields: &Fields<'_>) -> Table {
    let asked = fields.asked();
    Table { entries: fields.entries().iter().filter(|entry| !asked.contains(&entry.key)).cloned().collect() }
}
