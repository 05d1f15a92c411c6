//! What a workbook is made of, as `templates/report.toml` or a site's own copy describes it: which sheets and columns, in
//! which order, under which titles, with which totals, colours and charts.
//!
//! This is the description once it is checked; `config::template` reads it. What a sheet *can* hold is said beside the
//! code that fills it, in `sheets`.

use std::sync::LazyLock;

use super::book::{ChartKind, Kind, Palette, ShadeKind};
use super::sheets::known;
use crate::texts::{Language, Texts};

/// The commented description that comes with jeton, and that `jeton init --template` writes.
pub const TEMPLATE: &str = include_str!("../../templates/report.toml");

/// A whole, checked description of workbooks.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// `[colours]`.
    pub palette: Palette,
    /// The words of the site's language, where `[texts]` says some of them otherwise.
    pub texts: Option<Texts>,
    /// `[[sheets]]`, in the order of their tabs.
    pub sheets: Vec<SheetPlan>,
}

impl Template {
    /// The description that comes with jeton.
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Template> = LazyLock::new(|| {
            // It is part of the program; the tests read it.
            Template::parse(TEMPLATE, Language::default()).expect("the built-in description is right")
        });
        &BUILT_IN
    }

    /// Takes away the columns of costs, where the site says no price: nobody is shown an empty column.
    pub fn leave_out_costs(&mut self) {
        for sheet in &mut self.sheets {
            let names = sheet.kind.columns();
            let is_cost = |column: &ColumnPlan| names[column.column].name == "cost";
            if !sheet.columns.iter().all(is_cost) {
                sheet.columns.retain(|column| !is_cost(column));
            }
        }
    }

    /// The words of workbooks in a language.
    pub fn texts(&self, language: Language) -> &Texts {
        self.texts.as_ref().unwrap_or_else(|| language.texts())
    }
}

/// Whose workbook has a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Book {
    /// Each department's, and that of the machines of none.
    Department,
    /// The site's.
    Site,
}

/// One of `[[sheets]]`.
#[derive(Debug, Clone)]
pub struct SheetPlan {
    /// What it holds.
    pub kind: SheetKind,
    /// Whose workbooks have it.
    pub books: Vec<Book>,
    /// The title of its tab, where not the one in the texts.
    pub title: Option<String>,
    /// The columns of its table, in their order.
    pub columns: Vec<ColumnPlan>,
    /// How many columns at the left stay in sight.
    pub freeze: u16,
    /// Whether the header has filter buttons.
    pub filter: bool,
    /// The key figures of the first page, by their names in [`FIGURES`].
    pub figures: Vec<&'static str>,
    /// Whether the hours of the week show their size as a colour.
    pub scale: bool,
    /// Its charts.
    pub charts: Vec<ChartPlan>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPlan {
    /// Which one, as an index into the known columns of the sheet's kind.
    pub column: usize,
    /// Its title, where not the one in the texts.
    pub title: Option<String>,
    /// How its values are written.
    pub kind: Kind,
    /// How wide it is, in characters; as wide as what it holds where nothing is said.
    pub width: Option<f64>,
    /// What stands above it in the line of totals.
    pub total: Option<Total>,
    /// How its numbers show their size.
    pub shade: Option<ShadeKind>,
}

/// What a column adds up to, over the rows that the filter leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// How many rows have a value.
    Count,
    /// The sum.
    Sum,
    /// The greatest.
    Most,
}

/// A chart, whose numbers are columns of a sheet of the same workbook.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartPlan {
    /// How it is drawn.
    pub kind: ChartKind,
    /// Its title: the name of one under `[chart]` in the texts, or in the site's own words.
    pub title: ChartTitle,
    /// The sheet that holds its numbers.
    pub sheet: SheetKind,
    /// The known column with the names of its points.
    pub categories: usize,
    /// The known columns that were measured.
    pub values: Vec<usize>,
    /// The known column with what may not be passed.
    pub limit: Option<usize>,
    /// When it is drawn; always where nothing is said.
    pub when: Option<When>,
    /// How many rows it shows, from the first on; all where nothing is said.
    pub first: Option<usize>,
    /// The line at which it begins: on the first page below the first line of key figures, else below the table.
    pub line: u32,
    /// How many lines it is high.
    pub lines: u32,
    /// Where it begins, as a share of the sheet's width; from 1 on beside the table.
    pub left: f64,
    /// How wide it is, as a share of the same.
    pub width: f64,
}

/// When a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Where all tokens were out at any time of the period, or somebody was refused one.
    LimitReached,
    /// Where neither was so, or is not known.
    LimitNotReached,
}

