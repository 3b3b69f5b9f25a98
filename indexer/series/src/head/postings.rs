//! Which series have a label with a value.

use roaring::RoaringBitmap;

/// A set of series. Most values of labels with many values belong to one series only.
#[derive(Debug, Default)]
pub(crate) enum Postings {
    #[default]
    None,
    One(u32),
    Many(Box<RoaringBitmap>),
}

impl Postings {
    pub(crate) fn insert(&mut self, series: u32) {
        match self {
            Self::None => *self = Self::One(series),
            Self::One(one) if *one == series => {}
            Self::One(one) => *self = Self::Many(Box::new(RoaringBitmap::from_iter([*one, series]))),
            Self::Many(many) => {
                many.insert(series);
            }
        }
    }

    pub(crate) fn remove(&mut self, gone: &RoaringBitmap) {
        match self {
            Self::One(one) if gone.contains(*one) => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(many) => {
                **many -= gone;
                match (many.len(), many.min()) {
                    (0, _) | (_, None) => *self = Self::None,
                    (1, Some(one)) => *self = Self::One(one),
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(crate) fn add_to(&self, set: &mut RoaringBitmap) {
        match self {
            Self::None => {}
            Self::One(one) => {
                set.insert(*one);
            }
            Self::Many(many) => *set |= &**many,
        }
    }

    pub(crate) fn to_set(&self) -> RoaringBitmap {
        let mut set = RoaringBitmap::new();
        self.add_to(&mut set);
        set
    }

    pub(crate) fn intersect(&self, set: &mut RoaringBitmap) {
        match self {
            Self::None => set.clear(),
            Self::One(one) => {
                let stays = set.contains(*one);
                set.clear();
                if stays {
                    set.insert(*one);
                }
            }
            Self::Many(many) => *set &= &**many,
        }
    }

    /// How many of them are in `set`.
    pub(crate) fn shared_with(&self, set: &RoaringBitmap) -> u64 {
        match self {
            Self::None => 0,
            Self::One(one) => u64::from(set.contains(*one)),
            Self::Many(many) => many.intersection_len(set),
        }
    }
}
