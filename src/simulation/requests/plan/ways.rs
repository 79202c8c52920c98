//! How far places are apart, for messages: latency and loss of the way from one place to another.

use crate::model::Model;
use crate::model::dist::Law;
use crate::model::topology::Endpoint;
use crate::time::Span;

/// Where a message comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A user group.
    Group(u32),
    /// A zone of a region.
    Zone {
        /// The region.
        region: u32,
        /// The zone.
        zone: Option<u32>,
    },
    /// Out in the world: an external dependency.
    World,
}

/// The way from one end to another.
#[derive(Clone, Debug)]
pub struct WayPlan {
    /// One-way latency.
    pub latency: Law,
    /// Share of the messages that are lost.
    pub loss: f64,
    /// No time and no loss?
    pub free: bool,
}

impl WayPlan {
    fn new(latency: Law, loss: f64) -> WayPlan {
        let free = latency.is_fixed() == Some(Span::ZERO) && loss == 0.0;
        WayPlan { latency, loss, free }
    }
}

/// All ways: ends are the regions, the groups, then the world.
#[derive(Clone, Debug)]
pub struct Ways {
    regions: u32,
    ends: u32,
    list: Vec<WayPlan>,
    /// By region: between two of its zones.
    pub within: Vec<WayPlan>,
}

impl Ways {
    /// The ways of a model: users without links of their own are where their near region is.
    pub fn new(model: &Model) -> Ways {
        let (regions, groups) = (model.regions.len() as u32, model.groups.len() as u32);
        let ends = regions + groups + 1;
        let mut list = Vec::with_capacity((ends * ends) as usize);
        for from in 0..ends {
            for to in 0..ends {
                list.push(way(model, end(model, from, to), end(model, to, from)));
            }
        }
        let within = model.regions.iter().map(|region| WayPlan::new(region.zone_latency.clone(), 0.0)).collect();
        Ways { regions, ends, list, within }
    }

    /// Number of an end.
    #[inline]
    pub fn end(&self, place: Place) -> u32 {
        match place {
            Place::Zone { region, .. } => region,
            Place::Group(group) => self.regions + group,
            Place::World => self.ends - 1,
        }
    }

    /// Number of ends.
    pub fn ends(&self) -> u32 {
        self.ends
    }

    /// The end of a model's link.
    pub fn end_of(&self, end: Endpoint) -> u32 {
        match end {
            Endpoint::Region(region) => region.0,
            Endpoint::Group(group) => self.regions + group.0,
        }
    }

    /// Number of the way, among those laid out.
    #[inline]
    pub fn number(&self, from: u32, to: u32) -> usize {
        (from * self.ends + to) as usize
    }

    /// Do they all take no time and lose nothing?
    pub fn all_free(&self) -> bool {
        self.list.iter().chain(&self.within).all(|way| way.free)
    }

    /// Number of ways.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The way with this number.
    #[inline]
    pub fn way(&self, number: usize) -> &WayPlan {
        &self.list[number]
    }
}

/// The end that stands for number `index` on the way to (or from) number `other`; none: the world.
fn end(model: &Model, index: u32, other: u32) -> Option<Endpoint> {
    use crate::model::topology::{GroupId, RegionId};
    let regions = model.regions.len() as u32;
    if index < regions {
        return Some(Endpoint::Region(RegionId(index)));
    }
    let group = index - regions;
    let users = model.groups.get(group as usize)?;
    let own = Endpoint::Group(GroupId(group));
    let linked = |end: Endpoint| {
        model.links.iter().any(|link| (link.from, link.to) == (own, end) || (link.to, link.from) == (own, end))
    };
    let to_region = (other < regions).then_some(Endpoint::Region(RegionId(other)));
    if to_region.is_some_and(linked) { Some(own) } else { Some(Endpoint::Region(users.near)) }
}

fn way(model: &Model, from: Option<Endpoint>, to: Option<Endpoint>) -> WayPlan {
    let (Some(from), Some(to)) = (from, to) else { return WayPlan::new(Law::fixed(Span::ZERO), 0.0) };
    let link = model.links.iter().find(|link| (link.from, link.to) == (from, to));
    link.map_or(WayPlan::new(Law::fixed(Span::ZERO), 0.0), |link| WayPlan::new(link.latency.clone(), link.loss))
}
