use orszem_model::code::Code;
use proptest::prelude::*;

use super::*;

fn second(at: i64) -> Timestamp {
    Timestamp(at * 1_000_000_000)
}

fn disk() -> Bands {
    let band = |enter, hold, clear, clear_hold| Band {
        op: Comparison::AtLeast,
        enter,
        hold: Duration::from_secs(hold),
        clear,
        clear_hold: Duration::from_secs(clear_hold),
    };
    Bands { warning: Some(band(80.0, 600, 75.0, 300)), critical: Some(band(90.0, 120, 87.0, 300)) }
}

/// What changes when samples of `value` come every minute.
fn run(bands: &Bands, values: &[f64]) -> Vec<(i64, String)> {
    let mut series = Series::default();
    let samples = (0..).zip(values);
    samples
        .filter_map(|(minute, value)| Some((minute, series.sample(bands, second(minute * 60), *value)?.to_string())))
        .collect()
}

#[test]
fn a_level_is_entered_after_its_time_and_left_at_another_bound_after_another() {
    let mut values = vec![50.0, 85.0];
    values.extend([85.0; 10]);
    values.extend([76.0; 4]);
    values.extend([74.0; 3]);
    values.push(76.0);
    values.extend([74.0; 6]);
    let told = run(&disk(), &values);
    let expected = [
        (1, "pending warning"),
        (11, "firing warning"),
        (16, "recovering warning"),
        (19, "firing warning"),
        (20, "recovering warning"),
        (25, "ok"),
    ];
    assert_eq!(told, expected.map(|(minute, state)| (minute, state.to_owned())));
}

#[test]
fn critical_falls_to_warning_and_not_to_nothing() {
    let mut values = vec![95.0; 4];
    values.extend([82.0; 7]);
    values.extend([70.0; 7]);
    let expected = [
        (0, "pending critical"),
        (2, "firing critical"),
        (4, "recovering critical"),
        (9, "firing warning"),
        (11, "recovering warning"),
        (16, "ok"),
    ];
    assert_eq!(run(&disk(), &values), expected.map(|(minute, state)| (minute, state.to_owned())));
}

#[test]
fn what_is_old_nan_or_behind_a_gap_is_no_condition_that_held() {
    let mut series = Series::default();
    let bands = disk();
    assert_eq!(series.sample(&bands, second(0), 85.0), Some(State::Pending(Level::Warning)));
    assert_eq!(series.sample(&bands, second(0), 50.0), None);
    assert_eq!(series.sample(&bands, second(1), f64::NAN), None);
    assert_eq!(series.sample(&bands, second(601), 85.0), None, "it pends from now on");
    assert_eq!(series.waits_since(), Some(second(601)));
    assert_eq!((series.last(), size_of::<Series>()), (Some(second(601)), 32));
}

#[test]
fn samples_that_are_rare_hold_a_long_wait() {
    let band = Band { hold: Duration::from_secs(3_600), ..Band::at(Comparison::Above, 80.0) };
    let fires_after = |step: i64| {
        let (bands, mut series) = (Bands::one(Level::Warning, band), Series::default());
        let changed = (0..40).map(|turn| series.sample(&bands, second(turn * step), 90.0));
        changed.take(30).position(|state| state == Some(State::Firing(Level::Warning)))
    };
    assert_eq!((fires_after(900), fires_after(1_800), fires_after(1_801)), (Some(4), Some(2), None));
}

#[test]
fn silence_is_what_the_rule_says() {
    let silent = |policy| {
        let mut series = Series::default();
        let bands = Bands::one(Level::Critical, Band::at(Comparison::Below, 1.0));
        series.sample(&bands, second(0), 0.0);
        let no_data = NoData { after: Duration::from_secs(180), policy };
        let early = series.silence(&no_data, second(0), second(179));
        let held = series.silence(&no_data, second(100), second(180));
        let then = series.silence(&no_data, second(0), second(180));
        let back = series.sample(&bands, second(200), 0.0);
        (early, held, then, back)
    };
    let firing = State::Firing(Level::Critical);
    assert_eq!(silent(NoDataPolicy::Keep), (None, None, None, None));
    assert_eq!(silent(NoDataPolicy::Ok), (None, None, Some(State::Ok), Some(firing)));
    let no_data = State::NoData(Level::Warning);
    assert_eq!(silent(NoDataPolicy::Alert(Level::Warning)), (None, None, Some(no_data), Some(firing)));
}

