//! *Synthèse*: one page that says it all in words and figures.

use super::{Cell, Context, Role, Sheet, Value};
use crate::report::{Figures, Scope, day};

/// The widths: the names of figures, then figures, then room for the charts.
const WIDTHS: [f64; 7] = [38.0, 15.0, 15.0, 12.0, 24.0, 24.0, 16.0];
/// The column of the site's name, at the right end of the title's line.
const CORNER: usize = WIDTHS.len() - 1;
/// How many missing sources the first page names; the others are in *Anomalies*.
const MOST_NAMED_GAPS: usize = 4;

pub(super) fn sheet<'a>(context: &Context<'a>) -> Sheet<'a> {
    let mut title = vec![Cell::EMPTY; CORNER + 1];
    title[0] = Cell::text(Role::Title, context.title());
    title[CORNER] = Cell::text(Role::Corner, context.input.site);
    let mut lines = vec![title, vec![Cell::text(Role::Subtitle, subtitle(context))], vec![completeness(context)]];
    if context.input.rows.is_empty() {
        lines.push(vec![Cell::text(Role::Note, context.words("summary.no_sessions"))]);
    }
    lines.push(Vec::new());
    lines.extend(figures(context));
    lines.push(Vec::new());
    lines.extend(links(context));
    Sheet { name: context.sheet_name("summary"), widths: WIDTHS.to_vec(), lines, ..Sheet::default() }
}

/// `décembre 2021, du 1er au 14 · établi le mercredi 15 décembre 2021 à 00:15`.
fn subtitle(context: &Context<'_>) -> String {
    let at = context.civil(context.input.established);
    let date = day(context.texts, at.date());
    let time = at.format("%H:%M").to_string();
    let established = context.texts.fill("summary.established", &[("date", &date), ("time", &time)]);
    format!("{} · {established}", context.period())
}

/// Whether everything was there, or what was not.
fn completeness<'a>(context: &Context<'a>) -> Cell<'a> {
    let gaps = context.input.gaps;
    if gaps.is_empty() {
        return Cell::text(Role::Good, context.words("summary.complete"));
    }
    let mut names: Vec<&str> = gaps.iter().map(|gap| gap.source.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let count = names.len().to_string();
    let more = if names.len() > MOST_NAMED_GAPS { ", …" } else { "" };
    names.truncate(MOST_NAMED_GAPS);
    let named = format!("{}{more}", names.join(", "));
    let path = if count == "1" { "summary.gap" } else { "summary.gaps" };
    let anomalies = context.sheet_name("anomalies");
    let text = context.texts.fill(path, &[("count", &count), ("names", &named), ("sheet", &anomalies)]);
    Cell::new(Role::Alert, Value::link(&anomalies, text))
}

/// A figure of this period and the one before, and how its change is said.
struct Figure<'a> {
    label: String,
    now: Value<'a>,
    before: Option<Value<'a>>,
    change: Option<String>,
}

/// The key figures, with those of the period before where they are known.
fn figures<'a>(context: &Context<'a>) -> Vec<Vec<Cell<'a>>> {
    let input = &context.input;
    let now = Figures::of(input.rows, input.holds, input.denials, input.period, input.timezone);
    let before = input.previous;
    let peak = match input.seats {
        Some(seats) => context.texts.fill("figure.peak_of", &[("seats", &seats.to_string())]),
        None => context.words("figure.peak").to_owned(),
    };
    let count = |label: &'static str, of: &dyn Fn(&Figures) -> Option<i64>, relative: bool| {
        figure(context, context.words(label).to_owned(), Value::Integer, of, (&now, before.as_ref()), relative)
    };
    let hours = |label: &'static str, of: &dyn Fn(&Figures) -> Option<i64>| {
        figure(context, context.words(label).to_owned(), Value::hours, of, (&now, before.as_ref()), true)
    };
    let whole = |count: usize| i64::try_from(count).ok();
    let mut figures = vec![
        hours("figure.hours", &|figures| Some(figures.seconds)),
        hours("figure.token_hours", &|figures| figures.token_seconds),
        count("figure.sessions", &|figures| whole(figures.sessions), true),
        count("figure.users", &|figures| whole(figures.users), false),
        count("figure.machines", &|figures| whole(figures.machines), false),
        count("figure.peak", &|figures| figures.peak.and_then(|peak| i64::try_from(peak).ok()), false),
        count("figure.denials", &|figures| whole(figures.denials), false),
    ];
    figures[5].label = peak;
    let mut lines = vec![vec![
        Cell::text(Role::Header, context.words("summary.figures")),
        Cell::text(Role::HeaderRight, context.words("summary.this_period")),
    ]];
    if before.is_some() {
        lines[0].extend(
            ["summary.previous", "summary.change"].map(|path| Cell::text(Role::HeaderRight, context.words(path))),
        );
    }
    lines.extend(figures.into_iter().map(|figure| {
        let mut line = vec![Cell::text(Role::Label, figure.label), Cell::new(Role::Figure, figure.now)];
        line.extend(figure.before.map(|value| Cell::new(Role::Quiet, value)));
        line.extend(figure.change.map(|change| Cell::text(Role::Quiet, change)));
        line
    }));
    lines
}

