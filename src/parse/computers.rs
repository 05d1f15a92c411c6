//! Ordinateurs.ods, the DHCP authorisation table: the first sheet, a machine per row.
//!
//! | Nom de la machine | Adresse Mac | Sous-réseau | Utilisateur | Commentaires |
//! | --- | --- | --- | --- | --- |
//! | BBBAACCC | 90:b1:1c:a3:35:75 | ICGM-DPT4-CMNME | M. Martin | salle 12 |
//!
//! Columns are found by their header, accents, case and spaces folded, in any of the first rows; without one they are, from
//! the left: name, MAC, VLAN, and information in all that follow. Ignored: blank rows, columns with other headers, and
//! formats: the sheet comes as plain text, decoded at the edge by [`crate::network::read_sheet`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::finding::{Finding, Kind, Parsed, Place, excerpt};
use crate::model::{MacAddr, Vlan, folded};

/// A sheet as plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The file, as findings name it.
    pub source: Arc<str>,
    /// The sheet's name.
    pub name: Arc<str>,
    /// The row and the column of the first cell in `rows`, from 0 (`A1` is `(0, 0)`).
    pub start: (u32, u32),
    /// The cells by row, numbers without a needless `.0`.
    pub rows: Vec<Vec<String>>,
}

/// A machine of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computer {
    /// Its name; `None` where the row has only a MAC.
    pub name: Option<String>,
    /// Its MAC.
    pub mac: Option<MacAddr>,
    /// Its VLAN.
    pub vlan: Option<VlanRef>,
    /// User and comments.
    pub information: Option<String>,
    /// The row in the sheet, from 1.
    pub row: u32,
    /// The cell of its MAC; where there is none, that of its name.
    pub place: Place,
    /// The rows further down that only repeat it.
    pub repeats: Vec<u32>,
}

/// A VLAN as the table writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VlanRef {
    /// By its number.
    Number(Vlan),
    /// By its name, `ICGM-DPT4-CMNME`.
    Name(String),
}

impl std::fmt::Display for VlanRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(vlan) => vlan.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// How many rows a header is looked for in.
const HEADER_ROWS: usize = 10;

/// Reads the sheet. A row with several MAC addresses in its cell gives a computer for each.
pub fn parse(sheet: &Sheet) -> Parsed<Vec<Computer>> {
    let (columns, first) = columns(&sheet.rows);
    let mut reader = Reader { sheet, columns, computers: Vec::new(), findings: Vec::new() };
    for (index, cells) in sheet.rows.iter().enumerate().skip(first) {
        reader.row(index, cells);
    }
    reader.doubles();
    Parsed { items: reader.computers, findings: reader.findings }
}

/// Which column holds what, by its index in a row.
#[derive(Debug, Default, PartialEq, Eq)]
struct Columns {
    name: Option<usize>,
    mac: Option<usize>,
    vlan: Option<usize>,
    information: Vec<usize>,
}

/// What a header's cell announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heading {
    Name,
    Mac,
    Vlan,
    Information,
}

impl Heading {
    fn of(cell: &str) -> Option<Self> {
        let folded = folded(cell);
        let has = |stems: &[&str]| {
            folded
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| stems.iter().any(|stem| word == *stem || (stem.len() > 4 && word.starts_with(stem))))
        };
        // In this order: « nom de l'utilisateur » is no machine's name, « nom du sous-réseau » neither.
        if has(&["utilisateur", "user", "comment", "remarque", "information", "info", "description", "notes"]) {
            Some(Self::Information)
        } else if has(&["mac"]) {
            Some(Self::Mac)
        } else if has(&["vlan", "vlans", "reseau", "subnet", "network"]) {
            Some(Self::Vlan)
        } else if has(&["machine", "hostname", "host", "ordinateur", "computer", "nom", "name", "poste"]) {
            Some(Self::Name)
        } else {
            None
        }
    }
}

