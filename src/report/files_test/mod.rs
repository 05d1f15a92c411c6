//! Both files, written and read again by an independent reader (calamine).

mod gallery;

use std::io::Cursor;

use calamine::{Data, Ods, Reader, Xlsx};
use chrono::NaiveDateTime;

use super::book::{Chart, Rows, Workbook};
use super::{ReportInput, Scope, ods, sample, sheets, xlsx};
use crate::model::{Identity, SessionRow};
use crate::texts::Language;
use crate::trace::seats::Known;

fn xlsx_bytes(book: &Workbook<'_>) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    xlsx::write(book, &mut out).unwrap();
    out.into_inner()
}

fn ods_bytes(book: &Workbook<'_>) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    ods::write(book, &mut out).unwrap();
    out.into_inner()
}

/// A cell as a text that is the same for both formats.
fn plain(cell: &Data) -> String {
    let seconds = |at: NaiveDateTime| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let rounded = |days: f64| {
        let epoch: NaiveDateTime = "1899-12-30T00:00:00".parse().unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "the seconds of a test's dates")]
        let at = epoch + chrono::Duration::seconds((days * 86_400.0).round() as i64);
        at
    };
    match cell {
        Data::Empty => String::new(),
        // Excel reads these escapes, calamine does not.
        Data::String(text) => format!("text {}", text.replace("_x005F_", "_")),
        Data::Int(number) => format!("number {number}"),
        Data::Float(number) => format!("number {number}"),
        Data::DateTime(at) if at.is_duration() => format!("{} s", (at.as_f64() * 86_400.0).round()),
        Data::DateTime(at) => seconds(rounded(at.as_f64())),
        Data::DateTimeIso(text) => seconds(text.parse().unwrap()),
        Data::DurationIso(text) => format!("{} s", iso_seconds(text)),
        other => panic!("no cell of ours: {other:?}"),
    }
}

/// `PT2H0M30.0S` in seconds.
fn iso_seconds(text: &str) -> f64 {
    let (hours, rest) = text.strip_prefix("PT").unwrap().split_once('H').unwrap();
    let (minutes, rest) = rest.split_once('M').unwrap();
    let parts = [hours, minutes, rest.strip_suffix('S').unwrap()].map(|part| part.parse::<f64>().unwrap());
    parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]
}

/// Every cell that is not empty, as `sheet!row,column value`.
fn cells<R: Reader<Cursor<Vec<u8>>>>(bytes: Vec<u8>) -> Vec<String>
where
    R::Error: std::fmt::Debug,
{
    let mut book = R::new(Cursor::new(bytes)).unwrap();
    let mut cells = Vec::new();
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).unwrap();
        let (top, left) = range.start().unwrap_or_default();
        cells.extend(range.used_cells().filter(|(.., cell)| !matches!(cell, Data::Empty)).map(
            |(row, column, cell)| format!("{name}!{},{} {}", row + top as usize, column + left as usize, plain(cell)),
        ));
    }
    cells
}

fn texts_of(book: &Workbook<'_>) -> Vec<String> {
    let both = [cells::<Xlsx<_>>(xlsx_bytes(book)), cells::<Ods<_>>(ods_bytes(book))];
    let [xlsx, ods] = both;
    if let Some((left, right)) = xlsx.iter().zip(&ods).find(|(left, right)| left != right) {
        panic!("{left:?} in XLSX, {right:?} in ODS");
    }
    assert_eq!(xlsx.len(), ods.len());
    xlsx
}

#[test]
fn both_formats_hold_the_same_cells() {
    let data = sample::Data::new();
    for scope in [Scope::Department("DPT4"), Scope::Unresolved, Scope::Site] {
        for language in [Language::French, Language::English] {
            let cells = texts_of(&sheets(&ReportInput { language, scope, ..data.input() }));
            assert!(cells.len() > 400, "{}", cells.len());
        }
    }
}

