//! Where kept texts are: a file per day in a folder, or packed in memory.
//!
//! A file is written beside its place and renamed into it, so that whoever is killed leaves the old text or the new one,
//! whole. What is found damaged is set aside under a name that ends in `.damaged`, is told of once, and is missing from
//! then on: one day is lost, and comes back with the next copy that shows it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::{Datelike, NaiveDate};
use fs_err as fs;
use fs_err::PathExt;
use serde::{Deserialize, Serialize};

use super::frame::{self, Fault};
use super::{Damage, DayInfo, EvidenceError, Kind};
use crate::output;
use crate::privacy::Forgotten;

/// The end of a text's file name.
const ENDING: &str = ".zst";
/// The file that says from which day on texts are kept.
const EDGE: &str = "horizon.json";
/// In how many nights every text is read once.
const NIGHTS: i32 = 30;

/// Which text of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    /// That of a day.
    Day(NaiveDate),
    /// That of no day that anybody knows.
    Undated,
}

impl Slot {
    fn file_name(self) -> String {
        match self {
            Self::Day(day) => format!("{day}{ENDING}"),
            Self::Undated => format!("undated{ENDING}"),
        }
    }

    fn of_file(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(ENDING)?;
        let slot = match stem.parse() {
            Ok(day) => Self::Day(day),
            Err(_) => Self::Undated,
        };
        (slot.file_name() == name).then_some(slot)
    }
}

/// All texts of one licence.
#[derive(Debug)]
pub(super) struct Store {
    place: Place,
    days: [BTreeMap<NaiveDate, DayInfo>; Kind::ALL.len()],
    undated: BTreeMap<Kind, DayInfo>,
    /// What was found damaged and not told of yet. Reading finds it, which changes nothing else.
    damage: Mutex<Vec<Damage>>,
    /// What of it the index still shows.
    lost: Mutex<Vec<(Kind, Slot)>>,
    /// Whether damaged files are renamed: by the holder of the lock alone.
    tends: bool,
    /// From which day on texts are kept.
    edge: Edge,
    /// Whose names are replaced on their way in.
    pub(super) forgotten: Option<Forgotten>,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Memory(BTreeMap<(Kind, Slot), Vec<u8>>),
}

impl Store {
    pub(super) fn in_memory() -> Self {
        Self::empty(Place::Memory(BTreeMap::new()))
    }

    fn empty(place: Place) -> Self {
        let days = [const { BTreeMap::new() }; Kind::ALL.len()];
        Self {
            place,
            days,
            undated: BTreeMap::new(),
            damage: Mutex::default(),
            lost: Mutex::default(),
            tends: false,
            edge: Edge::default(),
            forgotten: None,
        }
    }

