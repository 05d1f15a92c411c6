//! Pages as blocks, and blocks as HTML.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse;

use super::access::Reason;
use super::chart::Chart;
use super::query::Query;
use crate::config::Config;
use crate::texts::{Language, Texts};

/// How everything looks, in light and dark.
pub(super) const STYLE: &str = include_str!("../../templates/page/style.css");

/// A page.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Its title.
    pub(super) title: String,
    /// The path of the tab that it belongs to.
    pub(super) tab: &'static str,
    /// What is on it.
    pub(super) blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Debug)]
pub(super) enum Block {
    /// A heading.
    Heading(String),
    /// A remark.
    Note(String),
    /// A remark that should be seen.
    Alert(String),
    /// Addresses to go on to.
    Links(Vec<Link>),
    /// What can be asked.
    Form(Form),
    /// Names with what is known of them.
    Facts(Vec<(String, Cell)>),
    /// Rows.
    Table(Table),
    /// A picture, whose numbers are in the table behind it.
    Chart(Chart),
}

/// An address with what it is called.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) text: String,
    pub(super) to: String,
    /// Whether it leads to where one is.
    pub(super) is_here: bool,
}

/// A form, which asks by its address alone.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) action: &'static str,
    pub(super) fields: Vec<Field>,
    /// What is asked as well, and not shown.
    pub(super) hidden: Vec<(String, String)>,
    pub(super) submit: String,
}

/// A field of a form.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) input: Input,
}

/// What is entered in a field.
#[derive(Debug)]
pub(super) enum Input {
    /// Text of a kind: `search`, `date`, `number`.
    Text { kind: &'static str, value: String },
    /// One of several: value, words, and whether it is chosen.
    Choice(Vec<(String, String, bool)>),
    /// Any of several.
    Any(Vec<(String, String, bool)>),
}

/// Rows with a header.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What it is.
    pub(super) caption: String,
    /// Its columns.
    pub(super) columns: Vec<Column>,
    /// Its rows, each with a cell per column.
    pub(super) rows: Vec<Vec<Cell>>,
    /// Whether it stands behind a word that opens it: the numbers of a chart.
    pub(super) is_folded: bool,
}

/// A column of a table.
#[derive(Debug, Default, Clone)]
pub(super) struct Column {
    pub(super) title: String,
    /// The address that sorts by it.
    pub(super) sort: Option<String>,
    /// `ascending` or `descending`, where rows are sorted by it.
    pub(super) sorted: &'static str,
    pub(super) is_number: bool,
}

impl Column {
    /// Of words.
    pub(super) fn text(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    /// Of numbers.
    pub(super) fn number(title: &str) -> Self {
        Self { is_number: true, ..Self::text(title) }
    }
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) to: Option<String>,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), to: None }
    }

    pub(super) fn link(text: impl Into<String>, to: String) -> Self {
        Self { text: text.into(), to: Some(to) }
    }
}

/// What a request is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// A page.
    View(View),
    /// A file: its name, its type, and its bytes.
    File { name: String, mime: &'static str, bytes: Vec<u8> },
    /// There is no such page.
    NotFound,
    /// They may not see it.
    NotYours,
    /// The ledger cannot be asked now, and why.
    Unready(String),
}

