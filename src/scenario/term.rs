//! Terms (`any(db, 2 of (a, b, c))`) and selectors (`api@us-east/a`, `1 of db`): texts that name parts of the world.
//!
//! Both are resolved against [`Names`] on the spot, with the caret under the very word.

use super::diagnostic::Code;
use super::fields::{shorten, there_are};
use super::formula;
use super::names::{Entity, Names};
use super::session::{Session, suggest};
use super::tree::Node;
use super::value::Text;
use super::value::Written;
use crate::model::topology::{Endpoint, PoolId, RegionId, ServiceId, Term, ZoneId};
use std::ops::Range;

/// Terms nest at most so deep.
const DEPTH: u32 = 32;

/// What a selector names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selected {
    Region(RegionId),
    Zone(ZoneId),
    Service(ServiceId),
    Pool(PoolId),
    PoolZone(PoolId, ZoneId),
    /// And back?
    Link(Endpoint, Endpoint, bool),
}

/// A selector, with the number of nodes drawn at random if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub selected: Selected,
    pub drawn: Option<u32>,
}

/// Resolves words of one text.
struct Words<'a> {
    session: &'a Session<'a>,
    names: &'a Names,
    node: &'a Node,
    text: &'a str,
}

impl Words<'_> {
    fn fault<T>(&self, range: Range<usize>, message: impl Into<String>, help: Option<String>) -> Option<T> {
        self.session.report(Code::E111, self.node.within(self.session, range), message, help);
        None
    }

    /// A service or region name that stands at `range`.
    fn name(&self, range: Range<usize>, wanted: &str) -> Option<Entity> {
        let word = &self.text[range.clone()];
        let service = self.names.find_service(word).filter(|_| wanted == "service").map(Entity::Service);
        if let Some(entity) = service.or_else(|| self.names.get(word)) {
            return Some(entity);
        }
        let known = match wanted {
            "service" => self.names.service_names(),
            "region" => self.names.region_names(),
            _ => self.names.all(),
        };
        let help = if self.session.is_full() { None } else { suggest(word, &known) };
        self.fault(range, format!("there is no {wanted} `{}`", shorten(word)), help)
    }

    fn region(&self, range: Range<usize>) -> Option<RegionId> {
        match self.name(range.clone(), "region")? {
            Entity::Region(region) => Some(region),
            other @ (Entity::Service(_) | Entity::Group(_)) => {
                let word = &self.text[range.clone()];
                self.fault(range, format!("`{word}` is {}, a region is wanted", other.kind()), None)
            }
        }
    }

    fn service(&self, range: Range<usize>) -> Option<ServiceId> {
        match self.name(range.clone(), "service")? {
            Entity::Service(service) => Some(service),
            other @ (Entity::Region(_) | Entity::Group(_)) => {
                let word = &self.text[range.clone()];
                self.fault(range, format!("`{word}` is {}, a service is wanted", other.kind()), None)
            }
        }
    }

    /// `service@region`, the `@` being at `at`.
    fn pool(&self, range: Range<usize>, at: usize) -> Option<PoolId> {
        let service = self.service(range.start..at);
        let region = self.region(at + 1..range.end);
        let (service, region) = (service?, region?);
        let pool = self.names.pool(service, region);
        if pool.is_none() {
            let (service, region) = (self.names.service_name(service), self.names.region_name(region));
            return self.fault(range, format!("`{service}` has no pool in `{region}`"), None);
        }
        pool
    }

    /// `/zone` after a region.
    fn zone(&self, region: RegionId, range: Range<usize>) -> Option<ZoneId> {
        let word = &self.text[range.clone()];
        let zone = self.names.zone(region, word);
        if zone.is_none() {
            let known: Vec<&str> = self.names.regions[region.index()].zones.iter().map(String::as_str).collect();
            let region = self.names.region_name(region);
            return self.fault(range, format!("`{region}` has no zone `{}`", shorten(word)), suggest(word, &known));
        }
        zone
    }

    fn term(&self, range: Range<usize>, depth: u32) -> Option<Term> {
        if depth == 0 {
            return self.fault(range, "the term nests too deep", Some(format!("at most {DEPTH} levels")));
        }
        let formula = match formula::parse(self.text, range) {
            Ok(formula) => formula,
            Err(bad) => return self.fault(bad.range, bad.message, None),
        };
        let name = formula.name.clone();
        let Some(arguments) = formula.arguments else {
            return match name.text.find('@') {
                Some(at) => self.pool(name.range.clone(), name.range.start + at).map(Term::Pool),
                None => self.service(name.range).map(Term::Service),
            };
        };
        if arguments.is_empty() || arguments.iter().any(|argument| argument.key.is_some()) {
            return self.fault(name.range, "a term holds terms, separated by commas", None);
        }
        let read = |argument: &formula::Argument<'_>| self.term(argument.value.range.clone(), depth - 1);
        let of: Vec<Option<Term>> = arguments.iter().map(read).collect();
        let of: Vec<Term> = of.into_iter().collect::<Option<_>>()?;
        let words: Vec<&str> = name.text.split_whitespace().collect();
        let total = of.len() as u32;
        match words.as_slice() {
            ["any"] => Some(Term::AtLeast { count: 1, of }),
            ["all"] => Some(Term::AtLeast { count: total, of }),
            [count, "of"] => self.count(count, &name.range, total).map(|count| Term::AtLeast { count, of }),
            [count, "nodes", "of"] => {
                let count = self.count(count, &name.range, u32::MAX)?;
                self.pools_of(&of, &name.range).map(|of| Term::Nodes { count, of })
            }
            _ => self.fault(
                name.range,
                format!("`{}` is not a term", shorten(name.text)),
                Some("`any(..)`, `all(..)`, `2 of (..)` or `5 nodes of (..)`".into()),
            ),
        }
    }

    fn count(&self, word: &str, range: &Range<usize>, most: u32) -> Option<u32> {
        let count = word.parse::<u32>().ok();
        if let Some(count) = count.filter(|count| (1..=most).contains(count)) {
            return Some(count);
        }
        let word = shorten(word);
        let message = match count {
            Some(1..) => format!("`{word}` of them can never hold: {}", there_are(most, "term")),
            Some(0) | None => format!("`{word}` is not a number from 1 up"),
        };
        let help = if most == u32::MAX { "1 or more".to_owned() } else { format!("a number from 1 to {most}") };
        self.fault(range.clone(), message, Some(help))
    }

    fn pools_of(&self, terms: &[Term], range: &Range<usize>) -> Option<Vec<PoolId>> {
        let mut pools = Vec::new();
        for term in terms {
            match term {
                Term::Service(service) => pools.extend(self.names.pools(*service)),
                Term::Pool(pool) => pools.push(*pool),
                Term::AtLeast { .. } | Term::Nodes { .. } => {
                    return self.fault(range.clone(), "nodes are counted over services and pools", None);
                }
            }
        }
        Some(pools)
    }

    fn selector(&self) -> Option<Selector> {
        let text = self.text.trim();
        let start = self.text.len() - self.text.trim_start().len();
        if text.contains("<->") || text.contains("->") {
            let (left, right) = text.split_once("<->").or_else(|| text.split_once("->"))?;
            let end = |word: &str| {
                let at = word.as_ptr() as usize - self.text.as_ptr() as usize;
                match self.name(at..at + word.len(), "region or user group")? {
                    Entity::Region(region) => Some(Endpoint::Region(region)),
                    Entity::Group(group) => Some(Endpoint::Group(group)),
                    Entity::Service(_) => self.fault(at..at + word.len(), "a link joins regions and user groups", None),
                }
            };
            let (from, to) = (end(left.trim()), end(right.trim()));
            return Some(Selector { selected: Selected::Link(from?, to?, text.contains("<->")), drawn: None });
        }
        let (drawn, at) = match text.split_once(" of ") {
            Some((count, rest)) => {
                (Some(self.count(count, &(start..start + count.len()), u32::MAX)?), text.len() - rest.len())
            }
            None => (None, 0),
        };
        let range = start + at..start + text.len();
        let word = &self.text[range.clone()];
        let slash = word.find('/').map(|at| range.start + at);
        let head = range.start..slash.unwrap_or(range.end);
        let selected = match self.text[head.clone()].find('@').map(|at| head.start + at) {
            Some(at) => {
                let pool = self.pool(head.clone(), at)?;
                match slash {
                    Some(slash) => {
                        Selected::PoolZone(pool, self.zone(self.region(at + 1..head.end)?, slash + 1..range.end)?)
                    }
                    None => Selected::Pool(pool),
                }
            }
            None => match (self.name(head.clone(), "region or service")?, slash) {
                (Entity::Region(region), Some(slash)) => Selected::Zone(self.zone(region, slash + 1..range.end)?),
                (Entity::Region(region), None) => Selected::Region(region),
                (Entity::Service(service), None) => Selected::Service(service),
                (Entity::Service(_), Some(_)) => {
                    return self.fault(range, "a zone stands in a region", Some("write `api@us-east/a`".into()));
                }
                (Entity::Group(_), _) => return self.fault(range, "a user group cannot be struck", None),
            },
        };
        Some(Selector { selected, drawn })
    }
}

/// Reads a term.
pub(super) fn term(session: &Session<'_>, names: &Names, node: &Node) -> Option<Term> {
    let text = Text::read(node, session)?.0;
    Words { session, names, node, text: &text }.term(0..text.len(), DEPTH)
}

/// Reads a list of terms.
pub(super) fn terms(session: &Session<'_>, names: &Names, node: &Node) -> Vec<Term> {
    if let super::tree::Value::List(items) = &node.value {
        items.iter().filter_map(|item| term(session, names, item)).collect()
    } else {
        super::fields::wrong_type(
            session,
            node,
            "a list of terms",
            Some(format!("write `[{}]`", shorten(&node.show()))),
        );
        Vec::new()
    }
}

/// Reads a selector.
pub(super) fn selector(session: &Session<'_>, names: &Names, node: &Node) -> Option<Selector> {
    let text = Text::read(node, session)?.0;
    Words { session, names, node, text: &text }.selector()
}
