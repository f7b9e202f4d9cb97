use super::*;

/// Readers name columns, so a name or type that changes breaks them.
#[test]
fn names_and_types_are_the_published_ones() {
    let schema = archive_schema();
    let columns: Vec<_> = schema.fields().iter().map(|f| (f.name().as_str(), plain(f.data_type()))).collect();
    let expected = [
        ("name", "text"),
        ("labels", "map"),
        ("metric_id", "text"),
        ("kind", "text"),
        ("window_start", "timestamp"),
        ("count", "int64"),
        ("samples", "int64"),
        ("sum", "double"),
        ("sum_digits", "int64"),
        ("sum_scale", "int32"),
        ("min", "double"),
        ("max", "double"),
        ("first", "double"),
        ("last", "double"),
        ("min_digits", "int64"),
        ("max_digits", "int64"),
        ("first_digits", "int64"),
        ("last_digits", "int64"),
        ("increase_digits", "int64"),
        ("first_offset_ms", "int32"),
        ("last_offset_ms", "int32"),
        ("increase", "double"),
        ("resets", "int64"),
        ("changes", "int64"),
        ("stale_count", "int64"),
        ("stale_offset_ms", "int32"),
        ("p50", "double"),
        ("p90", "double"),
        ("p95", "double"),
        ("p99", "double"),
        ("p999", "double"),
        ("sketch", "binary"),
        ("histogram", "binary"),
    ];
    assert_eq!(columns, expected);
}

#[test]
fn what_names_a_row_is_never_null() {
    let schema = archive_schema();
    let required: Vec<_> = schema.fields().iter().filter(|f| !f.is_nullable()).map(|f| f.name().as_str()).collect();
    assert_eq!(required, ["name", "labels", "metric_id", "kind", "window_start", "count", "samples"]);
}

#[test]
fn the_map_is_laid_out_as_parquet_names_it() {
    let schema = archive_schema();
    let DataType::Map(entries, sorted) = schema.field_with_name(column::LABELS).unwrap().data_type() else {
        panic!("labels are no map");
    };
    assert_eq!((entries.name().as_str(), *sorted), ("key_value", false));
    assert_eq!(entries.data_type(), &DataType::Struct(label_fields()));
}

fn plain(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Dictionary(_, value) if **value == DataType::Utf8 => "text",
        DataType::Map(..) => "map",
        DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) if &**zone == "UTC" => "timestamp",
        DataType::Int64 => "int64",
        DataType::Int32 => "int32",
        DataType::Float64 => "double",
        DataType::Binary => "binary",
        _ => "another type",
    }
}

#[test]
fn the_macro_names_only_columns_that_there_are() {
    let schema = archive_schema();
    for word in DUCKDB_MACRO.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let is_column = word.contains('_') && !["read_parquet", "hive_partitioning"].contains(&word);
        assert!(!is_column || schema.field_with_name(word).is_ok(), "{word} is no column");
    }
}
