//! `report.toml`, the description of workbooks, read and checked like `jeton.toml`: every fault at once, with its line.

use std::path::Path;

use super::fault::{ConfigErrors, nearest};
use super::read::{Document, Table, Unique, Value};
use crate::report::book::{ChartKind, Colour, Kind, Palette, ShadeKind, sheet_name};
use crate::report::template::{
    Book, CHARTS, ChartPlan, ChartTitle, ColumnPlan, FIGURES, KINDS, Known, SheetKind, SheetPlan, Template, Total,
    WHENS,
};
use crate::source::Source;
use crate::texts::{Language, Texts};

const TOTALS: &[(&str, Total)] = &[("count", Total::Count), ("sum", Total::Sum), ("max", Total::Most)];
const SHADES: &[(&str, ShadeKind)] = &[("bars", ShadeKind::Bars), ("scale", ShadeKind::Scale)];
const CHART_KINDS: &[(&str, ChartKind)] =
    &[("columns", ChartKind::Columns), ("bars", ChartKind::Bars), ("lines", ChartKind::Lines)];

const BOOKS: &[(&str, Book)] = &[("department", Book::Department), ("site", Book::Site)];

impl Template {
    /// Reads and checks a site's own description, for workbooks in this language.
    pub fn load(path: &Path, language: Language) -> Result<Self, ConfigErrors> {
        let source =
            Source::read(path).map_err(|error| ConfigErrors::whole(path.display().to_string(), error, Some(HINT)))?;
        Self::read(&source, language)
    }

    /// Reads and checks the text of a description.
    pub fn parse(text: &str, language: Language) -> Result<Self, ConfigErrors> {
        Self::read(&Source::from_bytes("report.toml", text.as_bytes()), language)
    }

    fn read(source: &Source, language: Language) -> Result<Self, ConfigErrors> {
        let shown = Shown::of(source.text());
        Document::new(source, Path::new(""), None).read(|root| template(root, &shown, language))
    }
}

const HINT: &str = "`jeton init --template` writes a commented example";

fn template(root: &Table<'_>, shown: &Shown, language: Language) -> Option<Template> {
    let palette = root.section_or_empty("colours", palette);
    let texts = root.or("texts", None, |value| texts(value, language).map(Some));
    let usual = texts.as_ref().and_then(Option::as_ref).unwrap_or_else(|| language.texts());
    let (mut once, mut tabs) = (Unique::new("sheet"), Unique::new("title of a sheet"));
    let sheets = root.entries("sheets", |table| sheet(table, shown, usual, (&mut once, &mut tabs)));
    let sheets = sheets.filter(|sheets| {
        let both = BOOKS.iter().all(|(_, book)| sheets.iter().any(|sheet| sheet.books.contains(book)));
        if !both {
            root.fault("no sheet for the workbooks of departments, or none for the site's", HINT);
        }
        both
    });
    Some(Template { palette: palette?, texts: texts?, sheets: sheets? })
}

fn palette(table: &Table<'_>) -> Option<Palette> {
    let usual = Palette::default();
    let colour = |value: Value<'_>| {
        let text = value.text()?;
        text.parse::<Colour>().ok().or_else(|| value.refuse("a colour such as `#0072B2`", None))
    };
    let accent = table.or("accent", usual.accent, colour);
    let alert = table.or("alert", usual.alert, colour);
    let good = table.or("good", usual.good, colour);
    let second = table.or("second", usual.second, colour);
    let third = table.or("third", usual.third, colour);
    let limit = table.or("limit", usual.limit, colour);
    Some(Palette { accent: accent?, alert: alert?, good: good?, second: second?, third: third?, limit: limit? })
}

/// `[texts]`: the words of the language, some of them said otherwise.
fn texts(value: Value<'_>, language: Language) -> Option<Texts> {
    let usual = language.texts();
    let others = value.texts("[texts]", |path, value| {
        let text = value.text();
        if let Some(own) = usual.find(path) {
            return filled_in(value, text?, &placeholders(own)).map(|text| (path, text));
        }
        let paths = usual.paths();
        let near = nearest(path, paths.iter().map(String::as_str));
        let hint = near.map_or_else(
            || format!("known: the texts of templates/{}.toml, as `sheet.users`", language.code()),
            |near| format!("did you mean `{near}`? (keys are quoted: `\"{near}\" = …`)"),
        );
        value.fault(format!("unknown text `{}`", crate::finding::excerpt(path)), Some(hint))
    })?;
    Some(usual.but(others))
}

