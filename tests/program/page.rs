//! `jeton serve`: every view, who may see what, and what is refused. In a real browser: `browser.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

use base64::prelude::*;
use fs_err as fs;
use sha1::{Digest, Sha1};

use crate::simulator::random::Random;
use crate::support::workbook::Workbook;
use crate::support::{Lab, command, rows_of, truth};

/// A page that is served until this is dropped.
pub(crate) struct Served {
    child: Child,
    /// What it said on its first line.
    pub(crate) address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer: status, headers in lower case, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Reads an answer whose connection is closed behind it.
fn read(mut stream: impl Read) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end =
        memchr::memmem::find(&bytes, b"\r\n\r\n").unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
}

impl Served {
    pub(crate) fn by(lab: &Lab) -> Self {
        let mut child =
            command(&lab.path("")).arg("serve").stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    /// `127.0.0.1:4711`.
    pub(crate) fn host(&self) -> &str {
        self.address.trim_start_matches("http://").split('/').next().unwrap()
    }

    pub(crate) fn token(&self) -> &str {
        self.address.split_once("token=").unwrap().1
    }

    /// Sends these lines, and no more.
    fn send(&self, head: &str) -> Answer {
        let head = format!("{head}\r\nConnection: close\r\n\r\n");
        if let Some(path) = self.address.strip_prefix("unix:") {
            let mut stream = UnixStream::connect(path).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            return read(stream);
        }
        let mut stream = TcpStream::connect(self.host()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        read(stream)
    }

    /// Asks as the one who started it.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: jeton={}", self.host(), self.token()))
    }

    /// Asks as a user, through the proxy.
    fn get_as(&self, user: &str, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: page\r\nX-Remote-User: {user}"))
    }
}

/// The laboratory of the fixtures, behind its night.
pub(crate) fn lab() -> Lab {
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0);
    lab
}

/// The same with readers, for a proxy that runs as whoever runs the tests.
fn lab_for_readers(more: &str) -> (Lab, Served) {
    let user = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap().trim().to_owned();
    let lab = lab();
    let socket = lab.path("page.sock").display().to_string();
    let page = format!(
        "\n{more}\n[page]\nlisten = \"unix:{socket}\"\nuser_header = \"X-Remote-User\"\nproxy_users = [\"{user}\"]\nadmins = [\"chef\"]\n\
         [[page.readers]]\nuser = \"une\"\ndepartments = [\"DPT1\"]\n[[page.readers]]\nuser = \"deux\"\ndepartments = [\"DPT2\"]\n"
    );
    let lab = lab.edit("jeton.toml", |text| text.to_owned() + &page);
    let served = Served::by(&lab);
    (lab, served)
}

pub(crate) const VIEWS: [&str; 18] = [
    "/",
    "/now",
    "/sessions",
    "/graphs/day",
    "/graphs/day?date=2021-12-09&step=30",
    "/graphs/hours",
    "/graphs/hours?by=user&weekdays=1,2,3,4,5,6,7&from=8&to=19",
    "/graphs/hours?by=department",
    "/graphs/year",
    "/graphs/seats",
    "/graphs/seats?since=2021-11-01",
    "/graphs/week",
    "/graphs/lengths",
    "/users/camille",
    "/machines/LABO-PC-01",
    "/outlets/RJ1A01-01",
    "/addresses/10.20.11.11",
    "/workbooks",
];

