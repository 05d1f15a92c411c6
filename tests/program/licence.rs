//! The licence file: how many tokens there are, until when, and which checkouts share one.

use crate::support::{Lab, rows_of};

const FILE: &str = "replay/origin.labo.example/files/opt/flexnet/Origin.lic";
const LICENCE: &str = "SERVER origin 00505a8b1c2d 27000\nVENDOR orglab port=60213 options=orglab.opt\nINCREMENT OriginPro orglab 9.95 31-dec-2022 4 BORROW=168 DUP_GROUP=UHD \\\n\tISSUED=12-jan-2021 SIGN=\"AB CD\"\n";

/// The laboratory with a licence file on its server, and no number of tokens in its configuration.
fn licensed(licence: &str) -> Lab {
    Lab::complete()
        .with(FILE, licence)
        .edit("jeton.toml", |text| text.replace("seats = 3", "licence_file = \"/opt/flexnet/Origin.lic\""))
}

#[test]
fn the_licence_file_says_how_many_tokens_there_are_and_how_they_are_shared() {
    let lab = licensed(LICENCE)
        .with("replay/origin.labo.example/files/opt/flexnet/orglab.opt", "RESERVE 1 OriginPro USER omar\n");
    lab.jeton("check --format csv")
        .exits(0)
        .says("4 tokens of OriginPro, until 2022-12-31, shared by UH, borrowed for 168 h at most, 1 reserved");
    lab.jeton("nightly --dry-run").exits(0).says("ask: origin.labo.example: /opt/flexnet/Origin.lic, where");
    lab.jeton("nightly --no-push").exits(0);
    let rows = rows_of(&lab.jeton("seats --format csv").exits(0).out);
    assert!(!rows.is_empty() && rows.iter().all(|row| row["seats"] == "4"), "{rows:?}");
    // The file is gone: what it said is known, and that it is gone is told.
    let lab = lab.without(FILE);
    lab.jeton("nightly --no-push").exits(3).complains("licence file: ");
    let rows = rows_of(&lab.jeton("seats --format csv").exits(0).out);
    assert!(rows.iter().all(|row| row["seats"] == "4"), "{rows:?}");
    let lab = lab.with(FILE, "nothing\n");
    lab.jeton("nightly --no-push").exits(3).complains("expected a licence file");
    lab.jeton("check --format csv").exits(3).says("no line of it begins with INCREMENT or FEATURE");
}

#[test]
fn a_licence_file_on_this_machine_is_read_here_and_one_that_says_otherwise_is_told() {
    let lab = licensed(LICENCE)
        .without(FILE)
        .with("Origin.lic", LICENCE)
        .edit("jeton.toml", |text| text.replace("\"/opt/flexnet/Origin.lic\"", "\"Origin.lic\"\nseats = 3"));
    lab.jeton("nightly --no-push").exits(0).complains("number of tokens differs from lmstat's or the licence file's");
    let rows = rows_of(&lab.jeton("seats --format csv").exits(0).out);
    assert!(rows.iter().all(|row| row["seats"] == "3"), "the configuration's own: {rows:?}");
    let lab = lab.edit("jeton.toml", |text| text.replace("feature = \"OriginPro\"", "feature = \"originpro\""));
    lab.jeton("check --format csv").exits(3).says("it has no feature `originpro`; it has OriginPro");
}

#[test]
fn without_both_lmstat_says_how_many_tokens_there_are() {
    let lab = Lab::complete().edit("jeton.toml", |text| text.replace("seats = 3\n", "\n"));
    lab.jeton("nightly --no-push").exits(0);
    let rows = rows_of(&lab.jeton("seats --format csv").exits(0).out);
    assert!(!rows.is_empty() && rows.iter().all(|row| row["seats"] == "3"), "{rows:?}");
}

#[test]
fn a_licence_near_its_end_raises_an_alarm_whoever_says_it() {
    let of_file = licensed(&LICENCE.replace("31-dec-2022", "20-dec-2021"));
    let lmstat = "replay/origin.labo.example/commands/lmstat.txt";
    let of_lmstat = Lab::complete().edit(lmstat, |text| text.replace("31-dec-2022", "20-dec-2021"));
    for lab in [of_file, of_lmstat] {
        lab.jeton("nightly --no-push").exits(0);
        lab.jeton("status").exits(1).says_only("WARNING: the licence ends in 10 days, on 2021-12-20\n");
        lab.jeton("status --nagios").exits(1).says(" licence_days=10;31:;8: ");
        lab.jeton("status --prometheus").exits(1).says("\njeton_licence_expiry_timestamp_seconds 1640044800\n");
    }
}

