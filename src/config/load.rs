//! The sections of `jeton.toml`, one function each: what is required, what is optional, and the defaults.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use chrono_tz::{TZ_VARIANTS, Tz};

use super::fault::{ConfigErrors, nearest};
use super::read::{Document, Table, Unique, Value};
use super::{
    Age, Alarm, Collect, CollectFile, Config, CsvStyle, DEFAULT_PULSE, DateLocale, Department, HistoryFormat, Inputs,
    Limits, Listen, Login, OldWorkbooks, Origin, Output, Page, PageReader, PeriodKind, Privacy, Report, ReportFormat,
    SeatCounts, Site, Ssh, Switch, Tftp, TraceSettings, VlanEntry, WorkingHours,
};
use crate::model::{Vlan, folded};
use crate::report::{Template, UNRESOLVED};
use crate::source::Source;
use crate::texts::Language;

const LANGUAGES: &[(&str, Language)] = &[("fr", Language::French), ("en", Language::English)];
const HISTORY_FORMATS: &[(&str, HistoryFormat)] =
    &[("record", HistoryFormat::Record), ("line", HistoryFormat::Line), ("table", HistoryFormat::Table)];
const REPORT_FORMATS: &[(&str, ReportFormat)] =
    &[("ods", ReportFormat::Ods), ("xlsx", ReportFormat::Xlsx), ("csv", ReportFormat::Csv)];
const DATE_LOCALES: &[(&str, DateLocale)] = &[("C", DateLocale::C), ("fr", DateLocale::French)];
const PERIODS: &[(&str, PeriodKind)] =
    &[("day", PeriodKind::Day), ("week", PeriodKind::Week), ("month", PeriodKind::Month), ("year", PeriodKind::Year)];

/// The local name of the history; nothing else in the directory may bear it.
const HISTORY_NAME: &str = "Origin_history";
/// The folder of the workbooks.
const REPORTS_NAME: &str = "reports";

impl Config {
    /// Reads and checks a whole `jeton.toml`, the files it names included; nothing is written and no host is asked.
    ///
    /// Relative paths start from the file's folder and `~/` is the home directory. The error holds everything that is
    /// wrong, not only the first fault.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        // What is wrong with the description of the workbooks is told beside what is wrong here.
        let mut wrong_template = None;
        match (with_document(path, |root| config(path, root, &mut wrong_template)), wrong_template) {
            (Err(errors), also) => Err(errors.and(also)),
            (Ok(_), Some(errors)) => Err(errors),
            (Ok(config), None) => Ok(config),
        }
    }
}

impl CollectFile {
    /// Reads `[collect]` and the zone of `[site]` alone: on the licence server the inputs that the other sections name are
    /// not there. `[collect]` must be there if it is `needed`.
    pub fn load(path: &Path, needed: bool) -> Result<Self, ConfigErrors> {
        with_document(path, |root| {
            for section in [
                "inputs",
                "origin",
                "tftp",
                "ssh",
                "switches",
                "vlans",
                "departments",
                "output",
                "report",
                "limits",
                "alarm",
                "privacy",
                "page",
                "remote",
            ] {
                root.pass_over(section);
            }
            let timezone = root.section_or_empty("site", |table| {
                for key in ["name", "language"] {
                    table.pass_over(key);
                }
                table.optional("timezone", timezone)
            });
            let collect = if needed {
                root.section("collect", collect).map(Some)
            } else {
                root.optional("collect", |value| value.table("[collect]", collect))
            };
            Some(Self { collect: collect?, timezone: timezone? })
        })
    }
}

impl TraceSettings {
    /// Reads what traces need alone: `[site]`, `[origin]` and `[output] stale_after_s`. A log can be looked at where the
    /// inputs are not.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        with_document(path, |root| {
            for section in [
                "inputs",
                "tftp",
                "ssh",
                "switches",
                "vlans",
                "departments",
                "report",
                "limits",
                "alarm",
                "privacy",
                "page",
                "collect",
                "remote",
            ] {
                root.pass_over(section);
            }
            let site = root.section("site", site);
            let origin = root.section("origin", origin);
            let stale_after = root.section_or_empty("output", |table| {
                for key in ["directory", "history_format", "ledger"] {
                    table.pass_over(key);
                }
                stale_after(table)
            });
            Some(Self::of(&site?, &origin?, stale_after?))
        })
    }
}

