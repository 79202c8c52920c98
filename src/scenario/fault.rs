//! Faults as written: profiles, fault tables and lists of these, and what they become on a target.
//!
//! A fault is read once, without its target ([`Written`]), and then laid on what it strikes, where it gets its default
//! mode and its label. A mode that cannot strike such a target is refused there.

use super::crew::Crews;
use super::diagnostic::Code;
use super::explanation::Explanation;
use super::fields::{Fields, shorten, wrong_type};
use super::names::check_name;
use super::schema::Shape;
use super::session::{Session, suggest};
use super::source::Origin;
use super::tree::{Entry, Node, Value};
use super::value::{Factor, Number, Percent, PerhapsNever, Text, Written as _};
use crate::model::dist::Law;
use crate::model::failure::{Ages, Blast, Inspection, Instants, Latent, Mode, Process, Role, Strikes};
use crate::time::Span;
use std::collections::BTreeMap;

/// The modes of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModeName {
    Crash,
    Outage,
    Partition,
    Slow,
    DiskFull,
    MemoryExhaustion,
    ClockSkew,
    HumanError,
    Maintenance,
}

const MODES: [(&str, ModeName); 9] = [
    ("crash", ModeName::Crash),
    ("outage", ModeName::Outage),
    ("partition", ModeName::Partition),
    ("slow", ModeName::Slow),
    ("disk-full", ModeName::DiskFull),
    ("memory-exhaustion", ModeName::MemoryExhaustion),
    ("clock-skew", ModeName::ClockSkew),
    ("human-error", ModeName::HumanError),
    ("maintenance", ModeName::Maintenance),
];

impl ModeName {
    pub fn word(self) -> &'static str {
        MODES.iter().find(|(_, mode)| *mode == self).map_or("", |(word, _)| word)
    }
}

/// A fault without its target.
#[derive(Clone, Debug)]
pub(super) struct WrittenFault {
    /// Name of the profile that it came from.
    pub profile: Option<String>,
    pub mode: Option<ModeName>,
    pub silent: Option<bool>,
    /// The mode in full, where it has keys of its own beside `silent`.
    pub own: Option<Mode>,
    pub check_fails: f64,
    /// Time for which it is drained before it is out.
    pub drain: Span,
    pub strikes: Strikes,
    pub role: Role,
    pub process: Process,
    pub cause: Option<String>,
    /// Where a fault of mode and target is shown.
    pub origin: Origin,
}

/// The default mode on a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Striking {
    Nodes,
    Place,
    Link,
}

/// Reads the keys of a fault; nothing if it cannot be used.
pub(super) fn read(fields: &mut Fields<'_>, striking: Option<Striking>, crews: &Crews) -> Option<WrittenFault> {
    let mode = fields.optional_choice("mode", &MODES);
    let default = striking.map(|striking| match striking {
        Striking::Nodes => ModeName::Crash,
        Striking::Place => ModeName::Outage,
        Striking::Link => ModeName::Partition,
    });
    if let Some(default) = default.filter(|_| !fields.has("mode")) {
        fields.show("mode", format!("\"{}\"", default.word()), true);
    }
    let (silent, own) = own_keys(fields, mode, mode.or(default));
    let process = process(fields, crews);
    let roles = [("any", Role::Any), ("primary", Role::Primary), ("standby", Role::Standby)];
    let role = fields.choice("role", &roles, "any");
    let Number(power) = fields.or("load_power", 0);
    let beta = beta(fields);
    let strikes = strikes(fields, mode, beta > 0.0);
    let unseen = latent(fields);
    let check_fails = check_fails(fields, own.as_ref());
    let cause = fields.optional::<Text>("cause").map(|text| text.0);
    if let Some(cause) = &cause {
        check_name(fields.session, cause, fields.origin_of("cause"));
    }
    let origin = if fields.has("mode") { fields.origin_of("mode") } else { fields.origin };
    if unseen.is_some() && own.as_ref().is_some_and(Mode::is_gray) {
        let help = "write `check_fails = \"0%\"` for what checks do not see".to_owned();
        fields.fault(Code::E304, "latent", "a latent fault stops what it strikes, this one only weakens it", help);
    }
    let mut process = process?;
    if let Process::Random { beta: share, load_power, latent, .. } = &mut process {
        (*share, *load_power, *latent) = (beta, power, unseen);
    } else if unseen.is_some() {
        let help = "give `fails` and `repair`".to_owned();
        fields.fault(Code::E304, "latent", "a fault by the calendar lasts as long as it says, seen or not", help);
    } else if power > 0.0 {
        fields.fault(Code::E304, "load_power", "a fault by the calendar has no age", "leave it out".to_owned());
    } else if beta > 0.0 {
        fields.fault(Code::E304, "beta", "a fault by the calendar has no rate to share", "write `hits`".to_owned());
    }
    let drain = if mode == Some(ModeName::Maintenance) { maintenance(fields, &mut process) } else { Span::ZERO };
    Some(WrittenFault { drain, profile: None, mode, silent, own, check_fails, strikes, role, process, cause, origin })
}