/// Two windows of one person, one on another machine, somebody else.
const WINDOWS: &str = "6:00:00 (orglab) TIMESTAMP 12/8/2021
9:00:00 (orglab) OUT: \"OriginPro\" anna@PC-1
9:30:00 (orglab) OUT: \"OriginPro\" anna@PC-1
9:40:00 (orglab) OUT: \"OriginPro\" anna@PC-2
9:50:00 (orglab) OUT: \"OriginPro\" bob@PC-1
10:00:00 (orglab) IN: \"OriginPro\" anna@PC-1
10:00:00 (orglab) IN: \"OriginPro\" anna@PC-1
10:00:00 (orglab) IN: \"OriginPro\" anna@PC-2
10:00:00 (orglab) IN: \"OriginPro\" bob@PC-1
";

#[test]
fn peaks_and_the_time_at_the_limit_count_tokens_as_flexnet_does() {
    for (duplicates, peak, mean, at_limit) in [
        ("NONE", "4", "2.0000", "1200"),
        ("UH", "3", "1.5000", "600"),
        ("U", "2", "1.1670", "0"),
        ("H", "2", "1.3330", "0"),
        ("SITE", "1", "1.0000", "0"),
    ] {
        let lab = Lab::complete()
            .with("windows.log", WINDOWS)
            .edit("jeton.toml", |text| text.replace("seats = 3", &format!("seats = 3\nduplicates = \"{duplicates}\"")));
        let out = lab.jeton("seats --debug-log windows.log --format csv").exits(0).out;
        let rows = rows_of(&out);
        let of_mean = format!("{:.4}", rows[0]["mean"].parse::<f64>().unwrap());
        let told = (rows[0]["peak"].as_str(), of_mean.as_str(), rows[0]["at_limit_s"].as_str());
        assert_eq!(told, (peak, mean, at_limit), "{duplicates}: {out}");
    }
    let lab = Lab::complete().edit("jeton.toml", |text| text.replace("seats = 3", "seats = 3\nduplicates = \"UX\""));
    lab.jeton("check").exits(2).complains("`NONE`, `SITE`, or letters of `UHDV`");
}

#[test]
fn lmstat_that_counts_otherwise_is_told() {
    let lmstat = "replay/origin.labo.example/commands/lmstat.txt";
    let two = |text: &str| {
        let line = text.lines().find(|line| line.contains("omar")).unwrap().to_owned();
        text.replace(&line, &format!("{line}\n{}", line.replace(" 201)", " 202)")))
    };
    let said = "lmstat counts another number of tokens in use";
    let lab = Lab::complete().edit(lmstat, two);
    lab.jeton("nightly --no-push").exits(0).complains(said);
    let lab = lab.edit("jeton.toml", |text| text.replace("seats = 3", "seats = 3\nduplicates = \"UH\""));
    let run = lab.without("out").jeton("nightly --no-push").exits(0);
    assert!(!run.err.contains(said), "{}", run.err);
}

#[test]
fn a_borrowed_token_is_out_and_no_use() {
    let lmstat = "replay/origin.labo.example/commands/lmstat.txt";
    let lab = Lab::complete().edit(lmstat, |text| text.replace("9:30", "9:30 (linger: 500000 / 604800)"));
    lab.jeton("nightly --no-push").exits(0);
    let rows = rows_of(&lab.jeton("sessions --state borrowed --format csv").exits(0).out);
    assert!(!rows.is_empty() && rows.iter().all(|row| row["login"] == "omar"), "{rows:?}");
    let usage = rows_of(&lab.jeton("usage --by user --format csv").exits(0).out);
    let whole = {
        let lab = Lab::complete();
        lab.jeton("nightly --no-push").exits(0);
        rows_of(&lab.jeton("usage --by user --format csv").exits(0).out)
    };
    let of = |rows: &[crate::support::Row], column: &str| -> i64 {
        rows.iter().find(|row| row["user"] == "omar").unwrap()[column].parse().unwrap()
    };
    let borrowed: i64 = rows.iter().map(|row| row["duration_s"].parse::<i64>().unwrap()).sum();
    assert_eq!(of(&usage, "use_s"), of(&whole, "use_s") - borrowed);
    assert_eq!(of(&usage, "token_s"), of(&whole, "token_s"));
    lab.jeton("status").exits(0).says("1 of 3 tokens were out");
}