/// The names between braces in a text: `{scope}`.
fn placeholders(text: &str) -> Vec<&str> {
    let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name);
    parts
        .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect()
}

/// A text, unless it names a placeholder that nothing fills.
fn filled_in<'a>(value: Value<'_>, text: &'a str, known: &[&str]) -> Option<&'a str> {
    let Some(unknown) = placeholders(text).into_iter().find(|name| !known.contains(name)) else { return Some(text) };
    let known: Vec<String> = known.iter().map(|name| format!("`{{{name}}}`")).collect();
    let hint = if known.is_empty() {
        "nothing is filled in here: leave the braces out".to_owned()
    } else {
        format!("known here: {}", known.join(", "))
    };
    value.fault(format!("unknown placeholder `{{{unknown}}}`"), Some(hint))
}

fn sheet(
    table: &Table<'_>,
    shown: &Shown,
    usual: &Texts,
    (once, tabs): (&mut Unique, &mut Unique),
) -> Option<SheetPlan> {
    let books = table.or("workbooks", vec![Book::Department, Book::Site], |value| {
        let expected = "a list of at least one of `department`, `site`";
        let books = value.list(expected, |item| item.one_of(BOOKS))?;
        if books.is_empty() { value.refuse(expected, None) } else { Some(books) }
    });
    let kind = table.required("holds", "\"sessions\"", |value| kind(value, books.as_deref().unwrap_or_default(), once));
    let title = table.optional("title", |value| {
        let title = tab_title(value)?;
        // Names of tabs do not differ by case alone.
        let is_free = |book: &Book| tabs.check(value, format!("{} {book:?}", title.to_lowercase()));
        let _ = books.iter().flatten().all(is_free);
        Some(title)
    });
    let (Some(kind), Some(books)) = (kind, books) else {
        // What else is right depends on what the sheet holds, and where.
        for key in ["columns", "freeze", "filter", "figures", "scale", "charts"] {
            table.pass_over(key);
        }
        return None;
    };
    let known = kind.columns();
    let is_table = !known.is_empty();
    let is_summary = kind == SheetKind::Summary;
    let columns = if is_table { columns(table, known, usual) } else { Some(Vec::new()) };
    let freeze = if is_table { table.or("freeze", 0, |value| value.integer("columns", 0..=50)) } else { Some(0) };
    let filter = if is_table { table.or("filter", true, Value::flag) } else { Some(false) };
    let figures = if is_summary { table.or("figures", FIGURES.to_vec(), figures) } else { Some(Vec::new()) };
    let scale = if kind == SheetKind::Week { table.or("scale", true, Value::flag) } else { Some(false) };
    let charts = if is_table || is_summary { charts(table, shown, &books) } else { Some(Vec::new()) };
    Some(SheetPlan {
        kind,
        books,
        title: title?,
        columns: columns?,
        freeze: freeze?,
        filter: filter?,
        figures: figures?,
        scale: scale?,
        charts: charts?,
    })
}

/// What a sheet holds: each kind once in a workbook, and departments side by side in the site's alone.
fn kind(value: Value<'_>, books: &[Book], once: &mut Unique) -> Option<SheetKind> {
    let kind = value.one_of(SheetKind::NAMED)?;
    let _ = books.iter().all(|book| once.check(value, format!("{kind:?} {book:?}")));
    if kind == SheetKind::Departments && books.contains(&Book::Department) {
        let hint = "say `workbooks = [\"site\"]`".to_owned();
        return value.fault("a department's workbook has no sheet of departments".to_owned(), Some(hint));
    }
    Some(kind)
}

fn charts(table: &Table<'_>, shown: &Shown, books: &[Book]) -> Option<Vec<ChartPlan>> {
    table.or("charts", Vec::new(), |value| {
        value.list("an array of tables `[[sheets.charts]]`", |item| {
            item.table("[[sheets.charts]]", |table| chart(table, shown, books))
        })
    })
}

/// A title that spreadsheets take for a tab as it is.
fn tab_title(value: Value<'_>) -> Option<String> {
    let title = value.string()?;
    filled_in(value, &title, &[])?;
    if sheet_name(&title) == title {
        return Some(title);
    }
    value.refuse("a title of at most 31 characters without `[]:*?/\\`", None)
}

