//! *Utilisateurs*, *Postes* and *Départements*: the rows added up, the most used first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::DateTime;
use chrono_tz::Tz;

use super::{Context, Kind, Known, Sheet, SheetPlan, Value, table};
use crate::report::figures::{self, Tally, grouped};

pub(super) const USER_COLUMNS: [Known; 10] = [
    Known::text("login"),
    Known::count("hosts"),
    Known::count("days"),
    Known::count("sessions"),
    Known::time("hours"),
    Known::time("token_hours"),
    Known::time("median"),
    Known::moment("first"),
    Known::moment("last"),
    Known::share("share"),
];

/// A line per login.
pub(super) fn users<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let input = &context.input;
    let (from, to) = input.period.bounds(input.timezone);
    let mut tokens: HashMap<&str, i64> = HashMap::new();
    for hold in input.holds {
        *tokens.entry(hold.who.login()).or_default() += figures::token_seconds(hold, from, to);
    }
    let users = most_used_first(grouped(input.rows, |row| row.who.login()), |tally| tally);
    let total = users.iter().fold(0_i64, |sum, (_, tally)| sum.saturating_add(tally.seconds));
    let rows = users.into_iter().map(|(login, tally)| {
        [
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
        ]
    });
    table::sheet(context, plan, Vec::new(), rows.collect::<Vec<_>>())
}

pub(super) const MACHINE_COLUMNS: [Known; 15] = [
    Known::text("host"),
    Known::text("hostname"),
    Known::text("ip"),
    Known::text("mac"),
    Known::count("vlan"),
    Known::text("switch"),
    Known::text("port"),
    Known::text("outlet"),
    Known::count("users"),
    Known::count("sessions"),
    Known::time("hours"),
    Known::moment("last"),
    Known::text("information"),
    Known::text("department"),
    Known::count("days"),
];

/// A line per machine, with where it was last.
pub(super) fn machines<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let machines = most_used_first(figures::machines(context.input.rows), |machine| &machine.tally);
    let rows = machines.into_iter().map(|(key, figures::MachineUse { tally, latest })| {
        let machine = &latest.machine;
        [
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
            Value::optional(machine.department.as_deref()),
            Value::count(tally.days.len()),
        ]
    });
    table::sheet(context, plan, Vec::new(), rows.collect::<Vec<_>>())
}

pub(super) const DEPARTMENT_COLUMNS: [Known; 12] = [
    Known::text("department"),
    Known::time("hours"),
    Known::share("share"),
    Known::time("token_hours"),
    Known::count("sessions"),
    Known::count("users"),
    Known::count("machines"),
    Known::count("peak"),
    Known::count("denials"),
    Known::count("false_denials"),
    Known { name: "last", kinds: &[Kind::DateTime, Kind::Date] },
    Known::count("cost"),
];

/// A line per department, in the site's workbook; those without use too.
pub(super) fn departments<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let mut departments: Vec<_> = context.input.departments.iter().collect();
    departments.sort_by_key(|(name, figures)| (Reverse(figures.seconds), name.is_none(), *name));
    let total = departments.iter().fold(0_i64, |sum, (_, figures)| sum.saturating_add(figures.seconds));
    // The tokens of a year, shared by the time that each department had them.
    let price = context.input.token_price.zip(context.input.seats_at_last());
    let tokens = departments.iter().filter_map(|(_, figures)| figures.token_seconds).fold(0_i64, i64::saturating_add);
    let cost = |figures: &figures::Figures| {
        let all = price.map(|(price, seats)| i128::from(price) * i128::from(seats))?;
        let own = i128::from(figures.token_seconds.filter(|_| tokens > 0)?);
        // To the whole euro.
        i64::try_from((2 * all * own / i128::from(tokens) + 1) / 2).ok().map(Value::Integer)
    };
    let rows = departments.into_iter().map(|(name, figures)| {
        let known = |figures: &figures::Figures, value| if figures.is_unknown { Value::Empty } else { value };
        let peak = figures.peak.and_then(|peak| i64::try_from(peak).ok());
        [
            Value::text(name.unwrap_or(context.words("scope.unresolved"))),
            known(figures, Value::hours(figures.seconds)),
            known(figures, Value::share(figures.seconds, total)),
            figures.token_seconds.map_or(Value::Empty, Value::hours),
            known(figures, Value::count(figures.sessions)),
            known(figures, figures.users.map_or(Value::Empty, Value::count)),
            known(figures, figures.machines.map_or(Value::Empty, Value::count)),
            peak.map_or(Value::Empty, Value::Integer),
            figures.denials.map_or(Value::Empty, Value::count),
            figures.false_denials.map_or(Value::Empty, Value::count),
            moment(context, figures.last),
            cost(figures).unwrap_or(Value::Empty),
        ]
    });
    table::sheet(context, plan, Vec::new(), rows.collect::<Vec<_>>())
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
