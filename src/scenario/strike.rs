//! Faults on their targets: default modes, labels, and which mode may strike what.

use super::diagnostic::Code;
use super::fault::{ModeName, Profiles, WrittenFault, read};
use super::fields::Fields;
use super::names::Names;
use super::schema::Shape;
use super::session::Session;
use super::term::{self, Selected, Selector};
use crate::model::failure::{Fault, Mode, Process, Role, Strikes, Target};
use crate::model::topology::{Endpoint, PoolId};
use std::cell::Cell;

/// What the readers add to, as they go.
pub(super) struct World<'n> {
    pub names: &'n Names,
    pub profiles: Profiles,
    pub faults: Vec<Fault>,
    /// Where each of them is written.
    pub origins: Vec<super::source::Origin>,
    /// Nodes of all pools so far.
    pub nodes: u64,
    /// Where the first `capacity` stands, if there is one.
    pub capacity: Cell<Option<super::source::Origin>>,
    /// Do the nodes of the service that is read form a quorum?
    pub quorum: Cell<bool>,
    /// Are the faults those of an experiment, which always runs on the request clock?
    pub experiment: bool,
}

impl<'n> World<'n> {
    /// Nothing yet.
    pub fn new(names: &'n Names, profiles: Profiles) -> Self {
        let (capacity, quorum) = (Cell::new(None), Cell::new(false));
        World {
            names,
            profiles,
            faults: Vec::new(),
            origins: Vec::new(),
            nodes: 0,
            capacity,
            quorum,
            experiment: false,
        }
    }
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
                None | Some(ModeName::Outage) if external => {
                    Some(Mode::Outage { silent: fault.silent.unwrap_or(true) })
                }
                Some(_) | None => mode_of_nodes(session, fault, "a node"),
            };
            let cause = cause_of(fault, label, faults);
            self.add(fault, cause, mode, Target::EachNode { pool, zone: None });
        }
    }

    /// Lays faults on a place or a whole service.
    pub fn strike_place(&mut self, session: &Session<'_>, faults: &[WrittenFault], label: &str, target: Target) {
        for fault in faults {
            refuse_on_place(session, fault, target);
            let mode = match fault.mode {
                None | Some(ModeName::Outage | ModeName::HumanError) => {
                    Some(Mode::Outage { silent: fault.silent.unwrap_or(true) })
                }
                Some(ModeName::Maintenance) => Some(Mode::Maintenance),
                Some(ModeName::Slow) => fault.own.clone(),
                Some(ModeName::Partition) if !matches!(target, Target::Service(_)) => fault.own.clone(),
                Some(other) => wrong_target(session, fault, other, "a place"),
            };
            self.inert_slowness(session, fault, label);
            self.add(fault, cause_of(fault, label, faults), mode, target);
        }
    }

    /// Lays faults on the way between two ends.
    pub fn strike_link(
        &mut self,
        session: &Session<'_>,
        faults: &[WrittenFault],
        label: &str,
        (from, to, both): (Endpoint, Endpoint, bool),
    ) {
        for fault in faults {
            let mode = match fault.mode {
                None => Some(Mode::Partition { inbound: true, outbound: true }),
                Some(ModeName::Partition | ModeName::Slow) => fault.own.clone(),
                Some(other) => wrong_target(session, fault, other, "a link"),
            };
            refuse_on_link(session, fault);
            self.inert_slowness(session, fault, label);
            let target = Target::Link { from, to, both };
            if !both && matches!(mode, Some(Mode::Partition { outbound: false, .. })) {
                let message = "`outbound = false` leaves nothing of a cut one way";
                let help = Some("leave it out, or write `<->`".to_owned());
                session.report(Code::E304, fault.origin, message, help);
            }
            self.add(fault, cause_of(fault, label, faults), mode, target);
        }
    }

    fn add(&mut self, fault: &WrittenFault, cause: String, mode: Option<Mode>, target: Target) {
        let Some(mode) = mode else { return };
        let process = drained(fault, target);
        self.origins.push(fault.origin);
        self.faults.push(Fault {
            cause,
            mode,
            check_fails: fault.check_fails,
            target,
            strikes: fault.strikes,
            role: fault.role,
            process,
        });
    }

    /// Lays a fault with one clock on all the nodes of its target.
    fn strike_nodes_together(&mut self, session: &Session<'_>, fault: &WrittenFault, label: &str, target: Target) {
        let mode = mode_of_nodes(session, fault, "nodes struck together");
        let cause = cause_of(fault, label, std::slice::from_ref(fault));
        self.add(fault, cause, mode, target);
    }

    /// Reads the table `faults`: each has a target.
    pub fn read_faults(&mut self, root: &mut Fields<'_>) {
        let names = self.names;
        let crews = &self.profiles.crews;
        let read_one = |name: &str, fields: &mut Fields<'_>| {
            fields.takes("target", [Shape::Text]);
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

    /// A link or a place that is only slow changes nothing on the structure clock: only requests feel it.
    fn inert_slowness(&self, session: &Session<'_>, fault: &WrittenFault, label: &str) {
        let felt = self.experiment || session.simulates_requests();
        if fault.own.as_ref().is_some_and(Mode::is_gray) && !felt {
            session.note_inert(format!("the slowness of {label}"), fault.origin);
        }
    }

    /// Lays a fault on what its selector names.
    pub fn strike(
        &mut self,
        session: &Session<'_>,
        fault: &WrittenFault,
        name: &str,
        selector: Selector,
        origin: super::source::Origin,
    ) {
        let mut fault = fault.clone();
        if let Some(count) = selector.drawn {
            match fault.strikes {
                Strikes::Each => fault.strikes = Strikes::Nodes(count),
                Strikes::Share(_) | Strikes::Nodes(_) | Strikes::Blast(_) => {
                    let message = "the target and the fault both say whom it strikes";
                    session.report(Code::E304, origin, message, Some("keep one".to_owned()));
                }
            }
        }
        let fault = &fault;
        let one = std::slice::from_ref(fault);
        let whole = matches!(fault.mode, Some(ModeName::Outage | ModeName::Maintenance));
        if let Some(target) = shared_target(fault, selector.selected) {
            return self.strike_nodes_together(session, fault, name, target);
        }
        match selector.selected {
            Selected::Region(region) => self.strike_place(session, one, name, Target::Region(region)),
            Selected::Zone(zone) => self.strike_place(session, one, name, Target::Zone(zone)),
            Selected::Service(service) => {
                if whole && !self.names.services[service.index()].dependency {
                    self.strike_place(session, one, name, Target::Service(service));
                    return;
                }
                let external = self.names.services[service.index()].dependency;
                for pool in self.names.pools(service) {
                    self.strike_nodes(session, one, name, pool, external);
                }
            }
            Selected::Pool(pool) => self.strike_nodes(session, one, name, pool, false),
            Selected::PoolZone(pool, zone) => {
                let mode = mode_of_nodes(session, fault, "a node");
                let target = Target::EachNode { pool, zone: Some(zone) };
                self.add(fault, cause_of(fault, name, one), mode, target);
            }
            Selected::Link(from, to, both) => self.strike_link(session, one, name, (from, to, both)),
        }
    }
}

