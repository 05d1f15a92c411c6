//! Debian's OpenSSH server as the licence server and the tftp host.

use std::os::unix::fs::{PermissionsExt, symlink};

use fs_err as fs;
use jeton::network::{Command, Host, Remote, Replaced};

use crate::client::{Client, server};
use crate::sshd::Sshd;
use crate::switch::make_key;

fn started(more: &str) -> (Sshd, Host, Client) {
    let sshd = Sshd::new(more);
    let (host, client) = (server(&sshd), Client::knowing(&sshd.known("ed25519")));
    (sshd, host, client)
}

fn put(sshd: &Sshd, name: &str, content: impl AsRef<[u8]>) {
    let path = sshd.home().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, content.as_ref()).unwrap();
}

fn run(client: &Client, host: &Host, lines: &[&str]) -> Vec<Result<String, String>> {
    let commands: Vec<Command> = lines.iter().map(|line| Command::lmstat(line)).collect();
    let answers = client.ssh().run(host, &commands).into_iter();
    answers
        .map(|answer| answer.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.to_string()))
        .collect()
}

#[test]
fn commands_answer_or_say_why_not_and_one_that_fails_takes_no_other_with_it() {
    let (_sshd, host, client) = started("");
    let many = (1..=20_000).fold(String::new(), |text, n| text + &n.to_string() + "\n");
    let answers = run(
        &client,
        &host,
        &[
            "echo lmstat é",
            "/nowhere/lmutil lmstat -a",
            "echo some; exit 3",
            "echo complaint >&2; exit 3",
            "seq 20000",
            "printf 'no newline'; echo noise >&2",
            "true",
            "exec >&- 2>&-; sleep 1; exit 3",
        ],
    );
    assert_eq!(answers[0].as_deref(), Ok("lmstat é\n"));
    let error = answers[1].as_deref().unwrap_err();
    assert!(error.starts_with("origin.labo.example: /nowhere/lmutil lmstat -a: the host cannot run it: "), "{error}");
    assert!(error.ends_with("; mend its path in jeton.toml"), "{error}");
    assert_eq!(answers[2].as_deref(), Ok("some\n"), "lmutil ends with 1 and more, and has listed");
    let error = answers[3].as_deref().unwrap_err();
    assert!(error.ends_with("it ended with 3 and printed nothing: complaint"), "{error}");
    assert_eq!(answers[4].as_ref(), Ok(&many));
    assert_eq!(answers[5].as_deref(), Ok("no newline"));
    assert_eq!(answers[6].as_deref(), Ok(""));
    let error = answers[7].as_deref().expect_err("a status that comes late is waited for");
    assert!(error.ends_with("it ended with 3 and printed nothing: "), "{error}");
}

#[test]
fn a_file_of_any_size_is_read_whole_or_in_part_from_a_home_that_is_a_link() {
    let (sshd, host, client) = started("");
    let big: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
    put(&sshd, "logwatch", &big);
    put(&sshd, "empty", "");
    let ssh = client.ssh();
    let mut files = ssh.files(&host).unwrap();
    for path in ["logwatch", "~/logwatch", &sshd.home().join("logwatch").display().to_string()] {
        assert_eq!(files.stat(path).unwrap().unwrap().size, big.len() as u64, "{path}");
        assert!(files.bytes(path).unwrap() == big, "{path}");
    }
    for (from, most) in [(0, 10), (11_999_990, 100), (5_000_000, 2_000_000), (12_000_000, 1), (99_000_000, 1)] {
        let mut bytes = Vec::new();
        let n = files.read("logwatch", from, most, &mut bytes).unwrap();
        let start = usize::try_from(from).unwrap().min(big.len());
        let expected = &big[start..(start + usize::try_from(most).unwrap()).min(big.len())];
        assert!(bytes == expected && n == expected.len() as u64, "{from}, {most}: {n}");
    }
    assert_eq!(files.bytes("empty").unwrap(), b"");
    assert_eq!(files.stat("none").unwrap(), None);
    let error = files.bytes("none").unwrap_err().to_string();
    assert_eq!(error, "origin.labo.example: read none: no such file");
    let error = files.bytes(".").unwrap_err().to_string();
    assert_eq!(error, "origin.labo.example: read .: expected a file, found a directory");
    assert!(files.stat("logwatch").is_ok(), "a file that is not there ends no session");
}

