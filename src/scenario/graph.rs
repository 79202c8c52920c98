//! Who needs whom: circles, and the services that nobody needs.

use super::diagnostic::Code;
use super::names::Names;
use super::session::Session;
use crate::model::topology::{Pool, PoolId, Service, ServiceId, Term};

/// For each service those that it needs directly, ascending.
pub(super) struct Graph {
    pub below: Vec<Vec<ServiceId>>,
}

impl Graph {
    pub fn new(services: &[Service], pools: &[Pool]) -> Graph {
        let below = services.iter().map(|service| {
            let mut found = Vec::new();
            let terms = service.needs.iter().flat_map(crate::model::topology::Need::terms);
            terms.for_each(|term| services_of(&term, pools, &mut found));
            found.sort_unstable();
            found.dedup();
            found
        });
        Graph { below: below.collect() }
    }

    /// The services that nobody needs.
    pub fn free(&self) -> Vec<ServiceId> {
        let mut needed = vec![false; self.below.len()];
        self.below.iter().flatten().for_each(|service| needed[service.index()] = true);
        (0..self.below.len() as u32).map(ServiceId).filter(|service| !needed[service.index()]).collect()
    }

    /// The services on the way from `entry` down, itself first.
    pub fn reached(&self, entry: ServiceId) -> Vec<ServiceId> {
        let mut seen = vec![false; self.below.len()];
        let mut order = vec![entry];
        seen[entry.index()] = true;
        let mut at = 0;
        while at < order.len() {
            for next in &self.below[order[at].index()] {
                if !std::mem::replace(&mut seen[next.index()], true) {
                    order.push(*next);
                }
            }
            at += 1;
        }
        order
    }

    /// Reports one circle, if there is any; without recursion, since the text decides how deep it goes.
    pub fn report_circle(&self, session: &Session<'_>, names: &Names) -> bool {
        let mut done = vec![false; self.below.len()];
        let mut on_path = vec![false; self.below.len()];
        for root in 0..self.below.len() {
            let mut path: Vec<(usize, usize)> = Vec::new();
            if !done[root] {
                path.push((root, 0));
                on_path[root] = true;
            }
            while let Some((node, next)) = path.last_mut() {
                let Some(below) = self.below[*node].get(*next).map(|service| service.index()) else {
                    done[*node] = true;
                    on_path[*node] = false;
                    path.pop();
                    continue;
                };
                *next += 1;
                if on_path[below] {
                    let start = path.iter().position(|(node, _)| *node == below).unwrap_or(0);
                    let circle: Vec<&str> =
                        path[start..].iter().map(|(node, _)| names.services[*node].name.as_str()).collect();
                    circle_found(session, names, below, &circle);
                    return true;
                }
                if !done[below] {
                    on_path[below] = true;
                    path.push((below, 0));
                }
            }
        }
        false
    }
}

fn circle_found(session: &Session<'_>, names: &Names, first: usize, circle: &[&str]) {
    let shown = if circle.len() > 6 { &circle[..6] } else { circle };
    let dots = (circle.len() > 6).then(|| "..".to_owned());
    let quoted = |name: &&str| format!("`{name}`");
    let needed: Vec<String> = shown[1..].iter().map(quoted).chain(dots).chain([quoted(&circle[0])]).collect();
    let message = format!("`{}` needs {}", circle[0], needed.join(", which needs "));
    let help =
        "nothing can need itself: take one of these needs out of `depends_on`, `calls` or a `fallback`".to_owned();
    session.report(Code::E305, names.services[first].origin, message, Some(help));
}

fn services_of(term: &Term, pools: &[Pool], found: &mut Vec<ServiceId>) {
    let of_pool = |pool: &PoolId| pools.get(pool.index()).map(|pool| pool.service);
    match term {
        Term::Service(service) => found.push(*service),
        Term::Pool(pool) => found.extend(of_pool(pool)),
        Term::AtLeast { of, .. } => of.iter().for_each(|term| services_of(term, pools, found)),
        Term::Nodes { of, .. } => found.extend(of.iter().filter_map(of_pool)),
    }
}
