/* checkpoint 1.0 to 1.1; a fresh install of 1.1 is 1.0 and this script */

\echo Use "ALTER EXTENSION checkpoint UPDATE TO '1.1'" to load this file. \quit

--
-- Owners: a role by its OID, and by its name where no role has that so far.
-- Their text is the name, so dumps still hold no OIDs.
--

CREATE TYPE checkpoint.role;

CREATE FUNCTION checkpoint._role_in(cstring)
RETURNS checkpoint.role
AS 'MODULE_PATHNAME', 'checkpoint_role_in'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._role_in(cstring) IS 'internal: input of type role';

CREATE FUNCTION checkpoint._role_out(checkpoint.role)
RETURNS cstring
AS 'MODULE_PATHNAME', 'checkpoint_role_out'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._role_out(checkpoint.role) IS 'internal: output of type role';

CREATE TYPE checkpoint.role (
	INPUT = checkpoint._role_in,
	OUTPUT = checkpoint._role_out,
	INTERNALLENGTH = 68,
	ALIGNMENT = int4
);
COMMENT ON TYPE checkpoint.role IS
'internal: a role, whatever its name is; its text is the name that it has now';

CREATE FUNCTION checkpoint._role_of(oid)
RETURNS checkpoint.role
AS 'MODULE_PATHNAME', 'checkpoint_role_of'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._role_of(oid) IS 'internal: the role of an OID';

CREATE FUNCTION checkpoint._role_oid(checkpoint.role)
RETURNS oid
AS 'MODULE_PATHNAME', 'checkpoint_role_oid'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._role_oid(checkpoint.role) IS
'internal: OID of a role; 0 if there was none when its name was read';

CREATE FUNCTION checkpoint._role_name(checkpoint.role)
RETURNS name
AS 'MODULE_PATHNAME', 'checkpoint_role_name'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._role_name(checkpoint.role) IS
'internal: name of a role, for the views';

CREATE FUNCTION checkpoint._may_use(owner checkpoint.role)
RETURNS boolean
AS 'MODULE_PATHNAME', 'checkpoint_may_use'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._may_use(checkpoint.role) IS
'internal: may the current user see and use what this role owns?';

--
-- Catalogs.  The views below still read the old columns until they are
-- replaced; then these go.
--

ALTER TABLE checkpoint.job RENAME COLUMN owner TO owner_name;
ALTER TABLE checkpoint.job ADD COLUMN owner checkpoint.role;
UPDATE checkpoint.job SET owner = owner_name::checkpoint.role;
ALTER TABLE checkpoint.job ALTER COLUMN owner SET NOT NULL;
DROP INDEX checkpoint.job_run_group_idx, checkpoint.job_open_idx;
CREATE INDEX job_run_group_idx
	ON checkpoint.job (checkpoint._role_oid(owner), name, job_id);
CREATE INDEX job_open_idx ON checkpoint.job (checkpoint._role_oid(owner), name)
	WHERE status = 'running';

ALTER TABLE checkpoint.job ADD COLUMN refused text,
	ADD COLUMN paused boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN checkpoint.job.refused IS
'the last call of a step that was refused, and why';
COMMENT ON COLUMN checkpoint.job.paused IS
'its processes wait, as long as it is running';

ALTER TABLE checkpoint.checkpoint RENAME COLUMN owner TO owner_name;
ALTER TABLE checkpoint.checkpoint ADD COLUMN owner checkpoint.role;
UPDATE checkpoint.checkpoint SET owner = owner_name::checkpoint.role;
ALTER TABLE checkpoint.checkpoint ALTER COLUMN owner SET NOT NULL;
DROP INDEX checkpoint.checkpoint_run_group_idx;
CREATE INDEX step_running_idx ON checkpoint.step (job_id) WHERE action = 'running';
CREATE INDEX job_age_idx
	ON checkpoint.job (checkpoint._role_oid(owner), COALESCE(ended_at, started_at));
CREATE INDEX checkpoint_run_group_idx
	ON checkpoint.checkpoint (checkpoint._role_oid(owner), job_name, step, checkpoint_id);


ALTER TABLE checkpoint.step ADD COLUMN resumed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN checkpoint.step.resumed IS
'computed anew, as the job resumes from this step or from one that it reads';

-- Steps that are not stored.  What stands for one in the queries of later steps
-- is its query as it was analysed at its own call, where "sys__1" is the first of
-- inline_reads; inline_path is the search_path of that call.
ALTER TABLE checkpoint.step
	ADD COLUMN materialized boolean,
	ADD COLUMN inline_query text,
	ADD COLUMN inline_reads text[],
	ADD COLUMN inline_code text,
	ADD COLUMN inline_probe text,
	ADD COLUMN inline_path text;

ALTER TABLE checkpoint.code_version ADD COLUMN accepted boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN checkpoint.code_version.accepted IS
'all rows of the checkpoint count as of this version, too: on_code_change => "accept"';

ALTER TABLE checkpoint.checkpoint
	ADD COLUMN udf_columns text,
	ADD COLUMN rows_hash text,
	ADD COLUMN carried_from bigint,
	ADD COLUMN replaced boolean NOT NULL DEFAULT false;
ALTER TABLE checkpoint.checkpoint
	ADD COLUMN retention interval DEFAULT checkpoint._retention(),
	ADD COLUMN label text;
COMMENT ON COLUMN checkpoint.checkpoint.retention IS
'checkpoint.retention at the last use; NULL is for ever';
COMMENT ON COLUMN checkpoint.checkpoint.label IS
'why it is pinned';
COMMENT ON COLUMN checkpoint.checkpoint.udf_columns IS
'of the output''s columns, those of the udf';
COMMENT ON COLUMN checkpoint.checkpoint.rows_hash IS
'content hash of the input, also of one that a probe identifies';
COMMENT ON COLUMN checkpoint.checkpoint.carried_from IS
'the checkpoint that most of the results were carried over from';
COMMENT ON COLUMN checkpoint.checkpoint.replaced IS
'of no more use: superseded or computed anew; dropped as soon as nothing holds it';

--
-- Jobs
--

CREATE FUNCTION checkpoint.rename_job(name text, new_name text)
RETURNS void
AS 'MODULE_PATHNAME', 'checkpoint_rename_job'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.rename_job(text, text) IS
'gives a run group, with all that is kept, another name';

CREATE FUNCTION checkpoint.input(step text, job bigint = NULL)
RETURNS regclass
AS 'MODULE_PATHNAME', 'checkpoint_input'
LANGUAGE C STABLE;
COMMENT ON FUNCTION checkpoint.input(text, bigint) IS
'input table of a step of the job given, or else of the session''s job; NULL if it has none (any more)';
COMMENT ON FUNCTION checkpoint.output(text, bigint) IS
'output table of a step of the job given, or else of the session''s job; NULL if it has none (any more)';
GRANT EXECUTE ON FUNCTION checkpoint.input(text, bigint) TO PUBLIC;

--
-- Steps that clients compute; their functions are below
--

