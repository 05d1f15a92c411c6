//! The workbooks in LibreOffice, and before validators: what it shows, draws, reckons and prints, in both formats.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use serde::Deserialize;

use crate::support::workbook::Workbook;
use crate::support::{DEBUG_LOG, LOGWATCH, Lab, REPORTS, truth};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A night's workbooks of the fixtures, each under a name of its own: both formats have one, and what is made of them needs
/// two.
fn night() -> (Lab, Vec<PathBuf>) {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    let lab = lab.with_folder("office");
    let copied = |path: &PathBuf| {
        let end = path.extension().unwrap().to_str().unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let copy = lab.path("office").join(format!("{stem}_{end}.{end}"));
        fs::copy(path, &copy).unwrap();
        copy
    };
    let files: Vec<PathBuf> = lab.workbooks().iter().map(copied).collect();
    assert_eq!(files.len(), 8);
    (lab, files)
}

/// Whether LibreOffice is to be asked. Its absence is a failure, unless the tester says that he knows.
pub(crate) fn with_libreoffice() -> bool {
    const WITHOUT: &str = "JETON_TESTS_WITHOUT_LIBREOFFICE";
    if Command::new("soffice").arg("--version").output().is_ok() {
        return true;
    }
    assert!(std::env::var_os(WITHOUT).is_some(), "no soffice: install libreoffice-calc-nogui, or set {WITHOUT}=1");
    #[expect(clippy::print_stderr, reason = "a check that was left out must be seen")]
    {
        eprintln!("\n*** NOT CHECKED: {WITHOUT} is set, and no workbook was opened with LibreOffice ***\n");
    }
    false
}

/// Converts files in one run of LibreOffice, with a profile of its own, and gives what it made by name.
pub(crate) fn converted(files: &[PathBuf], to: &str) -> BTreeMap<String, PathBuf> {
    let profile = tempfile::tempdir().unwrap();
    let folder = files[0].parent().unwrap().join(to.split(':').next().unwrap());
    let done = Command::new("soffice")
        .arg(format!("-env:UserInstallation=file://{}", profile.path().display()))
        .args(["--headless", "--convert-to", to, "--outdir"])
        .arg(&folder)
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    let made: BTreeMap<String, PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{error}\n{said}"))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    made
}

#[test]
fn libreoffice_opens_every_workbook_and_sees_the_same_in_both_formats() {
    if !with_libreoffice() {
        return;
    }
    let (lab, files) = night();
    pdfs_have_their_titles(&lab, &converted(&files, "pdf"));
    // The values of every sheet; then the same as they are shown.
    for as_shown in [false, true] {
        let to = format!("csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,{as_shown},false,false,-1");
        let sheets = converted(&files, &to);
        assert_eq!(sheets.len(), 2 * (3 * 11 + 16), "{sheets:?}");
        same_in_both_formats(&sheets);
        sessions_are_in(&sheets, as_shown);
        for path in sheets.values() {
            fs::remove_file(path).unwrap();
        }
    }
}

fn pdfs_have_their_titles(lab: &Lab, pdfs: &BTreeMap<String, PathBuf>) {
    assert_eq!(pdfs.len(), 8, "{pdfs:?}");
    let titles = |name: &str| -> Vec<String> {
        let (stem, end) = name.strip_suffix(".pdf").unwrap().rsplit_once('_').unwrap();
        chart_titles(&lab.path(REPORTS).join(format!("{stem}.{end}")))
    };
    for (name, path) in pdfs {
        let done = Command::new("pdftotext").args(["-layout"]).arg(path).arg("-").output();
        let text = String::from_utf8(done.expect("pdftotext of poppler-utils").stdout).unwrap();
        for title in titles(name) {
            // A long title runs over two lines.
            let found = title.split(' ').filter(|word| text.contains(word)).count();
            assert_eq!(found, title.split(' ').count(), "{name}: no chart {title}\n{text}");
        }
        let scope = match name.split("-2021").next().unwrap() {
            "non-resolus" => "machines sans département connu",
            scope => scope,
        };
        for said in
            [format!("Utilisation d’OriginPro : {scope}"), "décembre 2021, du 1er au 10".into(), "1 lacune".into()]
        {
            assert!(text.contains(&said), "{name}: no {said}\n{text}");
        }
        assert!(!text.contains("###"), "{name}: a column is too narrow\n{text}");
        for error in ["#REF!", "#NAME?", "#VALUE!", "Err:5"] {
            assert!(!text.contains(error), "{name}: {error}\n{text}");
        }
    }
}

