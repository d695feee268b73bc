"""DuckDB screening a list, for `cargo xtask bench screen`: the same join on the same files, writing the same outputs.

`screen.py people FILE DATABASE` keeps the people, untimed. `screen.py PLAN LIST DATABASE FOLDER` screens a list and
prints the seconds from opening the database to the last byte written; what it has to do with Python is not counted.
"""

import os
import sys
import time

import duckdb

REASONS = [
    (0, "refused", "consent.missing template.unknown",
     "There is no opt-in on record that covers this message. The account's template list does not name this template; it is judged as marketing."),
    (1, "allowed", "consent.covered_by_import template.unknown",
     "An imported opt-in covers this message; it was attested, not seen. The account's template list does not name this template; it is judged as marketing."),
    (2, "refused", "consent.opted_out template.unknown",
     "The person has said no to this kind of message. The account's template list does not name this template; it is judged as marketing."),
]

CLEAN = """SELECT row_number() OVER () AS row, phone AS given, phone::UBIGINT AS number
           FROM read_csv('{list}', header=true, columns={{'name': 'VARCHAR', 'phone': 'VARCHAR'}})"""
DIRTY = """SELECT row_number() OVER () AS row, phone AS given,
                  try_cast(regexp_replace(phone, '[^0-9]', '', 'g') AS UBIGINT) AS number
           FROM read_csv('{list}', header=true, quote='"', strict_mode=false, parallel=true, columns={{'name': 'VARCHAR', 'phone': 'VARCHAR'}})"""
JOINED = """SELECT l.row, l.given, l.number, r.rules, r.reasons, r.verdict
            FROM listed l LEFT JOIN people p USING (number) JOIN reasons r ON r.standing = coalesce(p.standing, 0)"""


def main():
    if sys.argv[1] == "people":
        _, _, people, database = sys.argv
        with duckdb.connect(database) as connection:
            connection.execute(
                "CREATE TABLE people AS SELECT wa_id AS number, CASE event WHEN 'granted' THEN 1 ELSE 2 END::UTINYINT AS standing "
                f"FROM read_csv('{people}', header=true, columns={{'wa_id': 'UBIGINT', 'scope': 'VARCHAR', 'event': 'VARCHAR', "
                "'occurred_at': 'VARCHAR', 'method': 'VARCHAR', 'wording': 'VARCHAR', 'business_name': 'VARCHAR', 'source': 'VARCHAR'})"
            )
        return
    _, plan, listed, database, folder = sys.argv
    begun = time.perf_counter()
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET threads = 2")
        connection.execute("CREATE TEMP TABLE reasons (standing UTINYINT, verdict VARCHAR, rules VARCHAR, reasons VARCHAR)")
        connection.executemany("INSERT INTO reasons VALUES (?, ?, ?, ?)", REASONS)
        source = (DIRTY if "dirty" in plan else CLEAN).format(list=listed)
        joined = JOINED
        if "dirty" in plan:
            # The first row of a number counts, the others are duplicates of it.
            connection.execute(f"CREATE TEMP TABLE listed AS {source}")
            connection.execute("CREATE TEMP TABLE firsts AS SELECT number, min(row) AS row FROM listed WHERE number IS NOT NULL GROUP BY number")
            joined = """SELECT l.row, l.given, l.number, CASE WHEN l.number IS NULL THEN 'unreadable' WHEN f.row <> l.row THEN 'duplicate' ELSE r.verdict END AS verdict,
                               f.row AS first_row, r.rules, r.reasons
                        FROM listed l LEFT JOIN firsts f USING (number) LEFT JOIN people p USING (number) JOIN reasons r ON r.standing = coalesce(p.standing, 0)"""
        else:
            connection.execute(f"CREATE TEMP VIEW listed AS {source}")
        if "one-pass" in plan:
            connection.execute(f"COPY ({joined}) TO '{folder}' (FORMAT csv, HEADER, PARTITION_BY (verdict), OVERWRITE_OR_IGNORE)")
        else:
            connection.execute(f"CREATE TEMP TABLE screened AS {joined}")
            verdicts = ["allowed", "held", "refused"] + (["duplicate", "unreadable"] if "dirty" in plan else [])
            for verdict in verdicts:
                connection.execute(
                    f"COPY (SELECT row, given, number, rules, reasons FROM screened WHERE verdict = '{verdict}') TO '{os.path.join(folder, verdict)}.csv' (FORMAT csv, HEADER)"
                )
    print(time.perf_counter() - begun)


main()
