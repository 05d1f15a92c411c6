//! Charts as shapes of an SVG. Their colours are classes of the style sheet, and a table with their numbers stands beside.

/// A chart, ready to be drawn.
#[derive(Debug, Default)]
pub(super) struct Chart {
    /// What it is called in the page's HTML.
    pub(super) id: String,
    pub(super) title: String,
    /// What it says, for those who cannot see it.
    pub(super) description: String,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) areas: Vec<Area>,
    pub(super) lines: Vec<Line>,
    pub(super) labels: Vec<Label>,
}

/// A rectangle.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) class: &'static str,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) opacity: f64,
    /// What is said where it is pointed at.
    pub(super) title: String,
}

/// A line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) class: &'static str,
    pub(super) x1: f64,
    pub(super) y1: f64,
    pub(super) x2: f64,
    pub(super) y2: f64,
}

/// A word.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) anchor: &'static str,
    pub(super) text: String,
}

/// The room of a chart, and of the words at its left and below.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const BELOW: f64 = 28.0;
/// The height of a row of a grid.
const ROW: f64 = 22.0;
/// How wide a letter is, about, and what is free between two words.
const LETTER: f64 = 7.5;
const FREE: f64 = 14.0;

/// Every how many words one is shown, so that none runs into the next.
fn every<'a>(words: impl Iterator<Item = &'a str>, count: usize, width: f64) -> usize {
    let longest = words.map(|word| word.chars().count()).max().unwrap_or(0) as f64 * LETTER + FREE;
    let mut every = 1;
    while every < count && longest > width / count as f64 * every as f64 {
        every += 1;
    }
    every
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// A bar of a chart.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    /// What stands below it.
    pub(super) label: String,
    /// How high it is; `None` where that is not known.
    pub(super) value: Option<f64>,
    /// What is said where it is pointed at.
    pub(super) title: String,
}

/// Bars side by side; `limit` is a line across them. `unit` says what the axis counts.
pub(super) fn bars(id: &str, title: &str, description: String, bars: &[Bar], limit: Option<f64>, unit: &str) -> Chart {
    let most = bars.iter().filter_map(|bar| bar.value).chain(limit).fold(0.0, f64::max);
    let (step, top) = steps(most);
    let (width, height) = (WIDTH - LEFT, HEIGHT - BELOW - 16.0);
    let y = |value: f64| rounded(16.0 + height * (1.0 - value / top));
    let each = width / bars.len().max(1) as f64;
    let mut chart = Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        description,
        width: WIDTH,
        height: HEIGHT,
        ..Chart::default()
    };
    let mut at = 0.0;
    while at <= top + step / 2.0 {
        chart.lines.push(Line { class: "axis", x1: LEFT, y1: y(at), x2: WIDTH, y2: y(at) });
        let text = if step < 1.0 { format!("{at:.1}") } else { format!("{at:.0}") };
        chart.labels.push(Label { x: LEFT - 6.0, y: y(at) + 4.0, anchor: "end", text });
        at += step;
    }
    chart.labels.push(Label { x: 0.0, y: 11.0, anchor: "start", text: unit.to_owned() });
    let every = every(bars.iter().map(|bar| bar.label.as_str()), bars.len(), width);
    for (index, bar) in bars.iter().enumerate() {
        let x = LEFT + each * index as f64;
        let (class, value) = bar.value.map_or(("unknown", top), |value| ("bar", value));
        chart.areas.push(Area {
            class,
            x: rounded(x + each * 0.1),
            y: y(value),
            width: rounded(each * 0.8).max(0.5),
            height: rounded(y(0.0) - y(value)),
            opacity: if bar.value.is_none() { 0.4 } else { 1.0 },
            title: bar.title.clone(),
        });
        if index % every == 0 {
            let (x, y) = (rounded(x + each / 2.0), HEIGHT - 8.0);
            chart.labels.push(Label { x, y, anchor: "middle", text: bar.label.clone() });
        }
    }
    if let Some(limit) = limit {
        chart.lines.push(Line { class: "limit", x1: LEFT, y1: y(limit), x2: WIDTH, y2: y(limit) });
    }
    chart
}

