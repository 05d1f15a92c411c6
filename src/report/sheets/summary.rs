//! *Synthèse*: one page that says it all: figures beside those of the period before, charts, links to the rest.

use super::sentence::sentence;
use super::{Cell, Context, Role, Sheet, SheetKind, SheetPlan, Value};
use crate::report::{Figures, Scope, day};

/// The widths: the names of figures, then figures, then room for the charts.
const WIDTHS: [f64; 7] = [36.0, 16.5, 16.5, 16.5, 19.5, 19.5, 19.5];
/// The column of the site's name, at the right end of the title's line.
const CORNER: usize = WIDTHS.len() - 1;
/// A period of which more than this part (one in so many) is unknown is not compared with another.
const COMPARABLE: i64 = 20;
/// How many missing sources the first page names; the others are in *Anomalies*.
const MOST_NAMED_GAPS: usize = 4;

pub(super) fn sheet<'a>(context: &Context<'a>, plan: &SheetPlan) -> Sheet<'a> {
    let mut lines = opening(context);
    let top = lines.len();
    lines.extend(figures(context, plan));
    // Charts stand over lines that are left empty; where nothing was used, there are none.
    let is_used = !context.input.rows.is_empty() || !context.input.holds.is_empty();
    let charts = plan.charts.iter().filter(|_| is_used);
    let below = charts.map(|chart| top + chart.line as usize + chart.lines as usize).max().unwrap_or(0);
    let bottom = below.max(lines.len()) + 1;
    lines.resize_with(bottom, Vec::new);
    lines.extend(links(context));
    Sheet { name: context.name(plan), widths: WIDTHS.to_vec(), lines, ..Sheet::default() }
}

/// The line of the first key figures' header, from which the lines of charts are counted.
pub(super) fn top(context: &Context<'_>) -> u32 {
    u32::try_from(opening(context).len()).unwrap_or(u32::MAX)
}

/// What this is, of when, and how complete.
fn opening<'a>(context: &Context<'a>) -> Vec<Vec<Cell<'a>>> {
    let mut title = vec![Cell::EMPTY; CORNER + 1];
    title[0] = Cell::text(Role::Title, context.title());
    title[CORNER] = Cell::text(Role::Corner, context.input.site);
    let mut lines = vec![title, vec![Cell::text(Role::Subtitle, subtitle(context))]];
    lines.extend(sentence(context).map(|said| vec![Cell::text(Role::Subtitle, said)]));
    lines.extend(completeness(context).into_iter().map(|cell| vec![cell]));
    if context.input.rows.is_empty() && context.input.kept.is_none_or(|kept| kept.sessions == 0) {
        lines.push(vec![Cell::text(Role::Note, context.words("summary.no_sessions"))]);
    }
    lines.extend(forgotten(context).into_iter().map(|said| vec![Cell::text(Role::Note, said)]));
    lines.extend(compared(context).map(|said| vec![Cell::text(Role::Note, said)]));
    lines.extend(without_use(context).map(|said| vec![Cell::text(Role::Note, said)]));
    lines.push(Vec::new());
    lines
}

/// What is forgotten of the period by rule: names, and rows.
fn forgotten(context: &Context<'_>) -> Vec<String> {
    let said = |path: &str, first: Option<chrono::NaiveDate>| {
        first.map(|first| context.texts.fill(path, &[("date", &day(context.texts, first))]))
    };
    let input = &context.input;
    [said("summary.pseudonyms", input.first_named), said("summary.sums_alone", input.first_kept)]
        .into_iter()
        .flatten()
        .collect()
}

