//! Faults on their targets: default modes, labels, and which mode may strike what.

use super::diagnostic::Code;
use super::fault::{ModeName, Profiles, WrittenFault, read};
use super::fields::{Fields, not_yet};
use super::names::Names;
use super::session::Session;
use super::term::{self, Selected, Selector};
use crate::model::failure::{Fault, Mode, Target};
use crate::model::topology::PoolId;

/// What the readers add to, as they go.
pub(super) struct World<'n> {
    pub names: &'n Names,
    pub profiles: Profiles,
    pub faults: Vec<Fault>,
    /// Nodes of all pools so far.
    pub nodes: u64,
}

impl World<'_> {
    /// Lays faults of each node on these pools, blamed on `label` unless they name a cause.
    pub fn strike_nodes(
        &mut self,
        session: &Session<'_>,
        faults: &[WrittenFault],
        label: &str,
        pool: PoolId,
        external: bool,
    ) {
        for fault in faults {
            let mode = match fault.mode {
                None | Some(ModeName::Outage) if external => Mode::Outage { silent: fault.silent.unwrap_or(true) },
                None | Some(ModeName::Crash) => Mode::Crash { silent: fault.silent.unwrap_or(false) },
                Some(other) => {
                    wrong_target(session, fault, other, "a node");
                    continue;
                }
            };
            let cause = cause_of(fault, label, faults);
            self.add(fault, cause, mode, Target::EachNode { pool, zone: None });
        }
    }

    /// Lays faults on a place or a whole service.
    pub fn strike_place(&mut self, session: &Session<'_>, faults: &[WrittenFault], label: &str, target: Target) {
        for fault in faults {
            match fault.mode {
                None | Some(ModeName::Outage) => {
                    let mode = Mode::Outage { silent: fault.silent.unwrap_or(true) };
                    let cause = cause_of(fault, label, faults);
                    self.add(fault, cause, mode, target);
                }
                Some(other) => wrong_target(session, fault, other, "a place"),
            }
        }
    }

    fn add(&mut self, fault: &WrittenFault, cause: String, mode: Mode, target: Target) {
        self.faults.push(Fault { cause, mode, target, process: fault.process.clone() });
    }

    /// Reads the table `faults`: each has a target.
    pub fn read_faults(&mut self, root: &mut Fields<'_>) {
        let names = self.names;
        let crews = &self.profiles.crews;
        let read_one = |name: &str, fields: &mut Fields<'_>| {
            let target = if let Some(node) = fields.node("target") {
                fields.show("target", node.show(), false);
                term::selector(fields.session, names, node).map(|selector| (selector, node.origin))
            } else {
                fields.missing("target", "say what it strikes, such as `target = \"api@us-east\"`");
                None
            };
            (name.to_owned(), target, read(fields, None, crews))
        };
        let found = root.tables("faults", read_one);
        for (name, target, fault) in found {
            if let (Some((selector, origin)), Some(fault)) = (target, fault) {
                self.strike(root.session, &fault, &name, selector, origin);
            }
        }
    }

    fn strike(
        &mut self,
        session: &Session<'_>,
        fault: &WrittenFault,
        name: &str,
        selector: Selector,
        origin: super::source::Origin,
    ) {
        if selector.drawn.is_some() {
            not_yet(session, origin, "a number of nodes drawn at random", "a fault on some nodes");
            return;
        }
        let one = std::slice::from_ref(fault);
        let outage = fault.mode == Some(ModeName::Outage);
        match selector.selected {
            Selected::Region(region) => self.strike_place(session, one, name, Target::Region(region)),
            Selected::Zone(zone) => self.strike_place(session, one, name, Target::Zone(zone)),
            Selected::Service(service) => {
                if outage && !self.names.services[service.index()].dependency {
                    self.strike_place(session, one, name, Target::Service(service));
                    return;
                }
                let external = self.names.services[service.index()].dependency;
                for pool in self.names.pools(service) {
                    self.strike_nodes(session, one, name, pool, external);
                }
            }
            Selected::Pool(pool) => self.strike_nodes(session, one, name, pool, false),
            Selected::PoolZone(pool, zone) => match fault.mode {
                None | Some(ModeName::Crash) => {
                    let mode = Mode::Crash { silent: fault.silent.unwrap_or(false) };
                    let target = Target::EachNode { pool, zone: Some(zone) };
                    self.add(fault, cause_of(fault, name, one), mode, target);
                }
                Some(other) => wrong_target(session, fault, other, "a node"),
            },
            Selected::Link => match fault.mode {
                Some(mode) => wrong_target(session, fault, mode, "a link"),
                None => not_yet(session, origin, "a fault of a link", "link faults"),
            },
        }
    }
}

fn wrong_target(session: &Session<'_>, fault: &WrittenFault, mode: ModeName, what: &str) {
    let nodes = "use `crash` for nodes, or `faults.NAME` with a `target`";
    let (strikes, help) = match mode {
        ModeName::Crash => ("`crash` strikes nodes", "use `outage`"),
        ModeName::Outage => ("`outage` strikes regions, zones, services and dependencies", nodes),
        ModeName::Partition
        | ModeName::Slow
        | ModeName::DiskFull
        | ModeName::MemoryExhaustion
        | ModeName::ClockSkew
        | ModeName::HumanError
        | ModeName::Maintenance => ("this mode strikes something else", nodes),
    };
    session.report(Code::E204, fault.origin, format!("{strikes}, this is {what}"), Some(help.to_owned()));
}

/// The label of a fault: its own, else that of its target, told apart where several strike the same.
fn cause_of(fault: &WrittenFault, label: &str, all: &[WrittenFault]) -> String {
    if let Some(cause) = &fault.cause {
        return cause.clone();
    }
    if all.len() < 2 {
        return label.to_owned();
    }
    let own = |fault: &WrittenFault| match (&fault.profile, fault.mode) {
        (Some(profile), _) => profile.clone(),
        (None, Some(mode)) => mode.word().to_owned(),
        (None, None) => "crash".to_owned(),
    };
    let name = own(fault);
    let same: Vec<&WrittenFault> = all.iter().filter(|other| other.cause.is_none() && own(other) == name).collect();
    match same.iter().position(|other| std::ptr::eq(*other, fault)) {
        Some(at) if same.len() > 1 => format!("{label}: {name} {}", at + 1),
        _ => format!("{label}: {name}"),
    }
}