/// The mode of a fault of nodes, if it can strike them.
fn mode_of_nodes(session: &Session<'_>, fault: &WrittenFault, what: &str) -> Option<Mode> {
    match fault.mode {
        None | Some(ModeName::Crash) => Some(Mode::Crash { silent: fault.silent.unwrap_or(false) }),
        Some(ModeName::Slow | ModeName::MemoryExhaustion | ModeName::ClockSkew | ModeName::DiskFull) => {
            fault.own.clone()
        }
        Some(ModeName::HumanError) => Some(Mode::Outage { silent: true }),
        Some(ModeName::Maintenance) => Some(Mode::Maintenance),
        Some(other @ (ModeName::Outage | ModeName::Partition)) => wrong_target(session, fault, other, what),
    }
}

/// What has no meaning for a place or a whole service.
fn refuse_on_place(session: &Session<'_>, fault: &WrittenFault, target: Target) {
    let rolling = matches!(fault.process, Process::Calendar { rolling: true, .. });
    if !fault.drain.is_zero() && matches!(fault.process, Process::Random { .. }) {
        let help = Some("give `every` or `at`".to_owned());
        let message = "the `drain` of a place is announced, and what comes by chance is not";
        session.report(Code::E304, fault.origin, message, help);
    }
    if fault.role != Role::Any && !rolling && matches!(target, Target::Service(_)) {
        let help = Some("leave `role` out, or strike its nodes or a region".to_owned());
        session.report(
            Code::E304,
            fault.origin,
            "a service as a whole has no `role`: one of its pools is in use",
            help,
        );
    }
    if fault.mode == Some(ModeName::Partition) {
        refuse_latent_cut(session, fault);
    }
    refuse_without_nodes(session, fault, "a place");
}

