-- What version 1.0 stored: a dump of a database of it, without the extension
-- and with now() for its times.  Role regress_upgrade had run these jobs:
--
--   whole      finished: m, g, q, p (with a probe), and app.shown published
--   half       m reused; b, a map, failed at the fourth of six rows
--   half gen   b, a gen, failed at the fourth of six rows
--   skip       b, a map, has the fourth of six rows in quarantine

CREATE SCHEMA app;

ALTER SCHEMA app OWNER TO regress_upgrade;

CREATE FUNCTION app.bad(x integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
BEGIN
	IF x = 4 THEN
		RAISE 'not yet';
	END IF;
	RETURN x;
END $$;

ALTER FUNCTION app.bad(x integer) OWNER TO regress_upgrade;

CREATE FUNCTION app.good(x integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
BEGIN
	RETURN x * 10;
END $$;

ALTER FUNCTION app.good(x integer) OWNER TO regress_upgrade;

CREATE FUNCTION app.many(x integer) RETURNS SETOF integer
    LANGUAGE plpgsql
    AS $$
BEGIN
	IF x = 4 THEN
		RAISE 'not yet';
	END IF;
	RETURN QUERY SELECT generate_series(1, x);
END $$;

ALTER FUNCTION app.many(x integer) OWNER TO regress_upgrade;

CREATE VIEW app.my_jobs AS
 SELECT jobs.job_id,
    jobs.name,
    jobs.owner,
    jobs.status
   FROM checkpoint.jobs;

ALTER TABLE app.my_jobs OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data."whole_app.shown_5_output" (
    sys__id bigint,
    y integer
);

ALTER TABLE checkpoint_data."whole_app.shown_5_output" OWNER TO regress_upgrade;

CREATE VIEW app.shown AS
 SELECT "whole_app.shown_5_output".y
   FROM checkpoint_data."whole_app.shown_5_output";

ALTER TABLE app.shown OWNER TO regress_upgrade;

CREATE TABLE app.source (
    x integer
);

ALTER TABLE app.source OWNER TO regress_upgrade;

CREATE TABLE app.version (
    v integer
);

ALTER TABLE app.version OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data."half gen_b_7_input" (
    sys__id bigint,
    x integer
);

ALTER TABLE checkpoint_data."half gen_b_7_input" OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data."half gen_b_7_output" (
    sys__id bigint,
    sys__input_id bigint,
    y integer
);

ALTER TABLE checkpoint_data."half gen_b_7_output" OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.half_b_6_input (
    sys__id bigint,
    x integer
);

ALTER TABLE checkpoint_data.half_b_6_input OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.half_b_6_output (
    sys__id bigint,
    x integer,
    y integer
);

ALTER TABLE checkpoint_data.half_b_6_output OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.skip_b_8_input (
    sys__id bigint,
    x integer
);

ALTER TABLE checkpoint_data.skip_b_8_input OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.skip_b_8_output (
    sys__id bigint,
    x integer,
    skipped integer
);

ALTER TABLE checkpoint_data.skip_b_8_output OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.whole_g_2_input (
    sys__id bigint,
    x integer,
    y integer
);

ALTER TABLE checkpoint_data.whole_g_2_input OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.whole_g_2_output (
    sys__id bigint,
    sys__input_id bigint,
    n integer
);

ALTER TABLE checkpoint_data.whole_g_2_output OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.whole_m_1_output (
    sys__id bigint,
    x integer,
    y integer
);

ALTER TABLE checkpoint_data.whole_m_1_output OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.whole_p_4_output (
    sys__id bigint,
    x integer,
    z integer
);

ALTER TABLE checkpoint_data.whole_p_4_output OWNER TO regress_upgrade;

CREATE TABLE checkpoint_data.whole_q_3_output (
    sys__id bigint,
    n bigint
);

ALTER TABLE checkpoint_data.whole_q_3_output OWNER TO regress_upgrade;

INSERT INTO app.source (x) VALUES
	(1),
	(2),
	(3),
	(4),
	(5),
	(6);

INSERT INTO app.version (v) VALUES
	(1);

INSERT INTO checkpoint.checkpoint (checkpoint_id, owner, job_name, step, job_id, kind, state, input_hash, output_columns, code_hash, cache_version, cache_key, mixed_code, input_table, output_table, rows_total, content_hash, fresh, created_at, last_used_at, pinned) VALUES
	(6, 'regress_upgrade', 'half', 'b', 2, 'map', 'partial', '38d3991f665c67937a7c916fb4e8144f', 'sys__id bigint, x integer, y integer', '8e870fb89dc658f6d4db91a44c9f7e96', NULL, NULL, false, 'half_b_6_input', 'half_b_6_output', 6, NULL, false, now(), now(), false),
	(7, 'regress_upgrade', 'half gen', 'b', 3, 'gen', 'partial', '38d3991f665c67937a7c916fb4e8144f', 'sys__id bigint, sys__input_id bigint, y integer', 'e5f0c1b9a177bbbff1ffc40379a74076', NULL, NULL, false, 'half gen_b_7_input', 'half gen_b_7_output', 6, NULL, false, now(), now(), false),
	(2, 'regress_upgrade', 'whole', 'g', 1, 'gen', 'final', '2fb9ed34f8c1ff12afc6e60bdc569a48', 'sys__id bigint, sys__input_id bigint, n integer', 'a8bb7e1ac873c3ee09057f33047597f3', NULL, '03fb6403981375125e0f990d54488bf0', false, 'whole_g_2_input', 'whole_g_2_output', 6, '787abbcaebce3780a31fa2ab7eca1dfc', false, now(), now(), false),
	(3, 'regress_upgrade', 'whole', 'q', 1, 'query', 'final', 'c9b475b796b1ee65a1969d14092cc5f3', 'sys__id bigint, n bigint', 'dc7048f8f8747f561349cde127705c16', NULL, '066b80f5c83cea038af68d5b80840568', false, NULL, 'whole_q_3_output', 1, 'c9b475b796b1ee65a1969d14092cc5f3', false, now(), now(), false),
	(8, 'regress_upgrade', 'skip', 'b', 4, 'map', 'partial', '38d3991f665c67937a7c916fb4e8144f', 'sys__id bigint, x integer, skipped integer', 'ba99239f6da68a8fd6387f398dffc1c0', NULL, NULL, false, 'skip_b_8_input', 'skip_b_8_output', 6, NULL, false, now(), now(), false),
	(4, 'regress_upgrade', 'whole', 'p', 1, 'map', 'final', '6b25fd16de925816b9a1821b9f80aab8', 'sys__id bigint, x integer, z integer', 'be641051a6a92f7f4652252cd0920e3d', NULL, '1eec6454e27828d343b5ecbf5308184d', false, NULL, 'whole_p_4_output', 6, '6df644e0d3c765ea31b7574256b94654', false, now(), now(), false),
	(5, 'regress_upgrade', 'whole', 'app.shown', 1, 'query', 'final', '9e70e37954e008f02f49e992d55aefc4', 'sys__id bigint, y integer', 'dc7048f8f8747f561349cde127705c16', NULL, '04822594099a5e785bc551c12581e8fd', false, NULL, 'whole_app.shown_5_output', 6, '9e70e37954e008f02f49e992d55aefc4', false, now(), now(), false),
	(1, 'regress_upgrade', 'whole', 'm', 1, 'map', 'final', '38d3991f665c67937a7c916fb4e8144f', 'sys__id bigint, x integer, y integer', '85f499805b471e51130b1df66c53d77d', NULL, '35b754b10d987268fa2efcb3f3d97132', false, NULL, 'whole_m_1_output', 6, '2fb9ed34f8c1ff12afc6e60bdc569a48', false, now(), now(), false);

INSERT INTO checkpoint.code_version (checkpoint_id, code_no, code_hash, cache_version, components) VALUES
	(1, 1, '85f499805b471e51130b1df66c53d77d', NULL, '{"expression": "8984c1335e9584318b34fe206988f222", "function app.good(integer)": "5e6644e11fff2d32c9dbd5732882d2b5"}'),
	(2, 1, 'a8bb7e1ac873c3ee09057f33047597f3', NULL, '{"expression": "5bb067149c91868ce7e2ea14ef85e4ce"}'),
	(4, 1, 'be641051a6a92f7f4652252cd0920e3d', NULL, '{"expression": "8bace05500402b84a5e8b85b8943b636", "function app.good(integer)": "5e6644e11fff2d32c9dbd5732882d2b5"}'),
	(6, 1, '8e870fb89dc658f6d4db91a44c9f7e96', NULL, '{"expression": "a9d706e95ff2860e634b8d82f405e4bf", "function app.bad(integer)": "85a54285184e08de061e16a8003a7abf"}'),
	(7, 1, 'e5f0c1b9a177bbbff1ffc40379a74076', NULL, '{"expression": "4052946f78f2bf2e265df81aefa4c208", "function app.many(integer)": "debed018d9e5477542e498e2ccc97cf0"}'),
	(8, 1, 'ba99239f6da68a8fd6387f398dffc1c0', NULL, '{"expression": "4c0ec017948ccbe9f42acf1189098011", "function app.bad(integer)": "85a54285184e08de061e16a8003a7abf"}');

INSERT INTO checkpoint.error (checkpoint_id, sys__id, job_id, sqlstate, message, detail, context, attempts, last_attempt) VALUES
	(8, 4, 4, 'P0001', 'not yet', NULL, 'PL/pgSQL function bad(integer) line 4 at RAISE', 1, now());

INSERT INTO checkpoint.job (job_id, name, owner, status, rerun_of, attached, fresh, resume_from, started_at, ended_at, error) VALUES
	(1, 'whole', 'regress_upgrade', 'complete', NULL, true, false, NULL, now(), now(), NULL),
	(2, 'half', 'regress_upgrade', 'failed', NULL, true, false, NULL, now(), now(), 'step "b": not yet (SQLSTATE P0001, sys__id 4)'),
	(3, 'half gen', 'regress_upgrade', 'failed', NULL, true, false, NULL, now(), now(), 'step "b": not yet (SQLSTATE P0001, sys__id 4)'),
	(4, 'skip', 'regress_upgrade', 'complete_with_errors', NULL, true, false, NULL, now(), now(), NULL);

INSERT INTO checkpoint.processed (checkpoint_id, range_no, code_no, worker, nranges, bits) VALUES
	(6, 0, 1, 0, 1, '\x07'),
	(7, 0, 1, 0, 1, '\x07'),
	(8, 0, 1, 0, 1, '\x37');

INSERT INTO checkpoint.step (step_id, job_id, step, kind, action, reason, checkpoint_id, rows_total, rows_kept, rows_computed, rows_failed, rows_output, run_seconds, query, udf, cache_enabled, cache_version, probe, on_code_change, derivation, input_hash, started_at, ended_at) VALUES
	(1, 1, 'm', 'map', 'computed', 'no earlier work', 1, 6, 0, 6, 0, 6, 0.006803, 'SELECT x FROM source ORDER BY x', 'good(x) AS y', true, NULL, NULL, 'continue', NULL, '38d3991f665c67937a7c916fb4e8144f', now(), now()),
	(2, 1, 'g', 'gen', 'computed', 'no earlier work', 2, 6, 0, 6, 0, 21, 0.003727, 'SELECT x, y FROM m', 'generate_series(1, x) AS n', true, NULL, NULL, 'continue', 'd53675ee8a306b7ef7a7be769b744f9a', '2fb9ed34f8c1ff12afc6e60bdc569a48', now(), now()),
	(3, 1, 'q', 'query', 'computed', 'no earlier work', 3, 1, 0, 1, 0, 1, 0.003333, 'SELECT count(*) AS n FROM g', NULL, true, NULL, NULL, 'continue', 'fee8c83264ef573c957f25fd6894feae', 'c9b475b796b1ee65a1969d14092cc5f3', now(), now()),
	(4, 1, 'p', 'map', 'computed', 'no earlier work', 4, 6, 0, 6, 0, 6, 0.002304, 'SELECT x FROM source ORDER BY x', 'good(x) AS z', true, NULL, 'SELECT v FROM version', 'continue', NULL, '6b25fd16de925816b9a1821b9f80aab8', now(), now()),
	(9, 4, 'b', 'map', 'computed', 'no earlier work', 8, 6, 0, 5, 1, 5, 0.001388, 'SELECT x FROM source ORDER BY x', 'bad(x) AS skipped', true, NULL, NULL, 'continue', NULL, '38d3991f665c67937a7c916fb4e8144f', now(), now()),
	(5, 1, 'app.shown', 'save', 'computed', 'no earlier work', 5, 6, 0, 6, 0, 6, 0.003745, 'SELECT y FROM m', NULL, true, NULL, NULL, 'continue', 'e4a4b2bf4bba723387af3af7bc5d4f46', '9e70e37954e008f02f49e992d55aefc4', now(), now()),
	(6, 2, 'm', 'map', 'reused', 'same input and code: final checkpoint 1 of job 1', 1, 6, 6, 0, 0, 6, NULL, 'SELECT x FROM source ORDER BY x', 'good(x) AS y', true, NULL, NULL, 'continue', NULL, '38d3991f665c67937a7c916fb4e8144f', now(), now()),
	(7, 2, 'b', 'map', 'failed', 'not yet (SQLSTATE P0001, sys__id 4)', 6, 6, 0, 3, 0, 3, 0.001682, 'SELECT x FROM source ORDER BY x', 'bad(x) AS y', true, NULL, NULL, 'continue', NULL, '38d3991f665c67937a7c916fb4e8144f', now(), now()),
	(8, 3, 'b', 'gen', 'failed', 'not yet (SQLSTATE P0001, sys__id 4)', 7, 6, 0, 3, 0, 6, 0.001532, 'SELECT x FROM source ORDER BY x', 'many(x) AS y', true, NULL, NULL, 'continue', NULL, '38d3991f665c67937a7c916fb4e8144f', now(), now());

INSERT INTO checkpoint.work (checkpoint_id, code_no, worker, rows_processed, rows_output, max_output_id, content_lo, content_hi) VALUES
	(1, 1, 0, 6, 6, 0, -4876286827781242747, -4829062679618997726),
	(2, 1, 0, 6, 21, 21, -1085839422926202764, 8892003345311876891),
	(3, 0, 0, 1, 1, 0, -6094142370335963736, -8058016778696508728),
	(4, 1, 0, 6, 6, 0, -4876286827781242747, -4829062679618997726),
	(5, 0, 0, 6, 6, 0, 8650227776909926936, 1930374647239937246),
	(6, 1, 0, 3, 3, 0, -4062998727167652439, 3395584802978417827),
	(7, 1, 0, 3, 6, 6, 3333975414900649610, -4700937858810024936),
	(8, 1, 0, 5, 5, 0, -1168793661765530131, -6213643053677710612);

INSERT INTO checkpoint_data."half gen_b_7_input" (sys__id, x) VALUES
	(1, 1),
	(2, 2),
	(3, 3),
	(4, 4),
	(5, 5),
	(6, 6);

INSERT INTO checkpoint_data."half gen_b_7_output" (sys__id, sys__input_id, y) VALUES
	(1, 1, 1),
	(2, 2, 1),
	(3, 2, 2),
	(4, 3, 1),
	(5, 3, 2),
	(6, 3, 3);

INSERT INTO checkpoint_data.half_b_6_input (sys__id, x) VALUES
	(1, 1),
	(2, 2),
	(3, 3),
	(4, 4),
	(5, 5),
	(6, 6);

INSERT INTO checkpoint_data.half_b_6_output (sys__id, x, y) VALUES
	(1, 1, 1),
	(2, 2, 2),
	(3, 3, 3);

INSERT INTO checkpoint_data.skip_b_8_input (sys__id, x) VALUES
	(1, 1),
	(2, 2),
	(3, 3),
	(4, 4),
	(5, 5),
	(6, 6);

INSERT INTO checkpoint_data.skip_b_8_output (sys__id, x, skipped) VALUES
	(1, 1, 1),
	(2, 2, 2),
	(3, 3, 3),
	(5, 5, 5),
	(6, 6, 6);

INSERT INTO checkpoint_data."whole_app.shown_5_output" (sys__id, y) VALUES
	(1, 10),
	(2, 20),
	(3, 30),
	(4, 40),
	(5, 50),
	(6, 60);

INSERT INTO checkpoint_data.whole_g_2_input (sys__id, x, y) VALUES
	(1, 1, 10),
	(2, 2, 20),
	(3, 3, 30),
	(4, 4, 40),
	(5, 5, 50),
	(6, 6, 60);

INSERT INTO checkpoint_data.whole_g_2_output (sys__id, sys__input_id, n) VALUES
	(1, 1, 1),
	(2, 2, 1),
	(3, 2, 2),
	(4, 3, 1),
	(5, 3, 2),
	(6, 3, 3),
	(7, 4, 1),
	(8, 4, 2),
	(9, 4, 3),
	(10, 4, 4),
	(11, 5, 1),
	(12, 5, 2),
	(13, 5, 3),
	(14, 5, 4),
	(15, 5, 5),
	(16, 6, 1),
	(17, 6, 2),
	(18, 6, 3),
	(19, 6, 4),
	(20, 6, 5),
	(21, 6, 6);

INSERT INTO checkpoint_data.whole_m_1_output (sys__id, x, y) VALUES
	(1, 1, 10),
	(2, 2, 20),
	(3, 3, 30),
	(4, 4, 40),
	(5, 5, 50),
	(6, 6, 60);

INSERT INTO checkpoint_data.whole_p_4_output (sys__id, x, z) VALUES
	(1, 1, 10),
	(2, 2, 20),
	(3, 3, 30),
	(4, 4, 40),
	(5, 5, 50),
	(6, 6, 60);

INSERT INTO checkpoint_data.whole_q_3_output (sys__id, n) VALUES
	(1, 21);

SELECT FROM pg_catalog.setval('checkpoint.checkpoint_checkpoint_id_seq', 8, true);

SELECT FROM pg_catalog.setval('checkpoint.job_job_id_seq', 4, true);

SELECT FROM pg_catalog.setval('checkpoint.step_step_id_seq', 9, true);
