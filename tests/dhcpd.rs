//! The reader of dhcpd.conf beside ISC's own: what `dhcpd -t` accepts is read without a finding, host by host; what it
//! refuses is told, or at least costs nothing.
//!
//! `tests/run` installs dhcpd. Where it cannot be had, `JETON_TESTS_WITHOUT_DHCPD=1` leaves these tests out, and says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use jeton::finding::Kind;
use jeton::network::inputs::{ReadFile, read_dhcp};
use jeton::parse::dhcpd::DhcpHost;

/// A configuration, and what jeton reads in it.
struct Case {
    /// Which corner of the language it is.
    name: &'static str,
    /// dhcpd's option for its protocol: `-4` or `-6`.
    protocol: &'static str,
    text: &'static [u8],
    /// The hosts, as [`shown`].
    hosts: &'static [&'static str],
    /// The findings.
    findings: &'static [Kind],
}

const fn v4(name: &'static str, text: &'static str, hosts: &'static [&'static str]) -> Case {
    Case { name, protocol: "-4", text: text.as_bytes(), hosts, findings: &[] }
}

const fn v6(name: &'static str, text: &'static str, hosts: &'static [&'static str]) -> Case {
    Case { protocol: "-6", ..v4(name, text, hosts) }
}

/// A configuration that dhcpd accepts, but in which something will not work as its author thought.
const fn odd(
    name: &'static str,
    text: &'static str,
    hosts: &'static [&'static str],
    findings: &'static [Kind],
) -> Case {
    Case { findings, ..v4(name, text, hosts) }
}

/// A host on one line.
const A: &[&str] = &["A 0200.0000.0001 []"];
/// A host that says nothing.
const BARE: &[&str] = &["A - []"];