/// The columns, and the index of the first row of data.
fn columns(rows: &[Vec<String>]) -> (Columns, usize) {
    for (index, row) in rows.iter().enumerate().take(HEADER_ROWS) {
        // A row of data can speak of a MAC or a machine in its comments, but it holds an address as well.
        if row.iter().any(|cell| cell.parse::<MacAddr>().is_ok()) {
            break;
        }
        let mut columns = Columns::default();
        for (column, cell) in row.iter().enumerate() {
            match Heading::of(cell) {
                Some(Heading::Name) if columns.name.is_none() => columns.name = Some(column),
                Some(Heading::Mac) if columns.mac.is_none() => columns.mac = Some(column),
                Some(Heading::Vlan) if columns.vlan.is_none() => columns.vlan = Some(column),
                Some(Heading::Information) => columns.information.push(column),
                _ => {}
            }
        }
        if columns.mac.is_some() && (columns.name.is_some() || columns.vlan.is_some()) {
            return (columns, index + 1);
        }
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    (Columns { name: Some(0), mac: Some(1), vlan: Some(2), information: (3..width).collect() }, 0)
}

struct Reader<'a> {
    sheet: &'a Sheet,
    columns: Columns,
    computers: Vec<Computer>,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn row(&mut self, index: usize, cells: &[String]) {
        let cell = |column: Option<usize>| column.and_then(|c| cells.get(c)).map_or("", |cell| cell.trim());
        let (name, mac, vlan) = (cell(self.columns.name), cell(self.columns.mac), cell(self.columns.vlan));
        if name.is_empty() && mac.is_empty() {
            // Blank, a title over merged cells, or a VLAN carried down an empty part of the table: no machine.
            return;
        }
        if name.is_empty() || mac.is_empty() {
            let present = [name, mac, vlan].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
            self.findings.push(Finding::new(Kind::ComputerIncomplete, self.place(index, None), excerpt(&present)));
        }
        let macs = macs(mac);
        if macs.is_none() {
            self.findings.push(Finding::new(Kind::ComputerMac, self.place(index, self.columns.mac), excerpt(mac)));
        }
        let information: Vec<&str> =
            self.columns.information.iter().map(|&c| cell(Some(c))).filter(|text| !text.is_empty()).collect();
        let computer = Computer {
            name: some(name),
            mac: None,
            vlan: some(vlan).map(vlan_ref),
            information: some(&information.join(", ")),
            row: self.number(index),
            place: self.place(index, if mac.is_empty() { self.columns.name } else { self.columns.mac }),
            repeats: Vec::new(),
        };
        match macs {
            Some(macs) if !macs.is_empty() => {
                self.computers.extend(macs.into_iter().map(|mac| Computer { mac: Some(mac), ..computer.clone() }));
            }
            _ => self.computers.push(computer),
        }
    }

    /// Names what is there twice, and drops rows that only repeat another.
    fn doubles(&mut self) {
        let mut by_mac: HashMap<MacAddr, usize> = HashMap::new();
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        let mut kept: Vec<Computer> = Vec::with_capacity(self.computers.len());
        for computer in std::mem::take(&mut self.computers) {
            let index = computer.row.saturating_sub(self.sheet.start.0).saturating_sub(1) as usize;
            let name = computer.name.as_deref().map(folded);
            let known = computer.mac.and_then(|mac| by_mac.get(&mac)).copied();
            if let (Some(at), Some(mac)) = (known, computer.mac) {
                let above = &kept[at];
                let is_same = above.name.as_deref().map(folded) == name && above.vlan == computer.vlan;
                let kind = if is_same { Kind::ComputerRepeated } else { Kind::ComputerDuplicateMac };
                let detail = format!("{mac}: {} / {}", self.shown(above), self.shown(&computer));
                self.findings.push(Finding::new(kind, self.place(index, self.columns.mac), detail));
                if is_same {
                    kept[at].repeats.push(computer.row);
                    continue;
                }
            } else if let Some(above) = name.as_ref().and_then(|name| by_name.get(name)).map(|&at| &kept[at])
                && above.row != computer.row
            {
                let mac = |c: &Computer| c.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string());
                let detail =
                    format!("{}: {} / {} {}", self.shown(above), mac(above), self.shown(&computer), mac(&computer));
                let place = self.place(index, self.columns.name);
                self.findings.push(Finding::new(Kind::ComputerDuplicateName, place, detail));
            }
            if let Some(mac) = computer.mac {
                by_mac.entry(mac).or_insert(kept.len());
            }
            if let Some(name) = name {
                by_name.entry(name).or_insert(kept.len());
            }
            kept.push(computer);
        }
        self.computers = kept;
    }

    /// A computer in a finding: its name and its row.
    fn shown(&self, computer: &Computer) -> String {
        format!("{} ({}!{})", computer.name.as_deref().unwrap_or("-"), self.sheet.name, computer.row)
    }

    fn number(&self, index: usize) -> u32 {
        u32::try_from(index).unwrap_or(u32::MAX).saturating_add(self.sheet.start.0).saturating_add(1)
    }

    /// A cell, or a whole row.
    fn place(&self, index: usize, column: Option<usize>) -> Place {
        let letters = column.map(|c| letters(c + self.sheet.start.1 as usize)).unwrap_or_default();
        let cell = format!("{letters}{}", self.number(index));
        Place::Cell { source: Arc::clone(&self.sheet.source), sheet: Arc::clone(&self.sheet.name), cell }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The addresses in a cell, none where it is empty; `None` where something in it is no address.
fn macs(cell: &str) -> Option<Vec<MacAddr>> {
    if cell.is_empty() {
        return Some(Vec::new());
    }
    if let Ok(mac) = cell.parse() {
        return Some(vec![mac]);
    }
    let parts = cell.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '/')).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().ok()).collect::<Option<Vec<_>>>().filter(|macs| !macs.is_empty())
}

