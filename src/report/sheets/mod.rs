//! A [`ReportInput`] as sheets: one module per kind of sheet, no file format.

mod anomalies;
mod inventory;
mod people;
mod readme;
mod sessions;
mod summary;
mod week;

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;

use super::book::{Cell, Kind, Properties, Role, Rows, Sheet, Table, Value, Workbook, sheet_name};
use super::{ReportInput, Scope};
use crate::texts::Texts;

pub use inventory::{InventoryInput, inventory, told};

/// The sheets of a workbook, in the site's language.
pub fn sheets<'a>(input: &ReportInput<'a>) -> Workbook<'a> {
    let context = Context { input: *input, texts: input.language.texts() };
    let mut sheets = vec![
        summary::sheet(&context),
        sessions::sheet(&context),
        people::users(&context),
        people::machines(&context),
        week::sheet(&context),
        anomalies::sheet(&context),
        readme::sheet(&context),
    ];
    if input.scope == Scope::Site {
        sheets.insert(1, people::departments(&context));
    }
    Workbook { properties: context.properties(), sheets }
}

/// The workbook of a search: its rows alone, below what was searched, a column's stable name with the text for each condition.
pub fn found<'a>(input: &ReportInput<'a>, conditions: &[(&str, &str)]) -> Workbook<'a> {
    let context = Context { input: *input, texts: input.language.texts() };
    let mut sheet = sessions::sheet(&context);
    let told = |(column, text): &(&str, &str)| {
        let column = context.words_of("column", column);
        context.texts.fill("search.condition", &[("column", column), ("text", text)])
    };
    let told: Vec<String> = conditions.iter().map(told).collect();
    let line = match told.as_slice() {
        [] => context.words("search.all").to_owned(),
        told => context.texts.fill("search.conditions", &[("conditions", &told.join(", "))]),
    };
    sheet.lines.insert(1, vec![Cell::text(Role::Note, line)]);
    Workbook { properties: context.properties(), sheets: vec![sheet] }
}

/// What every sheet needs: the input, and the words.
struct Context<'a> {
    input: ReportInput<'a>,
    texts: &'static Texts,
}

impl<'a> Context<'a> {
    /// The words under a dotted path.
    fn words(&self, path: &'static str) -> &'static str {
        self.texts.get(path)
    }

    /// The words under a path that is put together.
    fn words_of(&self, group: &str, name: &str) -> &'static str {
        self.texts.find(&format!("{group}.{name}")).unwrap_or_default()
    }

    /// The name of a sheet.
    fn sheet_name(&self, sheet: &str) -> String {
        sheet_name(self.words_of("sheet", sheet))
    }

    /// The scope in words.
    fn scope(&self) -> &'a str {
        match self.input.scope {
            Scope::Department(name) => name,
            Scope::Unresolved => self.texts.get("scope.unresolved"),
            Scope::Site => self.input.site,
        }
    }

    fn title(&self) -> String {
        self.texts.fill("summary.title", &[("scope", self.scope())])
    }

    fn period(&self) -> String {
        self.input.period.label(self.texts)
    }

    /// Civil time of the site: spreadsheets know no zones.
    fn civil(&self, at: DateTime<Tz>) -> NaiveDateTime {
        at.with_timezone(&self.input.timezone).naive_local()
    }

    fn properties(&self) -> Properties {
        Properties {
            title: self.title(),
            subject: self.period(),
            company: self.input.site.to_owned(),
            creator: format!("jeton {}", self.input.version),
            language: self.input.language,
            created: self.civil(self.input.established),
            page: self.words("summary.page").to_owned(),
        }
    }

    /// The line above a sheet's table: whose rows, and of when.
    fn heading(&self, sheet: &str) -> Vec<Cell<'a>> {
        let name = self.words_of("sheet", sheet);
        vec![Cell::text(Role::Subtitle, format!("{name} · {} · {}", self.scope(), self.period()))]
    }

    /// A header of these columns, named as under `[column]` in the texts.
    fn header(&self, columns: &[Column]) -> Vec<Cell<'a>> {
        header(self.texts, columns)
    }

    /// A sheet of a heading and a table, its columns as wide as what they hold.
    fn table_sheet(&self, sheet: &str, columns: &[Column], rows: Vec<Vec<Cell<'a>>>) -> Sheet<'a> {
        let header = self.header(columns);
        let rows = Rows::Given(rows);
        let widths = fitting(&header, &rows);
        let table = Table { header, rows, frozen_columns: 1, filter: true };
        Sheet { name: self.sheet_name(sheet), widths, lines: vec![self.heading(sheet)], table: Some(table) }
    }
}

/// A header of these columns, named as under `[column]` in the texts.
fn header<'a>(texts: &'static Texts, columns: &[Column]) -> Vec<Cell<'a>> {
    let role = |column: &Column| if column.right { Role::HeaderRight } else { Role::Header };
    let name = |column: &Column| texts.find(&format!("column.{}", column.name)).unwrap_or_default();
    columns.iter().map(|column| Cell::text(role(column), name(column))).collect()
}

/// A column of a table: its name under `[column]`, and whether it holds numbers.
#[derive(Debug, Clone, Copy)]
struct Column {
    name: &'static str,
    right: bool,
}

/// A column of words.
const fn words(name: &'static str) -> Column {
    Column { name, right: false }
}

/// A column of numbers, aligned right.
const fn numbers(name: &'static str) -> Column {
    Column { name, right: true }
}

/// The widest that a column gets for its content; what is longer is read in the cell's own line.
const MOST_WIDTH: f64 = 46.0;

/// Widths that show every title with its filter button, and every cell of up to [`MOST_WIDTH`].
fn fitting(header: &[Cell<'_>], rows: &Rows<'_>) -> Vec<f64> {
    /// Bold letters, and the button.
    const HEADER: (f64, f64) = (1.1, 4.0);
    /// Letters of proportional width against Excel's unit, which is a digit; the margins of a cell.
    const BODY: (f64, f64) = (1.0, 2.6);
    let wide = |characters: usize, (factor, margin): (f64, f64)| (characters as f64 * factor + margin).min(MOST_WIDTH);
    let mut widths: Vec<f64> = header.iter().map(|cell| wide(shown_length(&cell.value), HEADER)).collect();
    let _ = rows.for_each(|_, row| {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = width.max(wide(shown_length(&cell.value), BODY));
        }
        Ok::<_, std::convert::Infallible>(())
    });
    widths
}

/// How many characters a value takes in its cell.
fn shown_length(value: &Value<'_>) -> usize {
    match (value, value.kind()) {
        (Value::Text(text) | Value::Link { text, .. }, _) => text.chars().count(),
        (Value::Integer(number), _) => number.to_string().len(),
        (Value::Hours(seconds), _) => (seconds / 3600).to_string().len() + 3,
        (Value::Duration(seconds), _) => (seconds / 3600).to_string().len().max(2) + 6,
        (_, Kind::Date) => 10,
        (_, Kind::DateTime) => 16,
        (_, Kind::Clock | Kind::Duration | Kind::Percent) => 8,
        _ => 0,
    }
}
