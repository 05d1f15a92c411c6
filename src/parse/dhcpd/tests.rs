use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Parsed<DhcpFile> {
    parse(&Source::from_bytes("dhcpd-513.conf", text.as_bytes()))
}

/// A host as one line: name, MAC, addresses, host-name, subnet, VLAN, line.
fn shown(host: &DhcpHost) -> String {
    let mac = host.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string());
    let addresses = host.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let subnet = host.subnet.map_or_else(|| "-".to_owned(), |subnet| subnet.to_string());
    let vlan = host.vlan.as_ref().and_then(|v| v.number).map_or_else(|| "-".to_owned(), |v| v.to_string());
    format!(
        "{} {mac} [{addresses}] {} {subnet} {vlan} {}",
        host.name,
        host.host_name.as_deref().unwrap_or("-"),
        host.line
    )
}

fn hosts(text: &str) -> Vec<String> {
    read(text).items.hosts.iter().map(shown).collect()
}

fn findings(text: &str) -> Vec<(Kind, String)> {
    read(text).findings.iter().map(|f| (f.kind, f.place.to_string())).collect()
}

const MAC: &str = "hardware ethernet 02:00:5e:00:00:01;";

#[test]
fn the_laboratorys_own_form() {
    let text = "#vlan: 513 (ICGM-DPT4-CMNME)\nsubnet 10.14.18.0  netmask 255.255.255.0 {\nhost ALPHA {\n    \
                hardware ethernet 02:00:5E:00:00:01;\n    fixed-address 10.14.18.145;\n    option routers 10.14.18.1;\n    \
                option host-name \"alpha-pc\";\n} \n}\n";
    assert_eq!(hosts(text), ["ALPHA 0200.5e00.0001 [10.14.18.145] alpha-pc 10.14.18.0/24 513 3"]);
    let file = read(text);
    assert_eq!(file.findings, []);
    let subnet = &file.items.subnets[0];
    assert_eq!((subnet.prefix.to_string().as_str(), subnet.line), ("10.14.18.0/24", 2));
    assert_eq!(subnet.vlan.as_ref().unwrap().name.as_deref(), Some("ICGM-DPT4-CMNME"));
    assert_eq!(hosts(&text.replace('\n', "\r\n")), hosts(text));
}

#[test]
fn hosts_are_found_wherever_the_language_lets_them_stand() {
    for (what, text) in [
        ("one line", format!("host A {{ {MAC} fixed-address 10.0.0.1; }}")),
        ("any case of keywords", "HOST A { Hardware ETHERNET 02:00:5e:00:00:01; Fixed-Address 10.0.0.1; }".to_owned()),
        ("group", format!("group {{ option host-name \"not-this\"; host A {{ {MAC} fixed-address 10.0.0.1; }} }}")),
        ("pool", format!("pool {{ range 10.0.0.5 10.0.0.9; host A {{ {MAC} fixed-address 10.0.0.1; }} }}")),
        (
            "class before",
            format!(
                "class \"a{{b;\" {{ match if substring (option x, 0, 3) = \"}}\"; }} host A {{ {MAC} fixed-address 10.0.0.1; }}"
            ),
        ),
        (
            "if, elsif, else inside",
            format!(
                "host A {{ if option a = \"x\" {{ filename \"p\"; }} elsif option b = 1 {{ }} else {{ deny booting; }} {MAC} fixed-address 10.0.0.1; }}"
            ),
        ),
        (
            "on commit inside",
            format!(
                "host A {{ on commit {{ set x = binary-to-ascii(16, 8, \":\", hardware); execute(\"/bin/x\", \"}}\"); }} {MAC} fixed-address 10.0.0.1; }}"
            ),
        ),
        (
            "comment with braces",
            format!("# host old {{ {MAC} }} }}\nhost A {{ # }} {{ \" ;\n{MAC} fixed-address 10.0.0.1; }}")
                .replace("# host old", "#host old"),
        ),
        (
            "quoted punctuation",
            format!("option x \"; {{ }} # \\\" \\\\\"; host \"A\" {{ {MAC} fixed-address 10.0.0.1; }}"),
        ),
        ("no white space", format!("group{{host A{{{MAC}fixed-address 10.0.0.1;}}}}")),
        (
            "a statement over lines",
            "host\nA\n{\nhardware\nethernet\n02:00:5e:00:00:01\n;\nfixed-address\n10.0.0.1\n;\n}".to_owned(),
        ),
        ("octets with leading zeros", format!("host A {{ {MAC} fixed-address 010.000.00.001; }}")),
    ] {
        let file = read(&text);
        let host = file.items.hosts.first().unwrap_or_else(|| panic!("{what}: no host"));
        assert_eq!((file.items.hosts.len(), file.findings.len()), (1, 0), "{what}: {:?}", file.findings);
        assert_eq!((host.name.as_str(), host.mac.unwrap().to_string().as_str()), ("A", "0200.5e00.0001"), "{what}");
        assert_eq!(host.addresses, [IpAddr::from([10, 0, 0, 1])], "{what}");
        assert_eq!(host.host_name, None, "{what}: only the host's own option");
    }
}