#[test]
fn whoever_starts_it_sees_every_view_in_both_languages_and_nobody_else_does() {
    let lab = lab();
    let served = Served::by(&lab);
    for path in VIEWS.iter().chain(&["/anomalies", "/evidence?login=camille&host=LABO-PC-01&date=2021-12-08"]) {
        for (language, word) in [("fr", "Suivi des connexions"), ("en", "Sessions")] {
            let to = format!("{path}{}lang={language}", if path.contains('?') { '&' } else { '?' });
            let answer = served.get(&to);
            let text = answer.text();
            assert!(answer.status == 200 && text.contains(&format!("<html lang=\"{language}\">")), "{to}: {text}");
            assert!(text.contains(word) && !text.contains("page.") && !text.contains("column."), "{to}: {text}");
            assert!(answer.headers["content-security-policy"].starts_with("default-src 'none'"), "{to}");
            assert!(
                !text.contains("<script") && !text.contains("http:") && !text.contains("https:"),
                "{to}: nothing from elsewhere"
            );
        }
    }
    assert!(
        served.get("/evidence?login=camille&host=LABO-PC-01&date=2021-12-08").text().contains("camille@LABO-PC-01")
    );
    // An address is read as it is meant, however it is written.
    assert_eq!(served.get("/sessions%2Ecsv").text(), served.get("/sessions.csv").text());
    // Days of other ages are drawn by nobody.
    for view in ["seats", "week", "day", "hours", "lengths", "year"] {
        for day in ["-262143-01-01", "+262142-12-31", "0001-01-01", "1970-01-01", "2400-12-31"] {
            let answer = served.get(&format!("/graphs/{view}?since={day}&until=%2B262142-12-31&date={day}&year=9999"));
            assert!(answer.status == 200 && answer.body.len() < 2_000_000, "{view} {day}: {}", answer.body.len());
        }
    }
    for path in [
        "/nothing",
        "/users/nobody",
        "/graphs/none",
        "/workbooks/2021-12/..%2f..%2fjeton.db",
        "/sessions.pdf",
        "/%ff",
        "/../jeton.key",
    ] {
        assert_eq!(served.get(path).status, 404, "{path}");
    }
    let host = served.host().to_owned();
    let raw = |head: String| served.send(&head).status;
    assert_eq!(raw(format!("GET / HTTP/1.1\r\nHost: {host}")), 401);
    assert_eq!(raw(format!("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: jeton=x\r\nX-Remote-User: admin")), 401);
    assert_eq!(raw(format!("GET / HTTP/1.1\r\nHost: evil.example\r\nCookie: jeton={}", served.token())), 403);
    assert_eq!(
        raw(format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nCookie: jeton={}", served.token())),
        405
    );
    assert_eq!(raw("nonsense".to_owned()), 400);
    assert!([431, 414, 400].contains(&raw(format!("GET /{} HTTP/1.1\r\nHost: {host}", "x".repeat(1 << 20)))));
    // The secret becomes a cookie, and goes from the address.
    let welcome = served.send(&format!("GET /?token={}&lang=en HTTP/1.1\r\nHost: {host}", served.token()));
    assert_eq!((welcome.status, welcome.headers["location"].as_str()), (303, "/?lang=en"));
    assert!(welcome.headers["set-cookie"].ends_with("HttpOnly; SameSite=Strict"));
}

#[test]
fn a_page_that_is_told_to_stop_stops_without_a_word() {
    let lab = lab();
    let mut child = command(&lab.path("")).arg("serve").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let stopped = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(stopped.success() && done.status.signal() == Some(15), "{done:?}");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
}

/// The logins of the rows that a search shows.
fn logins(answer: &Answer) -> BTreeSet<String> {
    let text = answer.text();
    text.match_indices("href=\"/users/")
        .map(|(at, _)| text[at..].split(['>', '<']).nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn the_search_finds_parts_of_words_whose_conditions_all_hold() {
    let lab = lab();
    let served = Served::by(&lab);
    let found = |query: &str| logins(&served.get(&format!("/sessions?since=2021-12-01&{query}")));
    let of = |logins: &[&str]| -> BTreeSet<String> { logins.iter().map(|login| (*login).to_owned()).collect() };
    assert_eq!(found("login=NA"), of(&["nadia"]));
    assert_eq!(found("login=eloise"), of(&["Éloïse Martin"]), "case and accents do not matter");
    assert_eq!(found("machine=pc-0&department=dpt1"), of(&["camille", "hugo", "Éloïse Martin"]));
    assert_eq!(found("machine=pc-0&department=dpt1&outlet=rj1"), of(&["camille"]));
    assert_eq!(found("state=open"), of(&["omar"]));
    assert_eq!(found("ip=10.20.12.&login=invite"), of(&["invite"]));
    assert_eq!(found("login=nobody"), of(&[]));
    // Sorted, and page by page, every row once.
    let starts = |query: &str| -> Vec<String> {
        let text = served.get(&format!("/sessions?since=2021-12-01&{query}")).text();
        text.lines()
            .filter(|line| line.starts_with("<tr><td>"))
            .map(|line| line.split("<td>").nth(3).unwrap().to_owned())
            .collect()
    };
    let all = starts("sort=start");
    let pages: Vec<String> = (1..=4).flat_map(|page| starts(&format!("sort=start&size=5&page={page}"))).collect();
    assert_eq!((all.len(), &pages), (16, &all));
    let mut reversed = starts("sort=start&reverse=1");
    reversed.reverse();
    assert_eq!(reversed, all);
    assert!(starts("size=5&page=99").is_empty());
}

#[test]
fn downloads_are_the_rows_of_the_command() {
    let lab = lab();
    let served = Served::by(&lab);
    let csv = lab.jeton("sessions --format csv").exits(0).out;
    let answer = served.get("/sessions.csv?since=2021-12-01");
    assert_eq!(answer.text(), csv);
    assert_eq!(answer.headers["content-disposition"].split(';').next(), Some("attachment"));
    let json: serde_json::Value = serde_json::from_slice(&served.get("/sessions.json?since=2021-12-01").body).unwrap();
    assert_eq!(json.as_array().unwrap().len(), truth().len());
    for end in ["ods", "xlsx"] {
        let path = lab.path(&format!("found.{end}"));
        fs::write(&path, served.get(&format!("/sessions.{end}?since=2021-12-01&login=na")).body).unwrap();
        assert_eq!(Workbook::read(&path).sessions().len(), 1, "{end}");
    }
    let book = served.get("/workbooks/2021-12/DPT1-2021-12.ods").body;
    assert_eq!(book, fs::read(lab.path("out/reports/2021-12/DPT1-2021-12.ods")).unwrap());
}

#[test]
fn figures_are_those_of_the_workbooks_and_commands() {
    let lab = lab();
    let served = Served::by(&lab);
    let everything = "since=2021-12-08&until=2021-12-10&weekdays=1,2,3,4,5,6,7";
    for (by, command) in [("department", "department"), ("user", "user"), ("machine", "machine")] {
        let used = rows_of(&lab.jeton(&format!("usage --since 2021-12-08 --by {command} --format csv")).exits(0).out);
        let text = served.get(&format!("/graphs/hours?by={by}&lang=en&{everything}")).text();
        for row in used {
            let hours = format!(
                "<td>{}</td><td class=\"number\">{:.1}</td>",
                row[command].trim_start_matches('\''),
                row["use_s"].parse::<f64>().unwrap() / 3600.0
            );
            assert!(text.contains(&hours), "{by}: {hours} in {text}");
        }
    }
    let seats = rows_of(&lab.jeton("seats --since 2021-12-08 --format csv").exits(0).out);
    let text = served.get("/graphs/seats?lang=en&since=2021-12-08&until=2021-12-10").text();
    for row in seats.iter().filter(|row| !row["peak"].is_empty()) {
        let cells = format!(
            "<td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>",
            row["date"], row["hour"], row["peak"]
        );
        assert!(text.contains(&cells), "{cells}");
    }
    graphs_of_a_period_are_the_commands(&lab, &served, &seats);
    // Days that no log knows are no quiet days.
    assert!(served.get("/graphs/seats?since=2021-12-01&until=2021-12-10").text().contains("class=\"unknown\""));
}

/// The numbers beside a graph: its rows, each as the texts of its cells.
fn numbers(served: &Served, path: &str) -> Vec<Vec<String>> {
    let text = served.get(path).text();
    let body =
        text.split("<tbody>").nth(1).unwrap_or_else(|| panic!("{path}: no table")).split("</tbody>").next().unwrap();
    let cells = |row: &str| -> Vec<String> {
        row.split("<td").skip(1).map(|cell| cell.split(['>', '<']).nth(1).unwrap().to_owned()).collect()
    };
    body.split("<tr>").skip(1).map(cells).collect()
}

/// A year, a week and lengths, against `jeton usage` and `jeton seats`.
fn graphs_of_a_period_are_the_commands(lab: &Lab, served: &Served, seats: &[crate::support::Row]) {
    let used = rows_of(&lab.jeton("usage --since 2021-12-08 --by month --format csv").exits(0).out);
    let december = &numbers(served, "/graphs/year?lang=en&weekdays=1,2,3,4,5,6,7")[11];
    assert_eq!(december[2], format!("{:.1}", used[0]["use_s"].parse::<f64>().unwrap() / 3600.0));
    let counted = numbers(served, "/graphs/lengths?lang=en&since=2021-12-08&until=2021-12-10");
    let sessions: u32 = counted.iter().map(|row| row[1].parse::<u32>().unwrap()).sum();
    assert_eq!(sessions.to_string(), used[0]["sessions_begun"]);
    // Of more than a week, a row per day: its greatest hour, the mean of what is known of it, and all refusals.
    for row in numbers(served, "/graphs/seats?lang=en&since=2021-11-20&until=2021-12-10") {
        let number = |row: &crate::support::Row, name: &str| row[name].parse::<f64>().unwrap_or_default();
        let of_day: Vec<_> = seats.iter().filter(|hour| hour["date"] == row[0] && hour["known_s"] != "0").collect();
        if of_day.is_empty() {
            assert_eq!(row[1..], ["–"; 4].map(str::to_owned), "{}", row[0]);
            continue;
        }
        let peak = of_day.iter().map(|hour| number(hour, "peak")).fold(0.0, f64::max);
        let denied: f64 = of_day.iter().map(|hour| number(hour, "denied_true")).sum();
        assert_eq!((row[1].as_str(), row[4].as_str()), (&*peak.to_string(), &*denied.to_string()), "{}", row[0]);
        // Hours of which nothing is said are known, and quiet.
        let out: f64 = of_day.iter().map(|hour| number(hour, "mean") * 3600.0).sum();
        let unknown: f64 =
            seats.iter().filter(|hour| hour["date"] == row[0]).map(|hour| 3600.0 - number(hour, "known_s")).sum();
        // The last night was at half past five in the afternoon.
        let hours = if row[0] == "2021-12-10" { 18.0 } else { 24.0 };
        let mean = out / (hours * 3600.0 - unknown);
        assert!((row[2].parse::<f64>().unwrap() - mean).abs() < 0.006, "{row:?}: {mean}");
    }
    // One Wednesday, Thursday and Friday: the means of their hours.
    let week = numbers(served, "/graphs/week?lang=en&since=2021-12-08&until=2021-12-10");
    let whole: Vec<_> = seats.iter().filter(|row| row["known_s"] == "3600").collect();
    assert!(whole.len() > 20);
    for row in whole {
        let (day, hour): (usize, usize) = (row["date"][8..].parse().unwrap(), row["hour"].parse().unwrap());
        let shown: f64 = week[day - 6][hour + 1].parse().unwrap();
        assert!((shown - row["mean"].parse::<f64>().unwrap()).abs() < 0.006, "{row:?}: {shown}");
    }
    assert!(week[0].iter().skip(1).all(|mean| mean == "–"), "no Monday is known: {:?}", week[0]);
}

/// What names people, machines and places of a department.
fn names_of(department: &str) -> BTreeSet<String> {
    let rows = truth();
    let (own, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["department"] == department);
    let names = |rows: &[&crate::support::Row]| -> BTreeSet<String> {
        let cells = rows.iter().flat_map(|row| {
            ["login", "host", "ip", "mac", "outlet"].map(|column| row[column].trim_start_matches('\'').to_owned())
        });
        cells.filter(|name| name.len() > 3).collect()
    };
    names(&own).difference(&names(&others)).cloned().collect()
}

/// What the reader of one department must never see.
fn foreign_to_one() -> BTreeSet<String> {
    let foreign: BTreeSet<String> = names_of("DPT2").union(&names_of("")).cloned().collect();
    assert!(foreign.len() > 10 && !names_of("DPT1").is_empty(), "{foreign:?}");
    foreign
}

/// Asks as that reader, and expects nothing foreign in the answer.
#[track_caller]
fn is_clean(served: &Served, foreign: &BTreeSet<String>, path: &str) -> Answer {
    let answer = served.get_as("une", path);
    let seen = String::from_utf8_lossy(&answer.body).into_owned();
    let found: Vec<&String> = foreign.iter().filter(|name| seen.contains(name.as_str())).collect();
    assert!(found.is_empty(), "{path}: {found:?} in {seen}");
    answer
}

#[test]
fn a_reader_sees_no_row_byte_or_count_of_another_department() {
    let (_lab, served) = lab_for_readers("");
    let foreign = foreign_to_one();
    let is_clean = |path: &str| is_clean(&served, &foreign, path);
    for path in VIEWS.iter().chain(&["/anomalies", "/sessions.csv?since=2021-12-01", "/sessions.json?since=2021-12-01"])
    {
        assert!([200, 404].contains(&is_clean(path).status), "{path}");
    }
    assert!(is_clean("/sessions?since=2021-12-01&lang=en").text().contains("Rows found: 6"));
    for path in [
        "/users/nadia",
        "/machines/PHYS-PC-06",
        "/outlets/J2B06-01",
        "/addresses/10.20.12.16",
        "/workbooks/2021-12/DPT2-2021-12.ods",
        "/workbooks/2021-12/LABO-2021-12.xlsx",
    ] {
        assert_eq!(served.get_as("une", path).status, 404, "{path}");
        assert_eq!(served.get_as("chef", path).status, 200, "{path}");
    }
    assert_eq!(served.get_as("une", "/workbooks/2021-12/DPT1-2021-12.ods").status, 200);
    assert_eq!(served.get_as("une", "/evidence?login=camille&host=LABO-PC-01&date=2021-12-08").status, 403);
    assert_eq!(served.get_as("autre", "/now").status, 403);
}

#[test]
fn whatever_a_reader_asks_nothing_foreign_comes_back() {
    /// What is asked holds no name that could come back as it is.
    const PATHS: [&str; 12] = [
        "/sessions",
        "/sessions.csv",
        "/sessions.json",
        "/graphs/day",
        "/graphs/hours",
        "/graphs/year",
        "/graphs/seats",
        "/graphs/week",
        "/graphs/lengths",
        "/now",
        "/anomalies",
        "/workbooks",
    ];
    const NAMES: &str = "since until machine login department outlet ip info state sort reverse page size by step date from to \
                         weekdays year lang";
    const VALUES: &str = "2021-12-08 2021-12-09 2021-12-01 1 2 9999999 pc na DPT2 dpt open closed duration_s login user department 0 -1 \
                          %27 '+OR+1=1+-- .. 2021 * % _ é";
    let (_lab, served) = lab_for_readers("");
    let foreign = foreign_to_one();
    let (names, values): (Vec<&str>, Vec<&str>) = (NAMES.split(' ').collect(), VALUES.split(' ').collect());
    let mut random = Random::new(11);
    for _ in 0..10_000 {
        let n = random.index(6);
        let query: Vec<String> = (0..n).map(|_| format!("{}={}", random.pick(&names), random.pick(&values))).collect();
        is_clean(&served, &foreign, &format!("{}?{}", random.pick(&PATHS), query.join("&")));
    }
}

#[test]
fn what_does_not_come_through_the_proxy_is_refused() {
    let (lab, served) = lab_for_readers("");
    let status = |headers: &str| served.send(&format!("GET /now HTTP/1.1\r\nHost: page{headers}")).status;
    assert_eq!(status("\r\nX-Remote-User: chef"), 200);
    assert_eq!(status(""), 401);
    assert_eq!(status("\r\nX-Remote-User: une\r\nX-Remote-User: chef"), 400);
    assert_eq!(status("\r\nX-Remote-User: une, chef"), 403);
    assert_eq!(status("\r\nX-Remote-User: Chef"), 403);
    // Another user of this machine, where there is one to be.
    let other = lab.edit("jeton.toml", |text| {
        text.replace("proxy_users = [\"root\"]", "proxy_users = [\"nobody\"]").replace("page.sock", "other.sock")
    });
    if other.text("jeton.toml").contains("\"nobody\"") {
        let refused = Served::by(&other);
        let answer = refused.get_as("chef", "/now");
        assert_eq!(answer.status, 403);
        assert!(!answer.text().contains("omar"));
    }
}

/// A proxy that runs until this is dropped.
struct Proxy(Child, u16);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Proxy {
    /// Starts a proxy on a port of its own, and waits until it listens.
    fn start(program: &str, arguments: &[&str], port: u16) -> Self {
        let child =
            std::process::Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{program}, which tests/run installs: {error}"));
        let proxy = Self(child, port);
        let begin = std::time::Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed().as_secs() < 60, "{program} does not listen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        proxy
    }

    /// Asks as a user with a password, and says somebody else in the header.
    fn get(&self, user: &str, path: &str, forged: &str) -> Answer {
        let login = BASE64_STANDARD.encode(format!("{user}:secret"));
        let mut stream = TcpStream::connect(("127.0.0.1", self.1)).unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {login}\r\n{forged}Connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        read(stream)
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The passwords of both readers and of the admin, as both proxies read them.
fn passwords(lab: &Lab) -> String {
    let hash = BASE64_STANDARD.encode(Sha1::digest(b"secret"));
    let lines = ["une", "deux", "chef", "autre"].map(|user| format!("{user}:{{SHA}}{hash}\n"));
    fs::write(lab.path("htpasswd"), lines.concat()).unwrap();
    lab.path("htpasswd").display().to_string()
}

/// What each proxy of the templates has to do.
#[track_caller]
fn expect_a_good_proxy(proxy: &Proxy, log: &std::path::Path) {
    const FORGED: &str = "X-Remote-User: chef\r\n";
    for forged in ["", FORGED, "x-remote-user: chef\r\nX-Remote-User: deux\r\n"] {
        let answer = proxy.get("une", "/sessions?since=2021-12-01&login=a&lang=en", forged);
        assert_eq!(answer.status, 200, "{forged}");
        let text = answer.text();
        assert!(text.contains("camille") && !text.contains("nadia"), "{forged}: {text}");
    }
    assert!(proxy.get("chef", "/sessions?since=2021-12-01&login=a", "").text().contains("nadia"));
    assert_eq!(proxy.get("autre", "/now", "").status, 403, "no admin has named them");
    assert_eq!(proxy.get("nobody", "/now", FORGED).status, 401, "no password");
    assert_eq!(proxy.get("chef", "/workbooks/2021-12/..%2f..%2fjeton.key", "").status / 100, 4);
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("GET /sessions\"") && !log.contains("login=a"), "{log}");
}

#[test]
fn behind_nginx_everybody_is_who_nginx_says() {
    let (lab, served) = lab_for_readers("");
    let (port, log) = (free_port(), lab.path("access.log"));
    let site = include_str!("../../templates/nginx.conf")
        .replace("unix:/run/jeton-page/page.sock", &served.address)
        .replace("443 ssl", &format!("127.0.0.1:{port}"))
        .replace("/etc/nginx/jeton.htpasswd", &passwords(&lab))
        .replace("/var/log/nginx/jeton.log", &log.display().to_string())
        .lines()
        .filter(|line| !line.trim().starts_with("ssl_"))
        .collect::<Vec<_>>()
        .join("\n");
    let folder = lab.path("").display().to_string();
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {folder}/{name};"));
    let config = format!(
        "daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;\nevents {{}}\nhttp {{ {}\n{site} }}\n",
        temporary.concat()
    );
    fs::write(lab.path("nginx.conf"), config).unwrap();
    let file = lab.path("nginx.conf").display().to_string();
    expect_a_good_proxy(&Proxy::start("/usr/sbin/nginx", &["-p", &folder, "-c", &file, "-e", "stderr"], port), &log);
}

#[test]
fn behind_apache_everybody_is_who_apache_says() {
    let (lab, served) = lab_for_readers("");
    let (port, log) = (free_port(), lab.path("access.log"));
    let socket = served.address.trim_start_matches("unix:").to_owned();
    let site = include_str!("../../templates/apache.conf")
        .replace("/run/jeton-page/page.sock", &socket)
        .replace("*:443", &format!("127.0.0.1:{port}"))
        .replace("/etc/apache2/jeton.htpasswd", &passwords(&lab))
        .replace("/var/log/apache2/jeton.log", &log.display().to_string())
        .lines()
        .filter(|line| !line.trim().starts_with("SSL"))
        .collect::<Vec<_>>()
        .join("\n");
    let modules = [
        "mpm_event",
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_user",
        "auth_basic",
        "headers",
        "proxy",
        "proxy_http",
    ];
    let load =
        modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")).concat();
    let folder = lab.path("").display().to_string();
    // Whoever is root would run it as another user; the page lets in whoever runs the tests.
    let config = format!(
        "ServerRoot {folder}\nServerName localhost\nPidFile {folder}/apache.pid\nErrorLog {folder}/error.log\nDefaultRuntimeDir {folder}\n\
         {load}User #65534\nGroup #65534\nListen 127.0.0.1:{port}\n{site}"
    );
    let config = if served_by_root() { config } else { config.replace("User #65534\nGroup #65534\n", "") };
    fs::write(lab.path("apache.conf"), config).unwrap();
    open_to_all(&lab);
    let file = lab.path("apache.conf").display().to_string();
    let served = if served_by_root() {
        drop(served);
        // Apache's workers are never root.
        let nobody =
            lab.edit("jeton.toml", |text| text.replace("proxy_users = [\"root\"]", "proxy_users = [\"nobody\"]"));
        let served = Served::by(&nobody);
        let proxy = Proxy::start("/usr/sbin/apache2", &["-X", "-f", &file], port);
        expect_a_good_proxy(&proxy, &log);
        drop(proxy);
        served
    } else {
        expect_a_good_proxy(&Proxy::start("/usr/sbin/apache2", &["-X", "-f", &file], port), &log);
        served
    };
    drop(served);
}

fn served_by_root() -> bool {
    std::process::Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n")
}

/// Lets another user reach the socket and the passwords in the laboratory's folder.
fn open_to_all(lab: &Lab) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(lab.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn readers_see_pseudonyms_where_heads_do_and_cannot_ask_for_names() {
    let (lab, served) = lab_for_readers("[privacy]\nheads = \"pseudonyms\"\n");
    lab.jeton("nightly --no-push").exits(0);
    let names: BTreeSet<String> = names_of("DPT1");
    let text = served.get_as("une", "/sessions?since=2021-12-01&lang=en").text();
    assert!(text.contains("Rows found: 6") && names.iter().all(|name| !text.contains(name.as_str())), "{text}");
    assert!(served.get_as("une", "/sessions?since=2021-12-01&login=cami&lang=en").text().contains("Nothing was found"));
    let pseudonym = logins(&served.get_as("une", "/sessions?since=2021-12-01")).into_iter().next().unwrap();
    assert!(pseudonym.starts_with('~'));
    assert_eq!(served.get_as("une", &format!("/users/{pseudonym}")).status, 200);
    assert!(served.get_as("chef", "/sessions?since=2021-12-01&login=cami").text().contains("camille"));
}

#[test]
fn a_ledger_that_cannot_be_read_is_a_page_that_says_so() {
    let lab = Lab::complete();
    let served = Served::by(&lab);
    let answer = served.get("/now?lang=en");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("There has been no night yet"));
    // The first night, and it is there.
    lab.jeton("nightly --no-push").exits(0);
    assert_eq!(served.get("/now").status, 200);
    fs::write(lab.path("out/jeton.db"), "no ledger at all, and long enough for a header of a database".repeat(40))
        .unwrap();
    let answer = served.get("/sessions?lang=en");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("cannot be read"), "{}", answer.text());
}
