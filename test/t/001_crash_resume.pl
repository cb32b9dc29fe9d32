# Rules 6, 8, 12 and 17: whatever ends a step in the middle, its rerun computes
# what is left and nothing else.  The result equals the plain SELECT, and no call
# of the function is repeated but that of the row in hand.
#
# The function waits for an advisory lock at one row, which is where the step is
# ended.  It writes each call to the server's log, which no rollback undoes.  Each row
# is a transaction.

use strict;
use warnings;

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$SIG{PIPE} = 'IGNORE';

my $rows = 12;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION checkpoint;
CREATE TABLE src AS SELECT i AS num, 'text ' || i AS txt FROM generate_series(1, $rows) i;
CREATE TABLE wait_at (num int);
CREATE FUNCTION call_of(what text, x int) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	RAISE LOG 'call of %(%)', what, x;
	IF EXISTS (SELECT FROM wait_at WHERE num = x) THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
END \$\$;
CREATE FUNCTION slow(x int) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM call_of('slow', x);
	RETURN x * 2;
END \$\$;
CREATE FUNCTION slow_gen(x int) RETURNS SETOF int LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN 1 .. x % 3 LOOP
		RETURN NEXT x * 10 + i;
	END LOOP;
	PERFORM call_of('slow_gen', x);
	FOR i IN 1 .. x % 2 LOOP
		RETURN NEXT -x;
	END LOOP;
END \$\$;
CREATE FUNCTION slow_input() RETURNS SETOF src LANGUAGE plpgsql AS \$\$
BEGIN
	RETURN QUERY SELECT * FROM src WHERE num <= 3;
	PERFORM call_of('slow_input', 0);
	RETURN QUERY SELECT * FROM src WHERE num > 3;
END \$\$;
SQL

# The name of the job is the version, so that no job can reuse what another made.
sub call
{
	my ($kind, $job) = @_;
	my %call = (
		map => "map('s', 'SELECT num, txt FROM src ORDER BY num', 'slow(num) AS y'",
		gen => "gen('s', 'SELECT num FROM src ORDER BY num', 'slow_gen(num) AS y'",
		input => "map('s', 'SELECT num FROM slow_input()', 'num * 2 AS y'",);
	return "CALL checkpoint.$call{$kind}, cache_version => '$job')";
}

my %plain = (
	map => 'SELECT num, txt, num * 2 FROM src',
	gen => 'SELECT g FROM src, LATERAL (SELECT num * 10 + i FROM generate_series(1, num % 3) i '
	  . 'UNION ALL SELECT -num FROM generate_series(1, num % 2)) l(g)',
	input => 'SELECT num, num * 2 FROM src',);
my %columns = (map => 'num, txt, y', gen => 'y', input => 'num, y');

my %sql = (
	last_job => 'SELECT max(job_id) FROM checkpoint.jobs',
	status => 'SELECT status FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1',
	step => "SELECT action || '|' || reason FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1",
	processed => 'SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints '
	  . 'ORDER BY checkpoint_id DESC LIMIT 1',
	counts => 'SELECT action, rows_total, rows_kept, rows_computed FROM checkpoint.steps '
	  . 'ORDER BY job_id DESC LIMIT 1',
	orphans => "SELECT count(*) FROM pg_class r WHERE relnamespace = 'checkpoint_data'::regnamespace "
	  . "AND relkind = 'r' AND NOT EXISTS (SELECT FROM checkpoint.checkpoints WHERE r.oid IN (input_table, output_table))",
);

sub get { return $node->safe_psql('postgres', $sql{ $_[0] }) }

# All rows of a query as sorted text.
sub sorted_rows
{
	return join "\n", sort split /\n/, $node->safe_psql('postgres', $_[0]);
}

# The calls since an offset in the server's log.
my $log_offset = 0;

sub new_calls
{
	my $log = slurp_file($node->logfile, $log_offset);
	$log_offset += length $log;
	return join ' ', $log =~ /LOG:  call of \w+\((\d+)\)/g;
}

