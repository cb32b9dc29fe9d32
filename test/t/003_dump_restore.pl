# Rule 17: state survives pg_dump and pg_restore, VACUUM FULL and CLUSTER.  A
# half-done job continues after each of them, and finished steps are reused.
#
# Rule 16: copies of files keep the owners; a dump carries the names that they
# have then, which mean the roles of those names where it is restored.
#
# Calls are counted by a sequence, which no rollback undoes.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
# wal_level and senders for a base backup
$node->init(allows_streaming => 1);
$node->start;

# A job of a role without any privileges: step "done" finishes, "half" and "gen"
# fail at row 700 of 1000, which stand in several blocks.
my $fails = 'x = 700';
my %function = (
	f => "RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM nextval('public.calls');
	IF %s THEN RAISE 'not yet'; END IF;
	RETURN x * 2;
END \$\$",
	g => "RETURNS SETOF int LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM nextval('public.calls');
	RETURN QUERY SELECT generate_series(1, x %% 3);
	IF %s THEN RAISE 'not yet'; END IF;
END \$\$");

sub replace_functions
{
	my ($db, $condition) = @_;

	foreach my $name (sort keys %function)
	{
		$node->safe_psql($db,
			"CREATE OR REPLACE FUNCTION public.$name(x int) " . sprintf($function{$name}, $condition));
	}
}

my $user = 'app';

sub begin
{
	return "SET ROLE $user; SET search_path = public;\nSELECT checkpoint.begin_job('$_[0]');\n";
}

my $done = "CALL checkpoint.query('done', 'SELECT num, pad FROM src ORDER BY num');\n";
my $half = "CALL checkpoint.map('half', 'SELECT num, pad FROM done ORDER BY num', 'f(num) AS y');\n";
# its input is a view of done
my $view = "CALL checkpoint.map('view', 'SELECT num, pad FROM done', 'f(num) + 0 AS y');\n";
my $gen = "CALL checkpoint.gen('gen', 'SELECT num, pad FROM src ORDER BY num', 'g(num) AS y');\n";
my $save = "CALL checkpoint.save('app.shown', 'SELECT y FROM half');\n";
my $end = "SELECT checkpoint.end_job();\n";

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE app;
CREATE EXTENSION checkpoint;
CREATE SCHEMA app AUTHORIZATION app;
CREATE SEQUENCE public.calls;
GRANT ALL ON SEQUENCE public.calls TO app;
CREATE TABLE public.src AS SELECT i AS num, repeat(chr(64 + i % 26), 200) AS pad FROM generate_series(1, 1000) i;
GRANT SELECT ON public.src TO app;
SQL
replace_functions('postgres', $fails);

sub step_name
{
	return $_[0] =~ /'(\w+)'/ ? $1 : die "no step in $_[0]";
}

sub fail_halfway
{
	my ($db, $job) = @_;
	my $stderr;

	foreach my $step ($half, $view, $gen)
	{
		my $name = "$job " . step_name($step);
		$node->psql($db, begin($name) . $done . $step, stderr => \$stderr);
		like($stderr, qr/ERROR:  not yet\n/, "$name fails");
		like($stderr, qr/, sys__id 700, 699 of 1000 rows kept/, "$name keeps what was computed");
	}
	is($node->safe_psql($db, "SELECT relkind FROM pg_class WHERE oid = (SELECT input_table FROM checkpoint.checkpoints WHERE job = '$job view' AND state = 'partial')"),
		'v', "$job view has a view as its input");
}

my $last_step = 'SELECT action, rows_total, rows_kept, rows_computed FROM checkpoint.steps '
  . "WHERE step IN ('half', 'view', 'gen') ORDER BY job_id DESC LIMIT 1";
my $output = "SELECT output_table FROM checkpoint.steps WHERE step IN ('half', 'view', 'gen') ORDER BY job_id DESC LIMIT 1";

# The reruns of both jobs compute rows 700 to 1000 and give the right result.
sub reruns_continue
{
	my ($db, $job, $test) = @_;

	replace_functions($db, 'false');
	foreach my $step ($half, $view, $gen)
	{
		my $name = step_name($step);
		$node->safe_psql($db, "SELECT setval('public.calls', 1, false)");
		my ($ret, $stdout, $stderr) =
		  $node->psql($db, begin("$job $name") . $done . $step . ($name eq 'half' ? $save : '') . $end);
		is($ret, 0, "$test: the rerun of $name works") or diag($stderr);
		like($stderr, qr/step "done": reused: /, "$test: the finished step is reused");
		is($node->safe_psql($db, $last_step), 'continued|1000|699|301', "$test: $name continues");
		is($node->safe_psql($db, 'SELECT last_value FROM public.calls'),
			'301', "$test: calls of $name are those that were left");
		my $table = $node->safe_psql($db, $output);
		my $wrong =
		  $name ne 'gen'
		  ? "(SELECT num, pad, y FROM $table EXCEPT ALL SELECT num, pad, num * 2 FROM public.src)
			UNION ALL (SELECT num, pad, num * 2 FROM public.src EXCEPT ALL SELECT num, pad, y FROM $table)"
		  : "(SELECT y FROM $table EXCEPT ALL SELECT generate_series(1, num % 3) FROM public.src)
			UNION ALL (SELECT generate_series(1, num % 3) FROM public.src EXCEPT ALL SELECT y FROM $table)";
		is($node->safe_psql($db, "SELECT count(*) FROM ($wrong) w"),
			'0', "$test: $name gives what the plain SELECT gives");
		is($node->safe_psql($db, "SELECT count(*) - count(DISTINCT sys__id) FROM $table"),
			'0', "$test: no sys__id of $name occurs twice");
		is( $node->safe_psql($db, "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = '$table'::regclass"),
			$user,
			"$test: the output of $name belongs to its user");
	}
	is($node->safe_psql($db, 'SELECT count(*), sum(y) FROM app.shown'),
		'1000|1001000', "$test: the published view shows the result");
	replace_functions($db, $fails);
}

#
# Dump and restore, into a new database
#
fail_halfway('postgres', 'dump');

# Code of all kinds is the same code there, whatever OIDs it has: a finished step
# that uses it is reused.
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA code;
GRANT ALL ON SCHEMA code TO app;
CREATE FUNCTION code.helper(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('public.calls');
	RETURN i + 1;	-- a comment
END $$;
CREATE FUNCTION code.plus(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + code.helper(b)';
CREATE OPERATOR code.<+> (LEFTARG = int, RIGHTARG = int, FUNCTION = code.plus);
CREATE AGGREGATE code.total(int) (SFUNC = code.plus, STYPE = int, INITCOND = '0');
CREATE TYPE code.pair AS (a int, b int);
CREATE FUNCTION code.to_pair(int) RETURNS code.pair LANGUAGE sql AS 'SELECT ROW($1, 1)::code.pair';
CREATE CAST (int AS code.pair) WITH FUNCTION code.to_pair(int);
CREATE TYPE code.color AS ENUM ('red', 'green');
CREATE DOMAIN code.positive AS int CHECK (code.plus(value, 0) > 0);
CREATE VIEW code.shown AS SELECT num, num OPERATOR(code.<+>) 1 AS more FROM public.src;
GRANT SELECT ON code.shown TO app;
CREATE FUNCTION code.atomic(i int, c code.color DEFAULT 'green') RETURNS int STRICT SET work_mem = '1MB'
BEGIN ATOMIC
	SELECT (i OPERATOR(code.<+>) 2) + (i::code.pair).b + (SELECT count(*) FROM code.shown)::int
		+ (SELECT code.total(x) FROM generate_series(1, i) x) + length(c::text);
END;
CREATE FUNCTION code.calls_all(i int) RETURNS int LANGUAGE sql AS 'SELECT code.atomic(i) + i::code.positive';
SQL
my $all = "CALL checkpoint.map('all', 'SELECT num, ''red''::code.color AS c FROM src WHERE num < 4', "
  . "'code.calls_all(num) AS y, num OPERATOR(code.<+>) 1 AS z, code.atomic(num, c) AS c2, num::code.positive AS q');\n";
my $fingerprints = "SELECT f, checkpoint.fingerprint(f::regprocedure), checkpoint.fingerprint_components(f::regprocedure) "
  . "FROM unnest(ARRAY['code.calls_all(int)', 'code.atomic(int, code.color)']) f ORDER BY 1, 3";
$node->safe_psql('postgres', begin('all') . $all . $end);

# a job that is open does not run in the restored database
my $session = $node->background_psql('postgres');
$session->query_safe("SELECT checkpoint.begin_job('open')");

my $dump = $node->backup_dir . '/dump';
mkdir $node->backup_dir;
my $views = 'SELECT checkpoint_id, job, step, kind, state, owner, input_hash, code_hash, content_hash, '
  . 'rows_total, rows_processed, rows_output, created_at, last_used_at, input_table, output_table '
  . 'FROM checkpoint.checkpoints';
# the job that is open here is interrupted there
my $jobs = "SELECT job_id, name, owner, rerun_of, started_at, ended_at, NULLIF(error, 'session ended without end_job') "
  . "FROM checkpoint.jobs ORDER BY job_id";
my $remaining = "SELECT checkpoint_id, array_agg(r) FROM checkpoint.checkpoints, "
  . "checkpoint.remaining_ids(checkpoint_id) r WHERE state = 'partial' GROUP BY 1 ORDER BY 1";

$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.custom", '-p', $node->port, '-h', $node->host, 'postgres' ],
	'pg_dump works');
$node->command_ok([ 'pg_dump', '-f', "$dump.sql", '-p', $node->port, '-h', $node->host, 'postgres' ],
	'pg_dump to a script works');
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0") foreach ('restored', 'replayed', 'parallel');
$node->command_ok([ 'pg_restore', '-e', '-d', 'restored', '-p', $node->port, '-h', $node->host, "$dump.custom" ],
	'pg_restore works');
$node->command_ok(
	[ 'psql', '-X', '-q', '-o', File::Spec->devnull, '-v', 'ON_ERROR_STOP=1', '-d', 'replayed', '-p', $node->port, '-h', $node->host, '-f', "$dump.sql" ],
	'the script works');
$node->command_ok(
	[ 'pg_restore', '-e', '-j', '2', '-d', 'parallel', '-p', $node->port, '-h', $node->host, "$dump.custom" ],
	'pg_restore with two jobs works');

foreach my $db ('restored', 'replayed', 'parallel')
{
	foreach my $query ($views, $jobs, $remaining)
	{
		is($node->safe_psql($db, $query), $node->safe_psql('postgres', $query),
			"$db: the state is the same");
	}
	is($node->safe_psql($db, $fingerprints), $node->safe_psql('postgres', $fingerprints),
		"$db: the same code has the same fingerprint");
	my ($ret, $stdout, $stderr) =
	  $node->psql($db, "SELECT setval('public.calls', 1, false);\n" . begin('all') . $all . $end);
	like($stderr, qr/step "all": reused: final checkpoint /, "$db: a finished step is reused");
	is($node->safe_psql($db, 'SELECT is_called FROM public.calls'), 'f', "$db: no function was called");
	is($node->safe_psql($db, "SELECT status FROM checkpoint.jobs WHERE name = 'open'"),
		'interrupted', "$db: the open job shows as interrupted");
	reruns_continue($db, 'dump', $db);
	is( $node->safe_psql($db,
			"SELECT count(*) FROM checkpoint.jobs j JOIN checkpoint.jobs o ON o.job_id = j.rerun_of AND o.name = j.name AND j.name <> 'all'"),
		'3', "$db: job numbers go on");
}
$session->query_safe('SELECT checkpoint.end_job()');
$session->quit;
reruns_continue('postgres', 'dump', 'dumped');

#
# The input and output tables are rewritten between failure and rerun.  CLUSTER
# turns the order of the rows round, which the runner must not rely upon.
#
my @partial = ('input_table', 'output_table');
my %rewrite = (
	'vacuum full' => sub { "VACUUM FULL $_[0]" },
	'cluster' => sub {
		"CREATE INDEX by_id ON $_[0] (sys__id DESC); CLUSTER $_[0] USING by_id; DROP INDEX checkpoint_data.by_id";
	},
	'alter' => sub { "ALTER TABLE $_[0] SET (fillfactor = 50); VACUUM FULL $_[0]" });

foreach my $how (sort keys %rewrite)
{
	# other work than before: a final checkpoint would be reused
	$node->safe_psql('postgres', 'UPDATE public.src SET pad = pad || 1');
	fail_halfway('postgres', $how);
	foreach my $column (@partial)
	{
		foreach my $table (
			split /\n/, $node->safe_psql('postgres',
				"SELECT COALESCE(checkpoint._shown_table($column), $column) FROM checkpoint.checkpoints WHERE state = 'partial'"))
		{
			$node->safe_psql('postgres', $_) foreach split /; /, $rewrite{$how}->($table);
		}
	}
	reruns_continue('postgres', $how, $how);
}

#
# VACUUM FULL while the step runs: it comes between two of its transactions, and
# with another fillfactor the rows move to other blocks.
#
$node->safe_psql('postgres', <<'SQL');
UPDATE public.src SET pad = pad || 1;
CREATE FUNCTION public.waits(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('public.calls');
	IF x = 400 THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	RETURN x * 2;
END $$;
SELECT setval('public.calls', 1, false);
SQL
my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(1)');
my $runner = $node->background_psql('postgres', on_error_stop => 0);
$runner->query_safe("SET checkpoint.commit_interval = 0");
$runner->query_safe("SELECT checkpoint.begin_job('online')");
$runner->query_until(qr/called/,
	"\\echo called\nCALL checkpoint.map('half', 'SELECT num, pad FROM public.src ORDER BY num', 'public.waits(num) AS y');\n");
my $waits = "SELECT count(*) = %d FROM pg_locks WHERE NOT granted AND locktype = '%s'";
$node->poll_query_until('postgres', sprintf($waits, 1, 'advisory')) or die 'the step does not wait';
my $table = $node->safe_psql('postgres', "SELECT input_table FROM checkpoint.checkpoints WHERE state = 'partial'");
my $cluster = $node->background_psql('postgres', on_error_stop => 0);
$cluster->query_until(qr/called/, "\\echo called\nALTER TABLE $table SET (fillfactor = 40);\nVACUUM FULL $table;\n");
$node->poll_query_until('postgres', sprintf($waits, 1, 'relation')) or die 'ALTER TABLE does not wait';
$holder->quit;
$runner->query('SELECT checkpoint.end_job()');
is($node->safe_psql('postgres', $last_step), 'computed|1000|0|1000', 'online: the step finishes');
is($node->safe_psql('postgres', 'SELECT last_value FROM public.calls'), '1000', 'online: each call was made once');
$table = $node->safe_psql('postgres', $output);
is( $node->safe_psql('postgres',
		"SELECT count(*), count(DISTINCT sys__id), count(DISTINCT num), sum(y) FROM $table"),
	'1000|1000|1000|1001000',
	'online: the result is right');
$cluster->quit;
$runner->quit;

#
# Owners.  The role that ran the jobs is renamed, and another has its name.
#
$node->safe_psql('postgres', 'UPDATE public.src SET pad = pad || 1');
fail_halfway('postgres', 'owner');
$node->safe_psql('postgres', 'ALTER ROLE app RENAME TO renamed; CREATE ROLE app');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.renamed", '-p', $node->port, '-h', $node->host, 'postgres' ],
	'pg_dump works after the role was renamed');
my $jobs_of = "SET ROLE %s; SELECT count(*) > 0 FROM checkpoint.jobs";
$node->backup('base');
$node->safe_psql('postgres', "CREATE DATABASE renamed TEMPLATE template0");
$node->command_ok([ 'pg_restore', '-e', '-d', 'renamed', '-p', $node->port, '-h', $node->host, "$dump.renamed" ],
	'pg_restore works');
$node->safe_psql('postgres', "CREATE DATABASE copied TEMPLATE postgres");
$user = 'renamed';
foreach my $db ('renamed', 'copied')
{
	is($node->safe_psql($db, sprintf($jobs_of, 'renamed')), 't', "$db: the jobs are those of the renamed role");
	is($node->safe_psql($db, sprintf($jobs_of, 'app')), 'f', "$db: they are not those of the role that has its name");
	reruns_continue($db, 'owner', $db);
}
$node->stop;

# a base backup
my $main = $node;
$node = PostgreSQL::Test::Cluster->new('copy');
$node->init_from_backup($main, 'base');
$node->start;
is($node->safe_psql('postgres', sprintf($jobs_of, 'app')), 'f', 'base backup: a new role with the old name has no jobs');
reruns_continue('postgres', 'owner', 'base backup');
$node->stop;

# Another cluster, without the role: what is restored is nobody's until there is
# one of that name.  Other roles may have its OID there.
$node = PostgreSQL::Test::Cluster->new('other');
$node->init;
$node->start;
$node->safe_psql('postgres', "CREATE ROLE other$_") foreach (1 .. 9);
foreach my $db ('given_back', 'kept')
{
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	$node->command_ok(
		[ 'pg_restore', '-e', '--no-owner', '--no-acl', '-d', $db, '-p', $node->port, '-h', $node->host, "$dump.renamed" ],
		"$db: pg_restore works without the role");
	is($node->safe_psql($db, "SELECT string_agg(DISTINCT owner, ', ') FROM checkpoint.jobs WHERE owner <> current_user"),
		'renamed', "$db: the view shows its name");
	is(join('', map { $node->safe_psql($db, sprintf($jobs_of, "other$_")) } (1 .. 9)),
		'f' x 9, "$db: no other role has the jobs");
}
$node->safe_psql('postgres', 'CREATE ROLE renamed');
foreach my $db ('given_back', 'kept')
{
	is($node->safe_psql($db, sprintf($jobs_of, 'renamed')), 't', "$db: the new role has the jobs");
	$node->safe_psql($db, 'GRANT ALL ON SCHEMA app TO renamed; GRANT ALL ON SEQUENCE public.calls TO renamed; '
		  . 'GRANT SELECT ON public.src TO renamed; ALTER VIEW app.shown OWNER TO renamed');
}

# with its tables it has all; without them it computes anew and leaves them alone
my $result_tables = "FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r'";
foreach my $table (split /\n/, $node->safe_psql('given_back',
	"SELECT oid::regclass FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind IN ('r', 'v')"))
{
	$node->safe_psql('given_back', "ALTER TABLE $table OWNER TO renamed");
}
reruns_continue('given_back', 'owner', 'given back');

my $tables = "SELECT count(*), sum(pg_relation_size(oid)) $result_tables AND relowner = 10";
my $before = $node->safe_psql('kept', $tables);
my $explained = $node->safe_psql('kept',
	"SET client_min_messages = error; SET ROLE renamed; SET search_path = public;\n"
	  . "SELECT string_agg(step || ' ' || COALESCE(action, 'depends'), ', ') FROM checkpoint.explain_job('owner half')");
is($explained, 'done computed, half depends', 'kept: what is explained is what will be done');
replace_functions('kept', 'false');
my ($ret, $stdout, $stderr) = $node->psql('kept', begin('owner half') . $done . $half . $end);
is($ret, 0, 'kept: the rerun works') or diag($stderr);
like($stderr, qr/WARNING:  checkpoint \d+ of step "half" cannot be used\n.*it has another owner/,
	'kept: it says why it does not continue');
is($node->safe_psql('kept', $last_step), 'computed|1000|0|1000', 'kept: it computes all rows');
is($node->safe_psql('kept', $tables), $before, 'kept: tables that belong to somebody else now are left alone');
is( $node->safe_psql('kept',
		"SELECT count(*) FROM checkpoint.checkpoints WHERE state = 'partial' AND job = 'owner half'"),
	'0', 'kept: their record is gone');

# from then on, what it had and what it did follows the role
$node->safe_psql('postgres', 'ALTER ROLE renamed RENAME TO renamed_again');
is($node->safe_psql('kept', sprintf($jobs_of, 'renamed_again')), 't', 'kept: renamed again, the role has its jobs');
is( $node->safe_psql('kept',
		"SELECT string_agg(DISTINCT owner, ', ') FROM (SELECT owner FROM checkpoint.jobs WHERE owner <> current_user "
		  . "UNION ALL SELECT owner FROM checkpoint.checkpoints WHERE owner <> current_user) o"),
	'renamed_again', 'kept: all of them, and its checkpoints');

$node->stop;
done_testing();
