use super::*;

#[test]
fn a_table_is_named_with_its_keyspace() {
    for (text, full) in [
        ("INSERT INTO series (shard) VALUES (?) USING TTL ?", "INSERT INTO ks.series (shard) VALUES (?) USING TTL ?"),
        ("SELECT day FROM series_days WHERE bucket = 0", "SELECT day FROM ks.series_days WHERE bucket = 0"),
        ("DELETE FROM sessions USING TIMESTAMP ?", "DELETE FROM ks.sessions USING TIMESTAMP ?"),
    ] {
        assert_eq!(with_keyspace(text, "ks"), full);
    }
}
