//! Faults with their places, defaults, and the template.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono_tz::Europe::Paris;
use proptest::prelude::*;

use super::*;

/// A whole configuration; the tests break one line of it at a time.
const WHOLE: &str = r#"[site]
name = "LABO"
timezone = "Europe/Paris"

[inputs]
computers = "Ordinateurs.ods"
dhcp = ["dhcpd-*.conf"]

[origin]
host = "origin.labo.example"
address = "10.14.14.20"
port = 60213
logwatch = "logwatch"

[tftp]
host = "tftp.labo.example"
snooping = "/var/lib/tftpboot/snoop"

[[switches]]
name = "Balard-1D-1"
address = "10.14.0.49"

[[vlans]]
id = 510
name = "LABO-DPT1"
department = "DPT1"

[output]
directory = "out"
"#;

/// A folder with the files that configurations name.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["Ordinateurs.ods", "dhcpd-510.conf", "dhcpd-513.conf", "other.conf"] {
        fs_err::write(folder.path().join(name), "x").unwrap();
    }
    folder
}

fn load_in(folder: &tempfile::TempDir, text: &str) -> Result<Config, ConfigErrors> {
    let file = folder.path().join("jeton.toml");
    fs_err::write(&file, text).unwrap();
    Config::load(&file)
}

fn load(text: &str) -> Result<Config, ConfigErrors> {
    load_in(&folder(), text)
}

/// `line:column: message` of each fault.
fn told(errors: &ConfigErrors) -> Vec<String> {
    let one = |fault: &Fault| match &fault.place {
        Some(place) => format!("{}:{}: {}", place.line, place.column, fault.message),
        None => fault.message.clone(),
    };
    errors.faults().iter().map(one).collect()
}