fn same_in_both_formats(sheets: &BTreeMap<String, PathBuf>) {
    for (name, path) in sheets.iter().filter(|(name, _)| name.contains("_ods-")) {
        let other = &sheets[&name.replace("_ods-", "_xlsx-")];
        assert_eq!(cells(path), cells(other), "{name}");
    }
}

/// The cells of a sheet. Shares and means have the decimal sign of the document's language, which XLSX does not name.
fn cells(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    let point = |cell: &str| {
        let pointed = cell.replacen(',', ".", 1);
        let is_number = pointed.trim_end_matches(['%', ' ', '\u{202f}']).parse::<f64>().is_ok();
        if is_number { pointed } else { cell.to_owned() }
    };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(point).collect()).collect()
}

fn sessions_are_in(sheets: &BTreeMap<String, PathBuf>, as_shown: bool) {
    let rows = cells(&sheets["LABO-2021-12_ods-Sessions.csv"]);
    let header = rows.iter().position(|row| row[0] == "Date").unwrap();
    assert_eq!(rows[header - 1][2], "16", "the totals above the header");
    let sessions = &rows[header + 1..];
    let truth = truth();
    assert_eq!(sessions.len(), truth.len());
    for (row, truth) in sessions.iter().zip(truth) {
        assert_eq!(row[2], truth["login"].trim_start_matches('\''));
        assert_eq!([&row[9], &row[16], &row[17]], [&truth["ip"], &truth["port"], &truth["outlet"]]);
        if as_shown {
            let [year, month, day] = [0..4, 5..7, 8..10].map(|range| &truth["date"][range]);
            assert_eq!(row[0], format!("{day}/{month}/{year}"));
            assert_eq!([&row[4], &row[5]], [&truth["start"][11..19], &truth["end"][11..19]]);
            let seconds: i64 = truth["duration_s"].parse().unwrap();
            assert_eq!(row[6], format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
        }
    }
}

/// The titles of the charts in a file's parts.
fn chart_titles(path: &Path) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut titles = Vec::new();
    for index in 0..archive.len() {
        let part = archive.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        let (begin, end) = match name.rsplit_once('/') {
            Some(("xl/charts", _)) => ("<a:t>", "</a:t>"),
            Some((folder, "content.xml")) if folder.starts_with("Object ") => ("<text:p>", "</text:p>"),
            _ => continue,
        };
        let text = std::io::read_to_string(part).unwrap();
        let title = text.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).expect("a chart has a title").0;
        titles.push(title.replace("&apos;", "'").replace("&amp;", "&"));
    }
    assert!(titles.len() >= 3, "{titles:?} in {}", path.display());
    titles
}

/// What LibreOffice sees in a workbook: see `tests/support/office.py`.
#[derive(Debug, Deserialize)]
struct Seen {
    file: PathBuf,
    title: String,
    filters: usize,
    names: Vec<String>,
    sheets: Vec<SeenSheet>,
}

#[derive(Debug, Deserialize)]
struct SeenSheet {
    name: String,
    frozen: bool,
    formulas: Vec<Formula>,
    charts: Vec<Chart>,
}