#[test]
fn a_macs_spelling_is_what_dhcpd_accepts() {
    for (written, expected) in [
        ("a:b:c:d:e:f", Some("0a0b.0c0d.0e0f")),
        ("02:00:5E:00:00:01", Some("0200.5e00.0001")),
        ("0002 :000: 5e:0:0:1", Some("0200.5e00.0001")),
        ("02-00-5e-00-00-01", None),
        ("0200.5e00.0001", None),
        ("02:00:5e:00:00", None),
        ("02:00:5e:00:00:zz", None),
    ] {
        let text = format!("\nhost A {{\n hardware ethernet {written}; fixed-address 10.0.0.1;\n}}");
        let file = read(&text);
        assert_eq!(file.items.hosts[0].mac.map(|m| m.to_string()).as_deref(), expected, "{written}");
        let kinds = findings(&text);
        let expected = if expected.is_some() { vec![] } else { vec![(Kind::DhcpMac, "dhcpd-513.conf:3".to_owned())] };
        assert_eq!(kinds, expected, "{written}");
    }
}

#[test]
fn addresses_come_several_or_by_name_or_not_at_all() {
    let text = format!(
        "host A {{ {MAC} fixed-address 10.0.0.1, 10.0.1.1; }}\nhost B {{ {MAC} fixed-address pc.univ.example, 10.0.0.2; }}\n\
         host C {{ {MAC} }}\nhost D {{ fixed-address 10.0.0.4; }}\nhost E {{ {MAC} fixed-address 10.0.0.345; }}"
    );
    assert_eq!(
        hosts(&text),
        [
            "A 0200.5e00.0001 [10.0.0.1,10.0.1.1] - - - 1",
            "B 0200.5e00.0001 [10.0.0.2] - - - 2",
            "C 0200.5e00.0001 [] - - - 3",
            "D - [10.0.0.4] - - - 4",
            "E 0200.5e00.0001 [] - - - 5",
        ]
    );
    assert_eq!(
        findings(&text),
        [
            (Kind::UnreadableLine, "dhcpd-513.conf:5".to_owned()),
            (Kind::DhcpNamedAddress, "dhcpd-513.conf:2".to_owned()),
        ]
    );
}

#[test]
fn version_6_declarations_are_read_and_disturb_nothing() {
    let text = format!(
        "subnet6 2001:db8::/64 {{ range6 2001:db8::10 2001:db8::20; host A {{ {MAC} fixed-address6 2001:db8::1; }} }}\n\
         host B {{ host-identifier option dhcp6.client-id 00:01:00:01; fixed-prefix6 2001:db8:1:: 2001:db8:2:: /48; }}"
    );
    assert_eq!(hosts(&text), ["A 0200.5e00.0001 [2001:db8::1] - 2001:db8::/64 - 1", "B - [] - - - 2"]);
    assert_eq!(findings(&text), []);
}

#[test]
fn a_vlan_comment_holds_until_the_next() {
    for (comment, number, name) in [
        ("#vlan: 513 (ICGM-DPT4-CMNME)", Some(513), Some("ICGM-DPT4-CMNME")),
        ("#  VLAN :513( ICGM-DPT4-CMNME )  ", Some(513), Some("ICGM-DPT4-CMNME")),
        ("## Vlan 513 ICGM-DPT4-CMNME", Some(513), Some("ICGM-DPT4-CMNME")),
        ("#vlan513", Some(513), None),
        ("#vlan: (ICGM-DPT4-CMNME)", None, Some("ICGM-DPT4-CMNME")),
        ("# vlan users", None, None),
        ("# vlan 513 was moved in 2019", None, None),
        ("# vlans: 513", None, None),
    ] {
        let file = read(&format!("{comment}\nhost A {{ }}")).items;
        let vlan = file.hosts[0].vlan.clone();
        assert_eq!(vlan.as_ref().and_then(|v| v.number).map(Vlan::number), number, "{comment}");
        assert_eq!(vlan.and_then(|v| v.name).as_deref(), name, "{comment}");
    }
    let text = "#vlan: 1 (X)\nhost A {}\n#vlan: 2 (Y)\nhost B {}\nhost C {}";
    assert_eq!(hosts(text), ["A - [] - - 1 2", "B - [] - - 2 4", "C - [] - - 2 5"]);
    assert_eq!(findings("#vlan: 9999 (X)"), [(Kind::UnreadableLine, "dhcpd-513.conf:1".to_owned())]);
}