/// The departments that have no workbook, as they used nothing.
fn without_use(context: &Context<'_>) -> Option<String> {
    let unused = context.input.departments.iter().filter(|(_, figures)| figures.sessions == 0);
    let names: Vec<&str> = unused.filter_map(|(name, _)| *name).collect();
    let said = || context.texts.fill("summary.without_use", &[("names", &names.join(", "))]);
    (context.input.scope == Scope::Site && !names.is_empty()).then(said)
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
fn completeness<'a>(context: &Context<'a>) -> Vec<Cell<'a>> {
    let unknown = context.unknown().map(|said| alert(context, said));
    let told = told_alone(context).map(|said| Cell::text(Role::Alert, said));
    let gaps = missing_sources(context).map(|said| alert(context, said));
    let mut said: Vec<Cell<'a>> = [gaps, unknown, told].into_iter().flatten().collect();
    if said.is_empty() || context.input.gaps.is_empty() {
        said.extend(begins_within(context).map(|said| Cell::text(Role::Alert, said)));
    }
    if said.is_empty() {
        said.push(Cell::text(Role::Good, context.words("summary.complete")));
    }
    said
}

/// An alarm that leads to *Anomalies*, where there is such a sheet.
fn alert<'a>(context: &Context<'a>, said: String) -> Cell<'a> {
    match context.name_of(SheetKind::Anomalies) {
        Some(sheet) => Cell::new(Role::Alert, Value::link(sheet, format!("{said} → {sheet}"))),
        None => Cell::text(Role::Alert, said),
    }
}

/// That an imported history alone tells of days at the beginning: it knows neither tokens nor refusals.
fn told_alone(context: &Context<'_>) -> Option<String> {
    let input = &context.input;
    let (first, last) = (input.period.first(), input.period.last());
    let begins = input.begins?.max(first);
    let seen = input.known?.span.map(|(since, _)| since.with_timezone(&input.timezone).date_naive());
    let until = seen.and_then(|seen| seen.pred_opt()).unwrap_or(last).min(last);
    let is_told = begins <= until && input.rows.iter().any(|row| row.date <= until);
    is_told.then(|| context.texts.fill("summary.told_alone", &[("date", &day(context.texts, until))]))
}

/// The sources that were not there.
fn missing_sources(context: &Context<'_>) -> Option<String> {
    let gaps = context.input.gaps;
    if gaps.is_empty() {
        return None;
    }
    let mut names: Vec<&str> = gaps.iter().map(|gap| gap.source.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let count = names.len().to_string();
    let more = if names.len() > MOST_NAMED_GAPS { ", …" } else { "" };
    names.truncate(MOST_NAMED_GAPS);
    let named = format!("{}{more}", names.join(", "));
    let path = if count == "1" { "summary.gap" } else { "summary.gaps" };
    Some(context.texts.fill(path, &[("count", &count), ("names", &named)]))
}

/// That the data begin within the period, where they do.
fn begins_within(context: &Context<'_>) -> Option<String> {
    let begins = context.input.begins.filter(|begins| *begins > context.input.period.first())?;
    Some(context.texts.fill("summary.in_the_middle", &[("date", &day(context.texts, begins))]))
}

/// What the column of the period before is of; or that nothing is known of it, and why, where that is not said already.
fn compared(context: &Context<'_>) -> Option<String> {
    let input = &context.input;
    if let Some(said) = begins_within(context) {
        return Some(said).filter(|_| !input.gaps.is_empty());
    }
    let before = input.period.previous().label(context.texts);
    let path = match (input.previous, input.begins) {
        (Some(_), _) => "summary.compared",
        (None, Some(_)) => "summary.before_the_data",
        (None, None) => "summary.not_compared",
    };
    let begins = input.begins.map(|begins| day(context.texts, begins)).unwrap_or_default();
    Some(context.texts.fill(path, &[("period", &before), ("date", &begins)]))
}

/// How a key figure is written, and how its change is said: what is much, in percent; what is little, as it is.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// A time, its change in percent.
    Hours,
    /// A time, its change as a time.
    Time,
    /// A count, its change in percent.
    Relative,
    /// A count, its change as a count.
    Absolute,
}

