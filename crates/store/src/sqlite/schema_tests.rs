//! Every statement fits the schema, and none reads through a table that only grows.

use super::*;
use std::path::Path;

fn migrated() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, relink_core::time::from_millis(0)).unwrap();
    connection
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // Not bound: every parameter is NULL, which the plan does not depend on.
    let mut rows = statement.raw_query();
    let mut plan = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        plan.push(row.get(3).unwrap());
    }
    plan
}

#[test]
fn no_statement_scans_a_table() {
    let connection = migrated();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/sqlite");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sql = std::fs::read_to_string(&path).unwrap();
        files += 1;
        let name = path.file_stem().unwrap().to_str().unwrap();
        // An audit looks at everything there is, once; so does an operator who counts by key.
        if name.starts_with("audit_") || name == "sealed_tokens" {
            continue;
        }
        for step in plan(&connection, &sql) {
            // The last two are what the caller asks for, handed in as a list.
            let small = [
                "schema_migrations",
                "sqlite_schema",
                "repaired",
                "CONSTANT ROW",
                "json_each",
                "asked",
            ];
            let scans = step.starts_with("SCAN")
                && !step.contains("USING")
                && !small.iter().any(|table| step.contains(table));
            assert!(!scans, "{}: {step}", path.display());
            let sorts_a_listing = step.contains("TEMP B-TREE") && {
                let name = path.file_stem().unwrap().to_str().unwrap();
                // These order the few rows of one case or account.
                !name.contains("_of_") && !["contacts", "history_attempts"].contains(&name)
            };
            assert!(!sorts_a_listing, "{}: {step}", path.display());
        }
    }
    assert!(files > 40, "{files}");
}

#[test]
fn a_list_of_what_is_wrong_stays_cheap() {
    let connection = migrated();
    let plan_of = |sql| plan(&connection, sql).join("\n");
    let due = plan_of(include_str!("../../queries/sqlite/claim_due.sql"));
    assert!(due.contains("notifications_to_wake"), "{due}");
    let stats = plan_of(include_str!("../../queries/sqlite/stats.sql"));
    for index in ["cases_repaired", "attempts_by_case", "notifications_dead"] {
        assert!(stats.contains(index), "{index}: {stats}");
    }
    let wrong = plan_of(include_str!("../../queries/sqlite/attempts_not_accepted.sql"));
    assert!(wrong.contains("attempts_not_accepted"), "{wrong}");
}