#[test]
fn the_workbook_of_the_sample() {
    let data = sample::Data::new();
    let input = ReportInput {
        previous: Some(super::Figures {
            sessions: 4,
            users: Some(5),
            machines: Some(0),
            denials: Some(0),
            ..Default::default()
        }),
        ..data.input()
    };
    let cells = texts_of(&sheets(&input));
    let shown: Vec<&str> = cells.iter().map(String::as_str).filter(|cell| !cell.starts_with("Lisez-moi")).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn an_empty_department_is_said_in_words() {
    let data = sample::Data::new();
    let input = ReportInput { rows: &[], holds: &[], denials: &[], findings: &[], gaps: &[], ..data.input() };
    let cells = texts_of(&sheets(&input));
    for said in ["Aucune anomalie", "Aucune session sur cette période.", "Données complètes"] {
        assert!(cells.iter().any(|cell| cell.ends_with(said)), "{said}");
    }
}

#[test]
fn names_that_look_like_formulas_stay_text() {
    let data = sample::Data::new();
    let logins =
        ["=1+1", "@x", "-2", "'x", "+33", "_x0041_", "a  b", " a ", "   ", "<b>&\"", "\u{1b}[31m", "12", "1/2"];
    let rows: Vec<SessionRow> =
        logins.iter().map(|login| SessionRow { who: Identity::new(login, "PC-1"), ..data.rows[0].clone() }).collect();
    let input = ReportInput { rows: &rows, ..data.input() };
    let cells = texts_of(&sheets(&input));
    for login in logins {
        let expected = format!(",2 text {}", login.replace('\u{1b}', "\u{fffd}"));
        assert!(cells.iter().any(|cell| cell.starts_with("Sessions!") && cell.ends_with(&expected)), "{login:?}");
    }
}

#[test]
fn a_hostile_row_harms_neither_format() {
    let data = sample::Data::new();
    let far = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().with_timezone(&data.input().timezone);
    let long = "é".repeat(40_000);
    let rows = [
        SessionRow { duration_s: -5, who: Identity::new(&long, "\0"), ..data.rows[0].clone() },
        SessionRow { duration_s: i64::MAX, start: far("1800-01-01T00:00:00Z"), ..data.rows[0].clone() },
        SessionRow { duration_s: i64::MIN, end: far("9999-12-31T23:59:59Z"), ..data.rows[0].clone() },
        SessionRow { date: chrono::NaiveDate::MAX, ..data.rows[0].clone() },
    ];
    let book = sheets(&ReportInput { rows: &rows, ..data.input() });
    for bytes in [xlsx_bytes(&book), ods_bytes(&book)] {
        assert!(bytes.len() > 1000);
    }
    cells::<Xlsx<_>>(xlsx_bytes(&book));
    cells::<Ods<_>>(ods_bytes(&book));
}

#[test]
fn the_ods_file_begins_with_its_type_uncompressed() {
    let data = sample::Data::new();
    let bytes = ods_bytes(&sheets(&data.input()));
    assert_eq!(&bytes[..4], b"PK\x03\x04");
    assert_eq!(&bytes[8..10], [0, 0], "stored");
    assert_eq!(&bytes[30..38], b"mimetype");
    assert_eq!(&bytes[38..84], b"application/vnd.oasis.opendocument.spreadsheet");
}

/// One part of a file.
fn part(bytes: Vec<u8>, name: &str) -> String {
    let mut packed = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    std::io::read_to_string(packed.by_name(name).unwrap()).unwrap()
}

#[test]
fn the_properties_are_well_formed_in_both() {
    let data = sample::Data::new();
    let book = sheets(&data.input());
    let meta = part(ods_bytes(&book), "meta.xml");
    assert!(
        meta.contains("xmlns:dc=\"http://purl.org/dc/elements/1.1/\""),
        "strict readers refuse it otherwise: {meta}"
    );
    for said in ["OriginPro\u{202f}: DPT4", "jeton 0.1.0", "fr-FR", "2021-12-14T23:15:00Z"] {
        assert!(meta.contains(said), "{said} in {meta}");
    }
    let core = part(xlsx_bytes(&book), "docProps/core.xml");
    assert!(core.contains("OriginPro\u{202f}: DPT4") && core.contains("jeton 0.1.0"), "{core}");
}

#[test]
fn the_filter_the_frozen_header_and_the_totals_are_in_both() {
    let data = sample::Data::new();
    let book = sheets(&data.input());
    let content = part(ods_bytes(&book), "content.xml");
    for expected in [
        "table:target-range-address=\"$&apos;Sessions&apos;.$A$3:$&apos;Sessions&apos;.$R$9\"",
        "table:display-filter-buttons=\"true\"",
        "of:=SUBTOTAL(109;[.G4:.G9])",
        "of:=SUBTOTAL(103;[.C4:.C9])",
        "office:time-value=\"PT19H31M31.0S\"",
        "<table:table-header-rows>",
        // The decimal comma of the workbook's language.
        "<number:percentage-style style:name=\"format-Percent\" number:language=\"fr\" number:country=\"FR\">",
        // Repeated spaces, which XML readers join.
        "@x <text:s text:c=\"1\"/>y",
    ] {
        assert!(content.contains(expected), "{expected}");
    }
    let settings = part(ods_bytes(&book), "settings.xml");
    assert!(settings.contains("HorizontalSplitPosition"), "{settings}");
    let sheet = part(xlsx_bytes(&book), "xl/worksheets/sheet2.xml");
    for expected in [
        "<f>SUBTOTAL(109,G4:G9)</f><v>0.813553",
        "<f>SUBTOTAL(103,C4:C9)</f><v>6</v>",
        "xSplit=\"4\" ySplit=\"3\"",
        "fitToHeight=\"0\"",
    ] {
        assert!(sheet.contains(expected), "{expected} in {sheet}");
    }
    let table = part(xlsx_bytes(&book), "xl/tables/table1.xml");
    for expected in ["ref=\"A3:R9\"", "displayName=\"Table_Sessions\"", "<autoFilter ref=\"A3:R9\"/>"] {
        assert!(table.contains(expected), "{expected} in {table}");
    }
}

#[test]
fn only_the_given_rows_are_in_the_workbook() {
    let data = sample::Data::new();
    let one = [data.rows[2].clone()];
    let cells = texts_of(&sheets(&ReportInput { rows: &one, findings: &[], ..data.input() }));
    assert!(!cells.iter().any(|cell| cell.contains("Martin") || cell.contains("PC-1")));
}

/// The cells of a sheet's table in the row that begins with a text.
fn row_of(book: &Workbook<'_>, sheet: &str, first: &str) -> Vec<String> {
    let cells = texts_of(book);
    let place = cells.iter().find(|cell| cell.starts_with(sheet) && cell.contains(first)).expect(first);
    let row = place.split(',').next().unwrap();
    cells.iter().filter(|cell| cell.starts_with(&format!("{row},"))).cloned().collect()
}

#[test]
fn what_is_not_known_is_no_zero() {
    let data = sample::Data::new();
    let at = |text: &str| text.parse().unwrap();
    // Nothing is known of 8 December, and of six hours of the 9th.
    let known = Known {
        span: Some((at("2021-11-30T23:00:00Z"), at("2021-12-14T23:00:00Z"))),
        stretches: vec![
            (at("2021-11-30T23:00:00Z"), at("2021-12-07T23:00:00Z")),
            (at("2021-12-09T05:00:00Z"), at("2021-12-14T23:00:00Z")),
        ],
    };
    let input =
        ReportInput { known: Some(&known), gaps: &[], previous: Some(super::Figures::default()), ..data.input() };
    let book = sheets(&input);
    let cells = texts_of(&book).join("\n");
    let said = "1 jour sans relevé\u{202f}: mercredi 8 décembre 2021 · 6\u{202f}h\u{202f}00 sans relevé\u{202f}: jeudi 9 décembre 2021 → Anomalies";
    assert!(cells.contains(said), "{cells}");
    assert!(!cells.contains("Données complètes") && !cells.contains("Aucun jour saturé\n"), "{cells}");
    // A day without data has no figures, only how long it is.
    let day = row_of(&book, "Par jour", "2021-12-08");
    assert_eq!(day.iter().filter(|cell| cell.ends_with(" 0") || cell.ends_with(" 0 s")).count(), 0, "{day:?}");
    assert!(day.iter().any(|cell| cell.ends_with("86400 s")), "{day:?}");
    // Charts over time hatch what is not known, as high as it is long; those of people and departments do not.
    let charts = |book: &Workbook<'_>| -> Vec<(bool, bool, bool)> {
        let charts = book.sheets.iter().flat_map(|sheet| &sheet.charts);
        let told = |chart: &Chart| {
            (chart.categories.sheet == "Par jour", chart.unknown.is_some(), chart.description.contains("hachuré"))
        };
        charts.map(told).collect()
    };
    let hatched = charts(&book);
    assert!(
        hatched.iter().all(|(is_over_time, is_hatched, is_said)| is_over_time == is_hatched && is_said == is_hatched)
    );
    assert!(hatched.contains(&(true, true, true)) && hatched.contains(&(false, false, false)), "{hatched:?}");
    let chart = book.sheets.iter().flat_map(|sheet| &sheet.charts).find_map(|chart| chart.unknown.as_ref()).unwrap();
    assert!((chart.whole_s - 86_400.0).abs() < f64::EPSILON, "a day is a whole column");
    // Nothing is compared with what is known that much less.
    assert!(row_of(&book, "Synthèse", "Sessions").iter().any(|cell| cell.ends_with("text –")));
    // All known: all is well.
    let whole = Known { stretches: vec![known.span.unwrap()], ..known };
    let book = sheets(&ReportInput { known: Some(&whole), ..input });
    assert!(charts(&book).iter().all(|(_, is_hatched, _)| !is_hatched));
    let cells = texts_of(&book).join("\n");
    assert!(cells.contains("Données complètes") && !cells.contains("sans relevé\u{202f}:"), "{cells}");
}

