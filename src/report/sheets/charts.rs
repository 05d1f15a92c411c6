//! The charts of a sheet: where the template places them, over the cells that it names.

use super::{Context, Kind, Sheet, SheetKind, SheetPlan, Step, Value, narrow, seats, summary, timeline};
use crate::report::book::{Area, Chart, ChartKind, Place, Series, SeriesLook, Unknown};
use crate::report::template::{ChartPlan, ChartTitle, When};

/// The charts of the sheet `own`, whose numbers are in `sheets`. One whose sheet has no row is left out.
pub(super) fn of<'a>(context: &Context<'a>, plan: &'a SheetPlan, own: &Sheet<'a>, sheets: &[Sheet<'a>]) -> Vec<Chart> {
    let is_conditional = plan.charts.iter().any(|chart| chart.when.is_some());
    let now = if is_conditional && is_limit_reached(context) { When::LimitReached } else { When::LimitNotReached };
    let charts = plan.charts.iter().filter(|chart| chart.when.is_none_or(|when| when == now));
    charts.filter_map(|chart| one(context, chart, place(context, plan.kind, own, chart), sheets)).collect()
}

/// Whether all tokens were out at any time, or somebody was refused one: the line of peaks is flat then, and says nothing.
fn is_limit_reached(context: &Context<'_>) -> bool {
    seats::hours_of(context)
        .iter()
        .any(|hour| hour.at_limit_s.is_some_and(|seconds| seconds > 0) || hour.denied_true > 0)
}

fn place(context: &Context<'_>, kind: SheetKind, own: &Sheet<'_>, chart: &ChartPlan) -> Place {
    let rows = own.table.as_ref().map_or(0, |table| u32::try_from(table.rows.len()).unwrap_or(u32::MAX));
    let top = match kind {
        SheetKind::Summary => summary::top(context),
        // Beside the table, from its header on.
        _ if chart.left >= 1.0 => own.header_row(),
        // Below it, and a line free between.
        _ => own.header_row().saturating_add(rows).saturating_add(2),
    };
    Place { row: top.saturating_add(chart.line), lines: chart.lines, left: chart.left, width: chart.width }
}

fn one<'a>(context: &Context<'a>, chart: &'a ChartPlan, place: Place, sheets: &[Sheet<'a>]) -> Option<Chart> {
    let index = context.plans.iter().position(|plan| plan.kind == chart.sheet)?;
    let (plan, sheet) = (context.plans[index], sheets.get(index)?);
    let column = |known: usize| plan.columns.iter().position(|column| column.column == known);
    let area = |known: usize| -> Option<Area> {
        let column = narrow(column(known)?);
        sheet.first_rows_of(column, column, chart.first.unwrap_or(usize::MAX))
    };
    let categories = area(chart.categories)?;
    let measured = chart.values.iter().map(|known| (*known, SeriesLook::Measure));
    let limit = chart.limit.map(|known| (known, SeriesLook::Limit));
    let series: Vec<Series> = measured
        .chain(limit)
        .filter_map(|(known, look)| Some(Series { values: area(known)?, look }))
        // A limit that is not known is no line.
        .filter(|series| series.look == SeriesLook::Measure || has_number(sheet, &series.values))
        .collect();
    let value_kind = column(*chart.values.first()?).map_or(Kind::Integer, |index| plan.columns[index].kind);
    // What no log tells of is hatched, and no quiet day.
    let is_over_time = plan.kind == SheetKind::Timeline && chart.kind != ChartKind::Bars;
    let unknown = area(timeline::UNKNOWN).filter(|values| is_over_time && has_number(sheet, values));
    let whole_s = Step::of(context.input.period).most_s();
    let unknown = unknown.map(|values| Unknown { values, whole_s });
    let title = title(context, chart);
    let mut description = described(context, chart, &title, sheet, &series);
    if unknown.is_some() {
        description.push(' ');
        description += context.texts.get("chart.hatched");
    }
    Some(Chart {
        kind: chart.kind,
        title,
        description,
        categories,
        category_title: String::new(),
        value_title: String::new(),
        value_kind,
        series,
        unknown,
        place,
    })
}

/// The title, with the steps of time where it names them: `Heures d'utilisation par jour`.
fn title(context: &Context<'_>, chart: &ChartPlan) -> String {
    let step = context.words_of("step", Step::of(context.input.period).name());
    match &chart.title {
        ChartTitle::Named(name) => context.texts.fill(&format!("chart.{name}"), &[("step", step)]),
        ChartTitle::Said(title) => title.replace("{step}", step),
    }
}

fn has_number(sheet: &Sheet<'_>, area: &Area) -> bool {
    let mut found = false;
    sheet.for_each_in(area, |_, cell| found |= cell.value.number().is_some());
    found
}

/// What a chart says, for those who cannot see it: how it is drawn, of how many points, where it is highest, and where its
/// numbers are.
fn described(context: &Context<'_>, chart: &ChartPlan, title: &str, sheet: &Sheet<'_>, series: &[Series]) -> String {
    let kind = match chart.kind {
        ChartKind::Columns => "columns",
        ChartKind::Bars => "bars",
        ChartKind::Lines => "lines",
    };
    let Some(first) = series.first() else { return title.to_owned() };
    let mut highest: Option<(u32, f64, Value<'_>)> = None;
    sheet.for_each_in(&first.values, |(row, _), cell| {
        if let Some(number) = cell.value.number()
            && highest.as_ref().is_none_or(|(_, most, _)| number > *most)
        {
            highest = Some((row, number, cell.value.clone()));
        }
    });
    let count = (first.values.last.0 - first.values.first.0 + 1).to_string();
    let mut name = String::new();
    let mut most = String::new();
    if let Some((row, _, value)) = highest {
        most = said(&value);
        let index = context.plans.iter().position(|plan| plan.kind == chart.sheet);
        let columns = index.map(|index| &context.plans[index].columns);
        let column = columns.and_then(|columns| columns.iter().position(|column| column.column == chart.categories));
        if let Some(column) = column.map(narrow) {
            sheet.for_each_in(&Area::cell(sheet.name.clone(), row, column), |_, cell| name = said(&cell.value));
        }
    }
    context.texts.fill(
        "chart.description",
        &[
            ("title", title),
            ("kind", context.words_of("chart.kind", kind)),
            ("count", &count),
            ("most", &most),
            ("name", &name),
            ("sheet", &sheet.name),
        ],
    )
}

/// A value as a sentence says it.
fn said(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => format!("{number:.1}"),
        Value::Percent(share) => format!("{:.0} %", share * 100.0),
        Value::Hours(seconds) | Value::Duration(seconds) => format!("{}:{:02}", seconds / 3600, seconds / 60 % 60),
        Value::Date(date) => date.format("%d/%m/%Y").to_string(),
        Value::Clock(at) | Value::DateTime(at) => at.format("%d/%m/%Y %H:%M").to_string(),
        Value::Empty | Value::Link { .. } | Value::Subtotal(_) => String::new(),
    }
}
