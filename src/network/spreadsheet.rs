//! A spreadsheet as a table of texts: Ordinateurs.ods, or an XLSX that somebody saved it as.
//!
//! Whatever a file says of itself, it costs no more than a real table does: what it unpacks to and how many cells it has is
//! counted before it is read, and a fault of the reading crate ends at [`read_sheet`].

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{Data, Ods, OdsError, Reader, Xlsx, open_workbook_from_rs};
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::inputs::InputError;
use crate::parse::computers::Sheet;
use crate::source::kind_of;

/// What a spreadsheet may unpack to, in bytes. A table of ten thousand machines has some ten megabytes.
const UNPACKED: u64 = 256 << 20;
/// How many cells a sheet may have between its first and its last one.
const CELLS: u64 = 10_000_000;

/// Reads the first sheet of a spreadsheet, by its content and not by its name: an XLSX saved as `Ordinateurs.ods` reads.
pub fn read_sheet(path: &Path) -> Result<Sheet, InputError> {
    let bytes = fs_err::read(path).map_err(InputError::Computers)?;
    let broken = |reason: String| InputError::Spreadsheet { path: path.to_owned(), reason };
    if bytes.is_empty() {
        return Err(broken("it is empty".to_owned()));
    }
    // A panic of the reading crate is a fault of the file.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let read = catch_unwind(AssertUnwindSafe(|| table(&bytes)));
    std::panic::set_hook(hook);
    let (name, start, rows) =
        read.unwrap_or_else(|_| Err("it is damaged, or made to be; save it again".to_owned())).map_err(broken)?;
    Ok(Sheet { source: path.display().to_string().into(), name: name.into(), start, rows })
}

/// A sheet's name, its first cell, and its rows.
type Table = (String, (u32, u32), Vec<Vec<String>>);

fn table(bytes: &[u8]) -> Result<Table, String> {
    check_size(bytes)?;
    let cursor = Cursor::new(bytes);
    // By its own reader first, whose errors say what is wrong with the document (a password, a damaged archive).
    match open_workbook_from_rs::<Ods<_>, _>(cursor.clone()) {
        Ok(book) => of_ods(book),
        Err(error) => match open_workbook_from_rs::<Xlsx<_>, _>(cursor) {
            Ok(book) => of_xlsx(book),
            Err(_) => Err(why_unreadable(bytes, &error)),
        },
    }
}

fn of_ods(mut book: Ods<Cursor<&[u8]>>) -> Result<Table, String> {
    let name = first_name(&book.sheet_names())?;
    let range = book.worksheet_range(&name).map_err(|error| error.to_string())?;
    let rows = range.rows().map(|row| row.iter().map(text).collect()).collect();
    Ok((name, range.start().unwrap_or((0, 0)), rows))
}

/// Cell by cell: the crate's own table would have a place for each cell up to the last one.
fn of_xlsx(mut book: Xlsx<Cursor<&[u8]>>) -> Result<Table, String> {
    let name = first_name(&book.sheet_names())?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(|error| error.to_string())?;
    let mut rows: BTreeMap<u32, BTreeMap<u32, String>> = BTreeMap::new();
    while let Some(cell) = cells.next_cell().map_err(|error| error.to_string())? {
        let (row, column) = cell.get_position();
        if row >= MOST_ROWS || column >= MOST_COLUMNS {
            return Err("it has a cell where no sheet has any".to_owned());
        }
        let shown = text(&Data::from(cell.get_value().clone()));
        if !shown.is_empty() {
            rows.entry(row).or_default().insert(column, shown);
        }
    }
    let widths = rows.values().filter_map(|row| row.last_key_value()).map(|(last, _)| u64::from(*last) + 1);
    let height = rows.last_key_value().map_or(0, |(last, _)| *last + 1);
    check_cells(widths.sum::<u64>() + u64::from(height))?;
    let mut table = vec![Vec::new(); height as usize];
    for (row, cells) in rows {
        let width = cells.last_key_value().map_or(0, |(last, _)| *last as usize + 1);
        let line = &mut table[row as usize];
        line.resize(width, String::new());
        for (column, text) in cells {
            line[column as usize] = text;
        }
    }
    Ok((name, (0, 0), table))
}

