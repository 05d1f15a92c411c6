//! Every reader of what comes from outside, and the whole analysis, on any bytes: nothing panics, and what must always hold
//! holds.
//!
//! `cargo test` replays the corpus in `__fuzz__/` and tries some bytes by lot. To look for more, guided by what code they
//! reach, on stable Rust:
//!
//! ```text
//! cargo install cargo-bolero
//! cargo bolero test -p jeton-fuzz --sanitizer NONE --rustc-bootstrap -T 10m analysis
//! ```

#![cfg(test)]

use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Europe::Paris;
use jeton::config::{HistoryFormat, TraceSettings};
use jeton::derivation::{Derivation, DhcpNames, derive_all};
use jeton::evidence::Evidence;
use jeton::parse::{datetime, dhcpd, flexnet, interfaces, licence, lmstat, logwatch, mac_table, neighbours, snooping};
use jeton::source::{Source, decode};
use jeton::{history, network, pipeline, trace};

/// What separates the logs of [`analysis`]: no log holds it.
const NEXT: u8 = 0;

fn source(bytes: &[u8]) -> Source {
    Source::from_bytes("fuzzed", bytes)
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2021, 12, 8).expect("a day")
}

macro_rules! fuzzed {
    ($($name:ident, $read:expr;)*) => {$(
        #[test]
        fn $name() {
            bolero::check!().for_each(|bytes: &[u8]| $read(bytes));
        }
    )*};
}

fuzzed! {
    dates, |bytes| {
        for line in decode(bytes).lines() {
            let stamp = datetime::parse(line);
            // Blanks around a date are none of it.
            assert_eq!(datetime::parse(&format!(" {line} ")), stamp);
            datetime::parse_end(line);
            datetime::american_date(line);
            datetime::clock_time(line);
        }
    };
    the_logwatch, |bytes| {
        if let Ok(mut reader) = logwatch::Reader::new(bytes, "fuzzed", Paris, Some(60213)) {
            let mut block = logwatch::Block::default();
            while reader.read(&mut block).expect("memory can be read") {}
        }
    };
    the_debug_log, |bytes| {
        let ever = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        drop(flexnet::parse([(day(), &source(bytes))], Paris, ever, None));
    };
    lmstat_answers, |bytes| drop(lmstat::parse(&source(bytes)));
    licence_files, |bytes| {
        let mut terms = licence::parse(&source(bytes), day()).items.terms;
        licence::apply_options(&mut terms, &source(bytes));
    };
    dhcpd_files, |bytes| drop(dhcpd::parse(&source(bytes)));
    snooping_files, |bytes| drop(snooping::parse(&source(bytes)));
    interface_tables, |bytes| drop(interfaces::parse(&source(bytes)));
    mac_tables, |bytes| drop(mac_table::parse(&source(bytes)));
    neighbour_lists, |bytes| drop(neighbours::parse(&source(bytes)));
    histories, |bytes| {
        let empty = source(b"");
        for format in [HistoryFormat::Record, HistoryFormat::Line, HistoryFormat::Table] {
            let once = history::import(&empty, &[source(bytes)], format).text;
            // A copy of a history adds nothing to it.
            let twice = history::import(&source(once.as_bytes()), &[source(once.as_bytes())], format);
            assert_eq!((twice.n_new, twice.text.as_str()), (0, once.as_str()));
        }
    };
    spreadsheets, |bytes| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs_err::write(file.path(), bytes).expect("a file");
        if let Ok(sheet) = network::read_sheet(file.path()) {
            drop(jeton::parse::computers::parse(&sheet));
        }
    };
    analysis, |bytes: &[u8]| {
        let mut logs = bytes.split(|byte| *byte == NEXT);
        let mut evidence = Evidence::in_memory();
        // What is no text at all is refused.
        let _ = evidence.add_logwatch("logwatch", logs.next().unwrap_or_default());
        let _ = evidence.add_debug_log("debug log", logs.next().unwrap_or_default(), Paris);
        let _ = evidence.add_lmstat(logs.next().unwrap_or_default());
        evidence.date_beside_blocks(Paris).expect("memory");
        let settings = TraceSettings {
            timezone: Paris,
            server: Some(IpAddr::V4(Ipv4Addr::new(10, 20, 0, 20))),
            port: 60213,
            ..TraceSettings::default()
        };
        let Some(as_of) = pipeline::newest(&evidence, &settings) else { return };
        let found = derive_all(&Derivation::new(&evidence, &settings, DhcpNames::default(), as_of)).expect("memory");
        for session in &found.sessions {
            assert!(session.start <= session.end, "{session:?}");
            let pieces: i64 = session.pieces(Paris).iter().map(trace::Piece::seconds).sum();
            assert_eq!(pieces, (session.end - session.start).num_seconds(), "{session:?}");
        }
    };
}