fn columns(table: &Table<'_>, known: &'static [Known], usual: &Texts) -> Option<Vec<ColumnPlan>> {
    // Excel takes no table with two columns of one title.
    let mut once = (Unique::new("column"), Unique::new("title of a column"));
    table.required("columns", "[{ name = \"…\" }]", |value| {
        let expected = "a list of at least one column such as `{ name = \"login\" }`";
        let columns =
            value.list(expected, |item| item.table("columns", |table| column(table, known, usual, &mut once)))?;
        if columns.is_empty() { value.refuse(expected, None) } else { Some(columns) }
    })
}

fn column(
    table: &Table<'_>,
    known: &'static [Known],
    usual: &Texts,
    (names, titles): &mut (Unique, Unique),
) -> Option<ColumnPlan> {
    let mut named = None;
    let index = table.required("name", "\"login\"", |value| {
        let index = known_column(value, known)?;
        named = names.check(value, index.to_string()).then_some(value);
        Some(index)
    });
    let kinds = index.map_or(&[][..], |index| known[index].kinds);
    let kind = table.or("type", kinds.first().copied().unwrap_or(Kind::Text), |value| {
        if kinds.is_empty() {
            return None;
        }
        let names: Vec<_> = KINDS.iter().filter(|(_, kind)| kinds.contains(kind)).copied().collect();
        value.one_of(&names)
    });
    let title = table.optional("title", |value| {
        let title = value.string()?;
        filled_in(value, &title, &[])?;
        if title.chars().count() > MOST_TITLE {
            return value.refuse(&format!("a title of at most {MOST_TITLE} characters"), None);
        }
        titles.check(value, title.to_lowercase());
        Some(title)
    });
    if let (Some(value), Some(None), Some(index)) = (named, &title, index) {
        let usual = usual.find(&format!("column.{}", known[index].name)).unwrap_or_default();
        titles.check(value, usual.to_lowercase());
    }
    let width = table.optional("width", |value| value.number("a width in characters", 1.0..=255.0));
    let total = table.optional("total", |value| {
        let total = value.one_of(TOTALS)?;
        match (total, kind?) {
            (Total::Count, _)
            | (Total::Sum, Kind::Integer | Kind::Hours | Kind::Duration)
            | (Total::Most, Kind::Integer) => Some(total),
            (Total::Sum, _) => value.refuse("a column of counts or times for a sum", None),
            (Total::Most, _) => value.refuse("a column of counts for a maximum", None),
        }
    });
    let shade = table.optional("shade", |value| {
        let shade = value.one_of(SHADES)?;
        match kind? {
            Kind::Integer | Kind::Decimal | Kind::Percent | Kind::Hours | Kind::Duration => Some(shade),
            _ => value.refuse("a column of numbers for a shade", None),
        }
    });
    Some(ColumnPlan { column: index?, title: title?, kind: kind?, width: width?, total: total?, shade: shade? })
}

/// The longest title that Excel takes for a column of a table.
const MOST_TITLE: usize = 255;