/// The keys that belong to one mode only; gives `silent`, and the mode where it has others.
fn own_keys(
    fields: &mut Fields<'_>,
    mode: Option<ModeName>,
    in_force: Option<ModeName>,
) -> (Option<bool>, Option<Mode>) {
    match mode {
        None | Some(ModeName::Crash | ModeName::Outage) => {
            let silent = fields.optional::<bool>("silent");
            // what is cut is always silent
            let in_force = in_force.filter(|&mode| mode != ModeName::Partition);
            if let (false, Some(mode)) = (fields.has("silent"), in_force) {
                fields.show("silent", (mode == ModeName::Outage).to_string(), true);
            }
            (silent, None)
        }
        Some(ModeName::Partition) => {
            let inbound: bool = fields.or("inbound", true);
            let outbound: bool = fields.or("outbound", true);
            if !inbound && !outbound {
                let help = "leave one of them out".to_owned();
                fields.fault(Code::E304, "outbound", "a partition that cuts neither way changes nothing", help);
            }
            (None, Some(Mode::Partition { inbound, outbound }))
        }
        Some(ModeName::Slow) => {
            let Factor(factor) = fields.or("factor", 10);
            let Percent(errors) = fields.or("errors", "0%");
            at_least_one(fields, factor);
            (None, Some(Mode::Slow { factor, errors }))
        }
        Some(ModeName::MemoryExhaustion) => {
            let Number(factor) = fields.or("factor", 5);
            let ramp = fields.or("ramp", "30min");
            at_least_one(fields, factor);
            (None, Some(Mode::MemoryExhaustion { ramp, factor }))
        }
        Some(ModeName::ClockSkew) => {
            let skew = fields.required::<Span>("skew", "say by how much the clock is off");
            let Percent(errors) = fields.or("errors", "0%");
            (None, Some(Mode::ClockSkew { skew: skew.unwrap_or_default(), errors }))
        }
        Some(ModeName::DiskFull) => (None, Some(Mode::DiskFull)),
        Some(ModeName::HumanError | ModeName::Maintenance) => (None, None),
    }
}

fn at_least_one(fields: &mut Fields<'_>, factor: f64) {
    if factor < 1.0 {
        let help = "1 or more: 10 takes ten times as long".to_owned();
        fields.fault(Code::E104, "factor", "a slow part is not faster than a sound one", help);
    }
}

/// The chance that a check of the struck part fails: all fail of what is stopped, none of what serves on.
fn check_fails(fields: &mut Fields<'_>, own: Option<&Mode>) -> f64 {
    let passes = own.is_some_and(|own| !own.stops());
    let Percent(share) = fields.or("check_fails", if passes { "0%" } else { "100%" });
    share
}

/// `latent` and `inspect`.
fn latent(fields: &mut Fields<'_>) -> Option<Latent> {
    let Percent(share) = fields.or("latent", "0%");
    let inspect = fields.table("inspect", "what is latent is found by a promotion at most", |fields| {
        let every = fields.required::<Law>("every", "say how often, such as `every = \"30d\"`");
        if every.as_ref().is_some_and(|every| every.mean_s() == 0.0) {
            fields.fault(Code::E104, "every", "an inspection every 0s never ends", "write a longer time".to_owned());
        }
        let first = fields.optional::<Span>("first");
        if !fields.has("first") {
            fields.show_note("first", "as from one to the next");
        }
        let takes = fields.or::<Law>("takes", "0s");
        Some(Inspection { every: every?, first, takes })
    });
    (share > 0.0).then_some(Latent { share, inspect: inspect.flatten() })
}

