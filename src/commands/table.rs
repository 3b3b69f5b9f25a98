//! Tables of text.

use crate::lines::harmless;

/// Rows under a head, each column as wide as it has to be.
pub(super) fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut all: Vec<[String; N]> = vec![head.map(str::to_owned)];
    all.extend(rows.into_iter().map(|row| row.map(|cell| harmless(&cell))));
    let width = |column: usize| all.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &all {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let rows = vec![["1".to_owned(), "disk\u{7}".to_owned()], ["22".to_owned(), String::new()]];
        assert!(table(["ID", "WHAT"], rows).starts_with("ID  WHAT\n1   disk"));
    }
}
