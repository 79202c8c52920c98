//! The table `costs`: prices by service and by region, of requests and of downtime.

use super::diagnostic::Code;
use super::fields::{Fields, shorten};
use super::names::{Entity, Names};
use super::session::suggest;
use super::tree::Value;
use super::value::{Number, Text};
use crate::model::costs::Costs;

/// Whose prices a table holds.
#[derive(Clone, Copy, PartialEq)]
enum Priced {
    Service,
    Region,
}

/// Reads the table, if it is there; prices of requests need to know how many there are, which `unasked` says nobody does.
pub(super) fn read(root: &mut Fields<'_>, names: &Names, unasked: bool) -> Option<Costs> {
    root.table("costs", "nothing has a price", |fields| {
        let Text(currency) = fields.or("currency", "USD");
        let (services, regions) = (names.service_names(), names.region_names());
        let costs = Costs {
            currency,
            node_hour: prices(fields, "node_hour", names, Priced::Service, &services),
            stopped_node_hour: prices(fields, "stopped_node_hour", names, Priced::Service, &services),
            region_hour: prices(fields, "region_hour", names, Priced::Region, &regions),
            million_requests: price(fields, "million_requests"),
            cross_region_million: price(fields, "cross_region_million"),
            downtime_hour: price(fields, "downtime_hour"),
        };
        let counted =
            [("million_requests", costs.million_requests), ("cross_region_million", costs.cross_region_million)];
        for (key, _) in counted.iter().filter(|(_, price)| *price > 0.0) {
            if unasked {
                let message = format!("`{key}` has a price, but not every group of users has a `rate`");
                let origin = fields.key_origin(key);
                fields.session.report(Code::E312, origin, message, Some("give each group a rate".to_owned()));
            }
        }
        costs
    })
}

fn price(fields: &mut Fields<'_>, key: &str) -> f64 {
    fields.or::<Number>(key, Value::Integer(0)).0
}

/// Prices by the name of what has them; who is not listed costs nothing.
fn prices(fields: &mut Fields<'_>, key: &str, names: &Names, priced: Priced, all: &[&str]) -> Vec<f64> {
    fields.table_or_empty(key, |fields| {
        for entry in fields.entries() {
            let known = match (names.get(&entry.key), priced) {
                (Some(Entity::Service(_)), Priced::Service) | (Some(Entity::Region(_)), Priced::Region) => true,
                (Some(Entity::Service(_) | Entity::Region(_) | Entity::Group(_)) | None, _) => false,
            };
            if !known {
                let wanted = if priced == Priced::Region { "region" } else { "service" };
                let message = format!("there is no {wanted} `{}`", shorten(&entry.key));
                fields.session.report(Code::E201, entry.key_origin, message, suggest(&entry.key, all));
                fields.leave([&entry.key]);
            }
        }
        all.iter().map(|name| price(fields, name)).collect()
    })
}
