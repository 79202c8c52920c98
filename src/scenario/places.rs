//! Regions with their zones, and the links between places.

use super::diagnostic::Code;
use super::fault::{Striking, read_all};
use super::fields::{Fields, shorten};
use super::names::{Entity, Names, check_name};
use super::session::{Session, suggest};
use super::source::Origin;
use super::strike::World;
use super::value::{Percent, Text};
use crate::model::dist::Law;
use crate::model::failure::Target;
use crate::model::topology::{Endpoint, Link, Region, RegionId, Zone};
use std::collections::BTreeSet;

/// Reads `regions`; a file with none has one, `here`, with the zone `a`.
pub(super) fn regions(root: &mut Fields<'_>, world: &mut World<'_>) -> (Vec<Region>, Vec<Zone>) {
    let mut regions = root.tables("regions", |name, fields| region(name, fields, world));
    if !root.has("regions") || regions.is_empty() {
        root.show_note("regions", "one, `here`, with the zone `a`");
        regions = vec![Region {
            name: "here".into(),
            zones: world.names.zones(RegionId(0)),
            restart: Law::fixed(crate::time::Span::ZERO),
            zone_latency: Law::fixed(crate::time::Span::ZERO),
        }];
    }
    let mut zones = Vec::new();
    for (index, region) in world.names.regions.iter().enumerate() {
        let region_id = RegionId(index as u32);
        zones.extend(region.zones.iter().map(|name| Zone { name: name.clone(), region: region_id }));
    }
    (regions, zones)
}

fn region(name: &str, fields: &mut Fields<'_>, world: &mut World<'_>) -> Region {
    let session = fields.session;
    match fields.list::<Text>("zones") {
        Some(zones) if zones.is_empty() => fields.fault(Code::E104, "zones", "a region has at least one zone", None),
        Some(zones) => {
            for (index, zone) in zones.iter().enumerate() {
                check_name(session, &zone.value.0, zone.origin);
                if zones[..index].iter().any(|other| other.value == zone.value) {
                    let message = format!("zone `{}` is listed twice", shorten(&zone.value.0));
                    session.report(Code::E202, zone.origin, message, None);
                }
            }
        }
        None => fields.show("zones", "[\"a\"]".into(), !fields.has("zones")),
    }
    let outages = read_all(fields, "outage", &world.profiles, Striking::Place);
    let zone_outages = read_all(fields, "zone_outage", &world.profiles, Striking::Place);
    let zone_latency = fields.on_request_clock(|fields| fields.or::<Law>("zone_latency", "0s"));
    let restart = fields.or::<Law>("restart", "0s");
    let Some(id) = world.names.find_region(name) else {
        return Region { name: name.to_owned(), zones: Vec::new(), restart, zone_latency };
    };
    world.strike_place(session, &outages, &format!("{name} outage"), Target::Region(id));
    let zones = world.names.zones(id);
    for (zone, zone_name) in zones.iter().zip(&world.names.regions[id.index()].zones) {
        world.strike_place(session, &zone_outages, &format!("{name}/{zone_name} outage"), Target::Zone(*zone));
    }
    Region { name: name.to_owned(), zones, restart, zone_latency }
}

/// Reads `links`: `"A <-> B"` is the way both ways, `"A -> B"` one way.
pub(super) fn links(root: &mut Fields<'_>, world: &mut World<'_>) -> Vec<Link> {
    let names = world.names;
    let mut links: Vec<Link> = Vec::new();
    let mut seen = BTreeSet::new();
    if !root.has("links") {
        root.show_note("links", "places are no time apart");
    }
    root.table("links", "", |all| {
        for entry in all.entries() {
            let ends = ends(all.session, names, &entry.key, entry.key_origin);
            let written = all.table_of(entry, |fields| {
                let latency: Law = fields.or("latency", "0s");
                if latency.mean_s().is_infinite() {
                    fields.fault(Code::E104, "latency", "the latency is infinite", None);
                }
                let Percent(loss) = fields.on_request_clock(|fields| fields.or("loss", "0%"));
                (latency, loss, read_all(fields, "faults", &world.profiles, Striking::Link))
            });
            let (Some((from, to, both)), Some((latency, loss, faults))) = (ends, written) else { continue };
            world.strike_link(all.session, &faults, &entry.key, (from, to, both));
            let mut ways = vec![(from, to)];
            if both {
                ways.push((to, from));
            }
            for (from, to) in ways {
                if seen.insert((place_key(from), place_key(to))) {
                    links.push(Link { from, to, latency: latency.clone(), loss });
                } else {
                    let message = format!("`{}` says again how far two places are apart", shorten(&entry.key));
                    all.session.report(Code::E202, entry.key_origin, message, Some("keep one".to_owned()));
                }
            }
        }
    });
    links
}

/// A key by which ends can be told apart and sorted.
fn place_key(end: Endpoint) -> (bool, u32) {
    match end {
        Endpoint::Region(region) => (false, region.0),
        Endpoint::Group(group) => (true, group.0),
    }
}

fn ends(session: &Session<'_>, names: &Names, key: &str, origin: Origin) -> Option<(Endpoint, Endpoint, bool)> {
    let both = key.contains("<->");
    let Some((left, right)) = key.split_once(if both { "<->" } else { "->" }) else {
        let help = Some("write `\"us-east <-> us-west\"`".to_owned());
        session.report(Code::E111, origin, format!("`{}` is not a link", shorten(key)), help);
        return None;
    };
    let end = |word: &str| match names.get(word.trim()) {
        Some(Entity::Region(region)) => Some(Endpoint::Region(region)),
        Some(Entity::Group(group)) => Some(Endpoint::Group(group)),
        Some(Entity::Service(_)) => {
            session.report(
                Code::E204,
                origin,
                format!("`{}` is a service, a link joins regions and user groups", word.trim()),
                None,
            );
            None
        }
        None => {
            let message = format!("there is no region or user group `{}`", shorten(word.trim()));
            session.report(Code::E201, origin, message, suggest(word.trim(), &names.all()));
            None
        }
    };
    let (from, to) = (end(left), end(right));
    let (from, to) = (from?, to?);
    if from == to {
        session.report(Code::E204, origin, "a link joins two places", None);
        return None;
    }
    Some((from, to, both))
}

/// The zones of a pool: those listed, else all of its region.
pub(super) fn pool_zones(
    session: &Session<'_>,
    names: &Names,
    written: Option<&[super::fields::At<Text>]>,
    region: RegionId,
) -> Vec<crate::model::topology::ZoneId> {
    let Some(written) = written else { return names.zones(region) };
    let known: Vec<&str> = names.regions[region.index()].zones.iter().map(String::as_str).collect();
    let mut zones = Vec::new();
    for zone in written {
        match names.zone(region, &zone.value.0) {
            Some(id) if zones.contains(&id) => {
                session.report(Code::E202, zone.origin, "this zone is listed twice", None);
            }
            Some(id) => zones.push(id),
            None => {
                let message = format!("`{}` has no zone `{}`", names.region_name(region), shorten(&zone.value.0));
                session.report(Code::E201, zone.origin, message, suggest(&zone.value.0, &known));
            }
        }
    }
    zones
}
