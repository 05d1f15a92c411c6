//! A status as lines that machines and people read.

use std::fmt::Write;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::{DateTime, Duration, NaiveTime, Utc};

use super::{Level, Status};
use crate::config::Alarm;
use crate::output;

/// The file that Prometheus's node_exporter reads.
const TEXTFILE: &str = "jeton.prom";

/// `6 h 05`, `12 min`.
pub(super) fn hours(time: Duration) -> String {
    let minutes = time.num_minutes().max(0);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, _) if hours >= 100 => format!("{} days", hours / 24),
        (hours, minutes) => format!("{hours} h {minutes:02}"),
    }
}

impl Level {
    /// Its name in the conventions of Nagios plugins.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl Status {
    /// The level of the worst alarm, and a line for people: the alarms, else how things are.
    fn line(&self, alarm: &Alarm) -> (Level, String) {
        let alarms = self.alarms(alarm);
        let Some((worst, _)) = alarms.first() else { return (Level::Ok, self.quiet()) };
        let texts: Vec<&str> = alarms.iter().map(|(_, text)| text.as_str()).collect();
        (*worst, texts.join("; "))
    }

    fn quiet(&self) -> String {
        let seats = self.seats.map(|seats| format!(" of {seats}")).unwrap_or_default();
        let age = hours(self.now - self.night.at);
        format!("the last night was {age} ago and complete; {}{seats} tokens were out", self.out)
    }

    /// The figures with their names, help texts and labels, as Prometheus has them; those that are not known are left out.
    fn metrics(&self) -> Vec<Metric> {
        let seconds = |at: DateTime<Utc>| at.timestamp() as f64;
        let flag = |flag: bool| f64::from(u8::from(flag));
        let mut metrics = vec![
            Metric::of("night_timestamp_seconds", "When the last night reached its end.", Some(seconds(self.night.at))),
            Metric::of(
                "night_gaps",
                "Sources, workbooks and pushes that it lacked.",
                Some(self.night.lacks.len() as f64),
            ),
            Metric::of("night_stale", "Whether it could read no log.", Some(flag(self.night.is_stale))),
            Metric::of("watcher_timestamp_seconds", "The watcher's last sign of life.", self.sign.map(seconds)),
            Metric::of("tokens_out", "Tokens that were out at the last night.", Some(self.out as f64)),
            Metric::of("tokens", "Tokens of the laboratory.", self.seats.map(f64::from)),
            Metric::of("licence_server_up", "Whether lmstat said that the vendor daemon is up.", self.is_up.map(flag)),
            Metric::of(
                "licence_expiry_timestamp_seconds",
                "The end of the licence's last day.",
                self.expiry.and_then(|day| day.succ_opt()).map(|day| seconds(day.and_time(NaiveTime::MIN).and_utc())),
            ),
            Metric::of(
                "disk_free_bytes",
                "Room on the disk of the output directory.",
                self.free.map(|free| free as f64),
            ),
            Metric::of("switches", "Switches in the configuration.", Some(self.n_switches as f64)),
        ];
        for (name, day) in [("last_whole", self.day), ("current", self.today)] {
            let label = Some(("day", name.to_owned()));
            let mut add =
                |name, help, value: Option<f64>| metrics.push(Metric { name, help, label: label.clone(), value });
            add("day_known_seconds", "Time of a day that some log vouches for.", Some(day.known_s as f64));
            add(
                "day_unknown_seconds",
                "Time of a day that no log vouches for.",
                Some((day.whole_s - day.known_s) as f64),
            );
            add("day_used_seconds", "Time of a day with any token out.", Some(day.used_s as f64));
            add("day_at_limit_seconds", "Time of a day with all tokens out.", day.at_limit_s.map(|limit| limit as f64));
            add("day_refusals", "Refusals of a day that cost somebody time.", Some(day.refusals as f64));
        }
        for switch in &self.switches {
            metrics.push(Metric {
                name: "switch_unreachable_since_timestamp_seconds",
                help: "The first of the nights in a row that did not reach a switch.",
                label: Some(("switch", switch.source.clone())),
                value: Some(seconds(switch.since)),
            });
        }
        metrics.retain(|metric| metric.value.is_some());
        metrics.sort_by_key(|metric| metric.name);
        metrics
    }
}

/// The level of a status, and its line for people.
pub fn line(status: Option<&Status>, alarm: &Alarm) -> (Level, String) {
    status.map_or((Level::Unknown, NO_NIGHT.to_owned()), |status| status.line(alarm))
}