ALTER TABLE checkpoint.step ADD COLUMN output text, ADD COLUMN reads text, ADD COLUMN outcome text;
COMMENT ON COLUMN checkpoint.step.output IS
'argument "output" of open: columns that clients compute; NULL for steps of the server';
COMMENT ON COLUMN checkpoint.step.reads IS
'argument "reads" of open: columns of the input';
COMMENT ON COLUMN checkpoint.step.outcome IS
'action of a step that is open, once it is finished';

ALTER TABLE checkpoint.checkpoint ADD COLUMN open_step bigint, ADD COLUMN open_code integer;
COMMENT ON COLUMN checkpoint.checkpoint.open_step IS
'step that clients compute rows of it for';
COMMENT ON COLUMN checkpoint.checkpoint.open_code IS
'number of the code that their rows count as computed by';

CREATE FUNCTION checkpoint._count_ids(range_no bigint, nranges integer, bits bytea, rows_total bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN bits IS NULL THEN LEAST(nranges * 8192::bigint, rows_total - range_no * 8192)
	ELSE pg_catalog.bit_count(bits) END;
COMMENT ON FUNCTION checkpoint._count_ids(bigint, integer, bytea, bigint) IS
'internal: how many ids a row of processed has';

CREATE VIEW checkpoint._work AS
SELECT * FROM checkpoint.work
UNION ALL
SELECT p.checkpoint_id, p.code_no, p.worker,
	pg_catalog.sum(checkpoint._count_ids(p.range_no, p.nranges, p.bits, c.rows_total))::bigint,
	0, 0, 0, 0
FROM checkpoint.processed p JOIN checkpoint.checkpoint c USING (checkpoint_id)
WHERE p.worker = -1 AND c.open_step IS NOT NULL
GROUP BY p.checkpoint_id, p.code_no, p.worker;
COMMENT ON VIEW checkpoint._work IS
'internal: work, with what clients have done so far';

CREATE TABLE checkpoint.lease (
	checkpoint_id bigint NOT NULL,
	range_no bigint NOT NULL,
	first_id bigint NOT NULL,
	last_id bigint NOT NULL,
	holder text,
	session bigint NOT NULL,
	claimed_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL
);
CREATE INDEX lease_range_idx ON checkpoint.lease (checkpoint_id, range_no);
ALTER TABLE checkpoint.lease REPLICA IDENTITY FULL;
REVOKE ALL ON checkpoint.lease FROM PUBLIC;
COMMENT ON TABLE checkpoint.lease IS
'internal: intervals of ids whose unprocessed rows clients have claimed; of no use to a restored dump';

CREATE FUNCTION checkpoint._session_lives(session bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'checkpoint_session_lives'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION checkpoint._session_lives(bigint) IS
'internal: do the claims of a session hold?';

--
-- Views
--

CREATE VIEW checkpoint._held AS
SELECT c.checkpoint_id
FROM checkpoint.checkpoint c
WHERE c.pinned
	OR EXISTS (SELECT FROM pg_catalog.pg_depend d
		WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
		AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
		AND d.refobjid = pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.output_table)))
	OR EXISTS (SELECT FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)
		WHERE j.status = 'running' AND s.checkpoint_id = c.checkpoint_id
		AND checkpoint._job_status(j.job_id, j.status, j.attached) = 'running');
COMMENT ON VIEW checkpoint._held IS
'internal: checkpoints that are pinned, published or used by a running job';

CREATE VIEW checkpoint._interruption AS
SELECT j.job_id, COALESCE(r.status, 'interrupted') AS status,
	COALESCE(r.error, 'step "' || (SELECT pg_catalog.min(s.step) FROM checkpoint.step s
			WHERE s.job_id = j.job_id AND s.action = 'running' AND s.output IS NULL
			AND checkpoint._step_action(s.step_id, s.action) = 'failed') || '": its process ended',
		CASE WHEN j.attached THEN 'session ended without end_job'
			ELSE 'not ended, and no step of it runs' END)
		|| COALESCE('; last refused call: ' || j.refused, '') AS error
FROM checkpoint.job j
	LEFT JOIN LATERAL (SELECT 'failed' AS status,
		'step "' || j.resume_from || '", which the job was to resume from, was not called' AS error
		WHERE j.attached AND NOT EXISTS (SELECT FROM checkpoint.step s
			WHERE s.job_id = j.job_id AND s.step = j.resume_from)
		AND NOT EXISTS (SELECT FROM checkpoint.step s
			WHERE s.job_id = j.job_id AND s.action = 'running')) r ON j.resume_from IS NOT NULL;
COMMENT ON VIEW checkpoint._interruption IS
'internal: what is known of why a job that was never ended does not run';

CREATE OR REPLACE VIEW checkpoint.jobs WITH (security_barrier) AS
SELECT j.job_id, j.name, checkpoint._role_name(j.owner) AS owner,
	CASE WHEN j.status = 'running'
			AND checkpoint._job_status(j.job_id, j.status, j.attached) = 'interrupted'
		THEN (SELECT i.status FROM checkpoint._interruption i WHERE i.job_id = j.job_id)
		WHEN j.status = 'running' AND j.paused THEN 'paused'
		ELSE checkpoint._job_status(j.job_id, j.status, j.attached) END AS status,
	j.rerun_of, j.started_at, j.ended_at,
	CASE WHEN j.error IS NULL
			AND checkpoint._job_status(j.job_id, j.status, j.attached) = 'interrupted'
		THEN (SELECT i.error FROM checkpoint._interruption i WHERE i.job_id = j.job_id)
		ELSE j.error END AS error
FROM checkpoint.job j
WHERE checkpoint._may_use(j.owner)
ORDER BY j.job_id;

DROP VIEW checkpoint.steps;

DROP VIEW checkpoint.checkpoints;

CREATE VIEW checkpoint.checkpoints WITH (security_barrier) AS
SELECT c.checkpoint_id, c.job_name AS job, c.step, c.kind, c.state,
	checkpoint._role_name(c.owner) AS owner,
	c.input_hash, c.code_hash, c.content_hash, c.rows_total,
	COALESCE(w.rows_processed, 0) AS rows_processed,
	(SELECT pg_catalog.count(*) FROM checkpoint.error e
		WHERE e.checkpoint_id = c.checkpoint_id) AS rows_failed,
	COALESCE(w.rows_output, 0) AS rows_output,
	v.rows_by_code,
	COALESCE(pg_catalog.pg_total_relation_size(t.input_table), 0)
		+ COALESCE(pg_catalog.pg_total_relation_size(t.output_table), 0) AS bytes,
	c.created_at, c.last_used_at,
	x.expires_at,
	c.pinned, c.job_id, c.cache_version, t.input_table, t.output_table,
	c.label, c.retention