# Starts a session that holds the lock and one that runs a step, and returns when
# the step waits at the given row: (holder, runner, pid of the latter).
sub run_until
{
	my ($job, $kind, $row) = @_;

	$node->safe_psql('postgres', "TRUNCATE wait_at; INSERT INTO wait_at VALUES ($row)");
	my $holder = $node->background_psql('postgres');
	$holder->query_safe('SELECT pg_advisory_lock(1)');
	my $runner = $node->background_psql('postgres', on_error_stop => 0);
	$runner->query_safe("SET checkpoint.commit_interval = 0");
	my $pid = $runner->query_safe('SELECT pg_backend_pid()');
	$runner->query_safe("SELECT checkpoint.begin_job('$job')");
	$runner->query_until(qr/called/, "\\echo called\n" . call($kind, $job) . ";\n");
	ok( $node->poll_query_until(
			'postgres',
			"SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $pid AND locktype = 'advisory' AND NOT granted)"
		),
		"$job: the step waits at row $row");
	return ($holder, $runner, $pid);
}

# Puts all that is committed on disk, as the WAL writer does after three times
# wal_writer_delay at the latest: a commit of our own waits for what is before it.
sub flush
{
	$node->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'flush', '')});
}

# Ends sessions that may be gone already.
sub drop_sessions
{
	foreach my $session (@_)
	{
		eval { $session->quit };
	}
}

sub wait_for_end
{
	my ($pid) = @_;
	$node->poll_query_until('postgres',
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)")
	  or die "process $pid did not end";
}

# Kills a process and waits until the server has noticed that and recovered: it has
# another checkpointer then.
sub kill_and_recover
{
	my ($pid) = @_;
	my $checkpointer = q{FROM pg_stat_activity WHERE backend_type = 'checkpointer'};
	my $before = $node->safe_psql('postgres', "SELECT pid $checkpointer");

	kill 'KILL', $pid or die "kill $pid: $!";
	$node->poll_query_until('postgres', "SELECT pid <> $before $checkpointer")
	  or die 'no crash recovery';
}

# A job that died is dead for everybody, until begin_job starts the rerun.
sub is_dead
{
	my ($job, $test) = @_;

	foreach my $call ("CALL checkpoint.query('t', 'SELECT num FROM src', job => $job)",
		"SELECT checkpoint.end_job($job)")
	{
		$node->psql(
			'postgres', $call,
			stderr => \my $stderr,
			extra_params => [ '-v', 'VERBOSITY=verbose' ]);
		like($stderr, qr/ERROR:  55000: .* it is interrupted\nHINT:/, "$test: " . ($call =~ /end_job/ ? 'end_job' : 'a step') . ' is refused');
	}
	is(get('status'), 'interrupted', "$test: that changed nothing");
}

# Runs a job to its end, in one session, and checks what it gives.
sub rerun_completes
{
	my ($job, $kind, $counts, $test) = @_;

	$node->safe_psql('postgres', 'TRUNCATE wait_at');
	my ($ret, $stdout, $stderr) = $node->psql('postgres',
		"SELECT checkpoint.begin_job('$job');\n" . call($kind, $job) . ";\nSELECT checkpoint.end_job();");
	is($ret, 0, "$test: the rerun works") or diag($stderr);
	is(get('counts'), $counts, "$test: it computes what is left");
	is(get('status'), 'complete', "$test: it is complete");
	my $output = $node->safe_psql('postgres',
		'SELECT output_table FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1');
	is(sorted_rows("SELECT $columns{$kind} FROM $output"),
		sorted_rows($plain{$kind}), "$test: the result is that of the plain SELECT");
	is( $node->safe_psql('postgres', "SELECT count(*) - count(DISTINCT sys__id) FROM $output"),
		'0', "$test: no sys__id occurs twice");
	is(get('orphans'), '0', "$test: no table is left over");
}

