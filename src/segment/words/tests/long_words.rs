//! Tests of words that are cut, against the same twin of the index.

use std::fmt::Write;

use super::*;

/// Long words of every kind that is cut: scripts without blanks, logs, keys, combining marks, characters
/// that fold to several, and repeats that overlap.
const LONG_PIECES: [&[&str]; 6] = [
    &["的", "无法", "系统", "服务器", "。", "e-0168e", "ａ", "Ａ"],
    &["が", "エラー", "サーバー", "ｶﾞ", "ス", "KB5", "。"],
    &["ข้อ", "ผิด", "พลาด", "ไม่", "เ", "0x80"],
    &[
        "com.",
        "example.",
        "Foo",
        "(",
        "Foo.java:",
        "1",
        "484)",
        "/v2/",
        "?id=",
        "9FA9",
    ],
    &[
        "a", "aa", "aaaa", "1", "11", "z", "qz", "É", "e\u{301}", "İ", "ẞ", "𝒳",
    ],
    &[
        "0", "7", "9f", "a9", "c0de", "d3", "zq", "x7", "+", "/", "K",
    ],
];

fn long_text(random: &mut Random) -> String {
    let mut text = String::new();
    let pieces = LONG_PIECES[random.below(LONG_PIECES.len())];
    for _ in 0..random.below(3) {
        // Few lengths and parts, so that words and halves of words occur again.
        for _ in 0..[3, 8, 20, 40][random.below(4)] {
            let some = if random.below(3) == 0 {
                pieces
            } else {
                &pieces[..3]
            };
            text.push_str(random.pick(some));
        }
        text.push_str(random.pick(SPACES));
    }
    text
}

fn long_rows(random: &mut Random, rows_count: usize) -> Vec<Vec<String>> {
    let row = |random: &mut Random| {
        let count = random.below(3);
        (0..count).map(|_| long_text(random)).collect()
    };
    (0..rows_count).map(|_| row(random)).collect()
}

/// Terms that span many pieces, some of them one character off.
fn long_terms(random: &mut Random, rows: &[Vec<String>]) -> Vec<String> {
    let mut terms = Vec::new();
    for text in rows.iter().flatten() {
        for word in fold(text).split_whitespace() {
            let chars: Vec<char> = word.chars().collect();
            let start = random.below(chars.len());
            let mut term = chars[start..start + 1 + random.below(chars.len() - start)].to_vec();
            terms.push(term.iter().collect());
            let at = random.below(term.len());
            term[at] = chars[random.below(chars.len())];
            terms.push(term.iter().collect());
        }
    }
    terms
}

#[test]
fn words_that_are_cut_match_the_twin() {
    for seed in 1..=48 {
        let mut random = Random(seed ^ 0xC07);
        let rows_count = [1, 2, 17, 40][seed as usize % 4];
        let rows = long_rows(&mut random, rows_count);
        let terms = long_terms(&mut random, &rows);
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        let context = format!("seed {seed}");
        check(&rows, &build(&rows, None), &terms, &context);
        // In another order and without some rows; then both indexes merged.
        let mut order: Vec<u32> = (0..rows.len() as u32).rev().collect();
        order.truncate(1 + random.below(order.len()));
        let moved: Vec<Vec<String>> = order.iter().map(|&it| rows[it as usize].clone()).collect();
        let reversed = build(&rows, Some(&order));
        check(&moved, &reversed, &terms, &context);
        let own: Vec<u32> = (0..rows.len() as u32).map(|row| row * 2).collect();
        let (mut others, mut all) = (Vec::new(), Vec::new());
        for row in 0..rows.len() {
            all.push(rows[row].clone());
            let is_kept = moved.get(row).is_some() && row % 3 != 1;
            others.extend((row < moved.len()).then_some(if is_kept {
                row as u32 * 2 + 1
            } else {
                MOVE_DROPPED
            }));
            all.push(if is_kept {
                moved[row].clone()
            } else {
                Vec::new()
            });
        }
        let words = build(&rows, None);
        let parts = [
            MergeInput {
                words: &words,
                moves: &own,
            },
            MergeInput {
                words: &reversed,
                moves: &others,
            },
        ];
        let merged = Words::merge(&parts, all.len() as u32);
        check(&all, &merged, &terms, &context);
        let again = Words::merge(
            &[MergeInput {
                words: &merged,
                moves: &(0..all.len() as u32).collect::<Vec<_>>(),
            }],
            all.len() as u32,
        );
        check(&all, &again, &terms, &context);
    }
}