FROM checkpoint.checkpoint c
	JOIN checkpoint._expiry x USING (checkpoint_id)
	CROSS JOIN LATERAL (SELECT
		pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.input_table)) AS input_table,
		pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.output_table)) AS output_table) t
	CROSS JOIN LATERAL (SELECT
		pg_catalog.sum(w.rows_processed)::bigint AS rows_processed,
		pg_catalog.sum(w.rows_output)::bigint AS rows_output
		FROM checkpoint._work w WHERE w.checkpoint_id = c.checkpoint_id) w
	CROSS JOIN LATERAL (SELECT
		pg_catalog.jsonb_object_agg(r.code_hash, r.rows_processed) AS rows_by_code
		FROM (SELECT v.code_hash, pg_catalog.sum(w.rows_processed) AS rows_processed
			FROM checkpoint.code_version v JOIN checkpoint._work w USING (checkpoint_id, code_no)
			WHERE v.checkpoint_id = c.checkpoint_id GROUP BY v.code_hash
			HAVING pg_catalog.sum(w.rows_processed) > 0) r) v
WHERE checkpoint._may_use(c.owner)
ORDER BY c.checkpoint_id;
COMMENT ON VIEW checkpoint.checkpoints IS 'state of the work of steps';
GRANT SELECT ON checkpoint.checkpoints TO PUBLIC;

DROP VIEW checkpoint.errors;

DROP VIEW checkpoint.progress;
DROP FUNCTION checkpoint._step_pids(bigint);

ALTER TABLE checkpoint.job DROP COLUMN owner_name;
ALTER TABLE checkpoint.checkpoint DROP COLUMN owner_name;
DROP FUNCTION checkpoint._is_visible(name);

-- columns of the input table; NULL for inputs that 1.0 has kept
ALTER TABLE checkpoint.checkpoint ADD COLUMN input_columns text;

--
-- What code is beside its functions
--

ALTER TABLE checkpoint.step ADD COLUMN code_version text, ADD COLUMN code_query text;
COMMENT ON COLUMN checkpoint.step.code_version IS
'argument "code_version": stands for the code';
COMMENT ON COLUMN checkpoint.step.code_query IS
'argument "depends_on": a query whose rows are part of the code';

-- a cache, of no use to a restored dump
CREATE TABLE checkpoint.known_content (
	owner checkpoint.role NOT NULL,
	object text NOT NULL,
	derivation text NOT NULL,
	hash text NOT NULL
);
CREATE INDEX known_content_object_idx
	ON checkpoint.known_content (checkpoint._role_oid(owner), object);
CREATE INDEX known_content_derivation_idx
	ON checkpoint.known_content (derivation);
ALTER TABLE checkpoint.known_content REPLICA IDENTITY FULL;
REVOKE ALL ON checkpoint.known_content FROM PUBLIC;
COMMENT ON TABLE checkpoint.known_content IS
'internal: content hashes of tables and queries that code depends on, and what they follow from';

--
-- Published names
--

CREATE TABLE checkpoint.target (
	schema_name name NOT NULL,
	target_name name NOT NULL,
	step text NOT NULL,
	job_id bigint NOT NULL,
	checkpoint_id bigint NOT NULL,
	since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	as_table boolean NOT NULL,
	made boolean NOT NULL,
	PRIMARY KEY (schema_name, target_name)
);
COMMENT ON TABLE checkpoint.target IS
'names that results were published under; see the view published';
SELECT pg_catalog.pg_extension_config_dump('checkpoint.target', '');

CREATE FUNCTION checkpoint._shown_table(view regclass)
RETURNS regclass
AS 'MODULE_PATHNAME', 'checkpoint_shown_table'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION checkpoint._shown_table(regclass) IS
'internal: the table whose rows a view shows as they are';

-- what 1.0 has published, if it still is what it was
INSERT INTO checkpoint.target
SELECT DISTINCT ON (v.oid) n.nspname, v.relname, s.step, s.job_id, s.checkpoint_id,
	s.ended_at, false, true
FROM checkpoint.step s
	JOIN checkpoint.checkpoint c USING (checkpoint_id)
	JOIN pg_catalog.pg_class v ON v.oid = pg_catalog.to_regclass(s.step)
	JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
WHERE s.kind = 'save' AND s.action IN ('computed', 'reused')
	AND checkpoint._shown_table(v.oid) =
		pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.output_table))
ORDER BY v.oid, s.step_id DESC;

CREATE VIEW checkpoint.published WITH (security_barrier) AS
SELECT pg_catalog.quote_ident(t.schema_name) || '.' || pg_catalog.quote_ident(t.target_name)
		AS target,
	t.step, t.job_id, t.checkpoint_id, t.since, t.as_table
FROM checkpoint.target t
	JOIN checkpoint.checkpoint c USING (checkpoint_id)
	JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema_name
	JOIN pg_catalog.pg_class r ON r.relnamespace = n.oid AND r.relname = t.target_name
WHERE checkpoint._may_use(c.owner)
	AND CASE WHEN t.as_table THEN r.relkind = 'r' ELSE checkpoint._shown_table(r.oid) =
		pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.output_table)) END
ORDER BY t.schema_name, t.target_name;
COMMENT ON VIEW checkpoint.published IS
'names that show the result of a checkpoint';
GRANT SELECT ON checkpoint.published TO PUBLIC;

--
-- Result tables are read-only
--

CREATE FUNCTION checkpoint._read_only()
RETURNS trigger
AS 'MODULE_PATHNAME', 'checkpoint_read_only'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint._read_only() IS
'internal: keeps SQL from writing to result tables';

-- those of 1.0; what stands under the name but belongs to another is not ours
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN
		SELECT t.oid::pg_catalog.regclass AS name, t.relowner AS oid,
			checkpoint._role_name(c.owner) AS owner
		FROM checkpoint.checkpoint c
			JOIN pg_catalog.pg_class t ON t.relname IN (c.input_table, c.output_table)
				AND t.relowner = checkpoint._role_oid(c.owner)
		WHERE t.relnamespace = 'checkpoint_data'::pg_catalog.regnamespace AND t.relkind = 'r'
	LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER checkpoint_read_only'
			' BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s'
			' EXECUTE FUNCTION checkpoint._read_only(%L, %L)', r.name, r.owner,
			r.oid || '/' || (SELECT system_identifier FROM pg_catalog.pg_control_system()));
		EXECUTE pg_catalog.format('ALTER TABLE %s'
			' ENABLE ALWAYS TRIGGER checkpoint_read_only', r.name);
	END LOOP;
END $$;

--
-- What is kept, and for how long
--

CREATE VIEW checkpoint._use AS
SELECT c.checkpoint_id,
	CASE WHEN c.pinned THEN 'pinned'
		WHEN EXISTS (SELECT FROM checkpoint.target t
			JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema_name
			JOIN pg_catalog.pg_class r ON r.relnamespace = n.oid AND r.relname = t.target_name
			WHERE t.checkpoint_id = c.checkpoint_id AND CASE WHEN t.as_table THEN r.relkind = 'r'
				ELSE checkpoint._shown_table(r.oid) = pg_catalog.to_regclass(
					'checkpoint_data.' || pg_catalog.quote_ident(c.output_table)) END)
			THEN 'published'
		WHEN EXISTS (SELECT FROM checkpoint.job j JOIN checkpoint.step s USING (job_id)
			WHERE j.status = 'running' AND s.checkpoint_id = c.checkpoint_id
			AND checkpoint._job_status(j.job_id, j.status, j.attached) IN ('running', 'paused'))
			THEN 'used by a running job'
		WHEN EXISTS (SELECT FROM checkpoint.lease l WHERE l.checkpoint_id = c.checkpoint_id
			AND l.expires_at > pg_catalog.clock_timestamp() AND checkpoint._session_lives(l.session))
			THEN 'worked on by clients'
	END AS use
