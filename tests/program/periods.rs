//! Periods of workbooks: compared with the one before, written once more when they are over, and then left alone.

use crate::support::workbook::Workbook;
use crate::support::{LOGWATCH, Lab};

fn by_day() -> Lab {
    Lab::new().edit("jeton.toml", |text| text.replace("period = \"month\"", "period = \"day\""))
}

fn book(day: &str, scope: &str) -> String {
    format!("out/reports/{day}/{scope}-{day}.xlsx")
}

/// A later moment of the laboratory: a line that says nothing else.
fn on_the_next_day(lab: Lab) -> Lab {
    lab.append(LOGWATCH, "sam. déc. 11 00:20:00 CET 2021\n0:20:00 (orglab) (@orglab-SLOG@) === Network Info ===\n")
}

#[test]
fn a_period_that_is_over_is_written_once_more_and_then_left_alone() {
    let lab = by_day();
    lab.jeton("nightly --no-push").exits(3).says("files: 19\n");
    // The 10th is not over: it is written again, and the others are not.
    let [over, running] = ["2021-12-09", "2021-12-10"].map(|day| book(day, "DPT2"));
    let lab = lab.with(&over, "as it was").with(&running, "as it was");
    lab.jeton("nightly --no-push --since 2021-12-08")
        .exits(3)
        .says("over, and left as they were written: 2021-12-08, 2021-12-09\n");
    assert_eq!(lab.text(&over), "as it was");
    assert!(Workbook::read(&lab.path(&running)).sessions().len() == 3, "written again");

    // In the next night it is over, and is written for the last time.
    let lab = on_the_next_day(lab).with(&running, "as it was");
    lab.jeton("nightly --no-push --date 2021-12-10").exits(3).says(&running);
    let last = Workbook::read(&lab.path(&running));
    assert_eq!(last.sessions().len(), 3);
    lab.jeton("nightly --no-push --since 2021-12-08 --date 2021-12-10").says("2021-12-08, 2021-12-09, 2021-12-10\n");
    lab.jeton("nightly --no-push --since 2021-12-09 --date 2021-12-09").says("left as they were written: 2021-12-09\n");

    // Whoever asks for it gets it.
    lab.jeton("report --period day --date 2021-12-09 --department DPT2").exits(0).says(&over);
    assert_eq!(Workbook::read(&lab.path(&over)).sessions().len(), 1);
}

#[test]
fn a_workbook_that_could_not_be_written_is_tried_again() {
    let blocked = book("2021-12-08", "DPT1");
    let lab = by_day().with_folder(&blocked);
    lab.jeton("nightly --no-push").exits(3).complains(&format!("gap: {blocked}"));
    let lab = lab.without(&blocked);
    lab.jeton("nightly --no-push").exits(3).says("left as they were written: 2021-12-09\n").says(&blocked);
    assert_eq!(Workbook::read(&lab.path(&blocked)).sessions().len(), 3);
}

/// The key figures of a workbook's first page: name, this period, the one before, the difference.
fn figures(lab: &Lab, path: &str) -> Vec<Vec<String>> {
    let book = Workbook::read(&lab.path(path));
    let page = book.sheet("Synthèse");
    let header = page.iter().position(|row| row[0] == "Chiffres clés").unwrap();
    page[header + 1..].iter().take_while(|row| !row[1].is_empty()).map(|row| row[..4].to_vec()).collect()
}

