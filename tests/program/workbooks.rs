//! The workbooks: whose rows are in which, read again by calamine and by LibreOffice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::support::workbook::Workbook;
use crate::support::{Lab, REPORTS, has_word, names_in, rows_of, truth};

/// The scopes of the fixtures, by the beginning of their files' names, with the department of their rows.
const DEPARTMENTS: [(&str, &str); 3] = [("DPT1", "DPT1"), ("DPT2", "DPT2"), ("non-resolus", "")];
const WORDS: [(&str, &str); 6] = [
    ("closed", "terminée"),
    ("expired", "expirée"),
    ("presumed", "présumée"),
    ("open", "en cours"),
    ("carrying", "connexion active"),
    ("unknown", "inconnue"),
];

fn night() -> Lab {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    lab
}

fn book(lab: &Lab, scope: &str, format: &str) -> Workbook {
    Workbook::read(&lab.path(REPORTS).join(format!("{scope}-2021-12.{format}")))
}

/// A row of the CSV as the sheet *Sessions* holds it.
fn shown(record: &csv::StringRecord) -> Vec<String> {
    let word = |cell: &str| WORDS.iter().find(|(name, _)| *name == cell).map_or(cell, |(_, word)| word).to_owned();
    let cells = record.iter().enumerate().map(|(column, cell)| match column {
        0 => format!("{cell} 00:00:00"),
        4 | 5 | 8 => cell.trim_end_matches("+01:00").replace('T', " "),
        _ => word(cell.strip_prefix('\'').unwrap_or(cell)),
    });
    cells.collect()
}

fn shown_rows(csv: &str) -> Vec<Vec<String>> {
    csv::Reader::from_reader(csv.as_bytes()).records().map(|record| shown(&record.unwrap())).collect()
}

#[test]
fn the_sheets_of_the_departments_together_are_the_rows_of_the_period_each_once() {
    let lab = night();
    let mut all = shown_rows(&lab.jeton("sessions --format csv --since 2021-12-01 --until 2021-12-31").out);
    all.sort();
    for format in ["ods", "xlsx"] {
        let mut together: Vec<Vec<String>> =
            DEPARTMENTS.iter().flat_map(|(scope, _)| book(&lab, scope, format).sessions().to_vec()).collect();
        together.sort();
        assert_eq!(together, all, "{format}");
        let mut site = book(&lab, "LABO", format).sessions().to_vec();
        site.sort();
        assert_eq!(site, all, "{format}");
    }
}

#[test]
fn the_columns_are_in_the_order_of_the_csv() {
    let lab = night();
    let columns = "Date Jour Utilisateur Poste Début Fin Durée État Début_initial Adresse_IP Indice MAC VLAN Département \
                   Nom_DHCP Commutateur Port Prise";
    let columns: Vec<String> = columns.split(' ').map(|column| column.replace('_', " ")).collect();
    let sheets = ["Synthèse", "Sessions", "Utilisateurs", "Postes", "Semaine", "Par jour", "Anomalies", "Lisez-moi"];
    let site = [
        "Synthèse",
        "Départements",
        "Jetons",
        "Besoin",
        "Jours saturés",
        "Sessions",
        "Utilisateurs",
        "Postes",
        "Semaine",
        "Par jour",
        "Anomalies",
        "Lisez-moi",
    ];
    for format in ["ods", "xlsx"] {
        for (scope, _) in DEPARTMENTS {
            let book = book(&lab, scope, format);
            assert!(book.sheet("Sessions").contains(&columns), "{scope}.{format}");
            assert_eq!(book.sheets.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), sheets);
        }
        let book = book(&lab, "LABO", format);
        assert_eq!(book.sheets.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), site);
    }
}

#[test]
fn both_formats_hold_the_same_cells() {
    let lab = night();
    for scope in ["DPT1", "DPT2", "non-resolus", "LABO"] {
        assert_eq!(book(&lab, scope, "ods").sheets, book(&lab, scope, "xlsx").sheets, "{scope}");
    }
}

/// What a department's workbook must not hold: the people, machines and addresses that only others have.
fn strangers(department: &str) -> BTreeSet<String> {
    let truth = truth();
    let (own, others): (Vec<_>, Vec<_>) = truth.iter().partition(|row| row["department"] == department);
    names_in(others).difference(&names_in(own)).cloned().collect()
}

#[test]
fn nothing_of_another_department_is_in_any_cell_or_anywhere_in_the_file() {
    let lab = night();
    for (scope, department) in DEPARTMENTS {
        let strangers = strangers(department);
        assert!(strangers.len() > 10, "{strangers:?}");
        for format in ["ods", "xlsx"] {
            let book = book(&lab, scope, format);
            for name in &strangers {
                let cell = book.cells().find(|cell| has_word(cell, name));
                assert_eq!(cell, None, "{name} in {scope}.{format}");
            }
            let path = lab.path(REPORTS).join(format!("{scope}-2021-12.{format}"));
            for (part, text) in parts(&path) {
                let found: Vec<&String> = strangers.iter().filter(|name| has_word(&text, name)).collect();
                assert!(found.is_empty(), "{found:?} in {part} of {scope}.{format}");
            }
        }
    }
}

/// The parts of a workbook's archive as text: what no sheet shows is there too.
fn parts(path: &Path) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut parts = BTreeMap::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        parts.insert(part.name().unwrap().into_owned(), String::from_utf8_lossy(&bytes).into_owned());
    }
    parts
}

