# Rules 6, 8 and 12: wherever a step stops between two of its transactions, or
# just before one commits, and whatever stops it, the next run and explain_job
# find a state that they can use: they agree, nothing that is on record is
# computed again, and the result is that of a run that was never stopped.
#
# The places are those of src/stoppoint.c, which are compiled in for tests only.

use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('stop_points');
$node->init;
$node->append_conf('postgresql.conf', q{
restart_after_crash = on
max_connections = 60
checkpoint.commit_interval = 0
});
$node->start;

my $rows = 10;
$node->safe_psql('postgres', qq{
CREATE EXTENSION checkpoint;
CREATE TABLE src AS SELECT i AS num, 'text ' || i AS txt FROM generate_series(1, $rows) i;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	IF x = NULLIF(current_setting('test.' || 'fails_at', true), '')::int THEN
		RAISE 'row %', x;
	END IF;
	-- leaves the rows to a worker
	IF current_setting('test.' || 'session_waits', true) = 'on' AND
		(SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'client backend' THEN
		PERFORM pg_sleep(0.3);
	END IF;
	RETURN x * 10;
END \$\$;
CREATE FUNCTION g(x int) RETURNS SETOF int LANGUAGE plpgsql AS \$\$
BEGIN
	RETURN QUERY SELECT x * 10 + i FROM generate_series(1, x % 3) i;
END \$\$;
-- what a stopped job has left, once its process is gone
CREATE FUNCTION left_by(job text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	what text;
BEGIN
	FOR i IN 1 .. 18000 LOOP
		SELECT status || '|' || error INTO what FROM checkpoint.jobs
		WHERE name = job ORDER BY job_id DESC LIMIT 1;
		EXIT WHEN what NOT LIKE 'running%';
		PERFORM pg_sleep(0.01);
	END LOOP;
	RETURN what;
END \$\$;
});

my ($ret, $out, $err) = $node->psql('postgres',
	"SELECT checkpoint._retention(); SHOW checkpoint.stop_at");
if ($ret != 0)
{
	plan skip_all => 'needs a build with -DCKPT_TEST_HOOKS';
}

# Each job has a cache_version of its own, so that none can reuse what another
# has made.
my %call = (
	query => q{query('s', 'SELECT num, txt FROM src'},
	map => q{map('s', 'SELECT num, txt FROM src', 'f(num) AS y'},
	gen => q{gen('s', 'SELECT num FROM src', 'g(num) AS y'},
	save => q{save('public.v_JOB', 'SELECT num, txt FROM src'},);
my %columns = (query => 'num, txt', map => 'num, txt, y', gen => 'y', save => 'num, txt');
my %states = (
	query => ['identify'],
	map => [ 'identify', 'run', 'collect' ],
	gen => [ 'identify', 'run', 'collect' ],
	save => [ 'identify', 'publish' ],);

# a case is kind, place and what stops it there
my @places;
foreach my $kind (sort keys %states)
{
	push @places, [ $kind, 'after commit of prepare', 0 ];
	foreach my $state (@{ $states{$kind} })
	{
		my $last = $state eq $states{$kind}[-1];
		push @places, [ $kind, "before commit of $state", $last ];
		push @places, [ $kind, "after commit of $state", $last ];
	}
}

sub job_of
{
	my $job = join('_', @_);
	$job =~ s/ /_/g;
	return $job;
}

sub call
{
	my ($kind, $job) = @_;

	my $call = $call{$kind} =~ s/JOB/$job/r;

	return "CALL checkpoint.$call, cache_version => '$job')";
}

sub script
{
	my ($kind, $place, $by) = @_;
	my $job = job_of($kind, $place, $by);

	return "SET client_min_messages = warning; SET checkpoint.stop_at = '$place'; SET checkpoint.stop_by = '$by'",
	  "SELECT checkpoint.begin_job('$job')", call($kind, $job);
}

sub lines { return $node->safe_psql('postgres', join(";\n", 'SET client_min_messages = warning', @_)) }

my %whole;
foreach my $kind (sort keys %call)
{
	$whole{$kind} = (split /\n/, lines("SELECT checkpoint.begin_job('whole')", call($kind, "whole_$kind"),
		'SELECT rows_output, content_hash FROM checkpoint.checkpoints ORDER BY checkpoint_id DESC LIMIT 1'))[-1];
}

# check_rerun explains and reruns a stopped job.
sub check_rerun
{
	my ($kind, $place, $by, $want) = @_;
	my $job = job_of($kind, $place, $by);
	my $name = "$kind stopped $place by $by";
	my ($left, $explained, $first, @rest) = split /\n/, lines("SELECT left_by('$job')",
		"SELECT action, rows_kept FROM checkpoint.explain_job('$job')",
		"SELECT checkpoint.begin_job('$job')", call($kind, $job), "SELECT checkpoint.end_job()",
		"SELECT action, rows_kept FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs)",
		"SELECT c.rows_output, content_hash FROM checkpoint.checkpoints c JOIN checkpoint.steps s USING (checkpoint_id)"
		  . " WHERE s.job_id = (SELECT max(job_id) FROM checkpoint.jobs)",
		"SELECT count(*) FROM checkpoint.checkpoints WHERE job = '$job'",
		$kind eq 'save' ? "SELECT count(*) FROM public.v_$job" : "SELECT $rows");

	like($left, $want, "$name: what is on record");
	is($explained, $rest[1], "$name: the rerun does what explain_job says");
	is($rest[2], $whole{$kind}, "$name: the result is that of a whole run");
	is_deeply([ @rest[ 3, 4 ] ], [ 1, $rows ], "$name: nothing is left over");
	return $rest[1];
}

#
# An interrupt that is met by what comes next at that place.  It is too late for
# a step whose last transaction is about to commit.
#
my %want = (
	cancel => qr/^cancelled\|step "[^"]+": canceling statement due to user request \(SQLSTATE 57014\)/,
	timeout => qr/^failed\|step "[^"]+": canceling statement due to statement timeout \(SQLSTATE 57014\)/,
	gone => qr/^interrupted\|(session ended without end_job|step "[^"]+": its process ended)$/,);

foreach my $by ('cancel', 'timeout', 'terminate')
{
	foreach my $where (@places)
	{
		my ($kind, $place, $last) = @$where;
		my $late = $last && $by ne 'terminate';
		my $failed = $node->psql('postgres', join(";\n", script($kind, $place, $by)), on_error_stop => 1);
		my $did;

		# if the session ends after the call, the client has got its answer or not
		is($failed ? 'failed' : 'done', $late ? 'done' : 'failed', "$kind stopped $place by $by: the call")
		  unless $last && $by eq 'terminate';
		$did = check_rerun($kind, $place, $by, $want{ $late || $by eq 'terminate' ? 'gone' : $by });
		is($did, "reused|$rows", "$kind stopped $place by $by: the step was done") if $last;
	}
}

#
# A crash: all places at once.
#
sub start_all
{
	my ($by) = @_;
	my @sessions;

	foreach my $where (@places)
	{
		my ($kind, $place) = @$where;
		my $job = job_of($kind, $place, 'wait');
		my ($out, $err);
		my @commands = map { ('-c', $_) } script($kind, $place, 'wait');

		s/$job/job_of($kind, $place, $by)/ge foreach @commands;
		push @sessions, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), @commands ],
			'<', \'', '>', \$out, '2>', \$err);
	}
	$node->poll_query_until('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'stopped %'", scalar @places)
	  or die 'not all sessions came to their places';
	return @sessions;
}

my @sessions = start_all('kill');
my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE query LIKE 'stopped %' LIMIT 1");
kill 'KILL', $pid;
$_->finish foreach @sessions;
$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
check_rerun($_->[0], $_->[1], 'kill', $want{gone}) foreach @places;

@sessions = start_all('stop');
$node->stop('immediate');
$_->finish foreach @sessions;
$node->start;
check_rerun($_->[0], $_->[1], 'stop', $want{gone}) foreach @places;

#
# What comes while a failure is recorded does not keep it from being recorded.
#
foreach my $by ('cancel', 'timeout', 'terminate')
{
	my @script = script('map', 'record of failure', $by);

	isnt($node->psql('postgres', join(";\n", 'SET test.fails_at = 5', @script), on_error_stop => 1),
		0, "a failing map and a $by: the call");
	check_rerun('map', 'record of failure', $by, qr/^failed\|step "s": row 5 \(SQLSTATE P0001, sys__id 5\)$/);
}

#
# Before the step has started: there is nothing on record but the job's end.
#
foreach my $by ('cancel', 'timeout')
{
	my @script = script('query', 'middle of prepare', $by);

	isnt($node->psql('postgres', join(";\n", @script), on_error_stop => 1), 0, "$by before the step has started");
	like($node->safe_psql('postgres', "SELECT left_by('" . job_of('query', 'middle of prepare', $by) . "')"),
		$want{$by}, "$by before the step has started: what is on record");
}

#
# Between two states: a cancel while workers are started; they cannot be started.
#
foreach my $by ('cancel', 'timeout')
{
	my @script = script('map', 'launch of workers', $by);

	$script[0] .= "; SET checkpoint.workers = 2";
	isnt($node->psql('postgres', join(";\n", @script), on_error_stop => 1), 0, "$by at the launch of workers");
	check_rerun('map', 'launch of workers', $by, $want{$by});
}
{
	my @script = script('map', 'launch of workers', 'error');

	$script[0] .= "; SET client_min_messages = notice; SET checkpoint.workers = 2";
	($ret, $out, $err) = $node->psql('postgres', join(";\n", @script), on_error_stop => 1);
	is($ret, 0, 'a step whose workers cannot be started runs all the same');
	like($err, qr/NOTICE: .*runs without workers\nDETAIL: .*stopped launch of workers/, 'and says so');
	is(check_rerun('map', 'launch of workers', 'error', $want{gone}), "reused|$rows", 'to its end');
}

# a cancel while progress is reported
{
	my @script = script('map', 'after commit of run', 'cancel');
	my $job = job_of('map', 'after commit of run', 'cancel');

	s/$job/map_report_of_progress_cancel/g foreach @script;
	$script[0] .= '; SET client_min_messages = notice; SET checkpoint.progress_interval = 1';
	($ret, $out, $err) = $node->psql('postgres', join(";\n", @script), on_error_stop => 1);
	like($err, qr/NOTICE: .* rows\/s/, 'a cancel comes while progress is reported');
	check_rerun('map', 'report of progress', 'cancel', $want{cancel});
}

# a cancel of a worker that makes no call ends neither the worker nor the step
{
	my @script = script('map', 'between transactions of worker', 'cancel');
	my $log = -s $node->logfile;

	$script[0] .= "; SET checkpoint.workers = 2; SET test.session_waits = on";
	is($node->psql('postgres', join(";\n", @script), on_error_stop => 1), 0,
		'a cancel of a worker between two transactions');
	is(check_rerun('map', 'between transactions of worker', 'cancel', $want{gone}), "reused|$rows",
		'the step was done');
	unlike(slurp_file($node->logfile, $log), qr/exited with exit code|canceling statement/, 'the worker lived on');
}

# a cancel that is too late for a step is in time for the procedure around it
{
	my ($do) = script('query', 'after commit of identify', 'cancel');

	isnt($node->psql('postgres', "$do; SELECT checkpoint.begin_job('around'); DO \$\$ BEGIN "
		  . call('query', 'around') . "; PERFORM pg_sleep(180); END \$\$", on_error_stop => 1), 0,
		'a cancel of a procedure in the last moment of a step');
	is($node->safe_psql('postgres', "SELECT action FROM checkpoint.steps WHERE job = 'around'"), 'computed',
		'that step was done');
}

#
# A cancel while what a finished step has superseded is dropped is a cancel.
#
$node->psql('postgres', q{
CREATE TABLE growing AS TABLE src;
SET test.fails_at = 5;
SELECT checkpoint.begin_job('superseded');
CALL checkpoint.map('s', 'SELECT num FROM growing', 'f(num) AS y');
INSERT INTO growing VALUES (11, 'text 11');
RESET test.fails_at;
SET checkpoint.stop_at = 'drop of checkpoint';
SET checkpoint.stop_by = 'cancel';
SELECT checkpoint.begin_job('superseded');
CALL checkpoint.map('s', 'SELECT num FROM growing', 'f(num) AS y');
}, on_error_stop => 0);
like($node->safe_psql('postgres', "SELECT left_by('superseded')"), $want{cancel},
	'a cancel while a superseded checkpoint is dropped');

$node->stop;
done_testing();