#
# The backend is killed: the server goes through crash recovery.
#
foreach my $kind ('map', 'gen')
{
	my $job = "kill $kind";

	new_calls();
	foreach my $row (3, 4, 9)
	{
		my ($holder, $runner, $pid) = run_until($job, $kind, $row);

		is(get('status'), 'running', "$job: the job is running");
		is( get('processed'),
			"partial|$rows|" . ($row - 1),
			"$job: each row before row $row is committed");
		flush();
		kill_and_recover($pid);
		drop_sessions($holder, $runner);

		is(get('status'), 'interrupted', "$job: the job shows as interrupted");
		is(get('step'), 'failed|its process ended', "$job: its step as failed");
		is(get('processed'), "partial|$rows|" . ($row - 1), "$job: nothing is lost");
		is(get('orphans'), '0', "$job: no table is left over");
	}
	rerun_completes($job, $kind, 'continued|12|8|4', $job);
	is(new_calls(), '1 2 3 3 4 4 5 6 7 8 9 9 10 11 12',
		"$job: only calls in hand were repeated");
	rerun_completes($job, $kind, 'reused|12|12|0', "$job, once more");
	is(new_calls(), '', "$job: a finished step calls nothing");
	is( $node->safe_psql('postgres',
			"SELECT status, count(*) FROM checkpoint.jobs WHERE name = '$job' GROUP BY 1 ORDER BY 1"),
		"complete|2\ninterrupted|3",
		"$job: the runs that died are stored as interrupted");
}

#
# Killed while the input is being read: nothing was kept.
#
{
	my ($holder, $runner, $pid) = run_until('kill input', 'input', 0);
	kill_and_recover($pid);
	drop_sessions($holder, $runner);

	is(get('status'), 'interrupted', 'input: the job shows as interrupted');
	is(get('orphans'), '0', 'input: no table is left over');
	rerun_completes('kill input', 'input', 'computed|12|0|12', 'input');
}

#
# The server stops immediately, or fast.
#
foreach my $mode ('immediate', 'fast')
{
	my $job = "stop $mode";

	new_calls();
	my ($holder, $runner, $pid) = run_until($job, 'map', 6);
	flush();
	$node->stop($mode);
	drop_sessions($holder, $runner);
	$node->start;
	is(get('status'), 'interrupted', "$job: the job shows as interrupted");
	is(get('step'), 'failed|its process ended', "$job: its step as failed");
	is(get('processed'), "partial|$rows|5", "$job: nothing is lost");
	rerun_completes($job, 'map', 'continued|12|5|7', $job);
	is(new_calls(), '1 2 3 4 5 6 6 7 8 9 10 11 12', "$job: only the call in hand was repeated");
}

#
# The session is terminated: everybody else goes on.
#
{
	new_calls();
	my ($holder, $runner, $pid) = run_until('terminate', 'map', 6);
	my $job = get('last_job');
	is($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)"), 't', 'terminate: sent');
	wait_for_end($pid);
	drop_sessions($runner);

	is(get('status'), 'interrupted', 'terminate: the job shows as interrupted');
	is(get('step'), 'failed|its process ended', 'terminate: its step as failed');
	is(get('processed'), "partial|$rows|5", 'terminate: nothing is lost');

	is_dead($job, 'terminate');
	$holder->quit;
	rerun_completes('terminate', 'map', 'continued|12|5|7', 'terminate');
	is(new_calls(), '1 2 3 4 5 6 6 7 8 9 10 11 12',
		'terminate: only the call in hand was repeated');
}

#
# The session is terminated while no step runs.
#
{
	my $session = $node->background_psql('postgres');
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe("SELECT checkpoint.begin_job('idle')");
	is(get('status'), 'running', 'idle: the job is running');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	wait_for_end($pid);
	drop_sessions($session);
	is(get('status'), 'interrupted', 'idle: the job shows as interrupted');
	is_dead(get('last_job'), 'idle');
	rerun_completes('idle', 'input', 'computed|12|0|12', 'idle');
}