#[test]
fn an_imported_history_claims_sessions_and_nothing_else() {
    let data = sample::Data::new();
    let begins = Some("2021-12-01".parse().unwrap());
    let known = Known::default();
    let input = ReportInput { known: Some(&known), gaps: &[], holds: &[], denials: &[], begins, ..data.input() };
    let input = ReportInput { scope: Scope::Site, ..input };
    let cells = texts_of(&sheets(&input)).join("\n");
    for said in ["seul un historique importé renseigne", "Aucun jour saturé parmi ce qui a été relevé"] {
        assert!(cells.contains(said), "{said}: {cells}");
    }
    assert!(!cells.contains("Données complètes"), "{cells}");
    let refused = row_of(&sheets(&input), "Synthèse", "Refus réels");
    assert!(refused[1].ends_with("text –"), "{refused:?}");
    // A day that the history does not tell of is not a quiet one.
    let quiet = row_of(&sheets(&input), "Par jour", "2021-12-05");
    assert!(!quiet.iter().any(|cell| cell.ends_with(" 0") || cell.ends_with(" 0 s")), "{quiet:?}");
}

#[test]
fn every_sheet_has_a_name_of_its_own_and_every_text_is_found() {
    let data = sample::Data::new();
    for language in [Language::French, Language::English] {
        let book = sheets(&ReportInput { language, scope: Scope::Site, ..data.input() });
        let mut names: Vec<String> = book.sheets.iter().map(|sheet| sheet.name.to_lowercase()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), book.sheets.len());
        for sheet in &book.sheets {
            let said = format!("{:?}", sheet.lines);
            // A missing text shows as its path, or as nothing.
            assert!(!said.contains("summary.") && !said.contains("readme."), "{said}");
            let header = sheet.table.iter().flat_map(|table| &table.header);
            assert!(header.clone().all(|cell| cell.value != super::book::Value::Empty), "{}", sheet.name);
            if let Some(Rows::Given(rows)) = sheet.table.as_ref().map(|table| &table.rows) {
                assert!(rows.iter().all(|row| row.len() == header.clone().count()), "{}", sheet.name);
            }
        }
        let readme = book.sheets.last().unwrap();
        let explained = readme.lines.iter().filter(|line| line.len() == 2);
        assert!(explained.flatten().all(|cell| cell.value != super::book::Value::Empty), "{:?}", readme.lines);
    }
}