/// With this number of rows short terms are kept, some pieces are frequent, and reading the texts of a few
/// rows is cheaper than reading the spots of a part.
#[test]
fn cut_words_of_many_rows_are_found() {
    let seed = 78;
    let mut random = Random(seed);
    let rows: Vec<Vec<String>> = (0..20_000)
        .map(|row| {
            let mut text = format!("的系统{}显示失败附件会议室帐号网络警告 ", row % 50);
            for _ in 0..6 {
                for _ in 0..12 {
                    let digit = random.below(16);
                    write!(text, "{digit:x}").unwrap();
                }
                text.push(' ');
            }
            for _ in 0..14 {
                text.push_str(random.pick(LONG_PIECES[row % 2]));
            }
            if row == 11_111 {
                text.push_str(" 7c0ffee0decaf001deadbeef");
            }
            vec![text]
        })
        .collect();
    let words = build(&rows, None);
    let naive = Naive::new(&rows);
    let asked = std::cell::Cell::new(0);
    let mut random_terms: Vec<String> = Vec::new();
    for row in 0..40 {
        let text = fold(&rows[row * 499][0]);
        let word = text.split_whitespace().nth(row % 8).unwrap();
        let chars: Vec<char> = word.chars().collect();
        let start = random.below(chars.len());
        let end = (start + 1 + random.below(6)).min(chars.len());
        random_terms.push(chars[start..end].iter().collect());
    }
    let terms = [
        "7c0ffee0decaf001deadbeef",
        "c0ffee0decaf001deadbee",
        "0decaf",
        "deadbeef",
        "7",
        "0",
        "f0",
        "7c",
        "abc",
        "系统",
        "统1",
        "统12",
        "显示失败",
        "败附件会",
        "的",
        "无法",
        "エラー",
        "ー",
        "的系统49显",
        "不",
        "的的",
        "がが",
    ];
    for term in terms
        .into_iter()
        .chain(random_terms.iter().map(String::as_str))
    {
        let matches = words.find(term);
        let holds = |row: u32| {
            asked.set(asked.get() + 1);
            naive.0[row as usize].iter().any(|word| word.contains(term))
        };
        let found = match words.rows(&matches, &holds) {
            TermRows::Sorted(rows) => rows,
            TermRows::Bitmap(blocks, count) => {
                let mut rows = Vec::new();
                for_each_bit(&blocks, 0..words.rows_count(), |row| rows.push(row));
                assert_eq!(rows.len(), count as usize);
                rows
            }
        };
        assert_eq!(found, naive.rows(term), "seed {seed}, {term:?}");
        assert!(matches.postings_count() >= found.len() as u64, "{term:?}");
    }
    assert!(matches!(words.find("7").held_by, HeldBy::Kept(_)));
    assert!(asked.get() < 1_000, "{} texts", asked.get());
}

/// The words are like keys, but of eight characters, so each pair of these is at thousands of spots. There are
/// enough words for the spots to fill several windows.
#[test]
fn parts_at_many_spots_are_joined() {
    const CHARS: [&str; 8] = ["0", "3", "7", "9", "f", "q", "x", "z"];
    let mut random = Random(0x7015);
    let key = |random: &mut Random, length: usize| -> String {
        (0..length).map(|_| random.pick(&CHARS)).collect()
    };
    let rows: Vec<Vec<String>> = (0..3_000).map(|_| vec![key(&mut random, 200)]).collect();
    let words = build(&rows, None);
    let [_, fine, _] = &words.cut;
    assert!(fine.spots.count() > 300_000);
    let naive = Naive::new(&rows);
    for length in [3, 4, 5, 7] {
        for _ in 0..30 {
            let term = key(&mut random, length);
            assert_eq!(found(&words, &term), naive.rows(&term), "{term}");
        }
    }
}