#[test]
fn a_login_that_looks_like_a_formula_is_text_everywhere() {
    let lab = Lab::new().edit("jeton.toml", |text| text.replace("[\"ods\", \"xlsx\"]", "[\"ods\", \"xlsx\", \"csv\"]"));
    lab.jeton("nightly --no-push").exits(3);
    for format in ["ods", "xlsx"] {
        let book = book(&lab, "DPT2", format);
        let with_login =
            |name: &str| book.sheet(name).iter().filter(|row| row.iter().any(|cell| cell == "=cmd")).count();
        assert_eq!((with_login("Sessions"), with_login("Utilisateurs")), (2, 1), "{format}");
        assert!(book.formulas.iter().all(|formula| formula.contains("SUBTOTAL")), "{:?}", book.formulas);
    }
    let csv = lab.text(&format!("{REPORTS}/DPT2-2021-12.csv"));
    assert_eq!(csv.matches(",'=cmd,").count(), 2, "{csv}");
    assert!(!csv.contains(",=cmd"), "{csv}");
}

#[test]
fn csv_reports_are_the_rows_of_the_departments() {
    let lab = Lab::new().edit("jeton.toml", |text| text.replace("[\"ods\", \"xlsx\"]", "[\"csv\"]"));
    lab.jeton("nightly --no-push").exits(3).says("files: 5\n");
    for (scope, department) in DEPARTMENTS {
        let rows = rows_of(&lab.text(&format!("{REPORTS}/{scope}-2021-12.csv")));
        let expected: Vec<_> = truth().into_iter().filter(|row| row["department"] == department).collect();
        assert_eq!(rows, expected, "{scope}");
    }
    assert_eq!(rows_of(&lab.text(&format!("{REPORTS}/LABO-2021-12.csv"))), truth());
}

/// Whether LibreOffice is to be asked. Its absence is a failure, unless the tester says that he knows.
fn with_libreoffice() -> bool {
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
fn converted(files: &[PathBuf], to: &str) -> BTreeMap<String, PathBuf> {
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
    let lab = night().with_folder("office");
    // Both formats have one name, and what is made of them needs two.
    let files: Vec<PathBuf> = lab
        .workbooks()
        .iter()
        .map(|path| {
            let end = path.extension().unwrap().to_str().unwrap();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let copy = lab.path("office").join(format!("{stem}_{end}.{end}"));
            fs::copy(path, &copy).unwrap();
            copy
        })
        .collect();
    assert_eq!(files.len(), 8);
    pdfs_have_their_title(&converted(&files, "pdf"));
    // The values of every sheet; then the same as they are shown.
    for as_shown in [false, true] {
        let to = format!("csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,{as_shown},false,false,-1");
        let sheets = converted(&files, &to);
        assert_eq!(sheets.len(), 2 * (3 * 8 + 12), "{sheets:?}");
        same_in_both_formats(&sheets);
        sessions_are_in(&sheets, as_shown);
        for path in sheets.values() {
            fs::remove_file(path).unwrap();
        }
    }
}

fn pdfs_have_their_title(pdfs: &BTreeMap<String, PathBuf>) {
    assert_eq!(pdfs.len(), 8, "{pdfs:?}");
    for (name, path) in pdfs {
        let done = Command::new("pdftotext").args(["-layout"]).arg(path).arg("-").output();
        let text = String::from_utf8(done.expect("pdftotext of poppler-utils").stdout).unwrap();
        let scope = match name.split("-2021").next().unwrap() {
            "non-resolus" => "machines sans département connu",
            scope => scope,
        };
        for said in
            [format!("Utilisation d'OriginPro : {scope}"), "décembre 2021, du 1er au 10".into(), "1 lacune".into()]
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
    let is_number = |cell: &str| cell.trim_end_matches(['%', '\u{202f}']).replace(',', ".").parse::<f64>().is_ok();
    let point = |cell: &str| if is_number(cell) { cell.replace(',', ".") } else { cell.to_owned() };
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

#[test]
fn a_report_names_the_anomalies_of_its_period_alone() {
    let lab = Lab::new();
    // The unreadable line is of the 8th.
    lab.jeton("report --period day --date 2021-12-10").exits(3);
    let book = Workbook::read(&lab.path("out/reports/2021-12-10/DPT2-2021-12-10.ods"));
    assert!(!book.cells().any(|cell| cell.contains("logwatch:52")), "{:?}", book.sheet("Anomalies"));
}

#[test]
fn an_over_long_description_and_an_odd_login_break_no_workbook() {
    const DESCRIPTIONS: &str = "replay/Labo-A-1/commands/show_interfaces_description.txt";
    let long = format!("N1A02-03{}", "x".repeat(40_000));
    let odd = |text: &str| text.replace("camille@", "\u{1b}[31m]]>&<\"@");
    let lab = Lab::new()
        .edit(DESCRIPTIONS, |text| text.replace("N1A02-03", &long))
        .edit(crate::support::LOGWATCH, odd)
        .edit(crate::support::DEBUG_LOG, odd);
    lab.jeton("nightly --no-push").exits(3);
    let both = ["ods", "xlsx"].map(|format| book(&lab, "DPT1", format));
    assert_eq!(both[0].sheets, both[1].sheets);
    assert!(both[0].cells().all(|cell| cell.encode_utf16().count() <= 32_767));
    let logins: BTreeSet<&str> = both[0].sessions().iter().map(|row| row[2].as_str()).collect();
    assert!(logins.contains("\u{fffd}[31m]]>&<\""), "{logins:?}");
    assert_eq!(both[0].sessions().len(), 6);
}
