//! Rows into sheets, sheets into ODS, XLSX and CSV.
//!
//! Two layers: [`sheets()`] turns a [`ReportInput`] into a [`book::Workbook`], which is values only; [`xlsx::write`] and
//! [`ods::write`] turn that into files. Both files hold the same cells, because neither writer decides anything.

pub mod book;
pub mod csv;
mod figures;
#[cfg(test)]
mod files_test;
mod names;
pub mod ods;
mod period;
pub mod rows;
#[cfg(test)]
pub(crate) mod sample;
mod sheets;
mod style;
pub mod xlsx;

use chrono::DateTime;
use chrono_tz::Tz;

pub use figures::Figures;
pub use names::{FOLDER, relative_path};
pub use period::{Period, day, weekday};
pub use sheets::{InventoryInput, found, inventory, sheets, told};

use crate::finding::{Finding, Gap};
use crate::model::{Denial, Hold, SessionRow};
use crate::texts::Language;

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

/// All that a workbook is made of. Rows, holds, denials, findings and gaps are those of the scope and the period already.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'a> {
    /// The laboratory's name.
    pub site: &'a str,
    /// The language of the workbook.
    pub language: Language,
    /// The zone of every time in it: spreadsheets know none.
    pub timezone: Tz,
    /// How many tokens the laboratory has.
    pub seats: Option<u32>,
    /// The days that it covers.
    pub period: Period,
    /// When it is made.
    pub established: DateTime<Tz>,
    /// Whose rows these are.
    pub scope: Scope<'a>,
    /// The pieces of sessions, a row each.
    pub rows: &'a [SessionRow],
    /// The tokens that made them.
    pub holds: &'a [Hold],
    /// The tokens that were refused.
    pub denials: &'a [Denial],
    /// What is to be known of the inputs.
    pub findings: &'a [Finding],
    /// The sources that could not be had.
    pub gaps: &'a [Gap],
    /// The figures of the period before, where they are known, to compare with.
    pub previous: Option<Figures>,
    /// jeton's version.
    pub version: &'a str,
}

/// Why a workbook could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
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
