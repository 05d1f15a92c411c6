//! The page in Debian's Chromium: with a keyboard alone, without scripts, on a telephone, in the dark, and before axe-core.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use fs_err as fs;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::office::{converted, with_libreoffice};
use crate::page::{Served, VIEWS, lab};
use crate::support::{DEBUG_LOG, LOGWATCH, Lab};

/// A browser of its own, open until this is dropped.
struct Browser {
    driver: Child,
    /// Kept open: a driver that cannot speak stops.
    _said: BufReader<ChildStdout>,
    runtime: Runtime,
    client: Option<Client>,
    /// Where downloads go, and what the browser remembers.
    folder: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let _ = self.runtime.block_on(client.close());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// How a browser differs from the usual one.
#[derive(Default)]
struct Manner {
    flags: &'static [&'static str],
    is_without_scripts: bool,
    /// As wide as this in pixels, as telephones are.
    width: Option<u32>,
}

impl Browser {
    fn start(manner: &Manner) -> Self {
        let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
        let mut driver = driver.unwrap_or_else(|error| panic!("chromedriver, which tests/run installs: {error}"));
        // Its first line says the port that was asked for, which is none in particular.
        let mut said = BufReader::new(driver.stdout.take().unwrap());
        let port = (&mut said).lines().map_while(Result::ok).find_map(|line| {
            line.rsplit_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
        });
        let folder = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ]
        .iter()
        .chain(manner.flags)
        .map(|flag| (*flag).to_owned())
        .collect();
        flags.push(format!("--user-data-dir={}", folder.path().join("profile").display()));
        let mut chrome = json!({
            "args": flags,
            "prefs": {
                "download.default_directory": folder.path(),
                "download.prompt_for_download": false,
                "intl.accept_languages": "fr",
            },
        });
        if manner.is_without_scripts {
            chrome["prefs"]["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        if let Some(width) = manner.width {
            chrome["mobileEmulation"] = json!({"deviceMetrics": {"width": width, "height": 740, "pixelRatio": 2.0}});
        }
        let capabilities = json!({"browserName": "chrome", "goog:chromeOptions": chrome});
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let address = format!("http://127.0.0.1:{}", port.expect("the port of chromedriver"));
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&address).await.unwrap()
        });
        Self { driver, _said: said, runtime, client: Some(client), folder }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    fn go(&self, address: &str) {
        self.runtime.block_on(self.client().goto(address)).unwrap();
    }

    fn address(&self) -> String {
        self.runtime.block_on(self.client().current_url()).unwrap().to_string()
    }

    /// The texts of what a selector finds, as somebody sees them.
    fn texts(&self, selector: &str) -> Vec<String> {
        self.runtime.block_on(async {
            let mut texts = Vec::new();
            for element in self.client().find_all(Locator::Css(selector)).await.unwrap() {
                texts.push(element.text().await.unwrap());
            }
            texts
        })
    }

    fn click(&self, locator: Locator<'_>) {
        self.runtime.block_on(async { self.client().find(locator).await.unwrap().click().await }).unwrap();
    }

    /// Clicks on what leads to another page, and waits for that: a click may be over before the way there begins, and the
    /// browser itself waits from then on.
    fn follow(&self, locator: Locator<'_>) {
        self.runtime.block_on(async {
            let old = self.client().find(Locator::Css("body")).await.unwrap();
            self.client().find(locator).await.unwrap().click().await.unwrap();
            let begin = Instant::now();
            while old.tag_name().await.is_ok() {
                assert!(begin.elapsed() < Duration::from_secs(60), "{locator:?} leads nowhere");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }

    /// Fills in a field, and nothing else.
    fn fill(&self, field: &str, text: &str) {
        self.runtime.block_on(async {
            let element = self.client().find(Locator::Css(&format!("[name={field}]"))).await.unwrap();
            element.clear().await.unwrap();
            element.send_keys(text).await.unwrap();
        });
    }

    /// Types where the focus is.
    fn types(&self, keys: &str) {
        self.runtime.block_on(async { self.client().active_element().await.unwrap().send_keys(keys).await }).unwrap();
    }

    fn presses(&self, key: Key) {
        self.types(&char::from(key).to_string());
    }

    /// What a script of the test, not of the page, learns of it.
    fn learns(&self, script: &str) -> Value {
        self.runtime.block_on(self.client().execute(script, Vec::new())).unwrap()
    }

    /// Waits for a file that somebody downloads.
    fn downloaded(&self, end: &str) -> std::path::PathBuf {
        let begin = Instant::now();
        loop {
            let found = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
            if let Some(path) = found.into_iter().find(|path| path.extension().is_some_and(|found| found == end)) {
                return path;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "no .{end}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The laboratory of the fixtures, with the names of the first search that was ever asked for.
fn lab_of_the_examples() -> Lab {
    let renamed = |text: &str| text.replace("camille", "canaille").replace("LABO-PC-01", "salle-234-iut-marseille-01");
    let lab = Lab::complete().edit(LOGWATCH, renamed).edit(DEBUG_LOG, renamed);
    lab.jeton("nightly --no-push");
    lab
}

/// All views, and those that are reached from one alone.
fn views() -> impl Iterator<Item = &'static str> {
    const MORE: [&str; 4] = [
        "/sessions?since=2021-12-01",
        "/sessions?since=2021-12-01&login=nobody",
        "/anomalies",
        "/evidence?login=camille&host=LABO-PC-01&date=2021-12-08",
    ];
    VIEWS.into_iter().chain(MORE)
}

/// What axe-core says keeps somebody from the page that is shown.
fn barriers(browser: &Browser, axe: &str) -> Vec<String> {
    let run = "axe.run(document, {resultTypes: ['violations']}).then(all => done(all.violations))";
    let run = format!("const done = arguments[0]; {axe}; {run}");
    let violations = browser.runtime.block_on(browser.client().execute_async(&run, Vec::new())).unwrap();
    let violations = violations.as_array().expect("a list").iter();
    violations.map(|violation| format!("{} {}", violation["id"], violation["nodes"][0]["html"])).collect()
}

#[test]
fn axe_finds_nothing_on_any_view_light_dark_or_narrow_and_nothing_is_cut_off() {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe/node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(axe).expect("tests/validators fetches it");
    let (lab, manners) = (
        lab(),
        [
            Manner::default(),
            Manner { flags: &["--blink-settings=preferredColorScheme=0"], ..Manner::default() },
            Manner { width: Some(360), ..Manner::default() },
        ],
    );
    let served = Served::by(&lab);
    let mut found = Vec::new();
    for (n, manner) in manners.iter().enumerate() {
        let browser = Browser::start(manner);
        browser.go(&served.address);
        assert_eq!(browser.learns("return matchMedia('(prefers-color-scheme: dark)').matches"), n == 1);
        for view in views() {
            browser.go(&format!("http://{}{view}", served.host()));
            found.extend(barriers(&browser, &axe).iter().map(|barrier| format!("{n} {view}: {barrier}")));
            let width =
                browser.learns("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            if width != 0 {
                found.push(format!("{n} {view}: {width} pixels too wide"));
            }
        }
        // What is asked would have answered.
        browser.learns(
            "document.querySelector('main').innerHTML = '<img src=x><p>grey';
             Object.assign(document.querySelector('main p').style, {color: '#777', background: '#888'})",
        );
        let spoilt = barriers(&browser, &axe).concat();
        assert!(spoilt.contains("image-alt") && spoilt.contains("color-contrast"), "{spoilt}");
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_search_without_scripts_is_sorted_turned_over_and_downloaded() {
    let lab = lab_of_the_examples();
    let served = Served::by(&lab);
    let browser = Browser::start(&Manner { is_without_scripts: true, ..Manner::default() });
    // Scripts of pages do not run.
    browser.go("data:text/html,<p>none</p><script>document.querySelector('p').textContent = 'some'</script>");
    assert_eq!(browser.texts("p"), ["none"]);

    browser.go(&served.address);
    assert!(!browser.address().contains(served.token()), "the secret does not stay in the address");
    browser.follow(Locator::LinkText("Suivi des connexions"));
    browser.go(&browser.address().replace("/sessions", "/sessions?since=2021-12-01"));
    browser.fill("machine", "iut");
    browser.fill("login", "NA");
    browser.follow(Locator::Css("form button"));
    let rows = |browser: &Browser| browser.texts("table tbody tr td:nth-child(1)");
    assert_eq!(rows(&browser), ["canaille", "canaille"]);
    assert_eq!(browser.texts("table tbody tr td:nth-child(2)")[0], "salle-234-iut-marseille-01");

    // By a column, then the other way round.
    browser.fill("machine", "");
    browser.fill("login", "");
    browser.follow(Locator::Css("form button"));
    let newest = rows(&browser);
    assert_eq!(newest.len(), 16);
    let title = "thead th:nth-child(1) a";
    browser.follow(Locator::Css(title));
    let (up, way) = (rows(&browser), browser.texts("th[aria-sort=ascending]"));
    assert_eq!(way.len(), 1);
    browser.follow(Locator::Css(title));
    let mut down = rows(&browser);
    assert_eq!(browser.texts("th[aria-sort=descending]"), way);
    down.reverse();
    assert!(up == down && up != newest, "{up:?} {down:?}");

    // Page by page.
    let by_five = browser.address().replace("size=50", "size=5");
    assert!(by_five.contains("size=5"), "{by_five}");
    browser.go(&by_five);
    let mut seen = rows(&browser);
    while browser.texts("main").concat().contains("Page suivante") {
        browser.follow(Locator::LinkText("Page suivante"));
        seen.extend(rows(&browser));
    }
    seen.reverse();
    assert_eq!(seen, up);

    // What a row rests on, and whose history it is.
    browser.go(&format!("http://{}/sessions?since=2021-12-01&login=canai", served.host()));
    browser.follow(Locator::LinkText("canaille"));
    assert_eq!(browser.texts("h1"), ["Utilisateur canaille"]);
    browser.follow(Locator::LinkText("salle-234-iut-marseille-01"));
    assert!(browser.address().contains("/machines/salle-234-iut-marseille-01"));

    // A file for those who go on with it.
    browser.go(&format!("http://{}/sessions?since=2021-12-01&login=na", served.host()));
    for end in ["ods", "xlsx", "csv"] {
        browser.click(Locator::LinkText(&end.to_uppercase()));
        let path = browser.downloaded(end);
        let text = match end {
            "csv" => fs::read_to_string(&path).unwrap(),
            _ if !with_libreoffice() => continue,
            _ => {
                let made =
                    converted(&[path], "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1");
                let texts: Vec<String> = made.values().map(|path| fs::read_to_string(path).unwrap()).collect();
                texts.concat()
            }
        };
        assert!(text.contains("canaille") && text.contains("nadia") && !text.contains("omar"), "{end}: {text}");
        fs::remove_dir_all(browser.folder.path().join("csv")).unwrap_or_default();
    }
}

#[test]
fn a_keyboard_reaches_everything_sees_where_it_is_and_searches() {
    let lab = lab();
    let served = Served::by(&lab);
    let browser = Browser::start(&Manner::default());
    browser.go(&served.address);
    for view in views() {
        browser.go(&format!("http://{}{view}", served.host()));
        let all = browser.learns(
            "return [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')]
                .filter(one => one.type != 'hidden' && one.checkVisibility()).length",
        );
        // The first one leads past the tabs.
        browser.presses(Key::Tab);
        assert_eq!(browser.learns("return document.activeElement.className"), "skip", "{view}");
        let mut reached = 0;
        loop {
            let here = browser.learns(
                "const one = document.activeElement, style = getComputedStyle(one);
                 if (one == document.body || one.dataset.seen) return null;
                 one.dataset.seen = 1;
                 return [style.outlineStyle, one.outerHTML.slice(0, 90)]",
            );
            if here.is_null() {
                break;
            }
            assert_ne!(here[0], "none", "{view}: {} does not show that it has the focus", here[1]);
            reached += 1;
            // A field for a date has parts of its own.
            let (before, mut tries) = (browser.learns("return document.activeElement.outerHTML"), 0);
            while before == browser.learns("return document.activeElement.outerHTML") && tries < 6 {
                browser.presses(Key::Tab);
                tries += 1;
            }
        }
        assert_eq!(all, reached, "{view}");
    }
    browser.go(&format!("http://{}/sessions?since=2021-12-01", served.host()));
    for _ in 0..100 {
        if browser.learns("return document.activeElement.name") == "login" {
            break;
        }
        browser.presses(Key::Tab);
    }
    browser.types("na");
    browser.presses(Key::Enter);
    let begin = Instant::now();
    while !browser.address().contains("login=na") {
        assert!(begin.elapsed() < Duration::from_secs(60), "{}", browser.address());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(browser.texts("table tbody tr td:nth-child(1)"), ["nadia"]);
}
