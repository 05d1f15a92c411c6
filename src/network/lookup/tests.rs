use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::network::resolve::tests::{Lab, mac, shown};

/// Each answer as a line: address, machine, sources, remark.
fn told(lab: &Lab, text: &str) -> Vec<String> {
    let directory = lab.directory();
    let question = Question::new(text, &directory).unwrap();
    let lookup = look_up(&lab.config, &directory, lab, &[question], &|_| {});
    lookup.answers.iter().flatten().map(line).collect()
}

fn line(answer: &Answer) -> String {
    let ip = answer.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let sources: Vec<&str> = answer.sources.iter().map(|source| source.name()).collect();
    let mut line = format!("{ip} {} {}", shown(&answer.machine), sources.join("+"));
    if let Some(remark) = answer.remark {
        write!(line, " {remark:?}").unwrap();
    }
    line
}

/// Machine 1 with its lease behind an outlet.
fn lab() -> Lab {
    let lab = Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).lease("Sw-1", 1, 1, "Gi1/0/36", 0);
    lab.seen("Sw-1", "Gi1/0/36", &[1]).described("Sw-1", "Gi1/0/36", "N1E14-07, vlan 513")
}

#[test]
fn one_machine_is_found_by_its_address_its_mac_its_name_and_its_outlet() {
    let row = "10.0.0.1 pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/36 N1E14-07 dhcp+computers+snooping";
    for text in [
        "10.0.0.1",
        " ::ffff:10.0.0.1 ",
        "02:00:00:00:00:01",
        "2-0-0-0-0-1",
        "0200.0000.0001",
        "020000000001",
        "pc1",
        "PC1",
        "Pc1.lab.example",
        "N1E14-07",
        "n1e14-07",
    ] {
        assert_eq!(told(&lab(), text), [row], "{text}");
    }
}

#[test]
fn each_switch_is_asked_once_whatever_the_questions() {
    let lab = lab();
    let directory = lab.directory();
    let ask = |texts: &[&str]| {
        lab.asked.lock().unwrap().clear();
        let questions: Vec<_> = texts.iter().map(|text| Question::new(text, &directory).unwrap()).collect();
        let lookup = look_up(&lab.config, &directory, &lab, &questions, &|_| {});
        assert_eq!(lookup.answers.len(), texts.len());
        let mut asked = lab.asked.lock().unwrap().clone();
        asked.sort();
        asked
    };
    let of = |switch: &str| {
        let asked = ["cdp neighbors detail", "interfaces description", "lldp neighbors detail", "mac address-table"];
        asked.map(|what| format!("{switch}: show {what}"))
    };
    assert_eq!(ask(&["10.0.0.1", "pc1"]), of("Sw-1"), "the lease tells which");
    assert_eq!(ask(&["10.0.0.77", "10.0.0.200"]), [""; 0], "nothing to look for");
    assert_eq!(ask(&["10.0.0.1", "N1E14-07", "nowhere", "0200.0000.0099"]), [of("Sw-1"), of("Sw-2")].concat());
}

#[test]
fn an_outlet_with_two_machines_gives_both_and_says_so() {
    // A phone, which nobody declared, and the PC behind it.
    let lab = lab().seen("Sw-1", "Gi1/0/36", &[9]);
    assert_eq!(
        told(&lab, "N1E14-07"),
        [
            "10.0.0.1 pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/36 N1E14-07 dhcp+computers+snooping Together(2)",
            "- - 0200.0000.0009 513 DPT4 Sw-1 Gi1/0/36 N1E14-07 mac-table Together(2)",
        ]
    );
    assert_eq!(told(&lab, &mac(9)), ["- - 0200.0000.0009 513 DPT4 Sw-1 Gi1/0/36 N1E14-07 mac-table"]);
}

#[test]
fn an_outlet_behind_which_no_machine_is_says_why() {
    let lab = lab().described("Sw-1", "Gi1/0/1", "N1A01-01").described("Sw-2", "Gi1/0/2", "RJ2A02-02");
    assert_eq!(told(&lab, "N1A01-01"), ["- - - - - Sw-1 Gi1/0/1 N1A01-01  Vacant"]);
    let uplink = lab.seen("Sw-2", "Gi1/0/2", &[1, 2, 3, 4, 5]);
    assert_eq!(told(&uplink, "RJ2A02-02"), ["- - - - - Sw-2 Gi1/0/2 RJ2A02-02  Passing(5)"]);
    assert_eq!(told(&uplink, "N9Z99-99"), ["- - - - - - - N9Z99-99  Unknown"]);
}

#[test]
fn a_machine_that_is_off_is_behind_the_outlet_of_its_last_lease() {
    let lab = Lab::new(&["Sw-1"]).machines(&[1]).lease("Sw-1", 1, 1, "Gi1/0/36", 0);
    let lab = lab.described("Sw-1", "Gi1/0/36", "N1E14-07");
    assert_eq!(told(&lab, "N1E14-07").len(), 1);
    // It has moved since.
    let lab = lab.lease("Sw-1", 1, 1, "Gi1/0/2", 4000);
    assert_eq!(told(&lab, "N1E14-07"), ["- - - - - Sw-1 Gi1/0/36 N1E14-07  Vacant"]);
}

