//! Sums that keep what rounding loses (Kahan, with Neumaier's improvement).

/// A sum and what it lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kahan {
    pub value: f64,
    pub lost: f64,
}

impl Kahan {
    /// A sum of one number.
    pub fn of(value: f64) -> Self {
        Self { value, lost: 0.0 }
    }

    pub fn add(&mut self, increment: f64) {
        let next = self.value + increment;
        if next.is_infinite() {
            self.lost = 0.0;
        } else if self.value.abs() >= increment.abs() {
            self.lost += (self.value - next) + increment;
        } else {
            self.lost += (increment - next) + self.value;
        }
        self.value = next;
    }

    /// Adds a sum: its value, then what it lost.
    pub fn add_sum(&mut self, other: Self) {
        self.add(other.value);
        if other.lost != 0.0 {
            self.add(other.lost);
        }
    }

    /// The sum with what it lost.
    pub fn total(self) -> f64 {
        self.value + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_survive_large_ones() {
        let sum = |terms: &[f64]| {
            let mut sum = Kahan::default();
            terms.iter().for_each(|&term| sum.add(term));
            sum.total()
        };
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(&[5.0, f64::INFINITY, 1.0]), f64::INFINITY);
    }
}
