//! The files that evidence is kept in.

use std::io::BufRead;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

const LOGWATCH: &[u8] =
    b"mer. d\xc3\xa9c.  8 23:59:59 CET 2021\n23:59:59 (d) a\njeu. d\xc3\xa9c.  9 00:00:01 CET 2021\n00:00:01 (d) b\n";
const DEBUG_LOG: &[u8] = b"10:00:00 (d) TIMESTAMP 12/8/2021\n11:00:00 (d) a\n";
const LMSTAT: &[u8] = b"Flexible License Manager status on Wed 12/8/2021 11:26\nUsers of A:\n";

fn filled(folder: &Path) -> Evidence {
    let mut evidence = Evidence::open(folder).unwrap();
    evidence.add_logwatch("logwatch", LOGWATCH).unwrap();
    evidence.add_debug_log("debug.log", DEBUG_LOG, ZONE).unwrap();
    evidence.add_debug_log("debug.log", &b"12:00:00 (d) z\n"[..], ZONE).unwrap();
    evidence.add_lmstat(LMSTAT).unwrap();
    evidence.vouch("2021-12-09T10:00:00Z".parse().unwrap()).unwrap();
    evidence
}

/// All files below a folder by their paths in it.
fn files(folder: &Path) -> BTreeMap<String, std::fs::Metadata> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (name, data) = (entry.file_name().into_string().unwrap(), entry.metadata().unwrap());
        if data.is_dir() {
            all.extend(files(&entry.path()).into_iter().map(|(inner, data)| (format!("{name}/{inner}"), data)));
        } else {
            all.insert(name, data);
        }
    }
    all
}

const ALL: [&str; 6] = [
    "as-of",
    "debug_log/2021-12-08.zst",
    "debug_log/undated.zst",
    "lmstat/2021-12-08.zst",
    "logwatch/2021-12-08.zst",
    "logwatch/2021-12-09.zst",
];

#[test]
fn what_is_kept_is_there_again() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("evidence/origin");
    assert!(Evidence::open(&folder).unwrap().is_empty() && !folder.exists(), "looking makes nothing");
    let before = filled(&folder);
    let files = files(&folder);
    assert_eq!(files.keys().collect::<Vec<_>>(), ALL);
    assert!(files.values().all(|data| data.permissions().mode() & 0o777 == 0o640));
    assert_eq!(fs::metadata(folder.join("lmstat")).unwrap().permissions().mode() & 0o777, 0o750);
    let mut after = Evidence::open(&folder).unwrap();
    assert_eq!(texts(&after), texts(&before));
    for kind in Kind::ALL {
        assert_eq!(after.days(kind), before.days(kind));
    }
    assert_eq!(after.as_of(), before.as_of());
    assert_eq!(after.take_damage(), []);
    let name = folder.join("logwatch/2021-12-08.zst");
    assert_eq!(after.name_of_file(Kind::Logwatch, day("2021-12-08")), name.display().to_string());
    assert_eq!(Evidence::in_memory().name_of_file(Kind::Logwatch, day("2021-12-08")), "logwatch 2021-12-08");
}

#[test]
fn what_is_there_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let seen = |folder: &Path| -> Vec<_> {
        let all = files(folder).into_iter();
        all.map(|(name, data)| (name, data.ino(), data.mtime(), data.mtime_nsec())).collect()
    };
    let before = seen(folder.path());
    let mut evidence = filled(folder.path());
    // Nor are parts of it, nor an older moment.
    evidence.add_logwatch("logwatch", &LOGWATCH[5..40]).unwrap();
    evidence.add_debug_log("debug.log", &DEBUG_LOG[..DEBUG_LOG.len() - 3], ZONE).unwrap();
    evidence.vouch("2021-12-08T10:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(seen(folder.path()), before);
    assert_eq!(evidence.as_of().unwrap().to_rfc3339(), "2021-12-09T10:00:00+00:00");
}

#[test]
fn memory_and_files_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = Evidence::in_memory();
    memory.add_logwatch("logwatch", LOGWATCH).unwrap();
    memory.add_debug_log("debug.log", DEBUG_LOG, ZONE).unwrap();
    memory.add_debug_log("debug.log", &b"12:00:00 (d) z\n"[..], ZONE).unwrap();
    memory.add_lmstat(LMSTAT).unwrap();
    assert_eq!(texts(&filled(folder.path())), texts(&memory));
    // A backup of what is in memory is files, too.
    let copy = tempfile::tempdir().unwrap();
    memory.copy_to(copy.path()).unwrap();
    assert_eq!(texts(&Evidence::open(copy.path()).unwrap()), texts(&memory));
}

