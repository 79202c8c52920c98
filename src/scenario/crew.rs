//! Repair crews, `crews.NAME`, and the faults that name them.

use super::diagnostic::Code;
use super::fields::Fields;
use super::names::{Names, unknown};
use super::policy;
use super::value::{Count, Text};
use crate::model::dist::Law;
use crate::model::failure::{Crew, CrewId, Per};

const PER: [(&str, Per); 5] =
    [("all", Per::All), ("region", Per::Region), ("zone", Per::Zone), ("service", Per::Service), ("pool", Per::Pool)];

/// The crews of a scenario.
#[derive(Debug, Default)]
pub(super) struct Crews {
    pub list: Vec<Crew>,
}

impl Crews {
    /// Reads the table `crews`.
    pub fn read(root: &mut Fields<'_>, names: &Names) -> Crews {
        let list = root.tables("crews", |name, fields| {
            let Count(size) = fields.or("size", 1);
            let per = fields.choice("per", &PER, "all");
            let written = fields.list::<Text>("priority").unwrap_or_default();
            if !fields.has("priority") {
                fields.show("priority", "[]".to_owned(), true);
            }
            let priority = policy::services(fields, names, &written);
            let dispatch = fields.or::<Law>("dispatch", "0s");
            Crew { name: name.to_owned(), size, per, priority, dispatch }
        });
        Crews { list }
    }

    /// Reads `crew` of a random fault.
    pub fn named(&self, fields: &mut Fields<'_>) -> Option<CrewId> {
        let Some(Text(name)) = fields.optional("crew") else {
            if !fields.has("crew") {
                fields.show_off("crew", "every repair begins at once");
            }
            return None;
        };
        let at = self.list.iter().position(|crew| crew.name == name);
        if at.is_none() {
            let known: Vec<&str> = self.list.iter().map(|crew| crew.name.as_str()).collect();
            unknown(fields.session, "crew", &name, fields.origin_of("crew"), None, &known);
        }
        fields.session.mark_used("crew", &name);
        at.map(|at| CrewId(at as u32))
    }

    /// A calendar fault lasts as long as it says.
    pub fn refuse(fields: &mut Fields<'_>) {
        if fields.optional::<Text>("crew").is_some() {
            let help = "leave `crew` out, or give `fails` and `repair`".to_owned();
            fields.fault(
                Code::E304,
                "crew",
                "a fault by the calendar takes no crew: `for` says how long it lasts",
                help,
            );
        }
    }
}
