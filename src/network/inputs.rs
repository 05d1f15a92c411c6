//! The inputs on this machine's disk: the DHCP files with what they include, and Ordinateurs.ods.

use std::collections::HashMap;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::finding::{Finding, Kind, Place, excerpt};
use crate::parse::dhcpd::{self, DhcpFile};
use crate::source::{Source, SourceError};

/// Why an input without which no night can be told could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A DHCP file.
    #[error("cannot read a DHCP file")]
    Dhcp(#[source] SourceError),
    /// The computers' file itself; the cause names the path.
    #[error("cannot read the table of computers")]
    Computers(#[source] std::io::Error),
    /// The computers' file is no spreadsheet.
    #[error("cannot read `{path}` as a spreadsheet (ODS or XLSX): {reason}")]
    Spreadsheet {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A DHCP file that was read.
#[derive(Debug, Clone)]
pub struct ReadFile {
    /// Its name in findings.
    pub name: Arc<str>,
    /// What it declares.
    pub file: DhcpFile,
}

/// Reads the DHCP files and all that they include, each file once.
///
/// A path in `include` is relative to the folder of the file that names it. One that does not exist is looked for by
/// its file name in that folder, as a laboratory keeps a copy of `/etc/dhcp` elsewhere. A listed file that cannot be
/// read is an error; an included one is a finding.
pub fn read_dhcp(paths: &[PathBuf]) -> Result<(Vec<ReadFile>, Vec<Finding>), InputError> {
    let mut shelf = Shelf::default();
    for path in paths {
        shelf.read(path).map_err(InputError::Dhcp)?;
    }
    let mut edges = Vec::new();
    let mut next = 0;
    while next < shelf.files.len() {
        for (index, include) in shelf.files[next].file.includes.clone().into_iter().enumerate() {
            let folder = shelf.paths[next].parent().unwrap_or(Path::new("")).to_owned();
            if let Some(to) = included(&folder, &include.path).and_then(|path| shelf.read(&path).ok()) {
                edges.push(Edge { from: next, index, to });
            } else {
                let place = Place::line(&shelf.files[next].name, include.line);
                shelf.findings.push(Finding::new(Kind::DhcpInclude, place, excerpt(&include.path)));
            }
        }
        next += 1;
    }
    inherit(&mut shelf.files, &edges);
    Ok((shelf.files, shelf.findings))
}

/// The files that were read, in the order in which they were met.
#[derive(Default)]
struct Shelf {
    files: Vec<ReadFile>,
    paths: Vec<PathBuf>,
    known: HashMap<PathBuf, usize>,
    findings: Vec<Finding>,
}

impl Shelf {
    /// Reads a file unless it was read before, and gives its index.
    fn read(&mut self, path: &Path) -> Result<usize, SourceError> {
        let identity = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(&index) = self.known.get(&identity) {
            return Ok(index);
        }
        // A pipe that nobody writes to would be waited for.
        if path.metadata().is_ok_and(|found| found.file_type().is_fifo() || found.file_type().is_socket()) {
            return Err(SourceError::Pipe(path.display().to_string()));
        }
        let source = Source::read(path)?;
        let parsed = dhcpd::parse(&source);
        self.known.insert(identity, self.files.len());
        self.files.push(ReadFile { name: Arc::clone(source.name()), file: parsed.items });
        self.paths.push(path.to_owned());
        self.findings.extend(parsed.findings);
        Ok(self.files.len() - 1)
    }
}

/// An `include` that was followed: by its index in the including file, to the included one.
struct Edge {
    from: usize,
    index: usize,
    to: usize,
}

fn included(folder: &Path, written: &str) -> Option<PathBuf> {
    let written = Path::new(written);
    let beside = written.file_name().map(|name| folder.join(name));
    // `join` of an absolute path is that path.
    [Some(folder.join(written)), beside].into_iter().flatten().find(|path| path.is_file())
}

/// Gives what stands around an `include` (VLAN comment, subnet) to the hosts of the included file that have none of their
/// own, through files that include others in turn. Ends, as each round fills at least one gap and none is opened.
fn inherit(files: &mut [ReadFile], edges: &[Edge]) {
    let mut changed = true;
    while changed {
        changed = false;
        for &Edge { from, index, to } in edges {
            let include = files[from].file.includes[index].clone();
            let target = &mut files[to].file;
            let vlans = target.hosts.iter_mut().map(|host| &mut host.vlan);
            let vlans = vlans.chain(target.subnets.iter_mut().map(|subnet| &mut subnet.vlan));
            for vlan in vlans.chain(target.includes.iter_mut().map(|include| &mut include.vlan)) {
                if vlan.is_none() && include.vlan.is_some() {
                    vlan.clone_from(&include.vlan);
                    changed = true;
                }
            }
            let subnets = target.hosts.iter_mut().map(|host| &mut host.subnet);
            for subnet in subnets.chain(target.includes.iter_mut().map(|include| &mut include.subnet)) {
                if subnet.is_none() && include.subnet.is_some() {
                    *subnet = include.subnet;
                    changed = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
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

    fn read(folder: &tempfile::TempDir, listed: &[&str]) -> (Vec<ReadFile>, Vec<Finding>) {
        read_dhcp(&listed.iter().map(|name| folder.path().join(name)).collect::<Vec<_>>()).unwrap()
    }

    fn names(files: &[ReadFile]) -> Vec<&str> {
        files.iter().flat_map(|f| f.file.hosts.iter().map(|h| h.name.as_str())).collect()
    }

    #[test]
    fn includes_are_followed_once_from_their_own_folder_or_beside_it() {
        let folder = folder(&[
            ("dhcpd.conf", "include \"/nowhere/etc/dhcp/a.conf\"; include \"sub/b.conf\"; host M { }"),
            ("a.conf", "host A { } include \"dhcpd.conf\"; include \"a.conf\";"),
            ("sub/b.conf", "host B { } include \"c.conf\";"),
            ("sub/c.conf", "host C { }"),
        ]);
        let (files, findings) = read(&folder, &["a.conf", "dhcpd.conf"]);
        assert_eq!(names(&files), ["A", "M", "B", "C"]);
        assert_eq!(findings, []);
    }

    #[test]
    fn an_included_file_is_in_the_vlan_of_its_include() {
        let folder = folder(&[
            ("m.conf", "#vlan: 7 (Z)\nsubnet 10.0.0.0 netmask 255.255.255.0 {\ninclude \"h.conf\";\n}"),
            ("h.conf", "host A { }\ninclude \"deeper.conf\";"),
            ("deeper.conf", "host D { }\n#vlan: 8 (Y)\nhost E { }"),
        ]);
        for listed in [["m.conf"].as_slice(), &["deeper.conf", "h.conf", "m.conf"]] {
            let (files, _) = read(&folder, listed);
            let mut vlans: Vec<_> = files
                .iter()
                .flat_map(|f| &f.file.hosts)
                .map(|h| (h.name.as_str(), h.vlan.clone().unwrap().number.unwrap().number(), h.subnet.is_some()))
                .collect();
            vlans.sort_unstable();
            assert_eq!(vlans, [("A", 7, true), ("D", 7, true), ("E", 8, true)]);
        }
    }

    #[test]
    fn a_missing_include_is_a_finding_and_a_missing_file_an_error() {
        let folder = folder(&[("m.conf", "\ninclude \"gone.conf\";"), ("p.conf", "%PDF-1.7")]);
        let (_, findings) = read(&folder, &["m.conf"]);
        assert_eq!((findings[0].kind, findings[0].detail.as_str()), (Kind::DhcpInclude, "gone.conf"));
        assert!(findings[0].place.to_string().ends_with("m.conf:2"));
        for name in ["none.conf", "p.conf"] {
            let error = read_dhcp(&[folder.path().join(name)]).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains(name), "{cause}");
        }
    }
}