/// A key figure by its name in the template; none where it is not known.
fn figure(name: &str, figures: &Figures) -> (Style, Option<i64>) {
    let whole = |count: usize| i64::try_from(count).ok();
    let known = |figure: Option<i64>| figure.filter(|_| !figures.is_unknown);
    match name {
        "hours" => (Style::Hours, known(Some(figures.seconds))),
        "token_hours" => (Style::Hours, figures.token_seconds),
        "working_hours" => (Style::Hours, known(figures.working_s)),
        "at_limit" => (Style::Time, figures.at_limit_s),
        "sessions" => (Style::Relative, known(whole(figures.sessions))),
        "users" => (Style::Absolute, known(figures.users.and_then(whole))),
        "machines" => (Style::Absolute, known(figures.machines.and_then(whole))),
        "peak" => (Style::Absolute, figures.peak.and_then(|peak| i64::try_from(peak).ok())),
        "level_95" => (Style::Absolute, figures.level_95.and_then(|level| i64::try_from(level).ok())),
        "level_99" => (Style::Absolute, figures.level_99.and_then(|level| i64::try_from(level).ok())),
        "false_denials" => (Style::Absolute, figures.false_denials.and_then(whole)),
        _ => (Style::Absolute, figures.denials.and_then(whole)),
    }
}

/// The key figures beside those of the period before. What is unknown is a dash, not a zero.
fn figures<'a>(context: &Context<'a>, plan: &SheetPlan) -> Vec<Vec<Cell<'a>>> {
    let input = &context.input;
    let now = input.kept.unwrap_or_else(|| Figures::of(input.usage(), input.seats, input.period, input.timezone));
    let (from, to) = input.period.bounds(input.timezone);
    let whole = (to - from).num_seconds().max(1);
    let is_whole = |figures: &Figures| figures.missing_s * COMPARABLE < whole;
    let is_comparable = is_whole(&now) && input.previous.is_none_or(|before| is_whole(&before));
    let titles = ["summary.this_period", "summary.previous", "summary.change"];
    let mut header = vec![Cell::text(Role::Header, context.words("summary.figures"))];
    header.extend(titles.map(|path| Cell::text(Role::HeaderRight, context.words(path))));
    // Working hours that nobody named are no line.
    let is_said = |name: &&&str| **name != "working_hours" || input.working.is_some();
    let lines = plan.figures.iter().filter(is_said).map(|name| {
        let (style, now) = figure(name, &now);
        let before = input.previous.and_then(|before| figure(name, &before).1);
        let shown = |value: Option<i64>| match (value, style) {
            (None, _) => Value::text("–"),
            (Some(seconds), Style::Hours | Style::Time) => Value::hours(seconds),
            (Some(count), _) => Value::Integer(count),
        };
        // Two stretches that are not equally known are not compared.
        let change = match (now, before) {
            _ if !is_comparable => "–".to_owned(),
            (Some(now), Some(before)) => change(context, now, before, style),
            _ => "–".to_owned(),
        };
        vec![
            Cell::text(Role::Label, label(context, name)),
            Cell::new(Role::Figure, shown(now)),
            Cell::new(Role::Quiet, shown(before)),
            Cell::text(Role::Quiet, change),
        ]
    });
    let mut all = vec![header];
    all.extend(lines);
    all
}

/// The name of a key figure; a peak is said beside the number of seats.
fn label(context: &Context<'_>, name: &str) -> String {
    match (name, context.input.seats_at_last()) {
        ("working_hours", _) => {
            let working = context.input.working;
            let hour = |hour: Option<u32>| hour.unwrap_or_default().to_string();
            let (from, to) = (hour(working.map(|hours| hours.from)), hour(working.map(|hours| hours.to)));
            context.texts.fill("figure.working_hours", &[("from", &from), ("to", &to)])
        }
        ("peak", Some(seats)) => context.texts.fill("figure.peak_of", &[("seats", &seats.to_string())]),
        (name, _) => context.words_of("figure", name).to_owned(),
    }
}

