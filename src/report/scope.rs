//! Whose is what: which department a row, a token, a refusal or a finding belongs to, and who may see it. Workbooks and the page
//! ask the same questions here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::Scope;
use crate::finding::{Finding, Kind, Place};
use crate::model::{Denial, Hold, Identity, Machine, SessionRow};

/// The scope of a machine: its department.
pub fn scope_of(machine: &Machine) -> Scope<'_> {
    machine.department.as_deref().map_or(Scope::Unresolved, Scope::Department)
}

/// Who looks: what they may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Everything.
    Everyone,
    /// What is of these departments.
    Departments(BTreeSet<String>),
}

impl Audience {
    /// Whether they may see what is of a scope. The site's is everybody's together, and nobody's who sees a part.
    pub fn sees(&self, scope: Scope<'_>) -> bool {
        match (self, scope) {
            (Self::Everyone, _) => true,
            (Self::Departments(own), Scope::Department(name)) => own.contains(name),
            (Self::Departments(_), Scope::Site | Scope::Unresolved) => false,
        }
    }

    /// The departments whose rows they may ask for; all rows, where absent.
    pub fn departments(&self) -> Option<Vec<String>> {
        match self {
            Self::Everyone => None,
            Self::Departments(own) => Some(own.iter().cloned().collect()),
        }
    }

    /// The tokens that they may see, by the rows of everybody.
    pub fn holds(&self, holds: Vec<Hold>, rows: &[SessionRow]) -> Vec<Hold> {
        if *self == Self::Everyone {
            return holds;
        }
        let owners = Owners::new(rows);
        holds.into_iter().filter(|hold| self.sees(owners.of(&hold.who, hold.start))).collect()
    }

    /// The refusals that they may see.
    pub fn denials(&self, denials: Vec<Denial>) -> Vec<Denial> {
        denials.into_iter().filter(|denial| self.sees(scope_of(&denial.machine))).collect()
    }

    /// The findings that they may see: of a part, those about its own machines and people.
    pub fn findings(&self, findings: &[Finding], rows: &[SessionRow]) -> Vec<Finding> {
        match self {
            Self::Everyone => findings.to_vec(),
            // Of every department alike: the rows are those of theirs alone.
            Self::Departments(_) => findings_for(Scope::Unresolved, rows, findings),
        }
    }
}

/// Whose scope a pair was in at a moment: that of its session then, or of the one nearest to it.
#[derive(Debug)]
pub struct Owners<'a> {
    rows: BTreeMap<&'a Identity, Vec<&'a SessionRow>>,
}

impl<'a> Owners<'a> {
    /// By the rows of all.
    pub fn new(all: &'a [SessionRow]) -> Self {
        let mut rows: BTreeMap<&Identity, Vec<&SessionRow>> = BTreeMap::new();
        for row in all {
            rows.entry(&row.who).or_default().push(row);
        }
        Self { rows }
    }

    /// The scope of a pair at a moment.
    pub fn of(&self, who: &Identity, at: DateTime<Utc>) -> Scope<'a> {
        let rows = self.rows.get(who).map_or(&[][..], Vec::as_slice);
        // Rows are in the order of their starts: the nearest begins just before the moment, or just after it.
        let behind = rows.partition_point(|row| row.start.to_utc() <= at);
        let around = [behind.checked_sub(1), Some(behind)].into_iter().flatten().filter_map(|index| rows.get(index));
        let distance = |row: &&&SessionRow| {
            let (start, end) = (row.start.to_utc(), row.end.to_utc());
            (start - at).max(at - end).max(chrono::Duration::zero())
        };
        around.min_by_key(distance).map_or(Scope::Unresolved, |row| scope_of(&row.machine))
    }
}

/// The findings of a scope. The site has all. A department has those about its own machines and people, and those about the
/// traces without what they quote: a line that cannot be read can name anybody.
pub fn findings_for(scope: Scope<'_>, rows: &[SessionRow], all: &[Finding]) -> Vec<Finding> {
    if scope == Scope::Site {
        return all.to_vec();
    }
    let own = Own::of(rows);
    all.iter()
        .filter_map(|finding| {
            let about_machine = matches!(&finding.place, Place::Whole(name) if own.names.contains(&**name));
            let about_pair = finding.who.as_ref().is_some_and(|who| own.pairs.contains(who));
            if about_machine || about_pair {
                return Some(finding.clone());
            }
            if finding.who.is_none() && own.machines_in(&finding.detail).next().is_some() {
                // A doubled name or address can be another department's too: nothing but what is its own is quoted.
                let detail = own.machines_in(&finding.detail).collect::<Vec<_>>().join(" ");
                return Some(Finding { detail, ..finding.clone() });
            }
            let about_traces = matches!(
                finding.kind,
                Kind::UnreadableLine
                    | Kind::TruncatedFile
                    | Kind::ClockWentBack
                    | Kind::ClocksDisagree
                    | Kind::UndatedLog
                    | Kind::LicenceServerTrouble
                    | Kind::Unwatched
            );
            // When nobody watched names nobody.
            let detail = if finding.kind == Kind::Unwatched { finding.detail.clone() } else { String::new() };
            about_traces.then(|| Finding { detail, ..finding.clone() })
        })
        .collect()
}

/// What tells the machines and people of a scope.
struct Own<'a> {
    pairs: BTreeSet<&'a Identity>,
    /// Addresses, MAC addresses and DHCP names.
    machines: BTreeSet<String>,
    /// The same, and switches.
    names: BTreeSet<String>,
}

impl<'a> Own<'a> {
    fn of(rows: &'a [SessionRow]) -> Self {
        let mut machines = BTreeSet::new();
        let mut switches = BTreeSet::new();
        for row in rows {
            machines.extend(row.ip.map(|ip: IpAddr| ip.to_string()));
            machines.extend(row.machine.mac.map(|mac| mac.to_string()));
            machines.extend(row.machine.hostname.clone());
            switches.extend(row.machine.switch.clone());
        }
        let names = machines.union(&switches).cloned().collect();
        Self { pairs: rows.iter().map(|row| &row.who).collect(), machines, names }
    }

    /// The words of a finding's detail that name a machine of the scope.
    fn machines_in<'t>(&'t self, detail: &'t str) -> impl Iterator<Item = &'t str> {
        let words = detail.split(|c: char| c.is_whitespace() || "/(),;".contains(c));
        words.filter(|word| self.machines.contains(*word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_reader_sees_what_is_of_their_departments_and_nothing_else() {
        let reader = Audience::Departments(["DPT4".to_owned()].into());
        assert!(reader.sees(Scope::Department("DPT4")) && Audience::Everyone.sees(Scope::Site));
        for scope in [Scope::Department("DPT1"), Scope::Department("dpt4"), Scope::Site, Scope::Unresolved] {
            assert!(!reader.sees(scope), "{scope:?}");
        }
        let nobody = Audience::Departments(BTreeSet::new());
        let (rows, holds, denials) = (sample::rows(), sample::holds(), sample::denials());
        assert!(nobody.holds(holds.clone(), &rows).is_empty() && nobody.denials(denials.clone()).is_empty());
        assert_eq!(Audience::Everyone.holds(holds.clone(), &rows), holds);
        let own: Vec<Hold> = reader.holds(holds, &rows);
        let of_rows = |who: &Identity| {
            rows.iter().any(|row| row.who == *who && row.machine.department.as_deref() == Some("DPT4"))
        };
        assert!(own.iter().all(|hold| of_rows(&hold.who)));
        assert_eq!(reader.departments(), Some(vec!["DPT4".to_owned()]));
    }
}
