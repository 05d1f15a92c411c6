//! A history that others write to as well, on the licence server: what of it is theirs, and how it comes into ours.

use std::collections::{HashMap, HashSet};

use super::{TABLE_HEADER, record_key};
use crate::config::HistoryFormat;

/// Puts the lines that others wrote into a shared history into our own one, each once.
///
/// `before` is what the shared history held when we last left it: what it holds beyond that is others'. Without it, all that
/// is not in `own` is, but for what a newer line of `own` says of the same day, user and address.
///
/// Where a history is shared for the first time, their lines are from before it, and stand first; later ones stand last.
/// Lines of `line` and `table` stand first always: there the last lines of one user and address are taken for our own.
pub fn adopt(own: &str, shared: &str, before: Option<&str>, format: HistoryFormat) -> String {
    let foreign = foreign(own, shared, before);
    if foreign.is_empty() {
        return own.to_owned();
    }
    let mut theirs = foreign.join("\n");
    theirs.push('\n');
    if before.is_some() && format == HistoryFormat::Record {
        let end = if own.is_empty() || own.ends_with('\n') { "" } else { "\n" };
        return format!("{own}{end}{theirs}");
    }
    let header = own.split_inclusive('\n').next().filter(|first| first.trim() == TABLE_HEADER).unwrap_or_default();
    format!("{header}{theirs}{}", &own[header.len()..])
}

/// The lines of a shared history that others wrote.
fn foreign<'a>(own: &str, shared: &'a str, before: Option<&str>) -> Vec<&'a str> {
    // How often each line may be there before it is another's.
    let mut ours: HashMap<&str, usize> = HashMap::new();
    for text in [Some(own), before].into_iter().flatten() {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for line in text.lines().map(str::trim_end) {
            *counts.entry(line).or_default() += 1;
        }
        for (line, count) in counts {
            let known = ours.entry(line).or_default();
            *known = count.max(*known);
        }
    }
    let keys: HashSet<_> = own.lines().filter_map(record_key).collect();
    let users: HashSet<_> = keys.iter().map(|(date, who, _)| (date.clone(), who.clone())).collect();
    // A line without an address was ours where we know the address now.
    let is_superseded = |line: &str| {
        record_key(line).is_some_and(|key| keys.contains(&key) || (key.2.is_empty() && users.contains(&(key.0, key.1))))
    };
    let mut is_foreign = |line: &'a str| {
        if line.trim().is_empty() {
            return false;
        }
        match ours.get_mut(line) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => !is_superseded(line),
        }
    };
    shared.lines().map(str::trim_end).filter(|line| is_foreign(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(day: u32, who: &str, ip: &str, minutes: u32) -> String {
        format!(
            "{{'ip': '{ip}', 'origin_name': '{who}', 'connexion time': '{minutes} min', 'date': '2021-12-{day:02}'}}\n"
        )
    }

    #[test]
    fn what_others_appended_is_kept_and_what_we_wrote_before_is_not() {
        let (old, new) = (record(8, "anna@PC-1", "10.0.0.1", 5), record(8, "anna@PC-1", "10.0.0.1", 9));
        let next = record(9, "anna@PC-1", "10.0.0.1", 9);
        let by_hand = "une ligne à la main\n".to_owned();
        let theirs = record(8, "bob@PC-2", "10.0.0.2", 3);
        let without = record(8, "anna@PC-1", "", 5);
        let text = |lines: &[&String]| lines.iter().map(|line| line.as_str()).collect::<String>();
        for (name, own, shared, before, expected) in [
            ("nothing there", text(&[&new]), String::new(), None, text(&[&new])),
            ("as we left it", text(&[&new, &next]), text(&[&old]), Some(text(&[&old])), text(&[&new, &next])),
            ("appended", text(&[&new]), text(&[&old, &by_hand]), Some(text(&[&old])), text(&[&new, &by_hand])),
            ("theirs before ours", text(&[&new]), text(&[&theirs, &by_hand]), None, text(&[&theirs, &by_hand, &new])),
            ("ours, but forgotten", text(&[&new]), text(&[&old, &without, &by_hand]), None, text(&[&by_hand, &new])),
            (
                "adopted already",
                text(&[&new, &by_hand]),
                text(&[&old, &by_hand]),
                Some(text(&[&old])),
                text(&[&new, &by_hand]),
            ),
            (
                "twice",
                text(&[&new]),
                text(&[&old, &by_hand, &by_hand]),
                Some(text(&[&old])),
                text(&[&new, &by_hand, &by_hand]),
            ),
        ] {
            assert_eq!(adopt(&own, &shared, before.as_deref(), HistoryFormat::Record), expected, "{name}");
            assert_eq!(adopt(&expected, &shared, before.as_deref(), HistoryFormat::Record), expected, "{name}, again");
        }
    }

    #[test]
    fn lines_of_a_table_stand_below_its_header() {
        let own = format!("{TABLE_HEADER}\nours | 1\n");
        let shared = format!("{TABLE_HEADER}\nours | 1\ntheirs | 1\n");
        for before in [None, Some(own.as_str())] {
            let adopted = adopt(&own, &shared, before, HistoryFormat::Table);
            assert_eq!(adopted, format!("{TABLE_HEADER}\ntheirs | 1\nours | 1\n"));
        }
    }
}
