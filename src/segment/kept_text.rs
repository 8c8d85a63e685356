//! A long text as its column hands it out to be compared or read.
//!
//! Columns keep some long texts URL-encoded and others plain, whichever suits the text; comparing
//! and reading know both forms, so that nothing is made into the other only to be looked at.

use std::borrow::Cow;

use crate::model::value::{Plus, decode};

/// How the bytes of a kept text are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the serializer of `application/x-www-form-urlencoded` wrote them.
    Encoded,
    /// As the UTF-8 of the text.
    Plain,
}

/// A long text in one of the forms in which columns keep texts.
#[derive(Clone, Debug)]
pub(crate) struct KeptText<'a> {
    bytes: Cow<'a, [u8]>,
    form: Form,
}

impl<'a> KeptText<'a> {
    /// Makes a text of bytes that are of a form.
    pub(crate) fn new(bytes: impl Into<Cow<'a, [u8]>>, form: Form) -> KeptText<'a> {
        KeptText {
            bytes: bytes.into(),
            form,
        }
    }

    /// Makes a plain text.
    pub(crate) fn plain(text: &'a str) -> KeptText<'a> {
        KeptText::new(text.as_bytes(), Form::Plain)
    }

    /// Returns the bytes, which are of the text's form.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns how the bytes are to be read.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Returns whether the text is empty, which it is in either form.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the text; what is no text, which no column has, is empty.
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        let text = match self.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(str::from_utf8(bytes).unwrap_or_default()),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).unwrap_or_default()),
        };
        match (self.form, text) {
            (Form::Plain, text) => text,
            (Form::Encoded, Cow::Borrowed(text)) => decode(text, Plus::Space).unwrap_or_default(),
            (Form::Encoded, Cow::Owned(text)) => {
                let decoded = decode(&text, Plus::Space).unwrap_or_default();
                Cow::Owned(decoded.into_owned())
            }
        }
    }

    /// Returns the bytes of the text as UTF-8.
    pub(super) fn into_plain(self) -> Cow<'a, [u8]> {
        match (self.form, self.bytes) {
            (Form::Plain, bytes) => bytes,
            (form, bytes) => match (KeptText { bytes, form }).into_text() {
                Cow::Borrowed(text) => text.as_bytes().into(),
                Cow::Owned(text) => text.into_bytes().into(),
            },
        }
    }

    /// Returns whether two texts are the same, letter case included.
    pub(crate) fn is_same(&self, other: &KeptText<'_>) -> bool {
        if self.form == other.form {
            return self.bytes == other.bytes;
        }
        self.clone().into_plain() == other.clone().into_plain()
    }
}
