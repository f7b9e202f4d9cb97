use super::*;

#[test]
fn a_program_may_use_newer_tables_if_every_migration_since_allows_it() {
    let needs = BTreeMap::from([(1, 1), (2, 2), (3, 2), (4, 2)]);
    assert_eq!(needed(&needs, 4, 2), 2, "3 and 4 only add");
    assert_eq!(needed(&needs, 4, 1), 2, "2 does more");
    assert_eq!(needed(&needs, 4, 4), 4);
    let unsaid = BTreeMap::from([(4, 2)]);
    assert_eq!(needed(&unsaid, 4, 2), 3, "what says nothing needs itself");
    assert_eq!(needed(&unsaid, 5, 2), 5);
}
