//! The same cells by the crates alone, in the plainest loop: what jeton's writers are measured against.

use std::io::{Seek, Write};

use chrono::{Datelike, NaiveDateTime, NaiveTime};
use jeton::model::{SessionRow, SwitchPort};
use jeton::report::weekday;
use jeton::texts::{Language, Texts};
use rust_xlsxwriter::{ExcelDateTime, Format, FormatBorder, Worksheet, XlsxError};
use spreadsheet_ods::style::units::Border;
use spreadsheet_ods::{CellStyle, CellStyleRef, Value, ValueFormatRef, WorkBook, color::Rgb, format, pt};

/// What a cell holds, without a place.
enum Cell {
    Text(String),
    Date(NaiveDateTime),
    Clock(NaiveDateTime),
    Moment(NaiveDateTime),
    Length(i64),
    Number(f64),
    Nothing,
}

fn cells(row: &SessionRow, texts: &Texts) -> [Cell; 18] {
    let machine = &row.machine;
    let text = |text: &Option<String>| text.clone().map_or(Cell::Nothing, Cell::Text);
    [
        Cell::Date(row.date.and_time(NaiveTime::MIN)),
        Cell::Text(weekday(texts, row.date).to_owned()),
        Cell::Text(row.who.login().to_owned()),
        Cell::Text(row.who.host().to_owned()),
        Cell::Clock(row.start.naive_local()),
        Cell::Clock(row.end.naive_local()),
        Cell::Length(row.duration_s),
        Cell::Text(row.state.name().to_owned()),
        Cell::Moment(row.initial_start.naive_local()),
        row.ip.map_or(Cell::Nothing, |ip| Cell::Text(ip.to_string())),
        Cell::Text(row.evidence.name().to_owned()),
        machine.mac.map_or(Cell::Nothing, |mac| Cell::Text(mac.to_string())),
        machine.vlan.map_or(Cell::Nothing, |vlan| Cell::Number(vlan.number().into())),
        text(&machine.department),
        text(&machine.hostname),
        text(&machine.switch),
        machine.port.as_ref().map(SwitchPort::socket).map_or(Cell::Nothing, Cell::Text),
        text(&machine.outlet),
    ]
}

/// The pieces as XLSX, row by row through a file on disk, as jeton writes them.
pub(super) fn xlsx(rows: &[SessionRow], out: impl Write + Seek + Send) {
    let plain = Format::new().set_font_name("Arial").set_font_size(10).set_border_bottom(FormatBorder::Thin);
    let [date, clock, moment, length, number] = ["dd/mm/yyyy", "hh:mm:ss", "dd/mm/yyyy hh:mm", "[hh]:mm:ss", "0"]
        .map(|shown| plain.clone().set_num_format(shown));
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet_with_low_memory().expect("a temporary file");
    let texts = Language::French.texts();
    let put = |sheet: &mut Worksheet, row: u32, column: u16, cell: Cell| -> Result<(), XlsxError> {
        match cell {
            Cell::Text(text) => sheet.write_string_with_format(row, column, text, &plain),
            Cell::Date(at) => sheet.write_datetime_with_format(row, column, excel(at), &date),
            Cell::Clock(at) => sheet.write_datetime_with_format(row, column, excel(at), &clock),
            Cell::Moment(at) => sheet.write_datetime_with_format(row, column, excel(at), &moment),
            Cell::Length(seconds) => sheet.write_number_with_format(row, column, seconds as f64 / 86_400.0, &length),
            Cell::Number(value) => sheet.write_number_with_format(row, column, value, &number),
            Cell::Nothing => sheet.write_blank(row, column, &plain),
        }?;
        Ok(())
    };
    for (number, row) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(cells(row, texts)) {
            put(sheet, number, column, cell).expect("a cell within the sheet");
        }
    }
    book.save_to_writer(out).expect("room for the file");
}

fn excel(at: NaiveDateTime) -> ExcelDateTime {
    use chrono::Timelike;
    let small = |part: u32| u8::try_from(part).unwrap_or(0);
    let year = u16::try_from(at.year()).unwrap_or(1900);
    let day = ExcelDateTime::from_ymd(year, small(at.month()), small(at.day())).expect("a day of the calendar");
    day.and_hms(u16::from(small(at.hour())), small(at.minute()), f64::from(at.second())).expect("a time of day")
}

/// The pieces as ODS.
pub(super) fn ods(rows: &[SessionRow], out: impl Write + Seek) {
    let mut book = WorkBook::new_empty();
    let plain = book_style(&mut book, "plain", |_| ValueFormatRef::from(""));
    let date = book_style(&mut book, "date", |book| book.add_datetime_format(format::create_date_dmy_format("date")));
    let clock =
        book_style(&mut book, "clock", |book| book.add_datetime_format(format::create_datetime_format("clock")));
    let length = book_style(&mut book, "length", |book| {
        book.add_timeduration_format(format::create_time_interval_format("length"))
    });
    let mut sheet = spreadsheet_ods::Sheet::new("Sessions");
    let texts = Language::French.texts();
    for (number, row) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(cells(row, texts)) {
            let (value, style) = match cell {
                Cell::Text(text) => (Value::Text(text), &plain),
                Cell::Date(at) => (Value::DateTime(at), &date),
                Cell::Clock(at) | Cell::Moment(at) => (Value::DateTime(at), &clock),
                Cell::Length(seconds) => (Value::TimeDuration(chrono::Duration::seconds(seconds)), &length),
                Cell::Number(value) => (Value::Number(value), &plain),
                Cell::Nothing => (Value::Empty, &plain),
            };
            sheet.set_styled_value(number, column, value, style);
        }
    }
    book.push_sheet(sheet);
    spreadsheet_ods::write_ods_to(&mut book, out).expect("room for the file");
}

fn book_style(book: &mut WorkBook, name: &str, shown: impl Fn(&mut WorkBook) -> ValueFormatRef) -> CellStyleRef {
    let shown = shown(book);
    let mut style = CellStyle::new(name, &shown);
    style.set_font_name("Arial");
    style.set_font_size(pt!(10.0));
    style.set_border_bottom(pt!(0.5), Border::Solid, Rgb::new(0_u8, 0, 0));
    book.add_cellstyle(style)
}
