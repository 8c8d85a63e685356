//! JSON objects in the form that nearly all records have, read in one pass.
//!
//! That form is what serializers write: each variable once, its value a text, an integer or
//! null, and the custom fields an object of texts. [`read_common`] gives up at whatever else
//! stands there, be it right or wrong, and the caller then reads the record by serde, which
//! knows all of JSON and tells what is at fault. So this file decides only how fast a record
//! is read, never what it means.
//!
//! # Cost
//!
//! Linear in the text, eight bytes of a text at a time; a copy of each text, and a second one
//! where it has escapes.

use crate::model::Field;
use crate::model::draft::Draft;

/// Reads an object into a draft without values; none where it has another form, and the draft
/// is then of no use.
///
/// Texts with escapes are decoded in `scratch`.
pub(super) fn read_common(text: &str, draft: &mut Draft, scratch: &mut String) -> Option<()> {
    let mut reader = ObjectReader {
        text,
        at: 0,
        scratch,
    };
    reader.read_ticket(draft)?;
    reader.skip_blanks();
    (reader.at == text.len()).then_some(())
}

/// A place in an object.
struct ObjectReader<'a, 's> {
    text: &'a str,
    at: usize,
    scratch: &'s mut String,
}

impl<'a> ObjectReader<'a, '_> {
    fn read_ticket(&mut self, draft: &mut Draft) -> Option<()> {
        let mut likely = 0;
        self.read_members(|reader| {
            let field = reader.read_name(likely)?;
            // Where the variables come in response order.
            likely = field.index() + 1;
            if !draft.name_field(field) {
                return None;
            }
            reader.pass(b':')?;
            reader.read_value(field, draft)
        })
    }

    fn read_custom(&mut self, draft: &mut Draft) -> Option<()> {
        self.read_members(|reader| {
            let name = reader.read_text()?;
            let place = draft.add_custom(name).ok()??;
            reader.pass(b':')?;
            match reader.next()? {
                b'"' => draft.set_custom(place, reader.read_text()?).ok(),
                _ => reader.pass_word("null"),
            }
        })
    }

    /// Reads the members of an object, braces and commas with them; `read` stands at a name.
    fn read_members(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.pass(b'{')?;
        if self.next()? == b'}' {
            return self.pass(b'}');
        }
        loop {
            self.next()?;
            read(self)?;
            match self.next()? {
                b',' => self.at += 1,
                _ => return self.pass(b'}'),
            }
        }
    }

    /// Reads the name of a variable; it is most likely the one of an index.
    fn read_name(&mut self, likely: usize) -> Option<Field> {
        let rest = self.text.as_bytes().get(self.at + 1..)?;
        if let Some(&field) = Field::ALL.get(likely)
            && let Some([b'"', ..]) = rest.strip_prefix(field.name().as_bytes())
            && self.text.as_bytes()[self.at] == b'"'
        {
            self.at += field.name().len() + 2;
            return Some(field);
        }
        Field::from_output_name(self.read_text()?)
    }

    fn read_value(&mut self, field: Field, draft: &mut Draft) -> Option<()> {
        match self.next()? {
            b'"' if field != Field::CustomFields => draft.set_text(field, self.read_text()?).ok(),
            b'{' if field == Field::CustomFields => self.read_custom(draft),
            b'n' => self.pass_word("null"),
            b'0'..=b'9' => draft.set_integer(field, self.read_integer()?).ok(),
            _ => None,
        }
    }

    /// Reads a text with its quotes, and returns what it stands for.
    fn read_text(&mut self) -> Option<&str> {
        let text: &'a str = self.text;
        let start = self.at + 1;
        if text.as_bytes().get(self.at) != Some(&b'"') {
            return None;
        }
        let mut end = start + plain_bytes(text.as_bytes().get(start..)?);
        if text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return text.get(start..end);
        }
        self.scratch.clear();
        let mut plain_start = start;
        loop {
            self.scratch.push_str(text.get(plain_start..end)?);
            match text.as_bytes().get(end)? {
                b'"' => {
                    self.at = end + 1;
                    return Some(self.scratch);
                }
                b'\\' => plain_start = self.read_escape(end + 1)?,
                _ => return None,
            }
            end = plain_start + plain_bytes(text.as_bytes().get(plain_start..)?);
        }
    }

    /// Appends the character of the escape whose backslash is before a byte; returns where the
    /// escape ends.
    fn read_escape(&mut self, at: usize) -> Option<usize> {
        let (char, end) = match self.text.as_bytes().get(at)? {
            byte @ (b'"' | b'\\' | b'/') => (char::from(*byte), at + 1),
            b'n' => ('\n', at + 1),
            b'r' => ('\r', at + 1),
            b't' => ('\t', at + 1),
            b'b' => ('\u{8}', at + 1),
            b'f' => ('\u{C}', at + 1),
            b'u' => self.read_code_units(at + 1)?,
            _ => return None,
        };
        self.scratch.push(char);
        Some(end)
    }

    /// Reads one UTF-16 code unit in hexadecimal or a pair of surrogates; returns where they end.
    fn read_code_units(&self, at: usize) -> Option<(char, usize)> {
        let first = self.read_code_unit(at)?;
        if let Some(char) = char::from_u32(u32::from(first)) {
            return Some((char, at + 4));
        }
        if self.text.as_bytes().get(at + 4..at + 6)? != b"\\u" {
            return None;
        }
        let pair = [first, self.read_code_unit(at + 6)?];
        let char = char::decode_utf16(pair).next()?.ok()?;
        Some((char, at + 10))
    }

    fn read_code_unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 4)?;
        // A sign is no digit, though `from_str_radix` takes one.
        let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_number.then(|| u16::from_str_radix(digits, 16).ok())?
    }

    /// Reads an integer without sign, fraction and exponent.
    fn read_integer(&mut self) -> Option<u64> {
        let rest = &self.text[self.at..];
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        let digits_count = rest.bytes().take_while(is_digit).count();
        let digits = &rest[..digits_count];
        let has_more = matches!(rest.as_bytes().get(digits_count), Some(b'.' | b'e' | b'E'));
        if has_more || digits_count > 1 && digits.starts_with('0') {
            return None;
        }
        self.at += digits_count;
        digits.parse().ok()
    }

    /// Goes past a byte and the blanks before it.
    fn pass(&mut self, byte: u8) -> Option<()> {
        let is_there = self.next()? == byte;
        self.at += 1;
        is_there.then_some(())
    }

    fn pass_word(&mut self, word: &str) -> Option<()> {
        let is_there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        is_there.then_some(())
    }

    /// Goes to the next byte that is no blank, and returns it.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn skip_blanks(&mut self) {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        while self.text.as_bytes().get(self.at).is_some_and(is_blank) {
            self.at += 1;
        }
    }
}

