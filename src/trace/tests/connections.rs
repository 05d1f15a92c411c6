//! Which connection is a token's: one that is there already, one that closes late, none that is older.

use super::*;
use crate::model::Evidence;

#[test]
fn a_token_may_come_over_the_connection_that_its_pair_has_for_another_feature() {
    let analysis = of_blocks(
        "08:00:00 1.5:51000*432 | 08:00:00 (d) OUT: \"g\" anna@PC-1  
         08:20:00 1.5:51000*432 1.9:52000 | 08:20:00 OUT anna@PC-1
         10:00:00 1.5:51000 1.9:52000 | 10:00:00 IN anna@PC-1
         10:10:00 1.9:52000 | 10:10:00 (d) IN: \"g\" anna@PC-1  ",
    );
    let expected = ["anna 08:00:00-10:10:00 closed 10.0.1.5", "anna 08:20:00-10:00:00 closed 10.0.1.5"];
    assert_eq!(sessions(&analysis), expected);
}

#[test]
fn a_token_that_went_inactive_leaves_its_connection_for_the_next() {
    let analysis = of_blocks(
        "08:00:00 1.5:51000*432 | 08:00:00 OUT anna@PC-1
         09:00:00 1.5:51000 | 09:00:00 (d) IN: \"f\" anna@PC-1  (INACTIVE)
         09:30:00 1.5:51000 | 09:30:00
         09:40:00 1.5:51000*432 1.9:52000 | 09:40:00 OUT anna@PC-1
         10:00:00 1.9:52000 | 10:00:00 IN anna@PC-1",
    );
    let expected = ["anna 08:00:00-09:00:00 expired 10.0.1.5", "anna 09:40:00-10:00:00 closed 10.0.1.5"];
    assert_eq!(sessions(&analysis), expected);
}

#[test]
fn another_pairs_connection_is_nobodys() {
    let analysis = of_blocks(
        "08:00:00 1.5:51000*432 | 08:00:00 OUT anna@PC-1
         09:00:00 1.5:51000*432 | 09:00:00 (d) OUT: \"g\" bob@PC-2  
         10:00:00 1.5:51000 | 10:00:00 (d) IN: \"g\" bob@PC-2  ",
    );
    assert!(sessions(&analysis).contains(&"bob 09:00:00-10:00:00 closed -".to_owned()), "{:?}", sessions(&analysis));
}

#[test]
fn bytes_in_flight_since_long_before_are_not_this_tokens() {
    // A machine that sleeps acknowledges nothing.
    let analysis = of_blocks(
        "07:50:00 | 07:50:00
         07:59:00 1.9:52000 | 07:59:00
         08:01:00 1.9:52000*168 | 08:01:00
         08:05:00 1.9:52000*168 1.5:51000 | 08:05:00 OUT anna@PC-1
         09:00:00 1.9:52000 1.5:51000 | 09:00:00
         09:30:00 1.9:52000 | 09:30:00
         10:30:00 1.9:52000 | 10:30:00",
    );
    assert_eq!(sessions(&analysis), ["anna 08:05:00-09:00:00 presumed 10.0.1.5"]);
}

#[test]
fn a_give_back_ends_the_token_whose_connection_goes_within_minutes() {
    let rest = "09:00:13 1.5:51000 1.5:51001 1.6:52000*432 | 09:00:13 OUT bob@PC-2
         09:05:00 1.5:51001 1.6:52000 | 09:05:00
         12:00:00 1.5:51001 1.6:52000 | 12:00:00";
    let analysis = of_blocks(&format!(
        "08:00:00 1.5:51000*432 | 08:00:00 OUT anna@PC-1
         08:10:00 1.5:51000 1.5:51001*432 | 08:10:00 OUT anna@PC-1
         09:00:00 1.5:51000 1.5:51001 | 09:00:00 IN anna@PC-1
         {rest}"
    ));
    assert_eq!(sessions(&analysis), ["anna 08:00:00-12:00:00 open 10.0.1.5", "bob 09:00:13-12:00:00 open 10.0.1.6"]);
}