/// What dhcpd accepts.
const ACCEPTED: &[Case] = &[
    v4("an empty file", "", &[]),
    v4("comments alone", "# host A { }\n#\n", &[]),
    v4(
        "a host on one line",
        "host A { hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1; }",
        &["A 0200.0000.0001 [10.0.0.1]"],
    ),
    v4(
        "no white space",
        "group{host A{hardware ethernet 2:0:0:0:0:1;fixed-address 10.0.0.1;}}",
        &["A 0200.0000.0001 [10.0.0.1]"],
    ),
    v4("a word a line", "host\nA\n{\nhardware\nethernet\n2:0:0:0:0:1\n;\n}", A),
    v4("CRLF", "host A {\r\n hardware ethernet 2:0:0:0:0:1;\r\n}\r\n", A),
    v4(
        "odd case",
        "HOST A { Hardware ETHERNET AA:bb:Cc:0:0:1; Fixed-Address 10.0.0.1; OPTION Host-Name \"a\"; }",
        &["A aabb.cc00.0001 [10.0.0.1] a"],
    ),
    v4(
        "odd case of blocks",
        "Group { Host A { } } SUBNET 10.0.0.0 NETMASK 255.255.255.0 { Host B { } }",
        &["A - []", "B - []"],
    ),
    v4("an address over lines", "host A { hardware ethernet\n2:0:0:\n0:0:1 # x\n; }", A),
    v4(
        "white space in an address",
        "host A { hardware ethernet 2 :0:0 : 0:0: 1; fixed-address 10 . 0. 0.1; }",
        &["A 0200.0000.0001 [10.0.0.1]"],
    ),
    v4(
        "leading zeros",
        "host A { hardware ethernet 0002:00:000:0:0:1; fixed-address 010.000.00.001; }",
        &["A 0200.0000.0001 [10.0.0.1]"],
    ),
    v4(
        "several addresses",
        "host A { fixed-address 10.0.0.1,10.0.1.1 ,\n10.0.2.1; }",
        &["A - [10.0.0.1,10.0.1.1,10.0.2.1]"],
    ),
    odd(
        "names for addresses",
        "host A { fixed-address pc.nowhere.invalid, 10.0.0.2; }",
        &["A - [10.0.0.2]"],
        &[Kind::DhcpNamedAddress],
    ),
    v4("no address", "host A { hardware ethernet 2:0:0:0:0:1; }", A),
    v4("no MAC", "host A { fixed-address 10.0.0.1; }", &["A - [10.0.0.1]"]),
    v4("nothing in it", "host A { }", BARE),
    v4(
        "another identifier",
        "host A { host-identifier option agent.remote-id 01:02; fixed-address 10.0.0.1; }",
        &["A - [10.0.0.1]"],
    ),
    v4(
        "other kinds of card",
        "host A { hardware token-ring 2:0:0:0:0:1; } host B { hardware infiniband 2:0:0:0:0:2; }",
        &["A - []", "B - []"],
    ),
    odd("five octets", "host A { hardware ethernet 2:0:0:0:0; }", BARE, &[Kind::DhcpMac]),
    odd("seven octets", "host A { hardware ethernet 2:0:0:0:0:1:2; }", BARE, &[Kind::DhcpMac]),
    odd("no octets", "host A { hardware ethernet ; }", BARE, &[Kind::DhcpMac]),
    v4(
        "names with dots, digits, hyphens",
        "host a-b.c_d { } host 1a { } host 007 { } host 10.0.0.1 { }",
        &["a-b.c_d - []", "1a - []", "007 - []", "10.0.0.1 - []"],
    ),
    v4(
        "keywords as names",
        "host host { } host subnet { } host option { } host group {\n}",
        &["host - []", "subnet - []", "option - []", "group - []"],
    ),
    v4("names that differ in case", "host A { } host a { }", &["A - []", "a - []"]),
    v4(
        "one MAC under two names",
        "host A { hardware ethernet 2:0:0:0:0:1; } host B { hardware ethernet 2:0:0:0:0:1; }",
        &["A 0200.0000.0001 []", "B 0200.0000.0001 []"],
    ),
    v4(
        "one address under two names",
        "host A { fixed-address 10.0.0.1; }\nhost B { fixed-address 10.0.0.1; }",
        &["A - [10.0.0.1]", "B - [10.0.0.1]"],
    ),
    v4(
        "groups",
        "group g { host A { hardware ethernet 2:0:0:0:0:1; } } group \"a b\" { group { host B { } } } group { }",
        &["A 0200.0000.0001 []", "B - []"],
    ),
    v4(
        "a group's own options",
        "group { use-host-decl-names on; option host-name \"no\"; next-server 10.0.0.9; host A { } }",
        BARE,
    ),
    v4(
        "a shared network",
        "shared-network \"x y\" { subnet 10.0.0.0 netmask 255.255.255.0 { } host A { } subnet 10.0.1.0 netmask 255.255.255.0 { host B { } } }",
        &["A - []", "B - []"],
    ),
    v4(
        "a pool",
        "subnet 10.0.0.0 netmask 255.255.255.0 { pool { deny unknown-clients; range 10.0.0.5; host A { hardware ethernet 2:0:0:0:0:1; } } range dynamic-bootp 10.0.0.50 10.0.0.60; }",
        A,
    ),
    v4(
        "a subnet's own statements",
        "subnet 10.0.0.0 netmask 255.255.255.0 { interface \"eth0\"; option subnet-mask 255.255.255.0; range 10.0.0.5 10.0.0.9; next-server pc.nowhere.invalid; host A { } }",
        BARE,
    ),
    v4("a subnet of one address", "subnet 10.0.0.9 netmask 255.255.255.255 { host A { } }", BARE),
    v4(
        "a class with braces in quotes",
        "class \"a{b;\" { match if substring (option vendor-class-identifier, 0, 3) = \"}#\\\"\"; } host A { }",
        BARE,
    ),
    v4(
        "subclasses",
        "class \"k\" { match hardware; } subclass \"k\" 1:02:00:5e:00:00:09; subclass \"k\" 1:2:0:5e:0:0:8 { option root-path \"x\"; } host A { }",
        BARE,
    ),
    v4(
        "conditions in a host",
        "host A { if option host-name = \"x\" { filename \"p\"; } elsif exists user-class { next-server 10.0.0.3; } else { deny booting; } hardware ethernet 2:0:0:0:0:1; }",
        A,
    ),
    v4(
        "conditions outside",
        "if known { filename \"}\"; } if not static or (option user-class = \"a\" and option user-class ~= \"b\") { filename \"x\"; } host A { }",
        BARE,
    ),
    v4(
        "switch",
        "switch (option user-class) { case \"a\": filename \"x\"; break; default: filename \"y\"; } host A { }",
        BARE,
    ),
    v4(
        "on commit",
        "on commit { set ip = binary-to-ascii(10, 8, \".\", leased-address); execute(\"/bin/x\", \"commit\", ip, \"}\"); log(info, concat(\"a;\", ip)); } host A { }",
        BARE,
    ),
    v4(
        "on commit or expiry in a host",
        "host A { on commit or expiry { log(info, \"x\"); } hardware ethernet 2:0:0:0:0:1; }",
        A,
    ),
    v4(
        "an option that is an expression",
        "host A { option host-name = concat(\"host\", \"}\"); option domain-name = pick-first-value(option user-class, \"host\"); hardware ethernet 2:0:0:0:0:1; }",
        A,
    ),
    v4("supersede", "host A { supersede host-name = \"x\"; supersede server.filename = \"y\"; }", BARE),
    v4(
        "punctuation in quotes",
        "host A { option host-name \"p;{}#c\"; }\nhost B { option host-name \"a\\\"b\"; }",
        &["A - [] p;{}#c", "B - [] a\"b"],
    ),
    v4("escapes", "host A { option host-name \"a\\x41\\101\\\\ \\q\"; }", &["A - [] aAA\\ q"]),
    v4("a text over two lines", "option domain-name \"a\nb\"; host A { option host-name \"c\nd\"; }", &["A - [] c\nd"]),
    v4(
        "hexadecimal options",
        "option space x; option x.y code 1 = string; host A { option x.y 01:02:ff; option vendor-encapsulated-options 01:04:00:00:00:00:ff; vendor-option-space x; }",
        BARE,
    ),
    v4(
        "options of one's own",
        "option rfc3442 code 121 = array of unsigned integer 8; option rfc3442 24, 10, 0, 1; option space p; option p.r code 3 = { ip-address, text }; option domain-search \"a.example\", \"b.example\"; host A { }",
        BARE,
    ),
    v4(
        "options over lines",
        "option domain-name-servers 10.0.0.1,\n10.0.0.2;\noption routers\n10.0.0.3;\nhost A { option\nhost-name \"y\"; }",
        &["A - [] y"],
    ),
    v4(
        "keys and zones",
        "key k { algorithm HMAC-SHA256; secret c2VjcmV0==; };\nzone 0.0.10.in-addr.arpa. { primary 127.0.0.1; key k; }\nomapi-key k; omapi-port 7911; host A { }",
        BARE,
    ),
    v4(
        "failover",
        "failover peer \"f\" { primary; address 10.0.0.2; port 647; peer address 10.0.0.3; peer port 647; max-response-delay 60; max-unacked-updates 10; mclt 3600; split 128; load balance max seconds 3; } subnet 10.0.0.0 netmask 255.255.255.0 { pool { failover peer \"f\"; range 10.0.0.5 10.0.0.9; } host A { } }",
        BARE,
    ),
    v4(
        "what the server may",
        "allow booting; deny bootp; ignore client-updates; authoritative; not authoritative; ddns-update-style none; one-lease-per-client on; min-lease-time 60; default-lease-time infinite; host A { }",
        BARE,
    ),
    v4("comments with braces", "# host OLD { }}\nhost A { # } { \" ;\nhardware ethernet 2:0:0:0:0:1; # } }\n}", A),
    v4("a host as leases hold it", "host A { dynamic; hardware ethernet 2:0:0:0:0:1; }", A),
    Case {
        name: "Latin-1 in comments and texts",
        protocol: "-4",
        text: b"# caf\xe9\nhost A { option host-name \"caf\xe9\"; }",
        hosts: &["A - [] caf\u{e9}"],
        findings: &[],
    },
    v4("an included file", "include \"FOLDER/included.conf\"; host A { }", &["A - []", "INCLUDED - [10.0.0.7]"]),
    odd("a mask with a hole", "subnet 10.0.0.0 netmask 255.0.255.0 { host A { } }", BARE, &[Kind::UnreadableLine]),
    v4("a version 6 address in version 4", "host A { fixed-address6 2001:db8::7; }", &["A - [2001:db8::7]"]),
    v6(
        "subnet6",
        "subnet6 2001:db8::/64 { range6 2001:db8::10 2001:db8::20; host A { hardware ethernet 2:0:0:0:0:1; fixed-address6 2001:db8::1; } }",
        &["A 0200.0000.0001 [2001:db8::1]"],
    ),
    v6(
        "pool6 and prefix6",
        "subnet6 2001:db8::/64 { pool6 { range6 2001:db8::10 2001:db8::20; range6 2001:db8::/80 temporary; } prefix6 2001:db8:100:: 2001:db8:f00:: /56; } host A { }",
        BARE,
    ),
    v6(
        "version 6 identifiers",
        "host A { host-identifier option dhcp6.client-id 00:01:00:01; fixed-prefix6 2001:db8:1::/48; fixed-address6 2001:db8::7, 2001:db8::8; }",
        &["A - [2001:db8::7,2001:db8::8]"],
    ),
];

