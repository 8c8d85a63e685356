//! Spec section 5, sentence by sentence: what each form of input means. What is refused is
//! in `bad_input.rs`, and what the engine itself writes in `roundtrip.rs`.

use ticketdex::ImportFormat::{Delimited, Json, JsonLines, Xml};
use ticketdex::{Cell, Field, Import, ImportFormat, Options, Store, Ticket};

fn read(format: ImportFormat, input: &str) -> Vec<Ticket> {
    Import::new(format, input.as_bytes())
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{input}: {error}"))
}

/// Reads one record of ticket 1, of which the input gives what is between tid and end.
fn read_one(format: ImportFormat, rest: &str) -> Ticket {
    let input = match format {
        JsonLines => format!("{{\"tid\":1,{rest}}}"),
        Json => format!("{{\"tickets\":[{{\"tid\":\"1\",{rest}}}]}}"),
        Delimited => format!("tid=1&{rest}"),
        _ => format!("<tickets><ticket><tid>1</tid>{rest}</ticket></tickets>"),
    };
    let mut tickets = read(format, &input);
    assert_eq!(tickets.len(), 1, "{input}");
    tickets.remove(0)
}

/// Shows a text as a literal, custom fields as pairs, and none as such.
fn show(cell: Cell<'_>) -> String {
    let none = || "none".to_owned();
    match cell {
        Cell::Text(text) => format!("{text:?}"),
        Cell::Integer(integer) => integer.to_string(),
        Cell::OptionalInteger(integer) => integer.map_or_else(none, |integer| integer.to_string()),
        Cell::Date(date) => date.map_or_else(none, |date| format!("{date:?}")),
        Cell::CustomFields(pairs) => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(name, text)| format!("{name}={text}"))
                .collect();
            pairs.join("|")
        }
        other => panic!("{other:?}"),
    }
}

type Row = (ImportFormat, &'static str, Field, &'static str);