fn with_document<T>(path: &Path, read: impl FnOnce(&Table<'_>) -> Option<T>) -> Result<T, ConfigErrors> {
    let name = path.display().to_string();
    let source = Source::read(path)
        .map_err(|error| ConfigErrors::whole(name, error, Some("`jeton init` writes a commented example")))?;
    let home = std::env::home_dir();
    let folder = path.parent().unwrap_or(Path::new(""));
    Document::new(&source, folder, home.as_deref()).read(read)
}

fn config(file: &Path, root: &Table<'_>, wrong_template: &mut Option<ConfigErrors>) -> Option<Config> {
    let site = root.section("site", site);
    let inputs = root.section("inputs", inputs);
    let origin = root.section("origin", origin);
    let tftp = root.section("tftp", tftp);
    let ssh = root.section_or_empty("ssh", ssh);
    let switches = switches(root);
    let vlans = vlans(root, site.as_ref());
    let departments = departments(root, vlans.as_deref().unwrap_or_default());
    let output = root.section("output", output);
    let report = root.section_or_empty("report", |table| {
        let language = site.as_ref().map_or(Language::default(), |site| site.language);
        let (report, wrong) = report(table, language)?;
        *wrong_template = wrong;
        Some(report)
    });
    let limits = root.section_or_empty("limits", limits);
    let alarm = root.section_or_empty("alarm", alarm);
    let privacy = root.section_or_empty("privacy", privacy);
    let page = root.section_or_empty("page", |table| page(table, vlans.as_deref().unwrap_or_default()));
    let collect = root.optional("collect", |value| value.table("[collect]", collect));
    let replay = root.section_or_empty("remote", |table| table.optional("replay", Value::folder));
    Some(Config {
        file: file.to_owned(),
        site: site?,
        inputs: inputs?,
        origin: origin?,
        tftp: tftp?,
        ssh: ssh?,
        switches: switches?,
        vlans: vlans?,
        departments: departments?,
        output: output?,
        report: report?,
        limits: limits?,
        alarm: alarm?,
        privacy: privacy?,
        page: page?,
        collect: collect?,
        replay: replay?,
    })
}

fn site(table: &Table<'_>) -> Option<Site> {
    let name = table.required("name", "\"ICGM\"", Value::file_word);
    let timezone = table.required("timezone", "\"Europe/Paris\"", timezone);
    let language = table.or("language", Language::French, |value| value.one_of(LANGUAGES));
    Some(Site { name: name?, timezone: timezone?, language: language? })
}

fn timezone(value: Value<'_>) -> Option<Tz> {
    let name = value.text()?;
    name.parse().ok().or_else(|| {
        let hint = nearest(name, TZ_VARIANTS.iter().map(|zone| zone.name())).map_or_else(
            || "a name of the IANA time zone database: `Europe/Paris`".to_owned(),
            |zone| format!("did you mean `{zone}`?"),
        );
        value.refuse("a time zone such as `Europe/Paris`", Some(hint))
    })
}

fn inputs(table: &Table<'_>) -> Option<Inputs> {
    let computers = table.required("computers", "\"Ordinateurs.ods\"", Value::file);
    let dhcp = table.required("dhcp", "[\"dhcpd-*.conf\"]", |value| {
        let expected = "a list of at least one pattern: `[\"dhcpd-*.conf\"]`";
        match value.list(expected, Value::matching_files)? {
            lists if lists.is_empty() => value.refuse(expected, None),
            lists => Some(lists.concat()),
        }
    });
    let mut inputs = Inputs { computers: computers?, dhcp: dhcp? };
    inputs.dhcp.sort();
    inputs.dhcp.dedup();
    Some(inputs)
}

fn origin(table: &Table<'_>) -> Option<Origin> {
    let host = table.required("host", "\"origin.lab.example\"", host);
    let address = table.required("address", "\"10.14.14.20\"", Value::address);
    let port = table.required("port", "60213", port);
    let logwatch = table.required("logwatch", "\"logwatch\"", Value::string);
    let debug_log = table.optional("debug_log", Value::string);
    let lmstat = table.optional("lmstat", Value::string);
    let history = table.optional("history", Value::string);
    let feature = table.optional("feature", Value::string);
    let seats = table.optional("seats", seats);
    let licence_file = table.optional("licence_file", Value::string);
    let duplicates = table.optional("duplicates", |value| {
        let expected = "`NONE`, `SITE`, or letters of `UHDV`";
        value.text()?.parse().ok().or_else(|| value.refuse(expected, Some("DUP_GROUP in the licence file".to_owned())))
    });
    let login = login(table);
    let shared_addresses =
        table.or("shared_addresses", Vec::new(), |value| value.list("a list of IP addresses", Value::address));
    Some(Origin {
        host: host?,
        address: address?,
        port: port?,
        logwatch: logwatch?,
        debug_log: debug_log?,
        lmstat: lmstat?,
        history: history?,
        feature: feature?,
        seats: seats?,
        licence_file: licence_file?,
        duplicates: duplicates?,
        shared_addresses: shared_addresses?,
        login: login?,
    })
}

/// `user`, `key` and `ssh_port` of a section, which has a `port` of its own.
fn login(table: &Table<'_>) -> Option<Login> {
    let user = table.optional("user", Value::string);
    let key = table.optional("key", Value::path);
    let port = table.optional("ssh_port", port);
    Some(Login { user: user?, key: key?, port: port? })
}

/// `20`, or `[{ since = 2021-12-08, count = 20 }, …]`.
fn seats(value: Value<'_>) -> Option<SeatCounts> {
    let count = |value: Value<'_>| value.integer("a number of tokens", 1..=1_000_000);
    if !value.is_list() {
        return count(value).map(SeatCounts::Now);
    }
    let entry = |table: &Table<'_>| {
        let since = table.required("since", "2021-12-08", Value::day);
        let number = table.required("count", "20", count);
        Some((since?, number?))
    };
    let mut counts = value.list("a list of numbers of tokens", |value| value.table("seats", entry))?;
    counts.sort_unstable();
    if counts.is_empty() || counts.windows(2).any(|two| two[0].0 == two[1].0) {
        return value
            .refuse("each day once, and at least one", Some("e.g. `[{ since = 2021-12-08, count = 20 }]`".to_owned()));
    }
    Some(SeatCounts::Dated(counts))
}

