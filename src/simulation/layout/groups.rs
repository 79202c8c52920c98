//! Common cause, compiled: shocks that strike the clocks of many nodes, and groups of which some are drawn.
//!
//! A random shock breaks nodes that are then mended each by itself, so every node has a clock for it whose life never
//! ends by itself. What goes out and comes back together (a human error, a calendar fault on some nodes) is a group:
//! a unit that holds others.

use super::{Layout, Manner, UnitKind};
use crate::engine::streams::EntityKey;
use crate::model::Model;
use crate::model::dist::Law;
use crate::model::failure::{Blast, Fault, Role, Strikes, Target};
use std::collections::BTreeMap;

/// A shock that strikes many nodes at once.
#[derive(Clone, Debug)]
pub struct ShockPlan {
    /// Time from one to the next.
    pub fails: Law,
    /// Stream of these times.
    pub key: EntityKey,
    /// Stream of who is struck.
    pub hit: EntityKey,
    /// Clocks of the nodes.
    pub clocks: Vec<u32>,
    /// Who of the working ones.
    pub pick: Pick,
    /// The pool whose ageing it follows, if it is a share of the rate of its nodes.
    pub pool: Option<u32>,
    /// Index of the label that downtime is blamed on.
    pub cause: u32,
    /// What checks of what it strikes meet.
    pub manner: Manner,
}

/// Who is struck.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pick {
    /// Each working one with this chance.
    Share(f64),
    /// So many of the working ones.
    Nodes(u32),
    /// One of the choices, whatever its state.
    One,
}

/// Units of which some go out together.
#[derive(Clone, Debug)]
pub struct GroupPlan {
    /// The pieces that can be drawn; all nodes in the first if nodes are drawn.
    pub choices: Vec<Vec<u32>>,
    /// Who goes out.
    pub pick: Pick,
    /// Stream of who does.
    pub hit: EntityKey,
    /// What it does to them, if that is more than to stop them.
    pub ailment: Option<u32>,
    /// Strikes who is in this role only.
    pub role: Role,
}

/// The nodes in the target of a fault.
pub fn nodes_in(model: &Model, layout: &Layout, target: Target) -> Vec<u32> {
    let inside = |unit: &u32| {
        let UnitKind::Node(shelf) = layout.units[*unit as usize].kind else { return false };
        let shelf = &layout.shelves[shelf as usize];
        let pool = &model.pools[shelf.pool as usize];
        match target {
            Target::EachNode { pool, zone } => {
                shelf.pool == pool.0 && zone.is_none_or(|zone| shelf.zone == Some(zone.0))
            }
            Target::Region(region) => pool.region == Some(region),
            Target::Zone(zone) => shelf.zone == Some(zone.0),
            Target::Service(service) => pool.service == service,
            Target::Link { .. } => false,
        }
    };
    (0..layout.first_place).filter(inside).collect()
}

/// The group of a fault with one clock; `whole` is the target as a unit, if it is one.
pub fn group(
    model: &Model,
    layout: &Layout,
    fault: &Fault,
    whole: Option<u32>,
    (hit, ailment): (EntityKey, Option<u32>),
) -> GroupPlan {
    let nodes = nodes_in(model, layout, fault.target);
    let (choices, pick) = match fault.strikes {
        Strikes::Each => (vec![nodes], Pick::Share(1.0)),
        Strikes::Share(share) => (vec![nodes], Pick::Share(share)),
        Strikes::Nodes(count) => (vec![nodes], Pick::Nodes(count)),
        Strikes::Blast(blast) => (pieces(model, layout, &nodes, blast, whole), Pick::One),
    };
    GroupPlan { choices, pick, hit, ailment, role: fault.role }
}

/// The pieces into which the nodes of a target fall.
fn pieces(model: &Model, layout: &Layout, nodes: &[u32], blast: Blast, whole: Option<u32>) -> Vec<Vec<u32>> {
    let mut pieces: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
    for &node in nodes {
        let UnitKind::Node(shelf) = layout.units[node as usize].kind else { continue };
        let shelf = &layout.shelves[shelf as usize];
        let pool = &model.pools[shelf.pool as usize];
        let piece = match blast {
            Blast::Whole => None,
            Blast::Node => Some(node),
            Blast::Zone => shelf.zone,
            Blast::Region => pool.region.map(|region| region.0),
            Blast::Service => Some(pool.service.0),
        };
        pieces.entry(piece).or_default().push(node);
    }
    match whole {
        Some(whole) if blast == Blast::Whole || pieces.len() < 2 => vec![vec![whole]],
        Some(_) | None => pieces.into_values().collect(),
    }
}