/// What has no meaning for a link.
fn refuse_on_link(session: &Session<'_>, fault: &WrittenFault) {
    if fault.role != Role::Any {
        let help = Some("leave `role` out, or strike what stands at its ends".to_owned());
        session.report(Code::E204, fault.origin, "`role` is about nodes and places, this is a link", help);
    }
    refuse_latent_cut(session, fault);
    refuse_without_nodes(session, fault, "a link");
}

/// Who is cut off misses the others.
fn refuse_latent_cut(session: &Session<'_>, fault: &WrittenFault) {
    if matches!(fault.process, Process::Random { latent: Some(_), .. }) {
        let help = Some("leave `latent` out".to_owned());
        session.report(Code::E304, fault.origin, "a cut is never latent: both sides miss each other", help);
    }
}

/// What is about the nodes of a pool among each other.
fn refuse_without_nodes(session: &Session<'_>, fault: &WrittenFault, what: &str) {
    let Process::Random { load_power, beta, .. } = fault.process else { return };
    if load_power > 0.0 {
        let help = Some("it is the nodes of a pool that share the load".to_owned());
        session.report(Code::E204, fault.origin, format!("`load_power` is about nodes, this is {what}"), help);
    }
    if beta > 0.0 {
        let help = Some("it is the nodes of a pool that fail together".to_owned());
        session.report(Code::E204, fault.origin, format!("`beta` is about nodes, this is {what}"), help);
    }
}

/// The process on this target. A region or a whole pool is announced for the drain; a node, a zone or a service leaves
/// its balancers, takes no new work and is out for the drain too.
fn drained(fault: &WrittenFault, target: Target) -> Process {
    let mut process = fault.process.clone();
    if let Process::Calendar { lasts, rolling, drain, .. } = &mut process {
        let whole = matches!(target, Target::Region(_) | Target::EachNode { zone: None, .. });
        if whole && !*rolling && fault.strikes == Strikes::Each {
            *drain = fault.drain;
        } else {
            *lasts = lasts.clone().with_offset(fault.drain);
        }
    }
    process
}

/// The target of a fault with one clock for all that is in it.
fn shared_target(fault: &WrittenFault, selected: Selected) -> Option<Target> {
    if fault.strikes == Strikes::Each {
        return None;
    }
    match selected {
        Selected::Region(region) => Some(Target::Region(region)),
        Selected::Zone(zone) => Some(Target::Zone(zone)),
        Selected::Service(service) => Some(Target::Service(service)),
        Selected::Pool(pool) => Some(Target::EachNode { pool, zone: None }),
        Selected::PoolZone(pool, zone) => Some(Target::EachNode { pool, zone: Some(zone) }),
        Selected::Link(..) => None,
    }
}

fn wrong_target<T>(session: &Session<'_>, fault: &WrittenFault, mode: ModeName, what: &str) -> Option<T> {
    let nodes = "use `crash` for nodes, or `faults.NAME` with a `target`";
    let (strikes, help) = match mode {
        ModeName::Crash => ("`crash` strikes nodes", "use `outage`"),
        ModeName::Outage => ("`outage` strikes regions, zones, services and dependencies", nodes),
        ModeName::Partition => ("`partition` strikes links and places", nodes),
        ModeName::Slow
        | ModeName::DiskFull
        | ModeName::MemoryExhaustion
        | ModeName::ClockSkew
        | ModeName::HumanError
        | ModeName::Maintenance => ("this mode strikes something else", nodes),
    };
    session.report(Code::E204, fault.origin, format!("{strikes}, this is {what}"), Some(help.to_owned()));
    None
}

/// The label of a fault: its own, else that of its target, told apart where several strike the same.
fn cause_of(fault: &WrittenFault, label: &str, all: &[WrittenFault]) -> String {
    if let Some(cause) = &fault.cause {
        return cause.clone();
    }
    if fault.mode == Some(ModeName::Maintenance) {
        return "planned".to_owned();
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