/// What dhcpd refuses, and what jeton says of it; its hosts are not wrong where it says nothing.
const REFUSED: &[Case] = &[
    odd("hyphens in a MAC", "host A { hardware ethernet 02-00-00-00-00-01; }", BARE, &[Kind::DhcpMac]),
    odd("dots in a MAC", "host A { hardware ethernet 0200.0000.0001; }", BARE, &[Kind::DhcpMac]),
    odd("more than an octet", "host A { hardware ethernet 102:0:0:0:0:1; }", BARE, &[Kind::DhcpMac]),
    odd("a prefix in a MAC", "host A { hardware ethernet 0x2:0:0:0:0:1; }", BARE, &[Kind::DhcpMac]),
    odd("three octets of an address", "host A { fixed-address 10.0.1; }", BARE, &[Kind::UnreadableLine]),
    odd("five octets of an address", "host A { fixed-address 10.0.0.1.2; }", BARE, &[Kind::UnreadableLine]),
    odd("an octet of 256", "host A { fixed-address 10.0.0.256; }", BARE, &[Kind::UnreadableLine]),
    odd(
        "no semicolon",
        "host A { hardware ethernet 2:0:0:0:0:1 fixed-address 10.0.0.1; }",
        &["A 0200.0000.0001 [10.0.0.1]"],
        &[Kind::DhcpSemicolon],
    ),
    odd("no semicolon before the brace", "host A { hardware ethernet 2:0:0:0:0:1 }", A, &[Kind::DhcpSemicolon]),
    odd("no closing brace", "host A { hardware ethernet 2:0:0:0:0:1;", A, &[Kind::DhcpBrace]),
    odd("one brace too many", "host A { hardware ethernet 2:0:0:0:0:1; } }", A, &[Kind::DhcpBrace]),
    odd("no opening brace", "host A\nhardware ethernet 2:0:0:0:0:1; }", A, &[Kind::DhcpBrace]),
    odd(
        "a host in a host",
        "host A { hardware ethernet 2:0:0:0:0:1; host B { } }",
        &["A 0200.0000.0001 []", "B - []"],
        &[Kind::DhcpBrace, Kind::DhcpBrace],
    ),
    odd("an unclosed quote", "option domain-name \"x;\nhost A { }", BARE, &[Kind::DhcpSemicolon, Kind::DhcpQuote]),
    odd(
        "an unclosed quote, and another text",
        "option domain-name \"x;\nhost A { option host-name \"a\"; }",
        &["A - [] a"],
        &[Kind::DhcpSemicolon, Kind::DhcpQuote],
    ),
    odd("no mask", "subnet 10.0.0.0 { host A { } }", BARE, &[Kind::UnreadableLine]),
    odd(
        "a subnet in a subnet",
        "subnet 10.0.0.0 netmask 255.255.255.0 { subnet 10.0.0.0 netmask 255.255.255.128 { } host A { } }",
        BARE,
        &[Kind::DhcpBrace, Kind::DhcpBrace],
    ),
    odd("an address of no host", "fixed-address 10.0.0.1; host A { }", BARE, &[Kind::UnreadableLine]),
    odd(
        "two MACs",
        "host A { hardware ethernet 2:0:0:0:0:1; hardware ethernet 2:0:0:0:0:2; }",
        A,
        &[Kind::UnreadableLine],
    ),
    odd(
        "two fixed-address",
        "host A { fixed-address 10.0.0.1; fixed-address 10.0.0.2; }",
        &["A - [10.0.0.1]"],
        &[Kind::UnreadableLine],
    ),
    odd("a nameless host", "host { hardware ethernet 2:0:0:0:0:1; }", &[], &[Kind::UnreadableLine]),
    odd("a missing include", "include \"FOLDER/none.conf\"; host A { }", BARE, &[Kind::DhcpInclude]),
    odd("a comment of another language", "/* x */ host A { }", &[], &[]),
    odd("a lone semicolon", "; host A { ; }", BARE, &[]),
    odd("a quoted name", "host \"A\" { }", BARE, &[]),
    odd("a host in a condition", "if known { host A { } }", BARE, &[]),
    odd("a name twice", "host A { } host A { }", &["A - []", "A - []"], &[]),
];