#[test]
fn what_nothing_reports_holds_is_the_same_in_both() {
    let cells = texts_of(&gallery::gallery());
    assert!(cells.iter().any(|cell| cell == "Beaucoup!1001,0 text =ligne 999"), "{cells:?}");
}

/// The names of a file's parts.
fn parts(bytes: Vec<u8>) -> Vec<String> {
    let packed = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    packed.file_names().map(|name| name.unwrap().into_owned()).collect()
}

#[test]
fn charts_are_native_say_what_they_show_and_are_never_empty() {
    let book = gallery::gallery();
    let content = part(ods_bytes(&book), "content.xml");
    assert_eq!(content.matches("<draw:object ").count(), 4, "the empty one is left out: {content}");
    for expected in [
        "<svg:title>Jetons &amp; limite</svg:title>",
        "<svg:desc>Jetons &amp; limite, décrit en mots &amp; &lt;signes&gt;</svg:desc>",
        "xlink:href=\"./Object 4\"",
    ] {
        assert!(content.contains(expected), "{expected}");
    }
    let manifest = part(ods_bytes(&book), "META-INF/manifest.xml");
    assert_eq!(manifest.matches("application/vnd.oasis.opendocument.chart").count(), 4);
    let chart = part(ods_bytes(&book), "Object 3/content.xml");
    for expected in [
        "chart:class=\"chart:line\"",
        "<text:p>Jetons &amp; limite</text:p>",
        "chart:values-cell-range-address=\"$&apos;L&apos;&apos;été &amp; co&apos;.$C$4:$&apos;L&apos;&apos;été &amp; co&apos;.$C$12\"",
        "draw:stroke=\"dash\"",
        "draw:fill-hatch-name=\"hatch\"",
        "chart:maximum=\"1\"",
    ] {
        assert!(chart.contains(expected), "{expected} in {chart}");
    }
    assert_eq!(parts(xlsx_bytes(&book)).iter().filter(|name| name.starts_with("xl/charts/chart")).count(), 4);
    let drawing = part(xlsx_bytes(&book), "xl/drawings/drawing1.xml");
    assert!(drawing.contains("descr=\"Jetons &amp; limite, décrit en mots &amp; &lt;signes&gt;\""), "{drawing}");
    let chart = part(xlsx_bytes(&book), "xl/charts/chart1.xml");
    assert!(chart.contains("<a:pattFill prst=\"wdUpDiag\">") && chart.contains("<c:max val=\"1\"/>"), "{chart}");
    for expected in ["<c:v>Heures</c:v>", "formatCode=\"[h]&quot; h&quot;\"", "<c:majorUnit val=\"0.2083333333333333"] {
        assert!(chart.contains(expected), "{expected} in {chart}");
    }
}

