//! *Utilisateurs*, *Postes* and *Départements*: the rows added up, the most used first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::DateTime;
use chrono_tz::Tz;

use super::{Cell, Context, Sheet, Value, numbers, words};
use crate::report::Scope;
use crate::report::figures::{self, Tally, grouped};

/// A line per login.
pub(super) fn users<'a>(context: &Context<'a>) -> Sheet<'a> {
    let input = &context.input;
    let columns = [
        words("login"),
        numbers("hosts"),
        numbers("days"),
        numbers("sessions"),
        numbers("hours"),
        numbers("token_hours"),
        numbers("median"),
        numbers("first"),
        numbers("last"),
        numbers(share_column(input.scope)),
    ];
    let (from, to) = input.period.bounds(input.timezone);
    let mut tokens: HashMap<&str, i64> = HashMap::new();
    for hold in input.holds {
        *tokens.entry(hold.who.login()).or_default() += figures::token_seconds(hold, from, to);
    }
    let users = most_used_first(grouped(input.rows, |row| row.who.login()), |tally| tally);
    let total = users.iter().fold(0_i64, |sum, (_, tally)| sum.saturating_add(tally.seconds));
    let rows = users.into_iter().map(|(login, tally)| {
        body([
            Value::text(login),
            Value::count(tally.hosts.len()),
            Value::count(tally.days.len()),
            Value::count(tally.sessions.len()),
            Value::hours(tally.seconds),
            tokens.get(login).map_or(Value::Empty, |seconds| Value::hours(*seconds)),
            tally.median().map_or(Value::Empty, Value::hours),
            moment(context, tally.first),
            moment(context, tally.last),
            Value::share(tally.seconds, total),
        ])
    });
    context.table_sheet("users", &columns, rows.collect())
}

/// A line per machine, with where it was last.
pub(super) fn machines<'a>(context: &Context<'a>) -> Sheet<'a> {
    let columns = [
        words("host"),
        words("hostname"),
        words("ip"),
        words("mac"),
        numbers("vlan"),
        words("switch"),
        words("port"),
        words("outlet"),
        numbers("users"),
        numbers("sessions"),
        numbers("hours"),
        numbers("last"),
        words("information"),
    ];
    let machines = most_used_first(figures::machines(context.input.rows), |machine| &machine.tally);
    let rows = machines.into_iter().map(|(key, figures::MachineUse { tally, latest })| {
        let machine = &latest.machine;
        body([
            Value::text(key.host),
            Value::optional(machine.hostname.as_deref()),
            latest.ip.map_or(Value::Empty, |ip| Value::text(ip.to_string())),
            machine.mac.map_or(Value::Empty, |mac| Value::text(mac.to_string())),
            machine.vlan.map_or(Value::Empty, |vlan| Value::Integer(vlan.number().into())),
            Value::optional(machine.switch.as_deref()),
            machine.port.as_ref().map_or(Value::Empty, |port| Value::text(port.socket())),
            Value::optional(machine.outlet.as_deref()),
            Value::count(tally.users.len()),
            Value::count(tally.sessions.len()),
            Value::hours(tally.seconds),
            moment(context, tally.last),
            Value::optional(machine.information.as_deref()),
        ])
    });
    context.table_sheet("machines", &columns, rows.collect())
}

/// A line per department, in the site's workbook.
pub(super) fn departments<'a>(context: &Context<'a>) -> Sheet<'a> {
    let columns = [
        words("department"),
        numbers("hours"),
        numbers(share_column(context.input.scope)),
        numbers("sessions"),
        numbers("users"),
        numbers("machines"),
        numbers("last"),
    ];
    let rows = context.input.rows;
    let mut machines: HashMap<Option<&str>, usize> = HashMap::new();
    for machine in figures::machines(rows).values() {
        *machines.entry(machine.latest.machine.department.as_deref()).or_default() += 1;
    }
    let departments = most_used_first(grouped(rows, |row| row.machine.department.as_deref()), |tally| tally);
    let total = departments.iter().fold(0_i64, |sum, (_, tally)| sum.saturating_add(tally.seconds));
    let rows = departments.into_iter().map(|(name, tally)| {
        body([
            Value::text(name.unwrap_or(context.words("scope.unresolved"))),
            Value::hours(tally.seconds),
            Value::share(tally.seconds, total),
            Value::count(tally.sessions.len()),
            Value::count(tally.users.len()),
            Value::count(machines.get(&name).copied().unwrap_or_default()),
            moment(context, tally.last),
        ])
    });
    context.table_sheet("departments", &columns, rows.collect())
}

/// What the shares are shares of.
fn share_column(scope: Scope<'_>) -> &'static str {
    match scope {
        Scope::Department(_) => "share",
        Scope::Unresolved => "share_of_these",
        Scope::Site => "share_of_site",
    }
}

/// Groups by their hours, and by their key where these are equal.
fn most_used_first<K: Ord, T>(groups: BTreeMap<K, T>, tally: impl Fn(&T) -> &Tally<'_>) -> Vec<(K, T)> {
    let mut groups: Vec<(K, T)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| Reverse(tally(group).seconds));
    groups
}

fn moment<'a>(context: &Context<'_>, at: Option<DateTime<Tz>>) -> Value<'a> {
    at.map_or(Value::Empty, |at| Value::date_time(context.civil(at)))
}

fn body<const N: usize>(values: [Value<'_>; N]) -> Vec<Cell<'_>> {
    values.into_iter().map(Cell::body).collect()
}