/// What a sheet of Excel has room for, as one of LibreOffice has.
const MOST_ROWS: u32 = 1_048_576;
const MOST_COLUMNS: u32 = 16_384;

fn first_name(names: &[String]) -> Result<String, String> {
    names.first().cloned().ok_or_else(|| "it has no sheet".to_owned())
}

fn check_cells(cells: u64) -> Result<(), String> {
    if cells > CELLS {
        Err(format!("its table has more than {CELLS} cells, which no table of machines has"))
    } else {
        Ok(())
    }
}

/// That a file unpacks to no more than a table does, whatever its directory says, and that its sheets have no more cells.
fn check_size(bytes: &[u8]) -> Result<(), String> {
    // What is no archive is told by the readers.
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return Ok(()) };
    let mut room = UNPACKED;
    for index in 0..archive.len() {
        let Ok(part) = archive.by_index(index) else { continue };
        let is_content = part.name().is_ok_and(|name| name == "content.xml");
        let mut unpacked = Vec::new();
        let mut input = part.take(room + 1);
        let n = if is_content {
            // A damaged part is told by the readers.
            input.read_to_end(&mut unpacked).map_or(0, |n| n as u64)
        } else {
            std::io::copy(&mut input, &mut std::io::sink()).unwrap_or_default()
        };
        room = room.checked_sub(n).ok_or_else(|| format!("it unpacks to more than {} MB", UNPACKED >> 20))?;
        if is_content {
            check_ods(&unpacked)?;
        }
    }
    Ok(())
}

/// The size of a table of an ODS, which says of rows and cells how often they are repeated.
#[derive(Debug, Default)]
struct Extent {
    rows: u64,
    /// Rows without content: they count where another follows.
    blank: u64,
    columns: u64,
    /// Of the row that is being read: how often it is repeated, its cells, and those up to the last one with content.
    repeated: u64,
    cells: u64,
    used: u64,
}