#[derive(Debug, Deserialize)]
struct Formula {
    row: u32,
    column: u32,
    #[serde(rename = "formula")]
    text: String,
    value: f64,
    error: i64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Chart {
    title: String,
    description: String,
    series: Vec<Series>,
}

/// A row of numbers; nothing where there is none (JSON has no NaN).
#[derive(Debug, PartialEq, Deserialize)]
struct Series {
    kind: String,
    name: String,
    values: Vec<Option<f64>>,
}

/// Opens workbooks by LibreOffice's own interface, and recalculates them from scratch.
fn seen(files: &[PathBuf]) -> Vec<Seen> {
    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/office.py");
    let done = Command::new("/usr/bin/python3").arg(SCRIPT).args(files).output().expect("Debian's python3-uno");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let lines = std::str::from_utf8(&done.stdout).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn libreoffice_reckons_and_draws_what_the_files_say_in_both_formats() {
    if !with_libreoffice() {
        return;
    }
    let (_lab, files) = night();
    let seen = seen(&files);
    assert_eq!(seen.len(), files.len());
    let mut formulas = 0;
    for one in &seen {
        formulas += recalculated_is_cached(one);
        assert!(one.title.starts_with("Utilisation d’OriginPro"), "{one:?}");
        assert!(one.names.iter().any(|name| name == "Sessions"), "{:?}", one.names);
        let frozen: Vec<&str> =
            one.sheets.iter().filter(|sheet| sheet.frozen).map(|sheet| sheet.name.as_str()).collect();
        for table in ["Sessions", "Utilisateurs", "Postes"] {
            assert!(frozen.contains(&table), "{table} of {} is not frozen", one.file.display());
        }
        for chart in one.sheets.iter().flat_map(|sheet| &sheet.charts) {
            assert!(!chart.title.is_empty() && chart.description.len() > chart.title.len(), "{chart:?}");
            assert!(chart.series.iter().any(|series| series.values.iter().flatten().any(|value| *value != 0.0)));
        }
    }
    assert!(formulas > 8 * 5, "{formulas}");
    for [ods, xlsx] in seen.chunks(2).map(|both| [&both[0], &both[1]]) {
        assert_eq!((&ods.names, ods.filters), (&xlsx.names, xlsx.filters), "{}", ods.file.display());
        for (ods, xlsx) in ods.sheets.iter().zip(&xlsx.sheets) {
            same_charts(ods, xlsx);
        }
    }
}

/// What LibreOffice reckons is what the file says, in days or in seconds. Gives how many formulas there are.
fn recalculated_is_cached(seen: &Seen) -> usize {
    let cached = Workbook::read(&seen.file).cached;
    let formulas = seen.sheets.iter().flat_map(|sheet| sheet.formulas.iter().map(|formula| (&sheet.name, formula)));
    let mut count = 0;
    for (sheet, formula) in formulas {
        let text = &cached[&(sheet.clone(), formula.row, formula.column)];
        let number: f64 = text.parse().unwrap_or_else(|_| panic!("{text} is no number: {formula:?}"));
        let as_days = (number - formula.value * 86_400.0).abs() < 1e-3;
        assert!((number - formula.value).abs() < 1e-9 || as_days, "{sheet}: {text} in the file, {formula:?}");
        assert_eq!(formula.error, 0, "{sheet}: {formula:?}");
        assert!(formula.text.starts_with("=SUBTOTAL("), "{sheet}: {formula:?}");
        count += 1;
    }
    assert_eq!(count, cached.len(), "{cached:?}");
    count
}

fn same_charts(ods: &SeenSheet, xlsx: &SeenSheet) {
    assert_eq!(ods.name, xlsx.name);
    assert_eq!(ods.charts.len(), xlsx.charts.len(), "{}", ods.name);
    for (ods, xlsx) in ods.charts.iter().zip(&xlsx.charts) {
        assert_eq!((&ods.title, &ods.description), (&xlsx.title, &xlsx.description));
        assert_eq!(ods.series.len(), xlsx.series.len(), "{}", ods.title);
        for (ods, xlsx) in ods.series.iter().zip(&xlsx.series) {
            assert_eq!((&ods.kind, &ods.name), (&xlsx.kind, &xlsx.name));
            let near = |(a, b): (&Option<f64>, &Option<f64>)| (a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-6;
            assert!(ods.values.len() == xlsx.values.len() && ods.values.iter().zip(&xlsx.values).all(near));
        }
    }
}

#[test]
fn validators_find_nothing_wrong() {
    if !with_validators() {
        return;
    }
    let (_lab, files) = night();
    let done = Command::new("target/validators/bin/python")
        .arg("tests/support/validate.py")
        .args(&files)
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "", "{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Whether there is Python with an independent reader of workbooks, which is fetched where it is not.
fn with_validators() -> bool {
    const WITHOUT: &str = "JETON_TESTS_WITHOUT_VALIDATORS";
    if std::env::var_os(WITHOUT).is_some() {
        #[expect(clippy::print_stderr, reason = "a check that was left out must be seen")]
        {
            eprintln!("\n*** NOT CHECKED: {WITHOUT} is set, and no workbook was validated ***\n");
        }
        return false;
    }
    let ready = Command::new("tests/validators").current_dir(ROOT).output().unwrap();
    let said = String::from_utf8_lossy(&ready.stderr);
    assert!(ready.status.success(), "tests/validators wants PyPI; set {WITHOUT}=1 to do without\n{said}");
    true
}

/// A site's workbook against the rows of its days, reckoned again by a program that shares no line with this one.
#[track_caller]
fn is_what_the_rows_say(lab: &Lab, (first, last): (&str, &str), established: &str) {
    let folder = lab.path("reckoned");
    fs::create_dir_all(&folder).unwrap();
    for command in ["sessions", "seats", "coverage"] {
        let days = if command == "coverage" { String::new() } else { format!(" --since {first} --until {last}") };
        let rows = lab.jeton(&format!("{command}{days} --format csv")).out;
        fs::write(folder.join(command), rows).unwrap();
    }
    let mut books = lab.files("out/reports").into_keys().map(|name| lab.path("out/reports").join(name));
    let book = books.find(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("LABO-") && path.extension().is_some_and(|end| end == "xlsx")
    });
    let done = Command::new("target/validators/bin/python")
        .args(["-W", "ignore", "tests/support/recompute.py"])
        .arg(book.unwrap_or_else(|| panic!("no workbook of the site in {:?}", lab.files("out").keys())))
        .args(["sessions", "seats", "coverage"].map(|name| folder.join(name)))
        .args([first, last, "Europe/Paris", established])
        .current_dir(ROOT)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !said.contains("\n0 figures"), "{first} to {last}: {said}");
}

#[test]
fn every_figure_is_what_the_rows_add_up_to() {
    use crate::simulator::{DateStyle, Laboratory, SERVER};
    if !with_validators() {
        return;
    }
    // A month to date, a week, a range, and both nights on which the clocks change; in some, nobody watched for hours.
    for (start, first, last, options) in [
        ("2021-12-06", "2021-12-01", "2021-12-12", "--period month"),
        ("2021-12-06", "2021-12-06", "2021-12-12", "--period week"),
        ("2022-03-24", "2022-03-25", "2022-03-28", "--since 2022-03-25 --until 2022-03-28"),
        ("2021-10-28", "2021-10-29", "2021-11-02", "--since 2021-10-29 --until 2021-11-02"),
    ] {
        let simulated = Laboratory {
            start: start.parse().unwrap(),
            users: 30,
            seats: 8,
            unwatched_per_day: if options.starts_with("--since") { 0.3 } else { 0.0 },
            dates: DateStyle::Iso,
            ..Laboratory::default()
        };
        let mut logwatch = Vec::new();
        let recorded = simulated.run(&mut logwatch).unwrap();
        let lab = Lab::complete().with(LOGWATCH, &logwatch).with(DEBUG_LOG, recorded.debug_log.unwrap());
        let lab = lab.edit("jeton.toml", |text| {
            let text = text.replace("address = \"10.20.0.20\"", &format!("address = \"{SERVER}\""));
            let text = text.replace("seats = 3", "seats = 8");
            text.lines().filter(|line| !line.starts_with("lmstat")).collect::<Vec<_>>().join("\n")
        });
        lab.jeton(&format!("nightly --no-push --date {last}"));
        fs::remove_dir_all(lab.path("out/reports")).unwrap();
        lab.jeton(
            &format!("report {options} --date {last}")
                .replace(" --date 2022-03-28", "")
                .replace(" --date 2021-11-02", ""),
        );
        let text = String::from_utf8_lossy(&logwatch).into_owned();
        let established =
            text.lines().rev().find(|line| line.len() > 20 && line.as_bytes()[4] == b'-').unwrap().to_owned();
        is_what_the_rows_say(&lab, (first, last), &established);
    }
}
