//! `jeton inventory`: every fault of the two inputs once, where it stands; the workbook.

use spreadsheet_ods::{Sheet, WorkBook, write_ods};

use crate::support::workbook::Workbook;
use crate::support::{Lab, Row, rows_of};

const COLUMNS: &str = "hostname,mac,ip,vlan,department,in_dhcp,in_ods,finding";

/// Writes the rows of Ordinateurs.ods, below its header.
fn with_computers(lab: Lab, rows: &[[&str; 3]]) -> Lab {
    let mut sheet = Sheet::new("Feuille1");
    let header = ["Nom de la machine ", "Adresse Mac", "Sous-réseau"];
    for (row, cells) in (0..).zip([&header].into_iter().chain(rows)) {
        for (column, cell) in (0..).zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            sheet.set_value(row, column, *cell);
        }
    }
    let mut book = WorkBook::new_empty();
    book.push_sheet(sheet);
    write_ods(&mut book, lab.path("Ordinateurs.ods")).unwrap();
    lab
}

/// A laboratory with each fault that there is, once.
fn faulty() -> Lab {
    const DHCP_511: &str = "\
#vlan: 511 (LABO-DPT1-CHIM)
subnet 10.20.11.0 netmask 255.255.255.0 {
host GOOD { hardware ethernet 2:0:0:0:0:1; fixed-address 10.20.11.1; }
host SAME-MAC { hardware ethernet 2:0:0:0:0:1; fixed-address 10.20.11.2; }
host SAME-IP { hardware ethernet 2:0:0:0:0:3; fixed-address 10.20.11.1; }
host OUTSIDE { hardware ethernet 2:0:0:0:0:4; fixed-address 10.20.12.4; }
host VLAN { hardware ethernet 2:0:0:0:0:5; fixed-address 10.20.11.5; }
host UNLISTED { hardware ethernet 2:0:0:0:0:6; fixed-address 10.20.11.6; }
host HYPHENS {
  hardware ethernet 02-00-00-00-00-07;
  fixed-address 10.20.11.7;
}
host RENAMED { hardware ethernet 2:0:0:0:0:8; fixed-address 10.20.11.8; }
host NEW-CARD { hardware ethernet 2:0:0:0:0:9; fixed-address 10.20.11.9; }
host TWICE { hardware ethernet 2:0:0:0:0:a; }
host TWICE { hardware ethernet 2:0:0:0:0:a; fixed-address 10.20.11.10; }
}
include \"gone.conf\";
";
    const DHCP_512: &str = "\
#vlan: 512 (LABO-DPT2-PHYS)
subnet 10.20.12.0 netmask 255.255.255.0 {
host Good { hardware ethernet 2:0:0:0:0:b; fixed-address 10.20.12.11; }
#vlan: 599 (NEUF)
host UNDESCRIBED { hardware ethernet 2:0:0:0:0:c; fixed-address 10.20.12.12; }
}
";
    let lab = Lab::new().with("dhcpd-511.conf", DHCP_511).with("dhcpd-512.conf", DHCP_512);
    with_computers(
        lab,
        &[
            ["GOOD", "02:00:00:00:00:01", "511"],
            ["SAME-IP", "02-00-00-00-00-03", "LABO-DPT1-CHIM"],
            ["OUTSIDE", "0200.0000.0004", "511"],
            ["VLAN", "02:00:00:00:00:05", "LABO-DPT2-PHYS"],
            ["HYPHENS", "02:00:00:00:00:07", "511"],
            ["OLD-NAME", "02:00:00:00:00:08", "511"],
            ["NEW-CARD", "02:00:00:00:00:99", "511"],
            ["TWICE", "02:00:00:00:00:0a", "511"],
            ["Good", "02:00:00:00:00:0b", "512"],
            ["UNDESCRIBED", "02:00:00:00:00:0c", ""],
            ["ODS-ALONE", "02:00:00:00:00:20", "511"],
            ["ODS-ALONE", "02:00:00:00:00:20", "511"],
            ["ODS-OTHER", "02:00:00:00:00:20", "511"],
            ["ODS-BAD", "02:00:00:00:00:zz", "511"],
            ["ODS-BARE", "", "511"],
        ],
    )
}

