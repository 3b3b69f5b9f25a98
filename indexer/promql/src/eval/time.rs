//! Calendar functions, in UTC.

use orszem_model::time::Civil;

use crate::functions::Function;

const DAY_S: i64 = 86_400;

/// The function of seconds since 1970 that `function` applies to each element; `None` when it is none of these.
pub(super) fn of(function: Function) -> Option<fn(f64) -> f64> {
    Some(match function {
        Function::DayOfMonth => |seconds| f64::from(date(seconds).day),
        Function::DayOfWeek => |seconds| (days(seconds) + 4).rem_euclid(7) as f64,
        Function::DayOfYear => |seconds| {
            let year = date(seconds).year;
            (days(seconds) - days_to(year, 1) + 1) as f64
        },
        Function::DaysInMonth => |seconds| {
            let Civil { year, month, day: _ } = date(seconds);
            let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            (days_to(next_year, next) - days_to(year, month)) as f64
        },
        Function::Hour => |seconds| ((seconds as i64).rem_euclid(DAY_S) / 3_600) as f64,
        Function::Minute => |seconds| ((seconds as i64).rem_euclid(3_600) / 60) as f64,
        Function::Month => |seconds| f64::from(date(seconds).month),
        Function::Year => |seconds| date(seconds).year as f64,
        _ => return None,
    })
}

fn days(seconds: f64) -> i64 {
    (seconds as i64).div_euclid(DAY_S)
}

fn date(seconds: f64) -> Civil {
    Civil::from_days(days(seconds))
}

/// The days from 1970 to the first of a month.
fn days_to(year: i64, month: u32) -> i64 {
    Civil { year, month, day: 1 }.days()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_knows_leap_years_and_days_before_1970() {
        let check = |seconds: f64, expected: [f64; 8]| {
            let functions = [
                Function::Year,
                Function::Month,
                Function::DayOfMonth,
                Function::DayOfWeek,
                Function::DayOfYear,
                Function::DaysInMonth,
                Function::Hour,
                Function::Minute,
            ];
            assert_eq!(
                functions.map(|function| of(function).expect("a calendar function")(seconds)),
                expected,
                "{seconds}"
            );
        };
        check(0.0, [1970.0, 1.0, 1.0, 4.0, 1.0, 31.0, 0.0, 0.0]);
        check(951_826_245.9, [2000.0, 2.0, 29.0, 2.0, 60.0, 29.0, 12.0, 10.0]);
        check(1_735_689_599.0, [2024.0, 12.0, 31.0, 2.0, 366.0, 31.0, 23.0, 59.0]);
        check(-1.0, [1969.0, 12.0, 31.0, 3.0, 365.0, 31.0, 23.0, 59.0]);
        check(4_107_542_400.0, [2100.0, 3.0, 1.0, 1.0, 60.0, 31.0, 0.0, 0.0]);
    }
}
