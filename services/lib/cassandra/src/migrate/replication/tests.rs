use super::*;

fn replication(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn copies_are_those_of_the_data_centre() {
    let simple = replication(&[("class", "org.apache.cassandra.locator.SimpleStrategy"), ("replication_factor", "3")]);
    assert_eq!(copies(&simple, ""), 3);
    assert_eq!(copies(&simple, "east"), 3);
    let networks = replication(&[
        ("class", "org.apache.cassandra.locator.NetworkTopologyStrategy"),
        ("east", "3"),
        ("west", "2/1"),
    ]);
    assert_eq!(copies(&networks, "east"), 3);
    assert_eq!(copies(&networks, "west"), 2);
    assert_eq!(copies(&networks, ""), 2, "where there are fewest");
    assert_eq!(copies(&networks, "north"), 0);
    assert_eq!(copies(&replication(&[("class", "x")]), ""), 0);
}

#[test]
fn the_keyspace_is_made_in_its_data_centre() {
    let config = Config { replication_factor: 2, ..Config::default() };
    assert!(
        create_keyspace(&config)
            .ends_with("tidegate WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}")
    );
    let config = Config { datacenter: "east".to_owned(), ..config };
    assert!(create_keyspace(&config).ends_with("{'class': 'NetworkTopologyStrategy', 'east': 2}"));
}