/// Each machine with what is wrong with it.
const FAULTS: &[(&str, &[&str])] = &[
    ("GOOD", &[]),
    (
        "SAME-MAC",
        &[
            "dhcpd-511.conf:4: MAC address under two names (DHCP) (0200.0000.0001: GOOD (dhcpd-511.conf:3) / SAME-MAC)",
            "dhcpd-511.conf:4: machine not in Ordinateurs (SAME-MAC 0200.0000.0001)",
        ],
    ),
    (
        "SAME-IP",
        &["dhcpd-511.conf:5: IP address under two names (DHCP) (10.20.11.1: GOOD (dhcpd-511.conf:3) / SAME-IP)"],
    ),
    ("OUTSIDE", &["dhcpd-511.conf:6: address outside its subnet (DHCP) (OUTSIDE: 10.20.12.4 / 10.20.11.0/24)"]),
    ("VLAN", &["dhcpd-511.conf:7: VLANs differ between sources (VLAN: 511 / 512 (Feuille1!B5))"]),
    ("UNLISTED", &["dhcpd-511.conf:8: machine not in Ordinateurs (UNLISTED 0200.0000.0006)"]),
    ("HYPHENS", &["dhcpd-511.conf:10: MAC address that cannot be used (DHCP) (02-00-00-00-00-07)"]),
    ("RENAMED", &["dhcpd-511.conf:13: names differ between sources (RENAMED / OLD-NAME (Feuille1!B7))"]),
    (
        "NEW-CARD",
        &[
            "dhcpd-511.conf:14: MAC addresses differ between sources (NEW-CARD: 0200.0000.0009 / 0200.0000.0099 (Feuille1!B8))",
        ],
    ),
    ("TWICE", &["dhcpd-511.conf:16: machine declared twice (DHCP) (TWICE (dhcpd-511.conf:15))"]),
    (
        "Good",
        &[
            "dhcpd-512.conf:3: name given to two machines (DHCP) (Good: 0200.0000.0001 / 0200.0000.000b)",
            "Ordinateurs.ods:Feuille1!A10: duplicate name (Ordinateurs) (GOOD (Feuille1!2): 0200.0000.0001 / Good (Feuille1!10) 0200.0000.000b)",
        ],
    ),
    ("UNDESCRIBED", &["dhcpd-512.conf:5: unknown VLAN (599)"]),
    (
        "ODS-ALONE",
        &[
            "Ordinateurs.ods:Feuille1!B13: repeated row (Ordinateurs) (0200.0000.0020: ODS-ALONE (Feuille1!12) / ODS-ALONE (Feuille1!13))",
            "Ordinateurs.ods:Feuille1!B12: machine not in the DHCP files (ODS-ALONE 0200.0000.0020)",
        ],
    ),
    (
        "ODS-OTHER",
        &[
            "Ordinateurs.ods:Feuille1!B14: duplicate MAC address (Ordinateurs) (0200.0000.0020: ODS-ALONE (Feuille1!12) / ODS-OTHER (Feuille1!14))",
            "Ordinateurs.ods:Feuille1!B14: machine not in the DHCP files (ODS-OTHER 0200.0000.0020)",
        ],
    ),
    (
        "ODS-BAD",
        &[
            "Ordinateurs.ods:Feuille1!B15: unreadable MAC address (Ordinateurs) (02:00:00:00:00:zz)",
            "Ordinateurs.ods:Feuille1!B15: machine not in the DHCP files (ODS-BAD -)",
        ],
    ),
    (
        "ODS-BARE",
        &[
            "Ordinateurs.ods:Feuille1!16: incomplete row (Ordinateurs) (ODS-BARE 511)",
            "Ordinateurs.ods:Feuille1!A16: machine not in the DHCP files (ODS-BARE -)",
        ],
    ),
];

