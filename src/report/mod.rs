//! Rows into sheets, sheets into ODS, XLSX and CSV.
//!
//! Two layers: [`sheets()`] turns a [`ReportInput`] into a [`book::Workbook`], which is values only, as a [`Template`]
//! describes it; [`xlsx::write`] and [`ods::write`] turn that into files. Both files hold the same cells, because neither
//! writer decides anything.

pub mod book;
pub mod csv;
mod figures;
#[cfg(test)]
mod files_test;
mod layout;
mod names;
pub mod ods;
mod period;
pub mod rows;
#[cfg(test)]
pub(crate) mod sample;
pub mod scope;
mod sheets;
mod style;
pub mod template;
mod timeline;
pub mod xlsx;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

pub use figures::{Figures, Usage};
pub use names::{FOLDER, UNRESOLVED, relative_path};
pub use period::{Period, day, weekday};
pub use sheets::{InventoryInput, PersonInput, found, inventory, person, person_json, sheets, told};
pub use template::Template;

use crate::config::WorkingHours;
use crate::finding::{Finding, Gap};
use crate::model::{Denial, Hold, LastUse, SessionRow};
use crate::texts::Language;
use crate::trace::refusals::Refusal;
use crate::trace::seats::{Known, Seats};

/// Whose rows a workbook holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope<'a> {
    /// Those of one department's machines.
    Department(&'a str),
    /// Those whose machine has no known department.
    Unresolved,
    /// All of them.
    Site,
}

/// What was used in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthUse {
    /// Hours of use, in seconds.
    pub seconds: i64,
    /// Token hours, in seconds; `None` where imported histories alone speak of it.
    pub token_seconds: Option<i64>,
    /// Sessions that began.
    pub sessions: i64,
    /// Distinct logins; `None` where sums alone are kept.
    pub users: Option<i64>,
    /// Distinct names of machines; `None` likewise.
    pub machines: Option<i64>,
}

/// All that a workbook is made of. Rows, holds, denials, findings and gaps are those of the scope and the period already.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'a> {
    /// The laboratory's name.
    pub site: &'a str,
    /// The language of the workbook.
    pub language: Language,
    /// The zone of every time in it: spreadsheets know none.
    pub timezone: Tz,
    /// How many tokens the laboratory has, day by day.
    pub seats: &'a Seats,
    /// The days that it covers.
    pub period: Period,
    /// When it is made.
    pub established: DateTime<Tz>,
    /// Whose rows these are.
    pub scope: Scope<'a>,
    /// The department's name in full, where it is known.
    pub full: Option<&'a str>,
    /// The pieces of sessions, a row each.
    pub rows: &'a [SessionRow],
    /// The tokens that made them.
    pub holds: &'a [Hold],
    /// The tokens that were refused.
    pub denials: &'a [Denial],
    /// Those of them that cost time, with what became of them.
    pub refusals: &'a [Refusal],
    /// The times that logs vouch for; all, where absent.
    pub known: Option<&'a Known>,
    /// What is to be known of the inputs.
    pub findings: &'a [Finding],
    /// The sources that could not be had.
    pub gaps: &'a [Gap],
    /// The figures of the period that were kept when it was over, where rows of it are forgotten.
    pub kept: Option<Figures>,
    /// The first day whose rows bear names, where some of the period are older.
    pub first_named: Option<NaiveDate>,
    /// The first day that has rows, where some of the period are older: of those, figures alone are known.
    pub first_kept: Option<NaiveDate>,
    /// The figures of the period before, where they are known, to compare with.
    pub previous: Option<Figures>,
    /// The day from which on anything is known.
    pub begins: Option<NaiveDate>,
    /// In the site's workbook: the figures of each department that there is, and of the rows without one.
    pub departments: &'a [(Option<&'a str>, Figures)],
    /// What was used in each of the last 24 months, by its first day, in their order; those without use aside.
    pub months: &'a [(NaiveDate, MonthUse)],
    /// Who has not used anything for months, by the last time.
    pub unused: &'a [LastUse],
    /// The hours in which people work, where the site says them.
    pub working: Option<WorkingHours>,
    /// What a token costs in a year, in euros, where the site says it.
    pub token_price: Option<u32>,
    /// What the workbook is made of.
    pub template: &'a Template,
    /// jeton's version.
    pub version: &'a str,
}

impl<'a> ReportInput<'a> {
    /// How many tokens the laboratory has at the end of the period.
    pub fn seats_at_last(&self) -> Option<u32> {
        self.seats.on(self.period.last())
    }

    /// What was used.
    pub const fn usage(&self) -> Usage<'a> {
        Usage { rows: self.rows, holds: self.holds, denials: self.denials, known: self.known, working: self.working }
    }
}

/// The most rows of a sheet, in Excel and in LibreOffice.
pub const MOST_ROWS: usize = 1_048_576;
/// The lines above the rows of *Sessions*, at most: heading, totals, header.
const LINES_ABOVE: usize = 3;

/// That more rows than a sheet holds were asked for; says what to ask for instead.
pub fn check_size(rows: &[SessionRow], period: Period, most: usize) -> Result<(), WriteError> {
    if rows.len().saturating_add(LINES_ABOVE) <= most {
        return Ok(());
    }
    let advice = match period.shorter(rows.iter().map(|row| row.date), most.saturating_sub(LINES_ABOVE)) {
        Some(kind) => {
            format!("ask for a shorter period: `jeton report --period {} --date {}`", kind.name(), period.first())
        }
        None => "ask for CSV, which has no such limit: `formats = [\"csv\"]` under `[report]`".to_owned(),
    };
    Err(WriteError::TooManyRows { rows: rows.len(), most: most.saturating_sub(LINES_ABOVE), advice })
}

/// Why a workbook could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A sheet does not hold that many rows.
    #[error("{rows} sessions are more than the {most} rows that a sheet holds; {advice}")]
    TooManyRows {
        /// How many there are.
        rows: usize,
        /// How many it holds.
        most: usize,
        /// What to do.
        advice: String,
    },
    /// Any sheet would have more rows than a spreadsheet holds, title and header included.
    #[error("the sheet {sheet} would have {count} rows, and a spreadsheet holds {most}")]
    SheetTooLong {
        /// The sheet.
        sheet: String,
        /// How many rows it would have.
        count: usize,
        /// How many it can have.
        most: usize,
    },
    /// By the XLSX writer: more rows than a sheet holds, a full disk.
    #[error("cannot write the XLSX workbook")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// By the ODS writer.
    #[error("cannot write the ODS workbook")]
    Ods(#[from] spreadsheet_ods::OdsError),
    /// While the skeleton of the ODS file was packed.
    #[error("cannot pack the ODS workbook")]
    Zip(#[from] zip::result::ZipError),
    /// While the skeleton of the ODS file was filled.
    #[error("cannot fill the ODS workbook")]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_rows_than_a_sheet_holds_are_an_error_that_says_what_to_ask_for() {
        let rows = sample::rows();
        let month = Period::of(crate::config::PeriodKind::Month, rows[0].date);
        assert!(check_size(&rows, month, rows.len() + LINES_ABOVE).is_ok());
        for (most, advice) in [
            (8, "ask for a shorter period: `jeton report --period week --date 2021-12-01`"),
            (5, "ask for a shorter period: `jeton report --period day --date 2021-12-01`"),
            (4, "ask for CSV"),
        ] {
            let error = check_size(&rows, month, most).unwrap_err().to_string();
            let said = format!("6 sessions are more than the {} rows that a sheet holds; {advice}", most - 3);
            assert!(error.starts_with(&said), "{error}");
        }
    }
}