/// `+34 %`, `−2`, `+1:30` or `=`. A change from nothing has no percentage.
fn change(context: &Context<'_>, now: i64, before: i64, style: Style) -> String {
    let difference = now.saturating_sub(before);
    let sign = if difference > 0 { '+' } else { '\u{2212}' };
    let length = difference.unsigned_abs();
    match style {
        _ if difference == 0 => "=".to_owned(),
        Style::Absolute => format!("{sign}{length}"),
        Style::Time => format!("{sign}{}:{:02}", length / 3600, length / 60 % 60),
        Style::Hours | Style::Relative if before <= 0 => "–".to_owned(),
        Style::Hours | Style::Relative => {
            let percent = format!("{sign}{:.0}", 100.0 * length as f64 / before as f64);
            context.texts.fill("summary.percent", &[("number", &percent)])
        }
    }
}

/// A link to each of the other sheets, as many in a line as there are columns.
fn links<'a>(context: &Context<'a>) -> Vec<Vec<Cell<'a>>> {
    let others = context.plans.iter().zip(&context.names).filter(|(plan, _)| plan.kind != SheetKind::Summary);
    let links: Vec<Cell<'a>> =
        others.map(|(_, name)| Cell::new(Role::Link, Value::link(name, format!("→ {name}")))).collect();
    links.chunks(WIDTHS.len()).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Gap;
    use crate::report::sample;
    use crate::texts::Language;

    fn context<'a>(input: &crate::report::ReportInput<'a>) -> Context<'a> {
        Context::new(input)
    }

    #[test]
    fn the_first_lines_say_what_this_is() {
        let data = sample::Data::new();
        let french = context(&data.input());
        assert_eq!(subtitle(&french), "décembre 2021, du 1er au 14 · établi le mercredi 15 décembre 2021 à 00:15");
        assert_eq!(french.title(), "Utilisation d’OriginPro\u{202f}: DPT4");
        let english = context(&crate::report::ReportInput { language: Language::English, ..data.input() });
        assert_eq!(subtitle(&english), "December 2021, 1 to 14 · established on Wednesday 15 December 2021 at 00:15");
    }

    #[test]
    fn gaps_are_named_few_and_once() {
        let data = sample::Data::new();
        let mut gaps: Vec<Gap> = [1, 2, 3, 4, 5, 5].map(|n| Gap::new(format!("S{n}"), "timeout")).into();
        for (count, expected) in [
            (1, "1 lacune\u{202f}: S1 → Anomalies"),
            (2, "2 lacunes\u{202f}: S1, S2 → Anomalies"),
            (6, "5 lacunes\u{202f}: S1, S2, S3, S4, … → Anomalies"),
        ] {
            let input = crate::report::ReportInput { gaps: &gaps[..count], ..data.input() };
            assert_eq!(completeness(&context(&input))[0].value, Value::link("Anomalies", expected));
        }
        gaps.clear();
        let input = crate::report::ReportInput { gaps: &gaps, ..data.input() };
        assert_eq!(completeness(&context(&input))[0].value, Value::text("Données complètes"));
    }

    #[test]
    fn changes_are_said_briefly() {
        let data = sample::Data::new();
        let context = context(&data.input());
        for (now, before, style, expected) in [
            (128, 96, Style::Hours, "+33\u{202f}%"),
            (96, 128, Style::Relative, "−25\u{202f}%"),
            (5, 5, Style::Hours, "="),
            (5, 0, Style::Relative, "–"),
            (8_460, 60, Style::Time, "+2:20"),
            (14, 12, Style::Absolute, "+2"),
            (0, 3, Style::Absolute, "−3"),
            (i64::MAX, i64::MIN, Style::Absolute, "+9223372036854775807"),
        ] {
            assert_eq!(change(&context, now, before, style), expected);
        }
    }
}
