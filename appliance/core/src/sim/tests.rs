//! Random stories against the reference model.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::model::Step;
use super::office::{Weather, day};
use super::replay;
use crate::wire::{CallState, ErrorKind};

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_story_ends_as_the_model_says(bytes in prop::collection::vec(any::<u8>(), 0..900)) {
        let _ = replay(&Step::story(&bytes));
    }
}

/// Enough stories take every edge of F6, and never another.
#[test]
fn every_edge_of_f6_is_taken_and_no_other() {
    use CallState::{Connected, Connecting, Ended, Error, Idle, InCall, Reconnecting, Timeout};
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        seen.extend(replay(&Step::deep_story(seed, 250)));
    }
    let plain = |state| (state, None);
    let error = |kind| (Error, Some(kind));
    let (network, media, server) =
        (error(ErrorKind::NetworkError), error(ErrorKind::MediaError), error(ErrorKind::ServerError));
    let wanted = BTreeSet::from([
        (plain(Idle), plain(Connecting)),
        (plain(Connecting), plain(Connected)),
        (plain(Connecting), media),
        (plain(Connecting), server),
        (plain(Connecting), plain(Timeout)),
        (plain(Connecting), plain(Ended)),
        (plain(Connected), plain(InCall)),
        (plain(Connected), network),
        (plain(Connected), media),
        (plain(Connected), plain(Ended)),
        (plain(InCall), plain(Reconnecting)),
        (plain(InCall), plain(Ended)),
        (plain(Reconnecting), plain(InCall)),
        (plain(Reconnecting), network),
        (plain(Reconnecting), media),
        (plain(Reconnecting), plain(Ended)),
        (network, plain(Idle)),
        (media, plain(Idle)),
        (server, plain(Idle)),
        (plain(Timeout), plain(Idle)),
        (plain(Ended), plain(Idle)),
    ]);
    let missing: Vec<_> = wanted.difference(&seen).collect();
    let foreign: Vec<_> = seen.difference(&wanted).collect();
    assert!(missing.is_empty() && foreign.is_empty(), "missing {missing:?}, foreign {foreign:?}");
}

#[test]
fn an_hour_of_calls_on_a_calm_day() {
    let weather = Weather {
        seed: 1,
        users: 20,
        devices: 2,
        cuts_percent: 0,
        refusals_percent: 0,
        length: Duration::from_secs(3600),
    };
    let diary = day(weather);
    assert_eq!(diary, day(weather), "the same seed, the same day");
    assert!(diary.initiated > 300 && diary.answered > 150, "{diary:?}");
    assert_eq!((diary.cuts, diary.refused), (0, 0));
}

#[test]
fn an_hour_of_calls_with_a_bad_network_and_a_full_disk() {
    for seed in 2..6 {
        let weather = Weather {
            seed,
            users: 12,
            devices: 2,
            cuts_percent: 4,
            refusals_percent: 5,
            length: Duration::from_secs(3600),
        };
        let diary = day(weather);
        assert!(
            diary.answered > 50 && diary.cuts > 50 && diary.resumed > 50 && diary.refused > 10,
            "{diary:?}"
        );
    }
}
