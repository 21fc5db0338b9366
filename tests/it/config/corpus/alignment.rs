//! Two texts line by line: what a diff makes of them.

/// A line that only one of two texts has, by its number from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// The left text alone.
    Left(usize),
    /// The right text alone.
    Right(usize),
}

/// Beyond so many steps two texts have nothing to do with each other, and are not aligned any further.
const MOST_STEPS: usize = 5_000;

/// The fewest lines to leave out of `left` and `right` so that the same remains (Myers, 1986).
pub(crate) fn align<T: PartialEq>(left: &[T], right: &[T]) -> Vec<Step> {
    let start = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (a, b) = (&left[start..], &right[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - end], &b[..b.len() - end]);
    let rows = furthest(a, b);
    let Some(rows) = rows else {
        let all_left = (0..a.len()).map(|n| Step::Left(start + n));
        return all_left.chain((0..b.len()).map(|n| Step::Right(start + n))).collect();
    };
    let mut steps = walk_back(&rows, a.len(), b.len(), start);
    steps.reverse();
    steps
}

/// For each number of steps, how far into `a` each diagonal gets; `None` when there are too many.
fn furthest<T: PartialEq>(a: &[T], b: &[T]) -> Option<Vec<Vec<usize>>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for steps in 0..=(a.len() + b.len()).min(MOST_STEPS) {
        let mut row = vec![0; 2 * steps + 1];
        for index in (0..=2 * steps).step_by(2) {
            // The diagonal is index - steps: as far in `a` as in `b`, and so much further.
            let mut x = rows.last().map_or(0, |before| from(before, steps, index).0);
            while x + steps >= index && x < a.len() && x + steps - index < b.len() {
                if a[x] != b[x + steps - index] {
                    break;
                }
                x += 1;
            }
            row[index] = x;
            if x >= a.len() && x + steps >= index && x + steps - index >= b.len() {
                rows.push(row);
                return Some(rows);
            }
        }
        rows.push(row);
    }
    None
}

/// Where a diagonal starts from after one more step, and whether that was a line of the left text.
fn from(before: &[usize], steps: usize, index: usize) -> (usize, bool) {
    // `before` has the diagonals of one step less: its index 0 is our index 1.
    let left = index.checked_sub(2).and_then(|n| before.get(n)).map(|x| x + 1);
    let right = if index < 2 * steps { before.get(index).copied() } else { None };
    match (left, right) {
        (Some(left), Some(right)) if left > right => (left, true),
        (Some(left), None) => (left, true),
        (_, Some(right)) => (right, false),
        (None, None) => (0, false),
    }
}

fn walk_back(rows: &[Vec<usize>], left: usize, right: usize, start: usize) -> Vec<Step> {
    let mut walked = Vec::new();
    let mut index = left + rows.len() - 1 - right;
    for steps in (1..rows.len()).rev() {
        let (x, is_left) = from(&rows[steps - 1], steps, index);
        walked.push(match is_left {
            true => Step::Left(start + x - 1),
            false => Step::Right(start + x + steps - index - 1),
        });
        // The same diagonal in the numbering of one step less.
        index = if is_left { index - 2 } else { index };
    }
    walked
}

#[test]
fn the_fewest_lines_are_left_out() {
    let steps = |a: &str, b: &str| align(a.as_bytes(), b.as_bytes());
    assert_eq!(steps("abc", "abc"), []);
    assert_eq!(steps("abc", "abxc"), [Step::Right(2)]);
    assert_eq!(steps("abc", "ac"), [Step::Left(1)]);
    assert_eq!(steps("abcabba", "cbabac").len(), 5);
    assert_eq!(steps("", "ab"), [Step::Right(0), Step::Right(1)]);
}

#[test]
fn what_remains_of_two_texts_is_the_same() {
    let mut seed = 1u32;
    let mut letters = |n: usize| -> Vec<u32> {
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 30
        };
        (0..n).map(|_| next()).collect()
    };
    for n in 0..200 {
        let (a, b) = (letters(n % 17), letters(n % 13));
        let steps = align(&a, &b);
        let rest = |text: &[u32], gone: &dyn Fn(usize) -> Step| -> Vec<u32> {
            let kept = text.iter().enumerate().filter(|(n, _)| !steps.contains(&gone(*n)));
            kept.map(|(_, letter)| *letter).collect()
        };
        assert_eq!(rest(&a, &Step::Left), rest(&b, &Step::Right));
    }
}
