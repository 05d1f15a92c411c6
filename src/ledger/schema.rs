//! The tables, as numbered migrations: the number of the last one is the file's `user_version`.
//!
//! Everything that is derived from evidence bears the `month` that it was derived with (the year times 12 plus the month from
//! 0, UTC), and is written anew with it; rows without one are *given*: they are older than all evidence. Machines stand on
//! their own, with the days on which an address was known to be one (`place`), so that a machine that moves does not rewrite
//! what was before.
//!
//! Times are Unix seconds, days are counted from 0001-01-01 (1), texts that are unknown are empty. Codes:
//! `state` 0 open, 1 presumed, 2 closed, 3 expired, 4 borrowed; `evidence` 0 unknown to 5 carrying; `source` 0 logwatch, 1 debug log;
//! `hole` 0 none, then as `trace::coverage::Hole` lists them.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// What marks a SQLite file as a ledger: `jeto` in ASCII (PRAGMA application_id).
pub(super) const APPLICATION: i32 = 0x6a65_746f;

/// The migrations in their order. None is ever changed once it was released: a new one is put behind it.
const MIGRATIONS: &[&str] = &[FIRST, SECOND, THIRD, FOURTH, FIFTH];

/// The version that this jeton writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Brings a ledger from its version to this jeton's, all at once or not at all.
pub(super) fn migrate(db: &mut Connection, from: usize) -> rusqlite::Result<()> {
    if from >= VERSION {
        return Ok(());
    }
    // Tables that others refer to are made anew: what they hold stays as it is, number by number.
    db.pragma_update(None, "foreign_keys", "OFF")?;
    let done = migrate_all(db, from);
    db.pragma_update(None, "foreign_keys", "ON")?;
    done
}