/// Form, record, field, and its value as [`show`] shows it.
#[rustfmt::skip] // One case a line.
const CELLS: &[Row] = &[
    // Integers: numbers, or strings of digits; null and "" are 0 or none.
    (JsonLines, r#""company_id":12"#, Field::CompanyId, "12"),
    (JsonLines, r#""company_id":"0012""#, Field::CompanyId, "12"),
    (JsonLines, r#""company_id":null"#, Field::CompanyId, "0"),
    (JsonLines, r#""company_id":"""#, Field::CompanyId, "0"),
    (JsonLines, r#""company_id":18446744073709551615"#, Field::CompanyId, "18446744073709551615"),
    (JsonLines, r#""company_id":"18446744073709551615""#, Field::CompanyId, "18446744073709551615"),
    (JsonLines, r#""merged_to":null"#, Field::MergedTo, "none"),
    (JsonLines, r#""merged_to":"""#, Field::MergedTo, "none"),
    (JsonLines, r#""merged_to":0"#, Field::MergedTo, "0"),
    (JsonLines, r#""merged_to":"7""#, Field::MergedTo, "7"),
    (Json, r#""company_id":"12""#, Field::CompanyId, "12"),
    (Json, r#""company_id":12"#, Field::CompanyId, "12"),
    (Json, r#""company_id":null"#, Field::CompanyId, "0"),
    (Json, r#""merged_to":"""#, Field::MergedTo, "none"),
    (Delimited, "company_id=012", Field::CompanyId, "12"),
    (Delimited, "company_id=", Field::CompanyId, "0"),
    (Delimited, "company_id=%31%32", Field::CompanyId, "12"),
    (Delimited, "merged_to=", Field::MergedTo, "none"),
    (Xml, "<company_id>012</company_id>", Field::CompanyId, "12"),
    (Xml, "<company_id>&#49;2</company_id>", Field::CompanyId, "12"),
    (Xml, "<company_id/>", Field::CompanyId, "0"),
    (Xml, "<merged_to></merged_to>", Field::MergedTo, "none"),
    // Dates: any form of section 3; a date alone is its midnight.
    (JsonLines, r#""due_date":"2014-02-01""#, Field::DueDate, "2014-02-01T00:00:00"),
    (JsonLines, r#""due_date":"2/1/2014""#, Field::DueDate, "2014-02-01T00:00:00"),
    (JsonLines, r#""due_date":"2/1/2014 1:02 PM""#, Field::DueDate, "2014-02-01T13:02:00"),
    (JsonLines, r#""due_date":"2014-02-01 13:02:03""#, Field::DueDate, "2014-02-01T13:02:03"),
    (JsonLines, r#""due_date":null"#, Field::DueDate, "none"),
    (JsonLines, r#""due_date":"""#, Field::DueDate, "none"),
    (Json, r#""due_date":"2/1/2014 12:00:00 AM""#, Field::DueDate, "2014-02-01T00:00:00"),
    (Json, r#""due_date":"2014-02-01T01:02""#, Field::DueDate, "2014-02-01T01:02:00"),
    (Json, r#""due_date":"""#, Field::DueDate, "none"),
    (Delimited, "due_date=4/24/2012 10:42:43 AM", Field::DueDate, "2012-04-24T10:42:43"),
    (Delimited, "due_date=4/24/2012%2010:42:43%20AM", Field::DueDate, "2012-04-24T10:42:43"),
    (Delimited, "due_date=", Field::DueDate, "none"),
    (Xml, "<due_date>4/24/2012 10:42:43 AM</due_date>", Field::DueDate, "2012-04-24T10:42:43"),
    (Xml, "<due_date></due_date>", Field::DueDate, "none"),
    // Texts: plain in JSON Lines, URL-encoded in responses. A `%` that starts no escape is one.
    (JsonLines, r#""subject":"a+%41""#, Field::Subject, r#""a+%41""#),
    (JsonLines, r#""subject":null"#, Field::Subject, r#""""#),
    (JsonLines, r#""subject":" \u00e9\ud83d\ude00\u0000\n ""#, Field::Subject, r#"" é😀\0\n ""#),
    (Json, r#""subject":"a+%41%2b%c3%A9""#, Field::Subject, r#""a A+é""#),
    (Json, r#""subject":"100%""#, Field::Subject, r#""100%""#),
    (Json, r#""subject":"%4""#, Field::Subject, r#""%4""#),
    (Json, r#""subject":"%zz%%41""#, Field::Subject, r#""%zz%A""#),
    (Json, r#""subject":"\u0025\u0034\u0031""#, Field::Subject, r#""A""#),
    (Json, r#""subject":"é&=""#, Field::Subject, r#""é&=""#),
    (Json, r#""subject":null"#, Field::Subject, r#""""#),
    (Json, r#""subject":"%00""#, Field::Subject, r#""\0""#),
    (Delimited, "subject=a+%41%2B", Field::Subject, r#""a A+""#),
    (Delimited, "subject=a=b=", Field::Subject, r#""a=b=""#),
    (Delimited, "subject=a b\u{e9}", Field::Subject, r#""a bé""#),
    (Delimited, "subject", Field::Subject, r#""""#),
    (Xml, "<subject>a+%41&amp;%26</subject>", Field::Subject, r#""a A&&""#),
    (Xml, "<subject>&#37;41</subject>", Field::Subject, r#""A""#),
    // Identifiers: raw in XML and JSON; only their escapes decoded in delimited records.
    (JsonLines, r#""opened_by":"a+%41""#, Field::OpenedBy, r#""a+%41""#),
    (Json, r#""opened_by":"a+%41""#, Field::OpenedBy, r#""a+%41""#),
    (Xml, "<opened_by>a+%41&lt;</opened_by>", Field::OpenedBy, r#""a+%41<""#),
    (Delimited, "opened_by=a+%41%2B%3d%", Field::OpenedBy, r#""a+A+=%""#),
    (Delimited, "linked_asset=1,2,,3", Field::LinkedAsset, r#""1,2,,3""#),
    (JsonLines, r#""locked":"y""#, Field::Locked, r#""Y""#),
    (Json, r#""merged":"n""#, Field::Merged, r#""N""#),
    (Delimited, "locked=y", Field::Locked, r#""Y""#),
    (Xml, "<merged>n</merged>", Field::Merged, r#""N""#),
    (Xml, "<merged/>", Field::Merged, r#""""#),
    // Names in any case; a missing variable is empty.
    (JsonLines, r#""SubJect":"x""#, Field::Subject, r#""x""#),
    (Json, r#""SUBJECT":"x""#, Field::Subject, r#""x""#),
    (Delimited, "SUBJECT=x", Field::Subject, r#""x""#),
    (Xml, "<SUBJECT>x</SUBJECT>", Field::Subject, r#""x""#),
    (JsonLines, r#""cid":"x""#, Field::Subject, r#""""#),
    (Delimited, "&&cid=x&&", Field::Subject, r#""""#),
    (Xml, "<cid>x</cid>", Field::MergedTo, "none"),
    // The first counts, also when it is empty or null; later ones are not looked at.
    (JsonLines, r#""cid":"","cid":"x""#, Field::Cid, r#""""#),
    (JsonLines, r#""cid":null,"CID":"x""#, Field::Cid, r#""""#),
    (JsonLines, r#""cid":"a","cid":{"b":[7]}"#, Field::Cid, r#""a""#),
    (JsonLines, r#""due_date":null,"due_date":"never""#, Field::DueDate, "none"),
    (JsonLines, r#""tid":"x""#, Field::Tid, "1"),
    (Json, r#""cid":"a","cid":"%FF""#, Field::Cid, r#""a""#),
    (Json, r#""tid":[[]]"#, Field::Tid, "1"),
    (Delimited, "cid=&cid=x", Field::Cid, r#""""#),
    (Delimited, "cid=a&CID=%FF", Field::Cid, r#""a""#),
    (Delimited, "tid=x", Field::Tid, "1"),
    (Xml, "<cid/><cid>x</cid>", Field::Cid, r#""""#),
    (Xml, "<cid>a</cid><CID>%FF</CID>", Field::Cid, r#""a""#),
    (Xml, "<cid>a</cid><cid b='c'><d/></cid>", Field::Cid, r#""a""#),
    // XML: comments and white space between elements are skipped, inside a leaf it is text.
    (Xml, "\n <!-- a < & b --> \t<subject> a \n b </subject>\r", Field::Subject, r#"" a \n b ""#),
    (Xml, "<subject> </subject>", Field::Subject, r#"" ""#),
    (Xml, "<subject>a<!-- b -->c</subject>", Field::Subject, r#""ac""#),
    (Xml, "<subject><![CDATA[<&]]>%41</subject>", Field::Subject, r#""<&A""#),
    (Xml, "<subject>&lt;&gt;&amp;&apos;&quot;</subject>", Field::Subject, r#""<>&'\"""#),
    (Xml, "<subject>&#65;&#x42;&#x1F600;&#10;</subject>", Field::Subject, r#""AB😀\n""#),
    (Xml, "<subject >x</subject\n>", Field::Subject, r#""x""#),
    // Custom fields: an object or an array of objects; the first spelling and value count.
    (JsonLines, r#""custom_fields":{"A":"1","b":null,"C":""}"#, Field::CustomFields, "A=1|b=|C="),
    (JsonLines, r#""custom_fields":[{"A":"+"},{"B":"2","a":"3"}]"#, Field::CustomFields, "A=+|B=2"),
    (JsonLines, r#""custom_fields":{"A":null,"A":"x","a":7}"#, Field::CustomFields, "A="),
    (JsonLines, r#""custom_fields":[]"#, Field::CustomFields, ""),
    (JsonLines, r#""custom_fields":{}"#, Field::CustomFields, ""),
    (JsonLines, r#""custom_fields":null,"custom_fields":{"A":"x"}"#, Field::CustomFields, ""),
    (JsonLines, r#""custom_fields":"""#, Field::CustomFields, ""),
    (Json, r#""custom_fields":[{"A":"+%41","B":null}]"#, Field::CustomFields, "A= A|B="),
    (Json, r#""custom_fields":{"A":"x"}"#, Field::CustomFields, "A=x"),
    (Json, r#""custom_fields":[]"#, Field::CustomFields, ""),
    (Delimited, "A=1&B=+%41&custom_fields=A,B", Field::CustomFields, "A=1|B= A"),
    (Delimited, "custom_fields=A,B,C&C=3&a=1", Field::CustomFields, "A=1|B=|C=3"),
    (Delimited, "custom_fields=A,a,B&A=1&a=2&B", Field::CustomFields, "A=1|B="),
    (Delimited, "custom_fields=A&A=&A=%FF", Field::CustomFields, "A="),
    (Delimited, "custom_fields=A%2CB", Field::CustomFields, "A=|B="),
    (Delimited, "custom_fields=", Field::CustomFields, ""),
    (Delimited, "custom_fields=&custom_fields=A", Field::CustomFields, ""),
    (Xml, "<custom_fields><A>1</A> <b>+%41</b></custom_fields>", Field::CustomFields, "A=1|b= A"),
    (Xml, "<custom_fields><A/><a>x</a></custom_fields>", Field::CustomFields, "A="),
    (Xml, "<custom_fields> \n </custom_fields>", Field::CustomFields, ""),
    (Xml, "<custom_fields/><custom_fields><A>1</A></custom_fields>", Field::CustomFields, ""),
    (Xml, "<Custom_Fields><!-- --><A> x </A></Custom_Fields>", Field::CustomFields, "A= x "),
];

#[test]
fn every_form_of_a_value_is_read() {
    for &(format, record, field, expected) in CELLS {
        let ticket = read_one(format, record);
        assert_eq!(show(ticket.cell(field)), expected, "{record}");
    }
}

#[test]
fn blank_lines_and_white_space_between_records_are_skipped() {
    let tids = |format, input: &str| -> Vec<u64> {
        read(format, input)
            .iter()
            .map(|ticket| ticket.tid)
            .collect()
    };
    assert_eq!(
        tids(
            JsonLines,
            "\n\r\n \t\n{\"tid\":1}\r\n\n  {\"tid\":2}  \n \n"
        ),
        [1, 2]
    );
    assert_eq!(tids(JsonLines, ""), [0; 0]);
    assert_eq!(tids(JsonLines, "\u{FEFF}"), [0; 0]);
    assert_eq!(tids(JsonLines, "\u{FEFF}\n{\"tid\":1}"), [1]);
    assert_eq!(tids(Delimited, "\n\r\ntid=1\r\n\ntid=2"), [1, 2]);
    assert_eq!(tids(Delimited, ""), [0; 0]);
    let json = " {\n\t\"TICKETS\" : [ {\"tid\":1} ,\r\n{\"tid\":\"2\"}\n ] } \n";
    assert_eq!(tids(Json, json), [1, 2]);
    assert_eq!(tids(Json, "{\"tickets\":[]}"), [0; 0]);
    assert_eq!(tids(Json, "{\"\\u0074ickets\":[]}"), [0; 0]);
    let xml = "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\r\n<!-- a -->\n<Tickets>\
        <!-- b --> <TICKET><tid>1</tid></TICKET>\n<ticket><tid>2</tid></ticket></Tickets>\
        <!-- c -->\n";
    assert_eq!(tids(Xml, xml), [1, 2]);
    assert_eq!(tids(Xml, "<tickets/>"), [0; 0]);
    assert_eq!(
        tids(Xml, "<?xml version=\"1.0\"?>\n<tickets>\n</tickets>\n"),
        [0; 0]
    );
}

/// Three records of each form, the second at fault for its date.
const FAULTY: [(ImportFormat, &str); 4] = [
    (
        JsonLines,
        "\n{\"tid\":1}\n\n{\"tid\":2,\"due_date\":\"x\"}\n{\"tid\":3}\n",
    ),
    (
        Json,
        "{\"tickets\":[\n{\"tid\":1},\n{\"tid\":2,\"due_date\":\"x\"},{\"tid\":3}]}",
    ),
    (Delimited, "\ntid=1\n\ntid=2&due_date=x\ntid=3\n"),
    (
        Xml,
        "<tickets><ticket><tid>1</tid></ticket>\n<ticket><tid>2</tid>\
        <due_date>x</due_date></ticket>\n\
        <ticket><tid>3</tid></ticket></tickets>",
    ),
];

#[test]
fn bad_records_stop_the_load_or_are_skipped_and_counted() {
    for (format, input) in FAULTY {
        let import = || Import::new(format, input.as_bytes());
        let mut store = Store::new(Options::default());
        let error = store.load(import()).unwrap_err();
        let position = error.position().unwrap();
        let (line, column) = match format {
            JsonLines => (4, 23),
            Json => (3, 23),
            Delimited => (4, 7),
            _ => (2, 21),
        };
        assert_eq!(
            (position.line, position.column),
            (Some(line), Some(column)),
            "{format:?}"
        );
        assert_eq!((position.record, error.tid()), (2, Some(2)), "{format:?}");
        let expected = "a date like 2014-04-24T10:42:43 or 4/24/2014 10:42:43 AM";
        let message = format!(
            "line {line}, column {column}, record 2, ticket 2: due_date is \"x\" but must be \
             {expected}"
        );
        assert_eq!(error.to_string(), message);
        // With nothing of it applied.
        assert_eq!(
            (store.snapshot().version(), store.snapshot().tickets_count()),
            (0, 0)
        );
        let loaded = store.load(import().skip_bad(true)).unwrap();
        let imported = loaded.imported;
        assert_eq!((imported.tickets, imported.skipped), (2, 1), "{format:?}");
        assert_eq!(imported.bytes, input.len() as u64, "{format:?}");
        assert!(store.snapshot().get(3).is_some() && store.snapshot().get(2).is_none());
    }
}