fn tftp(table: &Table<'_>) -> Option<Tftp> {
    let host = table.required("host", "\"tftp.lab.example\"", host);
    let snooping = table.required("snooping", "\"/var/lib/tftpboot/snoop\"", Value::string);
    let login = login(table);
    Some(Tftp { host: host?, snooping: snooping?, login: login? })
}

fn ssh(table: &Table<'_>) -> Option<Ssh> {
    let user = table.or("user", Some("jeton".to_owned()), |value| value.string().map(Some));
    let key = table.optional("key", Value::path);
    let known_hosts = table.optional("known_hosts", Value::path);
    let port = table.or("port", 22, port);
    let connect_timeout = table.or("connect_timeout_s", Duration::from_secs(5), seconds);
    let command_timeout = table.or("command_timeout_s", Duration::from_secs(20), seconds);
    let parallel =
        table.or("parallel", 16, |value| value.integer("a number of connections", 1_u8..=255).map(usize::from));
    let in_home = |below: &str| std::env::home_dir().unwrap_or_default().join(below);
    Some(Ssh {
        user: user?,
        // A default key that is not there is no key: the agent answers.
        key: key?.or_else(|| Some(in_home(".ssh/id_ed25519")).filter(|key| key.is_file())),
        known_hosts: known_hosts?.unwrap_or_else(|| in_home(".ssh/known_hosts")),
        port: port?,
        connect_timeout: connect_timeout?,
        command_timeout: command_timeout?,
        parallel: parallel?,
    })
}