/// The index of a column among those that a sheet can have.
fn known_column(value: Value<'_>, known: &[Known]) -> Option<usize> {
    let name = value.text()?;
    known.iter().position(|known| known.name == name).or_else(|| {
        let hint = match nearest(name, known.iter().map(|known| known.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", listed(known.iter().map(|known| known.name))),
        };
        value.fault(format!("unknown column `{}`", crate::finding::excerpt(name)), Some(hint))
    })
}

fn figures(value: Value<'_>) -> Option<Vec<&'static str>> {
    let names: Vec<_> = FIGURES.iter().map(|name| (*name, *name)).collect();
    let mut once = Unique::new("figure");
    value.list("a list of key figures", |item| {
        let figure = item.one_of(&names)?;
        once.check(item, figure.to_owned());
        Some(figure)
    })
}

fn chart(table: &Table<'_>, shown: &Shown, books: &[Book]) -> Option<ChartPlan> {
    let kind = table.required("kind", "\"columns\"", |value| value.one_of(CHART_KINDS));
    let title = chart_title(table);
    let sheet = table.required("sheet", "\"timeline\"", |value| {
        let sheet = value.one_of(SheetKind::NAMED)?;
        if sheet.columns().is_empty() {
            return value.refuse("a sheet with columns", None);
        }
        if books.iter().all(|book| shown.has(sheet, *book)) {
            return Some(sheet);
        }
        let hint = "add that sheet to the workbook, or take the chart away".to_owned();
        value.fault(format!("the workbook of this chart has no sheet `{}`", sheet.name()), Some(hint))
    });
    let column = |value: Value<'_>, wants_numbers: bool| {
        let sheet = sheet?;
        let index = known_column(value, sheet.columns())?;
        let Known { name, kinds } = sheet.columns()[index];
        if !books.iter().all(|book| shown.has_column(sheet, *book, name)) {
            let hint = "a chart reads cells: add that column to the sheet".to_owned();
            return value.fault(format!("the sheet `{}` shows no column `{name}`", sheet.name()), Some(hint));
        }
        let is_number = !matches!(kinds[0], Kind::Text | Kind::Date | Kind::Clock | Kind::DateTime);
        if wants_numbers && !is_number { value.refuse("a column of numbers", None) } else { Some(index) }
    };
    let categories = table.required("categories", "\"label\"", |value| column(value, false));
    let values = table.required("values", "[\"hours\"]", |value| {
        let expected = "a list of at least one column such as `[\"hours\"]`";
        let values = value.list(expected, |item| column(item, true))?;
        if values.is_empty() { value.refuse(expected, None) } else { Some(values) }
    });
    let limit = table.optional("limit", |value| column(value, true));
    let when = table.optional("when", |value| value.one_of(WHENS));
    let first = table.optional("first", |value| value.integer("rows", 1..=1000));
    let line = table.or("line", 0, |value| value.integer("a line", 0..=1000));
    let lines = table.or("lines", 15, |value| value.integer("lines", 5..=100));
    let left = table.or("left", 0.0, |value| value.number("a share of the sheet's width", 0.0..=5.0));
    let width = table.or("width", 1.0, |value| value.number("a share of the sheet's width", 0.05..=5.0));
    Some(ChartPlan {
        kind: kind?,
        title: title?,
        sheet: sheet?,
        categories: categories?,
        values: values?,
        limit: limit?,
        when: when?,
        first: first?,
        line: line?,
        lines: lines?,
        left: left?,
        width: width?,
    })
}

/// `title` in the site's own words, or `name` of a title in the texts.
fn chart_title(table: &Table<'_>) -> Option<ChartTitle> {
    let names: Vec<_> = CHARTS.iter().map(|name| (*name, *name)).collect();
    let said = table.optional("title", |value| {
        let title = value.string()?;
        filled_in(value, &title, &["step"])?;
        Some(title)
    });
    match said? {
        Some(said) => {
            table.pass_over("name");
            Some(ChartTitle::Said(said))
        }
        None => {
            table.required("name", "\"hours\", or `title = \"…\"`", |value| value.one_of(&names)).map(ChartTitle::Named)
        }
    }
}

/// Which columns of which sheets the workbooks show, read before everything else and without judgement: charts refer to
/// sheets that stand below them.
#[derive(Debug, Default)]
struct Shown(Vec<(SheetKind, Vec<Book>, Vec<String>)>);

impl Shown {
    fn of(text: &str) -> Self {
        let tree: toml::Table = text.parse().unwrap_or_default();
        let texts = |value: &toml::Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let sheets = tree.get("sheets").and_then(toml::Value::as_array);
        let sheet = |sheet: &toml::Value| {
            let named = sheet.get("holds")?.as_str()?;
            let (_, kind) = SheetKind::NAMED.iter().find(|(name, _)| *name == named)?;
            let books = sheet.get("workbooks").map_or_else(
                || vec![Book::Department, Book::Site],
                |value| {
                    let said = texts(value);
                    BOOKS
                        .iter()
                        .filter(|(name, _)| said.iter().any(|said| said == name))
                        .map(|(_, book)| *book)
                        .collect()
                },
            );
            let columns = sheet.get("columns").and_then(toml::Value::as_array).into_iter().flatten();
            let names = columns.filter_map(|column| Some(column.get("name")?.as_str()?.to_owned())).collect();
            Some((*kind, books, names))
        };
        Self(sheets.into_iter().flatten().filter_map(sheet).collect())
    }

    fn has(&self, kind: SheetKind, book: Book) -> bool {
        self.0.iter().any(|(known, books, _)| *known == kind && books.contains(&book))
    }

    fn has_column(&self, kind: SheetKind, book: Book, name: &str) -> bool {
        let of_kind =
            |(known, books, _): &&(SheetKind, Vec<Book>, Vec<String>)| *known == kind && books.contains(&book);
        self.0.iter().filter(of_kind).any(|(.., names)| names.iter().any(|known| known == name))
    }
}

/// "`a`, `b`".
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::template::TEMPLATE;

    fn told(text: &str) -> Vec<String> {
        let errors = Template::parse(text, Language::French).map(|_| ()).unwrap_err();
        let one = |fault: &super::super::Fault| {
            let place = fault.place.as_ref().unwrap();
            format!("{}:{}: {}", place.line, place.column, fault.message)
        };
        errors.faults().iter().map(one).collect()
    }

    #[test]
    fn the_built_in_description_is_right_and_shows_every_sheet() {
        let template = Template::parse(TEMPLATE, Language::French).unwrap_or_else(|errors| panic!("{errors}"));
        for (name, kind) in SheetKind::NAMED {
            assert!(
                template.sheets.iter().any(|sheet| sheet.kind == *kind && sheet.books.contains(&Book::Site)),
                "{name}"
            );
        }
        // Whoever changes it finds every name in it.
        let words: Vec<&str> = TEMPLATE.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let columns = SheetKind::NAMED.iter().flat_map(|(_, kind)| kind.columns()).map(|known| known.name);
        let names = columns.chain(FIGURES.iter().copied()).chain(KINDS.iter().map(|(name, _)| *name));
        for name in names.chain(TOTALS.iter().map(|(name, _)| *name)).chain(CHART_KINDS.iter().map(|(name, _)| *name)) {
            assert!(words.contains(&name), "{name}");
        }
        let sessions = template.sheets.iter().find(|sheet| sheet.kind == SheetKind::Sessions).unwrap();
        let names: Vec<_> =
            sessions.columns.iter().map(|plan| SheetKind::Sessions.columns()[plan.column].name).collect();
        assert_eq!(names, crate::report::rows::COLUMNS[..18], "whoever knows the CSV knows the sheet");
        assert_eq!(template.palette, Palette::default());
    }

    /// The built-in description with one stretch of it said otherwise.
    fn broken(from: &str, to: &str) -> String {
        assert!(TEMPLATE.contains(from), "{from}");
        TEMPLATE.replacen(from, to, 1)
    }

    #[test]
    fn every_kind_of_fault_is_told_at_its_line() {
        for (from, to, expected) in [
            ("name = \"login\"", "name = \"loginn\"", "unknown column `loginn`"),
            ("name = \"login\"", "name = \"date\"", "duplicate column: `date`"),
            ("holds = \"users\"", "holds = \"people\"", "expected one of `summary`, `departments`"),
            ("holds = \"machines\"", "holds = \"users\"", "duplicate sheet: `users`"),
            ("type = \"clock\"", "type = \"percent\"", "expected one of `date`, `clock`, `datetime`, found `percent`"),
            ("accent = \"#0072B2\"", "accent = \"blue\"", "expected a colour such as `#0072B2`, found `blue`"),
            ("shade = \"bars\"", "shade = \"stars\"", "expected one of `bars`, `scale`, found `stars`"),
            ("shade = \"bars\"", "shades = \"bars\"", "unknown key `shades` in `columns`"),
            ("total = \"count\"", "total = \"max\"", "expected a column of counts for a maximum, found `max`"),
            (
                "name = \"host\"",
                "name = \"host\", title = \"utilisateur\"",
                "duplicate title of a column: `utilisateur`",
            ),
            ("width = 11.5", "width = 0.5", "expected a width in characters from 1 to 255, found float `0.5`"),
            ("width = 11.5", "width = nan", "expected a width in characters from 1 to 255"),
            ("freeze = 4", "freeze = -1", "expected columns from 0 to 50"),
            ("kind = \"bars\"", "kind = \"pie\"", "expected one of `columns`, `bars`, `lines`, found `pie`"),
            ("values = [\"hours\"]", "values = [\"login\"]", "unknown column `login`"),
            ("values = [\"hours\"]", "values = [\"label\"]", "expected a column of numbers, found `label`"),
            ("values = [\"hours\"]", "values = []", "expected a list of at least one column"),
            ("sheet = \"users\"", "sheet = \"week\"", "expected a sheet with columns, found `week`"),
            ("scale = true", "scale = 1", "expected `true` or `false`"),
            ("scale = true", "freeze = 1", "unknown key `freeze` in `[[sheets]]`"),
            ("holds = \"anomalies\"", "holds = \"anomalies\"\ntitle = \"A/B\"", "expected a title of at most 31"),
            ("[colours]", "[texts]\n\"sheet.user\" = \"x\"\n[colours]", "unknown text `sheet.user`"),
            ("[colours]", "[colors]", "unknown section `[colors]`"),
            ("[colours]", "[texts]\n\"summary.title\" = \"{scop}\"\n[colours]", "unknown placeholder `{scop}`"),
            ("holds = \"anomalies\"", "holds = \"anomalies\"\ntitle = \"{scope}\"", "unknown placeholder `{scope}`"),
            ("name = \"host\"", "name = \"host\", title = \"{x}\"", "unknown placeholder `{x}`"),
            ("name = \"trend\"\nsheet", "title = \"{month}\"\nsheet", "unknown placeholder `{month}`"),
        ] {
            let text = broken(from, to);
            let line = 1 + text[..TEMPLATE.find(from).unwrap()].matches('\n').count();
            let told = told(&text);
            assert!(told.iter().any(|told| told.contains(expected)), "{expected}: {told:?}");
            let near = told.iter().any(|told| {
                let at: usize = told.split(':').next().unwrap().parse().unwrap();
                told.contains(expected) && at.abs_diff(line) <= to.matches('\n').count()
            });
            assert!(near, "{expected} in line {line}: {told:?}");
        }
    }

    #[test]
    fn two_tabs_of_one_title_are_told_and_what_a_title_can_name_is_filled_in() {
        let named = broken("holds = \"users\"", "holds = \"users\"\ntitle = \"Qui\"");
        let twice = named.replacen("holds = \"machines\"", "holds = \"machines\"\ntitle = \"qui\"", 1);
        assert!(Template::parse(&named, Language::French).is_ok());
        let told = told(&twice);
        assert!(told.iter().any(|told| told.contains("duplicate title of a sheet: `qui`")), "{told:?}");
        let step = broken("name = \"trend\"\nsheet", "title = \"Heures {step}\"\nsheet");
        assert!(Template::parse(&step, Language::French).is_ok());
        let said = broken("[colours]", "[texts]\n\"summary.title\" = \"Jetons de {scope} { }\"\n[colours]");
        assert!(Template::parse(&said, Language::French).is_ok(), "braces alone are no placeholder");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = broken("name = \"login\"", "name = \"user\"")
            .replacen("kind = \"bars\"", "kind = \"pie\"", 1)
            .replacen("#0072B2", "#0072B", 1);
        assert_eq!(told(&text).len(), 3, "{:?}", told(&text));
    }

    #[test]
    fn a_chart_needs_its_sheet_and_columns_in_its_workbook() {
        let sheets = |columns: &str| {
            format!(
                "[[sheets]]\nholds = \"summary\"\n[[sheets.charts]]\nkind = \"bars\"\nname = \"users\"\n\
                 sheet = \"users\"\ncategories = \"login\"\nvalues = [\"hours\"]\n{columns}"
            )
        };
        let users = |columns: &str, books: &str| {
            sheets(&format!("[[sheets]]\nholds = \"users\"\nworkbooks = {books}\ncolumns = [{columns}]\n"))
        };
        let both = "{ name = \"login\" }, { name = \"hours\" }";
        assert!(Template::parse(&users(both, "[\"department\", \"site\"]"), Language::English).is_ok());
        assert_eq!(told(&sheets("")), ["6:9: the workbook of this chart has no sheet `users`"]);
        assert_eq!(told(&users(both, "[\"site\"]")), ["6:9: the workbook of this chart has no sheet `users`"]);
        let missing = told(&users("{ name = \"login\" }", "[\"department\", \"site\"]"));
        assert_eq!(missing, ["8:11: the sheet `users` shows no column `hours`"]);
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused_or_read() {
        for text in [
            "",
            "sheets = 1",
            "sheets = []",
            "[[sheets]]",
            "[sheets]",
            "texts = 1",
            "[[sheets]]\nholds = 1",
            "\0",
            "[[",
        ] {
            assert!(Template::parse(text, Language::French).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_site_says_a_word_otherwise() {
        let text = broken("[colours]", "[texts]\n\"sheet.users\" = \"Personnes\"\n\n[colours]");
        let template = Template::parse(&text, Language::French).unwrap();
        assert_eq!(template.texts(Language::French).get("sheet.users"), "Personnes");
    }
}
