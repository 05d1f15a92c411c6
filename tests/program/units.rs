//! `templates/` for cron and systemd: what systemd says of the units, and that their command lines are ones that jeton takes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fs_err as fs;

use crate::support::{Lab, PROGRAM};

const TEMPLATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
/// The command line that all of them begin with.
const INSTALLED: &str = "/usr/local/bin/jeton";
/// The most that `systemd-analyze security` may find exposed, in tenths.
const MOST_EXPOSED: &str = "--threshold=25";

/// The units of `templates/` in a folder, calling the program that is tested.
fn units(folder: &Path) -> Vec<PathBuf> {
    let mut units = Vec::new();
    for entry in fs::read_dir(TEMPLATES).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "service" || end == "timer") {
            let unit = folder.join(path.file_name().unwrap());
            fs::write(&unit, fs::read_to_string(&path).unwrap().replace(INSTALLED, PROGRAM)).unwrap();
            units.push(unit);
        }
    }
    units
}

fn systemd_analyze(arguments: &[&str], units: &[&PathBuf]) -> Output {
    let run = Command::new("systemd-analyze").args(arguments).args(units).output();
    run.expect("`systemd-analyze` is in Debian's package systemd, which tests/run installs")
}

#[test]
fn systemd_has_nothing_to_say_of_the_units_and_finds_them_hardened() {
    let folder = tempfile::tempdir().unwrap();
    let units = units(folder.path());
    let names: Vec<&str> = units.iter().map(|unit| unit.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["jeton.service", "jeton.timer", "jeton-hourly.timer", "jeton-collect.service", "jeton-page.service"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let verified = systemd_analyze(&["verify", "--man=no"], &units.iter().collect::<Vec<_>>());
    assert!(verified.status.success() && verified.stderr.is_empty(), "{verified:?}");
    for unit in units.iter().filter(|unit| unit.extension().is_some_and(|end| end == "service")) {
        let security = systemd_analyze(&["security", "--offline=true", "--no-pager", MOST_EXPOSED], &[unit]);
        assert!(security.status.success(), "{}", String::from_utf8_lossy(&security.stdout));
    }
}

#[test]
fn a_fault_in_a_unit_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.service");
    fs::write(&wrong, format!("[Service]\nType=oneshot\nExecStart={PROGRAM}\nProtectSytem=strict\n")).unwrap();
    let verified = systemd_analyze(&["verify", "--man=no"], &[&wrong]);
    assert!(String::from_utf8_lossy(&verified.stderr).contains("ProtectSytem"), "{verified:?}");
    assert!(!systemd_analyze(&["security", "--offline=true", MOST_EXPOSED], &[&wrong]).status.success());
}

/// The command lines that cron and the service of the night run.
fn command_lines() -> Vec<String> {
    let text = |name: &str| fs::read_to_string(Path::new(TEMPLATES).join(name)).unwrap();
    let (cron, service) = (text("jeton.cron"), text("jeton.service"));
    let of_cron = cron.lines().map(|line| line.trim_start_matches("# ")).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let times = words.get(..5)?.iter().all(|word| word.chars().all(|c| c.is_ascii_digit() || "*,/-".contains(c)));
        (times && words.get(5) == Some(&"jeton")).then(|| words[6..].join(" "))
    });
    let of_service = service.lines().filter_map(|line| line.strip_prefix("ExecStart=")).map(str::to_owned);
    of_cron.chain(of_service).collect()
}

#[test]
fn the_command_lines_of_cron_and_systemd_run() {
    let lines = command_lines();
    assert_eq!(lines.len(), 3, "the night and the pulse by cron, the night by systemd: {lines:?}");
    let lab = Lab::complete();
    for line in lines {
        let here = line.replace(INSTALLED, PROGRAM).replace("/etc/jeton/", "");
        assert!(here.starts_with(&format!("{PROGRAM} --config jeton.toml ")), "{line}");
        let mut shell = Command::new("sh");
        let done = shell.current_dir(lab.path("")).args(["-c", &here]).env("HOME", "/nonexistent").output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{line}: {done:?}");
    }
    // By its own day, yesterday was over; by the pulse, today is known all the same.
    assert!(!lab.text(crate::support::HISTORY).contains("'date': '2021-12-10'"));
    lab.jeton("sessions --state open --format csv").exits(0).says("2021-12-10,vendredi,omar");
}