FROM checkpoint.checkpoint c;
COMMENT ON VIEW checkpoint._use IS
'internal: what keeps a checkpoint from expiring and from being dropped; NULL if nothing does';

CREATE OR REPLACE VIEW checkpoint._held AS
SELECT c.checkpoint_id
FROM checkpoint.checkpoint c JOIN checkpoint._use u USING (checkpoint_id)
WHERE u.use IS NOT NULL
	OR EXISTS (SELECT FROM pg_catalog.pg_depend d
		WHERE d.classid IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass,
			'pg_catalog.pg_constraint'::pg_catalog.regclass)
		AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'n'
		AND d.refobjid IN
			(pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.output_table)),
			pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.input_table)))
		-- an input that is a view of the table gets it
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite r
			JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
			JOIN checkpoint.checkpoint x ON x.input_table = v.relname
			WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
			AND v.relnamespace = 'checkpoint_data'::pg_catalog.regnamespace));
COMMENT ON VIEW checkpoint._held IS
'internal: checkpoints that are used, or whose tables an object of a user depends on';

CREATE OR REPLACE VIEW checkpoint._expiry AS
SELECT c.checkpoint_id,
	CASE WHEN u.use IS NULL THEN c.last_used_at + c.retention END AS expires_at
FROM checkpoint.checkpoint c JOIN checkpoint._use u USING (checkpoint_id);

-- Its tables, and its owner is there to own them.
CREATE VIEW checkpoint._lost AS
SELECT c.checkpoint_id
FROM checkpoint.checkpoint c
	CROSS JOIN LATERAL (VALUES (c.output_table),
		(CASE c.state WHEN 'partial' THEN c.input_table END)) n (name)
WHERE n.name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_class t
	WHERE t.relnamespace = 'checkpoint_data'::pg_catalog.regnamespace
	AND t.relname = n.name
	AND (t.relkind = 'r' OR t.relkind = 'v' AND n.name = c.input_table)
	AND checkpoint._role_oid(c.owner) IN (t.relowner, 0));
COMMENT ON VIEW checkpoint._lost IS
'internal: checkpoints of no use, as their owner has no such table any more';

CREATE VIEW checkpoint._due AS
SELECT c.checkpoint_id, checkpoint._role_oid(c.owner) AS owner
FROM checkpoint.checkpoint c JOIN checkpoint._use u USING (checkpoint_id)
WHERE (c.replaced
		OR c.last_used_at + c.retention <= pg_catalog.clock_timestamp()
		OR c.state = 'final' AND (c.checkpoint_id, c.job_name, c.step) IN
			(SELECT before.carried_from, before.job_name, before.step
			FROM checkpoint.checkpoint before
				JOIN checkpoint.checkpoint last ON last.carried_from = before.checkpoint_id
			WHERE before.state = 'final' AND last.state = 'final' AND NOT before.replaced AND NOT last.replaced
			AND (last.job_name, last.step) = (before.job_name, before.step))
		OR c.checkpoint_id IN (SELECT l.checkpoint_id FROM checkpoint._lost l))
	AND u.use IS NULL;
COMMENT ON VIEW checkpoint._due IS
'internal: checkpoints that prune() drops, unless something depends on them';