fn switches(root: &Table<'_>) -> Option<Vec<Switch>> {
    let mut names = Unique::new("switch name");
    let mut addresses = Unique::new("switch address");
    root.entries("switches", |table| {
        let name = table.required("name", "\"Balard-1D-1\"", |value| {
            let name = value.file_word()?;
            names.check(value, folded(&name));
            Some(name)
        });
        let address = table.required("address", "\"10.14.0.49\"", |value| Some((value, host(value)?)));
        let user = table.optional("user", Value::string);
        let key = table.optional("key", Value::path);
        let port = table.optional("port", port);
        let password_command = table.optional("password_command", Value::string);
        let legacy = table.or("legacy", false, Value::flag);
        let connect_timeout = table.optional("connect_timeout_s", seconds);
        let command_timeout = table.optional("command_timeout_s", seconds);
        if let (Some((value, address)), Some(port)) = (&address, &port) {
            // Behind one forwarding address the ports tell switches apart.
            addresses.check(*value, format!("{} {port:?}", address.to_lowercase()));
        }
        Some(Switch {
            name: name?,
            address: address?.1,
            user: user?,
            key: key?,
            port: port?,
            password_command: password_command?,
            legacy: legacy?,
            connect_timeout: connect_timeout?,
            command_timeout: command_timeout?,
        })
    })
}

fn vlans(root: &Table<'_>, site: Option<&Site>) -> Option<Vec<VlanEntry>> {
    let mut ids = Unique::new("VLAN id");
    let mut names = Unique::new("VLAN name");
    root.entries("vlans", |table| {
        let id = table.required("id", "510", |value| {
            let id = value.integer("a VLAN number", 1_i64..=4094)?;
            ids.check(value, id.to_string());
            Vlan::try_from(id).ok()
        });
        let name = table.required("name", "\"ICGM-DPT1-CMM\"", |value| {
            let name = value.string()?;
            names.check(value, folded(&name));
            Some(name)
        });
        let department = table.required("department", "\"DPT1\"", |value| {
            let department = value.file_word()?;
            match site {
                // Both would write one workbook.
                Some(site) if folded(&site.name) == folded(&department) => {
                    value.refuse("a department named otherwise than the site", None)
                }
                _ if folded(&department) == folded(UNRESOLVED) => value.refuse(
                    "a department named otherwise than the workbook of machines without one",
                    Some(format!("`{UNRESOLVED}` is a name that jeton gives itself")),
                ),
                _ => Some(department),
            }
        });
        Some(VlanEntry { id: id?, name: name?, department: department? })
    })
}

/// What is known of the departments of `[[vlans]]`; the section may be absent.
fn departments(root: &Table<'_>, vlans: &[VlanEntry]) -> Option<Vec<Department>> {
    let current: Vec<&str> = vlans.iter().map(|vlan| vlan.department.as_str()).collect();
    let mut names = Unique::new("name of a department");
    let department = |table: &Table<'_>| {
        let name = table.required("name", "\"DPT1\"", |value| {
            let name = value.string()?;
            names.check(value, folded(&name));
            if vlans.is_empty() || current.contains(&name.as_str()) {
                return Some(name);
            }
            let near = nearest(&name, current.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            value.refuse("the name of a department of `[[vlans]]`", near)
        });
        let full = table.optional("full", Value::string);
        let head = table.optional("head", Value::string);
        let mail = table.optional("mail", mail);
        let was = table.or("was", Vec::new(), |value| {
            value.list("a list of the names that it had before", |value| {
                let name = value.string()?;
                if current.iter().any(|current| folded(current) == folded(&name)) {
                    return value.refuse("a name that no department has any more", None);
                }
                names.check(value, folded(&name)).then_some(name)
            })
        });
        Some(Department { name: name?, full: full?, head: head?, mail: mail?, was: was? })
    };
    let mut department = department;
    let read =
        |value: Value<'_>| value.list("an array of tables", |entry| entry.table("[[departments]]", &mut department));
    root.or("departments", Vec::new(), read)
}

/// A mail address, as far as a look tells: the server knows the rest.
fn mail(value: Value<'_>) -> Option<String> {
    let text = value.string()?;
    let is_address = text.split_once('@').is_some_and(|(user, domain)| {
        !user.is_empty() && domain.contains('.') && !domain.contains('@') && !text.contains([' ', ',', ';', '<', '>'])
    });
    if is_address { Some(text) } else { value.refuse("a mail address such as `head@lab.example`", None) }
}

fn output(table: &Table<'_>) -> Option<Output> {
    let directory = table.required("directory", "\"out\"", Value::path);
    let history_format = table.or("history_format", HistoryFormat::Record, |value| value.one_of(HISTORY_FORMATS));
    let ledger = table.or("ledger", "jeton.db".to_owned(), ledger_name);
    let stale_after = stale_after(table);
    Some(Output { directory: directory?, history_format: history_format?, ledger: ledger?, stale_after: stale_after? })
}

