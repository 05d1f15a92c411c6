//! The description of the workbooks: a site's own copy, and one that is wrong.

use crate::support::workbook::Workbook;
use crate::support::{Lab, REPORTS};

/// The laboratory with its own copy of the description, changed.
fn lab(change: impl FnOnce(&str) -> String) -> Lab {
    let lab = Lab::new();
    lab.jeton("init --template").exits(0).says("wrote report.toml").says("`template = \"report.toml\"`");
    let named = |text: &str| text.replace("[report]\n", "[report]\ntemplate = \"report.toml\"\n");
    lab.edit("report.toml", change).edit("jeton.toml", named)
}

fn of_dpt1(lab: &Lab, format: &str) -> Workbook {
    Workbook::read(&lab.path(REPORTS).join(format!("DPT1-2021-12.{format}")))
}

#[test]
fn a_copy_that_is_not_changed_changes_nothing() {
    let (plain, own) = (Lab::new(), lab(str::to_owned));
    plain.jeton("nightly --no-push").exits(3);
    own.jeton("nightly --no-push").exits(3);
    for format in ["ods", "xlsx"] {
        assert_eq!(of_dpt1(&plain, format), of_dpt1(&own, format));
    }
    own.jeton("init --template").exits(2).complains("`report.toml` is already there");
}

#[test]
fn a_site_chooses_sheets_columns_titles_words_and_colours() {
    let lab = lab(|text| {
        let (before, people) = text.split_once("[[sheets]]\nholds = \"users\"").unwrap();
        let (_, after) = people.split_once("[[sheets]]\n").unwrap();
        let people = "[[sheets]]\nholds = \"users\"\ntitle = \"Personnes\"\ncolumns = [\n  { name = \"hours\", type = \
                      \"duration\", title = \"Durée totale\", width = 20 },\n  { name = \"login\" },\n]\n\n[[sheets]]\n";
        format!("{before}{people}{after}")
            .replace("# [texts]\n", "[texts]\n\"column.outlet\" = \"Prise murale\"\n")
            .replace("  { name = \"mac\", type = \"text\", width = 17 },\n", "")
            .replace("#0072B2", "#884422")
    });
    lab.jeton("nightly --no-push").exits(3);
    for format in ["ods", "xlsx"] {
        let book = of_dpt1(&lab, format);
        let people = book.sheet("Personnes");
        assert!(people.iter().any(|row| row[..2] == ["Durée totale", "Utilisateur"]), "{people:?}");
        assert!(people.iter().any(|row| row[..2] == ["12600", "Éloïse Martin"]), "{people:?}");
        let header = book.sheet("Sessions").iter().find(|row| row[0] == "Date").unwrap();
        assert!(header.contains(&"Prise murale".to_owned()) && !header.contains(&"MAC".to_owned()), "{header:?}");
        assert!(book.sheet("Synthèse").concat().contains(&"→ Personnes".to_owned()));
        assert!(book.sheet("Lisez-moi").concat().contains(&"Durée totale".to_owned()));
    }
    // The colour is in the file.
    let mut archive =
        zip::ZipArchive::new(fs_err::File::open(lab.path(REPORTS).join("DPT1-2021-12.xlsx")).unwrap()).unwrap();
    let styles = std::io::read_to_string(archive.by_name("xl/styles.xml").unwrap()).unwrap();
    assert!(styles.contains("884422") && !styles.contains("0072B2"));
}

#[test]
fn a_wrong_description_is_refused_with_every_fault_and_its_line_before_any_work() {
    let lab = lab(|text| {
        text.replacen("name = \"outlet\"", "name = \"prise\"", 1)
            .replacen("holds = \"machines\"", "holds = \"postes\"", 1)
            .replacen("#0072B2", "blau", 1)
    });
    let text = lab.text("report.toml");
    let at = |found: &str| 1 + text[..text.find(found).unwrap()].matches('\n').count();
    for command in ["nightly --no-push", "report"] {
        let ran = lab.jeton(command).exits(2).errors(3).complains("3 faults in `report.toml`; nothing was done");
        let ran = ran.complains(&format!("error: unknown column `prise`\n --> report.toml:{}:", at("\"prise\"")));
        let ran = ran.complains("known here: `date`, `weekday`, `login`");
        let ran = ran.complains(&format!(" --> report.toml:{}:", at("\"postes\"")));
        ran.complains("error: expected a colour such as `#0072B2`, found `blau`\n --> report.toml:");
    }
    // What is wrong with jeton.toml is told beside it.
    let lab = lab.edit("jeton.toml", |text| text.replace("seats = 3", "seats = 0"));
    lab.jeton("report").exits(2).errors(4).complains(" --> jeton.toml:").complains("3 faults in `report.toml`");
    assert!(!lab.path("out").exists(), "nothing was done");
}

#[test]
fn what_is_no_description_is_one_error() {
    for (text, said) in [
        ("\n", "missing section `[[sheets]]`"),
        ("[[", "this is not TOML"),
        ("sheets = 1", "expected an array of tables"),
    ] {
        let lab = lab(|_| text.to_owned());
        lab.jeton("report").exits(2).complains(said).complains(" --> report.toml");
    }
    let lab = lab(str::to_owned).without("report.toml");
    lab.jeton("report").exits(2).complains("no such file: `report.toml`").complains(" --> jeton.toml:");
}
