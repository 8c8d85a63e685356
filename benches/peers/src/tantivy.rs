//! Tantivy: the peer that one would take for search.
//!
//! One segment in tid order, so that a document's number orders ties; folded texts as raw
//! terms with fast fields, dates as fast fields, the searchable text as trigrams with
//! positions, where a term of the keyword is a phrase; and each ticket's JSON stored. A
//! term of one or two letters is not served: no trigram holds it.

use std::ops::Bound;
use std::path::Path;

use serde_json::json;
use tantivy::aggregation::{AggContextParams, AggregationCollector};
use tantivy::collector::sort_key::{ComparatorEnum, SortByStaticFastValue, SortByString};
use tantivy::collector::{Count, TopDocs};
use tantivy::index::SegmentId;
use tantivy::query::{
    AllQuery, BooleanQuery, Occur, PhraseQuery, Query as TantivyQuery, RangeQuery, TermQuery,
};
use tantivy::schema::{
    Field as Column, IndexRecordOption, NumericOptions, STORED, Schema, TextFieldIndexing,
    TextOptions, Value,
};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use tantivy::{DocAddress, Index, IndexWriter, Searcher, TantivyDocument, Term, doc};
use ticketdex::{
    AnyField, Cell, CountKey, CountQuery, DatePart, Direction, Field, FieldTest, FilterValues,
    Query, SortKey, Ticket, TidFilter,
};

use crate::peer::{Failure, Groups, Peer, Prepared};
use crate::scan::searchable;
use crate::sql::{FOLDED, fold, seconds};

/// The dates with a column.
const DATES: [Field; 3] = [Field::DateOpened, Field::LastUpdated, Field::DueDate];

/// Bytes of postings that the writer gathers before it writes a segment.
const WRITER_BYTES: usize = 1 << 30;

const TRIGRAM_CHARS: usize = 3;

/// The most groups of a key; the index refuses to make more.
const GROUPS_MAX: u64 = 60_000;

const SECONDS_PER_DAY: u32 = 86_400;

/// An index on disk, mapped.
pub struct Tantivy {
    searcher: Searcher,
    columns: Columns,
}

/// The columns of the schema.
struct Columns {
    schema: Schema,
    tid: Column,
    text: Column,
    json: Column,
}

impl Columns {
    fn new() -> Columns {
        let mut schema = Schema::builder();
        let number = NumericOptions::default().set_indexed().set_fast();
        let tid = schema.add_u64_field(Field::Tid.name(), number.clone());
        for field in DATES {
            schema.add_i64_field(field.name(), number.clone());
        }
        let raw = TextFieldIndexing::default()
            .set_tokenizer("raw")
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::Basic);
        let raw = TextOptions::default()
            .set_indexing_options(raw)
            .set_fast("raw");
        for field in FOLDED {
            schema.add_text_field(field.name(), raw.clone());
        }
        let trigrams = TextFieldIndexing::default()
            .set_tokenizer("trigram")
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let trigrams = TextOptions::default().set_indexing_options(trigrams);
        let text = schema.add_text_field("text", trigrams);
        let json = schema.add_text_field("json", STORED);
        Columns {
            schema: schema.build(),
            tid,
            text,
            json,
        }
    }

    /// Returns the column of a field, where it has one.
    fn of(&self, field: Field) -> Option<Column> {
        self.schema.get_field(field.name()).ok()
    }
}

impl Tantivy {
    /// Makes an index of tickets in an empty folder.
    pub fn build(
        folder: &Path,
        tickets: impl Iterator<Item = Result<Ticket, ticketdex::Error>>,
    ) -> Result<Tantivy, Failure> {
        std::fs::create_dir_all(folder)?;
        let columns = Columns::new();
        let index = Index::create_in_dir(folder, columns.schema.clone())?;
        index.tokenizers().register("trigram", Trigrams);
        // One thread, so that every segment is a run of tids.
        let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
        for ticket in tickets {
            writer.add_document(document(&columns, &ticket?)?)?;
        }
        writer.commit()?;
        let segments = segments_by_tid(&index)?;
        if segments.len() > 1 {
            writer.merge(&segments).wait()?;
        }
        writer.wait_merging_threads()?;
        Tantivy::open(folder)
    }

    /// Opens the index that [`build`](Tantivy::build) made.
    pub fn open(folder: &Path) -> Result<Tantivy, Failure> {
        let index = Index::open_in_dir(folder)?;
        index.tokenizers().register("trigram", Trigrams);
        let searcher = index.reader()?.searcher();
        let columns = Columns::new();
        assert!(searcher.segment_readers().len() <= 1, "merged into one");
        Ok(Tantivy { searcher, columns })
    }