#[test]
fn a_folder_is_fetched_in_one_session_with_links_followed_and_all_else_left() {
    let (sshd, host, client) = started("LogLevel VERBOSE");
    for (name, content) in
        [("snoop/labo-A-1", "one"), ("snoop/labo-A-2", ""), ("snoop/.hidden", "x"), ("snoop/sub/x", "x")]
    {
        put(&sshd, name, content);
    }
    put(&sshd, "elsewhere", "linked");
    symlink(sshd.home().join("elsewhere"), sshd.home().join("snoop/labo-B-1")).unwrap();
    symlink("nowhere", sshd.home().join("snoop/broken")).unwrap();
    let files = client.ssh().fetch_folder(&host, "snoop/").unwrap();
    let shown: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    assert_eq!(shown, [("labo-A-1", b"one".as_slice()), ("labo-A-2", b""), ("labo-B-1", b"linked")]);
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "{}", sshd.log());
    let error = client.ssh().fetch_folder(&host, "none").unwrap_err().to_string();
    assert_eq!(error, "origin.labo.example: read none: no such file");
    let home = client.ssh().files(&host).unwrap().list("").unwrap();
    assert_eq!(home.into_keys().collect::<Vec<_>>(), ["elsewhere"]);
}

#[test]
fn a_file_is_put_in_place_whole_with_its_rights_and_never_over_what_others_wrote() {
    let (sshd, host, client) = started("");
    let place = sshd.home().join("it's a $HOME/Origin_history");
    put(&sshd, "it's a $HOME/Origin_history", "old\n");
    fs::set_permissions(&place, std::fs::Permissions::from_mode(0o604)).unwrap();
    symlink(&place, sshd.home().join("Origin_history")).unwrap();
    let ssh = client.ssh();
    let mut files = ssh.files(&host).unwrap();
    let seen = files.stat("Origin_history").unwrap();
    let content = vec![b'x'; 3_000_000];
    assert_eq!(files.replace("Origin_history", &content, seen).unwrap(), Replaced::Yes);
    assert!(fs::read(&place).unwrap() == content, "the link leads to the new content");
    assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o7777, 0o604);
    assert!(fs::symlink_metadata(sshd.home().join("Origin_history")).unwrap().is_symlink());
    assert_eq!(files.replace("Origin_history", b"too late", seen).unwrap(), Replaced::ChangedMeanwhile);
    assert!(fs::read(&place).unwrap() == content);

    assert_eq!(files.replace("-new", b"line\n", None).unwrap(), Replaced::Yes);
    let new = sshd.home().join("-new");
    assert_eq!(
        (fs::read(&new).unwrap(), fs::metadata(&new).unwrap().permissions().mode() & 0o7777),
        (b"line\n".to_vec(), 0o640)
    );
    let error = files.replace("nowhere/x", b"x", None).unwrap_err().to_string();
    assert_eq!(error, "origin.labo.example: write nowhere/x: no such file");
    let mut left: Vec<_> = files.list("").unwrap().into_keys().collect();
    left.extend(files.list("it's a $HOME").unwrap().into_keys());
    assert_eq!(left, ["-new", "Origin_history", "Origin_history"], "nothing is left beside them");
}

#[test]
fn what_an_upload_of_the_day_before_left_goes_at_the_next() {
    let (sshd, host, client) = started("");
    for (name, age_s) in
        [("h.0000beef.jeton.tmp", 200_000), ("h.0000feed.jeton.tmp", 5), ("other.0000beef.jeton.tmp", 200_000)]
    {
        put(&sshd, name, "half");
        let file = fs::OpenOptions::new().write(true).open(sshd.home().join(name)).unwrap();
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(age_s);
        file.file().set_modified(then).unwrap();
    }
    let ssh = client.ssh();
    let mut files = ssh.files(&host).unwrap();
    files.replace("h", b"line\n", None).unwrap();
    let left: Vec<_> = files.list("").unwrap().into_keys().collect();
    assert_eq!(left, ["h", "h.0000feed.jeton.tmp", "other.0000beef.jeton.tmp"]);
}

#[test]
fn a_server_without_files_or_commands_is_told_so() {
    let sshd = Sshd::new("Match all\n ForceCommand internal-sftp");
    let (host, client) = (server(&sshd), Client::knowing(&sshd.known("ed25519")));
    let ssh = client.ssh();
    let mut files = ssh.files(&host).unwrap();
    let error = files.replace("new", b"x", None).unwrap_err();
    assert!(error.step.starts_with("mv -f -- ") || error.step == "write new", "{error}");
    assert_eq!(files.stat("new").unwrap(), None);
    assert_eq!(files.list("").unwrap().len(), 0, "the upload is taken away");
}

