--
-- The example of publishing.md: write, audit, publish.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE TABLE orders (id int PRIMARY KEY, day date, items int);
INSERT INTO orders SELECT i, date '2026-01-01' + i % 3, i FROM generate_series(1, 9) i;
CREATE FUNCTION price_of(items int) RETURNS int LANGUAGE sql AS 'SELECT CASE WHEN items <> 13 THEN items * 10 END';
SELECT $script$
SELECT checkpoint.begin_job('orders', publish => 'end');

CALL checkpoint.map('priced', 'SELECT id, day, items FROM orders', 'price_of(items) AS price');
CALL checkpoint.save('public.prices', 'SELECT id, day, price FROM priced', step => 'new_prices');
CALL checkpoint.save('public.days', 'SELECT day, sum(price) AS price FROM priced GROUP BY day', step => 'new_days');

CALL checkpoint.check_empty('prices are known', 'SELECT id FROM new_prices WHERE price IS NULL');
CALL checkpoint.check_empty('no order is lost',
    'SELECT id FROM public.prices EXCEPT SELECT id FROM new_prices', 'orders have vanished');
CALL checkpoint.check_empty('sums agree',
    'SELECT FROM (SELECT sum(price) FROM new_prices) a (s), (SELECT sum(price) FROM new_days) b (s)
     WHERE a.s IS DISTINCT FROM b.s');

SELECT checkpoint.end_job();
$script$ AS script \gset

-- the first run: there is nothing to be lost from yet
CREATE TABLE seed AS SELECT NULL::int AS id, NULL::date AS day, NULL::int AS price WHERE false;
SELECT checkpoint.begin_job('orders');
CALL checkpoint.save('public.prices', 'SELECT * FROM seed');
SELECT checkpoint.end_job();
:script
SELECT count(*), sum(price) FROM prices;
SELECT * FROM days ORDER BY day;

-- an order without a price: nothing changes
INSERT INTO orders VALUES (10, '2026-01-02', 13);
:script
SELECT count(*), sum(price) FROM prices;
-- it gets one
CREATE OR REPLACE FUNCTION price_of(items int) RETURNS int LANGUAGE sql AS 'SELECT items * 10';
:script
SELECT count(*), sum(price) FROM prices;
SELECT * FROM days ORDER BY day;
-- an order vanishes: nothing changes
DELETE FROM orders WHERE id = 1;
:script
SELECT count(*), sum(price) FROM prices;

DROP VIEW prices, days;
DROP TABLE orders, seed;
DROP FUNCTION price_of;