/// Returns how many bytes stand before the first quote, backslash or control character.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // The high bit of each byte below `limit`, exact up to the lowest such byte, which is all
    // that is looked at; bytes of 128 and more are none.
    let below = |chunk: u64, limit: u64| chunk.wrapping_sub(ONES * limit) & !chunk & HIGHS;
    let equal = |chunk: u64, byte: u8| below(chunk ^ (ONES * u64::from(byte)), 1);
    let (chunks, _) = bytes.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let chunk = u64::from_le_bytes(*chunk);
        let found = below(chunk, 0x20) | equal(chunk, b'"') | equal(chunk, b'\\');
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let start = chunks.len() * 8;
    let is_plain = |byte: &&u8| !matches!(byte, 0..0x20 | b'"' | b'\\');
    start + bytes[start..].iter().take_while(is_plain).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::record::read_draft;
    use crate::model::Ticket;
    use crate::model::draft::Encoding;

    /// Returns what a record is read as here; none where it is left to serde.
    ///
    /// What is read here must be what serde reads.
    fn read(record: &str) -> Option<Ticket> {
        let mut draft = Draft::new(Encoding::Plain);
        let mut scratch = "left from before".to_owned();
        read_common(record, &mut draft, &mut scratch)?;
        let ticket = draft.into_unchecked();
        let by_serde = read_draft(record, Encoding::Plain).map(Draft::into_unchecked);
        assert_eq!(by_serde.as_ref().ok(), Some(&ticket), "{record}");
        Some(ticket)
    }

    const RECORD: &str = r#" {"tid":12,"cid":"a\u00e9\ud83d\ude00\n" , "company_id" : 0,"DATE_opened":null,
        "custom_fields":{"A b":"x","c\"":null,"d":"\/\b\f\r\t\\"},"merged_to":7,"subject":"über \u0000 \uFFFF",
        "summary":"0123456789\"0123456789abcdef\\"} "#;

    #[test]
    fn the_common_form_is_read() {
        let ticket = read(RECORD).unwrap();
        assert_eq!((ticket.tid, ticket.merged_to), (12, Some(7)));
        assert_eq!(
            (&*ticket.cid, &*ticket.subject),
            ("aé😀\n", "über \0 \u{FFFF}")
        );
        assert_eq!(ticket.summary, "0123456789\"0123456789abcdef\\");
        assert_eq!(ticket.custom("D"), "/\u{8}\u{C}\r\t\\");
        assert_eq!(read("{}"), Some(Ticket::default()));
        for length in 0..40 {
            let text = "é".repeat(length / 3) + &"x".repeat(length);
            let record = format!(r#"{{"subject":"{text}","status":"{text}\n"}}"#);
            assert_eq!(read(&record).unwrap().subject, text);
        }
    }

    #[test]
    fn what_is_not_common_is_left_to_serde() {
        for record in [
            "",
            "null",
            "[]",
            "{",
            r#"{"tid":1}}"#,
            r#"{"tid":1,}"#,
            r#"{"tid":01}"#,
            r#"{"tid":-1}"#,
            r#"{"tid":1.0}"#,
            r#"{"tid":1e2}"#,
            r#"{"tid":18446744073709551616}"#,
            r#"{"tid":1,"tid":2}"#,
            r#"{"state":"Open"}"#,
            r#"{"status":7}"#,
            r#"{"status":true}"#,
            r#"{"status":["Open"]}"#,
            r#"{"status":nul}"#,
            r#"{"status":'Open'}"#,
            r#"{"date_opened":"yesterday"}"#,
            r#"{"cid":"\ud83d"}"#,
            r#"{"cid":"\ud83d\u0041"}"#,
            r#"{"cid":"\ude00\ud83d"}"#,
            r#"{"cid":"\u+123"}"#,
            r#"{"cid":"\u12"}"#,
            r#"{"cid":"\x"}"#,
            r#"{"cid":"a"#,
            "{\"cid\":\"a\u{1f}\"}",
            "{\"cid\":\"0123456\u{0}\"}",
            r#"{"custom_fields":[{"a":"b"}]}"#,
            r#"{"custom_fields":""}"#,
            r#"{"custom_fields":{"a":"b","A":"c"}}"#,
            r#"{"custom_fields":{"a":1}}"#,
            r#"{"cid":"a" "status":"b"}"#,
            r#"{"cid" "a"}"#,
            r#"{cid:"a"}"#,
        ] {
            assert_eq!(read(record), None, "{record}");
        }
    }

    #[test]
    fn a_record_with_any_byte_changed_is_read_as_serde_reads_it() {
        let mut read_count = 0;
        for at in 0..RECORD.len() {
            for byte in b"\"\\{}[]:,0-e.n u\x1f\x7f".iter().copied() {
                let mut bytes = RECORD.as_bytes().to_vec();
                bytes[at] = byte;
                let changed = str::from_utf8(&bytes).ok().and_then(read);
                let cut = RECORD.get(..at).and_then(read);
                read_count += usize::from(changed.is_some()) + usize::from(cut.is_some());
            }
        }
        // Those that fall into texts.
        assert!(read_count > 500, "{read_count}");
    }
}
