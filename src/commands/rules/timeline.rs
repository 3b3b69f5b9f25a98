//! When rules fired, as a picture of text: a line for each rule, a character for a while.

use orszem_model::{Span, Timestamp};

use super::replay::Episode;
use crate::lines::harmless;

/// The longest name beside the picture; longer ones are cut.
const NAME_MAX: usize = 40;
/// The fewest characters of the picture.
const WIDTH_MIN: usize = 10;

/// How much there is to be seen of a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    #[default]
    Quiet,
    Pending,
    Warning,
    Critical,
}

impl Mark {
    fn of(episode: &Episode) -> Self {
        match episode.level.as_deref() {
            None => Self::Pending,
            Some("critical") => Self::Critical,
            Some(_) => Self::Warning,
        }
    }

    fn character(self) -> char {
        match self {
            Self::Quiet => ' ',
            Self::Pending => '░',
            Self::Warning => '▒',
            Self::Critical => '█',
        }
    }

    /// As an ANSI code.
    fn colour(self) -> Option<u8> {
        match self {
            Self::Quiet => None,
            Self::Pending => Some(36),
            Self::Warning => Some(33),
            Self::Critical => Some(31),
        }
    }
}

/// The columns of the terminal, 80 where it does not say.
pub(super) fn columns() -> usize {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => 80,
    }
}

/// The picture, `columns` wide.
pub(super) fn picture(
    rules: &[&str],
    episodes: &[Episode],
    range: (Timestamp, Timestamp),
    columns: usize,
    is_coloured: bool,
) -> String {
    let names: Vec<String> = rules.iter().map(|rule| harmless(rule).chars().take(NAME_MAX).collect()).collect();
    let margin = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + 2;
    let width = columns.saturating_sub(margin).max(WIDTH_MIN);
    let mut text = String::new();
    for (rule, name) in rules.iter().zip(&names) {
        let of_rule = episodes.iter().filter(|episode| episode.rule == *rule);
        let marks = marks(of_rule, range, width);
        let mut line = format!("{name:<margin$}");
        for mark in marks {
            match mark.colour().filter(|_| is_coloured) {
                Some(colour) => line.push_str(&format!("\u{1b}[{colour}m{}\u{1b}[0m", mark.character())),
                None => line.push(mark.character()),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let (from, to) = range;
    let each_ms = u64::try_from(to.0.saturating_sub(from.0) / 1_000_000).unwrap_or(0) / width as u64;
    let each = Span::millis(if each_ms >= 1_000 { each_ms - each_ms % 1_000 } else { each_ms });
    text.push_str(&format!("{:margin$}{from} … {to}, {each} a character: █ critical ▒ warning ░ pending\n", ""));
    text
}

/// The worst of each while.
fn marks<'e>(
    episodes: impl Iterator<Item = &'e Episode>,
    (from, to): (Timestamp, Timestamp),
    width: usize,
) -> Vec<Mark> {
    let mut marks = vec![Mark::Quiet; width];
    let span = i128::from(to.0.saturating_sub(from.0).max(1));
    let place = |at: Timestamp| {
        let since = i128::from(at.0.saturating_sub(from.0).max(0));
        usize::try_from(since * width as i128 / span).unwrap_or(width)
    };
    for episode in episodes {
        let first = place(episode.from).min(width - 1);
        // One that ends where a while begins is not of that while, but is seen.
        let end = place(Timestamp(episode.to.unwrap_or(to).0 - 1)).clamp(first, width - 1);
        for mark in marks.iter_mut().take(end + 1).skip(first) {
            *mark = (*mark).max(Mark::of(episode));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(level: Option<&str>, from: i64, to: Option<i64>) -> Episode {
        let seconds = |at: i64| Timestamp(at * 1_000_000_000);
        Episode {
            rule: "A".to_owned(),
            labels: std::collections::BTreeMap::new(),
            level: level.map(str::to_owned),
            from: seconds(from),
            to: to.map(seconds),
        }
    }

    fn drawn(episodes: &[Episode]) -> String {
        let range = (Timestamp(0), Timestamp(100_000_000_000));
        marks(episodes.iter(), range, 10).into_iter().map(Mark::character).collect()
    }

    #[test]
    fn the_worst_of_a_while_is_seen() {
        assert_eq!(drawn(&[]), "          ");
        assert_eq!(drawn(&[episode(Some("warning"), 10, Some(30))]), " ▒▒       ");
        assert_eq!(drawn(&[episode(Some("warning"), -50, Some(1)), episode(None, 95, None)]), "▒        ░");
        let both = [episode(Some("critical"), 41, Some(42)), episode(Some("warning"), 20, Some(60))];
        assert_eq!(drawn(&both), "  ▒▒█▒    ");
    }
}
