//! The forms of an input, with their names and the extensions of their files.

/// The form of an input.
///
/// # Examples
///
/// ```
/// use ticketdex::ImportFormat;
///
/// assert_eq!(ImportFormat::from_name("JSONL"), Some(ImportFormat::JsonLines));
/// assert_eq!(ImportFormat::from_extension("txt"), Some(ImportFormat::Delimited));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportFormat {
    /// One JSON object a line, values as they are.
    JsonLines,
    /// An XML response.
    Xml,
    /// A JSON response.
    Json,
    /// A delimited response, one ticket a line.
    Delimited,
    /// CSV under a header, values as they are; [`CsvOptions`](crate::CsvOptions) tell what its columns
    /// are.
    #[cfg(feature = "csv")]
    Csv,
}

impl ImportFormat {
    /// Returns the format of `jsonl`, `xml`, `json`, `delimited` or, with the feature `csv`, `csv`, in
    /// any ASCII case.
    pub fn from_name(name: &str) -> Option<ImportFormat> {
        match name.to_ascii_lowercase().as_str() {
            "jsonl" => Some(ImportFormat::JsonLines),
            "xml" => Some(ImportFormat::Xml),
            "json" => Some(ImportFormat::Json),
            "delimited" => Some(ImportFormat::Delimited),
            #[cfg(feature = "csv")]
            "csv" => Some(ImportFormat::Csv),
            _ => None,
        }
    }

    /// Returns the format of a file extension: `jsonl`, `ndjson`, `xml`, `json`, `txt` or, with the
    /// feature `csv`, `csv`.
    pub fn from_extension(extension: &str) -> Option<ImportFormat> {
        match extension.to_ascii_lowercase().as_str() {
            "ndjson" => Some(ImportFormat::JsonLines),
            "txt" => Some(ImportFormat::Delimited),
            "delimited" => None,
            other => ImportFormat::from_name(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names_and_extensions() {
        use ImportFormat::{Delimited, Json, JsonLines, Xml};
        for (name, extension, format) in [
            ("jsonl", "jsonl", JsonLines),
            ("JSONL", "ndjson", JsonLines),
            ("xml", "XML", Xml),
            ("Json", "json", Json),
            ("delimited", "txt", Delimited),
        ] {
            assert_eq!(ImportFormat::from_name(name), Some(format));
            assert_eq!(ImportFormat::from_extension(extension), Some(format));
        }
        let csv = ImportFormat::from_name("CSV");
        assert_eq!(csv, ImportFormat::from_extension("csv"));
        assert_eq!(csv.is_some(), cfg!(feature = "csv"));
        assert_eq!(ImportFormat::from_name("txt"), None);
        assert_eq!(ImportFormat::from_extension("delimited"), None);
    }
}
