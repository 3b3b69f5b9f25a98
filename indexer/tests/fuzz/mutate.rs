//! Changes to inputs, all drawn from one seed.

/// Draws numbers (SplitMix64) and changes bytes and words.
pub(crate) struct Mutator(u64);

/// Numbers at which readers of formats tend to fail.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// One of `corpus` with one to eight changes of bytes.
    pub(crate) fn bytes(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(corpus).clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, corpus);
        }
        input.truncate(1 << 16);
        input
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        from..from + self.below((length - from).min(64) + 1)
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.next() as u8,
            2 => input.insert(at, *self.pick(b"\0\n\t \"'\\{}()[],=:#_-+.0eE\x80\xff")),
            3 => drop(input.drain(self.range(input.len()))),
            4 => {
                let copied = input[self.range(input.len())].to_vec();
                input.splice(at..at, copied);
            }
            5 => {
                let other = self.pick(corpus);
                let copied = other[self.range(other.len())].to_vec();
                let end = (at + copied.len() * self.below(2)).min(input.len());
                input.splice(at..end, copied);
            }
            6 => input.truncate(at),
            7 => {
                let mut varint = Vec::new();
                crate::proto::put_varint(&mut varint, *self.pick(&EDGES));
                let end = (at + self.below(varint.len() + 1)).min(input.len());
                input.splice(at..end, varint);
            }
            _ => {
                let edge = self.pick(&EDGES).to_le_bytes();
                let length = *self.pick(&[1, 4, 8]);
                let end = (at + length).min(input.len());
                input.splice(at..end, edge[..length].to_vec());
            }
        }
    }

    /// One of `corpus` with one to six changes of its words, some of them from `dictionary`.
    pub(crate) fn words(&mut self, corpus: &[Vec<u8>], dictionary: &[&str]) -> Vec<u8> {
        let picked = self.pick(corpus).clone();
        let text = String::from_utf8_lossy(&picked).into_owned();
        let mut words = split(&text);
        let other = String::from_utf8_lossy(self.pick::<Vec<u8>>(corpus)).into_owned();
        let others = split(&other);
        for _ in 0..=self.below(6) {
            let at = self.below(words.len() + 1);
            match self.below(6) {
                0 | 1 if at < words.len() => words[at] = *self.pick::<&str>(dictionary),
                2 => words.insert(at, *self.pick::<&str>(dictionary)),
                3 if at < words.len() => drop(words.remove(at)),
                4 if !others.is_empty() => {
                    let from = self.below(others.len());
                    let to = from + 1 + self.below((others.len() - from).min(12));
                    words.splice(at..at, others[from..to].iter().copied());
                }
                _ if at < words.len() => {
                    let with = self.below(words.len());
                    words.swap(at, with);
                }
                _ => {}
            }
        }
        words.truncate(400);
        words.concat().into_bytes()
    }
}

/// Words, runs of digits and letters, and what is between them, character by character.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let length =
            if is_word(first) { rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, behind) = rest.split_at(length);
        words.push(word);
        rest = behind;
    }
    words
}