/// A status as one JSON object.
pub fn json(status: Option<&Status>, alarm: &Alarm) -> serde_json::Value {
    let (level, text) = line(status, alarm);
    let mut object = serde_json::json!({ "level": level.name(), "text": text });
    let Some(status) = status else { return object };
    let day = |day: &super::Day| {
        serde_json::json!({
            "date": day.date, "known_s": day.known_s, "whole_s": day.whole_s, "used_s": day.used_s,
            "at_limit_s": day.at_limit_s, "refusals": day.refusals,
        })
    };
    let alarms = status.alarms(alarm).into_iter();
    let alarms: Vec<_> =
        alarms.map(|(level, text)| serde_json::json!({ "level": level.name(), "text": text })).collect();
    let known = serde_json::json!({
        "now": status.now, "night": status.night.at, "stale": status.night.is_stale, "gaps": status.night.lacks.len(),
        "watcher": status.sign, "last_whole_day": day(&status.day), "today": day(&status.today),
        "tokens_out": status.out, "seats": status.seats, "licence_server_up": status.is_up,
        "licence_expiry": status.expiry, "disk_free_bytes": status.free, "switches": status.n_switches, "switches_unreachable": status.switches,
        "alarms": alarms,
    });
    if let (Some(object), serde_json::Value::Object(known)) = (object.as_object_mut(), known) {
        object.extend(known);
    }
    object
}

/// Writes the metrics into a folder of node_exporter's textfile collector, at once or not at all, for all to read.
pub fn write(status: Option<&Status>, folder: &Path, alarm: &Alarm) -> io::Result<()> {
    let path = folder.join(TEXTFILE);
    output::write_file(&path, |out| out.write_all(prometheus(status, alarm).as_bytes()))?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

/// One figure.
struct Metric {
    name: &'static str,
    help: &'static str,
    label: Option<(&'static str, String)>,
    value: Option<f64>,
}

impl Metric {
    fn of(name: &'static str, help: &'static str, value: Option<f64>) -> Self {
        Self { name, help, label: None, value }
    }
}

/// A status as a Nagios plugin prints it: `JETON OK - text | figures`.
pub fn nagios(status: Option<&Status>, alarm: &Alarm) -> String {
    let (level, text) = line(status, alarm);
    let mut line = format!("JETON {} - {}", level.name(), text.replace('|', "/"));
    let Some(status) = status else { return line };
    line.push_str(" |");
    let mut add = |name: &str, value: Option<String>, rest: String| {
        if let Some(value) = value {
            let _ = write!(line, " {name}={value}{rest}");
        }
    };
    let seconds = |time: Duration| Some(format!("{}s", time.num_seconds()));
    let Status { night, day, .. } = status;
    let limit = alarm.night.num_seconds();
    add("night_age", seconds(status.now - night.at), format!(";{limit};{}", 2 * limit));
    add("night_gaps", Some(night.lacks.len().to_string()), ";0".to_owned());
    let silence = status.sign.and_then(|sign| seconds(night.at - sign));
    add("watcher_silence", silence, format!(";;{}", alarm.sign.num_seconds()));
    add("unknown", Some(format!("{}s", day.whole_s - day.known_s)), format!(";{}", super::UNKNOWN));
    let seats = status.seats.map(|seats| seats.to_string()).unwrap_or_default();
    add("tokens_out", Some(status.out.to_string()), format!(";;;0;{seats}"));
    add("at_limit", day.at_limit_s.map(|limit| format!("{limit}s")), String::new());
    add("refusals", Some(day.refusals.to_string()), String::new());
    let left = status.expiry.map(|expiry| (expiry - status.now.date_naive()).num_days().to_string());
    add("licence_days", left, format!(";{}:;{}:", alarm.expiry_days + 1, super::LAST_DAYS + 1));
    add("disk_free", status.free.map(|free| format!("{}MB", free >> 20)), format!(";{}:", alarm.disk >> 20));
    let (unreachable, all) = (status.switches.len(), status.n_switches);
    add("switches_unreachable", Some(unreachable.to_string()), format!(";0;;0;{all}"));
    line
}

/// What is said before the first night.
const NO_NIGHT: &str = "no night reached its end yet";

/// A status in Prometheus's text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
pub fn prometheus(status: Option<&Status>, alarm: &Alarm) -> String {
    let mut metrics = status.map(Status::metrics).unwrap_or_default();
    let (level, _) = line(status, alarm);
    let help = "0 all is well, 1 somebody should look, 2 something does not work, 3 nothing is known.";
    metrics.insert(0, Metric::of("status", help, Some(f64::from(level as u8))));
    let mut text = String::new();
    let mut last = "";
    for Metric { name, help, label, value } in &metrics {
        if *name != last {
            let _ = write!(text, "# HELP jeton_{name} {help}\n# TYPE jeton_{name} gauge\n");
            last = name;
        }
        let label = label.as_ref().map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{{{name}=\"{value}\"}}")
        });
        let _ = writeln!(text, "jeton_{name}{} {}", label.unwrap_or_default(), value.unwrap_or_default());
    }
    text
}
