//! What happens where the extension is, on a database that only says it has it: what it would be asked, in which
//! order, and that nothing is asked twice.

use greenline_testdb::Database;

use super::{Kept, TABLES};
use crate::postgres::connect::Pool;
use crate::postgres::migrate;

/// The extension's name in the catalogue, its table of what is placed where, and functions that refuse what it
/// refuses and write down what they are asked.
const PRETENCE: &str = "
  SET allow_system_table_mods = on;
  INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    SELECT 99999, 'citus', r.oid, n.oid, false, '0' FROM pg_roles r, pg_namespace n
    WHERE r.rolname = current_user AND n.nspname = 'pg_catalog';
  CREATE TABLE pg_catalog.pg_dist_partition
    (logicalrelid REGCLASS PRIMARY KEY, partmethod \"char\", partkey TEXT, colocated TEXT, rank SERIAL);
  GRANT ALL ON pg_catalog.pg_dist_partition TO PUBLIC;
  GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_catalog TO PUBLIC;
  CREATE FUNCTION pg_catalog.create_distributed_table(spread REGCLASS, distribution TEXT, kind TEXT DEFAULT 'hash',
      colocate_with TEXT DEFAULT 'default', shard_count INT DEFAULT NULL) RETURNS VOID LANGUAGE plpgsql AS $$
    BEGIN
      EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', spread);
      IF EXISTS (SELECT 1 FROM pg_catalog.pg_dist_partition WHERE logicalrelid = spread) THEN
        RAISE invalid_table_definition USING MESSAGE = format('table %s is already distributed', spread);
      END IF;
      IF colocate_with <> 'none' AND NOT EXISTS
          (SELECT 1 FROM pg_catalog.pg_dist_partition WHERE logicalrelid = colocate_with::regclass) THEN
        RAISE invalid_table_definition USING MESSAGE = format('relation %s is not distributed', colocate_with);
      END IF;
      INSERT INTO pg_catalog.pg_dist_partition VALUES (spread, 'h', distribution, colocate_with);
    END $$;
  CREATE FUNCTION pg_catalog.create_reference_table(copied REGCLASS) RETURNS VOID LANGUAGE plpgsql AS $$
    BEGIN
      EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', copied);
      IF EXISTS (SELECT 1 FROM pg_catalog.pg_dist_partition WHERE logicalrelid = copied) THEN
        RAISE invalid_table_definition USING MESSAGE = format('table %s is already distributed', copied);
      END IF;
      INSERT INTO pg_catalog.pg_dist_partition VALUES (copied, 'n', NULL, NULL);
    END $$;";

/// What was asked, in its order.
const ASKED: &str = "SELECT logicalrelid, partmethod, partkey, colocated FROM pg_catalog.pg_dist_partition ORDER BY rank";

fn pool(database: &Database) -> Pool {
    Pool::new(&database.url(), tokio::runtime::Handle::current()).unwrap()
}

/// What is to be asked: each table once, the one the others go with first.
fn expected() -> String {
    let asked: Vec<String> = TABLES
        .iter()
        .map(|(table, kept)| match kept {
            Kept::Spread if *table == "people" => format!("{table}|h|person_shard|none"),
            Kept::Spread => format!("{table}|h|person_shard|people"),
            Kept::Copied => format!("{table}|n||"),
        })
        .collect();
    asked.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_distributed_where_the_extension_is() {
    let database = Database::fresh();
    database.sql(PRETENCE);
    let pool = pool(&database);
    migrate::migrate(&pool).await.unwrap();
    assert_eq!(database.sql(ASKED), expected());
    // Once is enough.
    migrate::migrate(&pool).await.unwrap();
    assert_eq!(database.sql(ASKED), expected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_that_gets_the_extension_later_is_distributed() {
    let database = Database::fresh();
    let pool = pool(&database);
    migrate::migrate(&pool).await.unwrap();
    database.sql(PRETENCE);
    migrate::migrate(&pool).await.unwrap();
    assert_eq!(database.sql(ASKED), expected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn distributing_goes_on_where_it_was_broken_off() {
    let database = Database::fresh();
    database.sql(PRETENCE);
    // The extension refuses one table for a reason of its own.
    database.sql(
        "CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.logicalrelid = 'sends'::regclass THEN RAISE invalid_table_definition USING MESSAGE = 'no'; END IF;
           RETURN NEW; END $$;
         SET allow_system_table_mods = on;
         CREATE TRIGGER refuse BEFORE INSERT ON pg_catalog.pg_dist_partition FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let pool = pool(&database);
    migrate::migrate(&pool).await.unwrap_err();
    let asked = database.sql(ASKED);
    let before: Vec<&str> = TABLES
        .iter()
        .map(|(table, _)| *table)
        .take_while(|table| *table != "sends")
        .collect();
    assert_eq!(asked.lines().count(), before.len());
    database.sql(
        "SET allow_system_table_mods = on; DROP TRIGGER refuse ON pg_catalog.pg_dist_partition",
    );
    migrate::migrate(&pool).await.unwrap();
    assert_eq!(database.sql(ASKED), expected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_distribute_once() {
    for _ in 0..3 {
        let database = Database::fresh();
        database.sql(PRETENCE);
        let nodes: Vec<Pool> = (0..4).map(|_| pool(&database)).collect();
        for done in futures_util::future::join_all(nodes.iter().map(migrate::migrate)).await {
            done.unwrap();
        }
        assert_eq!(sorted(&database.sql(ASKED)), sorted(&expected()));
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}
