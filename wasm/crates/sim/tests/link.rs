//! Every fault happens as often as asked, is counted, and one seed means one course of events.

use moqingbird_sim::{ECN_CE, Fates, Intervals, Jitter, Link, LinkSettings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const PACKETS: u64 = 100_000;
const LATENCY: u64 = 10_000;

fn settings() -> LinkSettings {
    LinkSettings { latency: LATENCY, ..LinkSettings::default() }
}

/// One packet of 1200 bytes each millisecond.
fn run(link: &mut Link) -> Vec<Fates> {
    (0..PACKETS).map(|n| link.offer(n * 1000, 1200, 2)).collect()
}

fn close_to(count: u64, per_million: u64) -> bool {
    count.abs_diff(PACKETS * per_million / 1_000_000) < PACKETS / 200
}

#[test]
fn without_faults_every_packet_arrives_once_after_the_latency() {
    let mut link = Link::new(1, settings());
    for (n, fates) in run(&mut link).into_iter().enumerate() {
        let fate = fates.first.expect("it arrives");
        assert_eq!((fate.at, fate.ecn, fate.corrupt, fates.again), (n as u64 * 1000 + LATENCY, 2, None, None));
    }
    assert_eq!((link.counters().offered, link.counters().forwarded), (PACKETS, PACKETS));
}

#[test]
fn one_seed_is_one_course_of_events_and_another_seed_another() {
    let faulty = LinkSettings {
        loss: 20_000,
        corrupt: 10_000,
        reorder: 50_000,
        duplicate: 10_000,
        mark: 30_000,
        jitter: Jitter::Wifi { mean: 5_000 },
        ..settings()
    };
    let [first, again, other] = [1, 1, 2].map(|seed| run(&mut Link::new(seed, faulty)));
    assert!(first == again);
    assert!(first != other);
}

#[test]
fn random_faults_come_as_often_as_asked_and_are_counted() {
    let faulty =
        LinkSettings { loss: 20_000, corrupt: 30_000, reorder: 40_000, duplicate: 50_000, mark: 60_000, ..settings() };
    let mut link = Link::new(3, faulty);
    let fates = run(&mut link);
    let counters = link.counters();
    let count = |is: &dyn Fn(&Fates) -> bool| fates.iter().filter(|fates| is(fates)).count() as u64;
    assert_eq!(counters.lost, count(&|fates| fates.first.is_none()));
    assert_eq!(counters.duplicated, count(&|fates| fates.again.is_some()));
    assert_eq!(counters.corrupted, count(&|fates| fates.first.is_some_and(|fate| fate.corrupt.is_some())));
    assert_eq!(counters.marked, count(&|fates| fates.first.is_some_and(|fate| fate.ecn == ECN_CE)));
    assert_eq!(counters.forwarded, PACKETS - counters.lost + counters.duplicated);
    for (counter, ppm) in [
        (counters.lost, 20_000),
        (counters.corrupted, 30_000),
        (counters.reordered, 40_000),
        (counters.duplicated, 50_000),
        (counters.marked, 60_000),
    ] {
        assert!(close_to(counter, ppm), "{counter} of {PACKETS} for {ppm} ppm");
    }
    assert!(fates.iter().flat_map(|fates| fates.first?.corrupt).all(|bit| bit < 1200 * 8));
}

#[test]
fn switching_one_fault_off_leaves_the_others_where_they_were() {
    let both = LinkSettings { loss: 20_000, corrupt: 30_000, ..settings() };
    let lost = |settings| -> Vec<bool> {
        run(&mut Link::new(4, settings)).iter().map(|fates| fates.first.is_none()).collect()
    };
    assert!(lost(both) == lost(LinkSettings { corrupt: 0, ..both }));
}

#[test]
fn random_losses_in_a_row_are_bounded() {
    let longest = |loss_run| {
        let fates = run(&mut Link::new(5, LinkSettings { loss: 500_000, loss_run, ..settings() }));
        fates
            .chunk_by(|a, b| a.first.is_none() == b.first.is_none())
            .filter(|run| run[0].first.is_none())
            .map(<[_]>::len)
            .max()
    };
    assert_eq!(longest(3), Some(3));
    assert!(longest(0) > Some(3));
}

#[test]
fn a_burst_falls_into_every_period() {
    let mut link = Link::new(6, LinkSettings { burst_period: 100, burst_length: 7, ..settings() });
    let fates = run(&mut link);
    assert_eq!(link.counters().burst_lost, PACKETS / 100 * 7);
    for period in fates.chunks(100) {
        let lost: Vec<_> = (0..100).filter(|&n| period[n].first.is_none()).collect();
        assert_eq!(lost.len(), 7);
        assert_eq!(lost[6] - lost[0], 6);
    }
}

#[test]
fn packets_leave_one_after_another_and_the_newest_is_dropped_when_the_queue_is_full() {
    // 1200 bytes and 28 of headers at 9824 kbit/s take a millisecond.
    let mut link = Link::new(7, LinkSettings { rate: 9_824_000, queue: 5, ..settings() });
    let fates: Vec<_> = (0..8).map(|_| link.offer(0, 1200, 0).first.map(|fate| fate.at)).collect();
    let expected: Vec<_> = (0..8).map(|n| (n <= 5).then_some(1000 * (n + 1) + LATENCY)).collect();
    assert_eq!(fates, expected);
    assert_eq!(link.counters().queue_dropped, 2);
    assert_eq!(link.offer(1000, 1200, 0).first.map(|fate| fate.at), Some(7000 + LATENCY));
}

#[test]
fn packets_above_the_mtu_and_listed_ones_are_lost() {
    let mut link = Link::new(8, LinkSettings { mtu: 1200, ..settings() });
    link.drop_index(2);
    let arrives: Vec<_> = [1200, 1201, 1200, 1200].map(|length| link.offer(0, length, 0).first.is_some()).into();
    assert_eq!(arrives, [true, false, false, true]);
    assert_eq!((link.counters().too_large, link.counters().listed), (1, 1));
}

#[test]
fn a_blackout_loses_and_a_suspension_holds() {
    let stretch = Intervals { first: 10_000, length: 5_000, pause: 5_000, count: 2 };
    let mut dark = Link::new(9, LinkSettings { blackout: stretch, ..settings() });
    let arrives = |link: &mut Link, now| link.offer(now, 1200, 0).first.map(|fate| fate.at - LATENCY);
    let seen: Vec<_> = [9_999, 10_000, 14_999, 15_000, 20_000, 30_000].map(|now| arrives(&mut dark, now)).into();
    assert_eq!(seen, [Some(9_999), None, None, Some(15_000), None, Some(30_000)]);
    assert_eq!(dark.counters().blacked_out, 3);

    let mut held = Link::new(9, LinkSettings { suspension: stretch, ..settings() });
    let seen: Vec<_> = [9_999, 10_000, 14_999, 15_000, 20_000].map(|now| arrives(&mut held, now)).into();
    assert_eq!(seen, [Some(9_999), Some(15_000), Some(15_000), Some(15_000), Some(25_000)]);
    assert_eq!(held.counters().suspended, 3);
}

#[test]
fn jitter_delays_and_never_reorders() {
    for (jitter, mean) in [(Jitter::Gauss { deviation: 2_000 }, 1_596), (Jitter::Wifi { mean: 10_000 }, 10_000)] {
        let mut link = Link::new(10, LinkSettings { jitter, ..settings() });
        // Far apart, so that the order that is kept does not add to the delay.
        let delays: Vec<_> = (0..PACKETS)
            .map(|n| link.offer(n * 1_000_000, 1200, 0).first.unwrap().at - n * 1_000_000 - LATENCY)
            .collect();
        let average = delays.iter().sum::<u64>() / PACKETS;
        assert!(average.abs_diff(mean) < mean / 20, "{jitter:?} gave {average} µs");
        let close: Vec<_> = run(&mut Link::new(10, LinkSettings { jitter, ..settings() }));
        assert!(close.is_sorted_by_key(|fates| fates.first.map(|fate| fate.at)));
        assert!(link.counters().jittered > PACKETS / 2);
    }
}

#[test]
fn the_senders_port_changes_at_each_rebinding() {
    let rebinding = Intervals { first: 1_000_000, length: 0, pause: 500_000, count: 3 };
    let mut link = Link::new(11, LinkSettings { rebinding, ..settings() });
    assert_eq!([0, 999_999, 1_000_000, 1_499_999, 1_500_000, 9_000_000].map(|now| link.port(now)), [0, 0, 1, 1, 2, 3]);
    assert_eq!(link.counters().rebound, 3);
}

#[test]
fn the_course_of_events_is_pinned() {
    // The same numbers are expected of the WebAssembly in packages/testing: one seed, one fate.
    let faulty =
        LinkSettings { loss: 100_000, reorder: 100_000, jitter: Jitter::Gauss { deviation: 2_000 }, ..settings() };
    let mut link = Link::new(42, faulty);
    let arrivals: Vec<_> = (0..8).map(|n| link.offer(n * 1000, 1200, 0).first.map_or(0, |fate| fate.at)).collect();
    assert_eq!(arrivals, PINNED);
}

const PINNED: [u64; 8] = [10303, 13424, 13963, 26182, 14037, 16849, 18635, 18635];