#[test]
fn a_vlan_comment_behind_code_speaks_of_that_code() {
    let text = "include \"/etc/dhcp/dhcpd-510.conf\"; #vlan ICGM-DPT1-CMM\nhost A {}\n\
                subnet 10.0.0.0 netmask 255.255.254.0 { # vlan: 7 (Z)\nhost B { }\ninclude \"b.conf\";\n}";
    let file = read(text).items;
    let include = &file.includes[0];
    assert_eq!((include.path.as_str(), include.line), ("/etc/dhcp/dhcpd-510.conf", 1));
    assert_eq!(include.vlan.as_ref().unwrap().name.as_deref(), Some("ICGM-DPT1-CMM"));
    assert_eq!(hosts(text), ["A - [] - - - 2", "B - [] - 10.0.0.0/23 7 4"]);
    assert_eq!(file.subnets[0].vlan.as_ref().unwrap().number.unwrap().number(), 7);
    assert_eq!(file.includes[1].subnet, Some(file.subnets[0].prefix));
}

#[test]
fn a_vlan_comment_of_a_subnet_is_of_no_other() {
    const NET: &str = "netmask 255.255.255.0 {";
    for first in [" #vlan: 7 (Z)\n", "\n#vlan: 7 (Z)\n"] {
        let text = format!(
            "#vlan: 1 (X)\nsubnet 10.0.0.0 {NET}{first}host A {{ }}\n}}\nhost B {{ }}\nsubnet 10.0.1.0 {NET}\nhost C {{ }}\n}}"
        );
        let file = read(&text).items;
        let numbers = |vlan: &Option<VlanTag>| vlan.as_ref().and_then(|vlan| vlan.number).map(Vlan::number);
        assert_eq!(file.subnets.iter().map(|subnet| numbers(&subnet.vlan)).collect::<Vec<_>>(), [Some(7), Some(1)]);
        assert_eq!(file.hosts.iter().map(|host| numbers(&host.vlan)).collect::<Vec<_>>(), [Some(7), Some(1), Some(1)]);
    }
}

#[test]
fn broken_syntax_is_named_and_loses_nothing_else() {
    const SUBNET: &str = "subnet 10.0.0.0 netmask 255.255.255.0 {";
    for (what, text, found) in [
        (
            "missing ; at a line's end",
            format!(
                "{SUBNET}\nhost A {{\nhardware ethernet 2:0:0:0:0:1\nfixed-address 10.0.0.1;\n}}\nhost B {{ fixed-address 10.0.0.2; }}\n}}"
            ),
            vec![(Kind::DhcpSemicolon, "dhcpd-513.conf:3")],
        ),
        (
            "missing ; within a line",
            format!(
                "{SUBNET}\nhost A {{ hardware ethernet 2:0:0:0:0:1 fixed-address 10.0.0.1; }}\nhost B {{ fixed-address 10.0.0.2; }}\n}}"
            ),
            vec![(Kind::DhcpSemicolon, "dhcpd-513.conf:2")],
        ),
        (
            "missing ; before }",
            format!(
                "{SUBNET}\nhost A {{ hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1 }}\nhost B {{ fixed-address 10.0.0.2; }}\n}}"
            ),
            vec![(Kind::DhcpSemicolon, "dhcpd-513.conf:2")],
        ),
        (
            "missing } of a host",
            format!(
                "{SUBNET}\nhost A {{ hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1;\nhost B {{ fixed-address 10.0.0.2; }}\n}}"
            ),
            vec![(Kind::DhcpBrace, "dhcpd-513.conf:2")],
        ),
        (
            "missing } at the end",
            format!(
                "{SUBNET}\nhost A {{ hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1; }}\nhost B {{ fixed-address 10.0.0.2; }}\n"
            ),
            vec![(Kind::DhcpBrace, "dhcpd-513.conf:1")],
        ),
        (
            "missing { of a host",
            format!(
                "{SUBNET}\nhost A\nhardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1; }}\nhost B {{ fixed-address 10.0.0.2; }}\n}}"
            ),
            vec![(Kind::DhcpBrace, "dhcpd-513.conf:2")],
        ),
        (
            "one } too many",
            format!(
                "}}\n{SUBNET}\nhost A {{ hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1; }}\nhost B {{ fixed-address 10.0.0.2; }}\n}}"
            ),
            vec![(Kind::DhcpBrace, "dhcpd-513.conf:1")],
        ),
        (
            "unclosed quote",
            format!(
                "{SUBNET}\nhost A {{ hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1; option domain-name \"x;\n}}\nhost B {{ fixed-address 10.0.0.2; }}\n}}"
            ),
            vec![(Kind::DhcpSemicolon, "dhcpd-513.conf:2"), (Kind::DhcpQuote, "dhcpd-513.conf:2")],
        ),
    ] {
        let file = read(&text);
        let summary: Vec<_> =
            file.items.hosts.iter().map(|h| (h.name.as_str(), h.addresses.clone(), h.subnet.is_some())).collect();
        let address = |last| vec![IpAddr::from([10, 0, 0, last])];
        assert_eq!(summary, [("A", address(1), true), ("B", address(2), true)], "{what}");
        assert_eq!(file.items.hosts[0].mac, Some(MacAddr::new([2, 0, 0, 0, 0, 1])), "{what}");
        let expected: Vec<_> = found.into_iter().map(|(kind, place)| (kind, place.to_owned())).collect();
        assert_eq!(findings(&text), expected, "{what}");
    }
}