impl Answer {
    pub(super) fn into_response(self, config: &Config, language: Language) -> Response<Body> {
        let texts = language.texts();
        let alone = |status, path: &str, detail: Option<String>| {
            let blocks = std::iter::once(Block::Alert(texts.get(path).to_owned())).chain(detail.map(Block::Note));
            page(
                status,
                &View { title: texts.get("page.title").to_owned(), tab: "", blocks: blocks.collect() },
                config,
                language,
            )
        };
        match self {
            Self::View(view) => page(StatusCode::OK, &view, config, language),
            Self::File { name, mime, bytes } => {
                // A name that any system takes (RFC 6266, 4.1), and the same for those who read it in full.
                let plain: String = name
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
                    .collect();
                let full = super::query::escaped(&name);
                let disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}");
                ([(header::CONTENT_TYPE, mime.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes)
                    .into_response()
            }
            Self::NotFound => alone(StatusCode::NOT_FOUND, "page.not_found", None),
            Self::NotYours => alone(StatusCode::FORBIDDEN, "page.not_yours", None),
            Self::Unready(reason) => alone(StatusCode::SERVICE_UNAVAILABLE, "page.no_ledger", Some(reason)),
        }
    }
}

/// That a request is not answered, and why.
pub(super) fn refusal(status: StatusCode, reason: Reason, language: Language) -> Response<Body> {
    let texts = language.texts();
    let blocks = vec![Block::Alert(texts.get(reason.path()).to_owned())];
    let view = View { title: texts.get("page.title").to_owned(), tab: "", blocks };
    html(status, &Page { site: "", language, texts, view: &view, tabs: Vec::new() })
}

fn page(status: StatusCode, view: &View, config: &Config, language: Language) -> Response<Body> {
    let texts = language.texts();
    let tabs = TABS.map(|(path, name)| Link {
        text: texts.get(name).to_owned(),
        to: path.to_owned(),
        is_here: view.tab == path,
    });
    html(status, &Page { site: &config.site.name, language, texts, view, tabs: tabs.into() })
}

/// The tabs, in their order.
const TABS: [(&str, &str); 5] = [
    ("/now", "page.now"),
    ("/sessions", "page.sessions"),
    ("/graphs/day", "page.graphs"),
    ("/workbooks", "page.workbooks"),
    ("/anomalies", "page.anomalies"),
];

fn html(status: StatusCode, page: &Page<'_>) -> Response<Body> {
    match page.render() {
        Ok(text) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Template)]
#[template(path = "page/page.html")]
struct Page<'a> {
    site: &'a str,
    language: Language,
    texts: &'static Texts,
    view: &'a View,
    tabs: Vec<Link>,
}

impl Page<'_> {
    fn said(&self, path: &str) -> String {
        self.texts.get(path).to_owned()
    }
}

/// The language that is asked for: by the address, else by the browser, else the site's.
pub(super) fn language(headers: &HeaderMap, query: Option<&str>, site: Language) -> Language {
    let named = |code: &str| [Language::French, Language::English].into_iter().find(|language| language.code() == code);
    if let Some(asked) = Query::of(query).text("lang").and_then(named) {
        return asked;
    }
    let wishes = headers.get(header::ACCEPT_LANGUAGE).and_then(|wishes| wishes.to_str().ok()).unwrap_or_default();
    let mut wishes: Vec<(f64, Language)> = wishes
        .split(',')
        .filter_map(|wish| {
            let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(1.0);
            Some((weight, named(tag.trim().get(..2)?.to_lowercase().as_str())?))
        })
        .filter(|(weight, _)| *weight > 0.0)
        .collect();
    // Stable: of equal wishes, the first.
    wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
    wishes.first().map_or(site, |(_, language)| *language)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_is_what_the_address_or_the_browser_wants() {
        let of = |wishes: &str, query: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(wishes).unwrap());
            language(&headers, query, Language::French)
        };
        for (wishes, query, expected) in [
            ("en-GB,en;q=0.9,fr;q=0.8", None, Language::English),
            ("de,fr;q=0.4,en;q=0.6", None, Language::English),
            ("de-DE", None, Language::French),
            ("en;q=0", None, Language::French),
            ("en", Some("lang=fr"), Language::French),
            ("fr", Some("x=1&lang=en"), Language::English),
            ("fr", Some("lang=xx"), Language::French),
            ("", None, Language::French),
        ] {
            assert_eq!(of(wishes, query), expected, "{wishes} {query:?}");
        }
    }

    #[test]
    fn what_people_are_called_is_text_and_never_markup() {
        let name = "<script>alert('1')</script>&\"";
        let table = Table {
            caption: name.to_owned(),
            columns: vec![Column::text(name)],
            rows: vec![vec![Cell::link(name, "/users/x".to_owned())]],
            is_folded: false,
        };
        let field = Field {
            name: "login",
            label: name.to_owned(),
            input: Input::Text { kind: "search", value: name.to_owned() },
        };
        let form = Form {
            action: "/sessions",
            fields: vec![field],
            hidden: vec![("a".to_owned(), name.to_owned())],
            submit: name.to_owned(),
        };
        let blocks =
            vec![Block::Heading(name.to_owned()), Block::Table(table), Block::Form(form), Block::Note(name.to_owned())];
        let view = View { title: name.to_owned(), tab: "/now", blocks };
        let page = Page {
            site: name,
            language: Language::English,
            texts: Language::English.texts(),
            view: &view,
            tabs: Vec::new(),
        };
        let html = page.render().unwrap();
        assert!(
            !html.contains("<script") && !html.contains("alert('1')") && html.contains("&#60;script&#62;"),
            "{html}"
        );
    }
}