#[test]
fn one_broken_line_is_one_fault_told_at_its_place() {
    let cases = [
        // Keys and sections.
        (r#"name = "LABO""#, "nom = \"LABO\"\nname = \"LABO\"", "2:1: unknown key `nom` in `[site]`"),
        (r#"name = "LABO""#, "", "1:1: missing key `name` in `[site]`"),
        ("[tftp]\n", "[tftpd]\n", "15:2: unknown section `[tftpd]`"),
        ("[site]\n", "debug = true\n[site]\n", "1:1: unknown key `debug` before the first section"),
        (r#"address = "10.14.0.49""#, "", "19:1: missing key `address` in `[[switches]]`"),
        (r#"directory = "out""#, "", "28:1: missing key `directory` in `[output]`"),
        // Types.
        (r#"name = "LABO""#, "name = 7", "2:8: expected a name that a file can be named after, found integer `7`"),
        (
            r#"["dhcpd-*.conf"]"#,
            r#""dhcpd-*.conf""#,
            "7:8: expected a list of at least one pattern: `[\"dhcpd-*.conf\"]`, found `dhcpd-*.conf`",
        ),
        (r#"["dhcpd-*.conf"]"#, "[true]", "7:9: expected a path or a pattern such as `dhcpd-*.conf`, found `true`"),
        ("port = 60213", r#"port = "60213""#, "12:8: expected a TCP port from 1 to 65535, found `60213`"),
        (
            "[site]\n",
            "site = 1\n[sitf]\n",
            "1:8: expected a table `[site]`, found integer `1`; 2:2: unknown section `[sitf]`",
        ),
        // Values.
        ("Europe/Paris", "Europe/paris", "3:12: expected a time zone such as `Europe/Paris`, found `Europe/paris`"),
        ("10.14.14.20", "10.14.14.260", "11:11: expected an IP address such as `10.14.14.20`, found `10.14.14.260`"),
        ("port = 60213", "port = 70000", "12:8: expected a TCP port from 1 to 65535, found integer `70000`"),
        ("port = 60213", "port = 0", "12:8: expected a TCP port from 1 to 65535, found integer `0`"),
        ("port = 60213", "port = -1.5", "12:8: expected a TCP port from 1 to 65535, found float `-1.5`"),
        ("id = 510", "id = 4095", "24:6: expected a VLAN number from 1 to 4094, found integer `4095`"),
        (
            "id = 510",
            "id = 0x1_0000_0000_0000_0000",
            "24:6: expected a VLAN number from 1 to 4094, found integer `0x10000000000000000`",
        ),
        ("origin.labo.example", "origin labo", "10:8: expected a host name or an IP address, found `origin labo`"),
        ("10.14.0.49", "-oProxyCommand=x", "21:11: expected a host name or an IP address, found `-oProxyCommand=x`"),
        (r#"logwatch = "logwatch""#, r#"logwatch = " ""#, "13:12: expected a string, found an empty string"),
        (
            r#"logwatch = "logwatch""#,
            r#"logwatch = "a\u001bb""#,
            "13:12: expected a string without control characters, found `a\\u{1b}b`",
        ),
        (
            r#"name = "LABO""#,
            r#"name = "../LABO""#,
            "2:8: expected a name that a file can be named after, found `../LABO`",
        ),
        (
            r#"department = "DPT1""#,
            r#"department = "Labo""#,
            "26:14: expected a department named otherwise than the site, found `Labo`",
        ),
        // Files.
        ("dhcpd-*.conf", "dhcp-*.conf", "7:9: no file matches `dhcp-*.conf`"),
        (
            "dhcpd-*.conf",
            "dhcpd-***.conf",
            "7:9: `dhcpd-***.conf` is no pattern: wildcards are either regular `*` or recursive `**`",
        ),
        ("dhcpd-*.conf", "dhcpd-[.conf", "7:9: `dhcpd-[.conf` is no pattern: invalid range pattern"),
    ];
    for (old, new, expected) in cases {
        let text = WHOLE.replacen(old, new, 1);
        assert_ne!(text, WHOLE, "{old}");
        let errors = load(&text).expect_err(new);
        let told = told(&errors).join("; ");
        let mut expected: Vec<_> = expected.split("; ").collect();
        expected.retain(|part| !told.contains(part));
        assert!(expected.is_empty(), "{new}\nexpected {expected:?}\nfound    {told}");
        assert!(errors.faults().len() <= 3, "{told}");
    }
}

#[test]
fn one_faulty_line_more_is_one_fault_told_at_its_place() {
    let cases = [
        (
            "ledger = \"../jeton.db\"",
            "30:10: expected a file name in the output directory such as `jeton.db`, found `../jeton.db`",
        ),
        (
            "ledger = \"Origin_history\"",
            "30:10: expected a file name in the output directory such as `jeton.db`, found `Origin_history`",
        ),
        ("ledger = \"x.tmp\"", "30:10: expected a file name in the output directory such as `jeton.db`, found `x.tmp`"),
        ("history_format = \"json\"", "30:18: expected one of `record`, `line`, `table`, found `json`"),
        ("stale_after_s = 0", "30:17: expected whole seconds from 1 to 31536000, found integer `0`"),
        ("stale_after_s = 1.5", "30:17: expected whole seconds from 1 to 31536000, found float `1.5`"),
        ("[ssh]\nconnect_timeout_s = -5", "31:21: expected whole seconds from 1 to 31536000, found integer `-5`"),
        ("[ssh]\nparallel = 0", "31:12: expected a number of connections from 1 to 255, found integer `0`"),
        ("[ssh]\nuser = 'x'\nlegacy = true", "32:1: unknown key `legacy` in `[ssh]`"),
        ("[report]\nformats = [\"ods\", \"pdf\"]", "31:19: expected one of `ods`, `xlsx`, `csv`, found `pdf`"),
        ("[report]\nformats = [\"ods\", \"ods\"]", "31:19: duplicate format: `ods`"),
        (
            "[report]\nformats = []",
            "31:11: expected a list of at least one of `ods`, `xlsx`, `csv`, found an empty list",
        ),
        ("[report]\nperiod = \"Month\"", "31:10: expected one of `day`, `week`, `month`, `year`, found `Month`"),
        ("[report]\ntemplate = \"report.toml\"", "31:12: no such file: "),
        ("[remote]\nreplay = \"replay\"", "31:10: no such folder: "),
        ("[remote]\nreplay = \"Ordinateurs.ods\"", "31:10: `"),
        ("[[vlans]]\nid = 510\nname = \"X\"\ndepartment = \"D\"", "31:6: duplicate VLAN id: integer `510`"),
        (
            "[[vlans]]\nid = 511\nname = \"X\"\ndepartment = \"Non-Résolus\"",
            "33:14: expected a department named otherwise than the workbook of machines without one, found `Non-Résolus`",
        ),
        ("[[departments]]\nname = \"DPT2\"", "31:8: expected the name of a department of `[[vlans]]`, found `DPT2`"),
        (
            "[[departments]]\nname = \"DPT1\"\nmail = \"x\"",
            "32:8: expected a mail address such as `head@lab.example`, found `x`",
        ),
        (
            "[[departments]]\nname = \"DPT1\"\nwas = [\"dpt1\"]",
            "32:8: expected a name that no department has any more, found `dpt1`",
        ),
        ("[[vlans]]\nid = 511\nname = \"labo-dpt1\"\ndepartment = \"D\"", "32:8: duplicate VLAN name: `labo-dpt1`"),
        (
            "[[switches]]\nname = \"Balard-1D-1\"\naddress = \"10.14.0.50\"",
            "31:8: duplicate switch name: `Balard-1D-1`",
        ),
        (
            "[[switches]]\nname = \"Balard-2\"\naddress = \"10.14.0.49\"",
            "32:11: duplicate switch address: `10.14.0.49`",
        ),
        (
            "[privacy]\nnamed = \"12\"",
            "31:9: expected an age of at least seven days such as `12 months`, `400 days` or `2 years`, found `12`",
        ),
        ("[privacy]\nnamed = \"3 days\"", "31:9: expected an age of at least seven days"),
        ("[privacy]\npseudonyms = \"3 years\"", "31:14: `pseudonyms` without `named`"),
        (
            "[privacy]\nnamed = \"12 months\"\npseudonyms = \"11 months\"",
            "32:14: expected at least the age of `named`, 12 months, found `11 months`",
        ),
        ("[privacy]\nworkbooks = \"keep\"", "31:13: expected one of `rewrite`, `delete`, found `keep`"),
        (
            "[page]\nlisten = \"0.0.0.0:80\"",
            "31:10: expected `unix:PATH` or a port of the loopback such as `127.0.0.1:8811`",
        ),
        ("[page]\nadmins = [\"anna\"]", "30:1: nothing says who asks"),
        (
            "[page]\nlisten = \"127.0.0.1:1\"\nuser_header = \"X-User\"",
            "30:1: anybody on this machine could say who they are",
        ),
        ("[page]\nuser_header = \"X-User\"\nsecret_file = \"s\"", "30:1: `user_header` without `listen`"),
        ("[page]\nuser_header = \"X User\"", "31:15: expected the name of a header such as `X-Remote-User`"),
        (
            "[page]\nlisten = \"unix:/s\"\nuser_header = \"X-User\"\nproxy_users = [\"www-data\"]\n[[page.readers]]\nuser = \"anna\"\ndepartments = [\"DPT9\"]",
            "36:16: expected the name of a department of `[[vlans]]`, found `DPT9`",
        ),
        ("[collect]\ndebug_log = \"/x\"\nport = 1", "30:1: missing key `logwatch` in `[collect]`"),
        ("site = {}", "30:1: unknown key `site` in `[output]`"),
        ("[site]\n", "30:2: this is not TOML: duplicate key"),
        ("ledger = jeton.db", "30:10: this is not TOML: string values must be quoted, expected literal string"),
    ];
    for (added, expected) in cases {
        let errors = load(&format!("{WHOLE}{added}\n")).expect_err(added);
        let told = told(&errors);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].starts_with(expected), "expected {expected}\nfound    {}", told[0]);
    }
}

#[test]
fn hints_name_what_was_meant() {
    for (old, new, hint) in [
        ("host =", "hosts = 1\nhost =", "known here: `host`, `address`, `port`, `logwatch`"),
        ("timezone =", "timezon =", "did you mean `timezone`?"),
        ("[tftp]", "[tftpd]", "did you mean `tftp`?"),
        ("Europe/Paris", "Europe/paris", "did you mean `Europe/Paris`?"),
        ("Europe/Paris", "Europe/Pariss", "did you mean `Europe/Paris`?"),
        ("host =", "colour = 1\nhost =", "known here: `host`, `address`, `port`, `logwatch`"),
        ("port = 60213\n", "", "add `port = 60213`"),
        ("[[switches]]", "[[x]]", "write one for each, or `switches = []` above all sections for none"),
        ("directory =", "history_format = \"recrod\"\ndirectory =", "did you mean `record`?"),
    ] {
        let errors = load(&WHOLE.replacen(old, new, 1)).unwrap_err().to_string();
        assert!(errors.contains(&format!("hint: {hint}")), "{new}: expected {hint}\n{errors}");
    }
}

#[test]
fn ten_faults_are_told_at_once_in_the_order_of_their_lines() {
    let text = WHOLE
        .replace("name = \"LABO\"", "nam = \"LABO\"")
        .replace("Europe/Paris", "Europe/Parys")
        .replace("Ordinateurs.ods", "Computers.ods")
        .replace("dhcpd-*", "dhcp-*")
        .replace("10.14.14.20", "10.14.14")
        .replace("60213", "602130")
        .replace("id = 510", "id = 0")
        .replace("10.14.0.49", "10.14.0 49")
        .replace("snooping", "snoping")
        + "ledger = \"../jeton.db\"\n";
    let errors = load(&text).unwrap_err();
    let lines: Vec<_> = errors.faults().iter().map(|fault| fault.place.as_ref().unwrap().line).collect();
    assert_eq!(lines, [2, 3, 6, 7, 11, 12, 17, 21, 24, 30], "{errors}");
    assert!(errors.to_string().ends_with("; nothing was done"));
}

#[test]
fn a_fault_shows_its_line_with_a_caret() {
    let errors = load(&WHOLE.replace("address = \"10.14.14.20\"", "adress = \"10.14.14.20\"")).unwrap_err();
    let message = errors.to_string();
    let expected = "jeton.toml:11:1\n   |\n11 | adress = \"10.14.14.20\"\n   | ^^^^^^\nhint: did you mean `address`?";
    assert!(message.contains("error: unknown key `adress` in `[origin]`\n --> "), "{message}");
    assert!(message.contains(expected), "{message}");
}

#[test]
fn what_is_no_configuration_at_all_is_told_for_what_it_is() {
    let folder = folder();
    let file = folder.path().join("jeton.toml");
    for (bytes, part) in
        [(&b""[..], "is empty"), (b"%PDF-1.4", "is a PDF document"), (b"PK\x03\x04", "is a ZIP archive")]
    {
        fs_err::write(&file, bytes).unwrap();
        let error = Config::load(&file).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("jeton init"), "{error}");
    }
    assert!(Config::load(folder.path()).unwrap_err().to_string().contains("is a directory"));
    assert!(Config::load(&folder.path().join("none.toml")).unwrap_err().to_string().contains("none.toml"));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let text = format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"));
    assert_eq!(load(&text).unwrap().site.name, "LABO");
    let errors = load(&text.replace("60213", "0")).unwrap_err();
    assert_eq!(told(&errors), ["12:8: expected a TCP port from 1 to 65535, found integer `0`"]);
}

#[test]
fn what_is_not_said_has_the_documented_defaults() {
    let config = load(WHOLE).unwrap();
    assert_documented_defaults(&config);
    assert_eq!((config.origin.seats, config.origin.feature), (None, None));
}

fn assert_documented_defaults(config: &Config) {
    assert_eq!((config.site.timezone, config.site.language), (Paris, Language::French));
    let origin = &config.origin;
    assert_eq!((&origin.debug_log, &origin.lmstat, &origin.history), (&None, &None, &None));
    assert!(origin.shared_addresses.is_empty());
    let ssh = &config.ssh;
    assert_eq!((ssh.user.as_deref(), ssh.port, ssh.parallel), (Some("jeton"), 22, 16));
    assert_eq!((ssh.connect_timeout, ssh.command_timeout), (Duration::from_secs(5), Duration::from_secs(20)));
    assert!(ssh.known_hosts.ends_with(".ssh/known_hosts"));
    let output = &config.output;
    assert_eq!((output.history_format, output.ledger.as_str()), (HistoryFormat::Record, "jeton.db"));
    assert_eq!(output.stale_after, Duration::from_secs(21_600));
    assert_eq!(config.report.formats, [ReportFormat::Ods, ReportFormat::Xlsx]);
    assert_eq!(config.report.period, PeriodKind::Month);
    assert_eq!(config.report.template.sheets.len(), Template::built_in().sheets.len());
    assert!(config.collect.is_none() && config.replay.is_none());
    assert_eq!(config.privacy, Privacy::default(), "nothing is forgotten unless the laboratory says so");
    assert!(config.switches.iter().all(|switch| !switch.legacy && switch.port.is_none() && switch.user.is_none()));
}

#[test]
fn the_template_loads_and_says_the_defaults() {
    assert_documented_defaults(&load(TEMPLATE).unwrap());
}

#[test]
fn the_template_with_every_key_uncommented_loads_and_means_the_same() {
    let folder = folder();
    let description = crate::report::template::TEMPLATE.replace("#0072B2", "#123456");
    fs_err::write(folder.path().join("report.toml"), description).unwrap();
    fs_err::create_dir(folder.path().join("replay")).unwrap();
    let key = |line: &str| {
        let code = line.strip_prefix("# ")?;
        let is_key =
            code.split_once(" = ").is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        (is_key || code.starts_with('[')).then(|| code.to_owned())
    };
    let text: String = TEMPLATE.lines().map(|line| key(line).unwrap_or(line.to_owned()) + "\n").collect();
    let config = load_in(&folder, &text).unwrap();
    assert!(config.replay.is_some() && config.origin.debug_log.is_some());
    assert_eq!(config.report.template.palette.accent.to_string(), "#123456");
    assert_eq!(config.collect.as_ref().unwrap().pulse, Duration::from_secs(300));
    assert_eq!(config.output.stale_after, Duration::from_secs(21_600));
    assert_eq!((config.ssh.port, config.ssh.parallel), (22, 16));
    assert!(config.switches[1].legacy);
}

#[test]
fn everything_that_can_be_said_is_read() {
    let folder = folder();
    fs_err::create_dir(folder.path().join("replay")).unwrap();
    let text = WHOLE
        .replace("port = 60213", "port = 60213\nseats = 20\nfeature = \"OriginPro\"\nshared_addresses = [\"10.14.14.9\", \"fe80::1\"]")
        .replace("[\"dhcpd-*.conf\"]", "[\"dhcpd-*.conf\", \"other.conf\", \"dhcpd-510.conf\"]")
        .replace("10.14.0.49\"", "10.14.0.49\"\nport = 2222\nlegacy = true\nkey = \"~/.ssh/switches\"\n[[switches]]\nname = \"B\"\naddress = \"10.14.0.49\"")
        + "[report]\nformats = [\"csv\"]\nperiod = \"week\"\n[remote]\nreplay = \"replay\"\n[ssh]\nkey = \"keys/id\"\n";
    let config = load_in(&folder, &text).unwrap();
    assert_eq!(config.origin.shared_addresses.len(), 2);
    let names: Vec<_> = config.inputs.dhcp.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["dhcpd-510.conf", "dhcpd-513.conf", "other.conf"]);
    assert_eq!(config.ssh.key, Some(folder.path().join("keys/id")));
    assert_eq!(config.switches[0].key, Some(std::env::home_dir().unwrap().join(".ssh/switches")));
    assert_eq!((config.switches[0].port, config.switches[0].legacy), (Some(2222), true));
    assert_eq!(config.replay, Some(folder.path().join("replay")));
    assert_eq!(config.output.directory, folder.path().join("out"));
    let settings = TraceSettings::from(&config);
    assert_eq!((settings.server, settings.seats), (Some(config.origin.address), Some(SeatCounts::Now(20))));
}

#[test]
fn ages_are_calendar_ages() {
    let privacy = |text: &str| load(&format!("{WHOLE}[privacy]\n{text}\n")).unwrap().privacy;
    let day = |text: &str| text.parse().unwrap();
    let both =
        privacy("named = \"12 months\"\npseudonyms = \"3 years\"\nheads = \"pseudonyms\"\ncollect = \"no outlets\"");
    assert_eq!(both.first_named(day("2024-02-29")), Some(day("2023-02-28")));
    assert_eq!(both.first_kept(day("2024-02-29")), Some(day("2021-02-28")));
    assert!(both.heads_see_pseudonyms && both.without_outlets && both.workbooks == OldWorkbooks::Rewrite);
    assert_eq!(privacy("named = \"2 weeks\"").first_named(day("2024-01-15")), Some(day("2024-01-01")));
    assert_eq!(privacy("").first_named(day("2024-01-15")), None);
    assert_eq!([Age::Days(1), Age::Months(12)].map(|age| age.to_string()), ["1 day", "12 months"]);
}

#[test]
fn working_hours_are_hours_of_one_day() {
    let report = |text: &str| load(&format!("{WHOLE}[report]\n{text}\n"));
    let hours = report("hours = \"8-19\"\nweekdays = [\"monday\", \"saturday\"]").unwrap().report.hours.unwrap();
    let contains = |day: &str, hour| hours.contain(day.parse().unwrap(), hour);
    // 6 December 2021 is a Monday.
    assert!(contains("2021-12-06", 8) && contains("2021-12-06", 18) && contains("2021-12-11", 12));
    assert!(!contains("2021-12-06", 7) && !contains("2021-12-06", 19) && !contains("2021-12-07", 12));
    assert_eq!(report("weekdays = [\"monday\"]").unwrap().report.hours, None);
    for wrong in [
        "hours = \"19-8\"",
        "hours = \"8-25\"",
        "hours = \"8\"",
        "weekdays = []",
        "weekdays = [\"lundi\"]",
        "token_price = 0",
    ] {
        assert_eq!(told(&report(wrong).unwrap_err()).len(), 1, "{wrong}");
    }
}

#[test]
fn the_laboratory_of_the_fixtures_loads() {
    let config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/jeton.toml")).unwrap();
    assert_eq!((config.site.name.as_str(), config.inputs.dhcp.len(), config.switches.len()), ("LABO", 2, 3));
    assert!(config.replay.is_some());
}

#[test]
fn no_switches_can_be_said_but_not_forgotten() {
    let without = WHOLE.replace("[[switches]]\nname = \"Balard-1D-1\"\naddress = \"10.14.0.49\"\n", "");
    assert_eq!(told(&load(&without).unwrap_err()), ["26:18: missing section `[[switches]]`"]);
    assert!(load(&format!("switches = []\n{without}")).unwrap().switches.is_empty());
}

#[test]
fn the_folder_of_the_file_is_no_pattern() {
    let outer = tempfile::tempdir().unwrap();
    let folder = tempfile::Builder::new().prefix("a[b]*").tempdir_in(outer.path()).unwrap();
    for name in ["Ordinateurs.ods", "dhcpd-1.conf"] {
        fs_err::write(folder.path().join(name), "x").unwrap();
    }
    assert_eq!(load_in(&folder, WHOLE).unwrap().inputs.dhcp, [folder.path().join("dhcpd-1.conf")]);
}

#[test]
fn collect_needs_its_own_section_and_nothing_else() {
    const COLLECT: &str = "[collect]\ndebug_log = \"/d\"\nlogwatch = \"logwatch\"\nport = 60213\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jeton.toml");
    let load = |text: &str, needed| {
        fs_err::write(&file, text).unwrap();
        CollectFile::load(&file, needed)
    };
    let CollectFile { collect, timezone } = load(COLLECT, true).unwrap();
    let collect = collect.unwrap();
    assert_eq!((collect.debug_log, collect.logwatch), (PathBuf::from("/d"), folder.path().join("logwatch")));
    assert_eq!((collect.port, collect.pulse, timezone), (60213, Duration::from_secs(300), None));
    assert_eq!(collect.locale, DateLocale::C);
    let zoned = load(&format!("{COLLECT}locale = \"fr\"\n[site]\ntimezone = \"Europe/Paris\"\n"), true).unwrap();
    assert_eq!((zoned.timezone, zoned.collect.unwrap().locale), (Some(Paris), DateLocale::French));
    assert_eq!(told(&load(WHOLE, true).unwrap_err()), ["29:18: missing section `[collect]`"]);
    assert!(load(WHOLE, false).unwrap().collect.is_none());
    // As strict as everywhere in what it reads, and about names that nothing bears.
    for (text, fault) in [
        (format!("{COLLECT}pulse = 3\n"), "5:1: unknown key `pulse` in `[collect]`"),
        (format!("{COLLECT}[sites]\ntimezone = \"UTC\"\n"), "5:2: unknown section `[sites]`"),
        (
            format!("{COLLECT}[site]\ntimezone = \"Paris\"\n"),
            "6:12: expected a time zone such as `Europe/Paris`, found `Paris`",
        ),
    ] {
        assert_eq!(told(&load(&text, true).unwrap_err()), [fault]);
    }
}

#[test]
fn traces_need_the_site_and_the_licence_server_and_no_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jeton.toml");
    fs_err::write(&file, format!("{WHOLE}stale_after_s = 60\n")).unwrap();
    assert!(Config::load(&file).is_err(), "the inputs are not there");
    let settings = TraceSettings::load(&file).unwrap();
    assert_eq!((settings.timezone, settings.port, settings.stale_after), (Paris, 60213, Duration::from_secs(60)));
    let whole = load(&format!("{WHOLE}stale_after_s = 60\n")).unwrap();
    assert_eq!(settings, TraceSettings::from(&whole));
    fs_err::write(&file, WHOLE.replace("port = 60213", "prt = 60213")).unwrap();
    assert_eq!(told(&TraceSettings::load(&file).unwrap_err()), ["12:1: unknown key `prt` in `[origin]`"]);
}

#[test]
fn what_is_there_in_the_place_of_a_file_or_a_folder_is_named() {
    let folder = folder();
    fs_err::create_dir(folder.path().join("dir")).unwrap();
    for (old, new, message) in [
        ("Ordinateurs.ods", "dir", "dir` is a directory, expected a file"),
        ("Ordinateurs.ods", "/dev/null", "`/dev/null` is a device or a pipe, expected a file"),
        ("Ordinateurs.ods", "other.conf/x", "Not a directory"),
        ("dhcpd-*", "no-*", "no file matches `no-*.conf`"),
    ] {
        let errors = load_in(&folder, &WHOLE.replace(old, new)).unwrap_err();
        assert!(errors.faults().len() == 1 && errors.to_string().contains(message), "{errors}");
    }
    let mut config = load_in(&folder, WHOLE).unwrap();
    let error = config.replay_from(&folder.path().join("other.conf")).unwrap_err().to_string();
    assert!(error.contains("is a file, expected a directory"), "{error}");
}

#[test]
fn a_folder_that_a_pattern_matches_is_not_passed_over() {
    let folder = folder();
    fs_err::create_dir(folder.path().join("dhcpd-511.conf")).unwrap();
    let dhcp = load_in(&folder, WHOLE).unwrap().inputs.dhcp;
    assert!(dhcp.contains(&folder.path().join("dhcpd-511.conf")), "{dhcp:?}");
}

#[test]
fn a_replay_folder_from_the_command_line_must_be_there() {
    let folder = folder();
    let mut config = load_in(&folder, WHOLE).unwrap();
    let error = config.replay_from(&folder.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("no such folder") && config.replay.is_none(), "{error}");
    config.replay_from(folder.path()).unwrap();
    assert_eq!(config.replay.as_deref(), Some(folder.path()));
}

proptest! {
    #[test]
    fn any_text_loads_or_tells_why(text in "\\PC*|[\\[\\]a-z=\"'{}#.,0-9 \n\t]{0,200}") {
        if let Err(errors) = load(&text) {
            prop_assert!(!errors.faults().is_empty());
            prop_assert!(errors.to_string().starts_with("error: "));
        }
    }

    #[test]
    fn a_configuration_with_anything_in_it_loads_or_tells_why(at in 0..WHOLE.len(), junk in "\\PC{0,8}") {
        let mut text = WHOLE.to_owned();
        text.replace_range(at..(at + 3).min(WHOLE.len()), &junk);
        if let Err(errors) = load(&text) {
            prop_assert!(!errors.faults().is_empty());
        }
    }
}

#[test]
fn a_department_is_known_by_all_its_names() {
    let more = "\n[[departments]]\nname = \"DPT1\"\nfull = \"Chimie moléculaire\"\nwas = [\"CMM\", \"Équipe 1\"]\n";
    let config = load(&format!("{WHOLE}{more}")).unwrap();
    for name in ["DPT1", "dpt1", " Dpt1 ", "cmm", "equipe 1", "CHIMIE MOLECULAIRE"] {
        assert_eq!(config.department_called(name), Some("DPT1"), "{name}");
    }
    for name in ["", "DPT", "chimie"] {
        assert_eq!(config.department_called(name), None, "{name}");
    }
    assert_eq!(config.departments_like("moleculaire"), ["DPT1"]);
    assert_eq!(config.departments_like("equipe"), ["DPT1"]);
    assert!(config.departments_like("DPT1").is_empty(), "its own name needs no help");
}
