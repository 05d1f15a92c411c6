//! `jeton resolve`: what the network knows of an address; and the ways back, from a MAC, a host name or an outlet.

use super::arguments::{Common, ResolveOptions};
use super::progress::Line;
use super::rows::Cell;
use super::{Exit, Stop, complain, configured, messages};
use crate::finding::{Finding, excerpt};
use crate::ledger::{Ledger, Stay};
use crate::model::{Machine, SwitchPort, Vlan};
use crate::network::{Answer, Directory, KnownBy, Question, Remark, look_up};
use crate::pipeline::{Memory, Step};
use crate::texts::Language;

const COLUMNS: [&str; 10] =
    ["ip", "hostname", "mac", "vlan", "department", "switch", "port", "outlet", "source", "note"];

pub(super) fn run(options: &ResolveOptions, common: &Common) -> Result<Exit, Stop> {
    let (config, remote) = configured(common)?;
    let (directory, mut findings) = Directory::read(&config).map_err(anyhow::Error::from)?;
    let questions = questions(&options.questions, &directory)?;
    let line = Line::new();
    let lookup = look_up(&config, &directory, remote.as_ref(), &questions, &|progress| {
        line.show(Step::Switches(progress));
    });
    drop(line);
    findings.extend(lookup.findings);
    complain(&messages::findings(&findings, &lookup.gaps, common.voice()));
    for (question, answers) in questions.iter().zip(&lookup.answers) {
        if answers.iter().any(|answer| answer.remark == Some(Remark::Unknown)) {
            complain(&format!("note: nothing is known of `{}`", excerpt(question.text())));
        }
    }
    // Whoever may not read the ledger is answered all the same.
    let ledger = Ledger::open_to_read(&Memory::path(&config)).ok().flatten();
    let wanted = lookup.answers.iter().flatten().map(|answer| {
        let stays = ledger.as_ref().zip(answer.machine.mac).and_then(|(ledger, mac)| ledger.stays(mac).ok());
        row(answer, &stays.unwrap_or_default())
    });
    options.printing.print(&COLUMNS, "nothing was found", wanted)?;
    Ok(if lookup.gaps.is_empty() { Exit::Complete } else { Exit::Gaps })
}

/// The questions, or all that is wrong with them at once.
fn questions(texts: &[String], directory: &Directory) -> Result<Vec<Question>, Stop> {
    let (questions, faults): (Vec<_>, Vec<_>) =
        texts.iter().map(|text| Question::new(text, directory)).partition(Result::is_ok);
    if faults.is_empty() {
        return Ok(questions.into_iter().flatten().collect());
    }
    let faults: Vec<String> =
        faults.into_iter().filter_map(Result::err).map(|fault| format!("error: {fault}")).collect();
    Err(Stop::Usage(faults.join("\n")))
}

fn row(answer: &Answer, stays: &[Stay]) -> Vec<Cell> {
    let Machine { hostname, mac, vlan, department, switch, port, outlet, .. } = &answer.machine;
    let sources: Vec<&str> = answer.sources.iter().map(|source| KnownBy::name(*source)).collect();
    let filled = |text: String| (!text.is_empty()).then_some(text);
    vec![
        answer.ip.map(|ip| ip.to_string()).into(),
        hostname.clone().into(),
        mac.map(|mac| mac.to_string()).into(),
        vlan.map(Vlan::number).into(),
        department.clone().into(),
        switch.clone().into(),
        port.as_ref().map(SwitchPort::socket).into(),
        outlet.clone().into(),
        filled(sources.join("+")).into(),
        filled(note(answer, stays)).into(),
    ]
}

/// What is to be said of an answer, in words: its remark, its findings with their values, then where nights found it.
fn note(answer: &Answer, stays: &[Stay]) -> String {
    let remark = answer.remark.map(|remark| match remark {
        Remark::Unknown => "unknown".to_owned(),
        Remark::LicenceServer => "the licence server's own address".to_owned(),
        Remark::SharedAddress => "shared by many machines".to_owned(),
        Remark::Together(n) => format!("{n} machines behind this outlet"),
        Remark::Vacant => "no machine seen behind this outlet".to_owned(),
        Remark::Passing(n) => format!("{n} seen behind this outlet, none at home there"),
        Remark::Silent => "the switch did not answer".to_owned(),
    });
    let words: Vec<String> = answer.findings.iter().map(|finding| said(finding, &answer.machine)).collect();
    let stays = stays.iter().map(|stay| {
        let place = stay.outlet.as_ref().unwrap_or(&stay.port);
        if stay.first == stay.last {
            format!("{place} on {}", stay.first)
        } else {
            format!("{place} from {} to {}", stay.first, stay.last)
        }
    });
    remark.into_iter().chain(words).chain(stays).collect::<Vec<_>>().join("; ")
}

/// A finding with its values, less what the row says already.
fn said(finding: &Finding, machine: &Machine) -> String {
    let what = Language::English.texts().what(finding.kind);
    let known = [machine.hostname.clone(), machine.mac.map(|mac| mac.to_string())];
    let mut detail = finding.detail.as_str();
    for value in known.iter().flatten() {
        detail = detail.strip_prefix(value.as_str()).unwrap_or(detail).trim_start_matches([':', '/', ' ']);
    }
    let detail = detail.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(detail);
    if detail.is_empty() { what.to_owned() } else { format!("{what} ({detail})") }
}