fn stale_after(output: &Table<'_>) -> Option<Duration> {
    output.or("stale_after_s", Duration::from_secs(21_600), seconds)
}

/// A file name in the output directory that neither leaves it nor meets what else is there.
fn ledger_name(value: Value<'_>) -> Option<String> {
    let name = value.text()?;
    let leaves = name.contains(['/', '\\']) || name.starts_with('.');
    // What ends in `.tmp` is a leftover, and leftovers are deleted.
    let meets =
        [HISTORY_NAME, REPORTS_NAME].contains(&name) || Path::new(name).extension().is_some_and(|end| end == "tmp");
    if leaves || meets {
        return value.refuse(
            "a file name in the output directory such as `jeton.db`",
            Some(format!("without `/`, no leading `.`, not `.tmp`, not `{HISTORY_NAME}` or `{REPORTS_NAME}`")),
        );
    }
    Some(name.to_owned())
}

/// The section, and what is wrong with the description of the workbooks that it names.
fn report(table: &Table<'_>, language: Language) -> Option<(Report, Option<ConfigErrors>)> {
    let formats = table.or("formats", vec![ReportFormat::Ods, ReportFormat::Xlsx], |value| {
        let expected = "a list of at least one of `ods`, `xlsx`, `csv`";
        let mut once = Unique::new("format");
        let formats = value.list(expected, |item| {
            let format = item.one_of(REPORT_FORMATS)?;
            once.check(item, format!("{format:?}"));
            Some(format)
        })?;
        if formats.is_empty() { value.refuse(expected, None) } else { Some(formats) }
    });
    let period = table.or("period", PeriodKind::Month, |value| value.one_of(PERIODS));
    let template = table.optional("template", Value::file);
    let own = template?.map(|path| Template::load(&path, language)).transpose();
    let (mut template, wrong) = match own {
        Ok(own) => (own.unwrap_or_else(|| Template::built_in().clone()), None),
        Err(wrong) => (Template::built_in().clone(), Some(wrong)),
    };
    let csv = table.or("csv", CsvStyle::Rfc4180, |value| {
        value.one_of(&[("rfc4180", CsvStyle::Rfc4180), ("excel", CsvStyle::Excel)])
    });
    let hours = table.optional("hours", hours_of_day);
    let weekdays = table.or("weekdays", [true, true, true, true, true, false, false], weekdays);
    let hours =
        hours.zip(weekdays).map(|(hours, weekdays)| hours.map(|(from, to)| WorkingHours { from, to, weekdays }));
    let token_price = table.optional("token_price", |value| value.integer("a price in whole euros", 1..=1_000_000));
    if token_price == Some(None) {
        template.leave_out_costs();
    }
    Some((
        Report {
            formats: formats?,
            hours: hours?,
            token_price: token_price?,
            csv: csv?,
            period: period?,
            template: template.into(),
        },
        wrong,
    ))
}

/// `8-19`: from the first hour on, until the second.
fn hours_of_day(value: Value<'_>) -> Option<(u32, u32)> {
    let hours =
        value.text()?.split_once('-').and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
    let hint = "hours of one day; whoever works through midnight has none to name".to_owned();
    hours.filter(|(from, to)| from < to && *to <= 24).or_else(|| value.refuse("hours such as `8-19`", Some(hint)))
}

const WEEKDAYS: &[(&str, usize)] =
    &[("monday", 0), ("tuesday", 1), ("wednesday", 2), ("thursday", 3), ("friday", 4), ("saturday", 5), ("sunday", 6)];

fn weekdays(value: Value<'_>) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    let expected = "a list of at least one of `monday` to `sunday`";
    for day in value.list(expected, |item| item.one_of(WEEKDAYS))? {
        days[day] = true;
    }
    if days.contains(&true) { Some(days) } else { value.refuse(expected, None) }
}

fn limits(table: &Table<'_>) -> Option<Limits> {
    let usual = Limits::default();
    let megabytes = |value: Value<'_>| value.integer("a number of megabytes", 1_u64..=1 << 40).map(|mb| mb << 20);
    let file = table.or("file_mb", usual.file, megabytes);
    let host = table.or("host_mb", usual.host, megabytes);
    Some(Limits { file: file?, host: host? })
}

