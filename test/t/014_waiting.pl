# While a session waits for its workers, the rest of the server does not wait for
# the session (DROP DATABASE, DROP TABLESPACE), and a lost client ends the wait.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('waiting');
$node->init;
$node->append_conf('postgresql.conf', q{
max_worker_processes = 8
dynamic_shared_memory_type = mmap
});
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE SEQUENCE worker_waits;
-- The session fails, or ends its rows, when the worker has a row that does not end.
CREATE FUNCTION f(x int, fails bool) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT backend_type = 'checkpoint worker' FROM pg_stat_activity WHERE pid = pg_backend_pid()) THEN
		PERFORM nextval('worker_waits');
		PERFORM pg_advisory_xact_lock_shared(1);
		RETURN x;
	END IF;
	WHILE NOT (SELECT is_called FROM worker_waits) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	IF fails THEN
		RAISE EXCEPTION 'the session fails';
	END IF;
	RETURN x;
END $$;
});

my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');

# start_job returns the client of a session that waits for its worker.
sub start_job
{
	my ($job, $fails) = @_;
	my ($out, $err) = ('', '');

	$node->safe_psql('postgres', q{ALTER SEQUENCE worker_waits RESTART});
	my $client = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
			'-c', "SELECT checkpoint.begin_job('$job')",
			'-c', "CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 100) x', 'f(x, $fails) AS y', workers => 2)" ],
		'<', \undef, '>', \$out, '2>', \$err);
	$node->poll_query_until('postgres',
		q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE lower(wait_event) = 'bgworkershutdown')})
	  or die 'the session does not wait for its worker';
	return $client;
}

sub job_status { return $node->safe_psql('postgres', "SELECT status FROM checkpoint.jobs WHERE name = '$_[0]'"); }

# In both waits: for the workers to finish their last rows, and after an error.
foreach my $fails ('false', 'true')
{
	my $job = $fails eq 'true' ? 'after an error' : 'at the end';
	my $client = start_job($job, $fails);

	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('postgres', 'DROP DATABASE other',
		timeout => $PostgreSQL::Test::Utils::timeout_default);
	pass("$job: DROP DATABASE does not wait for the row of a worker");

	$client->kill_kill;
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE '%checkpoint.map%' AND pid <> pg_backend_pid()
			OR backend_type = 'checkpoint worker'})
	  or die 'the processes of a lost client do not end';
	pass("$job: session and worker end when the client is gone");
	isnt(job_status($job), 'running', 'and so does the job');
}

# Nothing is left in shared memory of a session that is terminated after its worker
# has left an error for it.
sub segments { return scalar(my @files = glob($node->data_dir . '/pg_dynshmem/mmap.*')); }
my $segments = segments();
$node->safe_psql('postgres', q{
CREATE FUNCTION worker_fails(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT backend_type = 'checkpoint worker' FROM pg_stat_activity WHERE pid = pg_backend_pid()) THEN
		PERFORM nextval('worker_waits');
		RAISE EXCEPTION 'the worker fails';
	END IF;
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN x;
END $$;
ALTER SEQUENCE worker_waits RESTART;
});
my ($out, $err) = ('', '');
my $client = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
		'-c', q{SELECT checkpoint.begin_job('worker fails')},
		'-c', q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 100) x', 'worker_fails(x) AS y', workers => 2)} ],
	'<', \undef, '>', \$out, '2>', \$err);
$node->poll_query_until('postgres', q{SELECT is_called AND NOT EXISTS (SELECT FROM pg_stat_activity
	WHERE backend_type = 'checkpoint worker') FROM worker_waits}) or die 'the worker does not fail';
cmp_ok(segments(), '>', $segments, 'the error is in shared memory');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL checkpoint.map%'});
$client->finish;
$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'CALL checkpoint.map%')})
  or die 'the session does not end';
is(segments(), $segments, 'and nothing of it is left');

$lock->quit;

# A worker that cannot connect is one that there is no slot for: said once, and
# the step goes on without.
$node->safe_psql('postgres', q{CREATE DATABASE closed});
$node->safe_psql('closed', q{CREATE EXTENSION checkpoint});
my $session = $node->background_psql('closed', on_error_stop => 0);
$session->query_safe('SELECT 1');
$node->safe_psql('postgres', q{ALTER DATABASE closed ALLOW_CONNECTIONS false});
$session->query_safe(q{SELECT checkpoint.begin_job('closed')});
$session->{stderr} = '';
$session->query(q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 100) x', 'x + 1 AS y', workers => 3)});
is(scalar(() = $session->{stderr} =~ /running with/g), 1, 'workers that cannot connect: said once');
like($session->{stderr}, qr/NOTICE: +running with 1 of 3 workers/, 'and how many');
like($session->{stderr}, qr/DETAIL: +A background worker could not connect/, 'and why');
like($session->{stderr}, qr/100 of 100 rows computed/, 'and the step is complete');
$session->quit;

# Libraries that the session has loaded, a worker loads, too.
SKIP:
{
	skip 'auto_explain is not installed', 1 unless glob($node->config_data('--pkglibdir') . '/auto_explain.*');
	$node->safe_psql('postgres', q{
		ALTER SEQUENCE worker_waits RESTART;
		CREATE FUNCTION loaded(x int) RETURNS bool LANGUAGE plpgsql AS $$
		BEGIN
			IF (SELECT backend_type = 'checkpoint worker' FROM pg_stat_activity WHERE pid = pg_backend_pid()) THEN
				PERFORM nextval('worker_waits');
			END IF;
			WHILE NOT (SELECT is_called FROM worker_waits) LOOP
				PERFORM pg_sleep(0.01);
			END LOOP;
			RETURN EXISTS (SELECT FROM pg_settings WHERE name = 'auto_explain.log_min_duration' AND short_desc <> '');
		END $$;
	});
	$node->safe_psql('postgres', q{
		LOAD 'auto_explain';
		SET client_min_messages = warning;
		DO $$ BEGIN PERFORM checkpoint.begin_job('loaded'); END $$;
		CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 100) x', 'loaded(x) AS y', workers => 2);
		SELECT checkpoint.end_job();
	});
	my $output = $node->safe_psql('postgres', q{SELECT output_table FROM checkpoint.checkpoints WHERE job = 'loaded'});
	is($node->safe_psql('postgres', "SELECT bool_and(y) FROM $output"), 't', 'a worker has loaded what the session has');
}

$node->stop;
done_testing();