#[test]
fn a_table_has_a_state_for_each_series() {
    let no_data = NoData { after: Duration::from_secs(60), policy: NoDataPolicy::Alert(Level::Warning) };
    let bands = Bands::one(Level::Critical, Band::at(Comparison::Above, 5.0));
    let mut table = Thresholds::new(bands, Some(no_data));
    let (one, other) = (table.add(), table.add());
    assert_eq!(table.sample(one, second(0), 6.0), Some(State::Firing(Level::Critical)));
    assert_eq!(table.sample(other, second(40), 4.0), None);
    assert_eq!(table.silence(second(0), second(70)), [(one, State::NoData(Level::Warning))]);
    assert_eq!(table.sample(7, second(70), 6.0), None);
    let saved = *table.series(one).expect("it is there");
    table.reuse(one);
    assert_eq!(table.series(one).map(Series::state), Some(State::Ok));
    table.restore(one, saved);
    assert_eq!(table.series(one), Some(&saved));
    table.set_levels(Bands::one(Level::Warning, Band::at(Comparison::Above, 3.0)), None);
    assert_eq!(table.sample(other, second(80), 4.0), Some(State::Firing(Level::Warning)));
}

/// The rule as its documentation words it, with all samples at hand: slow, and without any state but the history.
fn naive(bands: &Bands, samples: &[(i64, f64)]) -> State {
    let mut held = [false; 2];
    let mut since: [Option<usize>; 2] = [None; 2];
    for (at, (time, value)) in samples.iter().enumerate() {
        if at > 0 && time - samples[at - 1].0 > 300 {
            since = [None; 2];
        }
        for level in Level::ALL {
            let (Some(band), place) = (bands.of(level), level as usize) else { continue };
            let holds =
                if held[place] { !band.op.holds(*value, band.clear) } else { band.op.holds(*value, band.enter) };
            since[place] = if holds { since[place].or(Some(at)) } else { None };
            let needed = if held[place] { band.clear_hold } else { band.hold };
            if let Some(first) = since[place]
                && *time - samples[first].0 >= i64::try_from(needed.as_secs()).expect("short")
            {
                held[place] = !held[place];
                since[place] = None;
            }
        }
        if let (true, false, Some(warning)) = (held[1], held[0], bands.warning) {
            held[0] = true;
            since[0] = (!warning.op.holds(*value, warning.clear)).then_some(at);
        }
    }
    let of = |place: usize, level| match (held[place], since[place].is_some()) {
        (true, true) => Some(State::Recovering(level)),
        (true, false) => Some(State::Firing(level)),
        (false, _) => None,
    };
    let pending = |place: usize, level| since[place].map(|_| State::Pending(level));
    of(1, Level::Critical)
        .or(of(0, Level::Warning))
        .or(pending(1, Level::Critical))
        .or(pending(0, Level::Warning))
        .unwrap_or(State::Ok)
}

fn a_band() -> impl Strategy<Value = Band> {
    (0..4_usize, 0..10_i32, 0..4_i32, 0..4_u64, 0..4_u64).prop_map(|(op, enter, width, hold, clear_hold)| {
        let op = [Comparison::Above, Comparison::AtLeast, Comparison::Below, Comparison::AtMost][op];
        let clear = if op == Comparison::Above || op == Comparison::AtLeast { enter - width } else { enter + width };
        let (hold, clear_hold) = (Duration::from_secs(hold * 30), Duration::from_secs(clear_hold * 30));
        Band { op, enter: enter.into(), hold, clear: clear.into(), clear_hold }
    })
}

proptest! {
    #[test]
    fn the_state_machine_agrees_with_the_definition(
        warning in proptest::option::of(a_band()),
        critical in proptest::option::of(a_band()),
        steps in proptest::collection::vec((1..40_i64, 0..12_i32, proptest::bool::weighted(0.03)), 1..80),
    ) {
        let bands = Bands { warning, critical };
        let mut series = Series::default();
        let mut samples = Vec::new();
        let mut time = 0;
        for (step, value, is_gap) in steps {
            time += if is_gap { 301 } else { step };
            samples.push((time, f64::from(value)));
            let before = series.state();
            let changed = series.sample(&bands, second(time), f64::from(value));
            prop_assert_eq!(series.state(), naive(&bands, &samples));
            prop_assert_eq!(changed, (series.state() != before).then_some(series.state()));
            let mut bytes = Vec::new();
            series.put(&mut bytes);
            prop_assert_eq!(Series::take(&mut bytes.as_slice()), Some(series));
        }
    }
}
