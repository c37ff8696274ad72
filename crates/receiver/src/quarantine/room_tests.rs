//! Floods of every shape against a few genuine requests.

use super::*;
use proptest::prelude::*;

const BLOCK: u64 = 4096;

fn place(source: u32) -> Place {
    Place { source, bytes: BLOCK }
}

/// Plays arrivals into a quarantine of `max` places; answers the sources kept, oldest first.
fn play(arrivals: impl IntoIterator<Item = u32>, max: u64) -> Vec<u32> {
    let mut kept: Vec<Place> = Vec::new();
    for source in arrivals {
        if let Room::Made(mut gone) = room(&kept, place(source), max * BLOCK) {
            gone.sort_unstable();
            for at in gone.into_iter().rev() {
                kept.remove(at);
            }
            kept.push(place(source));
        }
    }
    kept.into_iter().map(|place| place.source).collect()
}

fn count(kept: &[u32], source: u32) -> usize {
    kept.iter().filter(|kept| **kept == source).count()
}

#[test]
fn from_one_source_what_came_first_stays() {
    let kept = vec![place(1); 10];
    assert_eq!(room(&kept, place(1), 10 * BLOCK), Room::Refused);
    assert_eq!(room(&kept, place(1), 11 * BLOCK), Room::Made(vec![]));
}

#[test]
fn a_newcomer_takes_the_newest_place_of_whoever_has_most() {
    let kept = [place(2), place(1), place(2), place(2), place(1)];
    assert_eq!(room(&kept, place(3), 5 * BLOCK), Room::Made(vec![3]));
    assert_eq!(
        room(&kept, place(1), 5 * BLOCK),
        Room::Refused,
        "3 against 2: that would swap them"
    );
}

#[test]
fn a_large_newcomer_may_take_several_places() {
    let kept = vec![place(1); 10];
    let large = Place { source: 2, bytes: 3 * BLOCK };
    assert_eq!(room(&kept, large, 10 * BLOCK), Room::Made(vec![9, 8, 7]));
    let too_large = Place { source: 2, bytes: 6 * BLOCK };
    assert_eq!(room(&kept, too_large, 10 * BLOCK), Room::Refused);
    let hopeless = Place { source: 2, bytes: 11 * BLOCK };
    assert_eq!(room(&[], hopeless, 10 * BLOCK), Room::Refused);
}

#[test]
fn a_flood_before_or_behind_the_genuine_ones_costs_them_nothing_below_their_share() {
    let (genuine, forger) = (1, 2);
    let before = (0..10_000).map(|_| forger).chain((0..40).map(|_| genuine));
    assert_eq!(count(&play(before, 100), genuine), 40);
    let behind = (0..40).map(|_| genuine).chain((0..10_000).map(|_| forger));
    assert_eq!(count(&play(behind, 100), genuine), 40);
    let many = (0..40).map(|_| genuine).chain((0..10_000).map(|n| 2 + n % 4));
    assert_eq!(count(&play(many, 100), genuine), 20, "an even share beside four");
}

proptest! {
    #[test]
    fn the_cap_holds_and_nobody_is_pushed_below_an_even_share(
        arrivals in prop::collection::vec(0_u32..8, 1..300), max in 8_u64..40,
    ) {
        let kept = play(arrivals.clone(), max);
        prop_assert!(kept.len() as u64 <= max);
        let sources = arrivals.iter().collect::<std::collections::HashSet<_>>().len();
        let share = usize::try_from(max).unwrap() / sources;
        for source in 0..8 {
            let came = count(&arrivals, source);
            prop_assert!(count(&kept, source) >= came.min(share), "source {source}");
        }
    }
}
