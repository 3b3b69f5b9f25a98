//! Buffers, the cache of keys, and leases.

use orszem_model::Columns;
use roaring::RoaringBitmap;

use super::epoch::Epochs;
use super::generation::Buffers;
use super::keys::Keys;
use super::nodes::Pushed;

fn read(buffers: &Buffers, series: u32, start: i64, end: i64) -> Vec<(i64, f64)> {
    let mut columns = Columns::default();
    buffers.read(series, start, end, &mut columns);
    columns.times.into_iter().zip(columns.values).collect()
}

#[test]
fn samples_in_any_order_are_read_sorted_and_the_later_of_a_time_counts() {
    let mut buffers = Buffers::default();
    let day = 24 * 3_600_000;
    let pushed: Vec<Pushed> =
        [(10, 1.0), (20, 2.0), (20, 2.0), (20, 3.0), (5, 4.0), (10, 5.0), (40 * day, 6.0), (-40 * day, 7.0)]
            .into_iter()
            .map(|(time, value)| buffers.push(300, time, value))
            .collect();
    use Pushed::{Added, Replaced, Same};
    assert_eq!(pushed, [Added, Added, Same, Replaced, Added, Added, Added, Added]);
    let all = [(-40 * day, 7.0), (5, 4.0), (10, 5.0), (20, 3.0), (40 * day, 6.0)];
    assert_eq!(read(&buffers, 300, i64::MIN, i64::MAX), all);
    assert_eq!(read(&buffers, 300, 6, 20), all[2..4]);
    assert_eq!((buffers.series(), read(&buffers, 299, i64::MIN, i64::MAX)), (vec![300], vec![]));
    assert!(buffers.overlaps(300, 20, 21) && !buffers.overlaps(300, 21, 22));
    assert!(buffers.delete(300, 5, 10) && !buffers.delete(300, 5, 10));
    assert_eq!(read(&buffers, 300, i64::MIN, i64::MAX), [all[0], all[3], all[4]]);
}

#[test]
fn long_chains_are_read_whole_and_cost_what_is_said() {
    let mut buffers = Buffers::default();
    for at in 0..20 {
        for series in 0..10_000 {
            buffers.push(series, at * 15_000, f64::from(series));
        }
    }
    let expected: Vec<(i64, f64)> = (0..20).map(|at| (at * 15_000, 77.0)).collect();
    assert_eq!(read(&buffers, 77, i64::MIN, i64::MAX), expected);
    assert_eq!(read(&buffers, 77, 15_000, 30_000), expected[1..3]);
    assert!(buffers.bytes() < 10_000 * 280, "{}", buffers.bytes());
}

#[test]
fn keys_are_remembered_within_their_limit() {
    let keys = Keys::new(1_600);
    let key = |at: u32| xxhash_rust::xxh3::xxh3_128(&at.to_le_bytes());
    keys.insert(key(1), 1);
    assert_eq!((keys.get(key(1)), keys.get(key(2))), (Some(1), None));
    keys.insert(key(1), 9);
    assert_eq!(keys.get(key(1)), Some(9));
    keys.remove(&RoaringBitmap::from_iter([9]));
    assert_eq!(keys.get(key(1)), None);
    (0..10_000).for_each(|at| keys.insert(key(at), at));
    let known = (0..10_000).filter(|&at| keys.get(key(at)) == Some(at)).count();
    assert!((1..=1_600).contains(&known), "{known}");
}

#[test]
fn an_epoch_is_over_when_all_its_leases_are() {
    let epochs = Epochs::default();
    let lease = epochs.lease();
    let past = epochs.turn();
    let newer = epochs.lease();
    assert!(!past.is_over());
    drop(lease);
    assert!(past.is_over());
    drop(newer);
}