fn alarm(table: &Table<'_>) -> Option<Alarm> {
    let hours = |value: Value<'_>| value.integer("whole hours", 1_i64..=8784).map(chrono::Duration::hours);
    let usual = Alarm::default();
    let night = table.or("night_h", usual.night, hours);
    let sign = table.or("sign_h", usual.sign, hours);
    let limit_pct = table.or("limit_pct", usual.limit_pct, |value| value.integer("a percentage", 1_i64..=101));
    let expiry_days =
        table.or("expiry_days", usual.expiry_days, |value| value.integer("a number of days", 0_i64..=3660));
    let disk = table.or("disk_mb", usual.disk, |value| {
        value.integer("a number of megabytes", 0_u64..=1 << 40).map(|megabytes| megabytes << 20)
    });
    let textfile = table.optional("textfile", Value::path);
    Some(Alarm {
        night: night?,
        sign: sign?,
        limit_pct: limit_pct?,
        expiry_days: expiry_days?,
        disk: disk?,
        textfile: textfile?,
    })
}

fn privacy(table: &Table<'_>) -> Option<Privacy> {
    let named = table.optional("named", age);
    let pseudonyms = table.optional("pseudonyms", |value| {
        let own = age(value)?;
        let hint = |text: &str| Some(text.to_owned());
        match named {
            Some(None) => value.fault(
                "`pseudonyms` without `named`".to_owned(),
                hint("say too how long names are kept: `named = \"12 months\"`"),
            ),
            // Any day would do: the units do not mix at the ends of months.
            Some(Some(named)) if own.before(FAR_DAY) > named.before(FAR_DAY) => {
                value.refuse(&format!("at least the age of `named`, {named}"), hint("names go first, then pseudonyms"))
            }
            _ => Some(own),
        }
    });
    let heads = table.or("heads", false, |value| value.one_of(&[("names", false), ("pseudonyms", true)]));
    let workbooks = table.or("workbooks", OldWorkbooks::default(), |value| {
        value.one_of(&[("rewrite", OldWorkbooks::Rewrite), ("delete", OldWorkbooks::Delete)])
    });
    let collect = table.or("collect", false, |value| value.one_of(&[("all", false), ("no outlets", true)]));
    Some(Privacy {
        named: named?,
        pseudonyms: pseudonyms?,
        heads_see_pseudonyms: heads?,
        workbooks: workbooks?,
        without_outlets: collect?,
    })
}

fn page(table: &Table<'_>, vlans: &[VlanEntry]) -> Option<Page> {
    let listen = table.optional("listen", socket);
    let user_header = table.optional("user_header", |value| {
        let name = value.text()?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_name { Some(name.to_owned()) } else { value.refuse("the name of a header such as `X-Remote-User`", None) }
    });
    let expected = "a list of users";
    let proxy_users = table.or("proxy_users", Vec::new(), |value| value.list(expected, Value::string));
    let secret_file = table.optional("secret_file", Value::path);
    let admins = table.or("admins", Vec::new(), |value| value.list(expected, Value::string));
    let metrics = table.optional("metrics", |value| match socket(value)? {
        Listen::Loopback(address) => Some(address),
        Listen::Unix(_) => value.refuse("a port of the loopback such as `127.0.0.1:9811`", None),
    });
    let readers = table.optional("readers", |value| {
        value.list("an array of tables", |entry| entry.table("[[page.readers]]", |table| reader(table, vlans)))
    });
    let page = Page {
        listen: listen?,
        user_header: user_header?,
        proxy_users: proxy_users?,
        secret_file: secret_file?,
        admins: admins?,
        readers: readers?.unwrap_or_default(),
        metrics: metrics?,
    };
    let is_unix = matches!(page.listen, Some(Listen::Unix(_)));
    if page.user_header.is_some() {
        if page.listen.is_none() {
            table.fault(
                "`user_header` without `listen`",
                "say where the proxy finds the page: `listen = \"unix:/run/jeton/page.sock\"`",
            );
            return None;
        }
        let is_told_by_kernel = is_unix && !page.proxy_users.is_empty();
        if page.secret_file.is_none() && !is_told_by_kernel {
            let hint = "name the proxy's user (`proxy_users = [\"www-data\"]`) with a Unix socket, or a `secret_file`";
            table.fault("anybody on this machine could say who they are", hint);
            return None;
        }
    } else if is_unix || !page.admins.is_empty() || !page.readers.is_empty() {
        table.fault("nothing says who asks", "add `user_header`, the header in which the proxy names the user");
        return None;
    }
    Some(page)
}

