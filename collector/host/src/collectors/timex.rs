//! How the kernel's clock is kept in step, from `adjtimex(2)`.

use std::io;

use crate::error::CollectError;
use crate::family::Family;
use crate::pass::Pass;

const SYNC_STATUS: Family<'static> =
    Family::gauge("node_timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no).");
const OFFSET: Family<'static> =
    Family::gauge("node_timex_offset_seconds", "Time offset in between local system and reference clock.");
const FREQUENCY: Family<'static> =
    Family::gauge("node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment.");
const MAX_ERROR: Family<'static> = Family::gauge("node_timex_maxerror_seconds", "Maximum error in seconds.");
const ESTIMATED_ERROR: Family<'static> =
    Family::gauge("node_timex_estimated_error_seconds", "Estimated error in seconds.");
const STATUS: Family<'static> = Family::gauge("node_timex_status", "Value of the status array bits.");
const CONSTANT: Family<'static> = Family::gauge("node_timex_loop_time_constant", "Phase-locked loop time constant.");
const TICK: Family<'static> = Family::gauge("node_timex_tick_seconds", "Seconds between clock ticks.");
const PPS_FREQUENCY: Family<'static> = Family::gauge("node_timex_pps_frequency_hertz", "Pulse per second frequency.");
const PPS_JITTER: Family<'static> = Family::gauge("node_timex_pps_jitter_seconds", "Pulse per second jitter.");
const PPS_SHIFT: Family<'static> = Family::gauge("node_timex_pps_shift_seconds", "Pulse per second interval duration.");
const PPS_STABILITY: Family<'static> =
    Family::gauge("node_timex_pps_stability_hertz", "Pulse per second stability, average of recent frequency changes.");
const PPS_JITTER_EXCEEDED: Family<'static> =
    Family::counter("node_timex_pps_jitter_total", "Pulse per second count of jitter limit exceeded events.");
const PPS_CALIBRATIONS: Family<'static> =
    Family::counter("node_timex_pps_calibration_total", "Pulse per second count of calibration intervals.");
const PPS_ERRORS: Family<'static> =
    Family::counter("node_timex_pps_error_total", "Pulse per second count of calibration errors.");
const PPS_STABILITY_EXCEEDED: Family<'static> = Family::counter(
    "node_timex_pps_stability_exceeded_total",
    "Pulse per second count of stability limit exceeded events.",
);
const TAI_OFFSET: Family<'static> =
    Family::gauge("node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset.");

const NANOSECONDS: f64 = 1e9;
const MICROSECONDS: f64 = 1e6;
/// Frequencies are in parts per million, with 16 bits of fraction.
const PPM_16_BIT: f64 = 1e6 * 65_536.0;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let (state, timex) = read().map_err(|source| CollectError::Clock { source })?;
    let is_nano = timex.status & libc::STA_NANO != 0;
    let fraction = if is_nano { NANOSECONDS } else { MICROSECONDS };
    let samples = [
        (&SYNC_STATUS, f64::from(u8::from(state != libc::TIME_ERROR))),
        (&OFFSET, timex.offset as f64 / fraction),
        (&FREQUENCY, 1.0 + timex.freq as f64 / PPM_16_BIT),
        (&MAX_ERROR, timex.maxerror as f64 / MICROSECONDS),
        (&ESTIMATED_ERROR, timex.esterror as f64 / MICROSECONDS),
        (&STATUS, f64::from(timex.status)),
        (&CONSTANT, timex.constant as f64),
        (&TICK, timex.tick as f64 / MICROSECONDS),
        (&PPS_FREQUENCY, timex.ppsfreq as f64 / PPM_16_BIT),
        (&PPS_JITTER, timex.jitter as f64 / fraction),
        (&PPS_SHIFT, f64::from(timex.shift)),
        (&PPS_STABILITY, timex.stabil as f64 / PPM_16_BIT),
        (&PPS_JITTER_EXCEEDED, timex.jitcnt as f64),
        (&PPS_CALIBRATIONS, timex.calcnt as f64),
        (&PPS_ERRORS, timex.errcnt as f64),
        (&PPS_STABILITY_EXCEEDED, timex.stbcnt as f64),
        (&TAI_OFFSET, f64::from(timex.tai)),
    ];
    for (family, value) in samples {
        pass.sink.put(family, &[], value);
    }
    Ok(())
}

#[expect(unsafe_code, reason = "no safe crate wraps adjtimex")]
fn read() -> io::Result<(libc::c_int, libc::timex)> {
    // SAFETY: the struct is made of integers, for which zeros are a value; `modes` 0 asks and changes nothing, and the
    // kernel writes to the struct alone.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok((state, timex)) }
}