/// The program, or nothing where the tests are told to do without.
#[expect(clippy::print_stderr, reason = "a test that is left out must be seen to be")]
fn dhcpd() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian's sbin is not on everybody's path.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join("dhcpd")).find(|program| program.is_file());
    if found.is_none() {
        const WITHOUT: &str = "JETON_TESTS_WITHOUT_DHCPD";
        let is_known = std::env::var_os(WITHOUT).is_some();
        assert!(is_known, "no dhcpd (Debian: isc-dhcp-server); {WITHOUT}=1 leaves out what needs it");
        eprintln!("\n*** NOT CHECKED: {WITHOUT} is set, and no configuration was compared with dhcpd ***\n");
    }
    found
}

/// What dhcpd says of a configuration: nothing where it accepts it.
fn refusal(dhcpd: &Path, protocol: &str, conf: &Path) -> Option<String> {
    let leases = conf.with_file_name("leases");
    fs_err::write(&leases, "").unwrap();
    let [conf, leases] = [conf, &leases].map(|path| path.to_str().unwrap());
    let done = Command::new(dhcpd).args([protocol, "-t", "-cf", conf, "-lf", leases]).output().unwrap();
    (!done.status.success()).then(|| String::from_utf8_lossy(&done.stderr).into_owned())
}

