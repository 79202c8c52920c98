//! The names of a scenario, found before anything is read in full, and the index that each will have in the model.
//!
//! Terms and orders may name what stands further down in the text; with the names known first, every later reader can
//! resolve on the spot, with its caret. Also the place where the limits on the number of things are kept, before
//! anything of that size exists.

use super::diagnostic::Code;
use super::fields::shorten;
use super::session::{Session, suggest};
use super::source::Origin;
use super::tree::{Entry, Node, Table};
use crate::model::topology::{GroupId, PoolId, RegionId, ServiceId, ZoneId};
use crate::model::traffic::ClassId;
use std::collections::BTreeMap;

/// Regions of a scenario at most.
const REGIONS: usize = 1_000;
/// Services of a scenario at most.
const SERVICES: usize = 10_000;
/// Nodes of a scenario at most; pools and zones are no more than these.
pub(super) const NODES: u64 = 1_000_000;

/// A region and its zones.
#[derive(Debug)]
pub(super) struct RegionName {
    pub name: String,
    pub zones: Vec<String>,
    first_zone: u32,
}

/// A service and where its pools stand.
#[derive(Debug)]
pub(super) struct ServiceName {
    pub name: String,
    pub origin: Origin,
    pub dependency: bool,
    pub database: bool,
    /// Has it a primary?
    pub failover: bool,
    /// Region of each pool; the pool of a dependency has none.
    pub pools: Vec<Option<RegionId>>,
    first_pool: u32,
}

/// What a name of the common name space is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    Region(RegionId),
    Service(ServiceId),
    Group(GroupId),
}

impl Entity {
    pub fn kind(self) -> &'static str {
        match self {
            Entity::Region(_) => "a region",
            Entity::Service(_) => "a service",
            Entity::Group(_) => "a user group",
        }
    }
}

/// All names.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub regions: Vec<RegionName>,
    pub services: Vec<ServiceName>,
    pub groups: Vec<String>,
    /// Classes of requests, in the order written.
    pub classes: Vec<String>,
    region_index: BTreeMap<String, RegionId>,
    service_index: BTreeMap<String, ServiceId>,
    group_index: BTreeMap<String, GroupId>,
}

/// Is this a name as the language wants it?
pub(super) fn check_name(session: &Session<'_>, name: &str, origin: Origin) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let taken = ["system", "any", "all", "of"].contains(&name);
    let good = name.len() <= 63
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|b| letter(b) || b == b'-' || b == b'_');
    if taken {
        session.report(
            Code::E203,
            origin,
            format!("`{name}` is a word of the language"),
            Some("choose another name".into()),
        );
    } else if !good {
        let help = "small letters, digits, `-` and `_`, at most 63 characters".to_owned();
        session.report(Code::E203, origin, format!("`{}` is not a name", shorten(name)), Some(help));
    }
    good && !taken
}

impl Names {
    /// Finds the names in the tree, and refuses bad, double and too many ones; nothing if there are too many.
    pub fn find(session: &Session<'_>, root: &Table) -> Option<Names> {
        let mut names = Names::default();
        let entries = |key: &str| root.table(key).map(|table| table.entries.as_slice()).unwrap_or_default();
        let (regions, services) = (entries("regions"), entries("services"));
        let small = within(session, regions, REGIONS, "regions") & within(session, services, SERVICES, "services");
        let small = small & within(session, entries("users"), SERVICES, "user groups");
        if !small || !names.add_regions(session, regions) {
            return None;
        }
        for entry in entries("users") {
            let id = GroupId(names.groups.len() as u32);
            names.groups.push(entry.key.clone());
            names.claim(session, entry, Entity::Group(id));
        }
        if names.groups.is_empty() {
            names.groups.push("everyone".to_owned());
            names.group_index.insert("everyone".to_owned(), GroupId(0));
        }
        for entry in services {
            let id = ServiceId(names.services.len() as u32);
            names.claim(session, entry, Entity::Service(id));
            names.add_service(session, entry)?;
        }
        names.classes = entries("requests").iter().map(|entry| entry.key.clone()).collect();
        for kind in ["profiles", "policies", "crews", "faults", "objectives", "requests", "operators", "experiments"] {
            for entry in entries(kind) {
                check_name(session, &entry.key, entry.key_origin);
            }
        }
        Some(names)
    }

