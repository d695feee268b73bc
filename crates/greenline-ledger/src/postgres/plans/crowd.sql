-- A million people of twenty brands, and what a few months leave behind of them. Numbers follow from a counter, so
-- that every run makes the same rows; multiplied by a prime where they must not follow the order of people. What
-- happens to people comes in the order of time, and so in no order of people.

INSERT INTO people
SELECT (i * 9223372036854) >> 51, i * 9223372036854, 'brand' || i % 20, 2, 1700000000000 << 20
FROM generate_series(0::bigint, 999999) AS i;

INSERT INTO names
SELECT (i * 9223372036854) >> 51, 'brand' || i % 20, 1, (15550000000 + i)::text, (i * 9223372036854) >> 51, i * 9223372036854
FROM generate_series(0::bigint, 999999) AS i;

INSERT INTO identifiers
SELECT (i * 9223372036854) >> 51, i * 9223372036854, 1, (15550000000 + i)::text, 1700000000000, NULL, NULL, NULL
FROM generate_series(0::bigint, 999999) AS i;

INSERT INTO links
SELECT (i * 9223372036854) >> 51, i * 9223372036854, 1, ((i + 1) * 9223372036854) >> 51, (i + 1) * 9223372036854, 1700000000000, 0, ''
FROM generate_series(0::bigint, 999998, 100) AS i;

INSERT INTO consent_events
SELECT (p * 9223372036854) >> 51, p * 9223372036854, CASE WHEN i < 1000000 THEN 1 ELSE 2 END, (1700000000000 + i * 10000) << 20,
  'brand' || p % 20,
  CASE WHEN i < 1000000 THEN 'granted' ELSE (ARRAY['withdrawn', 'refused', 'native_stopped'])[1 + i % 3] END,
  'marketing', 1700000000000 + i * 10000, 1700000000000, 1700000000000 + i * 10000, 'express', true,
  '["' || 15550000000 + p || '"]', '{}', 'form', 'k' || i
FROM (SELECT i, (i * 7919) % 1000000 AS p FROM generate_series(0::bigint, 1099999) AS i) AS told;

INSERT INTO taken_keys
SELECT (i * 4096) / 1000000, 'brand' || i % 20, 1 + i % 3, 'k' || i, i
FROM generate_series(0::bigint, 999999, 2) AS i;

INSERT INTO heads
SELECT (i * 9223372036854) >> 51, i * 9223372036854, 0, 'marketing:granted'
FROM generate_series(0::bigint, 999999) AS i;

INSERT INTO windows
SELECT (i * 9223372036854) >> 51, i * 9223372036854, 'n' || i % 40, 1700000000000, NULL, NULL, NULL
FROM generate_series(0::bigint, 999999, 3) AS i;

INSERT INTO number_inbound
SELECT s, 'brand' || n % 20, 'n' || n, 1700000000000 FROM generate_series(0, 4095) AS s, generate_series(0, 39) AS n;

INSERT INTO decisions
SELECT (p * 9223372036854) >> 51, ((1700000000000 + i * 10000) << 20) + i % 256, 'brand' || p % 20, p * 9223372036854,
  1700000000000 + i * 10000, CASE WHEN i % 5 = 0 THEN 0 ELSE 1 END, repeat('r', 100)
FROM (SELECT i, (i * 7919) % 1000000 AS p FROM generate_series(0::bigint, 999999) AS i) AS told;

INSERT INTO sends
SELECT (p * 9223372036854) >> 51, ((1700000000000 + i * 10000) << 20) + i % 256, p * 9223372036854, NULL, 7,
  1700000000000 + i * 10000, 1700000000000 + i * 10000, decode('00112233445566778899aabbccddeeff', 'hex'),
  CASE WHEN i % 1000 = 1 THEN NULL WHEN i % 500 = 2 THEN 'unknown' ELSE 'accepted' END, NULL, 'wamid.' || i, NULL,
  CASE WHEN i % 2 = 0 THEN 'm1' END
FROM (SELECT i, (i * 7919) % 1000000 AS p FROM generate_series(500001::bigint, 999999) AS i) AS told WHERE i % 5 <> 0;

INSERT INTO messages
SELECT (i * 7919) % 4096, 'wamid.' || i, CASE WHEN i % 200 <> 1 THEN 1 END, CASE WHEN i % 200 <> 1 THEN i END, 'delivered', 2,
  1700000000000 + i * 10000, NULL
FROM generate_series(600001::bigint, 999999) AS i WHERE i % 5 <> 0;

INSERT INTO timeline
SELECT (i * 4096) / 100000, i << 20, 'brand' || i % 20, CASE WHEN i % 2 = 0 THEN 'number' ELSE 'account' END, 'n' || i % 40,
  'webhook', 'quality', 1700000000000 + i, '{}', CASE WHEN i < 99900 THEN 1 ELSE 0 END
FROM generate_series(0::bigint, 99999) AS i;

INSERT INTO inbox
SELECT (i * 4096) / 200000, (1700000000000 + i) << 20, 'brand' || i % 20, md5(i::text), 1700000000000 + i * 75000, 1 + i % 3, '[]',
  CASE WHEN i > 50000 THEN decode('7b7d', 'hex') END
