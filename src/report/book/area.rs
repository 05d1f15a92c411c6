use super::names::{column_name, range_name};

/// A rectangle of cells of one sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// The name of the sheet.
    pub sheet: String,
    /// The row and the column of the first cell, from 0.
    pub first: (u32, u16),
    /// The row and the column of the last cell, from 0.
    pub last: (u32, u16),
}

/// An area with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What it is called, legal in both formats.
    pub name: String,
    /// What it stands for.
    pub area: Area,
}

impl Name {
    /// An area with a name that is made legal by [`range_name`].
    pub fn new(name: &str, area: Area) -> Self {
        Self { name: range_name(name), area }
    }
}

impl Area {
    /// One cell.
    pub fn cell(sheet: impl Into<String>, row: u32, column: u16) -> Self {
        Self { sheet: sheet.into(), first: (row, column), last: (row, column) }
    }

    /// Whether a cell is in it, the sheet taken for granted.
    pub fn has(&self, (row, column): (u32, u16)) -> bool {
        (self.first.0..=self.last.0).contains(&row) && (self.first.1..=self.last.1).contains(&column)
    }

    /// Its first cell alone.
    #[must_use]
    pub fn first_cell(&self) -> Self {
        Self { last: self.first, ..self.clone() }
    }

    /// As an address of OpenDocument, `$'Par jour'.$B$4:$'Par jour'.$B$34`; a single cell as `$'Par jour'.$B$4`.
    pub(in crate::report) fn in_odf(&self) -> String {
        let cell = |place| format!("${}.{}", self.quoted_sheet(), absolute(place));
        if self.first == self.last { cell(self.first) } else { format!("{}:{}", cell(self.first), cell(self.last)) }
    }

    /// As Excel writes it, `'Par jour'!$B$4:$B$34`.
    pub(in crate::report) fn in_excel(&self) -> String {
        let first = format!("{}!{}", self.quoted_sheet(), absolute(self.first));
        if self.first == self.last { first } else { format!("{first}:{}", absolute(self.last)) }
    }

    fn quoted_sheet(&self) -> String {
        format!("'{}'", self.sheet.replace('\'', "''"))
    }
}

/// `$B$4`.
fn absolute((row, column): (u32, u16)) -> String {
    format!("${}${}", column_name(column), u64::from(row) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_written_as_each_format_has_it() {
        let area = Area { sheet: "L'année".into(), first: (3, 1), last: (33, 27) };
        assert_eq!(area.in_odf(), "$'L''année'.$B$4:$'L''année'.$AB$34");
        assert_eq!(area.in_excel(), "'L''année'!$B$4:$AB$34");
        assert_eq!(Area::cell("Jetons", 0, 0).in_odf(), "$'Jetons'.$A$1");
        assert!(area.has((3, 27)) && !area.has((2, 1)) && !area.has((3, 28)));
    }
}