/// `rolling` and `drain`, of which the target decides what it means; by chance it is out for the drain too.
fn maintenance(fields: &mut Fields<'_>, process: &mut Process) -> Span {
    let drain: Span = fields.or("drain", "0s");
    let one_by_one = fields.or::<bool>("rolling", false);
    match process {
        Process::Calendar { rolling, .. } => *rolling = one_by_one,
        Process::Random { repair, .. } => {
            *repair = repair.clone().with_offset(drain);
            if one_by_one {
                let help = "give `every` or `at`".to_owned();
                fields.fault(Code::E304, "rolling", "node by node goes by the calendar, not by chance", help);
            }
        }
    }
    drain
}

/// Whom it strikes, as far as the fault itself says so.
fn strikes(fields: &mut Fields<'_>, mode: Option<ModeName>, beta: bool) -> Strikes {
    let blasts = [("node", Blast::Node), ("zone", Blast::Zone), ("region", Blast::Region), ("service", Blast::Service)];
    let hits = fields.optional::<Percent>("hits").map(|share| share.0);
    if hits.is_some() && (beta || mode == Some(ModeName::HumanError)) {
        let other = if beta { "beta" } else { "human-error" };
        let message = format!("`hits` and `{other}` both say whom it strikes");
        fields.fault(Code::E304, "hits", message, "keep one".to_owned());
    }
    if mode == Some(ModeName::HumanError) {
        let blast = fields.optional_choice("blast", &blasts);
        if !fields.has("blast") {
            fields.show_note("blast", "the whole target");
        }
        return Strikes::Blast(blast.unwrap_or(Blast::Whole));
    }
    hits.map_or(Strikes::Each, Strikes::Share)
}

/// The share of the rate that strikes all nodes at once.
fn beta(fields: &mut Fields<'_>) -> f64 {
    let exponential = fields.peek("fails").and_then(Node::as_text);
    if let Some(law) = exponential.filter(|law| !law.trim_start().starts_with("exp(")) {
        let beta = fields.peek("beta").map(Node::as_text);
        if beta.is_some_and(|share| share != Some("0%")) {
            let name = law.split('(').next().unwrap_or(law);
            let help = "give `fails` as `exp(..)`, or write a fault with `hits`".to_owned();
            fields.fault(Code::E311, "beta", format!("`beta` needs `exp`, this is `{}`", shorten(name)), help);
        }
    }
    fields.or::<Percent>("beta", "0%").0
}

fn process(fields: &mut Fields<'_>, crews: &Crews) -> Option<Process> {
    let triggers: Vec<&str> = ["fails", "every", "at"].into_iter().filter(|key| fields.has(key)).collect();
    if let [_, second, ..] = triggers.as_slice() {
        let origin = fields.key_origin(second);
        let message = format!("`{}` and `{second}` both say when it strikes", triggers[0]);
        fields.session.report(Code::E304, origin, message, Some("keep one".to_owned()));
        fields.leave(["fails", "every", "at", "first", "repair", "for", "ages", "crew"]);
    }
    let ages_words = [("always", Ages::Always), ("running", Ages::Running)];
    match triggers.first().copied() {
        Some("fails") => {
            let fails: Option<Law> = fields.required("fails", "");
            let repair =
                fields.required::<PerhapsNever>("repair", "say how long a repair takes, such as `repair = \"1h\"`");
            let ages = fields.choice("ages", &ages_words, "always");
            if let Some(law) = &fails
                && law.mean_s() == 0.0
            {
                fields.fault(Code::E104, "fails", "the time to failure is always 0", "write a longer time".to_owned());
            }
            let crew = crews.named(fields);
            Some(Process::Random {
                fails: fails?,
                repair: repair?.0,
                ages,
                crew,
                beta: 0.0,
                load_power: 0.0,
                latent: None,
            })
        }
        Some("every") => {
            let every: Span = fields.required("every", "")?;
            let first = fields.or("first", every.to_string().as_str());
            if every.is_zero() {
                fields.fault(Code::E104, "every", "a fault every 0s never ends", "write a longer time".to_owned());
            }
            let lasts = lasts(fields);
            Crews::refuse(fields);
            Some(Process::Calendar {
                at: Instants::Every { first, every },
                lasts: lasts?,
                rolling: false,
                drain: Span::ZERO,
            })
        }
        Some(_) => {
            let at = instants(fields);
            let lasts = lasts(fields);
            Crews::refuse(fields);
            Some(Process::Calendar { at: Instants::At(at?), lasts: lasts?, rolling: false, drain: Span::ZERO })
        }
        None => {
            let help = Some("say when it strikes, such as `fails = \"exp(mean=90d)\"`".to_owned());
            fields.session.report(Code::E310, fields.origin, "the fault has no `fails`, `every` or `at`", help);
            for key in ["repair", "for", "first", "ages", "crew"] {
                fields.node(key);
            }
            None
        }
    }
}