    /// The texts in a folder, by their headers. Whoever holds the lock first removes what a killed run left behind.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        output::remove_leftovers(folder);
        for kind in Kind::ALL {
            output::remove_leftovers(&folder.join(kind.name()));
        }
        Self::read_index(Self { tends: true, ..Self::empty(Place::Folder(folder.to_owned())) }, folder)
    }

    /// The same, beside whoever holds the lock: no file is touched.
    pub(super) fn open_to_read(folder: &Path) -> io::Result<Self> {
        Self::read_index(Self::empty(Place::Folder(folder.to_owned())), folder)
    }

    fn read_index(mut store: Self, folder: &Path) -> io::Result<Self> {
        store.edge = Edge::read(folder);
        for kind in Kind::ALL {
            let inner = folder.join(kind.name());
            let entries = match inner.fs_err_read_dir() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let name = entry?.file_name();
                match name.to_str().and_then(Slot::of_file) {
                    // A run was killed while it forgot.
                    Some(Slot::Day(day)) if store.is_forgotten(day) && store.tends => {
                        fs::remove_file(inner.join(name))?;
                    }
                    Some(Slot::Day(day)) if store.is_forgotten(day) => {}
                    Some(slot) => store.learn(kind, slot, &inner.join(name))?,
                    None => {}
                }
            }
        }
        Ok(store)
    }

    fn learn(&mut self, kind: Kind, slot: Slot, path: &Path) -> io::Result<()> {
        let mut head = Vec::new();
        fs::File::open(path)?.take(frame::MOST_OF_HEADER).read_to_end(&mut head)?;
        match frame::read_header(&head) {
            Ok((info, _)) => self.remember(kind, slot, info),
            Err(fault) => self.set_aside(kind, slot, &fault),
        }
        Ok(())
    }

    fn remember(&mut self, kind: Kind, slot: Slot, info: DayInfo) {
        match slot {
            Slot::Day(day) => self.days[kind as usize].insert(day, info),
            Slot::Undated => self.undated.insert(kind, info),
        };
    }

    fn forget(&mut self, kind: Kind, slot: Slot) {
        match slot {
            Slot::Day(day) => self.days[kind as usize].remove(&day),
            Slot::Undated => self.undated.remove(&kind),
        };
    }

    /// What is known of the days of a kind.
    pub(super) fn days(&self, kind: Kind) -> &BTreeMap<NaiveDate, DayInfo> {
        &self.days[kind as usize]
    }

    pub(super) fn info(&self, kind: Kind, slot: Slot) -> Option<&DayInfo> {
        match slot {
            Slot::Day(day) => self.days(kind).get(&day),
            Slot::Undated => self.undated.get(&kind),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.days.iter().all(BTreeMap::is_empty) && self.undated.is_empty()
    }

    /// The name of a text, as findings cite it.
    pub(super) fn name(&self, kind: Kind, slot: Slot) -> String {
        match (&self.place, slot) {
            (Place::Folder(folder), _) => path_of(folder, kind, slot).display().to_string(),
            (Place::Memory(_), Slot::Day(day)) => format!("{} {day}", kind.name()),
            (Place::Memory(_), Slot::Undated) => format!("{} undated", kind.name()),
        }
    }

    /// A text; `None` where there is none, or none that can be read any more.
    pub(super) fn get(&self, kind: Kind, slot: Slot) -> io::Result<Option<Vec<u8>>> {
        if self.info(kind, slot).is_none() {
            return Ok(None);
        }
        let Some(bytes) = self.packed(kind, slot)? else { return Ok(None) };
        match frame::unpack(&bytes) {
            Ok(text) => Ok(Some(text)),
            Err(fault) => {
                self.set_aside(kind, slot, &fault);
                Ok(None)
            }
        }
    }

    /// A text as its file has it.
    fn packed(&self, kind: Kind, slot: Slot) -> io::Result<Option<Vec<u8>>> {
        let folder = match &self.place {
            Place::Memory(texts) => return Ok(texts.get(&(kind, slot)).cloned()),
            Place::Folder(folder) => folder,
        };
        match fs::read(path_of(folder, kind, slot)) {
            Ok(bytes) => Ok(Some(bytes)),
            // Somebody took it away, or it was set aside a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first day of which texts are kept, where older ones are forgotten.
    pub(super) fn first_kept(&self) -> Option<NaiveDate> {
        self.edge.first
    }

    /// Whether texts of a day are forgotten.
    pub(super) fn is_forgotten(&self, day: NaiveDate) -> bool {
        self.edge.first.is_some_and(|first| day < first)
    }

    /// A text of a day with pseudonyms in the place of those who are forgotten.
    pub(super) fn replaced<'t>(&self, text: &'t [u8], day: NaiveDate) -> Cow<'t, [u8]> {
        self.forgotten.as_ref().map_or(Cow::Borrowed(text), |forgotten| forgotten.replaced(text, day))
    }

    /// Forgets all texts of days before one, those that were set aside too, and takes none of them in any more. What
    /// nothing dates is forgotten as long after it was first kept. `today` is the day of the night.
    pub(super) fn forget_before(&mut self, first: NaiveDate, today: NaiveDate) -> io::Result<()> {
        self.settle();
        let first = self.edge.first.map_or(first, |known| known.max(first));
        let is_waiting = !self.undated.is_empty();
        let since = self.edge.undated_since.unwrap_or(today);
        let is_too_old = is_waiting && since < first;
        let edge = Edge { first: Some(first), undated_since: Some(since).filter(|_| is_waiting && !is_too_old) };
        if edge != self.edge {
            if let Place::Folder(folder) = &self.place {
                edge.write(folder)?;
            }
            self.edge = edge;
        }
        let old: Vec<(Kind, Slot)> = self
            .all()
            .filter(|(_, slot)| match slot {
                Slot::Day(day) => *day < first,
                Slot::Undated => is_too_old,
            })
            .collect();
        old.into_iter().try_for_each(|(kind, slot)| self.remove(kind, slot).map(drop))?;
        let Place::Folder(folder) = &self.place else { return Ok(()) };
        for kind in Kind::ALL {
            for aside in output::set_aside_in(&folder.join(kind.name())) {
                let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let day = name.split_once(ENDING).and_then(|(day, _)| day.parse::<NaiveDate>().ok());
                // Of an undated one nobody knows how old it is.
                if day.is_none_or(|day| day < first) {
                    fs::remove_file(aside)?;
                }
            }
        }
        Ok(())
    }

    /// Puts pseudonyms in the place of those who are forgotten, in all that is kept.
    pub(super) fn replace_forgotten(&mut self) -> io::Result<()> {
        self.settle();
        let Some(last) = self.forgotten.as_ref().and_then(Forgotten::last) else { return Ok(()) };
        let slots: Vec<(Kind, Slot)> = self.all().collect();
        for (kind, slot) in slots {
            let day = match slot {
                Slot::Day(day) if day <= last => day,
                Slot::Day(_) => continue,
                Slot::Undated => last,
            };
            let Some(text) = self.get(kind, slot)? else { continue };
            if let Cow::Owned(text) = self.replaced(&text, day) {
                self.put(kind, slot, &text)?;
            }
        }
        Ok(())
    }

    /// Keeps a text in place of the one before, if it differs, and says whether it does. None is kept of nothing, nor of a
    /// day that is forgotten.
    pub(super) fn put(&mut self, kind: Kind, slot: Slot, text: &[u8]) -> io::Result<bool> {
        self.settle();
        if text.is_empty() || matches!(slot, Slot::Day(day) if self.is_forgotten(day)) {
            return self.remove(kind, slot);
        }
        let info = frame::info_of(text);
        if self.info(kind, slot) == Some(&info) {
            return Ok(false);
        }
        let bytes = frame::pack(text, &info)?;
        match &mut self.place {
            Place::Folder(folder) => output::write_file(&path_of(folder, kind, slot), |out| out.write_all(&bytes))?,
            Place::Memory(texts) => drop(texts.insert((kind, slot), bytes)),
        }
        self.remember(kind, slot, info);
        Ok(true)
    }

    fn remove(&mut self, kind: Kind, slot: Slot) -> io::Result<bool> {
        if self.info(kind, slot).is_none() {
            return Ok(false);
        }
        match &mut self.place {
            Place::Folder(folder) => match fs::remove_file(path_of(folder, kind, slot)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
            Place::Memory(texts) => drop(texts.remove(&(kind, slot))),
        }
        self.forget(kind, slot);
        Ok(true)
    }

    /// Sets a text aside that is not what was written.
    fn set_aside(&self, kind: Kind, slot: Slot, fault: &Fault) {
        let mut reason = fault.to_string();
        if let Place::Folder(folder) = &self.place
            && self.tends
            && let Err(error) = output::set_aside(&path_of(folder, kind, slot))
        {
            // It stays where it is, and is told of again next time.
            reason = format!("{reason}; {error}");
        }
        let damage = Damage { file: self.name(kind, slot), reason };
        self.damage.lock().unwrap_or_else(PoisonError::into_inner).push(damage);
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push((kind, slot));
    }

    /// Takes out of the index what was set aside since.
    pub(super) fn settle(&mut self) {
        let lost = std::mem::take(self.lost.get_mut().unwrap_or_else(PoisonError::into_inner));
        for (kind, slot) in lost {
            self.forget(kind, slot);
        }
    }

    pub(super) fn take_damage(&mut self) -> Vec<Damage> {
        self.settle();
        std::mem::take(self.damage.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads every text, so that what is damaged is found.
    pub(super) fn verify(&self) -> io::Result<()> {
        self.all().try_for_each(|(kind, slot)| self.get(kind, slot).map(drop))
    }

    /// Reads the texts whose day is that of one night in [`NIGHTS`], so that what is damaged is found within as many.
    pub(super) fn verify_part(&self, night: i32) -> io::Result<()> {
        let is_due = |slot: &Slot| match slot {
            Slot::Day(day) => (day.num_days_from_ce() - night).rem_euclid(NIGHTS) == 0,
            Slot::Undated => true,
        };
        self.all().filter(|(_, slot)| is_due(slot)).try_for_each(|(kind, slot)| self.get(kind, slot).map(drop))
    }

    /// Copies every text to a folder of files.
    pub(super) fn copy_to(&self, folder: &Path) -> io::Result<()> {
        for (kind, slot) in self.all() {
            if let Some(bytes) = self.packed(kind, slot)? {
                output::write_file(&path_of(folder, kind, slot), |out| out.write_all(&bytes))?;
            }
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = (Kind, Slot)> {
        let days = |kind| self.days(kind).keys().map(move |day| (kind, Slot::Day(*day)));
        let undated = self.undated.keys().map(|kind| (*kind, Slot::Undated));
        Kind::ALL.into_iter().flat_map(days).chain(undated)
    }
}

fn path_of(folder: &Path, kind: Kind, slot: Slot) -> PathBuf {
    folder.join(kind.name()).join(slot.file_name())
}

/// From which day on texts are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Edge {
    /// The first day; all, where absent.
    first: Option<NaiveDate>,
    /// Since when there is text that nothing dates.
    undated_since: Option<NaiveDate>,
}

impl Edge {
    /// That of a folder. One that is lost comes back with the next night, by the ledger.
    fn read(folder: &Path) -> Self {
        fs::read(folder.join(EDGE)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    fn write(self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_string(&self)?;
        output::write_file(&folder.join(EDGE), |out| writeln!(out, "{text}"))
    }
}

impl From<io::Error> for EvidenceError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Io(error),
        }
    }
}