fn reader(table: &Table<'_>, vlans: &[VlanEntry]) -> Option<PageReader> {
    let user = table.required("user", "\"anna\"", Value::string);
    let departments = table.required("departments", "[\"DPT1\"]", |value| {
        value.list("a list of departments", |item| {
            let name = item.string()?;
            let is_known = vlans.iter().any(|vlan| vlan.department == name);
            if is_known { Some(name) } else { item.refuse("the name of a department of `[[vlans]]`", None) }
        })
    });
    Some(PageReader { user: user?, departments: departments? })
}

/// `unix:PATH`, or an address of this machine alone: the page speaks no TLS.
fn socket(value: Value<'_>) -> Option<Listen> {
    let expected = "`unix:PATH` or a port of the loopback such as `127.0.0.1:8811`";
    let text = value.text()?;
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.starts_with('/') { Some(Listen::Unix(path.into())) } else { value.refuse(expected, None) };
    }
    let hint = "a proxy with TLS stands before it: see templates/nginx.conf".to_owned();
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Some(Listen::Loopback(address)),
        _ => value.refuse(expected, Some(hint)),
    }
}

/// A day to compare ages by.
const FAR_DAY: chrono::NaiveDate = chrono::NaiveDate::from_ymd_opt(2400, 1, 31).unwrap();

/// `12 months`, `400 days`, `1 year`. Nothing is forgotten within the week that nights look back.
fn age(value: Value<'_>) -> Option<Age> {
    let expected = "an age of at least seven days such as `12 months`, `400 days` or `2 years`";
    let read = |text: &str| {
        let (count, unit) = text.trim().split_once(char::is_whitespace)?;
        let count: u32 = count.parse().ok()?;
        match unit.trim().trim_end_matches('s') {
            "day" if (7..=36_600).contains(&count) => Some(Age::Days(count)),
            "week" if (1..=5_200).contains(&count) => Some(Age::Days(count * 7)),
            "month" if (1..=1_200).contains(&count) => Some(Age::Months(count)),
            "year" if (1..=100).contains(&count) => Some(Age::Months(count * 12)),
            _ => None,
        }
    };
    read(value.text()?).or_else(|| value.refuse(expected, None))
}

fn collect(table: &Table<'_>) -> Option<Collect> {
    let debug_log = table.required("debug_log", "\"/usr/local/flexlm/orglabdebug.log\"", Value::path);
    let logwatch = table.required("logwatch", "\"/home/jeton/logwatch\"", Value::path);
    let port = table.required("port", "60213", port);
    let pulse = table.or("pulse_s", DEFAULT_PULSE, seconds);
    let locale = table.or("locale", DateLocale::C, |value| value.one_of(DATE_LOCALES));
    Some(Collect { debug_log: debug_log?, logwatch: logwatch?, port: port?, pulse: pulse?, locale: locale? })
}

/// A host name or an address: what can be resolved, and what can name a folder of a replay.
fn host(value: Value<'_>) -> Option<String> {
    let expected = "a host name or an IP address";
    let name = value.text()?;
    let known = |c: char| c.is_alphanumeric() || ['.', '-', '_', ':', '%'].contains(&c);
    // Four numbers are an address, and no name ends in a number (RFC 3696, 2).
    let numbers: Vec<&str> = name.split('.').collect();
    let is_meant = numbers.len() == 4 && numbers.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if is_meant && name.parse::<IpAddr>().is_err() {
        value.refuse("an IP address, whose numbers go from 0 to 255", None)
    } else if name.starts_with(['-', '.']) || !name.chars().all(known) {
        value.refuse(expected, None)
    } else {
        Some(name.to_owned())
    }
}

fn port(value: Value<'_>) -> Option<u16> {
    value.integer("a TCP port", 1..=u16::MAX)
}

/// Whole seconds, up to a year: no time that jeton adds them to can overflow.
fn seconds(value: Value<'_>) -> Option<Duration> {
    value.integer("whole seconds", 1..=31_536_000).map(Duration::from_secs)
}
