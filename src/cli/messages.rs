//! What is said on standard error. No name, address or holder of a token is in it, unless `-v` asks for that.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use crate::finding::{Finding, Gap, Kind, Place, Severity};
use crate::texts::{Language, Texts};

/// How much is said of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// Nothing; gaps are told.
    Quiet,
    /// Each kind with its first places, and no name.
    Usual,
    /// All places, with names and addresses.
    Verbose,
}

/// How many places of one kind are named without `-v`.
const PLACES: usize = 3;

/// An error with its causes, none of them twice.
pub(super) fn failure(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !last.contains(&cause) {
            let _ = write!(text, ": {cause}");
        }
        last = cause;
    }
    text
}

/// Gaps and findings as a terminal shows them: each gap, then each kind of finding with its first places and what to do.
pub(super) fn findings(findings: &[Finding], gaps: &[Gap], voice: Voice) -> String {
    let texts = Language::English.texts();
    let mut text = String::new();
    for gap in gaps {
        let _ = writeln!(text, "gap: {}: {}", gap.source, gap.reason);
    }
    let mut by_kind: BTreeMap<(std::cmp::Reverse<Severity>, Kind), Vec<&Finding>> = BTreeMap::new();
    for finding in findings.iter().filter(|_| voice != Voice::Quiet) {
        by_kind.entry((std::cmp::Reverse(finding.kind.severity()), finding.kind)).or_default().push(finding);
    }
    for ((_, kind), found) in by_kind {
        write_kind(&mut text, texts, kind, &found, voice == Voice::Verbose);
    }
    text
}

fn write_kind(text: &mut String, texts: &Texts, kind: Kind, found: &[&Finding], verbose: bool) {
    let word = match kind.severity() {
        Severity::Note => "note",
        Severity::Warning | Severity::Gap => "warning",
    };
    let count = if found.len() == 1 { String::new() } else { format!(" ({} times)", found.len()) };
    let _ = writeln!(text, "{word}: {}{count}", texts.what(kind));
    let shown: Vec<&&Finding> = found.iter().filter(|finding| verbose || !is_personal(&finding.place)).collect();
    let most = if verbose { usize::MAX } else { PLACES };
    for finding in shown.iter().take(most) {
        let detail =
            if verbose && !finding.detail.is_empty() { format!(": {}", finding.detail) } else { String::new() };
        let _ = writeln!(text, " --> {}{detail}", finding.place);
    }
    if shown.len() > most {
        let _ = writeln!(text, " --> … and {} more (-v shows all)", shown.len() - most);
    }
    let _ = writeln!(text, "hint: {}", texts.remedy(kind));
}

/// Whether a place is itself the address of somebody's machine.
fn is_personal(place: &Place) -> bool {
    matches!(place, Place::Whole(name) if name.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_and_no_address_without_v() {
        let who = crate::model::Identity::new("anna", "PC-1");
        let all = [
            Finding::about(Kind::LostIn, Place::line(&"logwatch".into(), 7), &who),
            Finding::new(Kind::MachineUnknown, Place::whole("10.14.18.145"), "PC-1"),
        ];
        let gaps = [Gap::new("Balard-4D-1", "unreachable")];
        let quiet = findings(&all, &gaps, Voice::Usual);
        assert!(!quiet.contains("anna") && !quiet.contains("10.14.18.145"), "{quiet}");
        assert!(quiet.contains("gap: Balard-4D-1: unreachable") && quiet.contains(" --> logwatch:7"), "{quiet}");
        assert_eq!(findings(&all, &gaps, Voice::Quiet), "gap: Balard-4D-1: unreachable\n");
        let verbose = findings(&all, &gaps, Voice::Verbose);
        assert!(
            verbose.contains(" --> logwatch:7: anna@PC-1") && verbose.contains(" --> 10.14.18.145: PC-1"),
            "{verbose}"
        );
    }

    #[test]
    fn a_cause_that_is_already_said_is_not_said_again() {
        let io = std::io::Error::other("disk full");
        let error = anyhow::Error::from(io).context("cannot write `x`: disk full").context("no history");
        assert_eq!(failure(&error), "error: no history: cannot write `x`: disk full");
    }
}
