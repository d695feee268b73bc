-- Each node logs whom a portfolio reached in a part of its own, which holds the places that node may still use.
CREATE TABLE IF NOT EXISTS reach_parts (
    person_shard BIGINT NOT NULL, -- of the portfolio's name
    portfolio    TEXT   NOT NULL,
    part         BIGINT NOT NULL, -- a node's number, counted from 1; 0: what was there before
    version      BIGINT NOT NULL, -- the newest row of this part of the log; they are numbered from part * 2^40 on
    places       BIGINT NOT NULL, -- how many more people this node may reach without asking
    PRIMARY KEY (person_shard, portfolio, part)
);
