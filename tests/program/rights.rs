//! Who may read and write what: "permission denied" is told as that, with whose it is and what mends it.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use fs_err as fs;

use crate::support::{Lab, PROGRAM, rows_of};

/// `nobody`, on Debian and elsewhere.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    uzers::get_effective_uid() == 0
}

/// What a stranger is told, and the exit code. Where the tester is not root, the tester is the stranger, as what he asks for is
/// closed to himself.
fn stranger(lab: &Lab, line: &str) -> (String, Option<i32>) {
    // He may run what lies where he may go.
    let program = lab.path("jeton-of-all");
    fs::copy(PROGRAM, &program).unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command.args(line.split_whitespace()).current_dir(lab.path("")).env_remove("JETON_CONFIG");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

fn mode(lab: &Lab, name: &str, mode: u32) {
    fs::set_permissions(lab.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_stranger_is_told_whose_it_is_and_what_mends_it() {
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0);
    mode(&lab, "", 0o755);
    let closed = if is_root() { 0o700 } else { 0o000 };
    for (closing, line) in
        [("out/jeton.db", "sessions"), ("out", "sessions"), ("out", "nightly --no-push"), ("jeton.toml", "sessions")]
    {
        let before = fs::metadata(lab.path(closing)).unwrap().permissions();
        mode(&lab, "out", 0o755);
        mode(&lab, closing, closed & if closing.contains('.') { 0o600 } else { 0o700 });
        let (said, code) = stranger(&lab, line);
        fs::set_permissions(lab.path(closing), before).unwrap();
        assert!(
            said.contains("permission denied: `") && said.contains(&format!("/{closing}` belongs to ")),
            "{line}: {said}"
        );
        assert!(said.contains("sudo ") || said.contains("chmod "), "{line}: {said}");
        assert!(!said.contains("immutable") && matches!(code, Some(1 | 2)), "{line}: {code:?} {said}");
    }
    // The folder of the configuration is closed.
    let lab = lab.with("inner/jeton.toml", "");
    mode(&lab, "inner", closed);
    let (said, code) = stranger(&lab, "--config inner/jeton.toml sessions");
    mode(&lab, "inner", 0o755);
    assert!(said.contains("permission denied: `") && said.contains("/inner` belongs to "), "{said}");
    assert_eq!(code, Some(2));
}

#[test]
fn root_leaves_the_directory_of_another_user_alone() {
    // Whoever is not root cannot give a folder away.
    if !is_root() {
        return;
    }
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0);
    chown(lab.path("out"), Some(NOBODY), Some(NOBODY)).unwrap();
    let before = lab.files("out");
    for line in ["nightly --no-push", "report", "ledger rebuild"] {
        lab.jeton(line).exits(1).complains("belongs to nobody").complains("`sudo -u nobody jeton …`");
    }
    assert_eq!(lab.files("out"), before);
    lab.jeton("sessions").exits(0);
    let rows = rows_of(&lab.jeton("check --format csv").exits(1).out);
    assert!(rows.iter().any(|row| row["step"] == "output" && row["remedy"].contains("sudo -u nobody")), "{rows:?}");
}

#[test]
fn check_names_what_a_night_would_stumble_over() {
    let row = |lab: &Lab, step: &str, code: i32| {
        let rows = rows_of(&lab.jeton("check --format csv").exits(code).out);
        let found: Vec<String> = rows
            .iter()
            .filter(|row| row["step"] == step && !row["remedy"].is_empty())
            .map(|row| format!("{} {}", row["ok"], row["detail"]))
            .collect();
        found
    };
    let edited = |from: &str, to: &str| Lab::complete().edit("jeton.toml", |text| text.replace(from, to));
    let lab = edited("feature = \"OriginPro\"", "feature = \"originpro\"");
    let told = "false it names no feature `originpro`, but `OriginPro`";
    assert_eq!(row(&lab, "lmstat", 3), [told]);
    assert_eq!(row(&lab, "logwatch_content", 3), [told]);
    // Names that are one but for case or a letter; numbers tell names apart.
    let lab = edited("department = \"DPT2\"", "department = \"dpt1\"");
    assert_eq!(row(&lab, "configuration", 0), ["true the departments `DPT1` and `dpt1` are almost one name"]);
    assert_eq!(row(&Lab::complete(), "configuration", 0), [""; 0]);
    edited("10.20.1.1\"", "10.20.1.300\"").jeton("check").exits(2).complains("whose numbers go from 0 to 255");
    // What looks wrong in the inputs is named.
    let lab = Lab::complete().edit("dhcpd-511.conf", |text| text.replacen(";\n", "\n", 1));
    assert!(!row(&lab, "finding", 0).is_empty());
    // The ledger, and more tokens out than there are.
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0);
    lab.jeton("check --format csv")
        .exits(0)
        .says("ledger,out/jeton.db,true,\"version 5, ")
        .says(" free")
        .says("lock,out,true,");
    let lab = lab.edit("jeton.toml", |text| text.replace("seats = 3", "seats = 1"));
    let found = row(&lab, "seats", 0);
    assert!(
        found.len() == 1 && found[0].contains("tokens were out at once") && found[0].ends_with("1 is said to be all"),
        "{found:?}"
    );
    let lab = lab.with("out/jeton.db", "no ledger");
    assert!(!row(&lab, "ledger", 1).is_empty());
}