fn lasts(fields: &mut Fields<'_>) -> Option<Law> {
    fields.required("for", "say how long it lasts, such as `for = \"30min\"`")
}

/// `at`: one instant or a list of them, made ascending.
fn instants(fields: &mut Fields<'_>) -> Option<Vec<Span>> {
    fields.takes("at", [Shape::Duration, Shape::List(vec![Shape::Duration])]);
    let node = fields.node("at")?;
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    let mut at = items.iter().map(|item| Span::read(item, fields.session)).collect::<Option<Vec<Span>>>()?;
    fields.show("at", node.show(), false);
    if at.is_empty() {
        fields.fault(Code::E310, "at", "`at` names no instant", "say when it strikes".to_owned());
    }
    at.sort_unstable();
    at.dedup();
    Some(at)
}

/// Reads a list of faults, a fault or the name of a profile.
pub(super) fn read_all(
    fields: &mut Fields<'_>,
    key: &str,
    profiles: &Profiles,
    striking: Striking,
) -> Vec<WrittenFault> {
    fields.takes(key, [Shape::Text, Shape::Table, Shape::List(vec![Shape::Text, Shape::Table])]);
    let Some(entry) = fields.entry(key) else {
        fields.show_off(key, "never fails by itself");
        return Vec::new();
    };
    let mut shown = Vec::new();
    let path = fields.path_of(key);
    let items: &[Node] =
        if let Value::List(items) = &entry.node.value { items } else { std::slice::from_ref(&entry.node) };
    let mut faults = Vec::new();
    for item in items {
        faults.extend(read_one(fields.session, item, entry, &path, profiles, striking, &mut shown));
    }
    match shown.pop() {
        Some(table) if items.len() == 1 => fields.show_table(key, table),
        _ => fields.show(key, entry.node.show(), false),
    }
    faults
}

fn read_one(
    session: &Session<'_>,
    node: &Node,
    entry: &Entry,
    path: &str,
    profiles: &Profiles,
    striking: Striking,
    shown: &mut Vec<Explanation>,
) -> Option<WrittenFault> {
    match &node.value {
        Value::Text(name) => profiles.get(session, name, node.origin),
        Value::Table(table) => {
            let origin = if std::ptr::eq(node, &raw const entry.node) { entry.key_origin } else { node.origin };
            let (fault, explanation) =
                Fields::read(session, table, origin, path, false, |f| read(f, Some(striking), &profiles.crews));
            shown.push(explanation);
            fault
        }
        Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Datetime(_) | Value::List(_) => {
            wrong_type(
                session,
                node,
                "a fault",
                Some("write a profile's name, or `{ fails = .., repair = .. }`".into()),
            );
            None
        }
    }
}

/// The profiles of a scenario, read.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    /// The crews that faults may name.
    pub crews: Crews,
    list: Vec<(String, Origin, Option<WrittenFault>)>,
    index: BTreeMap<String, usize>,
}

impl Profiles {
    /// Reads the table `profiles`.
    pub fn read(root: &mut Fields<'_>, crews: Crews) -> Profiles {
        let list = root.tables("profiles", |name, fields| {
            let fault =
                read(fields, None, &crews).map(|fault| WrittenFault { profile: Some(name.to_owned()), ..fault });
            (name.to_owned(), fields.origin, fault)
        });
        let index = list.iter().enumerate().map(|(at, (name, _, _))| (name.clone(), at)).collect();
        Profiles { crews, list, index }
    }

    fn get(&self, session: &Session<'_>, name: &str, origin: Origin) -> Option<WrittenFault> {
        let found = self.index.get(name).map(|at| &self.list[*at]);
        session.mark_used("profile", name);
        if let Some((_, _, fault)) = found {
            fault.clone().map(|fault| WrittenFault { origin, ..fault })
        } else {
            let known: Vec<&str> = self.list.iter().map(|(known, _, _)| known.as_str()).collect();
            session.report(
                Code::E201,
                origin,
                format!("there is no profile `{}`", shorten(name)),
                suggest(name, &known),
            );
            None
        }
    }

    /// Warns of the profiles that nobody used.
    pub fn warn_unused(&self, session: &Session<'_>) {
        for (name, origin, _) in &self.list {
            if !session.was_used("profile", name) {
                let message = format!("profile `{}` is used nowhere", shorten(name));
                session.report(Code::W410, *origin, message, Some("remove it".to_owned()));
            }
        }
    }
}
