//! Where a workbook lies: `reports/2021-12/DPT4-2021-12.ods`, whatever a department is called.

use std::path::PathBuf;

use super::{Period, Scope};
use crate::model::folded;

/// The folder of all reports, in the output directory.
pub const FOLDER: &str = "reports";
/// The workbook of the rows whose machine has no department.
pub const UNRESOLVED: &str = "non-resolus";
/// The most bytes of a name that goes into a file's name: file systems allow 255, the period takes some.
const MOST_BYTES: usize = 120;

/// The path of a scope's workbook, relative to the output directory, with this extension (`ods`, `xlsx`, `csv`).
///
/// Two scopes never share a path: a department whose name had to be changed to be safe, or that is called like the
/// site or like the rows without a department, has a mark of its exact name behind it.
pub fn relative_path(site: &str, scope: Scope<'_>, period: Period, extension: &str) -> PathBuf {
    let part = period.part();
    let stem = match scope {
        Scope::Unresolved => UNRESOLVED.to_owned(),
        Scope::Site => stem(site, &[UNRESOLVED], "site"),
        Scope::Department(name) => stem(name, &[site, UNRESOLVED], "department"),
    };
    [FOLDER, &part, &format!("{stem}-{part}.{extension}")].iter().collect()
}

/// A name as a file's name: itself where that is safe and not taken by another kind of workbook.
fn stem(name: &str, taken: &[&str], kind: &str) -> String {
    match safe(name) {
        Ok(same) if !taken.iter().any(|taken| folded(taken) == folded(name)) => same,
        Ok(changed) | Err(changed) => marked(&changed, kind, name),
    }
}

/// A name as a file's name on any system: itself, or what it had to be changed to.
fn safe(name: &str) -> Result<String, String> {
    let kept = |c: char| c.is_alphanumeric() || "-_.' ()+,&".contains(c);
    let mut changed: String = name.chars().map(|c| if kept(c) { c } else { '_' }).collect();
    let end = (0..=MOST_BYTES.min(changed.len())).rev().find(|end| changed.is_char_boundary(*end)).unwrap_or(0);
    changed.truncate(end);
    // A leading point hides the file, a leading hyphen is an option to a careless command, spaces at the ends get lost.
    let trimmed = changed.trim().trim_start_matches(['.', '-']).trim_end_matches('.').trim();
    match trimmed {
        "" => Err("_".to_owned()),
        trimmed if trimmed == name => Ok(changed),
        trimmed => Err(trimmed.to_owned()),
    }
}

/// A name with a mark of the kind and the exact name behind it. `~` is in no safe name, so that none can look like a
/// marked one.
fn marked(changed: &str, kind: &str, exact: &str) -> String {
    // FNV-1a: short, stable over versions, and names are no adversaries that look for collisions of 64 bits.
    let hash = kind
        .bytes()
        .chain([0])
        .chain(exact.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{changed}~{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PeriodKind;
    use std::collections::HashSet;
    use std::path::Component;

    fn period() -> Period {
        Period::of(PeriodKind::Month, "2021-12-14".parse().unwrap())
    }

    fn path(scope: Scope<'_>) -> String {
        relative_path("Labo", scope, period(), "ods").display().to_string()
    }

    #[test]
    fn plain_names_stay_as_they_are() {
        for (scope, expected) in [
            (Scope::Department("DPT4"), "reports/2021-12/DPT4-2021-12.ods"),
            (Scope::Department("Chimie & Matériaux"), "reports/2021-12/Chimie & Matériaux-2021-12.ods"),
            (Scope::Unresolved, "reports/2021-12/non-resolus-2021-12.ods"),
            (Scope::Site, "reports/2021-12/Labo-2021-12.ods"),
        ] {
            assert_eq!(path(scope), expected);
        }
    }

    #[test]
    fn no_name_leaves_the_folder_or_shares_a_path_with_another() {
        let long = "é".repeat(500);
        let names = [
            "../x",
            "..",
            ".",
            "",
            " ",
            "/",
            "A/B: \"C\"",
            "A_B_ _C_",
            "A/B",
            "A\\B",
            "A_B",
            "A:B",
            "\0",
            "x\n",
            "x",
            "x.",
            " x",
            "-x",
            "con|",
            "non-resolus",
            "Non-Résolus",
            "Labo",
            "LABO",
            "x~1",
            &long,
            &format!("{long}2"),
        ];
        for site in ["Labo", "A/B", "non-resolus"] {
            let of = |scope| relative_path(site, scope, period(), "ods");
            let all = HashSet::from([of(Scope::Site), of(Scope::Unresolved), of(Scope::Department(site))]);
            assert_eq!(all.len(), 3, "{all:?}");
        }
        let mut seen = HashSet::from([path(Scope::Unresolved), path(Scope::Site)]);
        for name in names {
            let path = relative_path("Labo", Scope::Department(name), period(), "ods");
            assert_eq!(path.components().count(), 3, "{name:?}");
            assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{name:?}");
            assert!(path.file_name().unwrap().len() < 200, "{name:?}");
            assert!(!path.to_string_lossy().contains(['\0', '\n', '"', ':', '\\']), "{name:?}");
            assert!(seen.insert(path.display().to_string()), "{name:?} is {path:?} like another");
        }
    }
}