    fn claim(&mut self, session: &Session<'_>, entry: &Entry, entity: Entity) {
        check_name(session, &entry.key, entry.key_origin);
        let other = self.get(&entry.key);
        match entity {
            Entity::Region(id) => _ = self.region_index.insert(entry.key.clone(), id),
            Entity::Service(id) => _ = self.service_index.insert(entry.key.clone(), id),
            Entity::Group(id) => _ = self.group_index.insert(entry.key.clone(), id),
        }
        if let Some(other) = other {
            let message = format!("`{}` is {} and {}", shorten(&entry.key), other.kind(), entity.kind());
            session.report(Code::E202, entry.key_origin, message, Some("rename one of the two".into()));
        }
    }

    fn add_regions(&mut self, session: &Session<'_>, regions: &[Entry]) -> bool {
        let mut first_zone = 0;
        for entry in regions {
            let id = RegionId(self.regions.len() as u32);
            self.claim(session, entry, Entity::Region(id));
            let written = entry.node.as_table().and_then(|table| table.get("zones"));
            let texts = |items: &[Node]| items.iter().filter_map(|item| item.as_text().map(str::to_owned)).collect();
            let zones = written.and_then(Node::as_list).map_or_else(|| vec!["a".to_owned()], texts);
            let count = zones.len() as u32;
            self.regions.push(RegionName { name: entry.key.clone(), zones, first_zone });
            first_zone += count;
            if u64::from(first_zone) > NODES {
                session.report(Code::E007, entry.key_origin, format!("more than {NODES} zones"), None);
                return false;
            }
        }
        if self.regions.is_empty() {
            self.regions.push(RegionName { name: "here".to_owned(), zones: vec!["a".to_owned()], first_zone: 0 });
            self.region_index.insert("here".to_owned(), RegionId(0));
        }
        true
    }

    fn add_service(&mut self, session: &Session<'_>, entry: &Entry) -> Option<()> {
        let table = entry.node.as_table();
        let get = |key: &str| table.and_then(|table| table.get(key));
        let kind = get("kind").and_then(Node::as_text).unwrap_or_default();
        let dependency = kind == "dependency";
        let written = get("pools").and_then(written_regions);
        let first_pool = self.services.last().map_or(0, |service| service.first_pool + service.pools.len() as u32);
        let pools = if dependency {
            vec![None]
        } else if let Some(written) = written {
            let mut pools = Vec::new();
            for (name, origin) in written {
                let Some(region) = self.region(session, name, origin) else { continue };
                if pools.contains(&Some(region)) {
                    session.report(Code::E202, origin, format!("`{name}` is listed twice"), None);
                } else {
                    pools.push(Some(region));
                }
            }
            pools
        } else {
            (0..self.regions.len() as u32).map(|index| Some(RegionId(index))).collect()
        };
        if u64::from(first_pool) + pools.len() as u64 > NODES {
            session.report(Code::E007, entry.key_origin, format!("more than {NODES} pools"), None);
            return None;
        }
        let (name, database, failover) = (entry.key.clone(), kind == "database", get("failover").is_some());
        self.services.push(ServiceName {
            name,
            origin: entry.key_origin,
            dependency,
            database,
            failover,
            pools,
            first_pool,
        });
        Some(())
    }

    /// What the name is; a name given twice is the region before the group before the service.
    pub fn get(&self, name: &str) -> Option<Entity> {
        let region = self.region_index.get(name).copied().map(Entity::Region);
        let group = || self.group_index.get(name).copied().map(Entity::Group);
        let service = || self.service_index.get(name).copied().map(Entity::Service);
        region.or_else(group).or_else(service)
    }

    /// The region of this name, if there is one.
    pub fn find_region(&self, name: &str) -> Option<RegionId> {
        self.region_index.get(name).copied()
    }

    /// The service of this name, if there is one.
    pub fn find_service(&self, name: &str) -> Option<ServiceId> {
        self.service_index.get(name).copied()
    }

    /// The region of this name, or a diagnostic.
    pub fn region(&self, session: &Session<'_>, name: &str, origin: Origin) -> Option<RegionId> {
        let found = self.find_region(name);
        if found.is_none() {
            unknown(session, "region", name, origin, self.get(name), &self.region_names());
        }
        found
    }

    /// The service of this name, or a diagnostic.
    pub fn service(&self, session: &Session<'_>, name: &str, origin: Origin) -> Option<ServiceId> {
        let found = self.find_service(name);
        if found.is_none() {
            unknown(session, "service", name, origin, self.get(name), &self.service_names());
        }
        found
    }

    /// The class of requests of this name, if there is one.
    pub fn find_class(&self, name: &str) -> Option<ClassId> {
        self.classes.iter().position(|class| class == name).map(|at| ClassId(at as u32))
    }

