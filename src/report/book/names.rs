//! The names of places in a workbook, legal in both formats.

/// A legal name of a sheet in both formats (Excel's rules are the stricter ones): at most 31 characters, none of
/// `[]:*?/\`, no apostrophe at the ends, not empty, not `History`.
pub fn sheet_name(name: &str) -> String {
    let mut units = 0;
    let legal: String = name
        .chars()
        .map(|c| if c.is_control() || "[]:*?/\\".contains(c) { '_' } else { c })
        .take_while(|c| {
            units += c.len_utf16();
            units <= 31
        })
        .collect();
    let legal = legal.trim().trim_matches('\'').trim();
    if legal.is_empty() || legal.eq_ignore_ascii_case("history") { format!("_{legal}") } else { legal.to_owned() }
}

/// A legal name of a range in both formats: letters, digits, `_` and `.`, no digit or point first, nothing that a cell
/// could be called (`A1`, `R1C1`, `R`), at most 255 characters.
pub fn range_name(name: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || c == '_' || c == '.' { c } else { '_' };
    let legal: String = name.chars().map(kept).take(200).collect();
    let letters = legal.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_cell = letters.len() <= 3 && letters.chars().all(|c| c.is_ascii_alphabetic());
    let is_place = legal.chars().all(|c| matches!(c, 'r' | 'R' | 'c' | 'C') || c.is_ascii_digit());
    let begins_well = legal.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if begins_well && !is_cell && !is_place { legal } else { format!("_{legal}") }
}

/// The letters of a column, from 0: `A`, `Z`, `AA`.
pub(in crate::report) fn column_name(column: u16) -> String {
    let mut letters = Vec::new();
    let mut rest = u32::from(column) + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or_default()));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_spreadsheets_do() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")] {
            assert_eq!(column_name(column), name);
        }
    }

    #[test]
    fn sheet_names_are_legal() {
        for (name, legal) in [
            ("Synthèse", "Synthèse"),
            ("A/B: [C]?", "A_B_ _C__"),
            ("'x'", "x"),
            ("", "_"),
            ("History", "_History"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ] {
            assert_eq!(sheet_name(name), legal);
        }
    }

    #[test]
    fn names_of_ranges_are_legal() {
        for (name, legal) in [
            ("Sessions_Durée", "Sessions_Durée"),
            ("Heures par jour", "Heures_par_jour"),
            ("A1", "_A1"),
            ("DPT4", "_DPT4"),
            ("IT", "_IT"),
            ("R1C1", "_R1C1"),
            ("R", "_R"),
            ("4x", "_4x"),
            ("", "_"),
            ("Jetons.pic", "Jetons.pic"),
        ] {
            assert_eq!(range_name(name), legal);
        }
    }
}
