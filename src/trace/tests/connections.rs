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
fn two_features_that_are_asked_for_within_a_second_share_their_connection() {
    let analysis = of_blocks(
        "09:00:00 1.5:51000 | 09:00:00
         09:00:01 1.5:51000*432 | 09:00:01 OUT anna@PC-1
         09:00:02 1.5:51000*168 | 09:00:02 (d) OUT: \"g\" anna@PC-1  
         09:00:20 1.5:51000*168 | 09:00:20 (d) IN: \"g\" anna@PC-1  
         10:00:00 1.5:51000*1! | 10:00:00 IN anna@PC-1
         10:30:00 | 10:30:00",
    );
    let expected = ["anna 09:00:01-10:00:00 expired 10.0.1.5", "anna 09:00:02-09:00:20 closed 10.0.1.5"];
    assert_eq!(sessions(&analysis), expected);
    // A stranger's token takes no part in it.
    let analysis = of_blocks(
        "09:00:00 1.5:51000 | 09:00:00
         09:00:01 1.5:51000*432 | 09:00:01 OUT anna@PC-1
         09:00:02 1.5:51000*168 | 09:00:02 (d) OUT: \"g\" bob@PC-2  
         10:00:00 | 10:00:00 IN anna@PC-1
         10:30:00 | 10:30:00 (d) IN: \"g\" bob@PC-2  ",
    );
    assert_eq!(analysis.holds.iter().filter(|hold| hold.address.is_some()).count(), 1);
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

#[test]
fn a_pair_that_moves_is_not_said_to_be_at_its_usual_place_while_nobody_watched() {
    // Four tokens from the usual machine; then an hour without a block, of which the debug log alone tells.
    let taken = |hour: u32, port: u32| {
        format!(
            "0{hour}:00:00 1.5:{port}*432 | 0{hour}:00:00 OUT anna@PC-1\n0{hour}:30:00 | 0{hour}:30:00 IN anna@PC-1\n"
        )
    };
    let usual: String = (1..=4).map(|hour| taken(hour, 51000 + hour)).collect();
    let blocks = format!("{usual}05:00:00 | 05:00:00\n09:00:00 | 09:00:00\n");
    let lines = |more: &str| {
        let pair = |hour: u32| [format!("0{hour}:00:00 OUT anna@PC-1"), format!("0{hour}:30:00 IN anna@PC-1")];
        let usual = (1..=4).flat_map(pair).collect::<Vec<_>>().join("\n");
        let log: Vec<String> = format!("{usual}\n{more}").lines().map(|line| log_line(line.trim())).collect();
        format!("00:30:00 (d) TIMESTAMP 12/8/2021\n{}\n", log.join("\n"))
    };
    let of = |more: &str| {
        let (watch, log) = (logwatch(&blocks), lines(more));
        analysed(&Copies { logwatch: &watch, debug_log: &log, ..Copies::default() })
    };
    let last = |analysis: &Analysis| sessions(analysis).last().cloned().unwrap();
    assert_eq!(last(&of("06:00:00 OUT anna@PC-1\n06:30:00 IN anna@PC-1")), "anna 06:00:00-06:30:00 closed -");
    // A line of which a block followed was watched: its connection was lost, and the usual place is likely.
    let seen = of("04:59:30 OUT anna@PC-1\n04:59:50 IN anna@PC-1");
    assert_eq!(last(&seen), "anna 04:59:30-04:59:50 closed 10.0.1.5");
}

#[test]
fn a_further_window_of_an_application_that_is_connected_needs_no_connection_of_its_own() {
    let of = |second: &str| {
        sessions(&of_blocks(&format!(
            "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1\n\
             09:10:00 1.5:51000 | 09:10:00 OUT {second}\n\
             09:20:00 1.5:51000 | 09:20:00 IN {second}\n\
             09:30:00 | 09:30:00 IN anna@PC-1"
        )))
    };
    assert_eq!(of("anna@PC-1"), ["anna 09:00:00-09:30:00 closed 10.0.1.5"]);
    // It is the pair's own, and nobody else's.
    assert!(of("bob@PC-2").contains(&"bob 09:10:00-09:20:00 closed -".to_owned()), "{:?}", of("bob@PC-2"));
    let holds = of_blocks(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1\n09:10:00 1.5:51000 | 09:10:00 OUT anna@PC-1\n09:20:00 1.5:51000",
    );
    assert_eq!(addresses(&holds), [("10.0.1.5".to_owned(), 2, 0)], "both windows");
}