#[test]
fn a_backup_is_all_of_it() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let evidence = filled(folder.path());
    evidence.copy_to(&copy.path().join("backup")).unwrap();
    let copied = copy.path().join("backup");
    assert_eq!(files(&copied).keys().collect::<Vec<_>>(), ALL);
    for name in ALL {
        assert_eq!(fs::read(copied.join(name)).unwrap(), fs::read(folder.path().join(name)).unwrap(), "{name}");
    }
}

#[test]
fn one_damaged_file_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logwatch/2021-12-08.zst");
    let whole = texts(&filled(folder.path()));
    for n in 1..4 {
        // The text's own bytes, which the header says nothing of.
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() - 6;
        bytes[at] ^= 0x55;
        output::write_file(&path, |out| out.write_all(&bytes)).unwrap();
        let mut evidence = Evidence::open(folder.path()).unwrap();
        assert_eq!(evidence.text(Kind::Logwatch, day("2021-12-08")).unwrap(), None);
        assert!(!path.exists());
        let aside = if n == 1 { "2021-12-08.zst.damaged".to_owned() } else { format!("2021-12-08.zst.damaged-{n}") };
        assert!(path.with_file_name(aside).exists(), "{n}");
        // Whoever reads on goes on.
        let mut read = Vec::new();
        evidence.read(Kind::Logwatch, NaiveDate::MIN..=NaiveDate::MAX).read_to_end(&mut read).unwrap();
        assert_eq!(String::from_utf8_lossy(&read), whole["logwatch 2021-12-09"]);
        let damage = evidence.take_damage();
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert_eq!(damage[0].file, path.display().to_string());
        assert!(!evidence.days(Kind::Logwatch).contains_key(&day("2021-12-08")));
        assert_eq!(evidence.take_damage(), []);
        // The next night brings it back.
        evidence.add_logwatch("logwatch", LOGWATCH).unwrap();
        assert_eq!(texts(&evidence), whole);
    }
}

#[test]
fn damage_is_found_by_opening_verifying_and_adding() {
    let folder = tempfile::tempdir().unwrap();
    let spoil = |name: &str, bytes: &[u8]| {
        output::write_file(&folder.path().join(name), |out| out.write_all(bytes)).unwrap();
    };
    drop(filled(folder.path()));
    let whole = fs::read(folder.path().join("lmstat/2021-12-08.zst")).unwrap();
    spoil("lmstat/2021-12-08.zst", b"PK");
    spoil("as-of", b"yesterday\n");
    let mut evidence = Evidence::open(folder.path()).unwrap();
    let damage = evidence.take_damage();
    assert_eq!(damage.len(), 2, "{damage:?}");
    assert!(evidence.days(Kind::Lmstat).is_empty() && evidence.as_of().is_none());
    spoil("lmstat/2021-12-08.zst", &whole[..whole.len() - 1]);
    let mut evidence = Evidence::open(folder.path()).unwrap();
    assert_eq!(evidence.take_damage(), [], "its header is whole");
    let damage = evidence.verify().unwrap();
    assert_eq!(damage.len(), 1);
    assert!(damage[0].reason.starts_with("it cannot be unpacked: "), "{}", damage[0].reason);
    // Of a text that is to grow, what cannot be read is lost, and the copy is kept.
    let path = folder.path().join("debug_log/2021-12-08.zst");
    let bytes = fs::read(&path).unwrap();
    spoil("debug_log/2021-12-08.zst", &bytes[..bytes.len() - 1]);
    let grown = [DEBUG_LOG, b"11:30:00 (d) b\n"].concat();
    let mut evidence = Evidence::open(folder.path()).unwrap();
    evidence.add_debug_log("debug.log", &grown[..], ZONE).unwrap();
    assert_eq!(evidence.take_damage().len(), 1);
    assert_eq!(texts(&evidence)["debug_log 2021-12-08"].as_bytes(), [b"RS\n", &grown[..]].concat());
}

