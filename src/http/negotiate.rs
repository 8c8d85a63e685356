//! What a client would rather have: the format by `Accept`, the coding by `Accept-Encoding`.
//!
//! Neither can fail. A header that cannot be read says nothing, and where nothing that is there is
//! wanted, the client gets the default: what it asked for by name comes before what it accepts.

use std::cmp::Reverse;

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

use crate::model::Format;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    /// Returns the word of `Content-Encoding`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Zstd => "zstd",
        }
    }
}

/// Returns the format that the client would rather have; XML where it does not say.
///
/// The weight of a format is that of what is said of it most exactly: by its name, by `application/*`, say,
/// or by `*/*`. Of names for the same format the heaviest counts, and of formats of the same weight the
/// one that is said first.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let wanted = wishes(headers, &ACCEPT);
    let of_format = |format: Format| {
        let fitting = wanted.iter().enumerate().filter_map(|(index, wish)| {
            let exactness = exactness(&wish.word, format)?;
            Some((exactness, wish.thousandths, Reverse(index)))
        });
        let (_, thousandths, index) = fitting.max()?;
        (thousandths > 0).then_some((thousandths, index, format))
    };
    // Of formats that one range holds, the last that the search comes to is the first of all.
    let liked = Format::ALL.into_iter().rev().filter_map(of_format);
    let chosen = liked.max_by_key(|&(thousandths, index, _)| (thousandths, index));
    chosen.map_or_else(Format::default, |(_, _, format)| format)
}

/// Returns the coding that the client would rather have than none.
pub(super) fn coding(headers: &HeaderMap) -> Option<Coding> {
    let wanted = wishes(headers, &ACCEPT_ENCODING);
    best(&wanted, |wish| match &*wish.word {
        "gzip" | "x-gzip" => Some(Some(Coding::Gzip)),
        "zstd" => Some(Some(Coding::Zstd)),
        "identity" => Some(None),
        _ => None,
    })
    .flatten()
}

/// An item of a header's list, with its weight.
struct Wish {
    word: String,
    /// `q`, from 0 to 1,000.
    thousandths: u16,
}

/// Reads all lists of a header, as one.
fn wishes(headers: &HeaderMap, name: &HeaderName) -> Vec<Wish> {
    let lists = headers.get_all(name).iter();
    let items = lists.filter_map(|list| list.to_str().ok());
    let items = items.flat_map(|list| list.split(','));
    items.filter_map(wish).collect()
}

/// Reads one item; none where its weight is no weight.
fn wish(item: &str) -> Option<Wish> {
    let mut parts = item.split(';').map(str::trim);
    let word = parts.next()?.to_ascii_lowercase();
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("q")
            .then_some(value.trim())
    });
    let thousandths = match weight {
        None => 1000,
        Some(weight) => {
            let weight = weight.parse::<f32>().ok()?;
            (0.0..=1.0).contains(&weight).then_some(())?;
            #[expect(clippy::cast_sign_loss, reason = "the weight is from 0 to 1")]
            let thousandths = (weight * 1000.0).round() as u16;
            thousandths
        }
    };
    Some(Wish { word, thousandths })
}

/// Returns what the heaviest wish that means something means; of equals the first.
fn best<T>(wanted: &[Wish], meaning: impl Fn(&Wish) -> Option<T>) -> Option<T> {
    let mut chosen = None;
    let mut heaviest = 0;
    for wish in wanted.iter().filter(|wish| wish.thousandths > 0) {
        if wish.thousandths > heaviest
            && let Some(meaning) = meaning(wish)
        {
            heaviest = wish.thousandths;
            chosen = Some(meaning);
        }
    }
    chosen
}

/// Returns whether a media type is a format's, by the names that clients have for it.
fn names_format(media_type: &str, format: Format) -> bool {
    let names: &[&str] = match format {
        Format::Xml => &["application/xml", "text/xml"],
        Format::Json => &["application/json", "text/json"],
        Format::Delimited => &["text/plain", "application/x-www-form-urlencoded"],
        Format::Csv => &["text/csv", "application/csv"],
    };
    names.contains(&media_type)
}

