# Whatever a run waits for (a pause, a rate, a retry, WAL, a standby), it waits between
# two transactions, shows what for, and can be cancelled; a lost client and a restart
# of the server end the wait, and a rerun goes on.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('pause');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', q{
max_worker_processes = 8
checkpoint.commit_interval = '20ms'
wal_receiver_status_interval = 1
});
$node->start;
$node->backup('backup');
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE SEQUENCE calls;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('calls'), pg_sleep(0.002);
	-- so that a step does not end before the test has done something to it
	IF x > 100 THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	RETURN 2 * x;
END $$;
CREATE FUNCTION many(xs int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('calls'), pg_sleep(0.008);
	IF xs[1] > 100 THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	RETURN xs;
END $$;
CREATE FUNCTION fails(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'fails';
END $$;
CREATE VIEW job AS SELECT * FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
CREATE VIEW waiting AS
SELECT p.*, a.backend_xid, a.backend_xmin, a.xact_start
FROM checkpoint.steps s JOIN checkpoint.step USING (job_id, step), checkpoint._step_processes(step_id) p
	JOIN pg_stat_activity a USING (pid)
WHERE s.action = 'running';
});

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub wait_until { $node->poll_query_until('postgres', $_[0]) or die "waited in vain until $_[0]"; }
sub status { return sql('SELECT status FROM job'); }

# start_job returns the client of a session that runs a step of 1000 rows.
sub start_job
{
	my ($job, $udf, $arguments, $settings) = @_;

	return start_steps($job, $settings || 'SELECT 1',
		"CALL checkpoint.map('s', 'SELECT x, ''$job'' AS job FROM generate_series(1, 1000) x', '$udf AS y' $arguments)");
}

sub start_steps
{
	my ($job, $settings, @steps) = @_;
	my ($out, $err) = ('', '');
	my $client = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
			'-c', $settings, '-c', "SELECT checkpoint.begin_job('$job')",
			(map { ('-c', $_) } @steps), '-c', 'SELECT checkpoint.end_job()' ],
		'<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default, name => 'psql has ended'));
	wait_until("SELECT EXISTS (SELECT FROM checkpoint.progress JOIN job USING (job_id)
		WHERE name = '$job' AND phase = 'running')");
	return $client;
}

# waits_for checks that all processes of the step come to wait for something, and how.
sub waits_for
{
	my ($what, $processes) = @_;

	wait_until("SELECT count(*) = $processes FROM waiting WHERE waiting_for = '$what'");
	my $bad = 0;
	for (1 .. 15)
	{
		$bad += sql(qq{SELECT count(*) FROM waiting WHERE waiting_for = '$what' AND backend_xid IS NOT NULL});
		usleep(100_000);
	}
	is($bad, 0, "$what: no transaction has an id");
	my $now = sql('SELECT clock_timestamp()');
	wait_until("SELECT count(*) = $processes FROM waiting WHERE waiting_for = '$what' AND (xact_start > '$now' OR xact_start IS NULL)");
	pass("$what: transactions end, and others begin");
	wait_until("SELECT count(*) = $processes FROM waiting WHERE waiting_for = '$what' AND backend_xmin IS NULL");
	wait_until("SELECT waiting_for = '$what' FROM checkpoint.progress");
	pass("$what: the view says so");
	return;
}

my $lock = $node->background_psql('postgres');

# hold keeps steps from going far, until let_go.
sub hold { $lock->query_safe('SELECT pg_advisory_lock(1)'); return; }
sub let_go { $lock->query_safe('SELECT pg_advisory_unlock(1)'); return; }

# pause pauses a step that is held.
sub pause
{
	is(sql('SELECT checkpoint.pause_job(job_id) FROM job'), 't', 'the job is paused');
	let_go();
	waits_for('paused', 2);
	is(status(), 'paused', 'and its status says so');
	return;
}

hold();
my $client = start_job('resumed', 'f(x)', ', workers => 2');
pause();
my $calls = sql('SELECT last_value FROM calls');
cmp_ok($calls, '<', 1000, 'rows are left');
is(sql('SELECT rows_done FROM checkpoint.progress'), $calls, 'what was computed is committed');
is(sql('SELECT checkpoint.resume_job(job_id) FROM job'), 't', 'it is resumed');
$client->finish;
is(status(), 'complete', 'and goes on to the end');
is(sql('SELECT last_value FROM calls'), 1000, 'with each call made once');

hold();
$client = start_job('cancelled', 'f(x)', ', workers => 2');
pause();
is(sql('SELECT checkpoint.cancel_job(job_id) FROM job'), 't', 'it is cancelled');
$client->finish;
is(status(), 'cancelled', 'also while it is paused');

hold();
$client = start_job('client lost', 'f(x)', ', workers => 2');
pause();
$client->kill_kill;
wait_until(q{SELECT status = 'interrupted' FROM job});
pass('a paused job notices that its client is gone');

