//! The best one-to-one matching of a sparse set of pairs.

use std::collections::HashMap;

use crate::DisjointSets;

/// Chooses pairs `(a, b, score)`, with scores above 0 and at most 1, so that no `a` and no `b` occurs twice:
/// as many as can be, and then the largest sum of scores. Returns the chosen scores.
///
/// Pairs that share nothing with others are chosen at once; each group of pairs that hang together is
/// solved by itself, so that the cost follows the largest group.
pub(super) fn best(pairs: &[(usize, usize, f64)]) -> Vec<f64> {
    groups(pairs)
        .into_iter()
        .flat_map(|group| if let [one] = group[..] { vec![one.2] } else { solve(&group) })
        .collect()
}

/// Splits pairs into groups that share no `a` and no `b`, in the order of their first pair.
fn groups(pairs: &[(usize, usize, f64)]) -> Vec<Vec<(usize, usize, f64)>> {
    let count = u32::try_from(pairs.len()).expect("2^32 pairs do not fit into memory");
    let mut sets = DisjointSets::new(count);
    let (mut by_a, mut by_b) = (HashMap::new(), HashMap::new());
    for (index, &(a, b, _)) in (0..).zip(pairs) {
        for first in [*by_a.entry(a).or_insert(index), *by_b.entry(b).or_insert(index)] {
            sets.join(first, index);
        }
    }
    let (numbers, count) = sets.numbered();
    let mut groups = vec![Vec::new(); count as usize];
    for (number, &pair) in numbers.into_iter().zip(pairs) {
        groups[number as usize].push(pair);
    }
    groups
}

/// Solves one group with the Hungarian method in its form by shortest augmenting paths
/// (Kuhn 1955, *Nav. Res. Logist. Q.* 2; Jonker and Volgenant 1987, *Computing* 38).
fn solve(group: &[(usize, usize, f64)]) -> Vec<f64> {
    let numbered = |objects: Vec<usize>| -> HashMap<usize, usize> {
        let mut objects = objects;
        objects.sort_unstable();
        objects.dedup();
        objects.into_iter().enumerate().map(|(number, object)| (object, number)).collect()
    };
    let a = numbered(group.iter().map(|pair| pair.0).collect());
    let b = numbered(group.iter().map(|pair| pair.1).collect());
    // Rows are the fewer.
    let swap = a.len() > b.len();
    let (rows, columns) = if swap { (b.len(), a.len()) } else { (a.len(), b.len()) };
    let place = |&(p, q, _): &(usize, usize, f64)| if swap { (b[&q], a[&p]) } else { (a[&p], b[&q]) };
    let mut scores = vec![vec![0.0; columns]; rows];
    for pair in group {
        let (row, column) = place(pair);
        scores[row][column] = pair.2;
    }
    // All scores together count less than one more pair.
    let weight = 1.0 / (2.0 * rows as f64);
    let costs: Vec<Vec<f64>> = scores
        .iter()
        .map(|row| row.iter().map(|&s| if s > 0.0 { -1.0 - s * weight } else { 0.0 }).collect())
        .collect();
    let chosen = columns_of_rows(&costs);
    let matched = chosen.into_iter().enumerate().map(|(row, column)| scores[row][column]);
    matched.filter(|&score| score > 0.0).collect()
}

/// Gives each row a column of its own so that the sum of costs is least; there are no more rows than columns.
fn columns_of_rows(costs: &[Vec<f64>]) -> Vec<usize> {
    let (rows, columns) = (costs.len(), costs[0].len());
    // Column `columns` stands for the row that is being placed.
    let mut row_of = vec![usize::MAX; columns + 1];
    let (mut row_price, mut column_price) = (vec![0.0; rows], vec![0.0; columns + 1]);
    for row in 0..rows {
        row_of[columns] = row;
        let mut column = columns;
        let mut slack = vec![f64::INFINITY; columns];
        let mut from = vec![columns; columns];
        let mut seen = vec![false; columns + 1];
        while row_of[column] != usize::MAX {
            seen[column] = true;
            let at = row_of[column];
            for next in (0..columns).filter(|&next| !seen[next]) {
                let reduced = costs[at][next] - row_price[at] - column_price[next];
                if reduced < slack[next] {
                    (slack[next], from[next]) = (reduced, column);
                }
            }
            let next = (0..columns)
                .filter(|&next| !seen[next])
                .min_by(|&p, &q| slack[p].total_cmp(&slack[q]))
                .expect("there are no more rows than columns");
            let delta = slack[next];
            for place in 0..=columns {
                if seen[place] {
                    row_price[row_of[place]] += delta;
                    column_price[place] -= delta;
                } else if place < columns {
                    slack[place] -= delta;
                }
            }
            column = next;
        }
        // Shift the rows along the path by which the free column was reached.
        while column != columns {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
    }
    let mut found = vec![0; rows];
    for (column, &row) in row_of[..columns].iter().enumerate() {
        if row != usize::MAX {
            found[row] = column;
        }
    }
    found
}
