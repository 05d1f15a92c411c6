//! The workbooks: whose rows are in which, read again by calamine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

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
    // A workbook is of one licence and its feature.
    let shown = |record: csv::StringRecord| shown(&record.iter().take(18).collect());
    csv::Reader::from_reader(csv.as_bytes()).records().map(|record| shown(record.unwrap())).collect()
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
    let sheets = [
        "Synthèse",
        "Sessions",
        "Utilisateurs",
        "Postes",
        "Semaine",
        "Par jour",
        "Refus",
        "À libérer",
        "Inutilisés",
        "Anomalies",
        "Lisez-moi",
    ];
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
        "Refus",
        "À libérer",
        "Inutilisés",
        "Tendance",
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

#[test]
fn who_has_not_used_anything_for_months_is_named_once() {
    let line = |who: &str, day: &str| {
        format!("{{'ip': '10.20.11.77', 'origin_name': '{who}', 'connexion time': '30.0 min', 'date': '{day}'}}\n")
    };
    // Somebody who left, somebody who is there again, somebody who has been away for weeks only, and somebody of long ago.
    let old = [
        line("parti@VIEUX-PC", "2021-05-03"),
        line("parti@VIEUX-PC", "2021-06-01"),
        line("camille@LABO-PC-01", "2021-06-01"),
        line("absente@PC-2", "2021-11-02"),
        line("jadis@PC-3", "2018-03-01"),
    ];
    let lab = Lab::complete().with("old", old.concat());
    lab.jeton("history import old").exits(0);
    lab.jeton("nightly --no-push").exits(0);
    let site = book(&lab, "LABO", "xlsx");
    let rows: Vec<&Vec<String>> = site.sheet("Inutilisés").iter().filter(|row| row[1].contains("PC")).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (rows[0][0].as_str(), rows[0][1].as_str(), rows[0][5].as_str()),
        ("parti", "VIEUX-PC", "192"),
        "{rows:?}"
    );
}