    /// The class of requests of this name, or a diagnostic.
    pub fn class(&self, session: &Session<'_>, name: &str, origin: Origin) -> Option<ClassId> {
        let found = self.find_class(name);
        if found.is_none() {
            let known: Vec<&str> = self.classes.iter().map(String::as_str).collect();
            unknown(session, "class of requests", name, origin, None, &known);
        }
        found
    }

    /// All names of the common name space, for suggestions.
    pub fn all(&self) -> Vec<&str> {
        let [regions, groups] = [self.region_names(), self.groups.iter().map(String::as_str).collect()];
        [regions, self.service_names(), groups].concat()
    }

    pub fn region_names(&self) -> Vec<&str> {
        self.regions.iter().map(|region| region.name.as_str()).collect()
    }

    pub fn service_names(&self) -> Vec<&str> {
        self.services.iter().map(|service| service.name.as_str()).collect()
    }

    pub fn zone(&self, region: RegionId, name: &str) -> Option<ZoneId> {
        let region = &self.regions[region.index()];
        let at = region.zones.iter().position(|zone| zone == name)?;
        Some(ZoneId(region.first_zone + at as u32))
    }

    pub fn zones(&self, region: RegionId) -> Vec<ZoneId> {
        let region = &self.regions[region.index()];
        (0..region.zones.len() as u32).map(|at| ZoneId(region.first_zone + at)).collect()
    }

    pub fn pools(&self, service: ServiceId) -> Vec<PoolId> {
        let service = &self.services[service.index()];
        (0..service.pools.len() as u32).map(|at| PoolId(service.first_pool + at)).collect()
    }

    /// The pool of the service in the region.
    pub fn pool(&self, service: ServiceId, region: RegionId) -> Option<PoolId> {
        let service = &self.services[service.index()];
        let at = service.pools.iter().position(|place| *place == Some(region))?;
        Some(PoolId(service.first_pool + at as u32))
    }

    /// The region of a pool of the service.
    pub fn pool_region(&self, service: ServiceId, pool: PoolId) -> Option<RegionId> {
        let position = self.pools(service).iter().position(|other| *other == pool)?;
        self.services[service.index()].pools[position]
    }

    pub fn service_name(&self, service: ServiceId) -> &str {
        &self.services[service.index()].name
    }

    pub fn region_name(&self, region: RegionId) -> &str {
        &self.regions[region.index()].name
    }

    /// The region that comes first by name.
    pub fn first_region(&self) -> RegionId {
        let ids = 0..self.regions.len() as u32;
        ids.min_by_key(|index| &self.regions[*index as usize].name).map_or(RegionId(0), RegionId)
    }
}

/// The regions in a list or a table of pools, and where each stands.
fn written_regions(pools: &Node) -> Option<Vec<(&str, Origin)>> {
    if let Some(items) = pools.as_list() {
        return Some(items.iter().filter_map(|item| Some((item.as_text()?, item.origin))).collect());
    }
    let table = pools.as_table()?;
    Some(table.entries.iter().map(|entry| (entry.key.as_str(), entry.key_origin)).collect())
}

fn within(session: &Session<'_>, entries: &[Entry], limit: usize, what: &str) -> bool {
    let Some(extra) = entries.get(limit) else { return true };
    let message = format!("{} {what}, the limit is {limit}", entries.len());
    session.report(Code::E007, extra.key_origin, message, None);
    false
}

/// Reports a name that is not there, or is something else.
pub(super) fn unknown(
    session: &Session<'_>,
    kind: &str,
    name: &str,
    origin: Origin,
    other: Option<Entity>,
    known: &[&str],
) {
    let shown = shorten(name);
    let known = if session.is_full() { &[] } else { known };
    match other {
        Some(entity) => {
            session.report(
                Code::E201,
                origin,
                format!("`{shown}` is {}, a {kind} is wanted", entity.kind()),
                suggest(name, known),
            );
        }
        None => session.report(Code::E201, origin, format!("there is no {kind} `{shown}`"), suggest(name, known)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_a_small_letter_or_a_digit() {
        let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let mut session = Session::new(&read);
        let source = super::super::source::Source {
            name: String::new(),
            path: "x".into(),
            text: String::new(),
            lines: std::cell::OnceCell::new(),
        };
        let origin = Origin::new(session.add_source(source), 0..0);
        for (name, good) in
            [("us-east", true), ("9a_b", true), ("US East", false), ("-a", false), ("any", false), ("", false)]
        {
            assert_eq!(check_name(&session, name, origin), good, "{name}");
        }
    }
}