sql('ALTER SEQUENCE calls RESTART');
hold();
$client = start_job('restarted', 'f(x)', ', workers => 2');
pause();
$node->restart;
$client->finish;
is(status(), 'interrupted', 'a restart of the server interrupts a paused job');
eval { $lock->quit };
$lock = $node->background_psql('postgres');
hold();
$client = start_job('restarted', 'f(x)', ', workers => 2');
let_go();
$client->finish;
is(status(), 'complete', 'and a rerun goes on');
is(sql('SELECT last_value FROM calls'), 1000, 'with each call made once');

# In calls for several rows, by two sessions; whoever is the first to resume it does.
sql('ALTER SEQUENCE calls RESTART');
hold();
$client = start_job('batches', 'many(x)', ', workers => 2, batch => 4');
is(sql('SELECT checkpoint.pause_job(job_id) FROM job'), 't', 'a job with calls for several rows is paused');
pause();
cmp_ok($calls = sql('SELECT last_value FROM calls'), '<', 250, 'rows are left');
is(sql('SELECT rows_done FROM checkpoint.progress'), 4 * $calls, 'what the calls gave is committed');
is(sql('SELECT checkpoint.resume_job(job_id) FROM job'), 't', 'one session resumes it');
is(sql('SELECT checkpoint.resume_job(job_id) FROM job'), 'f', 'the other one has nothing to do');
$client->finish;
is(status(), 'complete', 'and it goes on to the end');
is(sql('SELECT last_value FROM calls'), 250, 'with each call made once');

# Also a step that has nothing to compute, or even to read.
my $reused = q{CALL checkpoint.query('reused', 'SELECT 1 AS one')};
sql("SELECT checkpoint.begin_job('reused'); $reused; SELECT checkpoint.end_job();");
my $job = sql(q{SELECT checkpoint.begin_job('reused', attach => false)});
sql("CALL checkpoint.query('first', 'SELECT 1', job => $job)");
is(sql("SELECT checkpoint.pause_job($job)"), 't', 'a job is paused between two steps');
my ($waits_out, $waits_err) = ('', '');
my $waits = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "SET checkpoint.job = $job", '-c', $reused ],
	'<', \undef, '>', \$waits_out, '2>', \$waits_err);
wait_until("SELECT EXISTS (SELECT FROM checkpoint.progress WHERE job_id = $job AND waiting_for = 'paused')");
my $action = "SELECT action FROM checkpoint.steps WHERE job_id = $job AND step = 'reused'";
is(sql($action), 'running', 'a paused job has no step reused');
sql("SELECT checkpoint.resume_job($job)");
$waits->finish;
is(sql($action), 'reused', 'until it is resumed');
sql("SELECT checkpoint.end_job($job)");

# An output goes that the input of a paused job is a view of: it becomes the input's table.
my $query = "CALL checkpoint.query('q', 'SELECT x, ''view'' AS job FROM generate_series(1, 1000) x'%s)";
my $map = "CALL checkpoint.map('s', 'SELECT * FROM q', 'f(x) AS y', workers => 2)";
my $input = "SELECT relkind FROM pg_class WHERE oid = (SELECT input_table FROM checkpoint.steps WHERE step = 's' ORDER BY job_id DESC LIMIT 1)";
sql('ALTER SEQUENCE calls RESTART');
hold();
$client = start_steps('view', 'SELECT 1', sprintf($query, ''), $map);
pause();
sql('SELECT checkpoint.cancel_job(job_id) FROM job');
$client->finish;
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN; SELECT count(*) FROM ' . sql("SELECT output_table FROM checkpoint.steps WHERE step = 'q'"));
hold();
$client = start_steps('view', 'SELECT 1', sprintf($query, ', cache_enabled => false'), $map);
pause();
is(sql($input), 'v', 'an adopted input is a view of an output that was replaced and is being read');
$reader->query_safe('COMMIT');
$reader->quit;
sql('CALL checkpoint.prune()');
is(sql($input), 'r', 'the output is dropped, and the input is a table');
is(sql('SELECT checkpoint.resume_job(job_id) FROM job'), 't', 'the job is resumed');
$client->finish;
is(status(), 'complete', 'and goes on with it');
is(sql('SELECT last_value FROM calls'), 1000, 'with each call made once');

# What else a run waits for.
foreach my $case (
	[ 'rate', 'f(x)', ', workers => 2, rate => 0.5' ],
	[ 'retry', 'fails(x)', q{, workers => 2, retries => 1, retry_delay => '1 hour'} ],
	[ 'wal rate', 'f(x)', ', workers => 2', 'SET checkpoint.max_wal_rate = 1' ])
{
	my ($what, $udf, $arguments, $settings) = @$case;

	$client = start_job($what, $udf, $arguments, $settings);
	waits_for($what, 2);
	sql('SELECT checkpoint.cancel_job(job_id) FROM job');
	$client->finish;
	is(status(), 'cancelled', "$what: it can be cancelled");
}

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$client = start_job('lag', 'f(x)', ', workers => 2', q{SET checkpoint.max_replica_lag = '8kB'});
waits_for('replica lag', 2);
is(status(), 'running', 'that is no pause');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$client->finish;
is(status(), 'complete', 'when the standby has caught up, the job goes on');

done_testing();
