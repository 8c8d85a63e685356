//! temporary
use std::collections::BTreeMap;
#[derive(Debug, Default)]
pub(crate) struct WordsBuilder {
    rows: Vec<Vec<String>>,
    cur: Vec<String>,
}
impl WordsBuilder {
    pub(crate) fn new() -> Self {
        Self::default()
    }
    pub(crate) fn insert_text(&mut self, text: &str) {
        for w in crate::model::value::fold(text).split_whitespace() {
            self.cur.push(w.to_owned());
        }
    }
    pub(crate) fn end_row(&mut self) {
        self.rows.push(std::mem::take(&mut self.cur));
    }
    pub(crate) fn seal(self, order: Option<&[u32]>) -> Words {
        let n = order.map_or(self.rows.len(), |o| o.len());
        let mut words: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for i in 0..n {
            let r = order.map_or(i, |o| o[i] as usize);
            for w in &self.rows[r] {
                let v = words.entry(w.clone()).or_default();
                if v.last() != Some(&(i as u32)) {
                    v.push(i as u32)
                }
            }
        }
        Words { words, n: n as u32 }
    }
}
#[derive(Debug)]
pub(crate) struct Words {
    words: BTreeMap<String, Vec<u32>>,
    n: u32,
}
pub(crate) struct Matches {
    w: Vec<String>,
    n: u64,
}
impl Matches {
    pub(crate) fn postings_count(&self) -> u64 {
        self.n
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.w.is_empty()
    }
}
pub(crate) enum TermRows {
    Sorted(Vec<u32>),
    Bitmap(Vec<u64>, u32),
}
impl Words {
    pub(crate) fn rows_count(&self) -> u32 {
        self.n
    }
    pub(crate) fn words_count(&self) -> u32 {
        self.words.len() as u32
    }
    pub(crate) fn bytes(&self) -> usize {
        0
    }
    pub(crate) fn find(&self, term: &str) -> Matches {
        let w: Vec<String> = self
            .words
            .keys()
            .filter(|k| k.contains(term))
            .cloned()
            .collect();
        let n = w.iter().map(|k| self.words[k].len() as u64).sum();
        Matches { w, n }
    }
    pub(crate) fn rows(&self, m: &Matches) -> TermRows {
        let mut b = vec![0u64; self.n.div_ceil(64) as usize];
        for k in &m.w {
            for &r in &self.words[k] {
                b[r as usize / 64] |= 1 << (r % 64);
            }
        }
        let c = b.iter().map(|w| w.count_ones()).sum();
        TermRows::Bitmap(b, c)
    }
}