/// `513`, `vlan 513` or a name.
fn vlan_ref(text: String) -> VlanRef {
    let folded = folded(&text);
    let number = folded.strip_prefix("vlan").unwrap_or(&folded).trim_start_matches([' ', ':']);
    number.parse().map_or(VlanRef::Name(text), VlanRef::Number)
}

/// A column's letters: 0 is `A`, 26 is `AA`.
fn letters(mut column: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'A' + u8::try_from(column % 26).unwrap_or(0)));
        if column < 26 {
            break;
        }
        column = column / 26 - 1;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: [&str; 5] = ["Nom de la machine ", "Adresse Mac", "Sous-réseau", "Utilisateur", "Commentaires"];

    fn sheet(rows: &[&[&str]]) -> Sheet {
        let rows = rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        Sheet { source: "Ordinateurs.ods".into(), name: "Feuille1".into(), start: (0, 0), rows }
    }

    fn shown(computer: &Computer) -> String {
        format!(
            "{} {} {} [{}] {}",
            computer.name.as_deref().unwrap_or("-"),
            computer.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string()),
            computer.vlan.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            computer.information.as_deref().unwrap_or("-"),
            computer.row
        )
    }

    fn read(rows: &[&[&str]]) -> (Vec<String>, Vec<(Kind, String)>) {
        let parsed = parse(&sheet(rows));
        let findings = parsed.findings.iter().map(|f| (f.kind, f.place.to_string())).collect();
        (parsed.items.iter().map(shown).collect(), findings)
    }

    #[test]
    fn columns_are_found_by_their_headers_wherever_they_are() {
        let expected = ["ALPHA 0200.5e00.0001 ICGM-DPT4-CMNME [A. Martin, salle 12]"];
        for (what, rows) in [
            (
                "the laboratory's",
                vec![HEADER.to_vec(), vec!["ALPHA", " 02:00:5E:00:00:01", "ICGM-DPT4-CMNME", "A. Martin", "salle 12"]],
            ),
            (
                "below a title",
                vec![
                    vec!["Ordinateurs autorisés"],
                    vec![],
                    HEADER.to_vec(),
                    vec!["ALPHA", "02-00-5e-00-00-01", "ICGM-DPT4-CMNME", "A. Martin", "salle 12"],
                ],
            ),
            (
                "in another order",
                vec![
                    vec!["VLAN", "Nom", "ADRESSE  MAC", "Nom de l'utilisateur", "Remarques"],
                    vec!["ICGM-DPT4-CMNME", "ALPHA", "0200.5e00.0001", "A. Martin", "salle 12"],
                ],
            ),
            (
                "in English",
                vec![
                    vec!["Hostname", "MAC address", "Subnet", "User", "Comments"],
                    vec!["ALPHA", "02005e000001", "ICGM-DPT4-CMNME", "A. Martin", "salle 12"],
                ],
            ),
            ("none", vec![vec!["ALPHA", "02:00:5e:00:00:01", "ICGM-DPT4-CMNME", "A. Martin", "salle 12"]]),
        ] {
            let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
            let (computers, findings) = read(&rows);
            let without_row: Vec<_> = computers.iter().map(|c| c.rsplit_once(' ').unwrap().0).collect();
            assert_eq!(without_row, expected, "{what}");
            assert_eq!(findings, [], "{what}");
        }
    }

    #[test]
    fn a_row_without_a_header_that_speaks_of_macs_is_no_header() {
        let (computers, _) = read(&[&["machine-3", "02:00:5e:00:00:01", "513", "nouvelle carte mac"]]);
        assert_eq!(computers, ["machine-3 0200.5e00.0001 513 [nouvelle carte mac] 1"]);
    }

    #[test]
    fn blank_and_half_filled_rows_cost_nothing_else() {
        let (computers, findings) = read(&[
            &HEADER,
            &["", "", "", "", ""],
            &["", "", "ICGM-DPT4-CMNME", "", ""],
            &["ALPHA", "", "513", "", ""],
            &["", "02:00:5e:00:00:02", "vlan 513", "", "stock"],
            &["GAMMA", "02:00:5e:00:00:zz"],
            &["DELTA", "02:00:5e:00:00:04 / 02-00-5e-00-00-05", "9999"],
        ]);
        assert_eq!(
            computers,
            [
                "ALPHA - 513 [-] 4",
                "- 0200.5e00.0002 513 [stock] 5",
                "GAMMA - - [-] 6",
                "DELTA 0200.5e00.0004 9999 [-] 7",
                "DELTA 0200.5e00.0005 9999 [-] 7",
            ]
        );
        let place = |cell| format!("Ordinateurs.ods:Feuille1!{cell}");
        assert_eq!(
            findings,
            [
                (Kind::ComputerIncomplete, place("4")),
                (Kind::ComputerIncomplete, place("5")),
                (Kind::ComputerMac, place("B6")),
            ]
        );
    }

    #[test]
    fn doubles_are_named_at_the_second_and_repeats_dropped() {
        let rows: &[&[&str]] = &[
            &HEADER,
            &["ALPHA", "02:00:5e:00:00:01", "513"],
            &["Alpha ", "0200.5e00.0001", "513"],
            &["BETA", "02:00:5e:00:00:01", "513"],
            &["alpha", "02:00:5e:00:00:03", "514"],
        ];
        let (computers, findings) = read(rows);
        assert_eq!(computers.len(), 3);
        let place = |cell| format!("Ordinateurs.ods:Feuille1!{cell}");
        assert_eq!(
            findings,
            [
                (Kind::ComputerRepeated, place("B3")),
                (Kind::ComputerDuplicateMac, place("B4")),
                (Kind::ComputerDuplicateName, place("A5")),
            ]
        );
        assert_eq!(parse(&sheet(rows)).findings[1].detail, "0200.5e00.0001: ALPHA (Feuille1!2) / BETA (Feuille1!4)");
    }

    #[test]
    fn cells_are_named_as_the_spreadsheet_names_them() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(column), name);
        }
        let moved = Sheet { start: (9, 2), ..sheet(&[&["ALPHA", "nothing", "513"]]) };
        assert_eq!(parse(&moved).findings[0].place.to_string(), "Ordinateurs.ods:Feuille1!D10");
    }

    proptest! {
        #[test]
        fn never_panics_on_any_cells(rows in proptest::collection::vec(proptest::collection::vec(
            prop_oneof![".{0,12}", "0[0-2]:00:5e:00:00:0[1-2]", "mac", "Nom"], 0..6), 0..12), start in (0u32..2_000_000, 0u32..20_000)) {
            parse(&Sheet { source: "x".into(), name: "y".into(), start, rows });
        }
    }
}