/// A row of a grid: its name, and of each column how full it is, from 0 to 1, with what is said of it; `None` where nothing is.
pub(super) type Row = (String, Vec<Option<(f64, String)>>);

/// Rows and columns, each place as dark as it is full.
pub(super) fn grid(id: &str, title: &str, description: String, columns: &[String], rows: &[Row]) -> Chart {
    const NAMES: f64 = 180.0;
    let height = ROW * rows.len() as f64 + BELOW;
    let each = (WIDTH - NAMES) / columns.len().max(1) as f64;
    let mut chart =
        Chart { id: id.to_owned(), title: title.to_owned(), description, width: WIDTH, height, ..Chart::default() };
    for (index, (name, places)) in rows.iter().enumerate() {
        let y = rounded(ROW * index as f64);
        let short: String = name.chars().take(26).collect();
        chart.labels.push(Label { x: NAMES - 6.0, y: y + 15.0, anchor: "end", text: short });
        chart.lines.push(Line { class: "axis", x1: NAMES, y1: y + ROW, x2: WIDTH, y2: y + ROW });
        for (column, place) in places.iter().enumerate() {
            let Some((full, title)) = place.as_ref().filter(|(full, _)| *full > 0.0) else { continue };
            chart.areas.push(Area {
                class: "bar",
                x: rounded(NAMES + each * column as f64),
                y: y + 2.0,
                width: rounded(each).max(0.5),
                height: ROW - 3.0,
                opacity: rounded(0.15 + 0.85 * full.min(1.0)).clamp(0.1, 1.0),
                title: title.clone(),
            });
        }
    }
    let every = every(columns.iter().map(String::as_str), columns.len(), WIDTH - NAMES);
    for (index, column) in columns.iter().enumerate().step_by(every) {
        let x = rounded(NAMES + each * index as f64);
        chart.labels.push(Label { x, y: height - 10.0, anchor: "start", text: column.clone() });
    }
    chart
}

/// The steps of an axis up to a number, in which people count, and where it ends.
fn steps(most: f64) -> (f64, f64) {
    let rough = (most / 5.0).max(0.1);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(power * 10.0);
    (step, (most / step).ceil().max(1.0) * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_above_what_it_shows() {
        for (most, step, top) in
            [(0.0, 0.1, 0.1), (3.0, 1.0, 3.0), (20.0, 5.0, 20.0), (21.0, 5.0, 25.0), (730.0, 200.0, 800.0)]
        {
            let (found, end) = steps(most);
            assert!((found - step).abs() < 1e-9 && (end - top).abs() < 1e-9, "{most}: {found} {end}");
        }
    }

    #[test]
    fn no_word_below_a_chart_runs_into_the_next() {
        let words = ["08/12 10h"; 168];
        assert_eq!(every(words.into_iter(), 168, 896.0), 16);
        assert_eq!(every(["8h"; 10].into_iter(), 10, 896.0), 1);
        assert_eq!(every([].into_iter(), 0, 896.0), 1);
    }

    #[test]
    fn what_is_not_known_is_no_empty_place() {
        let bar = |value| Bar { label: "8".to_owned(), value, title: String::new() };
        let chart = bars("c", "t", String::new(), &[bar(Some(2.0)), bar(None), bar(Some(0.0))], Some(3.0), "h");
        let shown: Vec<_> = chart.areas.iter().map(|area| (area.class, area.height > 0.0)).collect();
        assert_eq!(shown, [("bar", true), ("unknown", true), ("bar", false)]);
        assert!(chart.lines.iter().any(|line| line.class == "limit"));
        let row = ("PC-1".to_owned(), vec![Some((1.0, "anna".to_owned())), None, Some((0.0, String::new()))]);
        assert_eq!(grid("g", "t", String::new(), &["0".to_owned()], &[row]).areas.len(), 1);
    }
}