/// Returns how exactly a media range of `Accept` tells of a format; none where it does not hold it.
fn exactness(range: &str, format: Format) -> Option<u8> {
    let sent_as = format.media_type();
    match range.strip_suffix("/*") {
        Some("*") => Some(0),
        Some(kind) => (sent_as.split('/').next() == Some(kind)).then_some(1),
        None => names_format(range, format).then_some(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: &HeaderName, lists: &[&str]) -> HeaderMap {
        let lines = lists.iter().map(|list| {
            let value = HeaderValue::from_bytes(list.as_bytes()).unwrap();
            (name.clone(), value)
        });
        lines
            .collect::<Vec<_>>()
            .into_iter()
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }

    #[test]
    fn the_format_is_the_heaviest_that_is_there() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let cases: [(&[&str], Format); 27] = [
            (&[], Format::Xml),
            (&["*/*"], Format::Xml),
            (&[browser], Format::Xml),
            (&["application/json, text/plain, */*"], Format::Json),
            (&["Application/JSON"], Format::Json),
            (&["text/xml;q=0.5, application/json;q=0.6"], Format::Json),
            (&["text/xml;q=0.5, application/json;q=0.5"], Format::Xml),
            (&["application/json;q=0.1", "text/plain"], Format::Delimited),
            (&["application/x-www-form-urlencoded"], Format::Delimited),
            (&["text/*"], Format::Delimited),
            (&["text/csv"], Format::Csv),
            (&["text/csv;q=0.9, application/csv"], Format::Csv),
            (&["text/plain;q=0, text/*"], Format::Csv),
            (&["application/*"], Format::Xml),
            (&["application/xml;q=0, */*"], Format::Json),
            (&["application/xml;q=0.1, */*"], Format::Json),
            (
                &["application/xml;q=0.1, application/*;q=0.05"],
                Format::Xml,
            ),
            // Of several names for a format the heaviest counts.
            (
                &["application/json, text/json;q=0.5, text/xml;q=0.8"],
                Format::Json,
            ),
            (
                &["text/csv, application/csv;q=0.8, text/plain;q=0.9"],
                Format::Csv,
            ),
            // A range outweighs a wider one, and not a name.
            (&["application/*;q=0, */*"], Format::Delimited),
            (
                &["application/*;q=0, */*;q=0.5, text/xml;q=0.1"],
                Format::Delimited,
            ),
            (&["image/png, application/json;q=0.2"], Format::Json),
            (&["image/png"], Format::Xml),
            (
                &["application/json ; charset=utf-8 ; Q = 0.3 , text/xml;q=0.2"],
                Format::Json,
            ),
            (&["application/json;q=2, text/plain;q=x"], Format::Xml),
            (&[",,;q=1,application/json"], Format::Json),
            (&["\u{fc}", "application/json"], Format::Json),
        ];
        for (lists, expected) in cases {
            assert_eq!(format(&headers(&ACCEPT, lists)), expected, "{lists:?}");
        }
    }

    #[test]
    fn the_coding_is_the_heaviest_that_is_there() {
        let cases: [(&[&str], Option<Coding>); 10] = [
            (&[], None),
            (&["gzip"], Some(Coding::Gzip)),
            (&["deflate, gzip, br, zstd"], Some(Coding::Gzip)),
            (&["br, ZSTD, gzip"], Some(Coding::Zstd)),
            (&["gzip;q=0.5, zstd"], Some(Coding::Zstd)),
            (&["identity, gzip;q=0.5"], None),
            (&["gzip;q=0, zstd;q=0"], None),
            (&["*"], None),
            (&["br"], None),
            (&["gzip;q=0.001", "br"], Some(Coding::Gzip)),
        ];
        for (lists, expected) in cases {
            assert_eq!(
                coding(&headers(&ACCEPT_ENCODING, lists)),
                expected,
                "{lists:?}"
            );
        }
    }
}