#[test]
fn every_fault_is_named_once_at_its_place() {
    let ran = faulty().jeton("inventory --format csv").exits(0).complains("included file could not be read");
    let ran = ran.complains(" --> dhcpd-511.conf:18\n");
    assert_eq!(ran.out.lines().next(), Some(COLUMNS));
    let found: Vec<(String, String)> =
        rows_of(&ran.out).into_iter().map(|row| (row["hostname"].clone(), row["finding"].clone())).collect();
    let expected: Vec<_> = FAULTS.iter().map(|(name, faults)| ((*name).to_owned(), faults.join("; "))).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_machine_has_one_row_with_what_both_inputs_know() {
    let lab = with_computers(
        Lab::new()
            .with("dhcpd-511.conf", "#vlan: 511 (X)\nhost LAPTOP { hardware ethernet 2:0:0:0:0:1; fixed-address 10.20.11.1; }")
            .with("dhcpd-512.conf", "#vlan: 512 (X)\nhost LAPTOP { hardware ethernet 2:0:0:0:0:1; fixed-address 10.20.12.1; }\nhost NAME { fixed-address 10.20.12.2; }"),
        &[["laptop.univ.example", "02:00:00:00:00:01", "512"], ["Name", "", "512"], ["TWO", "02:00:00:00:00:02 / 02:00:00:00:00:03", ""]],
    );
    let rows: Vec<Vec<String>> = rows_of(&lab.jeton("inventory --format csv").exits(0).out)
        .iter()
        .map(|row: &Row| COLUMNS.split(',').take(7).map(|column| row[column].clone()).collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["LAPTOP", "0200.0000.0001", "10.20.11.1, 10.20.12.1", "511", "DPT1", "true", "true"],
            ["NAME", "", "10.20.12.2", "512", "DPT2", "true", "true"],
            ["TWO", "0200.0000.0002", "", "", "", "false", "true"],
            ["TWO", "0200.0000.0003", "", "", "", "false", "true"],
        ]
    );
}

#[test]
fn the_workbook_says_it_in_the_sites_language_in_both_formats() {
    let lab = faulty();
    for file in ["new/inventaire.xlsx", "new/inventaire.ods"] {
        lab.jeton(&format!("inventory -o {file}")).exits(0).says_only(&format!("{file}\n"));
    }
    let [xlsx, ods] = ["xlsx", "ods"].map(|end| Workbook::read(&lab.path(&format!("new/inventaire.{end}"))));
    assert_eq!(xlsx, ods);
    let rows = xlsx.sheet("Inventaire");
    let header = rows.iter().position(|row| row[0] == "MAC").expect("the sheet has a header");
    let expected =
        ["MAC", "Adresse IP", "Nom d’hôte", "Département", "VLAN", "Fichiers DHCP", "Ordinateurs", "Constats"];
    assert_eq!(rows[header], expected);
    let machines = &rows[header + 1..];
    assert_eq!(machines.len(), FAULTS.len());
    assert_eq!(machines[0], ["0200.0000.0001", "10.20.11.1", "GOOD", "DPT1", "511", "oui", "oui", ""]);
    assert_eq!(
        machines[5][5..],
        ["oui", "non", "dhcpd-511.conf:8: machine absente d’Ordinateurs (UNLISTED 0200.0000.0006)"]
    );
    assert!(xlsx.sheet("Anomalies").iter().flatten().any(|cell| cell == "dhcpd-511.conf:18"), "{:?}", xlsx.sheets);
    assert_eq!(lab.modes("new"), [["640".to_owned()].into(), ["750".to_owned()].into()]);
}

#[test]
fn a_workbook_and_rows_can_be_had_at_once() {
    let lab = Lab::new();
    let rows = lab.jeton("inventory --format json").exits(0).out;
    lab.jeton("inventory -o i.ods --format json").exits(0).says_only(&rows);
    assert!(lab.path("i.ods").is_file());
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&rows).unwrap()[0]["in_dhcp"], true);
}

#[test]
fn an_inventory_asks_no_host_and_needs_its_inputs() {
    let lab = Lab::new().without("replay").edit("jeton.toml", |text| text.replace("[remote]\nreplay = \"replay\"", ""));
    lab.jeton("inventory").exits(0).says("LABO-PC-01");
    for file in ["i.csv", "i", "i.ods.bak"] {
        lab.jeton(&format!("inventory -o {file}"))
            .exits(2)
            .errors(1)
            .complains("ends in `.ods` or `.xlsx`")
            .says_only("");
        assert!(!lab.path(file).exists());
    }
    let lab = lab.with("Ordinateurs.ods", "no spreadsheet").with("i.ods", "as it was");
    lab.jeton("inventory -o i.ods").exits(1).errors(1).complains("cannot read").says_only("");
    assert_eq!(lab.text("i.ods"), "as it was");
    Lab::new().with("dhcpd-511.conf", "%PDF-1.7").jeton("inventory").exits(1).errors(1).complains("a PDF document");
}