impl Extent {
    fn cell(&mut self, cell: &BytesStart<'_>, has_content: bool) -> Result<(), String> {
        self.cells = self.cells.saturating_add(repeats(cell, "table:number-columns-repeated")?);
        if has_content {
            self.used = self.cells;
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), String> {
        if self.used == 0 {
            self.blank = self.blank.saturating_add(self.repeated);
        } else {
            self.rows = self.rows.saturating_add(self.blank).saturating_add(self.repeated);
            self.columns = self.columns.max(self.used);
            self.blank = 0;
        }
        check_cells(self.rows.saturating_mul(self.columns))
    }
}

fn check_ods(content: &[u8]) -> Result<(), String> {
    let mut reader = quick_xml::Reader::from_reader(content);
    let mut extent = Extent::default();
    loop {
        let (tag, has_content) = match reader.read_event() {
            Ok(Event::Start(tag)) => (tag, true),
            Ok(Event::Empty(tag)) => (tag, false),
            Ok(Event::End(tag)) if tag.name().as_ref() == "table:table-row" => {
                extent.end_row()?;
                continue;
            }
            // What is no XML is told by the reader of the sheet.
            Ok(Event::Eof) | Err(_) => return Ok(()),
            Ok(_) => continue,
        };
        match tag.name().as_ref() {
            "table:table" => extent = Extent::default(),
            "table:table-row" => {
                (extent.repeated, extent.cells, extent.used) = (repeats(&tag, "table:number-rows-repeated")?, 0, 0);
                if !has_content {
                    extent.end_row()?;
                }
            }
            "table:table-cell" | "table:covered-table-cell" => {
                extent.cell(&tag, has_content || value_of(&tag, "office:value-type").is_some())?;
            }
            _ => {}
        }
    }
}

/// How often a row or a cell is repeated.
fn repeats(tag: &BytesStart<'_>, name: &str) -> Result<u64, String> {
    match value_of(tag, name) {
        None => Ok(1),
        Some(number) => number
            .parse()
            .map_err(|_| format!("it repeats a row or a cell `{}` times", crate::finding::excerpt(&number))),
    }
}

fn value_of(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    Some(attribute.value.into_owned())
}

/// What is wrong with a spreadsheet that could not be opened, in words of an office.
fn why_unreadable(bytes: &[u8], error: &OdsError) -> String {
    const ZIP: &[u8] = b"PK";
    match error {
        OdsError::Password => "it is protected by a password; save it without one".to_owned(),
        OdsError::FileNotFound(_) | OdsError::InvalidMime(_) => "it is an archive without a spreadsheet".to_owned(),
        // The reader shows a value of its own code here.
        OdsError::Zip(_) if bytes.starts_with(ZIP) => "it is damaged; copy or save it again".to_owned(),
        OdsError::Zip(_) => {
            let kind = kind_of(bytes).unwrap_or(if bytes.contains(&0) { "a binary file" } else { "a text" });
            format!("it is {kind}")
        }
        other => other.to_string(),
    }
}

/// A cell as it reads: `513`, not `513.0`.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        // Rust prints the shortest text that is this number: 513, 12.5.
        Data::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            crate::output::write_file(&path, |out| out.write_all(text.as_bytes())).unwrap();
        }
        folder
    }

    /// An archive of these parts.
    fn archive(folder: &tempfile::TempDir, parts: &[(&str, &str)]) -> std::path::PathBuf {
        let path = folder.path().join("Ordinateurs.ods");
        let mut archive = zip::ZipWriter::new(fs_err::File::create(&path).unwrap());
        for (name, text) in parts {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap();
        path
    }

    fn ods(folder: &tempfile::TempDir, rows: &str) -> std::path::PathBuf {
        let content = format!(
            "<office:document-content xmlns:office=\"o\" xmlns:table=\"t\" xmlns:text=\"x\"><office:body><office:spreadsheet>\
             <table:table table:name=\"a\">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
        );
        archive(
            folder,
            &[
                ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
                ("META-INF/manifest.xml", "<manifest:manifest xmlns:manifest=\"m\"/>"),
                ("content.xml", &content),
            ],
        )
    }

    fn xlsx(folder: &tempfile::TempDir, sheet: &str) -> std::path::PathBuf {
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let package = "http://schemas.openxmlformats.org/package/2006/relationships";
        let relation = |kind: &str, target: &str| {
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" Type=\"{office}/{kind}\" Target=\"{target}\"/>\
                 </Relationships>"
            )
        };
        archive(
            folder,
            &[
                (
                    "[Content_Types].xml",
                    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
                ),
                ("_rels/.rels", &relation("officeDocument", "xl/workbook.xml")),
                (
                    "xl/workbook.xml",
                    &format!(
                        "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"r1\"/>\
                         </sheets></workbook>"
                    ),
                ),
                ("xl/_rels/workbook.xml.rels", &relation("worksheet", "worksheets/sheet1.xml")),
                ("xl/worksheets/sheet1.xml", &format!("<worksheet xmlns=\"{main}\">{sheet}</worksheet>")),
            ],
        )
    }

    const CELL: &str = "<table:table-cell office:value-type=\"string\"><text:p>x</text:p></table:table-cell>";

    #[test]
    fn an_ods_that_says_it_is_huge_is_an_error_and_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let row = |times: &str, cell: &str| {
            format!("<table:table-row table:number-rows-repeated=\"{times}\">{cell}</table:table-row>")
        };
        let wide = "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"20000000\"><text:p>x</text:p></table:table-cell>";
        for (rows, said) in [
            (row("18446744073709551615", CELL), "more than 10000000 cells"),
            (row("4000000000", CELL), "more than 10000000 cells"),
            (row("1", wide), "more than 10000000 cells"),
            (row("3000000", "") + &row("1", &CELL.repeat(4)), "more than 10000000 cells"),
            (row("-1", CELL), "it repeats a row or a cell `-1` times"),
            (row("18446744073709551616", CELL), "it repeats a row or a cell"),
        ] {
            let error = read_sheet(&ods(&folder, &rows)).unwrap_err().to_string();
            assert!(error.contains("Ordinateurs.ods` as a spreadsheet") && error.contains(said), "{said}: {error}");
        }
        // What LibreOffice writes: blank rows and cells to the end of the sheet.
        let blank = "<table:table-cell table:number-columns-repeated=\"16383\"/>";
        let usual = row("2", &format!("{CELL}{blank}")) + &row("1048574", blank);
        assert_eq!(read_sheet(&ods(&folder, &usual)).unwrap().rows, [["x"], ["x"]]);
    }

    #[test]
    fn what_unpacks_to_more_than_a_table_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("<text:p>{}</text:p>", "x".repeat(1 << 20)).repeat(257);
        let bomb = ods(&folder, &text);
        assert!(bomb.metadata().unwrap().len() < 2 << 20);
        let error = read_sheet(&bomb).unwrap_err().to_string();
        assert!(error.contains("it unpacks to more than 256 MB"), "{error}");
    }

    #[test]
    fn an_xlsx_with_cells_anywhere_is_read_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cell = |at: &str| format!("<row><c r=\"{at}\" t=\"inlineStr\"><is><t>x</t></is></c></row>");
        let rows = |at: &str| read_sheet(&xlsx(&folder, &format!("<sheetData>{}{}</sheetData>", cell("A1"), cell(at))));
        assert_eq!(rows("B2").unwrap().rows, [vec!["x"], vec!["", "x"]]);
        let far = rows("XFD1048576").unwrap().rows;
        assert_eq!((far.len(), far[1_048_575].len()), (1_048_576, 16_384));
        for at in ["ZZZZZZZ99999999999", "XFE1", "A1048577", "A", "1", "é1", "A0", ""] {
            let error = rows(at).unwrap_err().to_string();
            assert!(error.contains("Ordinateurs.ods` as a spreadsheet (ODS or XLSX): "), "{at}: {error}");
        }
        for dimension in ["A1:XFD99999999999", "B7:A1", "x"] {
            let sheet = format!("<dimension ref=\"{dimension}\"/><sheetData>{}</sheetData>", cell("A1"));
            // Whatever is said of the sheet, it has one cell, or is refused.
            if let Ok(sheet) = read_sheet(&xlsx(&folder, &sheet)) {
                assert_eq!(sheet.rows, [["x"]], "{dimension}");
            }
        }
    }

    #[test]
    fn what_is_no_spreadsheet_is_named_with_its_path() {
        for (name, content, reason) in [
            ("text.ods", "name;mac", "it is a text"),
            ("binary.ods", "\0\0\u{7}", "it is a binary file"),
            ("empty.ods", "", "it is empty"),
            ("zip.ods", "PK\u{3}\u{4}broken", "it is damaged; copy or save it again"),
            ("page.ods", "%PDF-1.7\n1 0 obj\n", "it is a PDF document"),
        ] {
            let folder = folder(&[(name, content)]);
            let error = read_sheet(&folder.path().join(name)).unwrap_err().to_string();
            assert!(error.contains(name) && error.ends_with(&format!(": {reason}")), "{error}");
        }
        let folder = folder(&[]);
        assert!(matches!(read_sheet(&folder.path().join("none.ods")), Err(InputError::Computers(_))));
    }

    #[test]
    fn an_ods_with_numbers_blank_rows_and_merged_cells_is_read_at_its_place() {
        use spreadsheet_ods::{Sheet as OdsSheet, WorkBook, write_ods};
        let folder = tempfile::tempdir().unwrap();
        let mut sheet = OdsSheet::new("Feuille1");
        sheet.set_value(2, 1, "ALPHA");
        sheet.set_value(2, 3, 513);
        sheet.set_value(5, 1, "BETA");
        sheet.set_value(5, 3, 12.5);
        sheet.set_col_span(5, 1, 2);
        let mut book = WorkBook::new_empty();
        book.push_sheet(sheet);
        let path = folder.path().join("Ordinateurs.ods");
        write_ods(&mut book, &path).unwrap();
        let sheet = read_sheet(&path).unwrap();
        assert_eq!((sheet.start, &*sheet.name), ((2, 1), "Feuille1"));
        assert_eq!(sheet.rows.first().unwrap(), &["ALPHA", "", "513"]);
        assert_eq!(sheet.rows.last().unwrap(), &["BETA", "", "12.5"]);
        assert_eq!(sheet.rows.len(), 4);
    }

    #[test]
    fn an_xlsx_saved_under_the_name_of_an_ods_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Ordinateurs.ods");
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        sheet.write(0, 0, "ALPHA").unwrap();
        sheet.write(0, 2, 513).unwrap();
        let bytes = book.save_to_buffer().unwrap();
        crate::output::write_file(&path, |out| out.write_all(&bytes)).unwrap();
        assert_eq!(read_sheet(&path).unwrap().rows, [["ALPHA", "", "513"]]);
    }
}
