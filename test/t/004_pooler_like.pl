# Behind a connection pooler each call may meet another session: with attach =>
# false a job is bound to none, and each call names its job.  The job counts as
# running while one of its steps does (rule 12).

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$SIG{PIPE} = 'IGNORE';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION checkpoint;
CREATE SEQUENCE calls;
CREATE TABLE src AS SELECT i AS num FROM generate_series(1, 10) i;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('calls');
	IF x = 7 THEN RAISE 'not yet'; END IF;
	RETURN x * 2;
END $$;
CREATE FUNCTION waits(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 5 THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	RETURN x * 2;
END $$;
SQL

# One call on a connection of its own: returns its SQLSTATE, or its result.
sub call
{
	my ($sql) = @_;

	my ($ret, $stdout, $stderr) =
	  $node->psql('postgres', $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $stderr =~ /(?:ERROR|FATAL):  (\w{5}): / ? $1 : $stdout;
}

# waiting has a session run a step that waits until it is let go or terminated, and
# returns the two sessions and the process of the step.
sub waiting
{
	my ($step) = @_;

	my $holder = $node->background_psql('postgres');
	$holder->query_safe('SELECT pg_advisory_lock(1)');
	my $runner = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $runner->query_safe('SELECT pg_backend_pid()');
	$runner->query_until(qr/called/, "\\echo called\n$step;\n");
	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $pid AND locktype = 'advisory' AND NOT granted)")
	  or die 'the step does not wait';
	return ($holder, $runner, $pid);
}

# dies ends the process of a step that waits.
sub dies
{
	my ($pid) = @_;

	call("SELECT pg_terminate_backend($pid)");
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)")
	  or die 'not terminated';
	return;
}

sub begin
{
	my ($name) = @_;
	my $job = call("SELECT checkpoint.begin_job('$name', attach => false)");
	like($job, qr/^\d+$/, "$name: begun");
	return $job;
}

sub status
{
	my ($job) = @_;
	return call("SELECT status FROM checkpoint.jobs WHERE job_id = $job");
}

my $held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";

#
# A pipeline, its failure, and its rerun
#
my $map = "CALL checkpoint.map('m', 'SELECT num FROM src ORDER BY num', 'f(num) AS y', job => %s)";
my $gen = "CALL checkpoint.gen('g', 'SELECT num, y FROM m', 'generate_series(1, num) AS z', job => %s)";
my $save = "CALL checkpoint.save('public.shown', 'SELECT z FROM g', job => %s)";

my $job = begin('pooled');
is(call("SELECT checkpoint.begin_job('pooled', attach => false); SHOW checkpoint.job") =~ s/\d+\n//r,
	'', 'begin_job binds nothing to the session');
isnt(status($job), 'running', 'a job without a running step can be begun again by anybody');
is(call(sprintf $map, $job), '55000', 'and then is over');

$job = begin('pooled');
is(call($held), '0', 'no lock is held between calls');
is(call(sprintf $map, $job), 'P0001', 'map fails');
is(status($job), 'failed', 'the job has failed for every connection');
is(call(sprintf $gen, $job), '55000', 'later steps are refused');
is(call("SELECT checkpoint.end_job($job)"), '55000', 'so is its end');
is(call('SELECT last_value FROM calls'), '7', 'map was called up to the row that failed');

$node->safe_psql('postgres',
	q{CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql AS $$SELECT nextval('calls'); SELECT x * 2$$});
$job = begin('pooled');
is(call(sprintf $map, $job), '', 'map works on the rerun');
is(call(sprintf $gen, $job), '', 'gen finds the output of map');
is(call(sprintf $save, $job), '', 'save finds the output of gen');
is(call("SELECT checkpoint.output('g', $job) IS NOT NULL"), 't', 'output() finds it, too');
is(call("SELECT checkpoint.end_job($job)"), '', 'the job ends');
is(status($job), 'complete', 'it is complete');
is(call('SELECT last_value FROM calls'), '11', 'the rerun called only what was left');
is( call("SELECT step, action, rows_kept, rows_computed FROM checkpoint.steps WHERE job_id = $job"),
	"m|continued|6|4\ng|computed|0|10\npublic.shown|computed|0|55",
	'the steps say so');
is(call('SELECT count(*), sum(z) FROM shown'), '55|220', 'the result is right');

# a connection that the pooler gives to somebody else keeps nothing of the job
is( call("SELECT checkpoint.begin_job('other', attach => false) > 0; CALL checkpoint.query('q', 'SELECT 1 AS x')"),
	'55000', 'a call that does not name its job has none');

# fail_job needs no session either
$job = begin('client');
is(call("SELECT checkpoint.fail_job('the client failed', $job)"), '', 'fail_job works');
is(call("SELECT status, error FROM checkpoint.jobs WHERE job_id = $job"),
	'failed|the client failed', 'and is seen');

#
# While a step runs, the job does; when its process dies, the job is dead until
# begin_job starts the rerun.
#
my $wait = "CALL checkpoint.map('w', 'SELECT num FROM src ORDER BY num', 'waits(num) AS y', job => %s)";
$job = begin('dies');
my ($holder, $runner, $pid) = waiting(sprintf $wait, $job);

is(status($job), 'running', 'while a step runs, so does the job');
is(call("SELECT checkpoint.begin_job('dies', attach => false)"), '55006', 'no other run can begin');
is(call("SELECT checkpoint.end_job($job)"), '55006', 'nor can this one end');
is(call(sprintf $wait, $job), '55006', 'nor the same step be run twice');
is(call("CALL checkpoint.query('q', 'SELECT num FROM src', job => $job)"), '', 'another step can');

dies($pid);
is(status($job), 'interrupted', 'the job shows as interrupted');
is(call("SELECT action FROM checkpoint.steps WHERE job_id = $job AND step = 'w'"),
	'failed', 'its step as failed');
is(call("CALL checkpoint.query('q2', 'SELECT num FROM src', job => $job)"), '55000', 'later steps are refused');
is(call("SELECT checkpoint.end_job($job)"), '55000', 'so is its end');
$holder->quit;
eval { $runner->quit };

$job = begin('dies');
is(call(sprintf $wait, $job), '', 'the rerun works');
is(call("SELECT checkpoint.end_job($job)"), '', 'and ends');
is(status($job), 'complete', 'it is complete');
is(call("SELECT count(*), sum(y) FROM " . call("SELECT checkpoint.output('w', $job)")),
	'10|110', 'the result is right');

# Or the step is called again, which goes on with the job.
$wait =~ s/ORDER BY num/WHERE num < 9/;
$job = begin('again');
($holder, $runner, $pid) = waiting(sprintf $wait, $job);
dies($pid);
$holder->quit;
eval { $runner->quit };
is(call(sprintf $wait, $job), '', 'a step that has died is called again');
is(call("SELECT checkpoint.end_job($job)"), '', 'and the job ends');
is(status($job), 'complete', 'complete');
is(call($held), '0', 'no lock is left');

$node->stop;
done_testing();
