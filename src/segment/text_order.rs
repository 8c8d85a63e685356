//! Orders of many texts by their bytes.
//!
//! Comparing two texts reads memory in two distant places. Here eight bytes of each text stand beside its
//! index, so most comparisons read nothing else; texts that agree in them are sorted by the next eight.
//!
//! # Cost
//!
//! Sixteen bytes a text while it lasts, and one look at a text for each eight bytes that it
//! shares with others.

/// The bytes of a text that stand beside its index.
pub(super) const HEAD_BYTES: usize = size_of::<u64>();

/// Up to this many texts that agree so far are sorted by comparing them.
const SHORT_RUN: usize = 16;
/// Texts that agree in this many bytes are sorted by comparing them.
const DEEP_BYTES: usize = 16 * HEAD_BYTES;

/// Returns the numbers below `count` in the order of their texts; equal ones in any order.
pub(super) fn sort_texts<'a>(count: u32, text: impl Fn(u32) -> &'a [u8]) -> Vec<u32> {
    let head = |index| (head_at(text(index), 0), index);
    let mut order: Vec<(u64, u32)> = (0..count).map(head).collect();
    sort_heads(&mut order, &text);
    order.into_iter().map(|(_, index)| index).collect()
}

/// Sorts indexes, each behind the first bytes of its text, by the texts.
pub(super) fn sort_heads<'a>(order: &mut [(u64, u32)], text: &impl Fn(u32) -> &'a [u8]) {
    sort_from(order, 0, text);
}

/// Sorts texts that agree up to a byte, given the eight bytes from there on.
fn sort_from<'a>(order: &mut [(u64, u32)], from: usize, text: &impl Fn(u32) -> &'a [u8]) {
    order.sort_unstable();
    for run in order.chunk_by_mut(|a, b| a.0 == b.0) {
        let next = from + HEAD_BYTES;
        if run.len() == 1 {
            continue;
        }
        if run.len() <= SHORT_RUN || next >= DEEP_BYTES {
            // From the start, as NULs after an end look like those within.
            run.sort_unstable_by(|a, b| text(a.1).cmp(text(b.1)));
            continue;
        }
        for (head, index) in &mut *run {
            *head = head_at(text(*index), next);
        }
        sort_from(run, next, text);
    }
}

/// Returns eight bytes of a text from one on as a number in their order, NULs past its end.
pub(super) fn head_at(text: &[u8], from: usize) -> u64 {
    let rest = text.get(from..).unwrap_or_default();
    if let Some(&chunk) = rest.first_chunk::<HEAD_BYTES>() {
        return u64::from_be_bytes(chunk);
    }
    let mut chunk = [0; HEAD_BYTES];
    chunk[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_sort_by_their_bytes() {
        let mut texts: Vec<Vec<u8>> = vec![vec![], vec![0], vec![0, 0], b"a\0".to_vec()];
        // Runs that agree for 0 to 200 bytes, of few texts and of many.
        for agreed in [0, 1, 7, 8, 9, 16, 127, 128, 129, 200] {
            for many in [3u32, 40] {
                for number in 0..many {
                    let mut text = vec![b'x'; agreed];
                    text.extend((number * 7 % many).to_string().bytes());
                    texts.push(text.clone());
                    text.extend(vec![0; number as usize % 10]);
                    texts.push(text);
                }
            }
        }
        let order = sort_texts(texts.len() as u32, |index| &texts[index as usize]);
        let sorted = order.iter().map(|&index| texts[index as usize].clone());
        let sorted: Vec<Vec<u8>> = sorted.collect();
        texts.sort();
        assert_eq!(sorted, texts);
    }
}
