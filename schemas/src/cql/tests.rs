use super::*;

#[test]
fn numbers_ascend_from_one() {
    for (at, migration) in MIGRATIONS.iter().enumerate() {
        assert_eq!(migration.number as usize, at + 1, "{}", migration.name);
    }
}

#[test]
fn programs_that_may_go_on_know_an_earlier_version_and_never_become_more() {
    let mut before = 1;
    for Migration { number, name, needs, .. } in MIGRATIONS {
        assert!((before..=*number).contains(needs), "{name} needs {needs}");
        before = *needs;
    }
}

#[test]
fn files_and_table_agree() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cql");
    let mut files: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let named: Vec<String> = MIGRATIONS.iter().map(|m| format!("{:04}_{}.cql", m.number, m.name)).collect();
    assert_eq!(files, named);
}

#[test]
fn every_statement_can_be_repeated() {
    let statements: Vec<String> = MIGRATIONS.iter().flat_map(Migration::statements).collect();
    assert!(statements.len() >= 13, "{statements:?}");
    for statement in &statements {
        assert!(statement.contains(" IF NOT EXISTS "), "{statement}");
    }
}

#[test]
fn comments_are_left_out() {
    let text = "-- one; two\nCREATE x ( -- three\n  a int -- four;\n);\n\n;CREATE y\n";
    let migration = Migration { number: 1, name: "x", needs: 1, text };
    assert_eq!(migration.statements(), ["CREATE x (\n  a int\n)", "CREATE y"]);
}