#[test]
fn keys_of_each_kind_log_in_and_one_that_cannot_says_why() {
    let (sshd, mut host, client) = started("");
    let folder = client.append("unused", "").parent().unwrap().to_owned();
    for (kind, passphrase, expected) in [
        ("ed25519", "", Ok(())),
        ("rsa", "", Ok(())),
        ("ecdsa", "", Ok(())),
        ("ed25519", "secret phrase", Err("has a passphrase, and no agent holds it; `ssh-add ")),
        ("rsa", "secret phrase", Err("has a passphrase, and no agent holds it; `ssh-add ")),
    ] {
        let path = folder.join(format!("{kind}{}", passphrase.len()));
        make_key(&path, kind, passphrase);
        let key = format!("{}\n", crate::sshd::public_key(&path));
        let mut keys = fs::OpenOptions::new().append(true).open(sshd.key().with_file_name("authorized_keys")).unwrap();
        std::io::Write::write_all(&mut keys, key.as_bytes()).unwrap();
        host.key = Some(path.clone());
        match (run(&client, &host, &["echo in"]).remove(0), expected) {
            (Ok(answer), Ok(())) => assert_eq!(answer, "in\n"),
            (Err(error), Err(expected)) => {
                assert!(error.contains(expected) && !error.contains(passphrase), "{kind}: {error}");
                assert!(
                    error.starts_with(&format!("origin.labo.example: login: the key `{}`", path.display())),
                    "{error}"
                );
            }
            (answer, _) => panic!("{kind} `{passphrase}`: {answer:?}\n{}", sshd.log()),
        }
    }
    for (name, content, expected) in [
        ("unknown", None, "the host does not let `"),
        ("none", Some(""), "cannot read the key: "),
        ("text", Some("no key\n"), "is no private key that can be used"),
    ] {
        let path = folder.join(name);
        match content {
            None => make_key(&path, "ed25519", ""),
            Some("") => {}
            Some(text) => drop(client.append(name, text)),
        }
        host.key = Some(path);
        let error = run(&client, &host, &["echo in"]).remove(0).unwrap_err();
        assert!(error.contains(&format!("login: {expected}")) || error.contains(expected), "{name}: {error}");
        assert!(error.contains("; "), "what to do: {error}");
    }
}

#[test]
fn servers_of_today_are_spoken_to_in_each_of_their_ways_and_old_ones_where_they_are_marked() {
    for (algorithms, is_old) in [
        (
            "Ciphers chacha20-poly1305@openssh.com\nHostKeyAlgorithms ssh-ed25519\nKexAlgorithms curve25519-sha256",
            false,
        ),
        ("Ciphers aes256-gcm@openssh.com\nHostKeyAlgorithms rsa-sha2-512\nKexAlgorithms ecdh-sha2-nistp521", false),
        ("Ciphers aes128-ctr\nHostKeyAlgorithms rsa-sha2-256\nMACs hmac-sha2-512", false),
        (
            "Ciphers aes128-ctr\nHostKeyAlgorithms ecdsa-sha2-nistp256\nKexAlgorithms diffie-hellman-group16-sha512",
            false,
        ),
        ("HostKeyAlgorithms ssh-rsa", true),
        ("KexAlgorithms diffie-hellman-group14-sha1", true),
        ("KexAlgorithms diffie-hellman-group-exchange-sha1", true),
        ("Ciphers aes256-cbc", true),
        ("Ciphers 3des-cbc", true),
        ("Ciphers aes128-ctr\nMACs hmac-sha1", true),
    ] {
        let sshd = Sshd::new(algorithms);
        let mut host = server(&sshd);
        let client = Client::knowing(&["ed25519", "rsa", "ecdsa"].map(|kind| sshd.known(kind)).concat());
        for legacy in [false, true] {
            host.legacy = legacy;
            match run(&client, &host, &["echo in"]).remove(0) {
                Ok(answer) => assert!(answer == "in\n" && (legacy || !is_old), "{algorithms}"),
                Err(error) => {
                    let is_refused = error.contains("handshake: no algorithm in common with `SSH-2.0-OpenSSH");
                    assert!(is_refused && is_old && !legacy, "{algorithms}: {error}\n{}", sshd.log());
                }
            }
        }
    }
}