FROM generate_series(0::bigint, 199999) AS i;

INSERT INTO relays
SELECT (i * 4096) / 200000, (1700000000000 + i) << 20, 'bot', 'brand' || i % 20, 1 + i % 3, 1700000000000 + i * 75000, 0,
  CASE WHEN i % 10 = 0 THEN 1 ELSE 0 END, NULL, NULL, NULL
FROM generate_series(180000::bigint, 199999) AS i;

INSERT INTO replies
SELECT (i * 4096) / 100000, i, 'brand' || i % 20, '15550000000', 'n' || i % 40, 'stopped', NULL, 'wamid.' || i, 1700000000000 + i,
  CASE WHEN i % 100 = 0 THEN 0 ELSE 2 END, NULL, NULL
FROM generate_series(0::bigint, 99999) AS i;

INSERT INTO held_messages
SELECT (p * 9223372036854) >> 51, (1700000000000 + i) << 20, 'brand' || i % 20, p * 9223372036854, (15550000000 + p)::text, 'bot',
  'n' || i % 40, 'news', 'en', 'wamid.given' || i, 1700000000000 + i, 1700000000000 + i, CASE WHEN i % 50 = 0 THEN 1700000000000 + i END,
  CASE WHEN i % 50 = 0 THEN 0 WHEN i % 1000 = 1 THEN 1 ELSE 3 END, NULL, NULL, NULL, (p * 9223372036854) >> 51,
  (1700000000000 + i) << 20, CASE WHEN i % 50 > 1 THEN 'wamid.' || i END, NULL, NULL, NULL, '/messages', 'application/json', NULL
FROM (SELECT i, (i * 7919) % 1000000 AS p FROM generate_series(0::bigint, 99999) AS i) AS told;

INSERT INTO portfolios SELECT i % 4096, 'portfolio' || i, 1000, 900, 1000, 'graph', 1700000000000 FROM generate_series(0, 49999) AS i;

INSERT INTO reach_log
SELECT (i % 500) % 4096, 'portfolio' || i % 500, (i / 500 % 4) * 1099511627776 + i / 2000, 1700000000000 + i, ''::bytea
FROM generate_series(0::bigint, 199999) AS i;

INSERT INTO reach_parts
SELECT i % 12500, 'portfolio' || i % 12500, i / 12500, (i / 12500) * 1099511627776 + 99, CASE WHEN i % 3 = 0 THEN 100 ELSE 0 END
FROM generate_series(0::bigint, 49999) AS i;

-- A few of them are over, whenever this runs.
INSERT INTO batches
SELECT (i * 4096) / 100000, i, CASE WHEN i < 1000 THEN 1700000000000 ELSE 4000000000000 END + i FROM generate_series(0::bigint, 99999) AS i;

INSERT INTO person_links
SELECT (i * 9223372036854) >> 51, i * 9223372036854, 1, 1700000000000 FROM generate_series(0::bigint, 999999, 20) AS i;

INSERT INTO logs SELECT i % 4096, 'brand' || i, 50000, 7, 1700000000000 FROM generate_series(0, 499) AS i;

INSERT INTO unsealed
SELECT (i * 7919) % 4096, 1 + i % 2, ((1700000000000 + i * 10000) << 20) + i % 256, 'brand' || i % 20
FROM generate_series(980000::bigint, 999999) AS i;

INSERT INTO log_leaves
SELECT (p * 9223372036854) >> 51, 1 + i % 2, ((1700000000000 + i * 10000) << 20) + i % 256, 'brand' || p % 20, i / 20,
  decode('00112233445566778899aabbccddeeff', 'hex'), ''
FROM (SELECT i, (i * 7919) % 1000000 AS p FROM generate_series(0::bigint, 399999) AS i) AS told;

INSERT INTO log_nodes SELECT i % 20, 'brand' || i % 20, 8, i / 20, ''::bytea FROM generate_series(0, 9999) AS i;

INSERT INTO log_heads
SELECT i % 20, 'brand' || i % 20, i, ''::bytea, 1700000000000, ''::bytea, ''::bytea, ''::bytea FROM generate_series(0, 9999) AS i;

INSERT INTO numbers SELECT 'brand' || i % 500, 'n' || i, 'CONNECTED', 'GREEN', 1700000000000 FROM generate_series(0, 4999) AS i;

INSERT INTO accounts SELECT 'brand' || i % 500, 'w' || i, 'none', 1700000000000 FROM generate_series(0, 4999) AS i;

INSERT INTO restrictions
SELECT 'brand' || i % 500, 'w' || i, 'RESTRICTED_BIZ_INITIATED_MESSAGING', 'start', NULL, 1700000000000 FROM generate_series(0, 4999) AS i;

INSERT INTO templates
SELECT 'brand' || i % 500, 'w' || i % 5000, 't' || i, 'en', i::text, 'marketing', 'APPROVED', false, 1700000000000
FROM generate_series(0, 19999) AS i;

INSERT INTO nodes SELECT i, i, 1700000000000 FROM generate_series(0, 255) AS i;
