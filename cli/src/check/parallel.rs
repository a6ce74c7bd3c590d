//! The same work on many things, on all processors: manifests are read and judged by the ten thousand.

use std::thread;

/// Fewer are not worth a thread.
const FEW: usize = 64;

/// What `work` makes of each item, in their order. `with` says how many threads there may be.
pub(super) fn map<T: Send, R: Send>(items: Vec<T>, with: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let share = items.len().div_ceil(with.max(1)).max(FEW);
    if items.len() <= share {
        return items.into_iter().map(work).collect();
    }
    let mut shares = Vec::new();
    let mut items = items.into_iter();
    loop {
        let one: Vec<T> = items.by_ref().take(share).collect();
        if one.is_empty() {
            break;
        }
        shares.push(one);
    }
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.into_iter().map(work).collect::<Vec<R>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// How many threads there may be.
pub(super) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back_in_its_order() {
        for n in [0, 1, 63, 64, 65, 1000] {
            let all: Vec<usize> = map((0..n).collect(), 3, |one| one * 2);
            assert_eq!(all, (0..n).map(|one| one * 2).collect::<Vec<_>>());
        }
    }
}