#[test]
fn a_missing_brace_of_one_subnet_does_not_move_the_next() {
    let text =
        "subnet 10.0.0.0 netmask 255.255.255.0 {\nhost A { }\nsubnet 10.0.1.0 netmask 255.255.255.0 {\nhost B { }\n}";
    assert_eq!(hosts(text), ["A - [] - 10.0.0.0/24 - 2", "B - [] - 10.0.1.0/24 - 4"]);
    assert_eq!(findings(text), [(Kind::DhcpBrace, "dhcpd-513.conf:1".to_owned())]);
}

#[test]
fn a_cut_last_statement_gives_no_wrong_address() {
    let text = "host A { hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1";
    assert_eq!(hosts(text), ["A 0200.0000.0001 [] - - - 1"]);
    assert_eq!(findings(text).len(), 2);
}

#[test]
fn masks_that_are_none_are_named() {
    assert_eq!(findings("subnet 10.0.0.0 netmask 255.0.255.0 { }").len(), 1);
    assert_eq!(read("subnet 10.0.0.9 netmask 0.0.0.0 { }").items.subnets[0].prefix.to_string(), "0.0.0.0/0");
}

#[test]
fn a_prefix_holds_its_own_addresses_only() {
    let prefix = Prefix::new("10.14.18.0".parse().unwrap(), 23).unwrap();
    for (address, inside) in [("10.14.19.255", true), ("10.14.20.0", false), ("::ffff:10.14.18.1", false)] {
        assert_eq!(prefix.contains(address.parse().unwrap()), inside, "{address}");
    }
}

#[test]
fn a_text_over_two_lines_is_one_only_where_no_statement_is_lost() {
    for (text, hosts, found) in [
        ("option x \"a\nb\"; host A { }", 1, 0),
        ("option x \"a\nb\", \"c\"; host A { }", 1, 0),
        ("option x \"a\nhost A { option host-name \"b\"; }", 1, 2),
        ("option x \"a;\nb\";\nhost A { }", 1, 3),
        ("option x \"a\n\nb\";\nhost A { }", 1, 3),
    ] {
        let file = read(text);
        assert_eq!((file.items.hosts.len(), file.findings.len()), (hosts, found), "{text}: {:?}", file.findings);
    }
}

#[test]
fn a_host_says_where_it_ends() {
    let lines = |text| read(text).items.hosts.iter().map(|h| (h.line, h.last_line)).collect::<Vec<_>>();
    assert_eq!(lines("host A { }\nhost B\n{\n}\nhost C {\nhost D { }"), [(1, 1), (2, 4), (5, 5), (6, 6)]);
}

proptest! {
    #[test]
    fn never_panics_on_any_text(text in ".{0,300}") {
        read(&text);
    }

    #[test]
    fn never_panics_on_the_languages_own_pieces(pieces in proptest::collection::vec(
        prop_oneof!["host A", "subnet 10.0.0.0 netmask 255.255.255.0", "\\{", "\\}", ";", "\"", "#vlan: 5 \\(X\\)\n", "\\\\x4",
                    "hardware ethernet", "1:2:3:4:5:6", "fixed-address", "10.0.0.1", ",", "include", "\n", "option host-name", "é"], 0..60)) {
        let text = pieces.join(" ");
        let declared = pieces.iter().filter(|piece| *piece == "host A").count();
        prop_assert!(read(&text).items.hosts.len() <= declared);
    }
}