/// Every [`When`], by its name in `report.toml`.
pub const WHENS: &[(&str, When)] =
    &[("limit_reached", When::LimitReached), ("limit_not_reached", When::LimitNotReached)];

/// The title of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartTitle {
    /// The text under `[chart]` with this name.
    Named(&'static str),
    /// These words.
    Said(String),
}

/// The names of charts under `[chart]` in the texts.
pub const CHARTS: &[&str] = &[
    "hours",
    "working_hours",
    "token_hours",
    "users",
    "tokens",
    "limit",
    "departments",
    "department_tokens",
    "by_hour",
    "need",
    "at_limit",
    "trend",
];

/// The key figures that a first page can show.
pub const FIGURES: &[&str] = &[
    "hours",
    "working_hours",
    "token_hours",
    "sessions",
    "users",
    "machines",
    "peak",
    "level_95",
    "level_99",
    "denials",
    "false_denials",
    "at_limit",
];

/// What a sheet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SheetKind {
    /// The first page: figures, charts, links.
    Summary,
    /// A line per department.
    Departments,
    /// A line per hour, day, week or month, as the period's length asks.
    Timeline,
    /// A line per hour with use of the seats.
    Tokens,
    /// A line per number of tokens: how long so many were out.
    Need,
    /// A line per day on which tokens ran out.
    Saturated,
    /// A line per occasion on which somebody was refused a token.
    Refusals,
    /// A line per person and machine whose tokens nobody used for long.
    Idle,
    /// A line per month of the last year, beside the year before.
    Trend,
    /// Who has not used anything for months.
    Unused,
    /// A line per piece of a session.
    Sessions,
    /// A line per login.
    Users,
    /// A line per machine.
    Machines,
    /// Weekdays by hours.
    Week,
    /// What is missing or looks wrong.
    Anomalies,
    /// What everything means.
    Readme,
}

impl SheetKind {
    /// Every kind with its name: in templates, and under `[sheet]` and `[about]` in the texts.
    pub const NAMED: &'static [(&'static str, Self)] = &[
        ("summary", Self::Summary),
        ("departments", Self::Departments),
        ("timeline", Self::Timeline),
        ("tokens", Self::Tokens),
        ("need", Self::Need),
        ("saturated", Self::Saturated),
        ("refusals", Self::Refusals),
        ("idle", Self::Idle),
        ("trend", Self::Trend),
        ("unused", Self::Unused),
        ("sessions", Self::Sessions),
        ("users", Self::Users),
        ("machines", Self::Machines),
        ("week", Self::Week),
        ("anomalies", Self::Anomalies),
        ("readme", Self::Readme),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// The columns that its table can have; none where it is no table to choose from.
    pub fn columns(self) -> &'static [Known] {
        known(self)
    }

    /// The known column of that name.
    pub fn column(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|known| known.name == name)
    }
}

/// A column that a kind of sheet can have.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its name: in templates, and under `[column]` and `[readme.column]` in the texts.
    pub name: &'static str,
    /// How its values can be written, the usual way first.
    pub kinds: &'static [Kind],
}

impl Known {
    const fn new(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds }
    }

    /// A column of words.
    pub(super) const fn text(name: &'static str) -> Self {
        Self::new(name, &[Kind::Text])
    }

    /// A column of counts.
    pub(super) const fn count(name: &'static str) -> Self {
        Self::new(name, &[Kind::Integer])
    }

    /// A column of means.
    pub(super) const fn mean(name: &'static str) -> Self {
        Self::new(name, &[Kind::Decimal])
    }

    /// A column of shares.
    pub(super) const fn share(name: &'static str) -> Self {
        Self::new(name, &[Kind::Percent])
    }

    /// A column of days.
    pub(super) const fn day(name: &'static str) -> Self {
        Self::new(name, &[Kind::Date])
    }

    /// A column of moments.
    pub(super) const fn moment(name: &'static str) -> Self {
        Self::new(name, &[Kind::DateTime, Kind::Clock, Kind::Date])
    }

    /// A column of sums of time.
    pub(super) const fn time(name: &'static str) -> Self {
        Self::new(name, &[Kind::Hours, Kind::Duration])
    }
}

/// The ways to write a value, by their names in templates.
pub const KINDS: &[(&str, Kind)] = &[
    ("text", Kind::Text),
    ("integer", Kind::Integer),
    ("decimal", Kind::Decimal),
    ("percent", Kind::Percent),
    ("date", Kind::Date),
    ("clock", Kind::Clock),
    ("datetime", Kind::DateTime),
    ("hours", Kind::Hours),
    ("duration", Kind::Duration),
];