#[test]
fn what_a_newer_jeton_wrote_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let json = br#"{"jeton":2}"#;
    let length = u32::try_from(json.len()).unwrap().to_le_bytes();
    let bytes = [&0x184D_2A50_u32.to_le_bytes()[..], &length, json].concat();
    output::write_file(&folder.path().join("logwatch/2021-12-08.zst"), |out| out.write_all(&bytes)).unwrap();
    let mut evidence = Evidence::open(folder.path()).unwrap();
    let damage = evidence.take_damage();
    assert_eq!(damage[0].reason, "a newer jeton wrote it (format 2; this one reads up to 1)");
    assert!(evidence.is_empty());
    assert_eq!(fs::read(folder.path().join("logwatch/2021-12-08.zst.damaged")).unwrap(), bytes);
}

#[test]
fn what_an_interrupted_run_left_goes_and_what_is_not_jetons_stays() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    for name in [".as-of.x.tmp", "logwatch/.2021-12-08.zst.x.tmp", "debug_log/.undated.zst.x.tmp"] {
        fs::write(folder.path().join(name), "half").unwrap();
    }
    for name in ["logwatch/README", "logwatch/2021-12-8.zst", "logwatch/2021-12-07.zst.damaged"] {
        fs::write(folder.path().join(name), "text").unwrap();
    }
    let mut evidence = Evidence::open(folder.path()).unwrap();
    assert_eq!(evidence.take_damage(), []);
    assert_eq!(evidence.days(Kind::Logwatch).len(), 2);
    assert_eq!(files(folder.path()).len(), ALL.len() + 3);
}

#[test]
fn days_are_read_one_after_the_other() {
    let mut evidence = Evidence::in_memory();
    evidence.add_logwatch("logwatch", LOGWATCH).unwrap();
    let read = |first: &str, last: &str| {
        let mut text = String::new();
        evidence.read(Kind::Logwatch, day(first)..=day(last)).read_to_string(&mut text).unwrap();
        text
    };
    let kept = texts(&evidence);
    let (one, other) = (kept["logwatch 2021-12-08"].replace("RS", "\x1e"), &kept["logwatch 2021-12-09"]);
    assert_eq!(read("2021-12-01", "2021-12-31"), format!("{one}{other}"));
    assert_eq!(read("2021-12-09", "2021-12-09"), *other);
    assert_eq!(read("2021-12-10", "2021-12-31"), "");
    assert_eq!(read("2021-12-31", "2021-12-01"), "");
    let mut reading = evidence.read(Kind::Logwatch, day("2021-12-01")..=day("2021-12-31"));
    let mut days = Vec::new();
    while !reading.fill_buf().unwrap().is_empty() {
        days.extend(reading.day());
        let n = reading.fill_buf().unwrap().len();
        reading.consume(n);
    }
    assert_eq!(days, [day("2021-12-08"), day("2021-12-09")]);
}

#[test]
fn answers_of_lmstat_are_in_order_and_each_once() {
    let answer =
        |clock: &str, rest: &str| format!("Flexible License Manager status on Wed 12/8/2021 {clock}\n{rest}\n");
    let (early, late) = (answer("9:26", "a"), answer("11:26", "b\n\nc"));
    let mut evidence = Evidence::in_memory();
    for answer in [&late, &early, &late.replace('\n', "\r\n"), &early] {
        let added = evidence.add_lmstat(answer.as_bytes()).unwrap();
        assert_eq!((added.n_units, added.n_undated), (1, 0));
    }
    assert_eq!(only(&texts(&evidence)), format!("RS\n{early}RS\n{late}"));
    let added = evidence.add_lmstat(b"lmutil: command not found\n").unwrap();
    assert_eq!(added, Added { n_undated: 1, ..Added::default() });
    // Its end is missing, and it is one answer all the same.
    evidence.add_lmstat(answer("12:00", "d").trim_end().as_bytes()).unwrap();
    assert!(only(&texts(&evidence)).ends_with("12:00\ndUS\n"));
}

#[test]
fn a_full_disk_is_told_as_such() {
    let full = EvidenceError::from(io::Error::new(io::ErrorKind::StorageFull, "cannot write `x`: no space"));
    assert_eq!(full.to_string(), "the disk is full: cannot write `x`: no space");
    let other = EvidenceError::from(io::Error::other("cannot write `x`: no"));
    assert_eq!(other.to_string(), "cannot write `x`: no");
}