    /// Returns the query of a request's filters; none where the index cannot serve one.
    fn filter(&self, query: &Query) -> Option<Box<dyn TantivyQuery>> {
        self.filter_without(query, None)
    }

    /// Returns the query of a request's filters but those by the values of a field.
    fn filter_without(&self, query: &Query, own: Option<Field>) -> Option<Box<dyn TantivyQuery>> {
        if !is_served(query) {
            return None;
        }
        let mut all: Vec<Box<dyn TantivyQuery>> = Vec::new();
        match query.tid() {
            None | Some(TidFilter::Any) => {}
            Some(TidFilter::Exact(tid)) => {
                all.push(equal(Term::from_field_u64(self.columns.tid, *tid)));
            }
            Some(_) => return None,
        }
        for filter in query.filters() {
            let Some(field) = filter.field.field().filter(|field| own != Some(*field)) else {
                continue;
            };
            match &filter.test {
                FieldTest::AnyOf(FilterValues::Texts(texts)) => {
                    all.push(any_of(self.columns.of(field)?, texts));
                }
                FieldTest::NoneOf(FilterValues::Texts(texts)) => {
                    let texts = any_of(self.columns.of(field)?, texts);
                    let all_but = vec![
                        (Occur::Must, Box::new(AllQuery) as Box<dyn TantivyQuery>),
                        (Occur::MustNot, texts),
                    ];
                    all.push(Box::new(BooleanQuery::new(all_but)));
                }
                _ => {}
            }
        }
        all.extend(self.ranges(query));
        for term in query.terms() {
            all.push(self.keyword(&fold(term))?);
        }
        Some(match all.len() {
            0 => Box::new(AllQuery),
            1 => all.remove(0),
            _ => Box::new(BooleanQuery::intersection(all)),
        })
    }

    fn ranges(&self, query: &Query) -> Vec<Box<dyn TantivyQuery>> {
        let tid = |tid: u64| Term::from_field_u64(self.columns.tid, tid);
        let date = |field: Field, seconds: i64| {
            let column = self.columns.of(field).expect("dates have columns");
            Term::from_field_i64(column, seconds)
        };
        let cid = self.columns.of(Field::Cid).expect("cid has a column");
        let cid = |text: String| Term::from_field_text(cid, &text);
        let (start_tid, end_tid) = query.tid_range();
        let (start_date, end_date) = query.date_range();
        let opened = |bound| date(Field::DateOpened, seconds(bound));
        let due = query.due();
        let due_at = |bound| date(Field::DueDate, seconds(bound));
        let (start_cid, end_cid) = query.cid_range();
        let end_cid = end_cid.and_then(|end| crate::sql::after_prefix(&fold(end)));
        let bounds = [
            (start_tid.map(tid), end_tid.map(tid).map(Bound::Included)),
            (
                start_date.map(opened),
                end_date.map(opened).map(Bound::Included),
            ),
            (
                due.map(|due| due_at(due.first_second())),
                due.map(|due| Bound::Included(due_at(due.last_second()))),
            ),
            (
                start_cid.map(|start| cid(fold(start))),
                end_cid.map(cid).map(Bound::Excluded),
            ),
        ];
        let bounds = bounds.into_iter();
        let bounds = bounds.filter(|(start, end)| start.is_some() || end.is_some());
        let ranges = bounds.map(|(start, end)| -> Box<dyn TantivyQuery> {
            Box::new(RangeQuery::new(
                start.map_or(Bound::Unbounded, Bound::Included),
                end.unwrap_or(Bound::Unbounded),
            ))
        });
        ranges.collect()
    }

    fn keyword(&self, folded: &str) -> Option<Box<dyn TantivyQuery>> {
        let mut stream = Trigrams;
        let mut stream = stream.token_stream(folded);
        let mut terms = Vec::new();
        while stream.advance() {
            terms.push(Term::from_field_text(
                self.columns.text,
                &stream.token().text,
            ));
        }
        match terms.len() {
            0 => None,
            1 => Some(equal(terms.remove(0))),
            _ => Some(Box::new(PhraseQuery::new(terms))),
        }
    }