#[test]
fn without_connections_two_windows_of_one_person_are_two_tokens() {
    let analysis = of_debug_log("08:00:00 OUT anna@PC-1\n09:00:00 OUT anna@PC-1\n11:00:00");
    assert_eq!(sessions(&analysis), ["anna 08:00:00-11:00:00 open -"]);
    assert_eq!(analysis.holds.iter().map(|hold| (hold.end - hold.start).num_hours()).collect::<Vec<_>>(), [3, 2]);
    let one = of_debug_log("08:00:00 OUT anna@PC-1\n09:00:00 OUT anna@PC-1\n10:00:00 IN anna@PC-1\n11:00:00");
    assert_eq!(sessions(&one), ["anna 08:00:00-11:00:00 open -"], "one window is left");
}

#[test]
fn where_nobody_watched_a_host_that_dhcp_knows_by_its_name_is_known() {
    let day = "2021-12-01".parse().unwrap();
    let names = |names: &[(&str, &str)]| -> DhcpNames {
        names.iter().map(|(ip, name)| (ip.parse().unwrap(), vec![(day, (*name).to_owned())])).collect()
    };
    let log = debug_log("08:00:00 OUT anna@PC-1.lab.example\n09:00:00 IN anna@PC-1.lab.example");
    let copies = Copies { debug_log: &log, ..Copies::default() };
    let known = analysed_with(&copies, names(&[("10.0.1.5", "pc-1"), ("10.0.1.6", "pc-2")]));
    assert_eq!(sessions(&known), ["anna 08:00:00-09:00:00 closed 10.0.1.5"]);
    assert_eq!(known.holds[0].address.map(|(_, evidence)| evidence), Some(Evidence::Hostname));
    let two = analysed_with(&copies, names(&[("10.0.1.5", "pc-1"), ("10.0.1.6", "PC-1")]));
    assert_eq!(sessions(&two), ["anna 08:00:00-09:00:00 closed -"], "two machines of one name");
    // Where somebody watched, the connections tell; who has none sat elsewhere.
    let watched =
        logwatch("07:00:00 | 07:00:00\n 08:00:00 | 08:00:00 OUT anna@PC-1\n 09:00:00 | 09:00:00 IN anna@PC-1");
    let copies = Copies { logwatch: &watched, ..Copies::default() };
    let watched = analysed_with(&copies, names(&[("10.0.1.5", "pc-1")]));
    assert_eq!(sessions(&watched), ["anna 08:00:00-09:00:00 closed -"]);
}

#[test]
fn a_token_of_a_time_in_which_nobody_watched_takes_no_strangers_connection() {
    let watched = |end: &str| {
        let blocks = format!("08:00:00 | 08:00:00\n 11:00:00 1.9:52000 | 11:00:00\n {end}");
        logwatch(&blocks)
    };
    let log = debug_log(
        "08:00:00\n09:30:00 OUT anna@PC-1\n09:45:00 IN anna@PC-1\n10:00:00 OUT bob@PC-2\n11:00:00\n12:00:00 IN bob@PC-2\n15:00:00",
    );
    let of = |logwatch: &str| sessions(&analysed(&Copies { logwatch, debug_log: &log, ..Copies::default() }));
    // Gone as bob gives back, and first seen long after anna did: bob's.
    let its = of(&watched("12:00:00 | 12:00:00 IN bob@PC-2\n 15:00:00 | 15:00:00"));
    assert_eq!(its, ["anna 09:30:00-09:45:00 closed -", "bob 10:00:00-12:00:00 closed 10.0.1.9"]);
    // There for hours after: of neither.
    let strangers = of(&watched("12:00:00 1.9:52000 | 12:00:00 IN bob@PC-2\n 15:00:00 1.9:52000 | 15:00:00"));
    assert_eq!(strangers, ["anna 09:30:00-09:45:00 closed -", "bob 10:00:00-12:00:00 closed -"]);
}