fn shown(host: &DhcpHost) -> String {
    let mac = host.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string());
    let addresses = host.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let host_name = host.host_name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    format!("{} {mac} [{addresses}]{host_name}", host.name)
}

/// Reads a case and gives the folder with its file, and in what jeton differs from the table.
fn read(case: &Case) -> (tempfile::TempDir, PathBuf, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("included.conf"), "host INCLUDED { fixed-address 10.0.0.7; }").unwrap();
    let conf = folder.path().join("dhcpd.conf");
    fs_err::write(&conf, with_folder(case.text, folder.path())).unwrap();
    let mut differences = Vec::new();
    // A file without anything in it is accepted by dhcpd; jeton names it, as a file that should hold machines.
    if !case.text.is_empty() {
        let (files, findings) = read_dhcp(std::slice::from_ref(&conf)).unwrap();
        let hosts: Vec<_> = files.iter().flat_map(|ReadFile { file, .. }| &file.hosts).map(shown).collect();
        if hosts != case.hosts {
            differences.push(format!("{}: expected the hosts {:?}, found {hosts:?}", case.name, case.hosts));
        }
        let kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
        if kinds != case.findings {
            differences.push(format!("{}: expected {:?}, found {findings:?}", case.name, case.findings));
        }
    }
    (folder, conf, differences)
}

fn with_folder(text: &[u8], folder: &Path) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(text) => text.replace("FOLDER", folder.to_str().unwrap()).into_bytes(),
        Err(_) => text.to_vec(),
    }
}

/// How dhcpd itself differs from the table's accepted case: in that it refuses it, or lacks a host.
///
/// dhcpd names each host that it knows already when it is declared again, so that it can be asked for them.
fn compare(dhcpd: &Path, case: &Case, conf: &Path) -> Vec<String> {
    if let Some(said) = refusal(dhcpd, case.protocol, conf) {
        return vec![format!("{}: dhcpd refuses it\n{said}", case.name)];
    }
    let mut text = fs_err::read(conf).unwrap();
    text.extend(case.hosts.iter().flat_map(|host| format!("\nhost {} {{ }}", name_of(host)).into_bytes()));
    fs_err::write(conf, text).unwrap();
    let said = refusal(dhcpd, case.protocol, conf).unwrap_or_default();
    let is_known = |host: &&&str| said.contains(&format!("host {}: already exists", name_of(host)));
    let unknown = case.hosts.iter().filter(|host| !is_known(host));
    unknown.map(|host| format!("{}: dhcpd has no host {host}\n{said}", case.name)).collect()
}

#[test]
fn what_dhcpd_accepts_is_read_host_by_host() {
    let dhcpd = dhcpd();
    let mut differences = Vec::new();
    for case in ACCEPTED {
        let (_folder, conf, found) = read(case);
        differences.extend(found);
        differences.extend(dhcpd.iter().flat_map(|dhcpd| compare(dhcpd, case, &conf)));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_dhcpd_refuses_is_told_or_harmless() {
    let dhcpd = dhcpd();
    let mut differences = Vec::new();
    for case in REFUSED {
        let (_folder, conf, found) = read(case);
        differences.extend(found);
        let accepts = |dhcpd: &&PathBuf| refusal(dhcpd, case.protocol, &conf).is_none();
        differences.extend(dhcpd.iter().filter(accepts).map(|_| format!("{}: dhcpd accepts it", case.name)));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn name_of(host: &str) -> &str {
    host.split(' ').next().unwrap_or_default()
}
