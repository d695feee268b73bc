-- Who runs. A node's number stands below its ids; its lease says until when it counts as living.
CREATE TABLE IF NOT EXISTS nodes (
    node           BIGINT NOT NULL,
    token          BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL, -- by the database's clock
    PRIMARY KEY (node)
);