#[test]
fn figures_stand_beside_those_of_the_period_before() {
    let lab = Lab::new();
    lab.jeton("report --period day --date 2021-12-09").exits(3);
    // The 8th: camille 1:30, hugo 1:15, Éloïse Martin 2:00. The 9th: Éloïse Martin 1:30, camille 0:45, hugo 0:40.
    let shown = figures(&lab, &book("2021-12-09", "DPT1"));
    let row = |name: &str| shown.iter().find(|row| row[0].starts_with(name)).unwrap()[1..].join(" ");
    assert_eq!(row("Heures d’utilisation"), format!("{} {} −39\u{202f}%", 2 * 3600 + 55 * 60, 4 * 3600 + 45 * 60));
    assert_eq!(row("Sessions"), "3 3 =");
    assert_eq!(row("Utilisateurs"), "3 3 =");
    let site = figures(&lab, &book("2021-12-09", "LABO"));
    assert!(site.iter().any(|row| row[0] == "Refus réels" && row[1..] == ["0", "1", "−1"]), "{site:?}");
    assert!(site.iter().any(|row| row[0] == "Refus apparents" && row[1..] == ["0", "1", "−1"]), "{site:?}");

    // Of the 7th nothing is known: the data begin on the 8th.
    lab.jeton("report --period day --date 2021-12-08").exits(3);
    let first = figures(&lab, &book("2021-12-08", "DPT1"));
    assert!(first.iter().all(|row| row[2..] == ["–", "–"]), "{first:?}");
    let page = Workbook::read(&lab.path(&book("2021-12-08", "DPT1")));
    let said = "mardi 7 décembre 2021, inconnue (les données commencent le mercredi 8 décembre 2021)";
    assert!(page.cells().any(|cell| cell.ends_with(said)));
}

#[test]
fn a_department_is_told_what_is_wrong_with_its_machines_and_no_others() {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    let anomalies = |scope: &str| {
        let book = Workbook::read(&lab.path(&format!("out/reports/2021-12/{scope}-2021-12.ods")));
        book.sheet("Anomalies").iter().map(|row| row[1..4].join(" | ")).collect::<Vec<_>>()
    };
    let told = |scope: &str, what: &str| anomalies(scope).iter().any(|row| row.contains(what));
    // PHYS-PC-07 is in the DHCP file of DPT2, and not in Ordinateurs.ods; PORTABLE-4 of DPT2 moved.
    for what in ["machine absente d’Ordinateurs", "machine déplacée"] {
        assert!(told("DPT2", what) && told("LABO", what) && !told("DPT1", what), "{what}: {:?}", anomalies("DPT2"));
    }
    assert!(told("DPT2", "PHYS-PC-07 024c.4200.1217"));
    // The address that nobody declared is of no department.
    assert!(told("non-resolus", "adresse non déclarée") && !told("DPT1", "adresse non déclarée"));
    for scope in ["DPT1", "DPT2", "non-resolus", "LABO"] {
        assert!(told(scope, "source manquante | Labo-B-1"), "{scope}");
        assert!(told(scope, "ligne illisible"), "{scope}");
    }
}

#[test]
fn seats_and_saturation_are_those_of_the_command() {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    let book = Workbook::read(&lab.path("out/reports/2021-12/LABO-2021-12.xlsx"));
    let rows = book.sheet("Jetons");
    let header = rows.iter().position(|row| row[0] == "Date").unwrap();
    let columns = |row: &Vec<String>| [&row[2], &row[4], &row[7], &row[8], &row[9]].map(String::clone);
    assert_eq!(columns(&rows[header]), ["Heure", "Pic", "Temps à la limite", "Refus réels", "Refus apparents"]);
    let shown: Vec<_> = rows[header + 1..].iter().map(|row| (row[0][..10].to_owned(), columns(row))).collect();
    let csv = lab.jeton("seats --format csv").out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let said: Vec<_> = reader
        .records()
        .map(|record| record.unwrap())
        .map(|record| (record[0].to_owned(), [1, 2, 4, 5, 6].map(|column| record[column].to_owned())))
        .collect();
    assert_eq!(shown, said);
    // All three tokens were out on the 8th and the 9th; the 8th saw the true denial.
    let saturated = book.sheet("Jours saturés");
    let days: Vec<_> = saturated.iter().filter(|row| row[0].starts_with("2021-12")).collect();
    assert!(days.iter().any(|row| row[0].starts_with("2021-12-08") && row[2..4] == ["3", "3"] && row[6] == "1"));
    assert!(days.len() < 3, "{days:?}");
    let need = book.sheet("Besoin");
    let three = need.iter().find(|row| row[0] == "3").unwrap();
    let limit: i64 = said.iter().map(|(_, row)| row[2].parse::<i64>().unwrap()).sum();
    assert_eq!(three[1], limit.to_string(), "as long as all three were out");
}
