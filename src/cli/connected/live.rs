//! `jeton connected --live`: who holds a token now, and where: the line per user that `Origin_Users.py` printed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::NaiveDate;

use super::{COLUMNS, Cell, ConnectedOptions, Held, KEYS, NOBODY, held, keys, no_lmstat, row, unlisted};
use crate::cli::arguments::Common;
use crate::cli::progress::Line;
use crate::cli::rows::{Format, Printing};
use crate::cli::{Exit, Stop, complain, messages, say};
use crate::config::{Config, HistoryFormat, TraceSettings};
use crate::evidence;
use crate::finding::{Finding, Gap};
use crate::history::Entry;
use crate::model::{Evidence, Machine, SwitchPort, Vlan};
use crate::network::{Command, Directory, Host, Remote, RemoteError, resolve};
use crate::parse::logwatch;
use crate::pipeline::{Fetched, Step, derived, fetch_lmstat, fetch_traces, present};
use crate::source::Source;
use crate::trace::live;

/// What stands beside the columns of `connected`.
const MORE: [&str; 9] = ["ip", "evidence", "mac", "vlan", "department", "hostname", "switch", "port", "outlet"];

/// The machine of a holder.
#[derive(Debug, Clone, Default)]
struct Seat {
    ip: Option<IpAddr>,
    evidence: Evidence,
    machine: Machine,
}

pub(super) fn run(
    options: &ConnectedOptions,
    common: &Common,
    config: &Config,
    remote: &dyn Remote,
) -> Result<Exit, Stop> {
    let lmstat_line = config.origin.lmstat.as_deref().ok_or_else(|| no_lmstat(config))?;
    let (directory, mut findings) = Directory::read(config).map_err(anyhow::Error::from)?;
    let line = Line::new();
    line.show(Step::Doing("asking the licence server"));
    let mut evidence = evidence::Evidence::in_memory();
    let (mut fetched, connected) = ask(config, remote, &mut evidence, lmstat_line);
    let settings = TraceSettings::from(config);
    let now = present(remote, &fetched, &evidence, &settings);
    let ledger = derived(&evidence, &settings, now, directory.names())?;
    let rows = ledger.rows(NaiveDate::MIN, NaiveDate::MAX, settings.timezone).map_err(anyhow::Error::from)?;
    findings.append(&mut fetched.findings);
    findings.extend(ledger.findings(NaiveDate::MIN, NaiveDate::MAX).map_err(anyhow::Error::from)?);
    let mut gaps = fetched.gaps;
    let lmstat = fetched.lmstat.unwrap_or_default();
    let name_of = |ip| directory.name_at(ip).map(str::to_owned);
    let held = held(&lmstat, config.origin.feature.as_deref(), config.site.timezone);
    let holders: Vec<live::Holder> =
        held.iter().map(|held| live::Holder { who: held.found.who.clone(), since: held.since.to_utc() }).collect();
    let known = live::addresses(&holders, &rows, connected.as_ref(), &name_of);

    let mut addresses: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
    for (who, (ip, _)) in &known {
        addresses.entry(*ip).or_default().insert(who.host().to_owned());
    }
    let resolution = resolve(config, &directory, remote, &addresses, &|progress| line.show(Step::Switches(progress)));
    drop(line);
    findings.extend(resolution.findings);
    gaps.extend(resolution.gaps);
    complain(&messages::findings(&findings, &gaps, common.voice()));
    let seat = |held: &Held<'_>| {
        let Some((ip, evidence)) = known.get(&held.found.who).copied() else { return Seat::default() };
        Seat { ip: Some(ip), evidence, machine: resolution.machines.get(&ip).cloned().unwrap_or_default() }
    };
    let seats: Vec<(&Held<'_>, Seat)> = held.iter().map(|held| (held, seat(held))).collect();
    print(&options.printing, &seats)?;
    Ok(if gaps.is_empty() { Exit::Complete } else { Exit::Gaps })
}

/// The traces, and the addresses that are connected now, where somebody can say. Without logs the connections of this moment
/// still tell something.
fn ask(
    config: &Config,
    remote: &dyn Remote,
    evidence: &mut evidence::Evidence,
    lmstat_line: &str,
) -> (Fetched, Option<BTreeSet<IpAddr>>) {
    let (fetched, sockets) = rayon::join(|| fetch_traces(config, remote, evidence), || sockets(config, remote));
    let mut fetched = fetched.unwrap_or_else(|error| {
        let mut heard = fetch_lmstat(config, remote, lmstat_line);
        heard.gaps.insert(0, Gap::new(&config.origin.host, error.to_string().replace('\n', " ")));
        heard
    });
    if let (Some(lmstat), Some(feature)) = (&fetched.lmstat, &config.origin.feature)
        && !lmstat.covers(feature)
    {
        fetched.gaps.push(Gap::new(&config.origin.host, unlisted(feature, lmstat)));
    }
    let connected = match sockets {
        Ok((connected, found)) => {
            fetched.findings.extend(found);
            Some(connected)
        }
        Err(gap) if remote.is_live() => {
            fetched.gaps.push(gap);
            None
        }
        Err(_) => {
            complain("note: the replay holds no connections (`ss -n -t`): addresses are as the logs knew them");
            None
        }
    };
    (fetched, connected)
}

/// The addresses that are connected to the application's port now, the server's own left out.
fn sockets(config: &Config, remote: &dyn Remote) -> Result<(BTreeSet<IpAddr>, Vec<Finding>), Gap> {
    let (host, command) = (Host::origin(config), Command::sockets());
    let answer = remote.run(&host, std::slice::from_ref(&command)).pop();
    let answer = answer.unwrap_or_else(|| Err(RemoteError::new(&host, command.line(), "no answer")));
    let bytes = answer.map_err(|error| Gap::new(&host.name, error.reason()))?;
    let source = Source::from_bytes(&format!("{}: {}", host.name, command.line()), &bytes);
    let parsed = logwatch::sockets(&source, config.origin.port);
    let server = config.origin.address.to_canonical();
    let peers = parsed.items.iter().map(|socket| socket.peer.ip.to_canonical());
    Ok((peers.filter(|ip| *ip != server).collect(), parsed.findings))
}

fn print(printing: &Printing, seats: &[(&Held<'_>, Seat)]) -> Result<(), Stop> {
    if printing.format() == Format::Table {
        let lines = seats.iter().map(|(held, seat)| {
            let entry = Entry {
                who: Some(held.found.who.clone()),
                minutes: Some(held.minutes as f64),
                ..Entry::of_machine(seat.ip, &seat.machine)
            };
            entry.text(HistoryFormat::Line)
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        say(if text.is_empty() { NOBODY } else { &text });
        return Ok(());
    }
    let columns = [&COLUMNS[..], &MORE, &KEYS].concat();
    let rows = seats.iter().map(|(held, seat)| row(held).into_iter().chain(cells(seat)).chain(keys(held)).collect());
    printing.print(&columns, NOBODY, rows)
}

fn cells(seat: &Seat) -> Vec<Cell> {
    let Machine { hostname, mac, vlan, department, switch, port, outlet, .. } = &seat.machine;
    vec![
        seat.ip.map(|ip| ip.to_string()).into(),
        seat.evidence.name().into(),
        mac.map(|mac| mac.to_string()).into(),
        vlan.map(Vlan::number).into(),
        department.clone().into(),
        hostname.clone().into(),
        switch.clone().into(),
        port.as_ref().map(SwitchPort::socket).into(),
        outlet.clone().into(),
    ]
}