    /// Returns how to find the documents of the page; none where an order has no column.
    fn page(&self, query: &Query) -> Option<Find<'_>> {
        let filter = self.filter(query)?;
        let (skip, take) = query.window();
        let all = self.searcher.num_docs();
        let (skip, take) = (skip.min(all), take.min(all));
        let top = move || TopDocs::with_limit(take.max(1) as usize).and_offset(skip as usize);
        let mut keys = Vec::new();
        for key in query.order() {
            let SortKey::Field(field) = key.key else {
                return None;
            };
            self.columns.of(field)?;
            // None and empty are the least in both directions.
            let comparator = match key.direction {
                Direction::Ascending => ComparatorEnum::Reverse,
                Direction::Descending => ComparatorEnum::Natural,
            };
            keys.push((field, comparator));
        }
        let is_text = |field: Field| FOLDED.contains(&field);
        let is_date = |field: Field| DATES.contains(&field);
        let searcher = &self.searcher;
        macro_rules! find {
            ($key:expr) => {
                Box::new(move || {
                    let found = searcher.search(&filter, &top().order_by($key))?;
                    Ok(found.into_iter().map(|(_, address)| address).collect())
                })
            };
        }
        let text = |field: Field| SortByString::for_field(field.name());
        let date = |field: Field| SortByStaticFastValue::<i64>::for_field(field.name());
        let tid = || SortByStaticFastValue::<u64>::for_field(Field::Tid.name());
        Some(match keys[..] {
            [] => find!((tid(), ComparatorEnum::Reverse)),
            [(Field::Tid, up)] => find!((tid(), up)),
            [(one, up)] if is_text(one) => find!((text(one), up)),
            [(one, up)] if is_date(one) => find!((date(one), up)),
            [(one, up), (two, up_two)] if is_text(one) && is_date(two) => {
                find!(((text(one), up), (date(two), up_two)))
            }
            _ => return None,
        })
    }

    /// Counts by one key, folded: a text by its terms, the days of a date by a histogram.
    fn groups_of(
        &self,
        query: &CountQuery,
        key: &CountKey,
    ) -> Result<Option<Vec<(String, u64)>>, Failure> {
        let own = query.excludes_own().then(|| key.field().field()).flatten();
        let Some(filter) = self.filter_without(query.matching(), own) else {
            return Ok(None);
        };
        let aggregation = match key {
            CountKey::Field(field) if FOLDED.contains(field) => {
                let size = query.top().unwrap_or(GROUPS_MAX);
                json!({"terms": {"field": field.name(), "size": size}})
            }
            CountKey::Part(field, DatePart::Day) if DATES.contains(field) => {
                let interval = SECONDS_PER_DAY;
                json!({"histogram":
                    {"field": field.name(), "interval": interval, "min_doc_count": 1}})
            }
            _ => return Ok(None),
        };
        let aggregations = serde_json::from_value(json!({"by": aggregation}))?;
        let collector = AggregationCollector::from_aggs(aggregations, AggContextParams::default());
        let found = self.searcher.search(&filter, &collector)?;
        let found = serde_json::to_value(found)?;
        let buckets = found["by"]["buckets"].as_array().ok_or("no buckets")?;
        let groups = buckets.iter().map(|bucket| {
            let count = bucket["doc_count"].as_u64().unwrap_or_default();
            let value = match bucket["key"].as_f64() {
                Some(seconds) => chrono::DateTime::from_timestamp(seconds as i64, 0)
                    .map_or_else(String::new, |day| day.format("%Y-%m-%d").to_string()),
                None => bucket["key"].as_str().unwrap_or_default().to_owned(),
            };
            (value, count)
        });
        Ok(Some(groups.collect()))
    }

    fn read(&self, address: DocAddress) -> Result<u64, Failure> {
        let document: TantivyDocument = self.searcher.doc(address)?;
        let json = document.get_first(self.columns.json);
        Ok(json.and_then(|json| json.as_str()).map_or(0, str::len) as u64)
    }
}

/// Finds the documents of a page, in order.
type Find<'a> = Box<dyn Fn() -> Result<Vec<DocAddress>, Failure> + 'a>;

impl Peer for Tantivy {
    fn name(&self) -> &'static str {
        "Tantivy"
    }

    fn total(&self, query: &Query) -> Result<Option<u64>, Failure> {
        let Some(filter) = self.filter(query) else {
            return Ok(None);
        };
        Ok(Some(self.searcher.search(&filter, &Count)? as u64))
    }

    fn tids(&self, query: &Query) -> Result<Option<Vec<u64>>, Failure> {
        let Some(find) = self.page(query) else {
            return Ok(None);
        };
        let mut tids = Vec::new();
        for address in find()? {
            let reader = self.searcher.segment_reader(address.segment_ord);
            let column = reader.fast_fields().u64(Field::Tid.name())?;
            tids.extend(column.first(address.doc_id));
        }
        Ok(Some(tids))
    }

    // A query is made of a request's values, so there is nothing to make ready: that it
    // can be served at all is tried once before.
    fn prepare<'a>(&'a self, query: &Query) -> Result<Option<Prepared<'a>>, Failure> {
        let query = query.clone();
        if query.is_count_only() {
            let is_served = self.filter(&query).is_some();
            return Ok(is_served.then(|| -> Prepared<'a> {
                Box::new(move || {
                    let filter = self.filter(&query).ok_or("served before")?;
                    Ok(self.searcher.search(&filter, &Count)? as u64)
                })
            }));
        }
        let is_served = self.page(&query).is_some();
        Ok(is_served.then(|| -> Prepared<'a> {
            Box::new(move || {
                let find = self.page(&query).ok_or("served before")?;
                find()?.into_iter().map(|address| self.read(address)).sum()
            })
        }))
    }

    fn groups(&self, query: &CountQuery) -> Result<Option<Groups>, Failure> {
        let mut all = Vec::new();
        for key in query.keys() {
            let Some(groups) = self.groups_of(query, key)? else {
                return Ok(None);
            };
            all.push(groups);
        }
        Ok(Some(all))
    }

    fn export_json(&self) -> Result<Option<u64>, Failure> {
        let (mut bytes, mut buffer) = (0, Vec::new());
        for reader in self.searcher.segment_readers() {
            let store = reader.get_store_reader(16)?;
            for document in store.iter::<TantivyDocument>(reader.alive_bitset()) {
                let document = document?;
                buffer.clear();
                let json = document.get_first(self.columns.json);
                buffer.extend_from_slice(
                    json.and_then(|json| json.as_str()).unwrap_or("").as_bytes(),
                );
                buffer.push(b'\n');
                bytes += buffer.len() as u64;
            }
        }
        Ok(Some(bytes))
    }
}

