//! Disjoint sets of numbers (union-find): what hangs together, found pair by pair.

/// Sets of the numbers from 0; the smallest number of a set stands for it.
///
/// Memory: 4 bytes per number.
///
/// ```
/// use em_metrics::DisjointSets;
///
/// let mut sets = DisjointSets::new(4);
/// sets.join(3, 1);
/// assert_eq!([sets.root(0), sets.root(1), sets.root(2), sets.root(3)], [0, 1, 2, 1]);
/// assert_eq!(sets.numbered(), (vec![0, 1, 2, 1], 3));
/// ```
#[derive(Clone, Debug, Default)]
pub struct DisjointSets {
    /// A smaller number of the same set, or the number itself.
    parents: Vec<u32>,
}

impl DisjointSets {
    /// Starts with `count` sets of one number each.
    pub fn new(count: u32) -> Self {
        Self { parents: (0..count).collect() }
    }

    /// Adds a set of one number, the next one; `None` where no number is left.
    ///
    /// The last number of 32 bits is left free, so that numbers counted from 1 fit as well.
    pub fn add(&mut self) -> Option<u32> {
        let number = u32::try_from(self.parents.len()).ok().filter(|&number| number < u32::MAX)?;
        self.parents.push(number);
        Some(number)
    }

    /// Returns the number that stands for the set of `number`, and shortens the way to it.
    ///
    /// # Panics
    ///
    /// If there is no such number.
    #[inline]
    pub fn root(&mut self, mut number: u32) -> u32 {
        while self.parents[number as usize] != number {
            let grandparent = self.parents[self.parents[number as usize] as usize];
            self.parents[number as usize] = grandparent;
            number = grandparent;
        }
        number
    }

    /// Joins two sets and returns the number that stands for both.
    ///
    /// # Panics
    ///
    /// If there is no such number.
    #[inline]
    pub fn join(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parents[high as usize] = low;
        low
    }

    /// Numbers the sets from 0, in order of their smallest numbers; returns the set of each number, and
    /// how many sets there are.
    pub fn numbered(mut self) -> (Vec<u32>, u32) {
        let mut count = 0;
        for number in 0..self.parents.len() {
            // Parents are smaller than their children, so a parent has its set already.
            let parent = self.parents[number] as usize;
            self.parents[number] = if parent == number {
                count += 1;
                count - 1
            } else {
                self.parents[parent]
            };
        }
        (self.parents, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sets_are_those_of_pairs_applied_until_nothing_changes(
            pairs in prop::collection::vec((0_u32..12, 0_u32..12), 0..14),
        ) {
            let mut sets = DisjointSets::new(9);
            for next in 9..12 {
                prop_assert_eq!(sets.add(), Some(next));
            }
            let mut smallest: Vec<u32> = (0..12).collect();
            for &(a, b) in &pairs {
                sets.join(a, b);
            }
            for &(a, b) in pairs.iter().cycle().take(pairs.len() * 12) {
                let low = smallest[a as usize].min(smallest[b as usize]);
                (smallest[a as usize], smallest[b as usize]) = (low, low);
            }
            let roots: Vec<u32> = (0..12).map(|number| sets.root(number)).collect();
            prop_assert_eq!(&roots, &smallest);
            let mut in_order = smallest.clone();
            in_order.sort_unstable();
            in_order.dedup();
            let expected = smallest.iter().map(|root| in_order.binary_search(root).unwrap() as u32).collect();
            prop_assert_eq!(sets.numbered(), (expected, in_order.len() as u32));
        }
    }
}
