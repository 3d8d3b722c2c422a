//! The file is read as others read it: by name of column, without our reader and our index.

use std::fs::File;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};

use super::*;

fn field<'a>(row: &'a Row, name: &str) -> &'a Field {
    row.get_column_iter()
        .find(|(column, _)| *column == name)
        .map(|(_, field)| field)
        .unwrap()
}

fn text(field: &Field) -> String {
    match field {
        Field::Str(text) => text.clone(),
        other => panic!("{other} is not a text"),
    }
}

#[test]
fn the_columns_say_what_the_events_say() {
    let it = fixture(500, 5);
    let reader = SerializedFileReader::new(File::open(&it.path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let mut count = 0;
    for (row, logged) in rows.zip(&it.events) {
        let row = row.unwrap();
        let event = &logged.event;
        let long = |number: u64| Field::Long(i64::try_from(number).unwrap());
        assert_eq!(field(&row, "position"), &long(logged.position));
        assert_eq!(
            text(field(&row, "account")),
            event.identity.account.as_str()
        );
        let resource = [text(field(&row, "service")), text(field(&row, "resource"))];
        assert_eq!(resource.join("."), event.resource.to_string());
        assert_eq!(field(&row, "is_sample"), &Field::Bool(event.is_sample));
        let Field::Decimal(quantity) = field(&row, "quantity") else {
            panic!("quantities are decimals");
        };
        let bytes = quantity.data().try_into().unwrap();
        assert_eq!(i128::from_be_bytes(bytes), event.quantity.get());
        assert_eq!((quantity.precision(), quantity.scale()), (38, 0));
        let millis = event.time.secs() * 1_000;
        assert_eq!(field(&row, "time"), &Field::TimestampMillis(millis));
        assert_eq!(text(field(&row, "source")), event.identity.source);
        assert_eq!(text(field(&row, "id")), event.identity.id);
        match &event.provider {
            None => assert_eq!(field(&row, "provider"), &Field::Null),
            Some(name) => assert_eq!(text(field(&row, "provider")), name.as_str()),
        }
        let Field::MapInternal(map) = field(&row, "dimensions") else {
            panic!("dimensions are a map");
        };
        let pairs: std::collections::BTreeMap<_, _> = map
            .entries()
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        assert_eq!(pairs, event.dimensions);
        assert_eq!(field(&row, "correction"), &Field::Bool(event.correction));
        count += 1;
    }
    assert_eq!(count, it.events.len());
}

#[test]
fn the_digest_is_that_of_the_file() {
    let it = fixture(500, 5);
    let bytes = std::fs::read(&it.path).unwrap();
    assert_eq!(it.written.parquet_digest, *blake3::hash(&bytes).as_bytes());
    let bytes = std::fs::read(index_path(&it.path)).unwrap();
    assert_eq!(it.written.index_digest, *blake3::hash(&bytes).as_bytes());
}