fn migrate_all(db: &mut Connection, from: usize) -> rusqlite::Result<()> {
    let tx = Transaction::new(db, TransactionBehavior::Immediate)?;
    for migration in &MIGRATIONS[from..] {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", i64::try_from(VERSION).unwrap_or(i64::MAX))?;
    tx.commit()
}

const FIRST: &str = "
-- One value each: zone, feature, begins, latest, watched, night.
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- login@host, with what searches compare.
CREATE TABLE pair (
    id INTEGER PRIMARY KEY, login TEXT NOT NULL, host TEXT NOT NULL,
    login_folded TEXT NOT NULL, host_folded TEXT NOT NULL,
    UNIQUE (login, host)
) STRICT;
CREATE TABLE feature (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE address (id INTEGER PRIMARY KEY, ip TEXT NOT NULL UNIQUE) STRICT;

-- What the network said of an address, each combination once.
CREATE TABLE machine (
    id INTEGER PRIMARY KEY,
    hostname TEXT NOT NULL, mac TEXT NOT NULL, vlan TEXT NOT NULL, department TEXT NOT NULL, switch TEXT NOT NULL,
    port TEXT NOT NULL, outlet TEXT NOT NULL, information TEXT NOT NULL,
    hostname_folded TEXT NOT NULL, department_folded TEXT NOT NULL, outlet_folded TEXT NOT NULL,
    information_folded TEXT NOT NULL,
    UNIQUE (mac, hostname, vlan, department, switch, port, outlet, information)
) STRICT;
-- An address was this machine on these days. On a day in no place, it was the next one, else the last.
CREATE TABLE place (
    id INTEGER PRIMARY KEY, address_id INTEGER NOT NULL REFERENCES address, since INTEGER NOT NULL,
    until INTEGER NOT NULL, machine_id INTEGER NOT NULL REFERENCES machine,
    UNIQUE (address_id, until)
) STRICT;
CREATE INDEX place_of_machine ON place (machine_id);

-- The logs that were read, by the time that they cover. A longer reading stands in the place of those that it contains.
CREATE TABLE reading (
    id INTEGER PRIMARY KEY, watch_first INTEGER, watch_last INTEGER, log_first INTEGER, log_last INTEGER,
    as_of INTEGER NOT NULL
) STRICT;
-- The text of the logwatches that were read lately, compressed, in pieces of a mebibyte, with the size and the CRC-32 of each.
CREATE TABLE log (
    reading_id INTEGER NOT NULL REFERENCES reading, piece INTEGER NOT NULL, size INTEGER NOT NULL, sum INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (reading_id, piece)
) STRICT;
-- Seen: tokens, by how their beginning is known.
CREATE TABLE token (
    id INTEGER PRIMARY KEY, reading_id INTEGER NOT NULL REFERENCES reading, pair_id INTEGER NOT NULL REFERENCES pair, feature_id INTEGER NOT NULL REFERENCES feature,
    start INTEGER NOT NULL, beginning INTEGER NOT NULL, ordinal INTEGER NOT NULL, peer_id INTEGER REFERENCES address,
    peer_port INTEGER, licences INTEGER NOT NULL, until INTEGER NOT NULL, state INTEGER NOT NULL, sign INTEGER NOT NULL,
    as_of INTEGER NOT NULL, address_id INTEGER REFERENCES address, evidence INTEGER NOT NULL,
    UNIQUE (pair_id, start, feature_id, beginning, ordinal, reading_id)
) STRICT;
CREATE INDEX token_of_reading ON token (reading_id);
CREATE INDEX token_by_end ON token (pair_id, until);
CREATE INDEX token_by_peer ON token (peer_id, peer_port, until);
CREATE INDEX token_out ON token (pair_id, start) WHERE state < 2;
-- Seen: tokens given back that nobody saw taken.
CREATE TABLE give_back (
    reading_id INTEGER NOT NULL REFERENCES reading, pair_id INTEGER NOT NULL REFERENCES pair, at INTEGER NOT NULL, feature_id INTEGER NOT NULL REFERENCES feature,
    times INTEGER NOT NULL,
    PRIMARY KEY (pair_id, at, feature_id, reading_id)
) STRICT, WITHOUT ROWID;
-- Seen: connections of no known token that the edge of a log cuts.
CREATE TABLE life (
    reading_id INTEGER NOT NULL REFERENCES reading, peer_id INTEGER NOT NULL REFERENCES address, peer_port INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, gone INTEGER NOT NULL, silent INTEGER,
    PRIMARY KEY (peer_id, peer_port, first, reading_id)
) STRICT, WITHOUT ROWID;
-- Seen: refusals; `cost` where somebody lost time by it.
CREATE TABLE denial (
    at INTEGER NOT NULL, pair_id INTEGER NOT NULL REFERENCES pair, feature_id INTEGER NOT NULL REFERENCES feature,
    ordinal INTEGER NOT NULL, cost INTEGER NOT NULL,
    PRIMARY KEY (at, pair_id, feature_id, ordinal)
) STRICT, WITHOUT ROWID;

-- Follows: each token once, from its beginning to its end.
CREATE TABLE hold (
    id INTEGER PRIMARY KEY, pair_id INTEGER NOT NULL REFERENCES pair, feature_id INTEGER NOT NULL REFERENCES feature,
    start INTEGER NOT NULL, until INTEGER NOT NULL, licences INTEGER NOT NULL
) STRICT;
CREATE INDEX hold_by_start ON hold (start);
CREATE INDEX hold_by_end ON hold (pair_id, until);
-- Follows: the pieces of sessions, by days. `cut` where a piece ends at midnight and its session goes on; `told` where an
-- imported history says so, and nothing else does.
CREATE TABLE piece (
    id INTEGER PRIMARY KEY, pair_id INTEGER NOT NULL REFERENCES pair, initial_start INTEGER NOT NULL,
    start INTEGER NOT NULL, until INTEGER NOT NULL, cut INTEGER NOT NULL, state INTEGER NOT NULL,
    evidence INTEGER NOT NULL, place_id INTEGER REFERENCES place, told INTEGER NOT NULL,
    UNIQUE (pair_id, initial_start, start)
) STRICT;
CREATE INDEX piece_by_start ON piece (start);
CREATE INDEX piece_of_pair ON piece (pair_id, start);
CREATE INDEX piece_at_place ON piece (place_id, start);
CREATE INDEX piece_by_state ON piece (state, start) WHERE state <> 2;

-- The lines of imported histories, as records; a day where they say one.
CREATE TABLE told (id INTEGER PRIMARY KEY, day INTEGER, pair_id INTEGER REFERENCES pair, line TEXT NOT NULL) STRICT;
CREATE INDEX told_by_day ON told (day);

-- What looked wrong: of a day, or (without one) of the last night.
CREATE TABLE finding (
    id INTEGER PRIMARY KEY, day INTEGER, kind TEXT NOT NULL, source TEXT NOT NULL, sheet TEXT, cell TEXT, line INTEGER,
    column INTEGER, detail TEXT NOT NULL, login TEXT, host TEXT
) STRICT;
CREATE INDEX finding_by_day ON finding (day);
CREATE TABLE gap (source TEXT NOT NULL, reason TEXT NOT NULL) STRICT;

-- Days of which the history and the workbooks do not yet say what the ledger does.
CREATE TABLE unpublished (day INTEGER PRIMARY KEY) STRICT;
";

/// Rows that follow from evidence, month by month; licences and features in every row; coverage; settings and names with
/// their days. What version 1 kept of readings stays in `old_token` and `log` until a night has put it into evidence.
const SECOND: &str = "
CREATE TABLE licence (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO licence (id, name) VALUES (1, 'origin');
CREATE TABLE feature_2 (
    id INTEGER PRIMARY KEY, licence_id INTEGER NOT NULL REFERENCES licence, name TEXT NOT NULL, UNIQUE (licence_id, name)
) STRICT;
INSERT INTO feature_2 (id, licence_id, name) SELECT id, 1, name FROM feature;
-- The feature of imported rows, which do not say theirs.
INSERT OR IGNORE INTO feature_2 (licence_id, name) VALUES (1, '');
DROP TABLE feature;
ALTER TABLE feature_2 RENAME TO feature;

-- The months that were derived: from what (`inputs` is a hash of it), and what they hand on (JSON, compressed, and a hash of it). One that is
-- `given` stands for everything before the evidence.
CREATE TABLE chapter (
    licence_id INTEGER NOT NULL REFERENCES licence, month INTEGER NOT NULL, inputs TEXT NOT NULL, hands_on TEXT NOT NULL,
    carry BLOB NOT NULL, given INTEGER NOT NULL,
    PRIMARY KEY (licence_id, month)
) STRICT;

CREATE TABLE hold_2 (
    id INTEGER PRIMARY KEY, month INTEGER, pair_id INTEGER NOT NULL REFERENCES pair,
    feature_id INTEGER NOT NULL REFERENCES feature, start INTEGER NOT NULL, until INTEGER NOT NULL,
    licences INTEGER NOT NULL, state INTEGER NOT NULL, address_id INTEGER REFERENCES address, evidence INTEGER NOT NULL
) STRICT;
INSERT INTO hold_2
    SELECT h.id, NULL, h.pair_id, h.feature_id, h.start, h.until, h.licences, coalesce(t.state, 2), t.address_id,
           coalesce(t.evidence, 0)
    FROM hold h LEFT JOIN token t ON t.id = (
        SELECT min(id) FROM token WHERE pair_id = h.pair_id AND feature_id = h.feature_id AND start = h.start
    );
DROP TABLE hold;
ALTER TABLE hold_2 RENAME TO hold;
CREATE INDEX hold_by_start ON hold (start);
CREATE INDEX hold_by_end ON hold (pair_id, until);
CREATE INDEX hold_of_month ON hold (month);

CREATE TABLE piece_2 (
    id INTEGER PRIMARY KEY, month INTEGER, pair_id INTEGER NOT NULL REFERENCES pair,
    feature_id INTEGER NOT NULL REFERENCES feature, initial_start INTEGER NOT NULL, start INTEGER NOT NULL,
    until INTEGER NOT NULL, cut INTEGER NOT NULL, state INTEGER NOT NULL, evidence INTEGER NOT NULL,
    place_id INTEGER REFERENCES place, told INTEGER NOT NULL,
    UNIQUE (pair_id, feature_id, initial_start, start)
) STRICT;
INSERT INTO piece_2
    SELECT p.id, NULL, p.pair_id, coalesce(
               (SELECT min(h.feature_id) FROM hold h WHERE p.told = 0 AND h.pair_id = p.pair_id
                AND h.start <= p.until AND h.until >= p.initial_start),
               (SELECT id FROM feature WHERE name = '')
           ), p.initial_start, p.start, p.until, p.cut, p.state, p.evidence, p.place_id, p.told
    FROM piece p;
DROP TABLE piece;
ALTER TABLE piece_2 RENAME TO piece;
CREATE INDEX piece_by_start ON piece (start);
CREATE INDEX piece_of_pair ON piece (pair_id, start);
CREATE INDEX piece_at_place ON piece (place_id, start);
CREATE INDEX piece_by_state ON piece (state, start) WHERE state <> 2;
CREATE INDEX piece_of_month ON piece (month);

CREATE TABLE refusal (
    at INTEGER NOT NULL, pair_id INTEGER NOT NULL REFERENCES pair, feature_id INTEGER NOT NULL REFERENCES feature,
    ordinal INTEGER NOT NULL, month INTEGER, cost INTEGER NOT NULL,
    PRIMARY KEY (at, pair_id, feature_id, ordinal)
) STRICT, WITHOUT ROWID;
INSERT INTO refusal SELECT at, pair_id, feature_id, ordinal, NULL, cost FROM denial;
DROP TABLE denial;
CREATE INDEX refusal_of_month ON refusal (month);

-- What each source vouches for, and what it does not.
CREATE TABLE coverage (
    licence_id INTEGER NOT NULL REFERENCES licence, month INTEGER NOT NULL, source INTEGER NOT NULL, since INTEGER NOT NULL,
    until INTEGER NOT NULL, hole INTEGER NOT NULL,
    PRIMARY KEY (licence_id, source, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX coverage_of_month ON coverage (month);

-- A value from a day on, as a night found it: the licence server's address and port, shared addresses, seats.
CREATE TABLE dated (
    licence_id INTEGER NOT NULL REFERENCES licence, name TEXT NOT NULL, since INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (licence_id, name, since)
) STRICT, WITHOUT ROWID;
-- The DHCP name of an address from a day on; empty where it has none any more.
CREATE TABLE dhcp_name (
    address_id INTEGER NOT NULL REFERENCES address, since INTEGER NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (address_id, since)
) STRICT, WITHOUT ROWID;
-- How many licences of a feature there were, by lmstat.
CREATE TABLE issued (
    feature_id INTEGER NOT NULL REFERENCES feature, at INTEGER NOT NULL, month INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (feature_id, at)
) STRICT, WITHOUT ROWID;

-- How long a pair used a machine and held tokens in each hour of a day, in seconds, and how many sessions began; the place 0
-- where none is known, no token time where imported histories alone speak. Made of pieces and holds; the setting `sums` is
-- the zone of the days, empty of a ledger whose days were never added up.
CREATE TABLE day_sum (
    day INTEGER NOT NULL, feature_id INTEGER NOT NULL REFERENCES feature, pair_id INTEGER NOT NULL REFERENCES pair,
    place_id INTEGER NOT NULL, hour INTEGER NOT NULL, use_s INTEGER NOT NULL, token_s INTEGER, begun INTEGER NOT NULL,
    PRIMARY KEY (day, feature_id, pair_id, place_id, hour)
) STRICT, WITHOUT ROWID;
INSERT INTO setting (name, value) SELECT 'sums', '' WHERE EXISTS (SELECT 1 FROM piece);

-- The names that departments had before they were renamed.
CREATE TABLE former_department (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

ALTER TABLE finding ADD COLUMN month INTEGER;
CREATE INDEX finding_of_month ON finding (month);

DROP TABLE give_back;
DROP TABLE life;
DROP INDEX token_of_reading;
DROP INDEX token_by_end;
DROP INDEX token_by_peer;
DROP INDEX token_out;
ALTER TABLE token RENAME TO old_token;
";

/// What `lmstat` counts.
const THIRD: &str = "
-- How many licences of a feature were in use, by each answer of lmstat.
CREATE TABLE in_use (
    feature_id INTEGER NOT NULL REFERENCES feature, at INTEGER NOT NULL, month INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (feature_id, at)
) STRICT, WITHOUT ROWID;
";

/// What is left of days whose rows are forgotten.
const FOURTH: &str = "
-- How much was used of a department's machines in an hour of a day, in seconds, and how many sessions began.
CREATE TABLE kept_sum (
    day INTEGER NOT NULL, feature_id INTEGER NOT NULL REFERENCES feature, department TEXT NOT NULL, hour INTEGER NOT NULL,
    use_s INTEGER NOT NULL, token_s INTEGER, begun INTEGER NOT NULL,
    PRIMARY KEY (day, feature_id, department, hour)
) STRICT, WITHOUT ROWID;
-- The figures (JSON) of a calendar period that was over before any of its days was forgotten: of the site or of a
-- department, of a feature or of all (empty).
CREATE TABLE kept_figures (
    kind TEXT NOT NULL, first INTEGER NOT NULL, feature TEXT NOT NULL, scope TEXT NOT NULL, figures TEXT NOT NULL,
    PRIMARY KEY (kind, first, feature, scope)
) STRICT, WITHOUT ROWID;
";

/// What the page asks for.
const FIFTH: &str = "
-- Another number whenever anything of a day changes.
CREATE TABLE day_stamp (day INTEGER PRIMARY KEY, stamp INTEGER NOT NULL) STRICT;
-- A refusal is of its day in the site's zone: one of these three.
INSERT INTO day_stamp (day, stamp)
    SELECT day, random() FROM (
        SELECT day FROM day_sum
        UNION SELECT at / 86400 + 719163 + shift FROM refusal, (SELECT -1 AS shift UNION SELECT 0 UNION SELECT 1)
    );
-- How many findings of which kinds there are.
DROP INDEX finding_by_day;
CREATE INDEX finding_by_day ON finding (day, kind);
-- The longest pieces first, with what a search looks at: those that it passes over are not read.
CREATE INDEX piece_by_length ON piece (until - start, start, pair_id, place_id, feature_id, state, told);
";
