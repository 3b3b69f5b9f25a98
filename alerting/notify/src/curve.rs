//! A series as a small picture (PNG): its line, its thresholds, and numbers at the axes. A mail shows it without asking
//! any server.

mod font;
mod png;

use jiff::tz::TimeZone;
use orszem_model::Timestamp;

use crate::notice::Curve;
use crate::view::{clock, number};

const WIDTH: usize = 600;
const HEIGHT: usize = 180;
/// Room for numbers at the left, and for times below.
const LEFT: usize = 66;
const RIGHT: usize = 8;
const TOP: usize = 8;
const BOTTOM: usize = 20;

/// The colours by their number in the picture.
const PALETTE: [[u8; 3]; 6] =
    [[255, 255, 255], [229, 231, 235], [75, 85, 99], [37, 99, 235], [217, 119, 6], [220, 38, 38]];
const GRID: u8 = 1;
const INK: u8 = 2;
const LINE: u8 = 3;
const WARNING: u8 = 4;
const CRITICAL: u8 = 5;

/// Pixels as numbers of colours.
struct Canvas {
    pixels: Vec<u8>,
}

/// From times and values to pixels.
struct Frame {
    from: i64,
    until: i64,
    min: f64,
    max: f64,
}

/// The picture of a curve; `None` where there is nothing to see.
pub(crate) fn picture(curve: &Curve, zone: &TimeZone) -> Option<Vec<u8>> {
    let frame = Frame::around(curve)?;
    let mut canvas = Canvas { pixels: vec![0; WIDTH * HEIGHT] };
    for step in 0..=4_usize {
        let y = TOP + (HEIGHT - TOP - BOTTOM - 1) * step / 4;
        canvas.across(y, GRID, 1);
        let value = frame.max - (frame.max - frame.min) * step as f64 / 4.0;
        let text = number(value);
        canvas.write(&text, LEFT.saturating_sub(6 + font::width(&text)), y.saturating_sub(font::HEIGHT / 2), INK);
    }
    for (threshold, colour) in [(curve.warning, WARNING), (curve.critical, CRITICAL)] {
        if let Some(value) = threshold.filter(|value| value.is_finite()) {
            canvas.across(frame.y(value), colour, 2);
        }
    }
    let mut last = None;
    for (at, value) in &curve.points {
        let place = value.is_finite().then(|| (frame.x(*at), frame.y(*value)));
        if let (Some(from), Some(to)) = (last, place) {
            canvas.line(from, to);
        } else if let Some(to) = place {
            canvas.line(to, to);
        }
        last = place;
    }
    let y = HEIGHT - BOTTOM + 7;
    let [from, until] = [frame.from, frame.until].map(|at| clock(Timestamp(at), zone, "%m-%d %H:%M"));
    canvas.write(&from, LEFT, y, INK);
    canvas.write(&until, (WIDTH - RIGHT).saturating_sub(font::width(&until)), y, INK);
    Some(png::encode(WIDTH, HEIGHT, &PALETTE, &canvas.pixels))
}

impl Frame {
    fn around(curve: &Curve) -> Option<Self> {
        let shown = || curve.points.iter().filter(|(_, value)| value.is_finite());
        let (from, until) = (shown().next()?.0.0, shown().next_back()?.0.0);
        let thresholds = [curve.warning, curve.critical].into_iter().flatten().filter(|value| value.is_finite());
        let values = || shown().map(|(_, value)| *value).chain(thresholds.clone());
        let (min, max) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        // A level line gets room above and below.
        let room = if max > min { (max - min) * 0.05 } else { min.abs().max(1.0) * 0.1 };
        let (min, max) = (min - room, max + room);
        (min.is_finite() && max.is_finite() && until >= from).then_some(Self { from, until, min, max })
    }

    fn x(&self, at: Timestamp) -> usize {
        let span = self.until.saturating_sub(self.from).max(1) as f64;
        let part = at.0.saturating_sub(self.from) as f64 / span;
        LEFT + (part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT - 1) as f64) as usize
    }

    fn y(&self, value: f64) -> usize {
        let part = (self.max - value) / (self.max - self.min);
        TOP + (part.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM - 1) as f64) as usize
    }
}

impl Canvas {
    fn set(&mut self, x: usize, y: usize, colour: u8) {
        if x < WIDTH
            && let Some(pixel) = self.pixels.get_mut(y * WIDTH + x)
        {
            *pixel = colour;
        }
    }

    /// A level line over the plot, of `dash` pixels and as many gaps; without gaps for 1.
    fn across(&mut self, y: usize, colour: u8, dash: usize) {
        for x in (LEFT..WIDTH - RIGHT).filter(|x| dash == 1 || (x / (2 * dash)).is_multiple_of(2)) {
            self.set(x, y, colour);
        }
    }

    /// A line two pixels thick.
    fn line(&mut self, from: (usize, usize), to: (usize, usize)) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        for step in 0..=steps {
            let part = |a: usize, b: usize| (a * (steps - step) + b * step) / steps;
            let (x, y) = (part(from.0, to.0), part(from.1, to.1));
            self.set(x, y, LINE);
            self.set(x, y + 1, LINE);
        }
    }

    fn write(&mut self, text: &str, x: usize, y: usize, colour: u8) {
        for (dx, dy) in font::dots(text) {
            self.set(x + dx, y + dy, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{notice, site};
    use orszem_alerting::Kind;

    fn shown(curve: &Curve) -> Option<Vec<u8>> {
        picture(curve, &site().zone)
    }

    #[test]
    fn a_curve_is_a_small_picture() {
        let curve = notice(Kind::Open).curve.expect("a curve");
        let picture = shown(&curve).expect("a picture");
        assert_eq!(picture.get(..8), Some(b"\x89PNG\r\n\x1a\n".as_slice()));
        assert!(picture.len() < 6_000, "{}", picture.len());
        assert_ne!(shown(&Curve { critical: None, ..curve.clone() }), Some(picture));
    }

    #[test]
    fn odd_curves_are_drawn_or_left_out_but_never_harm() {
        let points = |values: &[f64]| Curve {
            points: values.iter().enumerate().map(|(at, value)| (Timestamp(at as i64), *value)).collect(),
            ..Curve::default()
        };
        let drawn = [
            points(&[1.0]),
            points(&[0.0, 0.0]),
            points(&[f64::NAN, 1.0, f64::NAN, 2.0]),
            points(&[-1e300, 1e300]),
            points(&[5e-324, 0.0]),
            Curve { points: vec![(Timestamp(i64::MIN), 1.0), (Timestamp(i64::MAX), 2.0)], ..Curve::default() },
        ];
        for curve in drawn {
            assert!(shown(&curve).is_some(), "{curve:?}");
        }
        let empty = [points(&[]), points(&[f64::NAN, f64::INFINITY]), points(&[f64::MIN, f64::MAX])];
        for curve in empty {
            assert_eq!(shown(&curve), None, "{curve:?}");
        }
    }
}