CREATE FUNCTION checkpoint.pin(id bigint, label text = NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'checkpoint_pin'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.pin(bigint, text) IS
'keeps a checkpoint from expiring and from being dropped';

CREATE FUNCTION checkpoint.unpin(id bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'checkpoint_unpin'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.unpin(bigint) IS
'lets a pinned checkpoint expire again';

CREATE FUNCTION checkpoint.drop_checkpoint(id bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'checkpoint_drop_checkpoint'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.drop_checkpoint(bigint) IS
'drops tables and record of a checkpoint that is not in use';

CREATE PROCEDURE checkpoint.prune(INOUT dropped bigint = NULL, INOUT bytes bigint = NULL)
AS 'MODULE_PATHNAME', 'checkpoint_prune'
LANGUAGE C;
COMMENT ON PROCEDURE checkpoint.prune(bigint, bigint) IS
'drops what has expired or was replaced, what a crash has left, and old history';

CREATE PROCEDURE checkpoint.drop_job(name text)
AS 'MODULE_PATHNAME', 'checkpoint_drop_job'
LANGUAGE C;
COMMENT ON PROCEDURE checkpoint.drop_job(text) IS
'drops all runs of a job, with their checkpoints and tables';

GRANT EXECUTE ON ROUTINE
	checkpoint.pin(bigint, text),
	checkpoint.unpin(bigint),
	checkpoint.drop_checkpoint(bigint),
	checkpoint.prune(bigint, bigint),
	checkpoint.drop_job(text)
TO PUBLIC;

-- Who has made the extension may be no superuser, and restores result tables.
GRANT CREATE ON SCHEMA checkpoint_data TO @extowner@;

--
-- Steps.  The library finds the arguments by their names: see the table in
-- call.c.
--

DROP PROCEDURE
	checkpoint.map(text, text, text, integer, text, integer, integer, boolean,
		text, text, text, bigint),
	checkpoint.gen(text, text, text, integer, text, integer, integer, boolean,
		text, text, text, bigint),
	checkpoint.query(text, text, boolean, boolean, text, text, bigint),
	checkpoint.save(text, text, boolean, boolean, text, text, bigint);

CREATE PROCEDURE checkpoint.map(step text, input text, udf text,
	workers integer = NULL, batch integer = NULL, on_error text = 'stop',
	max_errors integer = 100, max_error_rate double precision = NULL,
	retries integer = 0, retry_delay interval = '10 ms',
	unit_timeout interval = NULL, rate double precision = NULL,
	max_rows bigint = NULL, max_time interval = NULL,
	materialized boolean = NULL, cache_enabled boolean = true,
	cache_version text = NULL, code_version text = NULL,
	depends_on text = NULL, probe text = NULL,
	on_code_change text = 'continue', job bigint = NULL)
AS 'MODULE_PATHNAME', 'checkpoint_map'
LANGUAGE C;
COMMENT ON PROCEDURE checkpoint.map IS
'runs a step that computes one output row per input row';

CREATE PROCEDURE checkpoint.gen(step text, input text, udf text,
	workers integer = NULL, keep text = NULL, on_error text = 'stop',
	max_errors integer = 100, max_error_rate double precision = NULL,
	retries integer = 0, retry_delay interval = '10 ms',
	unit_timeout interval = NULL, rate double precision = NULL,
	max_rows bigint = NULL, max_time interval = NULL,
	materialized boolean = NULL, cache_enabled boolean = true,
	cache_version text = NULL, code_version text = NULL,
	depends_on text = NULL, probe text = NULL,
	on_code_change text = 'continue', job bigint = NULL)
AS 'MODULE_PATHNAME', 'checkpoint_gen'
LANGUAGE C;
COMMENT ON PROCEDURE checkpoint.gen IS
'runs a step that computes any number of output rows per input row';

CREATE PROCEDURE checkpoint.query(step text, query text,
	materialized boolean = NULL, cache_enabled boolean = true,
	cache_version text = NULL, code_version text = NULL,
	depends_on text = NULL, probe text = NULL, job bigint = NULL)
AS 'MODULE_PATHNAME', 'checkpoint_query'
LANGUAGE C;
COMMENT ON PROCEDURE checkpoint.query IS
'runs a step that keeps the rows of a query';

CREATE PROCEDURE checkpoint.save(target text, query text,
	as_table boolean = false, step text = NULL, cache_enabled boolean = true,
	cache_version text = NULL, code_version text = NULL,
	depends_on text = NULL, probe text = NULL, job bigint = NULL)
AS 'MODULE_PATHNAME', 'checkpoint_save'
LANGUAGE C;
COMMENT ON PROCEDURE checkpoint.save IS
'publishes the rows of a query under a stable name';

--
-- Hashes of rows, or of one column.  Beside an aggregate for records, one for
-- anything would be ambiguous; what views call stays, under another name.
--

ALTER AGGREGATE checkpoint.content_hash(record) RENAME TO _content_hash_of_records;
COMMENT ON AGGREGATE checkpoint._content_hash_of_records(record) IS
'internal: content_hash as views made with 1.0 call it';

CREATE FUNCTION checkpoint._content_hash_trans(internal, "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'checkpoint_content_hash_value_trans'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._content_hash_trans(internal, "any") IS 'internal: part of content_hash';

CREATE AGGREGATE checkpoint.content_hash("any") (
	SFUNC = checkpoint._content_hash_trans,
	STYPE = internal,
	COMBINEFUNC = checkpoint._content_hash_combine,
	SERIALFUNC = checkpoint._content_hash_serial,
	DESERIALFUNC = checkpoint._content_hash_deserial,
	FINALFUNC = checkpoint._content_hash_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE checkpoint.content_hash("any") IS
'hash of a set of rows, or of one column, whatever their order; NULL if there are none';

GRANT EXECUTE ON ROUTINE
	checkpoint._content_hash_of_records(record),
	checkpoint._content_hash_trans(internal, "any"),
	checkpoint.content_hash("any")
TO PUBLIC;

--
-- Limits
--

ALTER TABLE checkpoint.job
	DROP CONSTRAINT job_status_check,
	ADD CONSTRAINT job_status_check CHECK (status IN
		('running', 'complete', 'complete_with_errors', 'failed', 'cancelled',
		 'interrupted', 'stopped')),
	ADD COLUMN max_time interval;
ALTER TABLE checkpoint.step
	DROP CONSTRAINT step_action_check,
	ADD CONSTRAINT step_action_check CHECK (action IN
		('computed', 'continued', 'carried over', 'reused', 'inlined', 'running',
		 'failed', 'stopped'));

DROP FUNCTION checkpoint.begin_job(text, boolean, text, boolean);
CREATE FUNCTION checkpoint.begin_job(name text, fresh boolean = false,
	resume_from text = NULL, attach boolean = true, publish text = 'step',
	max_time interval = NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'checkpoint_begin_job'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.begin_job(text, boolean, text, boolean, text, interval) IS
'starts a run of a pipeline and makes it the session''s job';

--
-- Aggregates of groups of rows
--

ALTER TABLE checkpoint.checkpoint DROP CONSTRAINT checkpoint_kind_check;
ALTER TABLE checkpoint.checkpoint ADD CONSTRAINT checkpoint_kind_check
	CHECK (kind IN ('query', 'map', 'gen', 'agg'));
ALTER TABLE checkpoint.step DROP CONSTRAINT step_kind_check;
ALTER TABLE checkpoint.step ADD CONSTRAINT step_kind_check
	CHECK (kind IN ('query', 'map', 'gen', 'agg', 'save', 'check_empty'));

ALTER TABLE checkpoint.step ADD COLUMN partition_by text;
COMMENT ON COLUMN checkpoint.step.partition_by IS
'argument "partition_by" of agg: columns of the input';
ALTER TABLE checkpoint.step ADD COLUMN batch integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN checkpoint.step.batch IS
'argument "batch" of map: rows of a call, which has them as arrays; 0 is one row, as it is';
ALTER TABLE checkpoint.step ADD COLUMN keep text;
COMMENT ON COLUMN checkpoint.step.keep IS
'argument "keep" of gen: columns of the input that its output has';

CREATE PROCEDURE checkpoint.agg(step text, input text, udf text, partition_by text,
	workers integer = NULL, on_error text = 'stop',
	max_errors integer = 100, max_error_rate double precision = NULL,
	retries integer = 0, retry_delay interval = '10 ms',
	unit_timeout interval = NULL, rate double precision = NULL,
	max_rows bigint = NULL, max_time interval = NULL,
	cache_enabled boolean = true,
	cache_version text = NULL, code_version text = NULL,
	depends_on text = NULL, probe text = NULL,
	on_code_change text = 'continue', job bigint = NULL)
AS 'MODULE_PATHNAME', 'checkpoint_agg'
LANGUAGE C;
COMMENT ON PROCEDURE checkpoint.agg IS
'runs a step that computes aggregates of each group of input rows';
GRANT EXECUTE ON PROCEDURE checkpoint.agg TO PUBLIC;

-- In queries of ours, as _claim() is.
CREATE FUNCTION checkpoint._position(internal)
RETURNS bigint
AS 'MODULE_PATHNAME', 'checkpoint_position'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION checkpoint._position(internal) IS
'internal: numbers the input rows of agg';

CREATE FUNCTION checkpoint._member(internal, anyarray)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'checkpoint_member'
LANGUAGE C IMMUTABLE;
COMMENT ON FUNCTION checkpoint._member(internal, anyarray) IS
'internal: rows of a group';

GRANT EXECUTE ON FUNCTION checkpoint._position(internal), checkpoint._member(internal, anyarray) TO PUBLIC;

--
-- What is going on
--

-- 1.0 had no error for some jobs that went wrong
UPDATE checkpoint.job j
SET error = COALESCE((SELECT pg_catalog.string_agg(pg_catalog.format('step "%s": %s %s failed', s.step, s.rows_failed,
		CASE s.rows_failed WHEN 1 THEN 'row' ELSE 'rows' END), '; ' ORDER BY s.step_id)
	FROM checkpoint.step s WHERE s.job_id = j.job_id AND s.rows_failed > 0), 'not recorded')
WHERE j.error IS NULL AND j.status NOT IN ('running', 'complete', 'interrupted');

ALTER TABLE checkpoint.step ADD COLUMN reads_steps text[];
COMMENT ON COLUMN checkpoint.step.reads_steps IS
'steps of the job that it reads; NULL in records of 1.0';

CREATE VIEW checkpoint.steps WITH (security_barrier) AS
SELECT s.job_id, j.name AS job, s.step, s.kind,
	checkpoint._step_action(s.step_id, s.action) AS action,
	CASE WHEN s.action = 'running' AND
			checkpoint._step_action(s.step_id, s.action) = 'failed'
		THEN CASE WHEN s.output IS NULL THEN 'its process ended'
			ELSE 'its job ended before it was finished' END
		ELSE s.reason END AS reason,
	s.checkpoint_id, s.reads_steps AS depends_on, s.query, s.udf,
	s.rows_total, s.rows_kept,
	CASE WHEN s.step_id = c.open_step
		THEN (SELECT COALESCE(pg_catalog.sum(w.rows_processed), 0)::bigint FROM checkpoint._work w
			WHERE w.checkpoint_id = s.checkpoint_id) - s.rows_kept
		ELSE s.rows_computed END AS rows_computed,
	CASE WHEN s.step_id = c.open_step
		THEN (SELECT pg_catalog.count(*) FROM checkpoint.error e
			WHERE e.checkpoint_id = s.checkpoint_id AND e.job_id = s.job_id)
		ELSE s.rows_failed END AS rows_failed,
	s.rows_output,
	pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.input_table)) AS input_table,
	pg_catalog.to_regclass('checkpoint_data.' || pg_catalog.quote_ident(c.output_table)) AS output_table,
	s.started_at, s.ended_at
FROM checkpoint.step s
	JOIN checkpoint.job j USING (job_id)
	LEFT JOIN checkpoint.checkpoint c USING (checkpoint_id)
WHERE checkpoint._may_use(j.owner)
ORDER BY s.step_id;
COMMENT ON VIEW checkpoint.steps IS 'what each job did for each step, and why';
GRANT SELECT ON checkpoint.steps TO PUBLIC;

CREATE FUNCTION checkpoint.dot(job bigint = NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'checkpoint_dot'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.dot(bigint) IS
'graph of a job''s steps for Graphviz: what reads what, action, rows, time';

CREATE FUNCTION checkpoint.mermaid(job bigint = NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'checkpoint_mermaid'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.mermaid(bigint) IS
'graph of a job''s steps for Mermaid: what reads what, action, rows, time';
GRANT EXECUTE ON FUNCTION checkpoint.dot(bigint), checkpoint.mermaid(bigint) TO PUBLIC;

CREATE FUNCTION checkpoint._step_processes(step_id bigint, OUT pid integer,
	OUT leads boolean, OUT phase text, OUT rows_done bigint, OUT rows_total bigint,
	OUT rows_per_second double precision, OUT waiting_for text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'checkpoint_step_processes'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION checkpoint._step_processes(bigint) IS
'internal: processes that work on a step, and what they do now';
GRANT EXECUTE ON FUNCTION checkpoint._step_processes(bigint) TO PUBLIC;

CREATE VIEW checkpoint.progress WITH (security_barrier) AS
SELECT r.job_id, r.job, r.step, r.phase, r.rows_done, r.rows_total,
	pg_catalog.round(100.0 * r.rows_done / NULLIF(r.rows_total, 0), 1) AS percent,
	r.rows_per_second,
	pg_catalog.make_interval(secs => pg_catalog.round(
		(r.rows_total - r.rows_done) / NULLIF(r.rows_per_second, 0))) AS time_left,
	r.workers, r.clients, r.waiting_for, r.oldest_transaction
FROM (SELECT s.job_id, j.name AS job, s.step,
		COALESCE(p.phase, CASE WHEN s.checkpoint_id IS NULL THEN 'reading input' ELSE 'running' END)
			AS phase,
		-- while it runs, what is on record; else what nobody else sees yet
		CASE WHEN p.phase <> 'running' OR s.checkpoint_id IS NULL THEN COALESCE(p.rows_done, 0)
			ELSE w.rows_done END AS rows_done,
		CASE WHEN p.phase <> 'running' OR s.checkpoint_id IS NULL THEN p.rows_total
			ELSE s.rows_total END AS rows_total,
		CASE WHEN s.output IS NULL THEN p.rows_per_second
			ELSE ((w.rows_done - s.rows_kept) / NULLIF(EXTRACT(epoch FROM
				pg_catalog.clock_timestamp() - s.started_at), 0))::double precision END AS rows_per_second,
		p.workers, h.clients, p.waiting_for, p.oldest_transaction
	FROM checkpoint.step s
		JOIN checkpoint.job j USING (job_id)
		CROSS JOIN LATERAL (SELECT COALESCE(pg_catalog.sum(w.rows_processed), 0)::bigint AS rows_done
			FROM checkpoint._work w WHERE w.checkpoint_id = s.checkpoint_id) w
		CROSS JOIN LATERAL (SELECT pg_catalog.count(*)::integer AS workers,
				pg_catalog.max(p.phase) FILTER (WHERE p.leads) AS phase,
				pg_catalog.max(p.rows_done) FILTER (WHERE p.leads) AS rows_done,
				pg_catalog.max(p.rows_total) FILTER (WHERE p.leads) AS rows_total,
				pg_catalog.sum(p.rows_per_second) AS rows_per_second,
				CASE WHEN pg_catalog.bool_or(p.waiting_for = 'paused') THEN 'paused'
					ELSE pg_catalog.max(p.waiting_for) END AS waiting_for,
				pg_catalog.min(a.xact_start) AS oldest_transaction
			FROM checkpoint._step_processes(s.step_id) AS p
				LEFT JOIN pg_catalog.pg_stat_get_activity(NULL) a USING (pid)) p
		CROSS JOIN LATERAL (SELECT pg_catalog.count(DISTINCT (l.holder, l.session))::integer AS clients
			FROM checkpoint.lease l
			WHERE s.output IS NOT NULL AND l.checkpoint_id = s.checkpoint_id
				AND l.expires_at > pg_catalog.clock_timestamp()
				AND checkpoint._session_lives(l.session)) h
	WHERE s.action = 'running' AND checkpoint._may_use(j.owner)
		AND checkpoint._step_action(s.step_id, s.action) = 'running') r;
COMMENT ON VIEW checkpoint.progress IS
'running steps: how far they are, and how long they will take';
GRANT SELECT ON checkpoint.progress TO PUBLIC;

--
-- Code outside of the server
--

CREATE FUNCTION checkpoint._add_processed(checkpoint_id bigint, range_no bigint, rows_total bigint,
	stored bytea, added bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'checkpoint_add_processed'
LANGUAGE C IMMUTABLE;
COMMENT ON FUNCTION checkpoint._add_processed(bigint, bigint, bigint, bytea, bytea) IS
'internal: adds ids to those of a range that are processed; raises if one is already';

CREATE FUNCTION checkpoint.open(step text, kind text, input text, output text,
	code_version text = NULL, reads text = NULL, partition_by text = NULL,
	cache_enabled boolean = true, probe text = NULL,
	on_code_change text = 'continue', job bigint = NULL,
	OUT checkpoint_id bigint, OUT state text, OUT input_table regclass,
	OUT output_table regclass, OUT total bigint, OUT remaining bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'checkpoint_open'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.open IS
'begins or continues a step whose rows clients compute';

CREATE FUNCTION checkpoint.mark_processed(checkpoint_id bigint, ids bigint[])
RETURNS bigint
AS 'MODULE_PATHNAME', 'checkpoint_mark_processed'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.mark_processed(bigint, bigint[]) IS
'notes that this transaction has stored the results of rows';

CREATE FUNCTION checkpoint.record_error(checkpoint_id bigint, id bigint, sqlstate text,
	message text, detail text = NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'checkpoint_record_error'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.record_error(bigint, bigint, text, text, text) IS
'puts a row that a client could not compute into quarantine';

CREATE FUNCTION checkpoint.finish(checkpoint_id bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'checkpoint_finish'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION checkpoint.finish(bigint) IS
'ends a step whose rows clients have computed';

CREATE FUNCTION checkpoint._open_rows(checkpoint_id bigint, range_no bigint, first_id bigint, last_id bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'checkpoint_open_rows'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION checkpoint._open_rows(bigint, bigint, bigint, bigint) IS
'internal: how many rows of a lease are neither processed nor in quarantine';

CREATE FUNCTION checkpoint.claim(anyelement, rows integer, lease interval = '5 min', holder text = NULL)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'checkpoint_claim_rows'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.claim(anyelement, integer, interval, text) IS
'rows of an input table for one client to compute; pass NULL::checkpoint_data.<input table>';

CREATE FUNCTION checkpoint.renew(checkpoint_id bigint, lease interval = '5 min', holder text = NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'checkpoint_renew'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.renew(bigint, interval, text) IS
'prolongs a client''s claims; returns how many rows they hold';

CREATE FUNCTION checkpoint.release(checkpoint_id bigint, holder text = NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'checkpoint_release'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.release(bigint, text) IS
'gives a client''s claims back; returns how many rows they held';

CREATE FUNCTION checkpoint.idempotency_key()
RETURNS text
AS 'MODULE_PATHNAME', 'checkpoint_idempotency_key'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.idempotency_key() IS
'in a function that a step runs: a key that is the same for each attempt at the row';

CREATE FUNCTION checkpoint.idempotency_key(checkpoint_id bigint, id bigint)
RETURNS text
AS 'MODULE_PATHNAME', 'checkpoint_idempotency_key_of'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION checkpoint.idempotency_key(bigint, bigint) IS
'for a row that a client computes: a key that is the same for each attempt at it';

CREATE VIEW checkpoint.claims WITH (security_barrier) AS
SELECT l.checkpoint_id, c.job_name AS job, c.step,
	COALESCE(l.holder, 'process ' || (l.session >> 32)) AS holder,
	pg_catalog.sum(checkpoint._open_rows(l.checkpoint_id, l.range_no, l.first_id, l.last_id))::bigint AS rows,
	l.claimed_at, pg_catalog.min(l.expires_at) AS expires_at
FROM checkpoint.lease l JOIN checkpoint.checkpoint c USING (checkpoint_id)
WHERE checkpoint._may_use(c.owner) AND c.open_step IS NOT NULL
	AND l.expires_at > pg_catalog.clock_timestamp() AND checkpoint._session_lives(l.session)
GROUP BY l.checkpoint_id, c.job_name, c.step, l.holder, l.session, l.claimed_at
HAVING pg_catalog.sum(checkpoint._open_rows(l.checkpoint_id, l.range_no, l.first_id, l.last_id)) > 0
UNION ALL
SELECT s.checkpoint_id, j.name, s.step, 'process ' || p.pid, NULL, s.started_at, NULL
FROM checkpoint.step s JOIN checkpoint.job j USING (job_id), checkpoint._step_processes(s.step_id) AS p
WHERE s.action = 'running' AND s.output IS NULL AND s.kind IN ('map', 'gen', 'agg')
	AND s.checkpoint_id IS NOT NULL AND checkpoint._may_use(j.owner)
ORDER BY checkpoint_id, claimed_at;
COMMENT ON VIEW checkpoint.claims IS
'rows that clients compute now: who, how many, until when; and the processes of steps of the server, whose rows change all the time';
GRANT SELECT ON checkpoint.claims TO PUBLIC;

GRANT EXECUTE ON FUNCTION
	checkpoint._session_lives(bigint),
	checkpoint._open_rows(bigint, bigint, bigint, bigint),
	checkpoint.claim(anyelement, integer, interval, text),
	checkpoint.idempotency_key(),
	checkpoint.idempotency_key(bigint, bigint),
	checkpoint.renew(bigint, interval, text),
	checkpoint.release(bigint, text),
	checkpoint._count_ids(bigint, integer, bytea, bigint),
	checkpoint.open,
	checkpoint.mark_processed(bigint, bigint[]),
	checkpoint.record_error(bigint, bigint, text, text, text),
	checkpoint.finish(bigint)
TO PUBLIC;

--
-- Publishing
--

COMMENT ON COLUMN checkpoint.target.made IS
'a step has made the view or table, and unpublish() drops it';
ALTER TABLE checkpoint.target ADD COLUMN made_as text;
COMMENT ON COLUMN checkpoint.target.made_as IS
'the table that a step has made: its OID, the database''s and the cluster''s, since one of that name may be made by hand later';
ALTER TABLE checkpoint.step
	ADD COLUMN target_schema name,
	ADD COLUMN target_name name,
	ADD COLUMN as_table boolean;
COMMENT ON COLUMN checkpoint.step.target_name IS
'of save: the name that it publishes under, in schema target_schema';
COMMENT ON COLUMN checkpoint.step.as_table IS
'of save: argument "as_table"';
ALTER TABLE checkpoint.job ADD COLUMN publish text NOT NULL DEFAULT 'step'
	CHECK (publish IN ('step', 'end'));
COMMENT ON COLUMN checkpoint.job.publish IS
'argument "publish" of begin_job: when the job''s targets change';

CREATE PROCEDURE checkpoint.check_empty(step text, query text, message text = NULL,
	job bigint = NULL)
AS 'MODULE_PATHNAME', 'checkpoint_check_empty'
LANGUAGE C;
COMMENT ON PROCEDURE checkpoint.check_empty IS
'runs a step that fails if a query returns a row';

CREATE FUNCTION checkpoint.unpublish(target text)
RETURNS void
AS 'MODULE_PATHNAME', 'checkpoint_unpublish'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.unpublish(text) IS
'drops a view or table that results were published as';

CREATE FUNCTION checkpoint._row_hash(record)
RETURNS uuid
AS 'MODULE_PATHNAME', 'checkpoint_row_hash'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._row_hash(record) IS
'internal: hash by which a row counts in content hashes';

GRANT EXECUTE ON ROUTINE
	checkpoint.check_empty,
	checkpoint.unpublish(text),
	checkpoint._row_hash(record)
TO PUBLIC;

--
-- Sums of hashes of rows, which parallel workers and other servers can compute parts of
--

CREATE FUNCTION checkpoint._hash_sum_trans(bytea, uuid)
RETURNS bytea
AS 'MODULE_PATHNAME', 'checkpoint_hash_sum_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._hash_sum_trans(bytea, uuid) IS 'internal: part of _hash_sum';

CREATE FUNCTION checkpoint._hash_sum_combine(bytea, bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'checkpoint_hash_sum_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION checkpoint._hash_sum_combine(bytea, bytea) IS 'internal: part of _hash_sum';

CREATE AGGREGATE checkpoint._hash_sum(uuid) (
	SFUNC = checkpoint._hash_sum_trans,
	STYPE = bytea,
	COMBINEFUNC = checkpoint._hash_sum_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE checkpoint._hash_sum(uuid) IS
'internal: sum of the hashes of rows, by which sets of rows are compared';

GRANT EXECUTE ON ROUTINE
	checkpoint._hash_sum_trans(bytea, uuid),
	checkpoint._hash_sum_combine(bytea, bytea),
	checkpoint._hash_sum(uuid)
TO PUBLIC;

--
-- Rows in quarantine
--

CREATE TABLE checkpoint.given_up_row (
	checkpoint_id bigint NOT NULL,
	sys__id bigint NOT NULL,
	reason text NOT NULL,
	since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (checkpoint_id, sys__id)
);
COMMENT ON TABLE checkpoint.given_up_row IS
'rows that are never to be computed, and why; see the view given_up';
SELECT pg_catalog.pg_extension_config_dump('checkpoint.given_up_row', '');

CREATE FUNCTION checkpoint.give_up(checkpoint_id bigint, id bigint, reason text)
RETURNS void
AS 'MODULE_PATHNAME', 'checkpoint_give_up'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION checkpoint.give_up(bigint, bigint, text) IS
'has a row in quarantine count as processed, without output';

CREATE FUNCTION checkpoint._error_input(checkpoint_id bigint, id bigint)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'checkpoint_error_input'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION checkpoint._error_input(bigint, bigint) IS
'internal: values of a row in quarantine';

GRANT EXECUTE ON FUNCTION checkpoint.give_up(bigint, bigint, text),
	checkpoint._error_input(bigint, bigint) TO PUBLIC;

CREATE VIEW checkpoint.errors WITH (security_barrier) AS
SELECT e.checkpoint_id, e.job_id, c.job_name AS job, c.step, e.sys__id,
	checkpoint._error_input(e.checkpoint_id, e.sys__id) AS input, e.sqlstate,
	e.message, e.detail, e.context, e.attempts, e.last_attempt
FROM checkpoint.error e JOIN checkpoint.checkpoint c USING (checkpoint_id)
WHERE checkpoint._may_use(c.owner)
ORDER BY e.checkpoint_id, e.sys__id;
COMMENT ON VIEW checkpoint.errors IS 'rows in quarantine, with their errors';

CREATE VIEW checkpoint.given_up WITH (security_barrier) AS
SELECT g.checkpoint_id, c.job_name AS job, c.step, g.sys__id, g.reason, g.since
FROM checkpoint.given_up_row g JOIN checkpoint.checkpoint c USING (checkpoint_id)
WHERE checkpoint._may_use(c.owner)
ORDER BY g.checkpoint_id, g.sys__id;
COMMENT ON VIEW checkpoint.given_up IS 'rows that were given up, and why';

GRANT SELECT ON checkpoint.errors, checkpoint.given_up TO PUBLIC;

--
-- Pausing
--

CREATE FUNCTION checkpoint.pause_job(job bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'checkpoint_pause_job'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION checkpoint.pause_job(bigint) IS
'lets the processes of a job wait between two rows; false if it does not run';

CREATE FUNCTION checkpoint.resume_job(job bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'checkpoint_resume_job'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION checkpoint.resume_job(bigint) IS
'lets a paused job go on; false if it is not paused';

GRANT EXECUTE ON FUNCTION checkpoint.pause_job(bigint), checkpoint.resume_job(bigint) TO PUBLIC;

--
-- Questions that statements seldom have to ask: a function costs nothing until it
-- is called, a view that is part of a statement does at each start of it.
--

CREATE FUNCTION checkpoint._is_used(checkpoint_id bigint)
RETURNS boolean LANGUAGE sql STABLE AS
'SELECT EXISTS (SELECT FROM checkpoint._use u WHERE u.checkpoint_id = $1 AND u.use IS NOT NULL)';
COMMENT ON FUNCTION checkpoint._is_used(bigint) IS
'internal: whether something keeps a checkpoint from expiring';

CREATE FUNCTION checkpoint._is_held(checkpoint_id bigint)
RETURNS boolean LANGUAGE sql STABLE AS
'SELECT EXISTS (SELECT FROM checkpoint._held h WHERE h.checkpoint_id = $1)';
COMMENT ON FUNCTION checkpoint._is_held(bigint) IS
'internal: whether something keeps a checkpoint from being dropped';

--
-- What everybody needs, by name: default privileges may not give it.
--

GRANT EXECUTE ON ROUTINE
	checkpoint.begin_job(text, boolean, text, boolean, text, interval),
	checkpoint.end_job(bigint),
	checkpoint.fail_job(text, bigint),
	checkpoint.cancel_job(bigint),
	checkpoint.rename_job(text, text),
	checkpoint.map,
	checkpoint.gen,
	checkpoint.query,
	checkpoint.save,
	checkpoint._claim(internal, tid),
	checkpoint.remainder(anyelement),
	checkpoint.remaining_ids(bigint),
	checkpoint.processed_ids(bigint),
	checkpoint.is_processed(bigint, bigint),
	checkpoint.explain_job(text),
	checkpoint.output(text, bigint),
	checkpoint.fingerprint(regprocedure),
	checkpoint.fingerprint_components(regprocedure),
	checkpoint.content_hash("any", VARIADIC "any"),
	checkpoint._content_hash_trans(internal, record),
	checkpoint._content_hash_trans(internal, "any", VARIADIC "any"),
	checkpoint._content_hash_combine(internal, internal),
	checkpoint._content_hash_serial(internal),
	checkpoint._content_hash_deserial(bytea, internal),
	checkpoint._content_hash_final(internal),
	checkpoint._role_name(checkpoint.role),
	checkpoint._may_use(checkpoint.role),
	checkpoint._shown_table(regclass),
	checkpoint._read_only(),
	checkpoint._job_status(bigint, text, boolean),
	checkpoint._step_action(bigint, text),
	checkpoint._retention()
TO PUBLIC;
