//! Answers as a plot of braille dots, eight to a character.

use std::fmt::Write;

use super::{Data, name, table};

/// Colours of series, as ANSI codes, in turn.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 34, 31];
/// Series that are named below the plot; the rest is counted.
const NAMED_MAX: usize = 12;
/// Left of the plot.
const AXIS_WIDTH: usize = 11;

/// The columns and rows of the terminal, 80 and 24 where it does not say.
pub(super) fn terminal() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// The plot of a range, `columns` wide and at most `rows` high; of anything else a table.
pub(super) fn plot(data: &Data, columns: usize, rows: usize, is_coloured: bool) -> String {
    let Data::Matrix(matrix) = data else { return table::table(data) };
    let lines: Vec<Vec<(f64, f64)>> = matrix
        .iter()
        .map(|series| {
            let points = series.values.iter().filter_map(|(time, value)| Some((*time, value.parse::<f64>().ok()?)));
            points.filter(|(_, value)| value.is_finite()).collect()
        })
        .collect();
    let Some(frame) = Frame::around(&lines, columns, rows) else { return table::table(data) };
    let mut canvas = Canvas::new(frame.width, frame.height);
    for (at, line) in lines.iter().enumerate() {
        canvas.line(&frame, line, at);
    }
    let mut out = String::new();
    for row in 0..frame.height {
        let share = 1.0 - row as f64 / (frame.height.max(2) - 1) as f64;
        let tick = frame.bottom + share * (frame.top - frame.bottom);
        let axis = if row % 4 == 0 || row + 1 == frame.height { short(tick) } else { String::new() };
        put(&mut out, format_args!("{axis:>width$} ┤", width = AXIS_WIDTH - 2));
        canvas.put_row(&mut out, row, is_coloured);
        out.push('\n');
    }
    let (from, to) = (table::moment(frame.from), table::moment(frame.to));
    let gap = frame.width.saturating_sub(from.len()).max(to.len() + 1);
    put(&mut out, format_args!("{:AXIS_WIDTH$}{from}{to:>gap$}\n", ""));
    for (at, series) in matrix.iter().enumerate().take(NAMED_MAX) {
        let last = series.values.last().map_or("", |(_, value)| value.as_str());
        let mark = coloured("━━", at, is_coloured);
        put(&mut out, format_args!("{mark} {} = {last}\n", name(&series.metric)));
    }
    if matrix.len() > NAMED_MAX {
        put(&mut out, format_args!("and {} more series\n", matrix.len() - NAMED_MAX));
    }
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    if out.write_fmt(text).is_err() {
        tracing::error!("a line could not be written");
    }
}

fn coloured(text: &str, series: usize, is_coloured: bool) -> String {
    let colour = COLOURS.get(series % COLOURS.len()).copied().unwrap_or(0);
    if is_coloured { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

/// A number in at most nine characters.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    let units = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    if let Some((scale, unit)) = units.iter().find(|(scale, _)| magnitude >= *scale) {
        return format!("{:.2}{unit}", value / scale);
    }
    if magnitude == 0.0 || magnitude >= 0.001 { format!("{value:.3}") } else { format!("{value:.1e}") }
}

/// What part of the plane is shown, and on how many characters.
struct Frame {
    from: f64,
    to: f64,
    bottom: f64,
    top: f64,
    width: usize,
    height: usize,
}

impl Frame {
    /// `None` when there is nothing to show.
    fn around(lines: &[Vec<(f64, f64)>], columns: usize, rows: usize) -> Option<Self> {
        let points = || lines.iter().flatten();
        points().next()?;
        let bounds = |pick: fn(&(f64, f64)) -> f64| {
            points().map(pick).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
        };
        let ((from, to), (bottom, top)) = (bounds(|point| point.0), bounds(|point| point.1));
        let (bottom, top) = if bottom == top { (bottom - 0.5, top + 0.5) } else { (bottom, top) };
        let width = columns.saturating_sub(AXIS_WIDTH).clamp(20, 400);
        Some(Self {
            from,
            to,
            bottom,
            top,
            width,
            height: rows.saturating_sub(4 + lines.len().min(NAMED_MAX)).clamp(8, 30),
        })
    }

    /// The dot of a point: column from the left, row from the top.
    fn dot(&self, (time, value): (f64, f64)) -> (usize, usize) {
        let along = if self.to > self.from { (time - self.from) / (self.to - self.from) } else { 0.0 };
        let above = (value - self.bottom) / (self.top - self.bottom);
        let (right, down) = ((self.width * 2 - 1) as f64, (self.height * 4 - 1) as f64);
        ((along * right).round() as usize, ((1.0 - above) * down).round() as usize)
    }
}

/// Dots, and whose they are.
struct Canvas {
    width: usize,
    /// For each character its dots and the series that came last.
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, cells: vec![(0, 0); width * height] }
    }

    fn set(&mut self, column: usize, row: usize, series: usize) {
        // The bits of a braille character, by row and column of its dots (Unicode, block 2800).
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if let Some(cell) = self.cells.get_mut(row / 4 * self.width + column / 2) {
            cell.0 |= BITS[row % 4][column % 2];
            cell.1 = series;
        }
    }

    /// Dots from each point to the next; a gap of more than thrice the usual distance stays empty.
    fn line(&mut self, frame: &Frame, points: &[(f64, f64)], series: usize) {
        let usual = points.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(f64::INFINITY, f64::min);
        let mut before: Option<(f64, (usize, usize))> = None;
        for point in points {
            let (column, row) = frame.dot(*point);
            match before {
                Some((time, (left, from))) if point.0 - time <= usual * 3.0 && column > left => {
                    for at in left..=column {
                        let share = (at - left) as f64 / (column - left) as f64;
                        let height = from as f64 + share * (row as f64 - from as f64);
                        self.set(at, height.round() as usize, series);
                    }
                }
                Some(_) | None => self.set(column, row, series),
            }
            before = Some((point.0, (column, row)));
        }
    }

    fn put_row(&self, out: &mut String, row: usize, is_coloured: bool) {
        for (dots, series) in self.cells.iter().skip(row * self.width).take(self.width) {
            let character = char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' ');
            match dots {
                0 => out.push(' '),
                _ => out.push_str(&coloured(&character.to_string(), *series, is_coloured)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_line_goes_from_the_lower_left_to_the_upper_right() {
        let data: Data = serde_json::from_str(
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"up"},"values":[[0,"0"],[1,"1"],[2,"2"]]}]}"#,
        )
        .expect("an answer");
        let shown = plot(&data, 31, 13, false);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 8 + 2, "{shown}");
        assert!(lines[0].starts_with("    2.000 ┤") && lines[0].ends_with(['⠉', '⠊', '⠈', '⡠', '⠔', '⠤']), "{shown}");
        assert!(lines[7].starts_with("    0.000 ┤⡠") && lines[7].ends_with(' '), "{shown}");
        assert_eq!(lines[9], "━━ up = 2");
    }

    #[test]
    fn numbers_are_short_and_nothing_is_a_table() {
        assert_eq!([0.0, 1.5, 1_234.0, -5e9, 1e-5].map(short), ["0.000", "1.500", "1.23k", "-5.00G", "1.0e-5"]);
        assert_eq!(plot(&Data::Matrix(Vec::new()), 80, 24, false), "");
    }
}