fn figure<'a>(
    context: &Context<'a>,
    label: String,
    shown: impl Fn(i64) -> Value<'a>,
    of: &dyn Fn(&Figures) -> Option<i64>,
    (now, before): (&Figures, Option<&Figures>),
    relative: bool,
) -> Figure<'a> {
    // What is unknown is a dash, not a zero.
    let cell = |value: Option<i64>| value.map_or_else(|| Value::text("–"), &shown);
    Figure {
        label,
        now: cell(of(now)),
        before: before.map(|before| cell(of(before))),
        change: before.map(|before| match (of(now), of(before)) {
            (Some(now), Some(before)) => change(context, now, before, relative),
            _ => "–".to_owned(),
        }),
    }
}

/// `+34 %`, `−2` or `=`. A change from nothing has no percentage.
fn change(context: &Context<'_>, now: i64, before: i64, relative: bool) -> String {
    let difference = now.saturating_sub(before);
    let sign = if difference > 0 { '+' } else { '\u{2212}' };
    if difference == 0 {
        return "=".to_owned();
    }
    if !relative {
        return format!("{sign}{}", difference.unsigned_abs());
    }
    if before <= 0 {
        return "–".to_owned();
    }
    let percent = format!("{:.0}", 100.0 * difference.unsigned_abs() as f64 / before as f64);
    context.texts.fill("summary.percent", &[("number", &format!("{sign}{percent}"))])
}

/// A link to each of the other sheets, with what is there.
fn links<'a>(context: &Context<'a>) -> Vec<Vec<Cell<'a>>> {
    let departments = (context.input.scope == Scope::Site).then_some("departments");
    departments
        .into_iter()
        .chain(["sessions", "users", "machines", "week", "anomalies", "readme"])
        .map(|sheet| {
            let name = context.sheet_name(sheet);
            let link = Value::link(&name, format!("→ {name}"));
            vec![Cell::new(Role::Link, link), Cell::text(Role::Note, context.words_of("about", sheet))]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Gap;
    use crate::report::sample;
    use crate::texts::Language;

    fn context<'a>(input: &crate::report::ReportInput<'a>) -> Context<'a> {
        Context { input: *input, texts: input.language.texts() }
    }

    #[test]
    fn the_first_lines_say_what_this_is() {
        let data = sample::Data::new();
        let french = context(&data.input());
        assert_eq!(subtitle(&french), "décembre 2021, du 1er au 14 · établi le mercredi 15 décembre 2021 à 00:15");
        assert_eq!(french.title(), "Utilisation d'OriginPro\u{a0}: DPT4");
        let english = context(&crate::report::ReportInput { language: Language::English, ..data.input() });
        assert_eq!(subtitle(&english), "December 2021, 1 to 14 · established on Wednesday 15 December 2021 at 00:15");
    }

    #[test]
    fn gaps_are_named_few_and_once() {
        let data = sample::Data::new();
        let mut gaps: Vec<Gap> = [1, 2, 3, 4, 5, 5].map(|n| Gap::new(format!("S{n}"), "timeout")).into();
        for (count, expected) in [
            (1, "1 lacune\u{a0}: S1 → Anomalies"),
            (2, "2 lacunes\u{a0}: S1, S2 → Anomalies"),
            (6, "5 lacunes\u{a0}: S1, S2, S3, S4, … → Anomalies"),
        ] {
            let input = crate::report::ReportInput { gaps: &gaps[..count], ..data.input() };
            assert_eq!(completeness(&context(&input)).value, Value::link("Anomalies", expected));
        }
        gaps.clear();
        let input = crate::report::ReportInput { gaps: &gaps, ..data.input() };
        assert_eq!(completeness(&context(&input)).value, Value::text("Données complètes"));
    }

    #[test]
    fn changes_are_said_briefly() {
        let data = sample::Data::new();
        let context = context(&data.input());
        for (now, before, relative, expected) in [
            (128, 96, true, "+33\u{202f}%"),
            (96, 128, true, "−25\u{202f}%"),
            (5, 5, true, "="),
            (5, 0, true, "–"),
            (14, 12, false, "+2"),
            (0, 3, false, "−3"),
            (i64::MAX, i64::MIN, false, "+9223372036854775807"),
        ] {
            assert_eq!(change(&context, now, before, relative), expected);
        }
    }
}