/// Returns whether the index knows every kind of filter of a request.
fn is_served(query: &Query) -> bool {
    let mut filters = query.filters().iter();
    query.excluded_terms().is_empty()
        && query.changed_since().is_none()
        && filters.all(|filter| match (&filter.field, &filter.test) {
            (
                AnyField::Field(field),
                FieldTest::AnyOf(FilterValues::Texts(_))
                | FieldTest::NoneOf(FilterValues::Texts(_)),
            ) => FOLDED.contains(field),
            (
                AnyField::Field(Field::Tid | Field::Cid | Field::DateOpened),
                FieldTest::AtLeast(_) | FieldTest::AtMost(_),
            )
            | (AnyField::Field(Field::DueDate), FieldTest::AnyOf(_)) => true,
            _ => false,
        })
}

fn any_of(column: Column, texts: &[String]) -> Box<dyn TantivyQuery> {
    let terms = texts.iter();
    let mut terms: Vec<Box<dyn TantivyQuery>> = terms
        .map(|text| equal(Term::from_field_text(column, &fold(text))))
        .collect();
    match terms.len() {
        1 => terms.remove(0),
        _ => Box::new(BooleanQuery::union(terms)),
    }
}

fn equal(term: Term) -> Box<dyn TantivyQuery> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

fn document(columns: &Columns, ticket: &Ticket) -> Result<TantivyDocument, Failure> {
    let mut document = doc!(
        columns.tid => ticket.tid,
        columns.text => searchable(ticket, ticketdex::fold),
        columns.json => serde_json::to_string(ticket)?,
    );
    for field in DATES.into_iter().chain(FOLDED) {
        let column = columns.of(field).expect("these have columns");
        match ticket.cell(field) {
            Cell::Date(Some(date)) => document.add_i64(column, seconds(date)),
            Cell::Text(text) => document.add_text(column, fold(text)),
            _ => {}
        }
    }
    Ok(document)
}

/// Returns the segments by their least tid.
fn segments_by_tid(index: &Index) -> Result<Vec<SegmentId>, Failure> {
    let searcher = index.reader()?.searcher();
    let mut segments = Vec::new();
    for reader in searcher.segment_readers() {
        let tids = reader.fast_fields().u64(Field::Tid.name())?;
        segments.push((tids.min_value(), reader.segment_id()));
    }
    segments.sort();
    Ok(segments.into_iter().map(|(_, segment)| segment).collect())
}

/// Cuts text into every three characters in a row, each at its own position.
#[derive(Clone, Debug, Default)]
struct Trigrams;

/// The trigrams of one text.
struct TrigramStream<'a> {
    text: &'a str,
    /// Where each character starts, and the end.
    starts: Vec<usize>,
    next: usize,
    token: Token,
}

impl Tokenizer for Trigrams {
    type TokenStream<'a> = TrigramStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TrigramStream<'a> {
        let starts = text.char_indices().map(|(start, _)| start);
        TrigramStream {
            text,
            starts: starts.chain([text.len()]).collect(),
            next: 0,
            token: Token::default(),
        }
    }
}

impl TokenStream for TrigramStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(&end) = self.starts.get(self.next + TRIGRAM_CHARS) else {
            return false;
        };
        let start = self.starts[self.next];
        self.token.position = self.next;
        self.token.offset_from = start;
        self.token.offset_to = end;
        self.token.text.clear();
        self.token.text.push_str(&self.text[start..end]);
        self.next += 1;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