#[test]
fn names_and_shades_are_in_both() {
    let book = gallery::gallery();
    let content = part(ods_bytes(&book), "content.xml");
    for expected in ["table:name=\"Heures\"", "table:name=\"_A1\"", "Body-Hours-Bars20", "Body-Integer-Scale7"] {
        assert!(content.contains(expected), "{expected} in {content}");
    }
    let rows = content.matches("style:family=\"table-row\"").count();
    assert!(!content.contains("style:row-height=\"\""), "{content}");
    assert!(rows < 9, "a style for each height, not for each of a thousand rows: {rows}");
    let workbook = part(xlsx_bytes(&book), "xl/workbook.xml");
    for expected in ["name=\"Heures\">'L''été &amp; co'!$B$4:$B$12<", "name=\"_A1\"", "name=\"_R1\""] {
        assert!(workbook.contains(expected), "{expected} in {workbook}");
    }
    let sheet = part(xlsx_bytes(&book), "xl/worksheets/sheet2.xml");
    assert!(sheet.contains("<colorScale>") && sheet.contains("<dataBar>"), "{sheet}");
}

#[test]
fn more_rows_than_a_sheet_holds_are_an_error() {
    let mut book = gallery::gallery();
    let table = book.sheets[2].table.as_mut().unwrap();
    table.rows = Rows::Made { count: 1_048_576, make: Box::new(|_, _| panic!("never made")) };
    for error in [
        xlsx::write(&book, Cursor::new(Vec::new())).unwrap_err(),
        ods::write(&book, Cursor::new(Vec::new())).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "the sheet Beaucoup would have 1048578 rows, and a spreadsheet holds 1048576");
    }
}