#
# The call is cancelled: the job is cancelled, and the same session goes on.
#
{
	new_calls();
	my ($holder, $runner, $pid) = run_until('cancel', 'map', 6);
	is($node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)"), 't', 'cancel: sent');
	$node->poll_query_until('postgres', "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid")
	  or die 'not cancelled';

	is(get('status'), 'cancelled', 'cancel: the job is cancelled');
	like(
		get('step'),
		qr/^failed\|canceling statement due to user request \(SQLSTATE 57014, sys__id 6\)$/,
		'cancel: its step says at which row');
	is(get('processed'), "partial|$rows|5", 'cancel: all but the row in hand is kept');
	$holder->quit;
	$runner->query("SELECT checkpoint.begin_job('cancel')");
	$runner->query(call('map', 'cancel'));
	$runner->query('SELECT checkpoint.end_job()');
	is(get('status'), 'complete', 'cancel: the same session runs it again');
	$runner->quit;
	is(new_calls(), '1 2 3 4 5 6 6 7 8 9 10 11 12', 'cancel: only the call in hand was repeated');
	rerun_completes('cancel', 'map', 'reused|12|12|0', 'cancel');
}

#
# Rule 7: all fields of the function's error reach the caller.
#
{
	$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION raises(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 4 THEN
		RAISE 'no %', x USING ERRCODE = 'UD001', DETAIL = 'The detail.',
			HINT = 'The hint.', SCHEMA = 'a_schema', TABLE = 'a_table',
			COLUMN = 'a_column', CONSTRAINT = 'a_constraint', DATATYPE = 'a_type';
	END IF;
	RETURN x;
END $$;
SQL
	$node->psql(
		'postgres',
		"SELECT checkpoint.begin_job('fields');\n"
		  . "CALL checkpoint.map('s', 'SELECT num FROM src ORDER BY num', 'raises(num) AS y');",
		stderr => \my $stderr,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like(
		$stderr,
		qr/ERROR:  UD001: no 4
DETAIL:  The detail\.
HINT:  The hint\.
CONTEXT:  PL\/pgSQL function raises\(integer\) line 4 at RAISE
input row: checkpoint_data\.fields_s_\d+_input sys__id 4: \(4\)
step "s" of job "fields", sys__id 4, 3 of 12 rows kept
SCHEMA NAME:  a_schema
TABLE NAME:  a_table
COLUMN NAME:  a_column
DATATYPE NAME:  a_type
CONSTRAINT NAME:  a_constraint/,
		'an error arrives with all its fields');
}

# A step that was reused, one of those that are stored in one transaction, is on record
# as soon as its call has returned: its client, who may be an engine that calls the next
# step tomorrow, will not call it again.
{
	my $reused = q{CALL checkpoint.query('reused', 'SELECT g FROM generate_series(1, 3) g'};

	$node->safe_psql('postgres', "SELECT checkpoint.begin_job('engine');\n$reused);\nSELECT checkpoint.end_job();");
	$node->append_conf('postgresql.conf', 'wal_writer_delay = 10s');
	$node->reload;
	my $job = $node->safe_psql('postgres', q{SELECT checkpoint.begin_job('engine', attach => false)});
	my $used = q{SELECT last_used_at FROM checkpoint.checkpoints WHERE step = 'reused'};
	my $before = $node->safe_psql('postgres', $used);
	$node->safe_psql('postgres', "$reused, job => $job)");
	my $after = $node->safe_psql('postgres', $used);
	isnt($after, $before, 'a step that is reused is a use');
	$node->stop('immediate');
	$node->start;
	is($node->safe_psql('postgres', "SELECT action FROM checkpoint.steps WHERE job_id = $job"), 'reused',
		'after a crash of the server, a step that was reused is on record');
	is($node->safe_psql('postgres', $used), $after, 'and so is the use');
	$node->safe_psql('postgres', "CALL checkpoint.map('reads', 'SELECT g FROM reused', 'slow(g) AS y', job => $job);\n"
		  . "SELECT checkpoint.end_job($job);");
	is($node->safe_psql('postgres', "SELECT status FROM checkpoint.jobs WHERE job_id = $job"), 'complete',
		'and its job goes on');
}

is($node->safe_psql('postgres', slurp_file(dirname(__FILE__) . '/../records.sql') . 'SELECT wrong_records()'), '',
	'what is on record describes the rows');
$node->stop;
done_testing();