#[test]
fn a_mac_has_a_row_for_each_of_its_addresses_but_none_that_another_has_now() {
    let mut lab = Lab::new(&["Sw-1"]).machines(&[1, 3]);
    // Machine 2 is declared without an address, and has leased two: its own, and one that is declared for machine 3.
    lab.dhcp += "host pc2 { hardware ethernet 2:0:0:0:0:2; }\n";
    let lab =
        lab.lease("Sw-1", 2, 80, "Gi1/0/2", 0).lease("Sw-1", 2, 81, "Gi1/0/2", 50).lease("Sw-1", 2, 3, "Gi1/0/2", 9);
    let addresses: Vec<String> = told(&lab, &mac(2)).iter().map(|line| line[..12].trim().to_owned()).collect();
    assert_eq!(addresses, ["10.0.0.80 pc", "10.0.0.81 pc"]);
    assert_eq!(told(&lab, "pc2"), told(&lab, &mac(2)));
}

#[test]
fn a_machine_without_an_address_is_still_a_machine() {
    let mut lab = Lab::new(&["Sw-1"]).machines(&[1]).listed(7);
    lab.dhcp += "host bare { }\nhost wired { hardware ethernet 2:0:0:0:0:8; }\n";
    lab.computers.push(["PAPER".to_owned(), String::new(), "513".to_owned(), "armoire".to_owned()]);
    for (text, row) in [
        ("PC7", "- PC7 0200.0000.0007 513 DPT4 - - - computers"),
        ("bare", "- bare - 513 DPT4 - - - dhcp"),
        ("wired", "- wired 0200.0000.0008 513 DPT4 - - - dhcp"),
        ("paper", "- PAPER - 513 DPT4 - - - computers"),
    ] {
        assert_eq!(told(&lab, text), [row], "{text}");
    }
}

#[test]
fn a_name_with_its_domain_is_that_machine_alone() {
    let mut lab = Lab::new(&[]).machines(&[1]);
    lab.dhcp += "host pc.a.example { fixed-address 10.0.0.20; }\nhost pc.b.example { fixed-address 10.0.0.21; }\n";
    assert_eq!(told(&lab, "PC.B.example"), ["10.0.0.21 pc.b.example - 513 DPT4 - - - dhcp"]);
    assert_eq!(told(&lab, "pc").len(), 2);
}

#[test]
fn what_is_no_machine_or_unknown_says_so_and_keeps_what_was_asked() {
    for (text, row) in [
        ("10.0.0.200", "10.0.0.200 - - - - - - -  LicenceServer"),
        ("10.0.0.201", "10.0.0.201 - - - - - - -  SharedAddress"),
        ("192.0.2.9", "192.0.2.9 - - - - - - -  Unknown"),
        ("10.0.0.77", "10.0.0.77 - - 513 DPT4 - - -  Unknown"),
        ("0200.0000.0099", "- - 0200.0000.0099 - - - - -  Unknown"),
        ("ghost", "- ghost - - - - - -  Unknown"),
    ] {
        assert_eq!(told(&lab(), text), [row], "{text}");
    }
}

#[test]
fn a_switch_that_does_not_answer_is_a_gap_and_a_remark() {
    let lab = lab().dead("Sw-1");
    let directory = lab.directory();
    let question = Question::new("pc1", &directory).unwrap();
    let lookup = look_up(&lab.config, &directory, &lab, &[question], &|_| {});
    assert_eq!(
        line(&lookup.answers[0][0]),
        "10.0.0.1 pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/36 - dhcp+computers+snooping Silent"
    );
    assert_eq!(lookup.gaps.len(), 1);
}

#[test]
fn what_is_mistyped_is_told_and_a_name_is_not() {
    let directory = Directory::default();
    for text in [
        "90-b1-1c-a3-35-7g",
        "90-b1-1c-a3-35",
        "90:b1:1c:a3:35",
        "90:b1:1c:a3:35:75:00",
        "90:b1:1c:a3:35:7z",
        "90b1.1ca3.357",
        "90b1.1ca3.357o",
        "90b11ca3357",
        "90b11ca3357g",
        "90:b1:1c:a3:35:",
    ] {
        assert!(matches!(Question::new(text, &directory), Err(Mistyped::Mac(_))), "{text}");
    }
    for text in ["10.14.18.300", "10.14.18", "10.14.18.1.1", "2001:db8::xyz", "10..1.2"] {
        assert!(matches!(Question::new(text, &directory), Err(Mistyped::Address(_))), "{text}");
    }
    assert_eq!(Question::new("  ", &directory), Err(Mistyped::Empty));
    for text in
        ["N1E14-07", "RJLG07-01", "BBBAACCC", "DESKTOP-7QX2K9A", "PC-01", "salle 12", "c2mstud3-pc", "pc.cea.fr"]
    {
        assert!(Question::new(text, &directory).is_ok(), "{text}");
    }
    // What a machine is called is no mistake, whatever it looks like.
    let mut lab = Lab::new(&[]);
    lab.dhcp += "host 90b11ca3357 { fixed-address 10.0.0.5; }\n";
    assert_eq!(told(&lab, "90b11ca3357"), ["10.0.0.5 90b11ca3357 - 513 DPT4 - - - dhcp"]);
}

proptest! {
    #[test]
    fn any_text_is_a_question_or_mistyped(text in "[0-9a-fA-F:. -]{0,20}|.{0,30}") {
        let lab = lab();
        let directory = lab.directory();
        if let Ok(question) = Question::new(&text, &directory) {
            let lookup = look_up(&lab.config, &directory, &lab, &[question], &|_| {});
            prop_assert!(!lookup.answers[0].is_empty());
        }
    }
}
